/* SPDX-License-Identifier: MIT */
#include "common/jose/jwk.h"

#include "common/base/buf.h"
#include "common/jose/b64.h"
#include "common/jose/point.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#define B64_COORDINATE 43 /* characters of 32 octets */

/* Every private X25519 key is valid, so only x has to be checked: it must be the public half. */
static enum stir_code jwk_x25519_pair(EVP_PKEY **out, const struct stir_point *point, const uint8_t d[STIR_COORDINATE],
                                      struct stir_error *err)
{
    struct stir_point own;
    ERR_clear_error();
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, d, STIR_COORDINATE);
    if (!key) {
        return stir_fail_openssl(err, STIR_E_KEY, "d: not usable");
    }
    enum stir_code code = stir_point_of(&own, key, err);
    if (code == STIR_OK && memcmp(own.octets, point->octets, STIR_COORDINATE) != 0) {
        code = stir_fail(err, STIR_E_KEY, "d does not belong to x");
    }
    if (code != STIR_OK) {
        EVP_PKEY_free(key);
        return code;
    }
    *out = key;
    return STIR_OK;
}

static EVP_PKEY *jwk_p256_fromdata(const struct stir_point *point, const BIGNUM *d)
{
    uint8_t pub[1 + 2 * STIR_COORDINATE] = {0x04};
    EVP_PKEY *key = NULL;
    memcpy(pub + 1, point->octets, 2 * STIR_COORDINATE);
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!build || !ctx || !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub)) ||
        !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d)) {
        goto done;
    }
    params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        key = NULL;
    }
done:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static enum stir_code jwk_p256_pair(EVP_PKEY **out, const struct stir_point *point, const uint8_t d[STIR_COORDINATE],
                                    struct stir_error *err)
{
    enum stir_code code = STIR_E_KEY;
    ERR_clear_error();
    BIGNUM *number = BN_secure_new();
    EVP_PKEY *key = number && BN_bin2bn(d, STIR_COORDINATE, number) ? jwk_p256_fromdata(point, number) : NULL;
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (!ctx || EVP_PKEY_check(ctx) != 1) {
        (void)stir_fail_openssl(err, code, "d does not belong to x and y");
    } else {
        *out = key;
        key = NULL;
        code = STIR_OK;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    BN_clear_free(number);
    return code;
}

static enum stir_code jwk_parse_pair(EVP_PKEY **out, const struct stir_point *point, const json_t *jwk,
                                     struct stir_error *err)
{
    uint8_t d[STIR_COORDINATE];
    enum stir_code code = stir_jwk_octets(d, jwk, "d", err);
    if (code == STIR_OK) {
        code =
            point->curve == STIR_CURVE_P256 ? jwk_p256_pair(out, point, d, err) : jwk_x25519_pair(out, point, d, err);
    }
    OPENSSL_cleanse(d, sizeof(d));
    return code;
}

static bool jwk_text_is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* RFC 7517 section 4.3. WebCrypto writes an empty list for a public key that is used for key agreement, so an empty
 * list allows everything. */
static bool jwk_ops_allow(const json_t *ops, const char *one, const char *other)
{
    for (size_t i = 0; i < json_array_size(ops); i++) {
        if (jwk_text_is(json_array_get(ops, i), one) || jwk_text_is(json_array_get(ops, i), other)) {
            return true;
        }
    }
    return !ops || (json_is_array(ops) && json_array_size(ops) == 0);
}

bool stir_jwk_is_for(const json_t *jwk, enum stir_key_use use)
{
    bool encrypt = use == STIR_KEY_ENCRYPT;
    const json_t *said = json_object_get(jwk, "use");
    const json_t *alg = json_object_get(jwk, "alg");
    return (!said || jwk_text_is(said, encrypt ? "enc" : "sig")) &&
           (!alg || jwk_text_is(alg, encrypt ? "ECDH-ES" : "ES256")) &&
           jwk_ops_allow(json_object_get(jwk, "key_ops"), encrypt ? "deriveKey" : "sign",
                         encrypt ? "deriveBits" : "verify");
}

enum stir_code stir_jwk_parse(EVP_PKEY **out, const json_t *jwk, bool want_private, struct stir_error *err)
{
    struct stir_point point;
    if (!json_is_object(jwk)) {
        return stir_fail(err, STIR_E_KEY, "a JWK is a JSON object");
    }
    bool pair = json_object_get(jwk, "d") != NULL;
    if (want_private && !pair) {
        return stir_fail(err, STIR_E_KEY, "the JWK has no d: a private key is needed");
    }
    enum stir_code code = stir_point_from_jwk(&point, jwk, err);
    if (code == STIR_OK) {
        code = stir_point_check(&point, err);
    }
    if (code == STIR_OK) {
        code = pair ? jwk_parse_pair(out, &point, jwk, err) : stir_point_key(out, &point, NULL, err);
    }
    if (code != STIR_OK && code != STIR_E_NOMEM) {
        return stir_fail_prefix(err, STIR_E_KEY, "the JWK");
    }
    return code;
}

static bool jwk_put_octets(json_t *jwk, const char *name, const uint8_t octets[STIR_COORDINATE])
{
    char text[B64_COORDINATE];
    size_t len = stir_b64url_encode(text, octets, STIR_COORDINATE);
    bool good = json_object_set_new(jwk, name, json_stringn(text, len)) == 0;
    OPENSSL_cleanse(text, sizeof(text));
    return good;
}

static enum stir_code jwk_put_private(json_t *jwk, const EVP_PKEY *key, enum stir_curve curve, struct stir_error *err)
{
    uint8_t d[STIR_COORDINATE];
    size_t len = sizeof(d);
    BIGNUM *number = NULL;
    ERR_clear_error();
    bool good = curve == STIR_CURVE_P256 ? EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
                                               BN_bn2binpad(number, d, sizeof(d)) == (int)sizeof(d)
                                         : EVP_PKEY_get_raw_private_key(key, d, &len) == 1 && len == sizeof(d);
    enum stir_code code = STIR_OK;
    if (!good) {
        code = stir_fail_openssl(err, STIR_E_KEY, "the private half cannot be read");
    } else if (!jwk_put_octets(jwk, "d", d)) {
        code = stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    BN_clear_free(number);
    OPENSSL_cleanse(d, sizeof(d));
    return code;
}

enum stir_code stir_jwk_make(json_t **out, const EVP_PKEY *key, bool with_private, struct stir_error *err)
{
    struct stir_point point;
    enum stir_code code = stir_point_of(&point, key, err);
    if (code != STIR_OK) {
        return code;
    }
    bool p256 = point.curve == STIR_CURVE_P256;
    json_t *jwk = json_object();
    bool good = jwk && json_object_set_new(jwk, "kty", json_string(p256 ? "EC" : "OKP")) == 0 &&
                json_object_set_new(jwk, "crv", json_string(p256 ? "P-256" : "X25519")) == 0 &&
                jwk_put_octets(jwk, "x", point.octets) &&
                (!p256 || jwk_put_octets(jwk, "y", point.octets + STIR_COORDINATE));
    code = good ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory");
    if (code == STIR_OK && with_private) {
        code = jwk_put_private(jwk, key, point.curve, err);
    }
    if (code != STIR_OK) {
        json_decref(jwk);
        return code;
    }
    *out = jwk;
    return STIR_OK;
}

enum stir_code stir_jwk_thumbprint(char out[44], const EVP_PKEY *key, struct stir_error *err)
{
    struct stir_point point;
    char x[B64_COORDINATE];
    char y[B64_COORDINATE];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    struct stir_buf text = {0};
    enum stir_code code = stir_point_of(&point, key, err);
    if (code != STIR_OK) {
        return code;
    }
    (void)stir_b64url_encode(x, point.octets, STIR_COORDINATE);
    (void)stir_b64url_encode(y, point.octets + STIR_COORDINATE, STIR_COORDINATE);
    /* RFC 7638 section 3.2: the required members in lexicographic order; RFC 8037 section 2 for OKP. */
    if (point.curve == STIR_CURVE_P256) {
        stir_buf_printf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.43s\",\"y\":\"%.43s\"}", x, y);
    } else {
        stir_buf_printf(&text, "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"%.43s\"}", x);
    }
    code = stir_buf_state(&text);
    ERR_clear_error();
    if (code != STIR_OK) {
        (void)stir_fail(err, code, "out of memory");
    } else if (EVP_Digest(text.ptr, text.len, digest, &digest_len, EVP_sha256(), NULL) != 1) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "SHA-256 failed");
    } else {
        out[stir_b64url_encode(out, digest, digest_len)] = '\0';
    }
    stir_buf_free(&text);
    return code;
}
