#pragma once

#include "client/sidecar/relay/held_message.h"
#include "client/smpp/address.h"
#include "client/smpp/segment.h"
#include "client/smpp/text/reading.h"

/*
 * A held PDU as the message, or the segment of one, that it carries: sender, destinations, place, text. Views go into
 * the PDU.
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
    struct stir_identity *dests; /* each once; &one, or memory of its own */
    size_t dest_count;
    struct stir_identity one;
    struct smpp_segment segment;
    struct stir_buf unpacked; /* what `segment` may lie in */
};

/* Reads a message; whatever is wrong with it is in out->unfit, and sender and destinations are there as far as they
 * could be read. Cleared with sc_message_clear; out is not to be moved before. */
void sc_message_read(struct sc_message *out, const struct sc_held *held, const struct smpp_text_settings *settings,
                     const struct smpp_addressing *addressing);
void sc_message_clear(struct sc_message *message);

/* It is a segment of a longer one. */
static inline bool sc_message_is_segment(const struct sc_message *message)
{
    return message->segment.place.kind != SMPP_REF_NONE && message->segment.place.total > 1;
}

/* Appends the body of a message: of all its segments in `joined`, or of the message itself where that is NULL. With
 * `readings`, also makes the other readings of its text. SC_FIT, SC_UNFIT_CODING, SC_UNFIT_MEMORY. */
struct smpp_joined;
enum sc_unfit sc_message_body(const struct sc_message *message, const struct smpp_joined *joined, struct stir_buf *out,
                              struct smpp_readings *readings);

#define SC_BODY_MAX (4U << 20) /* 255 segments of a PDU's length, decoded, fit in */
