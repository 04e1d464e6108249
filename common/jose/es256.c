/* SPDX-License-Identifier: MIT */
#include "common/jose/jws.h"
#include "common/jose/key.h"

#include <openssl/err.h>
#include <string.h>

#define SCALAR 32
#define DER_MAX (2 + 2 * (2 + SCALAR + 1)) /* SEQUENCE of two INTEGERs, each with its sign octet */

/* The order of P-256's base point (FIPS 186-4 D.1.2.3), and half of it, rounded down. */
static const uint8_t order[SCALAR] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                      0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t half_order[SCALAR] = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
                                           0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

static enum stir_code es256_check_key(const EVP_PKEY *key, struct stir_error *err)
{
    enum stir_curve curve;
    if (stir_key_curve(&curve, key, NULL) != STIR_OK || curve != STIR_CURVE_P256) {
        return stir_fail(err, STIR_E_KEY, "ES256 needs a P-256 key");
    }
    return STIR_OK;
}

/* Checks 1 <= scalar < order. Some implementations accepted other values, which are forgeries. */
static bool es256_in_range(const uint8_t *scalar)
{
    static const uint8_t zero[SCALAR];
    return memcmp(scalar, zero, SCALAR) != 0 && memcmp(scalar, order, SCALAR) < 0;
}

/* Appends one positive INTEGER in minimal DER. */
static uint8_t *es256_put_integer(uint8_t *p, const uint8_t *scalar)
{
    size_t skip = 0;
    while (skip < SCALAR - 1 && scalar[skip] == 0) {
        skip++;
    }
    size_t sign = scalar[skip] >> 7;
    *p++ = 0x02;
    *p++ = (uint8_t)(SCALAR - skip + sign);
    if (sign) {
        *p++ = 0;
    }
    memcpy(p, scalar + skip, SCALAR - skip);
    return p + (SCALAR - skip);
}

static size_t es256_to_der(uint8_t der[DER_MAX], const uint8_t sig[STIR_ES256_SIG])
{
    uint8_t *end = es256_put_integer(der + 2, sig);
    end = es256_put_integer(end, sig + SCALAR);
    der[0] = 0x30;
    der[1] = (uint8_t)(end - der - 2);
    return (size_t)(end - der);
}

/* Reads one INTEGER of at most 32 octets after its sign octet; NULL if it is malformed. */
static const uint8_t *es256_get_integer(uint8_t *scalar, const uint8_t *p, const uint8_t *end)
{
    if (end - p < 3 || p[0] != 0x02 || p[1] > end - p - 2) {
        return NULL;
    }
    size_t len = p[1];
    p += 2;
    const uint8_t *next = p + len;
    if (len == SCALAR + 1 && p[0] == 0) {
        p++;
        len--;
    }
    if (len == 0 || len > SCALAR) {
        return NULL;
    }
    memset(scalar, 0, SCALAR - len);
    memcpy(scalar + SCALAR - len, p, len);
    return next;
}

static bool es256_from_der(uint8_t sig[STIR_ES256_SIG], const uint8_t *der, size_t n)
{
    const uint8_t *end = der + n;
    if (n < 2 || der[0] != 0x30 || der[1] != n - 2) {
        return false;
    }
    const uint8_t *p = es256_get_integer(sig, der + 2, end);
    return p && es256_get_integer(sig + SCALAR, p, end) == end;
}

enum stir_code stir_es256_sign(uint8_t sig[STIR_ES256_SIG], EVP_PKEY *key, const void *data, size_t n,
                               struct stir_error *err)
{
    uint8_t der[DER_MAX];
    uint8_t raw[STIR_ES256_SIG];
    size_t len = sizeof(der);
    enum stir_code code = es256_check_key(key, err);
    if (code != STIR_OK) {
        return code;
    }
    ERR_clear_error();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, der, &len, data, n) != 1) {
        code = stir_key_has_private(key) ? stir_fail_openssl(err, STIR_E_CRYPTO, "signing failed")
                                         : stir_fail_openssl(err, STIR_E_KEY, "signing needs a private key");
    } else if (!es256_from_der(raw, der, len)) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "signing did not give an ECDSA signature");
    } else {
        memcpy(sig, raw, sizeof(raw));
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error(); /* OpenSSL may recover from a failed allocation and still queue the error */
    return code;
}

/* Turns the result of an OpenSSL function that verifies (1, 0 for a wrong signature, or less for an error) into a code.
 * With 0, OpenSSL 3.5 queues "provider signature failure", which would tell the reader nothing new. */
static enum stir_code es256_verify_result(int result, struct stir_error *err)
{
    if (result == 1) {
        return STIR_OK;
    }
    if (result == 0) {
        ERR_clear_error();
    }
    return stir_fail_openssl(err, STIR_E_SIGNATURE, "the signature does not verify with this key");
}

enum stir_code stir_es256_verify(const uint8_t sig[STIR_ES256_SIG], EVP_PKEY *key, const void *data, size_t n,
                                 struct stir_error *err)
{
    uint8_t der[DER_MAX];
    enum stir_code code = es256_check_key(key, err);
    if (code != STIR_OK) {
        return code;
    }
    if (!es256_in_range(sig) || !es256_in_range(sig + SCALAR)) {
        return stir_fail(err, STIR_E_SIGNATURE, "the signature is outside the range of ES256");
    }
    size_t len = es256_to_der(der, sig);
    ERR_clear_error();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) != 1) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot start verifying");
    } else {
        code = es256_verify_result(EVP_DigestVerify(ctx, der, len, data, n), err);
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return code;
}

enum stir_code stir_es256_ready(EVP_PKEY_CTX **out, EVP_PKEY *key, struct stir_error *err)
{
    enum stir_code code = es256_check_key(key, err);
    if (code != STIR_OK) {
        return code;
    }
    ERR_clear_error();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (!ctx || EVP_PKEY_verify_init(ctx) != 1) {
        EVP_PKEY_CTX_free(ctx);
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot prepare verifying");
    }
    *out = ctx;
    return STIR_OK;
}

enum stir_code stir_es256_verify_ready(const uint8_t sig[STIR_ES256_SIG], const EVP_PKEY_CTX *ready, const void *data,
                                       size_t n, struct stir_error *err)
{
    uint8_t der[DER_MAX];
    uint8_t digest[32];
    enum stir_code code = STIR_OK;
    if (!es256_in_range(sig) || !es256_in_range(sig + SCALAR)) {
        return stir_fail(err, STIR_E_SIGNATURE, "the signature is outside the range of ES256");
    }
    size_t len = es256_to_der(der, sig);
    ERR_clear_error();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(ready);
    if (!ctx || EVP_Digest(data, n, digest, NULL, EVP_sha256(), NULL) != 1) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot start verifying");
    } else {
        code = es256_verify_result(EVP_PKEY_verify(ctx, der, len, digest, sizeof(digest)), err);
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return code;
}

void stir_es256_normalize(uint8_t sig[STIR_ES256_SIG])
{
    uint8_t *s = sig + SCALAR;
    if (!es256_in_range(s) || memcmp(s, half_order, SCALAR) <= 0) {
        return;
    }
    int borrow = 0;
    for (size_t i = SCALAR; i-- > 0;) {
        int diff = order[i] - s[i] - borrow;
        borrow = diff < 0;
        s[i] = (uint8_t)(diff & 0xff);
    }
}
