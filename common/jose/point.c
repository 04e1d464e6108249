/* SPDX-License-Identifier: MIT */
#include "common/jose/point.h"

#include "common/base/view.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#define UNCOMPRESSED (1 + 2 * STIR_COORDINATE) /* 04 || x || y */

/* The u coordinates of low order, reduced or not, without the bit that X25519 masks (RFC 7748 section 5 and 6.1;
 * https://cr.yp.to/ecdh.html). */
static const uint8_t low_order[][STIR_COORDINATE] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
     0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
     0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

/* The b of P-256 (FIPS 186-4 D.1.2.3). */
static const uint8_t p256_b[STIR_COORDINATE] = {0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb, 0xbd,
                                                0x55, 0x76, 0x98, 0x86, 0xbc, 0x65, 0x1d, 0x06, 0xb0, 0xcc, 0x53,
                                                0xb0, 0xf6, 0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60, 0x4b};

static bool point_member_is(const json_t *jwk, const char *name, const char *value)
{
    const json_t *member = json_object_get(jwk, name);
    return json_is_string(member) &&
           stir_view_is(stir_view(json_string_value(member), json_string_length(member)), value);
}

enum stir_code stir_jwk_octets(uint8_t out[STIR_COORDINATE], const json_t *jwk, const char *name,
                               struct stir_error *err)
{
    const char *text;
    enum stir_code code = stir_json_string(&text, jwk, name, err);
    if (code != STIR_OK) {
        return code;
    }
    code = stir_b64url_decode_exact(out, STIR_COORDINATE, text, strlen(text));
    if (code == STIR_E_INVAL) {
        return stir_fail(err, STIR_E_KEY, "%s: must have %d octets", name, STIR_COORDINATE);
    }
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "%s: not strict base64url", name);
}

enum stir_code stir_point_from_jwk(struct stir_point *out, const json_t *jwk, struct stir_error *err)
{
    struct stir_point point = {0};
    if (point_member_is(jwk, "kty", "EC") && point_member_is(jwk, "crv", "P-256")) {
        point.curve = STIR_CURVE_P256;
    } else if (point_member_is(jwk, "kty", "OKP") && point_member_is(jwk, "crv", "X25519")) {
        point.curve = STIR_CURVE_X25519;
    } else {
        return stir_fail(err, STIR_E_KEY, "kty and crv: only EC with P-256 and OKP with X25519 are accepted");
    }
    enum stir_code code = stir_jwk_octets(point.octets, jwk, "x", err);
    if (code == STIR_OK && point.curve == STIR_CURVE_P256) {
        code = stir_jwk_octets(point.octets + STIR_COORDINATE, jwk, "y", err);
    } else if (code == STIR_OK && json_object_get(jwk, "y")) {
        code = stir_fail(err, STIR_E_KEY, "y: an X25519 key has no y");
    }
    if (code == STIR_OK) {
        *out = point;
    }
    return code;
}

static void point_to_uncompressed(uint8_t encoded[UNCOMPRESSED], const struct stir_point *point)
{
    encoded[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(encoded + 1, point->octets, 2 * STIR_COORDINATE);
}

/* Checks x^3 - 3x + b - y^2 = 0 modulo p. OpenSSL's own check needs a group and a point first, which costs ten times
 * as much, and a server does this for every envelope. */
static bool point_on_p256(const struct stir_point *point, BN_CTX *ctx)
{
    const BIGNUM *p = BN_get0_nist_prime_256();
    BIGNUM *x = BN_CTX_get(ctx);
    BIGNUM *y = BN_CTX_get(ctx);
    BIGNUM *b = BN_CTX_get(ctx);
    BIGNUM *t = BN_CTX_get(ctx);
    return t && BN_bin2bn(point->octets, STIR_COORDINATE, x) &&
           BN_bin2bn(point->octets + STIR_COORDINATE, STIR_COORDINATE, y) && BN_bin2bn(p256_b, STIR_COORDINATE, b) &&
           BN_ucmp(x, p) < 0 && BN_ucmp(y, p) < 0 && BN_sqr(t, x, ctx) && BN_sub_word(t, 3) &&
           BN_mod_mul(t, t, x, p, ctx) && BN_add(t, t, b) && BN_sqr(y, y, ctx) && BN_sub(t, t, y) &&
           BN_nnmod(t, t, p, ctx) && BN_is_zero(t);
}

static enum stir_code point_check_p256(const struct stir_point *point, struct stir_error *err)
{
    ERR_clear_error();
    BN_CTX *ctx = BN_CTX_new();
    if (!ctx) {
        return stir_fail_openssl(err, STIR_E_NOMEM, "out of memory");
    }
    BN_CTX_start(ctx);
    bool good = point_on_p256(point, ctx);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return good ? STIR_OK : stir_fail_openssl(err, STIR_E_KEY, "not a point on P-256");
}

enum stir_code stir_point_check(const struct stir_point *point, struct stir_error *err)
{
    if (point->curve == STIR_CURVE_P256) {
        return point_check_p256(point, err);
    }
    for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++) {
        if (memcmp(point->octets, low_order[i], STIR_COORDINATE - 1) == 0 &&
            (point->octets[STIR_COORDINATE - 1] & 0x7f) == low_order[i][STIR_COORDINATE - 1]) {
            return stir_fail(err, STIR_E_KEY, "the X25519 key is a point of low order (RFC 7748 section 6.1)");
        }
    }
    return STIR_OK;
}

