/* SPDX-License-Identifier: MIT */
#include "client/smpp/segment.h"
#include "common/passport/msgi.h"
#include "tests/unit/smpp_kannel.h"
#include "tests/unit/unit.h"

static const struct smpp_text_settings defaults = {.data_coding_0 = SMPP_GSM7, .data_coding_1 = SMPP_ASCII};
static const struct smpp_text_settings packing = {.data_coding_0 = SMPP_GSM7,
                                                  .data_coding_1 = SMPP_ASCII,
                                                  .packed = true};

static enum smpp_alphabet expected_alphabet(unsigned coding)
{
    static const enum smpp_alphabet smpp[16] = {SMPP_GSM7,   SMPP_ASCII,     SMPP_OCTETS,      SMPP_LATIN1,
                                                SMPP_OCTETS, SMPP_SHIFT_JIS, SMPP_ISO_8859_5,  SMPP_ISO_8859_8,
                                                SMPP_UTF16,  SMPP_OCTETS,    SMPP_ISO_2022_JP, SMPP_OCTETS,
                                                SMPP_OCTETS, SMPP_EUC_JP,    SMPP_EUC_KR,      SMPP_OCTETS};
    /* by rows of four: 0x10 to 0x1f, 0x20 to 0x2f, ... */
    static const char *const rows[16] = {NULL,   "g8ug", "8888", "8888", "g8ug", "g8ug", "8888", "8888",
                                         "gggg", "gggg", "gggg", "gggg", "gggg", "gggg", "uuuu", "g8g8"};
    if (coding < 16) {
        return smpp[coding];
    }
    char alphabet = rows[coding / 16][coding % 16 / 4];
    return alphabet == 'g' ? SMPP_GSM7 : alphabet == 'u' ? SMPP_UTF16 : SMPP_OCTETS;
}

static void test_codings(void)
{
    for (unsigned coding = 0; coding < 256; coding++) {
        enum smpp_alphabet is = smpp_alphabet_of((uint8_t)coding, &defaults);
        UNIT_CHECK(is == expected_alphabet(coding), "data_coding %02x: %d", coding, is);
        struct smpp_text_settings others = {.data_coding_0 = SMPP_LATIN1, .data_coding_1 = SMPP_GSM7};
        enum smpp_alphabet wanted = coding == 0 ? SMPP_LATIN1 : coding == 1 ? SMPP_GSM7 : expected_alphabet(coding);
        is = smpp_alphabet_of((uint8_t)coding, &others);
        UNIT_CHECK(is == wanted, "data_coding %02x, of another peer: %d", coding, is);
    }
}

#define T SMPP_BODY_TEXT
#define B SMPP_BODY_OCTETS
#define M SMPP_BODY_MALFORMED

