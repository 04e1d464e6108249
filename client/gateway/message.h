#pragma once

#include "client/gateway/held.h"
#include "client/smpp/address.h"
#include "client/smpp/segment.h"

/*
 * A held PDU as the message, or the segment of one, that it carries: sender, destinations, place, text. Views go into
 * the PDU.
 */
enum gw_unfit {
    GW_FIT,
    GW_UNFIT_UNREADABLE,  /* the PDU, its user data header or its SAR TLVs cannot be read */
    GW_UNFIT_AMBIGUOUS,   /* what one reader shows or joins is not what another does */
    GW_UNFIT_SENDER,      /* the sender is nobody that a PASSporT can name */
    GW_UNFIT_DESTINATION, /* so is every destination */
    GW_UNFIT_CODING,      /* this machine cannot decode the text */
    GW_UNFIT_MEMORY,
    GW_UNFIT_COUNT,
};

/* "unreadable", ...; "" for GW_FIT. And a sentence for the log. */
const char *gw_unfit_name(enum gw_unfit unfit);
const char *gw_unfit_text(enum gw_unfit unfit);

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

/* Appends the body of a message that is none. GW_FIT, GW_UNFIT_CODING, GW_UNFIT_MEMORY. */
enum gw_unfit gw_message_body(const struct gw_message *message, struct stir_buf *out);

/* The same of a joined one. */
struct smpp_joined;
enum gw_unfit gw_message_joined_body(const struct gw_message *message, const struct smpp_joined *joined,
                                     struct stir_buf *out);

#define GW_BODY_MAX (4U << 20) /* 255 segments of a PDU's length, decoded, fit in */
