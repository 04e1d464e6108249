/* SPDX-License-Identifier: MIT */
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

/* One of a segment's three SAR TLVs. */
struct sar_part {
    uint16_t tag;
    uint32_t max;
    bool seen;
    uint32_t value;
};

void smpp_sar_read(struct smpp_sar *out, struct stir_view tlvs)
{
    struct sar_part parts[] = {
        {.tag = SMPP_TLV_SAR_MSG_REF_NUM, .max = UINT16_MAX},
        {.tag = SMPP_TLV_SAR_TOTAL_SEGMENTS, .max = UINT8_MAX},
        {.tag = SMPP_TLV_SAR_SEGMENT_SEQNUM, .max = UINT8_MAX},
    };
    struct smpp_sar sar = {0};
    struct smpp_tlv tlv;
    /* Collect the values; a TLV that comes twice must have the same value. */
    while (smpp_tlv_next(&tlvs, &tlv)) {
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            uint32_t value;
            if (parts[i].tag != tlv.tag || !smpp_tlv_uint(&value, &tlv) || value > parts[i].max) {
                continue;
            }
            sar.differs |= parts[i].seen && parts[i].value != value;
            parts[i].seen = true;
            parts[i].value = value;
        }
    }
    /* A place needs all three (SMPP 3.4 sections 5.3.2.22 to 5.3.2.24). */
    bool complete = parts[0].seen && parts[1].seen && parts[2].seen;
    if (complete && !sar.differs) {
        sar = (struct smpp_sar){.present = true,
                                .ref = (uint16_t)parts[0].value,
                                .total = (uint8_t)parts[1].value,
                                .segment = (uint8_t)parts[2].value};
    }
    sar.differs &= complete;
    *out = sar;
}
