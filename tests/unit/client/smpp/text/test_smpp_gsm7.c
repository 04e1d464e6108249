/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/gsm7_decode.h"
#include "client/smpp/text/gsm7_tables.h"
#include "client/smpp/text/text_utf8.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* One row of the tables' file: eight cells, of septets 0x0r, 0x1r, ... 0x7r. */
static bool read_row(FILE *f, uint16_t table[SMPP_GSM_SIZE], unsigned row)
{
    char line[128];
    char *rest = line;
    if (!fgets(line, sizeof(line), f)) {
        return false;
    }
    for (unsigned column = 0; column < 8; column++) {
        char *cell = strtok_r(rest, " \n", &rest);
        if (!cell) {
            return false;
        }
        table[column * 16 + row] = (uint16_t)(cell[0] == '-' ? 0 : strtoul(cell, NULL, 16));
    }
    return true;
}

static void check_table(const char *head, const uint16_t expected[SMPP_GSM_SIZE])
{
    bool locking = strncmp(head, "locking", 7) == 0;
    uint8_t language = (uint8_t)strtoul(strchr(head, ' '), NULL, 10);
    const uint16_t *table = locking ? smpp_gsm_locking(language) : smpp_gsm_single(language);
    for (unsigned i = 0; i < SMPP_GSM_SIZE; i++) {
        uint16_t cell = expected[i] == 0 && locking ? ' ' : expected[i];
        UNIT_CHECK(table[i] == cell, "%s: %02x is U+%04X, expected U+%04X", head, i, table[i], cell);
    }
}

static void test_tables(void)
{
    char head[64];
    unsigned count = 0;
    FILE *f = fopen(TEST_DATA "/gsm-tables.txt", "r");
    UNIT_NEED(f);
    while (fgets(head, sizeof(head), f)) {
        uint16_t expected[SMPP_GSM_SIZE] = {0};
        bool whole = true;
        if (head[0] == '#') {
            while (!strchr(head, '\n') && fgets(head, sizeof(head), f)) {
            }
            continue;
        }
        head[strcspn(head, "\n")] = '\0';
        for (unsigned row = 0; row < 16 && whole; row++) {
            whole = read_row(f, expected, row);
        }
        if (UNIT_CHECK(whole, "%s: cut", head)) {
            check_table(head, expected);
            count++;
        }
    }
    (void)fclose(f);
    CU_ASSERT_EQUAL(count, 13 + 14); /* Spanish has no locking table */
}

static void test_unknown_languages(void)
{
    CU_ASSERT_PTR_EQUAL(smpp_gsm_locking(2), smpp_gsm_locking(0));
    for (unsigned language = 14; language < 256; language++) {
        CU_ASSERT_PTR_EQUAL(smpp_gsm_locking((uint8_t)language), smpp_gsm_locking(0));
        CU_ASSERT_PTR_EQUAL(smpp_gsm_single((uint8_t)language), smpp_gsm_single(0));
    }
}

static const struct {
    const char *septets;
    uint8_t locking;
    uint8_t single;
    const char *text; /* NULL: no text */
} texts[] = {
    {"", 0, 0, ""},
    {"00", 0, 0, "@"},
    {"48656c6c6f", 0, 0, "Hello"},
    {"1b65 1b3c 1b3e 1b28 1b29 1b3d 1b14 1b2f 1b40 1b0a", 0, 0, "€[]{}~^\\|\f"},
    {"0a 0d 20", 0, 0, "\n\r "},
    /* what the extension has not is the main table's character */
    {"1b41", 0, 0, "A"},
    {"1b00", 0, 0, "@"},
    {"1b0d", 0, 0, "\r"},
    {"411b1b42", 0, 0, "A B"},
    {"1b1b1b65", 0, 0, " €"},
    {"1b", 0, 0, " "},
    {"411b", 0, 0, "A "},
    {"1b1b", 0, 0, " "},
    {"1b1b1b", 0, 0, "  "},
    /* Turkish: "şiir", "ĞIİ" by single shift, "ç€" by locking shift */
    {"1b73696972", 0, 1, "şiir"},
    {"1b4749 1b49", 0, 1, "ĞIİ"},
    {"6004", 1, 0, "ç€"},
    {"1b73 07", 1, 1, "şı"},
    {"1b73", 0, 0, "s"},
    /* Spanish, Portuguese */
    {"1b411b491b4f1b551b09", 0, 2, "ÁÍÓÚç"},
    {"7b7c 18 1b18", 3, 3, "ãõ€Σ"},
    /* Hindi "नमस्ते 123" with digits in both scripts, a danda */
    {"2f424c5f275920 31 1b1d 1b19", 6, 6, "नमस्ते 1१।"},
    /* Bengali, Gujarati, Kannada, Malayalam, Oriya, Punjabi, Tamil, Telugu, Urdu */
    {"404f 1b19", 4, 4, "বঽ০"},
    {"00 1b25", 5, 5, "ઁ૯"},
    {"24 1b1c", 7, 7, "ಡ೦"},
    {"78 1b34", 8, 8, "xൿ"},
    {"00 1b26", 9, 9, "\u0b01\u0b5c"},
    {"7b 1b2d", 10, 10, "ੰੵ"},
    {"15 1b2e", 11, 11, "க௺"},
    {"00 1b32 1b65", 12, 12, "ఁ౿€"},
    {"00 1b33 1b3f", 13, 13, "ا؟۔"},
    {"12", 4, 0, " "}, /* an empty cell of a locking table */
    /* reserved languages: the default alphabet */
    {"1b65 60", 14, 255, "€¿"},
    /* no septets */
    {"80", 0, 0, NULL},
    {"4180", 0, 0, NULL},
    {"1b80", 0, 0, NULL},
    {"ff", 13, 13, NULL},
};

