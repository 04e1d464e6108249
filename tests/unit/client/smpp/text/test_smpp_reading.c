/* SPDX-License-Identifier: MIT */
#include "client/smpp/segment.h"
#include "client/smpp/text/reading.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* What a sender wrote and what a network delivered: is it the same text, and by which reading? */

enum { PACKED = 0x100, UTF_8 = 0x200 }; /* settings of the peer, beside data_coding */

#define PRIVET_BE "041f04400438043204350442"
#define PRIVET_LE "1f0440043804320435044204"
#define HELLO "68656c6c6f"
#define HELLO_UCS2 "00680065006c006c006f"

struct sms {
    unsigned coding;
    const char *octets;
};

static const struct {
    const char *label;
    struct sms sent;
    struct sms delivered;
    const char *reading; /* NULL: another text */
} rows[] = {
    {"T3: a letter that became a question mark", {8, "006e006100ef00760065"}, {0, "6e613f7665"}, NULL},
    {"T4: facade, UCS-2 to GSM", {8, "0066006100e7006100640065"}, {0, "666109616465"}, "cedilla"},
    {"T4: facade, Latin-1 to GSM", {3, "6661e7616465"}, {0, "666109616465"}, "cedilla"},
    {"T4: with the capital letter", {8, "0046004100c7004100440045"}, {0, "464109414445"}, "as-sent"},
    {"T4: from GSM to GSM", {0, "666109616465"}, {0, "666109616465"}, "as-sent"},
    {"T4: another letter", {8, "00660061006d006100640065"}, {0, "666109616465"}, NULL},
    {"T6: a mark", {8, "feff" PRIVET_BE}, {8, PRIVET_BE}, "as-sent"},
    {"T6: a mark was added", {8, PRIVET_BE}, {8, "feff" PRIVET_BE}, "as-sent"},
    {"T6: little-endian", {8, "fffe" PRIVET_LE}, {8, PRIVET_BE}, "as-sent"},
    {"T6: little-endian on the way", {8, PRIVET_BE}, {8, "fffe" PRIVET_LE}, "as-sent"},
    {"T6: the mark is the sender's text", {8, "fefffeff" PRIVET_BE}, {8, "feff" PRIVET_BE}, "mark"},
    {"T6: the same in UTF-8", {UTF_8, "efbbbfefbbbfd09f"}, {UTF_8, "efbbbfd09f"}, "mark"},
    {"T6: little-endian without a mark", {8, PRIVET_BE}, {8, PRIVET_LE}, NULL},
    {"T7: composed, UCS-2", {8, "006503010061 0300"}, {8, "00e900e0"}, "nfd"},
    {"T7: composed, GSM", {8, "006503010061 0300"}, {0, "057f"}, "nfd"},
    {"T7: decomposed", {0, "057f"}, {8, "006503010061 0300"}, "nfc"},
    {"T7: decomposed Hangul", {8, "d55c"}, {8, "1112116111ab"}, "nfc"},
    {"T7: without the accent", {8, "00e9"}, {8, "0065"}, NULL},
    {"T8: as it was", {0, HELLO}, {8, HELLO_UCS2}, "as-sent"},
    {"T8: U+0000 in UCS-2", {0, HELLO}, {8, HELLO_UCS2 "0000"}, "no-nul"},
    {"T8: several", {0, HELLO}, {8, HELLO_UCS2 "00000000"}, "no-nul"},
    {"T8: half of one in UCS-2", {0, HELLO}, {8, HELLO_UCS2 "00"}, "no-nul"},
    {"T8: 00 in Latin-1", {0, HELLO}, {3, HELLO "00"}, "no-nul"},
    {"T8: 00 in ASCII", {0, HELLO}, {1, HELLO "00"}, "no-nul"},
    {"T8: sent and delivered", {8, HELLO_UCS2 "0000"}, {3, HELLO "00"}, "as-sent"},
    {"T8: an at sign", {0, HELLO}, {0, HELLO "00"}, NULL},
    {"T8: a NUL in the middle", {0, HELLO}, {3, "68650 06c6c6f"}, NULL},
    {"T12: euro in Windows-1252", {0, "1b65"}, {3, "80"}, "as-sent"},
    {"T13: euro that became a question mark", {0, "1b65"}, {0, "3f"}, NULL},
    {"T14: quotation mark of Windows-1252", {3, "446f6e9274"}, {8, "0044006f006e20190074"}, "as-sent"},
    {"T14: as it came", {3, "446f6e9274"}, {3, "446f6e9274"}, "as-sent"},
    {"T16: an emoji that was replaced", {8, "d83dde00"}, {8, "fffdfffd"}, NULL},
    {"T17: $5 and $8", {0, "0235"}, {0, "0238"}, NULL},
    {"T17: a Cyrillic letter", {0, "6170706c65"}, {8, "04300070 0070006c0065"}, NULL},
    {"T17: a letter of a link", {0, "6f6b2e636f6d"}, {0, "6f6c2e636f6d"}, NULL},
    {"T18: packed and filled with CR", {PACKED, "31d98c56b3dd1a"}, {0, "31323334353637"}, "as-sent"},
    {"T18: packed and filled on the way", {0, "31323334353637"}, {PACKED, "31d98c56b3dd1a"}, "as-sent"},
    {"T18: filled with zeros", {0, "31323334353637"}, {PACKED, "31d98c56b3dd00"}, "as-sent"},
    {"T18: a CR that was written", {0, "313233343536370d"}, {PACKED, "31d98c56b3dd1a"}, "fill"},
    {"T18: an at sign that was written", {0, "3132333435363700"}, {PACKED, "31d98c56b3dd00"}, "fill"},
    {"other octets", {4, "00ff"}, {4, "00ff00"}, NULL},
    {"the same octets", {4, "00ff00"}, {4, "00ff00"}, "as-sent"},
    {"an empty text", {8, ""}, {0, ""}, "as-sent"},
    {"a mark alone", {8, "feff"}, {0, ""}, "as-sent"},
    {"a NUL alone", {0, ""}, {3, "00"}, "no-nul"},
};

