/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_edit.h"

#include "client/smpp/pdu_cursor.h"

enum { SEQUENCE_AT = 12, TLV_HEAD = 4 };

void smpp_set_sequence(void *octets, uint32_t sequence)
{
    struct smpp_out out = smpp_out((char *)octets + SEQUENCE_AT, 4);
    smpp_out_u32(&out, sequence);
}

size_t smpp_edit_bound(const struct smpp_pdu *pdu, const struct smpp_edit *edit)
{
    size_t bound = pdu->octets.len;
    if (edit->body) {
        /* every message_payload may take it, and each is TLV_HEAD octets at least */
        bound += edit->body->len;
        struct stir_view rest = pdu->tlvs;
        struct smpp_tlv tlv;
        while (smpp_tlv_next(&rest, &tlv)) {
            bound += tlv.tag == SMPP_TLV_MESSAGE_PAYLOAD ? edit->body->len : 0;
        }
    }
    for (size_t i = 0; i < edit->append_count; i++) {
        bound += TLV_HEAD + edit->append[i].value.len;
    }
    return bound;
}

static bool has_text(const struct smpp_pdu *pdu)
{
    return (pdu->has_short_message || pdu->in_payload) && !pdu->ambiguous;
}

static enum stir_code pdu_edit_check(const struct smpp_pdu *pdu, const struct smpp_edit *edit)
{
    if ((edit->append_count || edit->drop_count) && (pdu->opaque || pdu->no_body)) {
        return STIR_E_INVAL;
    }
    if (edit->body && !has_text(pdu)) {
        return STIR_E_INVAL;
    }
    for (size_t i = 0; i < edit->append_count; i++) {
        if (edit->append[i].value.len > UINT16_MAX) {
            return STIR_E_INVAL;
        }
    }
    size_t most = pdu->in_payload ? UINT16_MAX : SMPP_SHORT_MESSAGE_MAX;
    return edit->body && edit->body->len > most ? STIR_E_TOO_BIG : STIR_OK;
}

static bool is_dropped(const struct smpp_edit *edit, uint16_t tag)
{
    for (size_t i = 0; i < edit->drop_count; i++) {
        if (edit->drop[i] == tag) {
            return true;
        }
    }
    return false;
}

static void put_tlv(struct smpp_out *out, uint16_t tag, struct stir_view value)
{
    smpp_out_u16(out, tag);
    smpp_out_u16(out, (uint16_t)value.len);
    smpp_out_octets(out, value);
}

/* Everything before the TLVs. */
static void put_fields(struct smpp_out *out, const struct smpp_pdu *pdu, const struct smpp_edit *edit)
{
    struct stir_view fields = stir_view(pdu->octets.ptr, pdu->octets.len - pdu->tlvs.len - pdu->tail.len);
    if (edit->body && !pdu->in_payload) {
        fields.len = (size_t)(pdu->short_message.ptr - pdu->octets.ptr) - 1;
        smpp_out_octets(out, fields);
        smpp_out_u8(out, (uint8_t)edit->body->len);
        smpp_out_octets(out, *edit->body);
    } else {
        smpp_out_octets(out, fields);
    }
}

static void put_tlvs(struct smpp_out *out, const struct smpp_pdu *pdu, const struct smpp_edit *edit)
{
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv)) {
        /* an empty one beside a short_message is no text and stays as it is */
        bool text = tlv.tag == SMPP_TLV_MESSAGE_PAYLOAD && edit->body && tlv.value.len == pdu->body.len;
        if (!is_dropped(edit, tlv.tag)) {
            put_tlv(out, tlv.tag, text ? *edit->body : tlv.value);
        }
    }
    for (size_t i = 0; i < edit->append_count; i++) {
        put_tlv(out, edit->append[i].tag, edit->append[i].value);
    }
    if (!edit->drop_tail) {
        smpp_out_octets(out, pdu->tail);
    }
}

enum stir_code smpp_pdu_edit(void *out, size_t cap, size_t *len, const struct smpp_pdu *pdu,
                             const struct smpp_edit *edit)
{
    enum stir_code code = pdu_edit_check(pdu, edit);
    if (code != STIR_OK) {
        return code;
    }
    struct smpp_out to = smpp_out(out, cap);
    put_fields(&to, pdu, edit);
    put_tlvs(&to, pdu, edit);
    if (to.failed || to.len > UINT32_MAX) {
        return STIR_E_TOO_BIG;
    }
    smpp_out_patch(&to, 0, (uint32_t)to.len);
    if (edit->sequence) {
        smpp_set_sequence(out, *edit->sequence);
    }
    *len = to.len;
    return STIR_OK;
}
