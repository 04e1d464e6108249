#include "client/gateway/message.h"

#include "client/smpp/join.h"
#include "client/smpp/pdu_list.h"

#include <stdlib.h>

static const struct {
    const char *name;
    const char *text;
} unfits[GW_UNFIT_COUNT] = {
    [GW_FIT] = {"", ""},
    [GW_UNFIT_UNREADABLE] = {"unreadable", "the message cannot be read"},
    [GW_UNFIT_AMBIGUOUS] = {"ambiguous", "the message can be read in more than one way"},
    [GW_UNFIT_SENDER] = {"sender", "the sender is neither a number nor a name in a domain"},
    [GW_UNFIT_DESTINATION] = {"destination", "the destination is no number"},
    [GW_UNFIT_CODING] = {"coding", "the text's coding is not supported on this machine"},
    [GW_UNFIT_MEMORY] = {"memory", "out of memory"},
};

const char *gw_unfit_name(enum gw_unfit unfit)
{
    return unfits[unfit].name;
}

const char *gw_unfit_text(enum gw_unfit unfit)
{
    return unfits[unfit].text;
}

/* ---- whom it is from, and for ---- */

static void add_dest(struct gw_message *out, const struct smpp_address *address, const struct smpp_addressing *how)
{
    struct stir_identity *dest = &out->dests[out->dest_count];
    if (smpp_address_identity(dest, address, how, NULL) != STIR_OK) {
        out->others = true;
        return;
    }
    for (size_t i = 0; i < out->dest_count; i++) {
        if (stir_identity_equal(dest, &out->dests[i])) {
            return;
        }
    }
    out->dest_count++;
}

static bool read_many(struct gw_message *out, const struct smpp_pdu *pdu, const struct smpp_addressing *how)
{
    struct stir_view rest = pdu->dests;
    struct smpp_dest dest;
    if (pdu->dest_count > 1) {
        struct stir_identity *dests = calloc(pdu->dest_count, sizeof(*dests));
        if (!dests) {
            return false;
        }
        out->dests = dests;
    }
    while (smpp_dest_next(&rest, &dest) && out->dest_count < pdu->dest_count) {
        if (dest.list) {
            out->others = true;
        } else {
            add_dest(out, &dest.address, how);
        }
    }
    return true;
}

static enum gw_unfit read_parties(struct gw_message *out, const struct smpp_pdu *pdu, const struct smpp_addressing *how)
{
    out->has_orig = smpp_address_identity(&out->orig, &pdu->source, how, NULL) == STIR_OK;
    if (pdu->header.command != SMPP_SUBMIT_MULTI) {
        add_dest(out, &pdu->dest, how);
    } else if (!read_many(out, pdu, how)) {
        return GW_UNFIT_MEMORY;
    }
    if (!out->has_orig) {
        return GW_UNFIT_SENDER;
    }
    return out->dest_count ? GW_FIT : GW_UNFIT_DESTINATION;
}

/* ---- what it says ---- */

static enum gw_unfit read_text(struct gw_message *out, const struct smpp_pdu *pdu,
                               const struct smpp_text_settings *settings)
{
    struct smpp_sar sar = {0};
    if (pdu->ambiguous) {
        return GW_UNFIT_AMBIGUOUS;
    }
    if (pdu->sm_default_msg_id && pdu->body.len == 0) {
        return GW_UNFIT_AMBIGUOUS; /* one of the message centre's own texts, whichever that is */
    }
    if (smpp_sar_read(&sar, pdu->tlvs) != SMPP_OK) {
        return GW_UNFIT_UNREADABLE;
    }
    enum stir_code code = smpp_segment_read(&out->segment, pdu->esm_class, pdu->data_coding, pdu->body, &sar, settings,
                                            &out->unpacked, NULL);
    if (code != STIR_OK) {
        return code == STIR_E_PROTOCOL ? GW_UNFIT_UNREADABLE : GW_UNFIT_MEMORY;
    }
    return out->segment.ambiguous ? GW_UNFIT_AMBIGUOUS : GW_FIT;
}

void gw_message_read(struct gw_message *out, const struct gw_held *held, const struct smpp_text_settings *settings,
                     const struct smpp_addressing *addressing)
{
    *out = (struct gw_message){.unpacked = {.limit = GW_BODY_MAX}};
    out->dests = &out->one;
    if (held->fault != SMPP_OK) {
        out->unfit = GW_UNFIT_UNREADABLE;
        return;
    }
    enum gw_unfit parties = read_parties(out, &held->pdu, addressing);
    enum gw_unfit text = read_text(out, &held->pdu, settings);
    out->unfit = text == GW_FIT ? parties : text;
}

void gw_message_clear(struct gw_message *message)
{
    if (message->dests != &message->one) {
        free(message->dests);
    }
    stir_buf_free(&message->unpacked);
}

/* ---- its body ---- */

static enum gw_unfit unfit_of(enum stir_code code)
{
    return code == STIR_OK ? GW_FIT : code == STIR_E_CONFIG ? GW_UNFIT_CODING : GW_UNFIT_MEMORY;
}

enum gw_unfit gw_message_body(const struct gw_message *message, struct stir_buf *out)
{
    enum smpp_body kind;
    return unfit_of(smpp_body_make(out, &kind, message->segment.alphabet, &message->segment.part, 1, NULL));
}

enum gw_unfit gw_message_joined_body(const struct gw_message *message, const struct smpp_joined *joined,
                                     struct stir_buf *out)
{
    enum smpp_body kind;
    return unfit_of(smpp_joined_body(joined, message->segment.alphabet, out, &kind, NULL));
}
