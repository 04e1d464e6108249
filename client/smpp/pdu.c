#include "client/smpp/pdu.h"

#include "client/smpp/pdu_cursor.h"
#include "client/smpp/pdu_layout.h"
#include "client/smpp/pdu_list.h"
#include "client/smpp/tlv.h"

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

static void check_tlvs(struct smpp_in *in)
{
    struct stir_view rest = stir_view(in->ptr + in->pos, in->len - in->pos);
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv)) {
        in->pos = in->len - rest.len;
    }
    if (rest.len > 0) {
        smpp_in_fail(in, rest.len < 4 ? SMPP_F_TLV_HEADER : SMPP_F_TLV_LENGTH, SMPP_FIELD_NONE);
    }
}

static bool same(struct stir_view a, struct stir_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Readers differ in which of several texts they take, so several must be the same. */
static void choose_body(struct smpp_pdu *pdu)
{
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    bool have = pdu->short_message.len > 0;
    pdu->body = pdu->short_message;
    while (smpp_tlv_next(&rest, &tlv)) {
        if (tlv.tag != SMPP_TLV_MESSAGE_PAYLOAD) {
            continue;
        }
        if (!have) {
            pdu->body = tlv.value;
            pdu->in_payload = true;
            have = true;
        } else if (!same(pdu->body, tlv.value)) {
            pdu->ambiguous = true;
        }
    }
}

static void read_body(struct smpp_pdu *pdu, struct smpp_in *in)
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
        size_t start = in->pos;
        check_tlvs(in);
        pdu->tlvs = smpp_in_since(in, start);
        choose_body(pdu);
    }
}

enum smpp_fault smpp_pdu_read(struct smpp_pdu *out, const void *data, size_t n, struct smpp_flaw *flaw)
{
    struct smpp_pdu pdu = {.octets = stir_view(data, n)};
    struct smpp_in in = smpp_in(data, n);
    if (n < SMPP_HEADER_LEN) {
        smpp_in_fail(&in, SMPP_F_SHORT, SMPP_FIELD_NONE);
    } else {
        pdu.header = smpp_header_read(data);
        in.pos = SMPP_HEADER_LEN;
    }
    if (smpp_in_good(&in) && pdu.header.length != n) {
        in.pos = 0;
        smpp_in_fail(&in, SMPP_F_LENGTH, SMPP_FIELD_NONE);
    }
    if (smpp_in_good(&in)) {
        read_body(&pdu, &in);
    }
    if (smpp_in_good(&in)) {
        *out = pdu;
    } else if (flaw) {
        *flaw = in.flaw;
    }
    return in.flaw.fault;
}

bool smpp_pdu_is_receipt(const struct smpp_pdu *pdu)
{
    uint8_t type = pdu->esm_class & SMPP_ESM_TYPE;
    return (pdu->header.command == SMPP_DELIVER_SM || pdu->header.command == SMPP_DATA_SM) &&
           (type == SMPP_ESM_RECEIPT || type == SMPP_ESM_NOTIFICATION);
}
