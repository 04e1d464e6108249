/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_write.h"

#include "client/smpp/pdu_cursor.h"
#include "client/smpp/pdu_layout.h"

#include <string.h>

void smpp_header_write(void *out, const struct smpp_header *header)
{
    struct smpp_out to = smpp_out(out, SMPP_HEADER_LEN);
    smpp_out_u32(&to, header->length);
    smpp_out_u32(&to, header->command);
    smpp_out_u32(&to, header->status);
    smpp_out_u32(&to, header->sequence);
}

static enum stir_code write_str(struct smpp_out *out, struct stir_view str)
{
    if (str.len && memchr(str.ptr, '\0', str.len)) {
        return STIR_E_INVAL;
    }
    smpp_out_octets(out, str);
    smpp_out_u8(out, 0);
    return STIR_OK;
}

static enum stir_code write_counted(struct smpp_out *out, size_t count, struct stir_view octets)
{
    if (count > UINT8_MAX) {
        return STIR_E_INVAL;
    }
    smpp_out_u8(out, (uint8_t)count);
    smpp_out_octets(out, octets);
    return STIR_OK;
}

static enum stir_code write_field(struct smpp_out *out, const struct smpp_pdu *pdu, enum smpp_field field)
{
    switch (smpp_field_kind(field)) {
    case SMPP_KIND_U8:
        smpp_out_u8(out, smpp_pdu_u8(pdu, field));
        return STIR_OK;
    case SMPP_KIND_STR:
        return write_str(out, smpp_pdu_str(pdu, field));
    case SMPP_KIND_MESSAGE:
        return write_counted(out, pdu->short_message.len, pdu->short_message);
    case SMPP_KIND_DESTS:
        return write_counted(out, pdu->dest_count, pdu->dests);
    case SMPP_KIND_UNSUCCESS:
        return write_counted(out, pdu->unsuccess_count, pdu->unsuccess);
    }
    return STIR_E_INVAL;
}

enum stir_code smpp_pdu_write(void *out, size_t cap, size_t *len, const struct smpp_pdu *pdu)
{
    const struct smpp_layout *layout = smpp_layout_of(pdu->header.command);
    enum stir_code code = STIR_OK;
    if (cap < SMPP_HEADER_LEN) {
        return STIR_E_TOO_BIG;
    }
    struct smpp_header header = pdu->header;
    struct smpp_out to = smpp_out(out, cap);
    to.len = SMPP_HEADER_LEN;
    /* The mandatory fields in the order of the specification; none in a response without a body. */
    for (const uint8_t *field = layout ? layout->fields : NULL; code == STIR_OK && field && *field && !pdu->no_body;
         field++) {
        code = write_field(&to, pdu, (enum smpp_field) * field);
    }
    smpp_out_octets(&to, layout ? pdu->tlvs : pdu->rest);
    if (code == STIR_OK && (to.failed || to.len > UINT32_MAX)) {
        code = STIR_E_TOO_BIG;
    }
    if (code == STIR_OK) {
        /* command_length is known only now. */
        header.length = (uint32_t)to.len;
        smpp_header_write(out, &header);
        *len = to.len;
    }
    return code;
}

size_t smpp_answer(void *out, const struct smpp_header *request, uint32_t status)
{
    if (smpp_command_is_response(request->command)) {
        return 0;
    }
    bool has = smpp_command_has_response(request->command);
    struct smpp_header answer = {
        .length = SMPP_HEADER_LEN,
        .command = has ? request->command | SMPP_RESP : SMPP_GENERIC_NACK,
        .status = status,
        .sequence = request->sequence,
    };
    smpp_header_write(out, &answer);
    return SMPP_HEADER_LEN;
}
