/* SPDX-License-Identifier: MIT */
#include "common/jose/b64_vector.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define SSSE3 __attribute__((target("ssse3")))
#define STEP 16 /* characters, of 12 octets */

/*
 * Encoding. The values 0 to 63 fall into five ranges, each with a distance to its characters; a saturated subtraction
 * gives every range but the first two an index of its own, and a comparison parts those.
 */
struct encoding {
    int8_t distance[16];
};

#define DIGITS ('0' - 52)
static const struct encoding encodings[] = {
    [STIR_B64_STD] = {{'a' - 26, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS,
                       '+' - 62, '/' - 63, 'A'}},
    [STIR_B64_URL] = {{'a' - 26, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS,
                       '-' - 62, '_' - 63, 'A'}},
};
#define FIRST 13 /* where the distance of 'A' to 'Z' is */

/* Spreads twelve octets into sixteen values of six bits. */
SSSE3 static __m128i b64_vector_spread(__m128i octets)
{
    /* in each 32 bits the three octets of a group, as b a c b: every value lies within one of the two halves */
    __m128i groups = _mm_shuffle_epi8(octets, _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    __m128i first_third = _mm_mulhi_epu16(_mm_and_si128(groups, _mm_set1_epi32(0x0fc0fc00)),
                                          _mm_set1_epi32(0x04000040)); /* shifted right by 10 and by 6 */
    __m128i second_fourth = _mm_mullo_epi16(_mm_and_si128(groups, _mm_set1_epi32(0x003f03f0)),
                                            _mm_set1_epi32(0x01000010)); /* shifted left by 4 and by 8 */
    return _mm_or_si128(first_third, second_fourth);
}

SSSE3 static size_t b64_vector_encode(char *out, const uint8_t *in, size_t n, const struct encoding *encoding)
{
    const __m128i distance = _mm_loadu_si128((const __m128i *)encoding->distance);
    size_t at = 0;
    for (; n - at >= STEP; at += 12, out += STEP) {
        __m128i values = b64_vector_spread(_mm_loadu_si128((const __m128i *)(in + at)));
        __m128i index = _mm_subs_epu8(values, _mm_set1_epi8(51));
        __m128i capital = _mm_cmpgt_epi8(_mm_set1_epi8(26), values);
        index = _mm_or_si128(index, _mm_and_si128(capital, _mm_set1_epi8(FIRST)));
        _mm_storeu_si128((__m128i *)out, _mm_add_epi8(values, _mm_shuffle_epi8(distance, index)));
    }
    return at;
}

/*
 * Decoding. A character is valid if no class is set both in what its lower half may not be in and in what its upper
 * half stands for. The upper half also gives the distance to the value, but for one character that shares it with
 * others ('/' with '+', '_' with 'P' to 'Z'): for that one some of its bits are turned.
 */
enum {
    ALWAYS = 0x10, /* upper halves of no character */
    TWO = 0x01,    /* '+', '/' or '-' */
    THREE = 0x02,  /* '0' to '9' */
    LETTERS = 0x04,
    FIVE = 0x08, /* 'P' to 'Z', and '_' */
    SEVEN = 0x20,
};

struct decoding {
    uint8_t not_lower[16]; /* classes that this lower half is not in */
    int8_t distance[16];
    char odd; /* the character whose upper half is another's, too */
    char turn;
};

#define UPPER ALWAYS, ALWAYS, TWO, THREE, LETTERS, FIVE, LETTERS, SEVEN
static const struct decoding decodings[] = {
    [STIR_B64_STD] = {.not_lower = {ALWAYS | TWO | LETTERS,              /* 0 P p */
                                    ALWAYS | TWO,                        /* 1 A Q a q */
                                    ALWAYS | TWO, ALWAYS | TWO,          /* 2 3 */
                                    ALWAYS | TWO, ALWAYS | TWO,          /* 4 5 */
                                    ALWAYS | TWO, ALWAYS | TWO,          /* 6 7 */
                                    ALWAYS | TWO, ALWAYS | TWO,          /* 8 9 */
                                    ALWAYS | TWO | THREE,                /* J Z j z */
                                    ALWAYS | THREE | FIVE | SEVEN,       /* + K k */
                                    ALWAYS | TWO | THREE | FIVE | SEVEN, /* L l */
                                    ALWAYS | TWO | THREE | FIVE | SEVEN, /* M m */
                                    ALWAYS | TWO | THREE | FIVE | SEVEN, /* N n */
                                    ALWAYS | THREE | FIVE | SEVEN},      /* / O o */
                      .distance = {0, 63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a'},
                      .odd = '/',
                      .turn = 3 /* 2 to 1 */},
    [STIR_B64_URL] = {.not_lower = {ALWAYS | TWO | LETTERS, ALWAYS | TWO, ALWAYS | TWO, ALWAYS | TWO, ALWAYS | TWO,
                                    ALWAYS | TWO, ALWAYS | TWO, ALWAYS | TWO, ALWAYS | TWO, ALWAYS | TWO,
                                    ALWAYS | TWO | THREE,                /* J Z j z */
                                    ALWAYS | TWO | THREE | FIVE | SEVEN, /* K k */
                                    ALWAYS | TWO | THREE | FIVE | SEVEN, /* L l */
                                    ALWAYS | THREE | FIVE | SEVEN,       /* - M m */
                                    ALWAYS | TWO | THREE | FIVE | SEVEN, /* N n */
                                    ALWAYS | TWO | THREE | SEVEN},       /* _ O o */
                      .distance = {0, 0, 62 - '-', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 63 - '_'},
                      .odd = '_',
                      .turn = 13 /* 5 to 8 */},
};

/* Gathers sixteen values of six bits into twelve octets, and clears the rest. */
SSSE3 static __m128i b64_vector_gather(__m128i values)
{
    __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140)); /* a << 6 | b */
    __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));    /* ab << 12 | cd */
    return _mm_shuffle_epi8(groups, _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
}