/* For keys that OpenSSL holds in compressed form. */
static bool point_get_coordinate(uint8_t out[STIR_COORDINATE], const EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    bool good =
        EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_bn2binpad(number, out, STIR_COORDINATE) == STIR_COORDINATE;
    BN_free(number);
    return good;
}

static bool point_get_p256(struct stir_point *point, const EVP_PKEY *key)
{
    uint8_t encoded[UNCOMPRESSED];
    size_t len = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof(encoded), &len) == 1 &&
        len == sizeof(encoded) && encoded[0] == POINT_CONVERSION_UNCOMPRESSED) {
        memcpy(point->octets, encoded + 1, 2 * STIR_COORDINATE);
        return true;
    }
    return point_get_coordinate(point->octets, key, OSSL_PKEY_PARAM_EC_PUB_X) &&
           point_get_coordinate(point->octets + STIR_COORDINATE, key, OSSL_PKEY_PARAM_EC_PUB_Y);
}

enum stir_code stir_point_of(struct stir_point *out, const EVP_PKEY *key, struct stir_error *err)
{
    struct stir_point point = {0};
    size_t len = STIR_COORDINATE;
    enum stir_code code = stir_key_curve(&point.curve, key, err);
    if (code != STIR_OK) {
        return code;
    }
    ERR_clear_error();
    bool good = point.curve == STIR_CURVE_P256
                    ? point_get_p256(&point, key)
                    : EVP_PKEY_get_raw_public_key(key, point.octets, &len) == 1 && len == STIR_COORDINATE;
    if (!good) {
        return stir_fail_openssl(err, STIR_E_KEY, "the key has no public half");
    }
    *out = point;
    return STIR_OK;
}

static EVP_PKEY *point_new_p256(const uint8_t encoded[UNCOMPRESSED])
{
    char group[] = "P-256";
    uint8_t pub[UNCOMPRESSED];
    memcpy(pub, encoded, sizeof(pub));
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub)),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *point_new_p256_like(const uint8_t encoded[UNCOMPRESSED], const EVP_PKEY *like)
{
    EVP_PKEY *key = EVP_PKEY_new();
    if (!key || EVP_PKEY_copy_parameters(key, like) != 1 ||
        EVP_PKEY_set1_encoded_public_key(key, encoded, UNCOMPRESSED) != 1) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

enum stir_code stir_point_key(EVP_PKEY **out, const struct stir_point *point, const EVP_PKEY *like,
                              struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    ERR_clear_error();
    if (point->curve == STIR_CURVE_P256) {
        uint8_t encoded[UNCOMPRESSED];
        point_to_uncompressed(encoded, point);
        key = like ? point_new_p256_like(encoded, like) : point_new_p256(encoded);
    } else {
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point->octets, STIR_COORDINATE);
    }
    if (!key) {
        return stir_fail_openssl(err, STIR_E_KEY, "not a usable public key");
    }
    *out = key;
    return STIR_OK;
}