static void test_texts(void)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t septets[64];
        size_t n = unit_unhex(septets, sizeof(septets), texts[i].septets);
        for (size_t cut = 0; cut <= n; cut++) { /* in one piece, and in two: the state goes over */
            struct stir_buf out = {0};
            struct smpp_gsm gsm = {0};
            bool good = smpp_gsm_put(&gsm, &out, septets, cut, texts[i].locking, texts[i].single) &&
                        smpp_gsm_put(&gsm, &out, septets + cut, n - cut, texts[i].locking, texts[i].single);
            smpp_gsm_end(&gsm, &out);
            UNIT_CHECK(good == (texts[i].text != NULL), "%s: good %d", texts[i].septets, good);
            if (good && texts[i].text) {
                UNIT_STR(out.ptr ? out.ptr : "", texts[i].text, texts[i].septets);
            }
            stir_buf_free(&out);
        }
    }
}

/* Every septet of every language, bare and escaped, gives one character, and it is UTF-8. */
static void test_all_septets(void)
{
    for (unsigned language = 0; language < 16; language++) {
        for (uint8_t septet = 0; septet < SMPP_GSM_SIZE; septet++) {
            struct stir_buf out = {0};
            struct smpp_gsm gsm = {0};
            const uint8_t pair[] = {0x1b, septet};
            CU_ASSERT(smpp_gsm_put(&gsm, &out, pair, 2, (uint8_t)language, (uint8_t)language));
            size_t one = out.len;
            CU_ASSERT(smpp_gsm_put(&gsm, &out, pair + 1, 1, (uint8_t)language, (uint8_t)language));
            smpp_gsm_end(&gsm, &out);
            UNIT_CHECK(one >= 1 && one <= 3 && out.len >= one + 1 && out.len <= one + 3 &&
                           smpp_utf8_valid(out.ptr, out.len),
                       "%u %02x: %zu, %zu octets", language, septet, one, out.len);
            stir_buf_free(&out);
        }
    }
}

/* The other way round, bit for bit. */
static size_t pack(uint8_t *out, const uint8_t *septets, size_t n, unsigned fill)
{
    size_t bits = fill;
    memset(out, 0, n + 2);
    for (size_t i = 0; i < n; i++) {
        for (unsigned bit = 0; bit < 7; bit++, bits++) {
            out[bits / 8] |= (uint8_t)((septets[i] >> bit & 1) << bits % 8);
        }
    }
    return (bits + 7) / 8;
}