static const struct {
    enum smpp_alphabet alphabet;
    const char *octets; /* a '|' begins the next part */
    enum smpp_body kind;
    const char *body; /* NULL: the octets */
} bodies[] = {
    {SMPP_GSM7, "", T, ""},
    {SMPP_GSM7, "48656c6c6f2c20 1b65", T, "Hello, €"},
    {SMPP_GSM7, "41 1b|65 42", T, "A€B"}, /* an escape pair in two parts */
    {SMPP_GSM7, "411b|1b|42", T, "A B"},
    {SMPP_GSM7, "411b||65", T, "A€"},
    {SMPP_GSM7, "411b|", T, "A "},
    {SMPP_GSM7, "1b41", T, "A"},
    {SMPP_GSM7, "41ff42e443", M, NULL},
    {SMPP_GSM7, "4142|80", M, NULL},
    {SMPP_ASCII, "6463312040245f7b7d5b5d7e", T, "dc1 @$_{}[]~"},
    {SMPP_ASCII, "41|42", T, "AB"},
    {SMPP_ASCII, "4180", M, NULL},
    {SMPP_ASCII, "41|ff", M, NULL},
    {SMPP_LATIN1, "dc6eef636f646520e720453f", T, "Ünïcode ç E?"},
    {SMPP_LATIN1, "41|ff80", T, "Aÿ€"}, /* Windows-1252 */
    {SMPP_LATIN1, "446f6e9274", T, "Don’t"},
    {SMPP_LATIN1, "82 9f a0", T, "‚Ÿ\u00a0"},
    {SMPP_LATIN1, "81 8d 8f 90 9d", T, "\xc2\x81\xc2\x8d\xc2\x8f\xc2\x90\xc2\x9d"}, /* undefined ones */
    {SMPP_UTF8, "c3a9|f09f9880", T, "é😀"},
    {SMPP_UTF8, "c3|a9", T, "é"},
    {SMPP_UTF8, "c3|41", M, NULL},
    {SMPP_UTF8, "eda080", M, NULL},
    {SMPP_UTF16, "", T, ""},
    {SMPP_UTF16, "041f0440", T, "Пр"},
    {SMPP_UTF16, "00450020d83dde000041", T, "E 😀A"},
    {SMPP_UTF16, "d83d|de00", T, "😀"}, /* a surrogate pair in two parts */
    {SMPP_UTF16, "d8|3dde|00", T, "😀"},
    {SMPP_UTF16, "00|41", T, "A"},
    {SMPP_UTF16, "ffff", T, "\uffff"},
    {SMPP_UTF16, "dbffdfff", T, "\U0010ffff"},
    /* a byte order mark decides, and is no character; elsewhere it is one */
    {SMPP_UTF16, "feff0041", T, "A"},
    {SMPP_UTF16, "feff|0041", T, "A"},
    {SMPP_UTF16, "fffe4100", T, "A"},
    {SMPP_UTF16, "fffe3dd8|00de41|00", T, "😀A"},
    {SMPP_UTF16, "fffe", T, ""},
    {SMPP_UTF16, "feff|feff0041", T, "\ufeffA"},
    {SMPP_UTF16, "0041feff", T, "A\ufeff"},
    {SMPP_UTF16, "fffe00", M, NULL},
    {SMPP_UTF16, "feff", T, ""},
    {SMPP_UTF8, "efbbbfc3a9", T, "é"},
    {SMPP_UTF8, "41efbbbf", T, "A\ufeff"},
    {SMPP_LATIN1, "feff", T, "þÿ"},
    {SMPP_UTF16, "d83d", M, NULL},
    {SMPP_UTF16, "d83d0041", M, NULL},
    {SMPP_UTF16, "d83dd83dde00", M, NULL},
    {SMPP_UTF16, "de00", M, NULL},
    {SMPP_UTF16, "0041de00", M, NULL},
    {SMPP_UTF16, "de00d83d", M, NULL},
    {SMPP_UTF16, "004100", M, NULL}, /* an odd length */
    {SMPP_UTF16, "00", M, NULL},
    {SMPP_UTF16, "0041|00", M, NULL},
    {SMPP_ISO_8859_5, "bfe0d8d2d5e2", T, "Привет"},
    {SMPP_ISO_8859_5, "bfe0|d8d2d5e2", T, "Привет"},
    {SMPP_ISO_8859_5, "", T, ""},
    {SMPP_ISO_8859_8, "f9ece5ed", T, "שלום"},
    {SMPP_ISO_8859_8, "41fb", M, NULL},
    {SMPP_SHIFT_JIS, "93fa967b8cea", T, "日本語"},
    {SMPP_SHIFT_JIS, "93fa96|7b8cea", T, "日本語"},
    {SMPP_SHIFT_JIS, "93fa96", M, NULL},
    {SMPP_ISO_2022_JP, "1b2442467c4b5c386c1b2842", T, "日本語"},
    {SMPP_ISO_2022_JP, "1b2442467c4b|5c386c1b2842", T, "日本語"},
    {SMPP_ISO_2022_JP, "41424380", M, NULL},
    {SMPP_EUC_JP, "c6fccbdcb8ec", T, "日本語"},
    {SMPP_EUC_JP, "8fb0a1", T, "\u4e02"}, /* JIS X 0212 */
    {SMPP_EUC_JP, "c6fccb", M, NULL},
    {SMPP_EUC_KR, "c7d1b1db", T, "한글"},
    {SMPP_EUC_KR, "c7d1b1", M, NULL},
    {SMPP_OCTETS, "", B, NULL},
    {SMPP_OCTETS, "00010203ff8040", B, NULL},
    {SMPP_OCTETS, "0001||0203", B, NULL},
};

