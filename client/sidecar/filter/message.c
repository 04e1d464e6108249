/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/message.h"

#include "client/smpp/join.h"
#include "client/smpp/pdu_list.h"

#include <stdlib.h>

static const struct {
    const char *name, *text, *does;
} unfits[SC_UNFIT_COUNT] = {[SC_FIT] = {"", "", ""},
#define SC_UNFIT_ROW(value, label, text, does) [SC_UNFIT_##value] = {label, text, does},
                            SC_UNFIT_LIST(SC_UNFIT_ROW)
#undef SC_UNFIT_ROW
};

const char *sc_unfit_name(enum sc_unfit unfit)
{
    return unfits[unfit].name;
}

const char *sc_unfit_text(enum sc_unfit unfit)
{
    return unfits[unfit].text;
}

const char *sc_unfit_does(enum sc_unfit unfit)
{
    return unfits[unfit].does;
}

/* ---- whom it is from, and for ---- */

static void message_add_dest(struct sc_message *out, const struct smpp_address *address,
                             const struct smpp_addressing *how)
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

static bool message_read_dests(struct sc_message *out, const struct smpp_pdu *pdu, const struct smpp_addressing *how)
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
            message_add_dest(out, &dest.address, how);
        }
    }
    return true;
}

static enum sc_unfit message_read_parties(struct sc_message *out, const struct smpp_pdu *pdu,
                                          const struct smpp_addressing *how)
{
    out->has_orig = smpp_address_identity(&out->orig, &pdu->source, how, NULL) == STIR_OK;
    if (pdu->header.command != SMPP_SUBMIT_MULTI) {
        message_add_dest(out, &pdu->dest, how);
    } else if (!message_read_dests(out, pdu, how)) {
        return SC_UNFIT_MEMORY;
    }
    if (!out->has_orig) {
        return SC_UNFIT_SENDER;
    }
    return out->dest_count ? SC_FIT : SC_UNFIT_DESTINATION;
}

/* ---- what it says ---- */

static enum sc_unfit message_read_text(struct sc_message *out, const struct smpp_pdu *pdu,
                                       const struct smpp_text_settings *settings)
{
    struct smpp_sar sar = {0};
    if (pdu->ambiguous) {
        return SC_UNFIT_AMBIGUOUS;
    }
    if (pdu->sm_default_msg_id && pdu->body.len == 0) {
        return SC_UNFIT_AMBIGUOUS; /* a text that is stored at the message centre, which nobody else knows */
    }
    smpp_sar_read(&sar, pdu->tlvs);
    enum stir_code code = smpp_segment_read(&out->segment, pdu->esm_class, pdu->data_coding, pdu->body, &sar, settings,
                                            &out->unpacked, NULL);
    if (code != STIR_OK) {
        return code == STIR_E_PROTOCOL ? SC_UNFIT_UNREADABLE : SC_UNFIT_MEMORY;
    }
    return out->segment.ambiguous ? SC_UNFIT_AMBIGUOUS : SC_FIT;
}

void sc_message_read(struct sc_message *out, const struct sc_held *held, const struct smpp_text_settings *settings,
                     const struct smpp_addressing *addressing)
{
    *out = (struct sc_message){.unpacked = {.limit = SC_BODY_MAX}};
    out->dests = &out->one;
    enum sc_unfit parties = message_read_parties(out, &held->pdu, addressing);
    if (held->fault != SMPP_OK) {
        out->unfit = SC_UNFIT_UNREADABLE;
        return;
    }
    enum sc_unfit text = message_read_text(out, &held->pdu, settings);
    out->unfit = text == SC_FIT ? parties : text;
}

void sc_message_clear(struct sc_message *message)
{
    if (message->dests != &message->one) {
        free(message->dests);
    }
    stir_buf_free(&message->unpacked);
}

/* ---- its body ---- */

static enum sc_unfit message_unfit_of(enum stir_code code)
{
    return code == STIR_OK ? SC_FIT : code == STIR_E_CONFIG ? SC_UNFIT_CODING : SC_UNFIT_MEMORY;
}

enum sc_unfit sc_message_body(const struct sc_message *message, const struct smpp_joined *joined, struct stir_buf *out,
                              struct smpp_readings *readings)
{
    struct smpp_part parts[UINT8_MAX];
    const struct smpp_part *first = joined ? parts : &message->segment.part;
    size_t count = joined ? smpp_joined_parts(joined, parts) : 1;
    size_t start = out->len;
    enum smpp_body kind;
    enum stir_code code = smpp_body_make(out, &kind, first, count, NULL);
    if (code == STIR_OK && readings) {
        struct stir_view body = out->ptr ? stir_view(out->ptr + start, out->len - start) : stir_view("", 0);
        code = smpp_readings_make(readings, body, kind, first, count, NULL);
    }
    return message_unfit_of(code);
}
