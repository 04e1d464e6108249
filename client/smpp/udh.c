/* SPDX-License-Identifier: MIT */
#include "client/smpp/udh.h"

/* Information element identifiers (TS 23.040 section 9.2.3.24). */
enum {
    IE_CONCATENATED_8 = 0x00,
    IE_PORTS_8 = 0x04,
    IE_PORTS_16 = 0x05,
    IE_CONCATENATED_16 = 0x08,
    IE_SINGLE_SHIFT = 0x24,
    IE_LOCKING_SHIFT = 0x25,
};

bool smpp_place_set(struct smpp_place *place, enum smpp_ref_kind kind, uint16_t ref, uint8_t total, uint8_t number)
{
    bool possible = number >= 1 && number <= total;
    if (possible && total > 1) {
        *place = (struct smpp_place){.kind = kind, .ref = ref, .total = total, .number = number};
    } else {
        *place = (struct smpp_place){.kind = SMPP_REF_NONE, .total = 1, .number = 1};
    }
    return possible;
}

static uint16_t udh_read_u16(const uint8_t *octets)
{
    return (uint16_t)(octets[0] << 8 | octets[1]);
}

static void set_place(struct smpp_udh *udh, enum smpp_ref_kind kind, uint16_t ref, const uint8_t *total_and_number)
{
    struct smpp_place place;
    if (smpp_place_set(&place, kind, ref, total_and_number[0], total_and_number[1])) {
        udh->place = place;
    } else {
        udh->impossible = true;
    }
}

static void set_ports(struct smpp_udh *udh, uint16_t dest, uint16_t source)
{
    udh->has_ports = true;
    udh->dest_port = dest;
    udh->source_port = source;
}

static void read_element(struct smpp_udh *udh, uint8_t id, const uint8_t *data, size_t n)
{
    if (id == IE_CONCATENATED_8 && n == 3) {
        set_place(udh, SMPP_REF_8, data[0], data + 1);
    } else if (id == IE_CONCATENATED_16 && n == 4) {
        set_place(udh, SMPP_REF_16, udh_read_u16(data), data + 2);
    } else if (id == IE_PORTS_8 && n == 2) {
        set_ports(udh, data[0], data[1]);
    } else if (id == IE_PORTS_16 && n == 4) {
        set_ports(udh, udh_read_u16(data), udh_read_u16(data + 2));
    } else if (id == IE_SINGLE_SHIFT && n == 1) {
        udh->single = data[0];
    } else if (id == IE_LOCKING_SHIFT && n == 1) {
        udh->locking = data[0];
    }
}

enum stir_code smpp_udh_read(struct smpp_udh *out, struct stir_view octets, struct stir_error *err)
{
    const uint8_t *p = (const uint8_t *)octets.ptr;
    if (octets.len == 0 || (size_t)p[0] + 1 > octets.len) {
        return stir_fail(err, STIR_E_PROTOCOL, "the user data header is longer than the message");
    }
    struct smpp_udh empty = {.len = (size_t)p[0] + 1, .place = {.kind = SMPP_REF_NONE, .total = 1, .number = 1}};
    struct smpp_udh udh = empty;
    size_t at = 1;
    while (at + 2 <= udh.len && p[at + 1] <= udh.len - at - 2) {
        read_element(&udh, p[at], p + at + 2, p[at + 1]);
        at += 2 + (size_t)p[at + 1];
    }
    if (at != udh.len) {
        udh = empty;
        udh.cut = true;
    }
    *out = udh;
    return STIR_OK;
}