/* Cuts hexadecimal text with '|' into parts of one array of octets; returns how many. */
static size_t make_parts(struct smpp_part parts[4], uint8_t *octets, size_t cap, const char *hex, size_t *len,
                         enum smpp_alphabet alphabet)
{
    size_t count = 0;
    size_t used = 0;
    char piece[256];
    for (const char *at = hex;; at++) {
        size_t n = strcspn(at, "|");
        (void)snprintf(piece, sizeof(piece), "%.*s", (int)n, at);
        size_t part_len = unit_unhex(octets + used, cap - used, piece);
        parts[count++] = (struct smpp_part){.alphabet = alphabet, .octets = stir_view((char *)octets + used, part_len)};
        used += part_len;
        at += n;
        if (*at == '\0') {
            *len = used;
            return count;
        }
    }
}

static void test_bodies(void)
{
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct smpp_part parts[4];
        uint8_t octets[128];
        size_t n = 0;
        size_t count = make_parts(parts, octets, sizeof(octets), bodies[i].octets, &n, bodies[i].alphabet);
        struct stir_buf out = {0};
        enum smpp_body kind = 99;
        const char *expected = bodies[i].body ? bodies[i].body : (const char *)octets;
        size_t expected_n = bodies[i].body ? strlen(bodies[i].body) : n;
        stir_buf_puts(&out, "x"); /* what was there stays */
        UNIT_CODE(smpp_body_make(&out, &kind, parts, count, NULL), STIR_OK, bodies[i].octets);
        UNIT_CHECK(kind == bodies[i].kind, "alphabet %d, %s: kind %d", bodies[i].alphabet, bodies[i].octets, kind);
        UNIT_CHECK(out.len == expected_n + 1 && memcmp(out.ptr + 1, expected, expected_n) == 0,
                   "alphabet %d, %s: \"%s\"", bodies[i].alphabet, bodies[i].octets, out.ptr);
        stir_buf_free(&out);
    }
}

