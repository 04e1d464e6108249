#include "client/smpp/tlv.h"

#include <stddef.h>
#include <string.h>

enum { TLV_HEAD = 4 };

const char *smpp_tlv_name(uint16_t tag)
{
    switch (tag) {
#define SMPP_TLV_CASE(tag, number, name)                                                                               \
    case number:                                                                                                       \
        return name;
        SMPP_TLV_LIST(SMPP_TLV_CASE)
#undef SMPP_TLV_CASE
    default:
        return NULL;
    }
}

static uint32_t big_endian(const char *ptr, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | (uint8_t)ptr[i];
    }
    return value;
}

bool smpp_tlv_next(struct stir_view *rest, struct smpp_tlv *out)
{
    if (rest->len < TLV_HEAD) {
        return false;
    }
    size_t len = big_endian(rest->ptr + 2, 2);
    if (len > rest->len - TLV_HEAD) {
        return false;
    }
    *out = (struct smpp_tlv){.tag = (uint16_t)big_endian(rest->ptr, 2), .value = stir_view(rest->ptr + TLV_HEAD, len)};
    *rest = stir_view(out->value.ptr + len, rest->len - TLV_HEAD - len);
    return true;
}

bool smpp_tlv_find(struct smpp_tlv *out, struct stir_view tlvs, uint16_t tag)
{
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&tlvs, &tlv)) {
        if (tlv.tag == tag) {
            *out = tlv;
            return true;
        }
    }
    return false;
}

bool smpp_tlv_uint(uint32_t *out, const struct smpp_tlv *tlv)
{
    if (tlv->value.len < 1 || tlv->value.len > 4) {
        return false;
    }
    *out = big_endian(tlv->value.ptr, tlv->value.len);
    return true;
}

/* The parts of a SAR segment's place; `seen` tells which were met. */
struct sar_part {
    uint16_t tag;
    size_t len;
    bool seen;
    uint32_t value;
};

static enum smpp_fault take_part(struct sar_part *part, const struct smpp_tlv *tlv)
{
    uint32_t value;
    if (tlv->value.len != part->len || !smpp_tlv_uint(&value, tlv) || (part->seen && part->value != value)) {
        return SMPP_F_TLV_VALUE;
    }
    part->seen = true;
    part->value = value;
    return SMPP_OK;
}

enum smpp_fault smpp_sar_read(struct smpp_sar *out, struct stir_view tlvs)
{
    struct sar_part parts[] = {
        {.tag = SMPP_TLV_SAR_MSG_REF_NUM, .len = 2},
        {.tag = SMPP_TLV_SAR_TOTAL_SEGMENTS, .len = 1},
        {.tag = SMPP_TLV_SAR_SEGMENT_SEQNUM, .len = 1},
    };
    enum smpp_fault fault = SMPP_OK;
    struct smpp_tlv tlv;
    *out = (struct smpp_sar){0};
    while (fault == SMPP_OK && smpp_tlv_next(&tlvs, &tlv)) {
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            if (parts[i].tag == tlv.tag) {
                fault = take_part(&parts[i], &tlv);
            }
        }
    }
    if (fault != SMPP_OK || !(parts[0].seen || parts[1].seen || parts[2].seen)) {
        return fault;
    }
    if (!(parts[0].seen && parts[1].seen && parts[2].seen)) {
        return SMPP_F_TLV_SET;
    }
    *out = (struct smpp_sar){true, (uint16_t)parts[0].value, (uint8_t)parts[1].value, (uint8_t)parts[2].value};
    return SMPP_OK;
}
