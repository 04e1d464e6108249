/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/jose/ecdh.h"
#include "tests/unit/jose.h"

#include <openssl/evp.h>

/*
 * Envelopes with any header at all, encrypted well to a key: so that nothing but what a test means to be wrong is
 * wrong.
 */
#define JOSE_HEADER_X25519                                                                                             \
    "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":" \
    "\"@X\"}}"
#define JOSE_HEADER_P256                                                                                               \
    "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":"   \
    "\"@X\",\"y\":\"@Y\"}}"

/* The text with @X and @Y replaced by the point's coordinates. */
static inline void jose_fill_header(struct stir_buf *out, const char *format, const struct stir_point *epk)
{
    for (; *format; format++) {
        if (format[0] == '@' && (format[1] == 'X' || format[1] == 'Y')) {
            jose_put_b64url(out, epk->octets + (format[1] == 'Y' ? 32 : 0), 32);
            format++;
        } else {
            stir_buf_put(out, format, 1);
        }
    }
}

/* AES-GCM as an envelope uses it; the key's length follows from the header's text. */
static inline bool jose_gcm(uint8_t *ciphertext, uint8_t tag[16], const uint8_t *key, bool a128gcm,
                            const uint8_t iv[12], struct stir_view aad, struct stir_view plaintext)
{
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = EVP_EncryptInit_ex(ctx, a128gcm ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, key, iv) == 1 &&
                EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.ptr, (int)aad.len) == 1 &&
                EVP_EncryptUpdate(ctx, ciphertext, &n, (const uint8_t *)plaintext.ptr, (int)plaintext.len) == 1 &&
                EVP_EncryptFinal_ex(ctx, ciphertext + n, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

/* The compact form, NUL-terminated; freed with free(). */
static inline char *jose_seal(EVP_PKEY *recipient, const char *header_format, struct stir_view plaintext)
{
    struct stir_buf header = {0};
    struct stir_buf out = {0};
    struct stir_point epk;
    uint8_t z[STIR_SHARED_SECRET];
    uint8_t key[32];
    uint8_t tag[16];
    uint8_t iv[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    bool a128gcm = strstr(header_format, "\"A128GCM\"") != NULL;
    uint8_t *ciphertext = malloc(plaintext.len + 16);
    UNIT_OK(stir_ecdh_ephemeral(z, &epk, recipient, NULL));
    UNIT_OK(stir_concat_kdf(key, a128gcm ? 128 : 256, z, sizeof(z), a128gcm ? "A128GCM" : "A256GCM", "", "", NULL));
    jose_fill_header(&header, header_format, &epk);
    jose_put_b64url(&out, header.ptr, header.len);
    (void)UNIT_CHECK(jose_gcm(ciphertext, tag, key, a128gcm, iv, stir_view(out.ptr, out.len), plaintext), "AES-GCM");
    stir_buf_puts(&out, "..");
    jose_put_b64url(&out, iv, sizeof(iv));
    stir_buf_puts(&out, ".");
    jose_put_b64url(&out, ciphertext, plaintext.len);
    stir_buf_puts(&out, ".");
    jose_put_b64url(&out, tag, sizeof(tag));
    free(ciphertext);
    stir_buf_free(&header);
    return stir_buf_steal(&out, NULL);
}