/* Parts of one message in different alphabets: each run of one alphabet is decoded by itself. */
static void test_mixed(void)
{
    static const struct {
        const char *label;
        struct {
            enum smpp_alphabet alphabet;
            const char *octets;
        } parts[4];
        size_t count;
        enum smpp_body kind;
        const char *body; /* NULL: the octets, joined */
    } rows[] = {
        {"GSM, then UCS-2", {{SMPP_GSM7, "4869 1b65"}, {SMPP_UTF16, "041f0440"}}, 2, T, "Hi€Пр"},
        {"UCS-2, GSM, UCS-2", {{SMPP_UTF16, "041f"}, {SMPP_GSM7, "00"}, {SMPP_UTF16, "0440"}}, 3, T, "П@р"},
        {"a pair of surrogates in a run", {{SMPP_GSM7, "41"}, {SMPP_UTF16, "d83d"}, {SMPP_UTF16, "de00"}}, 3, T, "A😀"},
        {"an escape at the end of a run", {{SMPP_GSM7, "411b"}, {SMPP_LATIN1, "65"}}, 2, T, "A e"},
        {"half a pair at the end of a run",
         {{SMPP_UTF16, "d83d"}, {SMPP_GSM7, "41"}, {SMPP_UTF16, "de00"}},
         3,
         M,
         NULL},
        {"a mark in a later run", {{SMPP_GSM7, "41"}, {SMPP_UTF16, "fffe4200"}}, 2, T, "AB"},
        {"text, then octets", {{SMPP_GSM7, "41"}, {SMPP_OCTETS, "ff"}}, 2, B, NULL},
        {"octets, then what is no text", {{SMPP_OCTETS, "41"}, {SMPP_GSM7, "ff"}}, 2, B, NULL},
        {"two charsets", {{SMPP_EUC_JP, "c6fc"}, {SMPP_EUC_KR, "c7d1"}}, 2, T, "日한"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smpp_part parts[4];
        uint8_t octets[64];
        size_t used = 0;
        for (size_t k = 0; k < rows[i].count; k++) {
            size_t n = unit_unhex(octets + used, sizeof(octets) - used, rows[i].parts[k].octets);
            parts[k] = (struct smpp_part){.alphabet = rows[i].parts[k].alphabet,
                                          .octets = stir_view((char *)octets + used, n)};
            used += n;
        }
        struct stir_buf out = {0};
        enum smpp_body kind = 99;
        UNIT_CODE(smpp_body_make(&out, &kind, parts, rows[i].count, NULL), STIR_OK, rows[i].label);
        const char *expected = rows[i].body ? rows[i].body : (const char *)octets;
        size_t n = rows[i].body ? strlen(expected) : used;
        UNIT_CHECK(kind == rows[i].kind, "%s: kind %d", rows[i].label, kind);
        UNIT_CHECK(out.len == n && memcmp(out.ptr, expected, n) == 0, "%s: \"%s\"", rows[i].label, out.ptr);
        stir_buf_free(&out);
    }
}

/* A limit of the body is an error that sticks, and leaves what was there. */
static void test_limits(void)
{
    static const enum smpp_alphabet alphabets[] = {SMPP_GSM7,  SMPP_LATIN1, SMPP_UTF16,
                                                   SMPP_ASCII, SMPP_EUC_KR, SMPP_OCTETS};
    struct smpp_part part = {.octets = stir_view_str("abcdefgh")};
    for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++) {
        size_t need = alphabets[i] == SMPP_UTF16 ? 12 : 8;
        for (size_t limit = 1; limit <= need + 1; limit++) {
            struct stir_buf out = {.limit = limit};
            enum smpp_body kind = 99;
            stir_buf_puts(&out, "x");
            part.alphabet = alphabets[i];
            enum stir_code code = smpp_body_make(&out, &kind, &part, 1, NULL);
            UNIT_CHECK(code == (limit <= need ? STIR_E_TOO_BIG : STIR_OK), "alphabet %d, %zu octets", alphabets[i],
                       limit);
            UNIT_CHECK(code == STIR_OK || (kind == 99 && out.len == 1 && stir_buf_state(&out) == STIR_E_TOO_BIG),
                       "alphabet %d, %zu octets: out %zu", alphabets[i], limit, out.len);
            stir_buf_free(&out);
        }
    }
}

/*
 * A message sent as SMS, however coded and cut, and the same text in the body of a SIP MESSAGE have one msgi. The
 * digests are sha256sum's over the bodies' octets.
 */
#define SIP_BODY_1 "5a61686c756e6720c3bc62657220313220e282ac20657268616c74656e2e207bc384c396c39cc39f7d2040686f6d65"
#define MSGI_1 "sha256-CV/L9GKgJfAfAXyQp+3P0cDRUWWATlgBl4f1vrjGYaY="
#define SIP_BODY_2 "426973207370c3a474657220f09f9880f09f9a8020e2809420d09fd180d0b8d0b2d0b5d182"
#define MSGI_2 "sha256-/zyjnb91ldjOsj5rZn6Jouo1UKN+JQo14ugmXpCqf3c="

