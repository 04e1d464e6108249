/* SPDX-License-Identifier: MIT */
#include "common/jose/b64.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

/* RFC 4648 section 10, and what only base64url or only base64 has. */
static const struct {
    const char *octets;
    const char *std;
    const char *url;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+", "-__-"},
    {"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+", "FPucA9l-"},
};

static void test_vectors(void)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t n = strlen(vectors[i].octets);
        char text[32] = {0};
        uint8_t back[32];
        size_t len = 99;
        CU_ASSERT_EQUAL(stir_b64_encode(text, vectors[i].octets, n), strlen(vectors[i].std));
        CU_ASSERT_EQUAL(stir_b64_len(n), strlen(vectors[i].std));
        UNIT_STR(text, vectors[i].std, "base64");
        UNIT_OK(stir_b64_decode(back, sizeof(back), &len, text, strlen(text)));
        CU_ASSERT(len == n && memcmp(back, vectors[i].octets, n) == 0);

        memset(text, 0, sizeof(text));
        CU_ASSERT_EQUAL(stir_b64url_encode(text, vectors[i].octets, n), strlen(vectors[i].url));
        CU_ASSERT_EQUAL(stir_b64url_len(n), strlen(vectors[i].url));
        UNIT_STR(text, vectors[i].url, "base64url");
        UNIT_OK(stir_b64url_decode(back, sizeof(back), &len, text, strlen(text)));
        CU_ASSERT(len == n && memcmp(back, vectors[i].octets, n) == 0);
    }
}

static const struct {
    const char *text;
    size_t n;
} bad_url[] = {
    {"Z", 1},            /* no octet has six bits */
    {"Zm9vY", 5},        /* the same behind a full group */
    {"Zg==", 4},         /* padding */
    {"Zm8=", 4},         /* padding */
    {"Zh", 2},           /* stray bits: f is Zg */
    {"Zm9", 3},          /* stray bits: fo is Zm8 */
    {"Zm9vYh", 6},       /* stray bits behind a full group */
    {"Zm9v\n", 5},       /* white space at the end */
    {"Zm 9v", 5},        /* and within */
    {"Zm9 ", 4},         /* in place of a character */
    {" Zm9v", 5},        /* and before */
    {"+//+", 4},         /* the other alphabet */
    {"Zm9/", 4},         /* the other alphabet */
    {"Zm\0v", 4},        /* NUL */
    {"Zm9\x80", 4},      /* an octet that is negative as a char */
    {"\xff\xff", 2},     /* two of them */
    {"Zm9v.Zm9v", 9},    /* a token's separator */
    {"Zm9vZm9vZ*9v", 12} /* late in the text */
};

static const struct {
    const char *text;
    size_t n;
} bad_std[] = {
    {"Zg", 2},         /* padding is missing */
    {"Zg=", 3},        /* half of it */
    {"Zm8", 3},        /* padding is missing */
    {"Zg===", 5},      /* too much */
    {"Zm9v=", 5},      /* padding where there is nothing to pad */
    {"Zm9v==", 6},     /* the same */
    {"Zm9v====", 8},   /* a group of padding */
    {"====", 4},       /* nothing but padding */
    {"=", 1},          /* a single one */
    {"Z===", 4},       /* six bits */
    {"Zg==Zg==", 8},   /* padding within */
    {"Zh==", 4},       /* stray bits */
    {"Zm9=", 4},       /* stray bits */
    {"-__-", 4},       /* the other alphabet */
    {"Zm9v\r\n", 6},   /* a line end */
    {"Zm9v \r\n ", 8}, /* the same, of a length that fits */
};

typedef enum stir_code decode_fn(uint8_t *out, size_t cap, size_t *len, const char *text, size_t n);

static void check_refused(decode_fn *decode, const char *text, size_t n)
{
    uint8_t out[32];
    size_t len = 99;
    char *exact = malloc(n); /* so that a sanitizer sees a read past the end */
    memcpy(exact, text, n);
    UNIT_CODE(decode(out, sizeof(out), &len, exact, n), STIR_E_BASE64, text);
    CU_ASSERT_EQUAL(len, 0);
    free(exact);
}

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++) {
        check_refused(stir_b64url_decode, bad_url[i].text, bad_url[i].n);
    }
    for (size_t i = 0; i < sizeof(bad_std) / sizeof(bad_std[0]); i++) {
        check_refused(stir_b64_decode, bad_std[i].text, bad_std[i].n);
    }
}

/* Every octet in every place of a text, whose groups are not all dealt with in the same way: accepted exactly if it is
 * in the alphabet. */
static void check_alphabet(size_t n)
{
    const char *both = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int c = 0; c < 256; c++) {
        bool common = c != 0 && strchr(both, c) != NULL;
        for (size_t place = 0; place < n; place++) {
            char text[64];
            uint8_t out[48];
            size_t len = 0;
            memset(text, 'A', n);
            text[place] = (char)c;
            bool url = stir_b64url_decode(out, n / 4 * 3, &len, text, n) == STIR_OK;
            UNIT_CHECK(url == (common || c == '-' || c == '_'), "base64url: octet %02x at %zu", (unsigned)c, place);
            bool std = stir_b64_decode(out, n / 4 * 3, &len, text, n) == STIR_OK;
            bool padding = c == '=' && place == n - 1;
            UNIT_CHECK(std == (common || c == '+' || c == '/' || padding), "base64: octet %02x at %zu", (unsigned)c,
                       place);
        }
    }
}

