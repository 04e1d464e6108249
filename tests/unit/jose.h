/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "tests/unit/unit.h"

#include <openssl/err.h>
#include <stdlib.h>

/*
 * What the tests of keys, tokens and envelopes share: keys from JWK texts, and texts put together wrongly on purpose.
 */

/* The error queue is OpenSSL's, not the caller's: nothing may stay in it. */
#define JOSE_QUEUE_EMPTY(label) UNIT_CHECK(ERR_peek_error() == 0, "%s: left an error in OpenSSL's queue", (label))

static inline EVP_PKEY *jose_key(const char *jwk_text)
{
    json_t *jwk = NULL;
    EVP_PKEY *key = NULL;
    struct stir_error err = {0};
    bool good = stir_json_parse(&jwk, jwk_text, strlen(jwk_text), &err) == STIR_OK &&
                stir_jwk_parse(&key, jwk, false, &err) == STIR_OK;
    (void)UNIT_CHECK(good, "%s: %s", jwk_text, err.text);
    json_decref(jwk);
    return key;
}

static inline EVP_PKEY *jose_new_key(enum stir_curve curve)
{
    EVP_PKEY *key = NULL;
    UNIT_OK(stir_key_generate(&key, curve, NULL));
    return key;
}

static inline void jose_put_b64url(struct stir_buf *out, const void *data, size_t n)
{
    char *p = stir_buf_extend(out, stir_b64url_len(n));
    if (p) {
        (void)stir_b64url_encode(p, data, n);
    }
}

static inline void jose_put_text(struct stir_buf *out, const char *text)
{
    jose_put_b64url(out, text, strlen(text));
}

/* The n-th part of a compact form, counted from 0. */
static inline struct stir_view jose_part(const char *text, unsigned n)
{
    while (n-- > 0) {
        text = strchr(text, '.') + 1;
    }
    return stir_view(text, strcspn(text, "."));
}

/* A copy with the n-th part replaced; freed with free(). */
static inline char *jose_replace_part(const char *text, unsigned n, const char *part)
{
    struct stir_buf out = {0};
    struct stir_view old = jose_part(text, n);
    stir_buf_put(&out, text, (size_t)(old.ptr - text));
    stir_buf_puts(&out, part);
    stir_buf_puts(&out, old.ptr + old.len);
    return stir_buf_steal(&out, NULL);
}

/* One part spelled so that a lenient decoder takes it for the same octets; freed with free(). NULL: no such spelling
 * for this length. */
static inline char *jose_misspell(struct stir_view part, unsigned how)
{
    struct stir_buf out = {0};
    stir_buf_put(&out, part.ptr, part.len);
    switch (how) {
    case 0:
        stir_buf_puts(&out, "=");
        break;
    case 1:
        stir_buf_puts(&out, "==");
        break;
    case 2:
        stir_buf_puts(&out, "\n");
        break;
    case 3:
        stir_buf_puts(&out, " ");
        break;
    case 4:
        out.ptr[part.len / 2] = '+';
        break;
    case 5:
        out.ptr[part.len / 2] = '/';
        break;
    case 6:
        out.ptr[part.len / 2] = '\0';
        break;
    case 7:
        out.ptr[part.len / 2] = (char)0xc3;
        break;
    case 8: /* bits beyond the last octet */
        if (part.len % 4 == 0) {
            stir_buf_free(&out);
            return NULL;
        }
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        out.ptr[part.len - 1] = alphabet[(size_t)(strchr(alphabet, out.ptr[part.len - 1]) - alphabet) | 1];
        break;
    default: /* a length that no octets have */
        stir_buf_puts(&out, part.len % 4 == 0 ? "A" : part.len % 4 == 2 ? "AAA" : "AA");
        break;
    }
    return stir_buf_steal(&out, NULL);
}
#define JOSE_MISSPELLINGS 10