static const struct {
    const char *msgi;
    const char *sip_body;
    const struct smpp_text_settings *settings;
    uint8_t esm_class;
    uint8_t data_coding;
    const char *segments[3]; /* with their user data headers */
} same_messages[] = {
    {MSGI_1,
     SIP_BODY_1,
     &defaults,
     0x00,
     0x00,
     {"5a61686c756e67207e626572203132201b6520657268616c74656e2e201b285b5c5e1e1b292000686f6d65"}},
    {MSGI_1,
     SIP_BODY_1,
     &defaults,
     0x40,
     0x00,
     {"0500032a0201 5a61686c756e67207e626572203132201b",
      "0500032a0202 6520657268616c74656e2e201b285b5c5e1e1b292000686f6d65"}},
    {MSGI_1,
     SIP_BODY_1,
     &packing,
     0x00,
     0x00,
     {"da309a5d779f417e71590e8ac9409b32a82c4787d9f4b2db05daa0b65caf67930201d0ef7619"}},
    {MSGI_1,
     SIP_BODY_1,
     &packing,
     0x40,
     0xf0,
     {"0500032a0201 b46134bbee3e83fce2b21c14938136", "0500032a0202 caa0b21c1d66d3cb6e176883da72bd9e4d0a0440bfdb65"}},
    {MSGI_1,
     SIP_BODY_1,
     &defaults,
     0x00,
     0x08,
     {"005a00610068006c0075006e0067002000fc006200650072002000310032002020ac00200065007200680061006c00740065006e002e0020"
      "007b00c400d600dc00df007d002000400068006f006d0065"}},
    {MSGI_1,
     SIP_BODY_1,
     &packing,
     0x00,
     0x18, /* packing is for septets only */
     {"005a00610068006c0075006e0067002000fc006200650072002000310032002020ac00200065007200680061006c00740065006e002e0020"
      "007b00c400d600dc00df007d002000400068006f006d0065"}},
    {MSGI_2,
     SIP_BODY_2,
     &defaults,
     0x00,
     0x08,
     {"00420069007300200073007000e40074006500720020d83dde00d83dde80002020140020041f04400438043204350442"}},
    {MSGI_2,
     SIP_BODY_2,
     &defaults,
     0x40,
     0x08,
     {"060804 12340201 00420069007300200073007000e40074006500720020d83d",
      "060804 12340202 de00d83dde80002020140020041f04400438043204350442"}},
};

static void test_msgi(void)
{
    for (size_t i = 0; i < sizeof(same_messages) / sizeof(same_messages[0]); i++) {
        struct smpp_part parts[3];
        struct stir_buf unpacked[3] = {0};
        uint8_t octets[3][256];
        struct smpp_segment segment = {0};
        size_t count = 0;
        for (; count < 3 && same_messages[i].segments[count]; count++) {
            size_t n = unit_unhex(octets[count], sizeof(octets[0]), same_messages[i].segments[count]);
            UNIT_OK(smpp_segment_read(&segment, same_messages[i].esm_class, same_messages[i].data_coding,
                                      stir_view((char *)octets[count], n), &(struct smpp_sar){0},
                                      same_messages[i].settings, &unpacked[count], NULL));
            parts[count] = segment.part;
        }
        struct stir_buf body = {0};
        enum smpp_body kind = SMPP_BODY_MALFORMED;
        char msgi[STIR_MSGI_MAX];
        uint8_t sip_body[128];
        size_t sip_n = unit_unhex(sip_body, sizeof(sip_body), same_messages[i].sip_body);
        UNIT_OK(smpp_body_make(&body, &kind, parts, count, NULL));
        UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, body.ptr, body.len, NULL));
        UNIT_STR(msgi, same_messages[i].msgi, "the SMS");
        UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, sip_body, sip_n, NULL));
        UNIT_STR(msgi, same_messages[i].msgi, "the SIP MESSAGE");
        CU_ASSERT_EQUAL(kind, SMPP_BODY_TEXT);
        stir_buf_free(&body);
        for (size_t k = 0; k < 3; k++) {
            stir_buf_free(&unpacked[k]);
        }
    }
}

