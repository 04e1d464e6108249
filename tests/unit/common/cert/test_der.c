/* SPDX-License-Identifier: MIT */
#include "common/cert/der.h"

#include "common/cert/pem.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static uint8_t *exact(const char *hex, size_t *n)
{
    size_t cap = strlen(hex) / 2;
    uint8_t *octets = malloc(cap ? cap : 1); /* just as large, so that a sanitizer sees a read past the end */
    *n = octets ? unit_unhex(octets, cap, hex) : 0;
    return octets;
}

static void test_enter(void)
{
    static const struct {
        const char *hex;
        bool good;
        size_t content;
    } rows[] = {
        {"3000", true, 0},
        {"300100", true, 1},
        {"3001", false, 0},
        {"30", false, 0},
        {"", false, 0},
        {"3100", false, 0},
        {"308100", false, 0},
        {"30810100", false, 0},
        {"3080", false, 0},
        {"30800000", false, 0},
        {"30ff00", false, 0},
        {"3082000100", false, 0},
        {"30820000", false, 0},
        {"3084", false, 0},
        {"3084ffffffff", false, 0},
        {"308500000000010000", false, 0},
        {"30030000", false, 0},
        {"30fe00000000", false, 0},
        {"3084000000", false, 0},
        {"30810000", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = 0;
        uint8_t *octets = exact(rows[i].hex, &n);
        struct stir_der in = stir_der(octets, n);
        struct stir_der inner = stir_der_enter(&in, STIR_DER_SEQUENCE);
        UNIT_CHECK(inner.failed == !rows[i].good && in.failed == !rows[i].good, "%s", rows[i].hex);
        UNIT_CHECK(inner.left == rows[i].content && stir_der_done(&in) == rows[i].good, "%s: left", rows[i].hex);
        free(octets);
    }
}

/* Lengths around those that take an octet more, written and read; one octet short is refused. */
static void test_lengths(void)
{
    static const struct {
        size_t n;
        size_t header;
    } rows[] = {{0, 2}, {1, 2}, {127, 2}, {128, 3}, {255, 3}, {256, 4}, {65535, 4}, {65536, 5}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_buf put = {0};
        struct stir_buf wrapped = {0};
        char *content = calloc(1, rows[i].n + 1);
        stir_der_put(&put, STIR_DER_SEQUENCE, content, rows[i].n);
        stir_buf_puts(&wrapped, "x");
        stir_buf_put(&wrapped, content, rows[i].n);
        stir_der_wrap(&wrapped, 1, STIR_DER_SEQUENCE);
        UNIT_CHECK(put.len == rows[i].header + rows[i].n, "%zu octets: %zu", rows[i].n, put.len);
        UNIT_CHECK(wrapped.len == put.len + 1 && memcmp(wrapped.ptr + 1, put.ptr, put.len) == 0, "%zu octets wrapped",
                   rows[i].n);
        struct stir_der in = stir_der(put.ptr, put.len);
        struct stir_der inner = stir_der_enter(&in, STIR_DER_SEQUENCE);
        UNIT_CHECK(!in.failed && inner.left == rows[i].n, "%zu octets read", rows[i].n);
        struct stir_der cut = stir_der(put.ptr, put.len - 1);
        inner = stir_der_enter(&cut, STIR_DER_SEQUENCE);
        UNIT_CHECK(cut.failed && inner.failed && inner.left == 0, "%zu octets cut", rows[i].n);
        stir_buf_free(&put);
        stir_buf_free(&wrapped);
        free(content);
    }
}

static void test_uint(void)
{
    static const struct {
        const char *hex;
        bool good;
        uint64_t value;
    } rows[] = {
        {"020100", true, 0},
        {"02017f", true, 127},
        {"02020080", true, 128},
        {"02087fffffffffffffff", true, INT64_MAX},
        {"0200", false, 0},
        {"020180", false, 0},
        {"0202007f", false, 0},
        {"02020000", false, 0},
        {"0202ff80", false, 0},
        {"0209008000000000000000", false, 0},
        {"020900000000000000000001", false, 0},
        {"0a0101", false, 0},
        {"0202", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = 0;
        uint8_t *octets = exact(rows[i].hex, &n);
        struct stir_der in = stir_der(octets, n);
        UNIT_CHECK(stir_der_uint(&in) == rows[i].value && in.failed == !rows[i].good, "%s", rows[i].hex);
        if (rows[i].good) {
            struct stir_buf out = {0};
            stir_der_put_uint(&out, rows[i].value);
            UNIT_CHECK(out.len == n && memcmp(out.ptr, octets, n) == 0, "%s: written", rows[i].hex);
            stir_buf_free(&out);
        }
        free(octets);
    }
}

/* The first failure sticks: everything after it is empty and fails too. */
static void test_sticks(void)
{
    struct stir_der in = stir_der("\x16\x01"
                                  "a"
                                  "\x16\x01\x80"
                                  "\x16\x01"
                                  "b",
                                  9);
    CU_ASSERT_EQUAL(stir_der_peek(&in), STIR_DER_IA5);
    CU_ASSERT_TRUE(stir_view_is(stir_der_string(&in, STIR_DER_IA5), "a"));
    CU_ASSERT_EQUAL(stir_der_string(&in, STIR_DER_IA5).len, 0);
    CU_ASSERT_TRUE(in.failed);
    CU_ASSERT_EQUAL(stir_der_string(&in, STIR_DER_IA5).len, 0);
    CU_ASSERT_EQUAL(stir_der_uint(&in), 0);
    CU_ASSERT_EQUAL(stir_der_peek(&in), -1);
    CU_ASSERT_FALSE(stir_der_more(&in));
    CU_ASSERT_FALSE(stir_der_done(&in));

    struct stir_der outer = stir_der("\x30\x02\x05\x00", 4);
    struct stir_der inner = stir_der_enter(&outer, STIR_DER_SEQUENCE);
    CU_ASSERT_FALSE(outer.failed);
    stir_der_leave(&outer, &inner); /* not read to its end */
    CU_ASSERT_TRUE(outer.failed);
}

static void test_pem(void)
{
    struct stir_buf text = {0};
    struct stir_buf der = {0};
    for (size_t n = 1; n < 200; n++) {
        uint8_t octets[200];
        memset(octets, (int)n, n);
        text.len = 0;
        stir_pem_put(&text, "X509 CRL", octets, n);
        stir_pem_put(&text, "X509 CRL", octets, 1);
        struct stir_pem pem = stir_pem(text.ptr, text.len, "X509 CRL");
        UNIT_CODE(stir_pem_next(&pem, &der, NULL), STIR_OK, "first");
        UNIT_CHECK(der.len == n && memcmp(der.ptr, octets, n) == 0, "%zu octets", n);
        UNIT_CODE(stir_pem_next(&pem, &der, NULL), STIR_OK, "second");
        CU_ASSERT_EQUAL(der.len, 1);
        UNIT_CODE(stir_pem_next(&pem, &der, NULL), STIR_E_NOT_FOUND, "third");
        for (const char *line = text.ptr; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
            UNIT_CHECK(strcspn(line, "\n") <= 64, "a line of %zu", strcspn(line, "\n"));
        }
    }
    stir_buf_free(&text);
    stir_buf_free(&der);
}

UNIT_MAIN("der", {"elements", test_enter}, {"lengths", test_lengths}, {"integers", test_uint},
          {"failures stick", test_sticks}, {"PEM", test_pem})
