/* SPDX-License-Identifier: MIT */
#include "client/smpp/udh.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define WHOLE                                                                                                          \
    {                                                                                                                  \
        SMPP_REF_NONE, 0, 1, 1                                                                                         \
    }

static const struct {
    const char *octets;
    enum stir_code code;
    struct smpp_udh udh;
} headers[] = {
    {"00", STIR_OK, {.len = 1, .place = WHOLE}},
    {"00 41", STIR_OK, {.len = 1, .place = WHOLE}},
    /* concatenation */
    {"05 0003 2a0301 41", STIR_OK, {.len = 6, .place = {SMPP_REF_8, 0x2a, 3, 1}}},
    {"05 0003 ffff01", STIR_OK, {.len = 6, .place = {SMPP_REF_8, 0xff, 255, 1}}},
    {"06 0804 12340202", STIR_OK, {.len = 7, .place = {SMPP_REF_16, 0x1234, 2, 2}}},
    {"06 0804 002a0301", STIR_OK, {.len = 7, .place = {SMPP_REF_16, 0x2a, 3, 1}}},
    {"05 0003 2c0101", STIR_OK, {.len = 6, .place = WHOLE}},
    /* a place that cannot be is passed over */
    {"05 0003 2a0300", STIR_OK, {.len = 6, .place = WHOLE, .impossible = true}},
    {"05 0003 2a0304", STIR_OK, {.len = 6, .place = WHOLE, .impossible = true}},
    {"05 0003 2a0001", STIR_OK, {.len = 6, .place = WHOLE, .impossible = true}},
    {"05 0003 2a0000", STIR_OK, {.len = 6, .place = WHOLE, .impossible = true}},
    {"06 0804 12340203", STIR_OK, {.len = 7, .place = WHOLE, .impossible = true}},
    {"0b 0804 12340202 0003 2a0304", STIR_OK, {.len = 12, .place = {SMPP_REF_16, 0x1234, 2, 2}, .impossible = true}},
    /* the last of two counts */
    {"0a 0003 2a0301 0003 2b0302", STIR_OK, {.len = 11, .place = {SMPP_REF_8, 0x2b, 3, 2}}},
    {"0b 0003 2a0301 0804 12340202", STIR_OK, {.len = 12, .place = {SMPP_REF_16, 0x1234, 2, 2}}},
    {"0b 0804 12340202 0003 2a0301", STIR_OK, {.len = 12, .place = {SMPP_REF_8, 0x2a, 3, 1}}},
    {"06 2401 01 2401 06", STIR_OK, {.len = 7, .place = WHOLE, .single = 6}},
    /* ports, languages, elements that are not known */
    {"06 0504 0b8423f0 ff",
     STIR_OK,
     {.len = 7, .place = WHOLE, .has_ports = true, .dest_port = 0x0b84, .source_port = 0x23f0}},
    {"04 0402 e0f0", STIR_OK, {.len = 5, .place = WHOLE, .has_ports = true, .dest_port = 0xe0, .source_port = 0xf0}},
    {"0b 0504 0b8423f0 0003 2a0201",
     STIR_OK,
     {.len = 12, .place = {SMPP_REF_8, 0x2a, 2, 1}, .has_ports = true, .dest_port = 0x0b84, .source_port = 0x23f0}},
    {"03 2401 01", STIR_OK, {.len = 4, .place = WHOLE, .single = 1}},
    {"03 2501 0d", STIR_OK, {.len = 4, .place = WHOLE, .locking = 13}},
    {"0b 2401 06 2501 04 0003 010201", STIR_OK, {.len = 12, .place = {SMPP_REF_8, 1, 2, 1}, .locking = 4, .single = 6}},
    {"07 7005 0102030405", STIR_OK, {.len = 8, .place = WHOLE}},
    {"02 7000", STIR_OK, {.len = 3, .place = WHOLE}},
    {"07 7000 0003 2a0301", STIR_OK, {.len = 8, .place = {SMPP_REF_8, 0x2a, 3, 1}}},
    /* elements of a wrong length are passed over */
    {"04 0002 2a03", STIR_OK, {.len = 5, .place = WHOLE}},
    {"06 0004 2a030100", STIR_OK, {.len = 7, .place = WHOLE}},
    {"05 0803 123402", STIR_OK, {.len = 6, .place = WHOLE}},
    {"07 0805 1234020100", STIR_OK, {.len = 8, .place = WHOLE}},
    {"02 2400", STIR_OK, {.len = 3, .place = WHOLE}},
    {"04 2402 0101", STIR_OK, {.len = 5, .place = WHOLE}},
    {"05 0503 0b8423", STIR_OK, {.len = 6, .place = WHOLE}},
    {"02 0000", STIR_OK, {.len = 3, .place = WHOLE}},
    /* elements cut: none counts, and the text begins where it did */
    {"01 00 41", STIR_OK, {.len = 2, .place = WHOLE, .cut = true}},
    {"04 0003 2a03", STIR_OK, {.len = 5, .place = WHOLE, .cut = true}},
    {"04 0003 2a03 01", STIR_OK, {.len = 5, .place = WHOLE, .cut = true}},
    {"06 0003 2a0301 08", STIR_OK, {.len = 7, .place = WHOLE, .cut = true}},
    {"07 0003 2a0301 0804 12340202", STIR_OK, {.len = 8, .place = WHOLE, .cut = true}},
    {"05 00ff 2a0301", STIR_OK, {.len = 6, .place = WHOLE, .cut = true}},
    {"04 2401 06 24", STIR_OK, {.len = 5, .place = WHOLE, .cut = true}},
    /* longer than the message */
    {"", STIR_E_PROTOCOL, {0}},
    {"01", STIR_E_PROTOCOL, {0}},
    {"05 0003 2a03", STIR_E_PROTOCOL, {0}},
    {"ff 0003 01", STIR_E_PROTOCOL, {0}},
    {"ff", STIR_E_PROTOCOL, {0}},
};

