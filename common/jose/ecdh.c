/* SPDX-License-Identifier: MIT */
#include "common/jose/ecdh.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define KDF_INPUT 256

/* OpenSSL has the peer's point checked when it was decoded, and refuses a zero Z; the cofactor of P-256 is 1. Its full
 * check would multiply by the order once more, at the price of the agreement itself. */
static bool ecdh_derive(uint8_t z[STIR_SHARED_SECRET], EVP_PKEY *key, EVP_PKEY *peer)
{
    size_t len = STIR_SHARED_SECRET;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
                EVP_PKEY_derive(ctx, z, &len) == 1 && len == STIR_SHARED_SECRET;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

enum stir_code stir_ecdh_agree(uint8_t z[STIR_SHARED_SECRET], EVP_PKEY *key, const struct stir_point *peer,
                               struct stir_error *err)
{
    enum stir_curve curve;
    EVP_PKEY *peer_key = NULL;
    enum stir_code code = stir_key_curve(&curve, key, err);
    if (code == STIR_OK && curve != peer->curve) {
        code = stir_fail(err, STIR_E_KEY, "the two keys are on different curves");
    }
    if (code != STIR_OK) {
        return code;
    }
    if (stir_point_key(&peer_key, peer, key, err) != STIR_OK) {
        return stir_fail(err, STIR_E_CRYPTO, "the other side's key is not a point on the curve");
    }
    ERR_clear_error();
    if (!ecdh_derive(z, key, peer_key)) {
        code = stir_key_has_private(key) ? stir_fail_openssl(err, STIR_E_CRYPTO, "cannot compute the shared secret")
                                         : stir_fail_openssl(err, STIR_E_KEY, "the key has no private half");
    }
    EVP_PKEY_free(peer_key);
    return code;
}

/* With the recipient's key as the template, the curve is copied instead of looked up and built. */
static EVP_PKEY *ecdh_ephemeral_like(EVP_PKEY *recipient)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(recipient, NULL);
    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_keygen(ctx, &key) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

enum stir_code stir_ecdh_ephemeral(uint8_t z[STIR_SHARED_SECRET], struct stir_point *epk, EVP_PKEY *recipient,
                                   struct stir_error *err)
{
    enum stir_curve curve;
    enum stir_code code = stir_key_curve(&curve, recipient, err);
    if (code != STIR_OK) {
        return code;
    }
    ERR_clear_error();
    EVP_PKEY *key = ecdh_ephemeral_like(recipient);
    if (!key) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot make an ephemeral key");
    }
    code = stir_point_of(epk, key, err);
    if (code == STIR_OK && !ecdh_derive(z, key, recipient)) {
        code = stir_fail_openssl(err, STIR_E_KEY, "cannot compute a shared secret with the recipient's key");
    }
    EVP_PKEY_free(key);
    return code;
}

static uint8_t *ecdh_put_u32(uint8_t *p, size_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        *p++ = (uint8_t)(value >> shift & 0xff);
    }
    return p;
}

static uint8_t *ecdh_put_counted(uint8_t *p, const char *text)
{
    size_t len = strlen(text);
    p = ecdh_put_u32(p, len);
    memcpy(p, text, len);
    return p + len;
}

enum stir_code stir_concat_kdf(uint8_t *key, unsigned key_bits, const uint8_t *z, size_t z_len, const char *alg,
                               const char *apu, const char *apv, struct stir_error *err)
{
    uint8_t input[KDF_INPUT];
    uint8_t digest[EVP_MAX_MD_SIZE];
    const size_t most = KDF_INPUT - 5 * sizeof(uint32_t); /* round, three lengths, key_bits */
    if ((key_bits != 128 && key_bits != 256) || z_len > most || strlen(alg) > most - z_len ||
        strlen(apu) > most - z_len - strlen(alg) || strlen(apv) > most - z_len - strlen(alg) - strlen(apu)) {
        return stir_fail(err, STIR_E_INVAL, "key derivation: 128 or 256 bits from at most %zu octets", most);
    }
    uint8_t *p = ecdh_put_u32(input, 1);
    memcpy(p, z, z_len);
    p = ecdh_put_counted(p + z_len, alg);
    p = ecdh_put_counted(p, apu);
    p = ecdh_put_counted(p, apv);
    p = ecdh_put_u32(p, key_bits);
    enum stir_code code = STIR_OK;
    ERR_clear_error();
    if (EVP_Digest(input, (size_t)(p - input), digest, NULL, EVP_sha256(), NULL) == 1) {
        memcpy(key, digest, key_bits / 8);
    } else {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "SHA-256 failed");
    }
    OPENSSL_cleanse(input, sizeof(input));
    OPENSSL_cleanse(digest, sizeof(digest));
    return code;
}