/* A message of one PDU: what is signed, and with `readings` what else is tried. */
struct read {
    struct stir_buf unpacked;
    struct stir_buf body;
    struct smpp_readings readings;
};

static void read_sms(struct read *out, const struct sms *sms, bool readings)
{
    uint8_t octets[64];
    size_t n = unit_unhex(octets, sizeof(octets), sms->octets);
    const struct smpp_text_settings settings = {.data_coding_0 = sms->coding & UTF_8 ? SMPP_UTF8 : SMPP_GSM7,
                                                .data_coding_1 = SMPP_ASCII,
                                                .packed = sms->coding & PACKED};
    struct smpp_segment segment;
    enum smpp_body kind;
    *out = (struct read){0};
    UNIT_OK(smpp_segment_read(&segment, 0, (uint8_t)sms->coding, stir_view((char *)octets, n), &(struct smpp_sar){0},
                              &settings, &out->unpacked, NULL));
    UNIT_OK(smpp_body_make(&out->body, &kind, &segment.part, 1, NULL));
    if (readings) {
        struct stir_view body = stir_view(out->body.ptr ? out->body.ptr : "", out->body.len);
        UNIT_OK(smpp_readings_make(&out->readings, body, kind, &segment.part, 1, NULL));
    }
}

static void clear(struct read *read)
{
    stir_buf_free(&read->unpacked);
    stir_buf_free(&read->body);
    smpp_readings_clear(&read->readings);
}

static bool same(const struct stir_buf *a, const struct stir_buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0);
}

static const char *reading_of(const struct read *delivered, const struct stir_buf *signed_text)
{
    if (same(&delivered->body, signed_text)) {
        return smpp_reading_name(SMPP_READ_AS_SENT);
    }
    for (size_t i = 0; i < delivered->readings.count; i++) {
        if (same(&delivered->readings.items[i].body, signed_text)) {
            return smpp_reading_name(delivered->readings.items[i].reading);
        }
    }
    return NULL;
}

static void check_rows(const char *prefix)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(rows[i].label, prefix, strlen(prefix)) != 0) {
            continue;
        }
        struct read sent;
        struct read delivered;
        read_sms(&sent, &rows[i].sent, false);
        read_sms(&delivered, &rows[i].delivered, true);
        UNIT_STR(reading_of(&delivered, &sent.body), rows[i].reading, rows[i].label);
        clear(&sent);
        clear(&delivered);
    }
}

#define ROWS_TEST(name, prefix)                                                                                        \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        check_rows(prefix);                                                                                            \
    }
ROWS_TEST(test_t3, "T3:")
ROWS_TEST(test_t4, "T4:")
ROWS_TEST(test_t6, "T6:")
ROWS_TEST(test_t7, "T7:")
ROWS_TEST(test_t8, "T8:")
ROWS_TEST(test_t12, "T12:")
ROWS_TEST(test_t13, "T13:")
ROWS_TEST(test_t14, "T14:")
ROWS_TEST(test_t16, "T16:")
ROWS_TEST(test_t17, "T17:")
ROWS_TEST(test_t18, "T18:")
ROWS_TEST(test_all, "")

