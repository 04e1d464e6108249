/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu.h"

#include "client/smpp/pdu_cursor.h"
#include "client/smpp/pdu_layout.h"
#include "client/smpp/pdu_list.h"
#include "client/smpp/tlv.h"

#include <strings.h>

struct smpp_header smpp_header_read(const void *data)
{
    struct smpp_in in = smpp_in(data, SMPP_HEADER_LEN);
    struct smpp_header header = {0};
    header.length = smpp_in_u32(&in, SMPP_FIELD_NONE);
    header.command = smpp_in_u32(&in, SMPP_FIELD_NONE);
    header.status = smpp_in_u32(&in, SMPP_FIELD_NONE);
    header.sequence = smpp_in_u32(&in, SMPP_FIELD_NONE);
    return header;
}

/* Longer strings are the peers' own business: they are read, and marked. */
static void mark_oversize(struct smpp_pdu *pdu, const struct smpp_layout *layout, enum smpp_field field, size_t len)
{
    if (len >= smpp_field_max(layout, field)) {
        pdu->oversize |= UINT64_C(1) << field;
    }
}

static void read_short_message(struct smpp_pdu *pdu, struct smpp_in *in)
{
    size_t start = in->pos;
    uint8_t sm_length = smpp_in_u8(in, SMPP_FIELD_SHORT_MESSAGE);
    if (smpp_in_good(in) && sm_length > in->len - in->pos) {
        in->pos = start;
        smpp_in_fail(in, SMPP_F_SM_LENGTH, SMPP_FIELD_SHORT_MESSAGE);
    }
    pdu->has_short_message = true;
    pdu->short_message = smpp_in_octets(in, sm_length, SMPP_FIELD_SHORT_MESSAGE, SMPP_F_SM_LENGTH);
}

static void read_dests(struct smpp_pdu *pdu, const struct smpp_layout *layout, struct smpp_in *in)
{
    pdu->dest_count = smpp_in_u8(in, SMPP_FIELD_NUMBER_OF_DESTS);
    if (smpp_in_good(in) && pdu->dest_count == 0) {
        in->pos--;
        smpp_in_fail(in, SMPP_F_DEST_COUNT, SMPP_FIELD_NUMBER_OF_DESTS);
    }
    size_t start = in->pos;
    for (unsigned i = 0; i < pdu->dest_count && smpp_in_good(in); i++) {
        struct smpp_dest dest = smpp_in_dest(in);
        mark_oversize(pdu, layout, dest.list ? SMPP_FIELD_DL_NAME : SMPP_FIELD_DESTINATION_ADDR, dest.address.addr.len);
    }
    pdu->dests = smpp_in_since(in, start);
}

static void read_unsuccess(struct smpp_pdu *pdu, const struct smpp_layout *layout, struct smpp_in *in)
{
    pdu->unsuccess_count = smpp_in_u8(in, SMPP_FIELD_NO_UNSUCCESS);
    size_t start = in->pos;
    for (unsigned i = 0; i < pdu->unsuccess_count && smpp_in_good(in); i++) {
        struct smpp_unsuccess unsuccess = smpp_in_unsuccess(in);
        mark_oversize(pdu, layout, SMPP_FIELD_DESTINATION_ADDR, unsuccess.address.addr.len);
    }
    pdu->unsuccess = smpp_in_since(in, start);
}

static void read_field(struct smpp_pdu *pdu, const struct smpp_layout *layout, enum smpp_field field,
                       struct smpp_in *in)
{
    switch (smpp_field_kind(field)) {
    case SMPP_KIND_U8:
        *smpp_field_u8(pdu, field) = smpp_in_u8(in, field);
        break;
    case SMPP_KIND_STR:
        *smpp_field_str(pdu, field) = smpp_in_str(in, field);
        mark_oversize(pdu, layout, field, smpp_field_str(pdu, field)->len);
        break;
    case SMPP_KIND_MESSAGE:
        read_short_message(pdu, in);
        break;
    case SMPP_KIND_DESTS:
        read_dests(pdu, layout, in);
        break;
    case SMPP_KIND_UNSUCCESS:
        read_unsuccess(pdu, layout, in);
        break;
    }
}

/* Takes all whole TLVs. What follows them, if anything, is no TLV: the tail. */
static void read_tlvs(struct smpp_pdu *pdu, struct smpp_in *in)
{
    size_t start = in->pos;
    struct stir_view rest = stir_view(in->ptr + in->pos, in->len - in->pos);
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv)) {
        in->pos = in->len - rest.len;
    }
    pdu->tlvs = smpp_in_since(in, start);
    if (rest.len > 0) {
        pdu->tail = rest;
        smpp_in_fail(in, rest.len < 4 ? SMPP_F_TLV_HEADER : SMPP_F_TLV_LENGTH, SMPP_FIELD_NONE);
    }
}

