/* SPDX-License-Identifier: MIT */
#include "client/smpp/tlv.h"
#include "tests/unit/unit.h"

/* TLVs in memory as they are in hexadecimal. */
static struct stir_view octets(uint8_t out[256], const char *hex)
{
    return stir_view((char *)out, unit_unhex(out, 256, hex));
}

static void test_walk(void)
{
    uint8_t memory[256];
    struct stir_view rest = octets(memory, "1400 0001 aa ffff 0000 1400 0002 bbcc");
    const struct stir_view all = rest;
    struct smpp_tlv tlv = {0};
    UNIT_CHECK(smpp_tlv_next(&rest, &tlv) && tlv.tag == 0x1400 && tlv.value.len == 1, "first");
    UNIT_CHECK(smpp_tlv_next(&rest, &tlv) && tlv.tag == 0xffff && tlv.value.len == 0, "second");
    UNIT_CHECK(smpp_tlv_next(&rest, &tlv) && tlv.tag == 0x1400 && tlv.value.ptr[1] == (char)0xcc, "third");
    UNIT_CHECK(rest.len == 0 && !smpp_tlv_next(&rest, &tlv), "no fourth");
    UNIT_CHECK(smpp_tlv_find(&tlv, all, 0x1400) && tlv.value.len == 1, "the first of two");
    UNIT_CHECK(smpp_tlv_find(&tlv, all, 0xffff) && tlv.value.len == 0, "an empty one");
    UNIT_CHECK(!smpp_tlv_find(&tlv, all, 0x0424) && tlv.tag == 0xffff, "none");
    UNIT_CHECK(!smpp_tlv_find(&tlv, stir_view(NULL, 0), 0x0424), "none in nothing");
}

static void test_short(void)
{
    static const char *rows[] = {"14", "1400", "140000", "14000001", "1400ffffaa", "14000002aa"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t memory[256];
        struct stir_view rest = octets(memory, rows[i]);
        size_t before = rest.len;
        struct smpp_tlv tlv = {.tag = 7};
        UNIT_CHECK(!smpp_tlv_next(&rest, &tlv) && tlv.tag == 7 && rest.len == before, "%s", rows[i]);
    }
}

static void test_numbers(void)
{
    static const struct {
        const char *hex;
        bool good;
        uint32_t value;
    } rows[] = {
        {"02040000", false, 7},
        {"02040001 ff", true, 255},
        {"02040002 0102", true, 0x0102},
        {"02040003 010203", true, 0x010203},
        {"02040004 fffefdfc", true, 0xfffefdfc},
        {"02040005 0000000001", false, 7},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t memory[256];
        struct smpp_tlv tlv = {0};
        uint32_t value = 7;
        UNIT_CHECK(smpp_tlv_find(&tlv, octets(memory, rows[i].hex), SMPP_TLV_USER_MESSAGE_REFERENCE), "row %zu", i);
        UNIT_CHECK(smpp_tlv_uint(&value, &tlv) == rows[i].good && value == rows[i].value, "row %zu: %x", i, value);
    }
}

static void test_sar(void)
{
    static const struct {
        const char *label;
        const char *hex;
        struct smpp_sar sar;
    } rows[] = {
        {"none", "1400 0000", {0}},
        {"all", "020c0002 1234 020e0001 03 020f0001 02", {true, false, 0x1234, 3, 2}},
        {"another order", "020f0001 02 1400 0000 020e0001 03 020c0002 1234", {true, false, 0x1234, 3, 2}},
        {"the same twice", "020c0002 1234 020e0001 03 020f0001 02 020f0001 02", {true, false, 0x1234, 3, 2}},
        {"segment 0 of 0", "020c0002 0000 020e0001 00 020f0001 00", {true, false, 0, 0, 0}},
        {"segment 4 of 3", "020c0002 1234 020e0001 03 020f0001 04", {true, false, 0x1234, 3, 4}},
        {"no segment", "020c0002 1234 020e0001 03", {0}},
        {"no total", "020c0002 1234 020f0001 03", {0}},
        {"no reference", "020e0001 03 020f0001 02", {0}},
        {"two that differ", "020c0002 1234 020e0001 03 020f0001 02 020f0001 01", {.differs = true}},
        {"two totals", "020c0002 1234 020e0001 03 020e0001 04 020f0001 02", {.differs = true}},
        {"two that differ, one missing", "020c0002 1234 020e0001 03 020e0001 04", {0}},
        {"reference of one octet", "020c0001 12 020e0001 03 020f0001 02", {true, false, 0x12, 3, 2}},
        {"reference of four octets", "020c0004 00001234 020e0001 03 020f0001 02", {true, false, 0x1234, 3, 2}},
        {"reference that does not fit", "020c0004 00011234 020e0001 03 020f0001 02", {0}},
        {"reference of five octets", "020c0005 0000001234 020e0001 03 020f0001 02", {0}},
        {"total of two octets", "020c0002 1234 020e0002 0003 020f0001 02", {true, false, 0x1234, 3, 2}},
        {"total of 256", "020c0002 1234 020e0002 0100 020f0001 02", {0}},
        {"empty segment", "020c0002 1234 020e0001 03 020f0000", {0}},
        {"empty segment beside another", "020c0002 1234 020e0001 03 020f0000 020f0001 02", {true, false, 0x1234, 3, 2}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t memory[256];
        struct smpp_sar sar = {true, true, 9, 9, 9};
        smpp_sar_read(&sar, octets(memory, rows[i].hex));
        UNIT_CHECK(sar.present == rows[i].sar.present && sar.differs == rows[i].sar.differs &&
                       sar.ref == rows[i].sar.ref && sar.total == rows[i].sar.total &&
                       sar.segment == rows[i].sar.segment,
                   "%s: %u %u of %u", rows[i].label, sar.ref, sar.segment, sar.total);
    }
}

static void test_names(void)
{
    UNIT_STR(smpp_tlv_name(SMPP_TLV_MESSAGE_PAYLOAD), "message_payload", "0x0424");
    UNIT_STR(smpp_tlv_name(0x1383), "its_session_info", "0x1383");
    UNIT_STR(smpp_tlv_name(0x1400), NULL, "0x1400");
    UNIT_STR(smpp_tlv_name(0), NULL, "0");
}

UNIT_MAIN("smpp_tlv", {"one after another", test_walk}, {"cut short", test_short}, {"numbers", test_numbers},
          {"SAR", test_sar}, {"names", test_names})