static const struct {
    const char *octets;
    uint8_t esm_class;
    uint8_t data_coding;
    bool packed;
    struct smpp_sar sar;
    enum stir_code code;
    const char *part; /* in hexadecimal */
    struct smpp_place place;
    bool impossible;
    bool ambiguous;
    uint8_t locking;
} segments[] = {
    {"4142", 0, 0, false, {0}, STIR_OK, "4142", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    {"", 0, 0, false, {0}, STIR_OK, "", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    {"0500032a0301 4142", 0, 0, false, {0}, STIR_OK, "0500032a03014142", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    {"0500032a0301 4142", 0x40, 0, false, {0}, STIR_OK, "4142", {SMPP_REF_8, 0x2a, 3, 1}, false, false, 0},
    {"0500032a0301", 0xc3, 0, false, {0}, STIR_OK, "", {SMPP_REF_8, 0x2a, 3, 1}, false, false, 0},
    {"0800032a0301 250106 4142", 0x40, 0, false, {0}, STIR_OK, "4142", {SMPP_REF_8, 0x2a, 3, 1}, false, false, 6},
    {"4142",
     0,
     0,
     false,
     {true, .ref = 0x1237, .total = 3, .segment = 2},
     STIR_OK,
     "4142",
     {SMPP_REF_SAR, 0x1237, 3, 2},
     false,
     false,
     0},
    {"4142",
     0,
     0,
     false,
     {true, .ref = 0x1237, .total = 1, .segment = 1},
     STIR_OK,
     "4142",
     {SMPP_REF_NONE, 0, 1, 1},
     false,
     false,
     0},
    {"4142",
     0,
     0,
     false,
     {true, .ref = 0x1237, .total = 3, .segment = 0},
     STIR_OK,
     "4142",
     {SMPP_REF_NONE, 0, 1, 1},
     true,
     false,
     0},
    {"4142",
     0,
     0,
     false,
     {true, .ref = 0x1237, .total = 3, .segment = 4},
     STIR_OK,
     "4142",
     {SMPP_REF_NONE, 0, 1, 1},
     true,
     false,
     0},
    {"0500032a0304 4142", 0x40, 0, false, {0}, STIR_OK, "4142", {SMPP_REF_NONE, 0, 1, 1}, true, false, 0},
    /* both: the header, which goes to the handset, whatever the TLVs' reference; and a mark if they count otherwise */
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2a, .total = 3, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     false,
     false,
     0},
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x12a, .total = 3, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     false,
     false,
     0},
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2b, .total = 3, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     false,
     false,
     0},
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2b, .total = 1, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     false,
     false,
     0},
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2b, .total = 3, .segment = 4},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     true,
     false,
     0},
    {"0500032a0301 41", 0x40, 0, false, {.differs = true}, STIR_OK, "41", {SMPP_REF_8, 0x2a, 3, 1}, false, false, 0},
    {"41", 0, 0, false, {.differs = true}, STIR_OK, "41", {SMPP_REF_NONE, 0, 1, 1}, false, true, 0},
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2a, .total = 3, .segment = 2},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     false,
     true,
     0},
    {"0500032a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2a, .total = 2, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_8, 0x2a, 3, 1},
     false,
     true,
     0},
    {"060804002a0301 41",
     0x40,
     0,
     false,
     {true, .ref = 0x12a, .total = 3, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_16, 0x2a, 3, 1},
     false,
     false,
     0},
    {"0500032a0101 41",
     0x40,
     0,
     false,
     {true, .ref = 0x2a, .total = 3, .segment = 1},
     STIR_OK,
     "41",
     {SMPP_REF_SAR, 0x2a, 3, 1},
     false,
     false,
     0},
    {"0605040b8423f0 41",
     0x40,
     4,
     false,
     {true, .ref = 7, .total = 2, .segment = 2},
     STIR_OK,
     "41",
     {SMPP_REF_SAR, 7, 2, 2},
     false,
     false,
     0},
    /* packed, behind headers of 6, 7 (aligned) and 5 octets */
    {"e8329bfd4697d9ec37", 0, 0, true, {0}, STIR_OK, "68656c6c6f68656c6c6f", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    {"0500032a0301 82", 0x40, 0, true, {0}, STIR_OK, "41", {SMPP_REF_8, 0x2a, 3, 1}, false, false, 0},
    {"060804002a0301 41", 0x40, 0, true, {0}, STIR_OK, "41", {SMPP_REF_16, 0x2a, 3, 1}, false, false, 0},
    {"0404020102 04 01", 0x40, 0, true, {0}, STIR_OK, "4100", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    {"e8329bfd", 0, 4, true, {0}, STIR_OK, "e8329bfd", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    {"", 0, 0, true, {0}, STIR_OK, "", {SMPP_REF_NONE, 0, 1, 1}, false, false, 0},
    /* no header where one is said to be, or too long a one */
    {"", 0x40, 0, false, {0}, STIR_E_PROTOCOL, "", {0}, false, false, 0},
    {"ff000301", 0x40, 0, false, {0}, STIR_E_PROTOCOL, "", {0}, false, false, 0},
    {"05", 0x40, 0, true, {0}, STIR_E_PROTOCOL, "", {0}, false, false, 0},
};

static void test_segments(void)
{
    for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        uint8_t octets[64];
        uint8_t part[64];
        size_t n = unit_unhex(octets, sizeof(octets), segments[i].octets);
        size_t part_n = unit_unhex(part, sizeof(part), segments[i].part);
        struct stir_buf unpacked = {0};
        struct smpp_segment is = {.place.total = 77};
        const struct smpp_place *place = &segments[i].place;
        char label[80];
        (void)snprintf(label, sizeof(label), "row %zu: %s", i, segments[i].octets);
        enum stir_code code =
            smpp_segment_read(&is, segments[i].esm_class, segments[i].data_coding, stir_view((char *)octets, n),
                              &segments[i].sar, segments[i].packed ? &packing : &defaults, &unpacked, NULL);
        UNIT_CODE(code, segments[i].code, label);
        if (code == STIR_OK) {
            UNIT_CHECK(is.part.octets.len == part_n && (part_n == 0 || memcmp(is.part.octets.ptr, part, part_n) == 0),
                       "%s: %zu octets of text", label, is.part.octets.len);
            UNIT_CHECK(is.place.kind == place->kind && is.place.ref == place->ref && is.place.total == place->total &&
                           is.place.number == place->number,
                       "%s: kind %d ref %x, %d of %d", label, is.place.kind, is.place.ref, is.place.number,
                       is.place.total);
            UNIT_CHECK(is.impossible == segments[i].impossible && is.ambiguous == segments[i].ambiguous &&
                           is.part.locking == segments[i].locking,
                       "%s: impossible %d, ambiguous %d, language %d", label, is.impossible, is.ambiguous,
                       is.part.locking);
        } else {
            UNIT_CHECK(is.place.total == 77, "%s: out was touched", label);
        }
        stir_buf_free(&unpacked);
    }
    struct stir_buf small = {.limit = 4};
    struct smpp_segment is;
    UNIT_CODE(smpp_segment_read(&is, 0, 0, stir_view_str("abcdefg"), &(struct smpp_sar){0}, &packing, &small, NULL),
              STIR_E_TOO_BIG, "more than may be unpacked");
    stir_buf_free(&small);
}

/* What Kannel sent in one piece reads as what it was asked to send. Three it damages itself (mt10, mt11, mt27). */
static void test_kannel(void)
{
    struct kannel pdu;
    unsigned messages = 0;
    UNIT_NEED(kannel_open(&pdu) ? pdu.f : NULL);
    while (kannel_next(&pdu)) {
        struct smpp_segment segment;
        struct stir_buf unpacked = {0};
        struct stir_buf body = {0};
        enum smpp_body kind = SMPP_BODY_MALFORMED;
        enum stir_code code =
            smpp_segment_read(&segment, pdu.esm_class, pdu.data_coding, pdu.text, &pdu.sar, &defaults, &unpacked, NULL);
        UNIT_CODE(code, strcmp(pdu.name, "mo18_bad_udhl") == 0 ? STIR_E_PROTOCOL : STIR_OK, pdu.name);
        bool receipt = strncmp(pdu.name, "dlr_", 4) == 0;
        bool damaged =
            strncmp(pdu.name, "mt10", 4) == 0 || strncmp(pdu.name, "mt11", 4) == 0 || strncmp(pdu.name, "mt27", 4) == 0;
        if (code == STIR_OK && segment.place.kind == SMPP_REF_NONE && pdu.asked_text && !damaged && !receipt) {
            UNIT_OK(smpp_body_make(&body, &kind, &segment.part, 1, NULL));
            UNIT_STR(body.ptr ? body.ptr : "", pdu.asked_text, pdu.name);
            UNIT_CHECK(kind == SMPP_BODY_TEXT, "%s: kind %d", pdu.name, kind);
            messages++;
        }
        stir_buf_free(&body);
        stir_buf_free(&unpacked);
    }
    UNIT_CHECK(messages >= 28, "only %u messages were looked at", messages);
    kannel_close(&pdu);
}

UNIT_MAIN("smpp_text", {"data_coding", test_codings}, {"bodies", test_bodies},
          {"F20: segments in different alphabets", test_mixed}, {"limits", test_limits},
          {"SMS and SIP MESSAGE have one msgi", test_msgi}, {"segments", test_segments},
          {"Kannel's messages", test_kannel})