static void test_alphabet(void)
{
    check_alphabet(4);
    check_alphabet(64);
}

/* A long text is what its groups are, one by one: 0 to 63 in each place, in both alphabets, written out here anew. */
static void test_groups(void)
{
    static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t octets[3 * 64 * 4], back[sizeof(octets)];
    char want[4 * 64 * 4], got[sizeof(want)];
    for (unsigned i = 0; i < 256; i++) {
        const unsigned value[4] = {i % 64, (i + 21) % 64, (5 * i + 3) % 64, 63 - i % 64};
        unsigned v = value[0] << 18 | value[1] << 12 | value[2] << 6 | value[3];
        for (unsigned place = 0; place < 4; place++) {
            want[(size_t)4 * i + place] = url[value[place]];
        }
        for (unsigned j = 0; j < 3; j++) {
            octets[(size_t)3 * i + j] = (uint8_t)(v >> (16 - 8 * j));
        }
    }
    size_t len = 0;
    CU_ASSERT_EQUAL(stir_b64url_encode(got, octets, sizeof(octets)), sizeof(want));
    CU_ASSERT(memcmp(got, want, sizeof(want)) == 0);
    UNIT_OK(stir_b64url_decode(back, sizeof(back), &len, want, sizeof(want)));
    CU_ASSERT(len == sizeof(octets) && memcmp(back, octets, len) == 0);
    for (size_t i = 0; i < sizeof(want); i++) {
        want[i] = want[i] == '-' ? '+' : want[i] == '_' ? '/' : want[i];
    }
    CU_ASSERT_EQUAL(stir_b64_encode(got, octets, sizeof(octets)), sizeof(want));
    CU_ASSERT(memcmp(got, want, sizeof(want)) == 0);
    memset(back, 0, sizeof(back));
    UNIT_OK(stir_b64_decode(back, sizeof(back), &len, want, sizeof(want)));
    CU_ASSERT(len == sizeof(octets) && memcmp(back, octets, len) == 0);
}

/* Whatever is in the octets, what was encoded is decoded; and no other text decodes to it. */
typedef size_t encode_fn(char *out, const void *data, size_t n);

/* All rooms are exact, so that a sanitizer sees what is beyond. */
static void check_round_trip(encode_fn *encode, size_t chars, decode_fn *decode, size_t n)
{
    uint8_t *octets = malloc(n ? n : 1), *back = malloc(n ? n : 1);
    char *text = malloc(chars ? chars : 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        octets[i] = (uint8_t)random();
    }
    CU_ASSERT_EQUAL(encode(text, octets, n), chars);
    CU_ASSERT(n <= stir_b64_decoded_max(chars));
    UNIT_OK(decode(back, n, &len, text, chars));
    CU_ASSERT(len == n && memcmp(back, octets, n) == 0);
    free(octets);
    free(back);
    free(text);
}

static void test_round_trips(void)
{
    srandom(1);
    for (size_t n = 0; n <= 67; n++) {
        check_round_trip(stir_b64url_encode, stir_b64url_len(n), stir_b64url_decode, n);
        check_round_trip(stir_b64_encode, stir_b64_len(n), stir_b64_decode, n);
    }
}

static void test_room(void)
{
    uint8_t out[8];
    size_t len = 0;
    memset(out, 0xee, sizeof(out));
    UNIT_CODE(stir_b64url_decode(out, 5, &len, "Zm9vYmFy", 8), STIR_E_TOO_BIG, "one octet short");
    CU_ASSERT_EQUAL(len, 0);
    UNIT_CODE(stir_b64_decode(out, 4, &len, "Zm9vYmE=", 8), STIR_E_TOO_BIG, "one octet short, padded");
    CU_ASSERT_EQUAL(out[0], 0xee);
    UNIT_OK(stir_b64url_decode(out, 6, &len, "Zm9vYmFy", 8));
    CU_ASSERT(len == 6 && out[6] == 0xee);
    UNIT_OK(stir_b64_decode(out, 5, &len, "Zm9vYmE=", 8));
    CU_ASSERT(len == 5);
    UNIT_OK(stir_b64url_decode(NULL, 0, &len, "", 0));
    UNIT_OK(stir_b64_decode(NULL, 0, &len, NULL, 0));
    UNIT_CODE(stir_b64url_decode(NULL, 0, &len, "Zg", 2), STIR_E_TOO_BIG, "no room at all");
}

UNIT_MAIN("b64", {"RFC 4648 section 10", test_vectors}, {"what is no base64", test_refusals},
          {"each octet in each place", test_alphabet}, {"each value in each place", test_groups},
          {"round trips of every length", test_round_trips}, {"room for the octets", test_room})