static bool same(const struct smpp_udh *a, const struct smpp_udh *b)
{
    return a->len == b->len && a->place.kind == b->place.kind && a->place.ref == b->place.ref &&
           a->place.total == b->place.total && a->place.number == b->place.number && a->impossible == b->impossible &&
           a->cut == b->cut && a->has_ports == b->has_ports && a->dest_port == b->dest_port &&
           a->source_port == b->source_port && a->locking == b->locking && a->single == b->single;
}

/* So that a sanitizer sees a read past the end. */
static char *exact_copy(const uint8_t *octets, size_t n)
{
    char *copy = n ? malloc(n) : NULL;
    if (copy) {
        memcpy(copy, octets, n);
    }
    return copy;
}

static void test_headers(void)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        uint8_t octets[32];
        size_t n = unit_unhex(octets, sizeof(octets), headers[i].octets);
        char *exact = exact_copy(octets, n);
        struct smpp_udh udh = {.len = 999};
        struct stir_error err = {0};
        enum stir_code code = smpp_udh_read(&udh, stir_view(exact, n), &err);
        UNIT_CODE(code, headers[i].code, headers[i].octets);
        if (code == STIR_OK) {
            UNIT_CHECK(same(&udh, &headers[i].udh),
                       "%s: kind %d ref %x segment %d of %d, %d %d, ports %d, tables %d %d", headers[i].octets,
                       udh.place.kind, udh.place.ref, udh.place.number, udh.place.total, udh.impossible, udh.cut,
                       udh.has_ports, udh.locking, udh.single);
        } else {
            UNIT_CHECK(udh.len == 999 && err.text[0], "%s: out was touched, or no reason", headers[i].octets);
        }
        free(exact);
    }
}

/* A header cut anywhere is refused, never read past its end. */
static void test_truncated(void)
{
    uint8_t octets[32];
    size_t n = unit_unhex(octets, sizeof(octets), "11 0504 0b8423f0 0804 12340202 2401 01 2501 0d");
    CU_ASSERT_EQUAL(n, 19);
    octets[0] = (uint8_t)(n - 1);
    for (size_t cut = 0; cut <= n; cut++) {
        struct smpp_udh udh = {0};
        char *exact = exact_copy(octets, cut);
        enum stir_code code = smpp_udh_read(&udh, stir_view(exact, cut), NULL);
        UNIT_CHECK(code == (cut < n ? STIR_E_PROTOCOL : STIR_OK), "%zu of %zu octets", cut, n);
        free(exact);
    }
    for (unsigned claimed = 0; claimed < n; claimed++) { /* and one that claims less has its elements cut, or fewer */
        struct smpp_udh udh = {0};
        octets[0] = (uint8_t)claimed;
        UNIT_OK(smpp_udh_read(&udh, stir_view((char *)octets, n), NULL));
        bool ends = claimed == 0 || claimed == 6 || claimed == 12 || claimed == 15 || claimed == 18;
        UNIT_CHECK(udh.cut == !ends && udh.len == claimed + 1, "%u octets claimed", claimed);
        UNIT_CHECK(udh.has_ports == (ends && claimed >= 6), "%u octets claimed: ports", claimed);
    }
}

static void test_places(void)
{
    for (unsigned total = 0; total < 256; total++) {
        for (unsigned number = 0; number < 256; number++) {
            struct smpp_place place = {0};
            bool possible = smpp_place_set(&place, SMPP_REF_SAR, 7, (uint8_t)total, (uint8_t)number);
            bool whole = place.kind == SMPP_REF_NONE && place.ref == 0 && place.total == 1 && place.number == 1;
            bool segment =
                place.kind == SMPP_REF_SAR && place.ref == 7 && place.total == total && place.number == number;
            bool expected = number >= 1 && number <= total;
            if (possible != expected || (expected && total > 1 ? !segment : !whole)) {
                UNIT_CHECK(false, "segment %u of %u", number, total);
            }
        }
    }
}

UNIT_MAIN("smpp_udh", {"headers", test_headers}, {"cut everywhere", test_truncated}, {"places", test_places})