static void test_unpack_known(void)
{
    static const struct {
        const char *packed;
        unsigned fill;
        const char *septets;
        bool filled;
    } rows[] = {
        {"", 0, "", false},
        {"e8329bfd4697d9ec37", 0, "68656c6c6f68656c6c6f", false}, /* hellohello */
        {"d0", 0, "50", false},
        {"41", 0, "41", false},
        {"00", 0, "00", false}, /* an '@' */
        {"8000", 0, "0001", false},
        {"4100", 0, "4100", false},
        {"c1", 0, "41", false}, /* the spare bit is nobody's */
        /* behind a header of 6 octets: 1 fill bit; "Zahlung über 12 " and an escape, then the rest */
        {"b46134bbee3e83fce2b21c14938136", 1, "5a61686c756e67207e6265722031 3220 1b", false},
        /* eight zeros fit: the last is taken for spare bits */
        {"00000000000000", 0, "0000000000000000", true},
        {"c16030180c0683", 0, "4141414141414141", false},
        {"c16030180c0603", 0, "4141414141414101", false},
        {"c16030180c061b", 0, "414141414141410d", true}, /* filled with CR, as TS 23.038 says */
        {"c16030180c0601", 0, "4141414141414100", true},
        {"00", 1, "00", true},
        {"02", 1, "01", false},
        {"ff", 6, "", false},
        {"ff", 1, "7f", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t packed[32];
        uint8_t expected[32];
        uint8_t out[48];
        size_t n = unit_unhex(packed, sizeof(packed), rows[i].packed);
        size_t expected_n = unit_unhex(expected, sizeof(expected), rows[i].septets);
        bool filled = !rows[i].filled;
        size_t got = smpp_gsm_unpack(out, packed, n, rows[i].fill, &filled);
        UNIT_CHECK(filled == rows[i].filled, "%s: filled %d", rows[i].packed, filled);
        UNIT_CHECK(got == expected_n && memcmp(out, expected, got) == 0, "%s: %zu septets", rows[i].packed, got);
    }
}

static void test_unpack_all_lengths(void)
{
    uint32_t random = 1;
    for (unsigned fill = 0; fill < 7; fill++) {
        for (size_t n = 0; n <= 200; n++) {
            uint8_t septets[200];
            uint8_t packed[202];
            for (size_t i = 0; i < n; i++) {
                random = random * 1664525 + 1013904223;
                septets[i] = (uint8_t)(random >> 24 & 0x7f);
            }
            if (n > 0) {
                septets[n - 1] |= 0x40; /* neither '@' nor CR at the end */
            }
            size_t len = n ? pack(packed, septets, n, fill) : 0;
            uint8_t *exact = len ? malloc(len) : NULL; /* so that a sanitizer sees a read past the end */
            uint8_t *out = malloc(smpp_gsm_unpacked_max(len));
            if (exact) {
                memcpy(exact, packed, len);
            }
            bool filled = false;
            size_t got = smpp_gsm_unpack(out, exact, len, fill, &filled);
            got -= filled;
            UNIT_CHECK(got == n && memcmp(out, septets, n) == 0, "fill %u: %zu septets, expected %zu", fill, got, n);
            free(exact);
            free(out);
        }
    }
}

static void test_utf8(void)
{
    static const struct {
        const char *octets;
        bool valid;
    } rows[] = {
        {"", true},
        {"00", true},
        {"7f", true},
        {"80", false},
        {"bf", false},
        {"c0 80", false},
        {"c1 bf", false},
        {"c2 80", true},
        {"c2", false},
        {"c2 41", false},
        {"c2 c2", false},
        {"df bf", true},
        {"e0 9f bf", false},
        {"e0 a0 80", true},
        {"e2 82", false},
        {"ed 9f bf", true},
        {"ed a0 80", false},
        {"ed bf bf", false},
        {"ee 80 80", true},
        {"ef bf bf", true},
        {"f0 8f bf bf", false},
        {"f0 90 80 80", true},
        {"f4 8f bf bf", true},
        {"f4 90 80 80", false},
        {"f0 90 80", false},
        {"f5 80 80 80", false},
        {"fe", false},
        {"ff", false},
        {"41 c3 a9 42", true},
        {"41 c3", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[16];
        size_t n = unit_unhex(octets, sizeof(octets), rows[i].octets);
        UNIT_CHECK(smpp_utf8_valid((char *)octets, n) == rows[i].valid, "%s", rows[i].octets);
    }
    static const struct {
        uint32_t c;
        const char *utf8;
    } points[] = {{0x41, "A"},
                  {0x7f, "\x7f"},
                  {0x80, "\xc2\x80"},
                  {0x7ff, "\xdf\xbf"},
                  {0x800, "\xe0\xa0\x80"},
                  {0xffff, "\xef\xbf\xbf"},
                  {0x10000, "\xf0\x90\x80\x80"},
                  {0x10ffff, "\xf4\x8f\xbf\xbf"}};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct stir_buf out = {0};
        smpp_utf8_put(&out, points[i].c);
        UNIT_STR(out.ptr, points[i].utf8, points[i].utf8);
        stir_buf_free(&out);
    }
}

UNIT_MAIN("smpp_gsm", {"the tables of TS 23.038", test_tables}, {"languages without tables", test_unknown_languages},
          {"texts", test_texts}, {"every septet of every language", test_all_septets},
          {"unpacking: known octets", test_unpack_known}, {"unpacking: every length", test_unpack_all_lengths},
          {"UTF-8", test_utf8})
