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
 * does, for a warning). client/sidecar/README.md explains the labels, which tests/unit/test_gw_unsigned.c checks. */
#define GW_UNFIT_LIST(X)                                                                                               \
    X(UNREADABLE, "unreadable", "the message cannot be read", "sends messages that cannot be read")                    \
    X(AMBIGUOUS, "ambiguous", "the message can be read in more than one way",                                          \
      "sends messages that can be read in more than one way")                                                          \
    X(SENDER, "sender", "the sender is neither a number nor a name in a domain",                                       \
      "sends from senders that are neither a number nor a name in [sender] alphanumeric_domain")                       \
    X(DESTINATION, "destination", "the destination is no number", "sends to destinations that are no numbers")         \
    X(CODING, "coding", "the text's coding is not supported on this machine",                                          \
      "sends texts in a coding that this machine cannot decode")                                                       \
    X(MEMORY, "memory", "out of memory", "sends messages for which there is no memory")

enum gw_unfit {
    GW_FIT,
#define GW_UNFIT_ENUM(value, label, text, does) GW_UNFIT_##value,
    GW_UNFIT_LIST(GW_UNFIT_ENUM)
#undef GW_UNFIT_ENUM
        GW_UNFIT_COUNT
};

/* "unreadable", ...; "" for GW_FIT. A sentence about the message, and what its system_id does. */
const char *gw_unfit_name(enum gw_unfit unfit);
const char *gw_unfit_text(enum gw_unfit unfit);
const char *gw_unfit_does(enum gw_unfit unfit);

struct gw_message {
    enum gw_unfit unfit;
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
 * could be read. Cleared with gw_message_clear; out is not to be moved before. */
void gw_message_read(struct gw_message *out, const struct gw_held *held, const struct smpp_text_settings *settings,
                     const struct smpp_addressing *addressing);
void gw_message_clear(struct gw_message *message);

/* It is a segment of a longer one. */
static inline bool gw_message_is_segment(const struct gw_message *message)
{
    return message->segment.place.kind != SMPP_REF_NONE && message->segment.place.total > 1;
}

/* Appends the body of a message: of all its segments in `joined`, or of the message itself where that is NULL. With
 * `readings`, also makes the other readings of its text. GW_FIT, GW_UNFIT_CODING, GW_UNFIT_MEMORY. */
struct smpp_joined;
enum gw_unfit gw_message_body(const struct gw_message *message, const struct smpp_joined *joined, struct stir_buf *out,
                              struct smpp_readings *readings);

#define GW_BODY_MAX (4U << 20) /* 255 segments of a PDU's length, decoded, fit in */