/* As long as there are 24 characters, there is room for the 16 octets that are stored. */
SSSE3 static size_t b64_vector_decode(uint8_t *out, const uint8_t *in, size_t n, const struct decoding *decoding,
                                      bool *valid)
{
    const __m128i half = _mm_set1_epi8(0x0f);
    const __m128i not_lower = _mm_loadu_si128((const __m128i *)decoding->not_lower);
    const __m128i upper_is = _mm_setr_epi8(UPPER, ALWAYS, ALWAYS, ALWAYS, ALWAYS, ALWAYS, ALWAYS, ALWAYS, ALWAYS);
    const __m128i distance = _mm_loadu_si128((const __m128i *)decoding->distance);
    const __m128i odd = _mm_set1_epi8(decoding->odd);
    const __m128i turn = _mm_set1_epi8(decoding->turn);
    __m128i bad = _mm_setzero_si128();
    size_t at = 0;
    for (; n - at >= STEP + 8; at += STEP, out += 12) {
        __m128i text = _mm_loadu_si128((const __m128i *)(in + at));
        __m128i upper = _mm_and_si128(_mm_srli_epi16(text, 4), half);
        __m128i lower = _mm_and_si128(text, half);
        bad = _mm_or_si128(bad, _mm_and_si128(_mm_shuffle_epi8(not_lower, lower), _mm_shuffle_epi8(upper_is, upper)));
        __m128i index = _mm_xor_si128(upper, _mm_and_si128(_mm_cmpeq_epi8(text, odd), turn));
        __m128i values = _mm_add_epi8(text, _mm_shuffle_epi8(distance, index));
        _mm_storeu_si128((__m128i *)out, b64_vector_gather(values));
    }
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) != 0xffff) {
        *valid = false;
    }
    return at;
}

size_t stir_b64_vector_encode(char *out, const uint8_t *in, size_t n, enum stir_b64_alphabet alphabet)
{
    return n >= STEP && __builtin_cpu_supports("ssse3") ? b64_vector_encode(out, in, n, &encodings[alphabet]) : 0;
}

size_t stir_b64_vector_decode(uint8_t *out, const uint8_t *in, size_t n, enum stir_b64_alphabet alphabet, bool *valid)
{
    return n >= STEP + 8 && __builtin_cpu_supports("ssse3") ? b64_vector_decode(out, in, n, &decodings[alphabet], valid)
                                                            : 0;
}

#else

size_t stir_b64_vector_encode(char *out, const uint8_t *in, size_t n, enum stir_b64_alphabet alphabet)
{
    (void)out;
    (void)in;
    (void)n;
    (void)alphabet;
    return 0;
}

size_t stir_b64_vector_decode(uint8_t *out, const uint8_t *in, size_t n, enum stir_b64_alphabet alphabet, bool *valid)
{
    (void)out;
    (void)in;
    (void)n;
    (void)alphabet;
    (void)valid;
    return 0;
}

#endif
