/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/held_message.h"
#include "client/smpp/address.h"
#include "client/smpp/segment.h"
#include "client/smpp/text/reading.h"

/*
 * The message in a held PDU, or the segment of a message: sender, destinations, place and text. Views point into the
 * PDU.
 */

/* What makes a message unfit. X(value, label in metrics and records, a sentence about the message, what its system_id
 * does, for a warning). client/sidecar/README.md explains the labels, which a unit test checks. */
#define SC_UNFIT_LIST(X)                                                                                               \
    X(UNREADABLE, "unreadable", "the message cannot be read", "sends messages that cannot be read")                    \
    X(AMBIGUOUS, "ambiguous", "the message can be read in more than one way",                                          \
      "sends messages that can be read in more than one way")                                                          \
    X(SENDER, "sender", "the sender is neither a number nor a name in a domain",                                       \
      "sends from senders that are neither a number nor a name in [sender] alphanumeric_domain")                       \
    X(DESTINATION, "destination", "the destination is not a number", "sends to destinations that are not numbers")     \
    X(CODING, "coding", "the text's coding is not supported on this machine",                                          \
      "sends texts in a coding that this machine cannot decode")                                                       \
    X(MEMORY, "memory", "out of memory", "sends messages while there is no memory for them")

enum sc_unfit {
    SC_FIT,
#define SC_UNFIT_ENUM(value, label, text, does) SC_UNFIT_##value,
    SC_UNFIT_LIST(SC_UNFIT_ENUM)
#undef SC_UNFIT_ENUM
        SC_UNFIT_COUNT
};

/* "unreadable", ...; "" for SC_FIT. A sentence about the message, and what its system_id does. */
const char *sc_unfit_name(enum sc_unfit unfit);
const char *sc_unfit_text(enum sc_unfit unfit);
const char *sc_unfit_does(enum sc_unfit unfit);

struct sc_message {
    enum sc_unfit unfit;
    bool has_orig;
    bool others; /* it also goes to destinations that no PASSporT can name: distribution lists, names */
    struct stir_identity orig;
    struct stir_identity *dests; /* each once; points to `one` or to allocated memory */
    size_t dest_count;
    struct stir_identity one;
    struct smpp_segment segment;
    struct stir_buf unpacked; /* memory that `segment` may point into */
};

/* Reads a message. out->unfit says what is wrong with it; sender and destinations are set as far as they can be read.
 * The caller clears it with sc_message_clear and must not move it before. */
void sc_message_read(struct sc_message *out, const struct sc_held *held, const struct smpp_text_settings *settings,
                     const struct smpp_addressing *addressing);
void sc_message_clear(struct sc_message *message);

/* Returns true for a segment of a longer message. */
static inline bool sc_message_is_segment(const struct sc_message *message)
{
    return message->segment.place.kind != SMPP_REF_NONE && message->segment.place.total > 1;
}

/* Appends the text of a message to out: of all segments in `joined`, or of the message itself if that is NULL. If
 * `readings` is not NULL, it gets the other readings of the text. Returns SC_FIT, SC_UNFIT_CODING or SC_UNFIT_MEMORY.
 */
struct smpp_joined;
enum sc_unfit sc_message_body(const struct sc_message *message, const struct smpp_joined *joined, struct stir_buf *out,
                              struct smpp_readings *readings);

#define SC_BODY_MAX (4U << 20) /* octets; enough for 255 decoded segments of maximum length */