/* True if the tail begins as a message_payload: a reader that is less strict takes it for the text. */
static bool tail_hides_text(const struct smpp_pdu *pdu)
{
    return pdu->tail.len >= 2 && (uint8_t)pdu->tail.ptr[0] == SMPP_TLV_MESSAGE_PAYLOAD >> 8 &&
           (uint8_t)pdu->tail.ptr[1] == (SMPP_TLV_MESSAGE_PAYLOAD & 0xff);
}

static bool pdu_same_text(struct stir_view a, struct stir_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Readers differ in which of several texts they take, so several must be the same. An empty one does not count: many
 * senders add an empty message_payload to every PDU. */
static void choose_body(struct smpp_pdu *pdu)
{
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    pdu->body = pdu->short_message;
    pdu->ambiguous = tail_hides_text(pdu);
    while (smpp_tlv_next(&rest, &tlv)) {
        if (tlv.tag != SMPP_TLV_MESSAGE_PAYLOAD || (tlv.value.len == 0 && pdu->body.len > 0)) {
            continue;
        }
        if (pdu->body.len == 0) {
            pdu->body = tlv.value;
            pdu->in_payload = true;
        } else if (!pdu_same_text(pdu->body, tlv.value)) {
            pdu->ambiguous = true;
        }
    }
}

static void pdu_read_body(struct smpp_pdu *pdu, struct smpp_in *in)
{
    const struct smpp_layout *layout = smpp_layout_of(pdu->header.command);
    if (!layout) {
        pdu->opaque = true;
        pdu->rest = smpp_in_rest(in);
        return;
    }
    pdu->no_body =
        layout->fields[0] != SMPP_FIELD_NONE && smpp_command_is_response(pdu->header.command) && in->pos == in->len;
    for (const uint8_t *field = layout->fields; *field != SMPP_FIELD_NONE && !pdu->no_body; field++) {
        read_field(pdu, layout, (enum smpp_field) * field, in);
    }
    if (smpp_in_good(in)) {
        read_tlvs(pdu, in);
        choose_body(pdu);
    }
}

enum smpp_fault smpp_pdu_read_leniently(struct smpp_pdu *out, const void *data, size_t n, struct smpp_flaw *flaw)
{
    struct smpp_in in = smpp_in(data, n);
    *out = (struct smpp_pdu){.octets = stir_view(data, n)};
    if (n < SMPP_HEADER_LEN) {
        smpp_in_fail(&in, SMPP_F_SHORT, SMPP_FIELD_NONE);
    } else {
        out->header = smpp_header_read(data);
        in.pos = SMPP_HEADER_LEN;
    }
    if (smpp_in_good(&in) && out->header.length != n) {
        in.pos = 0;
        smpp_in_fail(&in, SMPP_F_LENGTH, SMPP_FIELD_NONE);
    }
    if (smpp_in_good(&in)) {
        pdu_read_body(out, &in);
    }
    if (flaw) {
        *flaw = in.flaw;
    }
    return out->tail.len ? SMPP_OK : in.flaw.fault;
}

enum smpp_fault smpp_pdu_read(struct smpp_pdu *out, const void *data, size_t n, struct smpp_flaw *flaw)
{
    struct smpp_pdu pdu;
    struct smpp_flaw met;
    (void)!smpp_pdu_read_leniently(&pdu, data, n, &met);
    if (met.fault == SMPP_OK) {
        *out = pdu;
    } else if (flaw) {
        *flaw = met;
    }
    return met.fault;
}

/* SMPP 3.4 section 5.2.12 lists the types as values, yet there are message centres that set both bits. */
static bool has_receipt_type(const struct smpp_pdu *pdu)
{
    uint8_t type = pdu->esm_class & SMPP_ESM_TYPE;
    return type == SMPP_ESM_RECEIPT || type == SMPP_ESM_NOTIFICATION ||
           type == (SMPP_ESM_RECEIPT | SMPP_ESM_NOTIFICATION);
}

/* The TLVs that only a receipt has (SMPP 3.4 sections 5.3.2.12 and 5.3.2.35). */
static bool has_receipt_tlvs(const struct smpp_pdu *pdu)
{
    struct smpp_tlv id, state;
    return smpp_tlv_find(&id, pdu->tlvs, SMPP_TLV_RECEIPTED_MESSAGE_ID) && id.value.len > 0 &&
           smpp_tlv_find(&state, pdu->tlvs, SMPP_TLV_MESSAGE_STATE) && state.value.len == 1;
}

bool smpp_pdu_is_receipt(const struct smpp_pdu *pdu, enum smpp_side from)
{
    bool carries = pdu->header.command == SMPP_DELIVER_SM || pdu->header.command == SMPP_DATA_SM;
    return from == SMPP_FROM_SMSC && carries && (has_receipt_type(pdu) || has_receipt_tlvs(pdu));
}

bool smpp_pdu_is_ussd(const struct smpp_pdu *pdu)
{
    struct stir_view type = pdu->service_type;
    struct smpp_tlv op;
    return (type.len == 4 && strncasecmp(type.ptr, "USSD", 4) == 0) ||
           smpp_tlv_find(&op, pdu->tlvs, SMPP_TLV_USSD_SERVICE_OP);
}