/* Most texts have no other reading; a text in which everything can be read otherwise has all of the list. */
static void test_count(void)
{
    static const struct {
        struct sms sms;
        size_t count;
    } counts[] = {
        {{0, HELLO}, 0},    {{8, PRIVET_BE}, 0}, {{0, "05"}, 1},       {{8, "feff00e90000"}, 3},
        {{3, "e90000"}, 2}, {{0, "09"}, 2},      {{4, "feff0900"}, 0},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct read read;
        read_sms(&read, &counts[i].sms, true);
        UNIT_CHECK(read.readings.count == counts[i].count, "%s: %zu readings", counts[i].sms.octets,
                   read.readings.count);
        clear(&read);
    }
}

/* A segment's own fill, and a cedilla in another segment than the first. */
static void test_segments(void)
{
    const struct smpp_part parts[] = {
        {.alphabet = SMPP_GSM7, .octets = stir_view("a\r", 2), .filled = true},
        {.alphabet = SMPP_GSM7, .octets = stir_view("b\t", 2)},
        {.alphabet = SMPP_UTF16, .octets = stir_view("\xff\xfe\x43\x00", 4)},
    };
    static const char *const expected[] = {"abÇ\ufeffC", "a\rbÇC", "abçC", "abC\xcc\xa7\x43"};
    static const enum smpp_reading kinds[] = {SMPP_READ_MARK, SMPP_READ_FILL, SMPP_READ_CEDILLA, SMPP_READ_NFD};
    struct smpp_readings readings = {0};
    struct stir_buf body = {0};
    enum smpp_body kind;
    UNIT_OK(smpp_body_make(&body, &kind, parts, 3, NULL));
    UNIT_STR(body.ptr, "abÇC", "as sent");
    UNIT_OK(smpp_readings_make(&readings, stir_view(body.ptr, body.len), kind, parts, 3, NULL));
    CU_ASSERT_EQUAL(readings.count, 4);
    for (size_t i = 0; i < readings.count && i < 4; i++) {
        CU_ASSERT_EQUAL(readings.items[i].reading, kinds[i]);
        UNIT_STR(readings.items[i].body.ptr, expected[i], smpp_reading_name(kinds[i]));
    }
    smpp_readings_clear(&readings);
    stir_buf_free(&body);
}

/* A longer body has no other reading, and a longer reading is left out. */
static void test_long(void)
{
    size_t n = SMPP_READ_OCTETS_MAX;
    char *octets = malloc(n);
    UNIT_NEED(octets);
    for (size_t extra = 0; extra < 2; extra++) {
        struct smpp_readings readings = {0};
        struct stir_buf body = {0};
        enum smpp_body kind;
        struct smpp_part part = {.alphabet = SMPP_LATIN1, .octets = stir_view(octets, n / 2 + extra)};
        memset(octets, 0xe9, n); /* two octets each in UTF-8, three in form D */
        UNIT_OK(smpp_body_make(&body, &kind, &part, 1, NULL));
        UNIT_OK(smpp_readings_make(&readings, stir_view(body.ptr, body.len), kind, &part, 1, NULL));
        UNIT_CHECK(readings.count == 0, "%zu octets: %zu readings", body.len, readings.count);
        octets[n / 2 + extra - 1] = '\0';
        body.len = 0;
        UNIT_OK(smpp_body_make(&body, &kind, &part, 1, NULL));
        UNIT_OK(smpp_readings_make(&readings, stir_view(body.ptr, body.len), kind, &part, 1, NULL));
        UNIT_CHECK(readings.count == (extra ? 0 : 1), "%zu octets: %zu readings", body.len, readings.count);
        smpp_readings_clear(&readings);
        stir_buf_free(&body);
    }
    free(octets);
}

static void test_names(void)
{
    for (int i = 0; i < SMPP_READINGS; i++) {
        UNIT_CHECK(smpp_reading_name((enum smpp_reading)i)[0], "reading %d has no name", i);
    }
    UNIT_STR(smpp_reading_name((enum smpp_reading)SMPP_READINGS), "", "no reading");
}

UNIT_MAIN("smpp_reading", {"T3", test_t3}, {"T4", test_t4}, {"T6", test_t6}, {"T7", test_t7},
          {"T8, first half", test_t8}, {"T12", test_t12}, {"T13", test_t13}, {"T14", test_t14}, {"T16", test_t16},
          {"T17", test_t17}, {"T18", test_t18}, {"all rows", test_all}, {"number of readings", test_count},
          {"segments", test_segments}, {"long texts", test_long}, {"names", test_names})
