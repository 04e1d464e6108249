/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe.h"

#include "common/jose/b64.h"
#include "common/jose/jwe_header.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#define IV_B64 16
#define TAG_B64 22
#define DOTS 4
#define CHUNK 768 /* octets that go through the cipher and base64 at once: a multiple of 3 and of 16 */

/* An envelope, read but not opened. */
struct parts {
    struct stir_view header_text;
    struct stir_view ciphertext_text;
    struct stir_jwe_header header;
    uint8_t iv[STIR_GCM_IV];
    uint8_t tag[STIR_GCM_TAG];
};

/* Returns the octets that n characters of valid base64url decode to. */
static size_t jwe_decoded_len(size_t n)
{
    return n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0);
}

static enum stir_code jwe_read_fixed(uint8_t *out, size_t len, struct stir_view text, const char *what,
                                     struct stir_error *err)
{
    enum stir_code code = stir_b64url_decode_exact(out, len, text.ptr, text.len);
    if (code == STIR_E_INVAL) {
        return stir_fail(err, STIR_E_JWE, "the %s does not have %zu octets", what, len);
    }
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "the %s is not strict base64url", what);
}

static bool jwe_split(struct stir_view part[5], const char *jwe, size_t n)
{
    const char *p = jwe;
    const char *end = jwe + n;
    for (int i = 0; i < DOTS; i++) {
        const char *dot = memchr(p, '.', (size_t)(end - p));
        if (!dot) {
            return false;
        }
        part[i] = stir_view(p, (size_t)(dot - p));
        p = dot + 1;
    }
    part[DOTS] = stir_view(p, (size_t)(end - p));
    return !memchr(p, '.', (size_t)(end - p));
}

/* Reads all parts except the octets of the ciphertext. */
static enum stir_code jwe_read_parts(struct parts *out, const char *jwe, size_t n, struct stir_error *err)
{
    struct stir_view part[5];
    if (n > STIR_JWE_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the envelope is longer than %d octets", STIR_JWE_MAX);
    }
    if (!n || !jwe_split(part, jwe, n)) {
        return stir_fail(err, STIR_E_JWE, "an envelope has five parts separated by dots");
    }
    /* RFC 7516 section 5.2, RFC 7518 section 4.6: with direct agreement there is no encrypted key. */
    if (part[1].len) {
        return stir_fail(err, STIR_E_JWE,
                         "the encrypted key is not empty, which ECDH-ES demands (RFC 7518 section 4.6)");
    }
    if (!part[0].len || !part[3].len) {
        return stir_fail(err, STIR_E_JWE, "the %s is empty", part[0].len ? "ciphertext" : "header");
    }
    enum stir_code code = stir_jwe_header_read(&out->header, part[0], err);
    if (code == STIR_OK) {
        /* RFC 7518 section 5.3: an IV of 96 bits and a tag of 128 bits. */
        code = jwe_read_fixed(out->iv, sizeof(out->iv), part[2], "IV", err);
    }
    if (code == STIR_OK) {
        code = jwe_read_fixed(out->tag, sizeof(out->tag), part[4], "tag", err);
    }
    out->header_text = part[0];
    out->ciphertext_text = part[3];
    return code;
}

/* Checks the ciphertext. Whole groups of base64url can be decoded alone, so a long text is checked piece by piece. */
static enum stir_code jwe_check_ciphertext(struct stir_view text, struct stir_error *err)
{
    uint8_t scratch[CHUNK];
    const size_t step = CHUNK / 3 * 4;
    size_t len;
    for (size_t at = 0; at < text.len; at += step) {
        size_t n = text.len - at < step ? text.len - at : step;
        enum stir_code code = stir_b64url_decode(scratch, sizeof(scratch), &len, text.ptr + at, n);
        if (code != STIR_OK) {
            return stir_fail(err, code, "the ciphertext is not strict base64url");
        }
    }
    return STIR_OK;
}

enum stir_code stir_jwe_check(struct stir_jwe_info *info, const char *jwe, size_t n, struct stir_error *err)
{
    struct parts parts;
    enum stir_code code = jwe_read_parts(&parts, jwe, n, err);
    if (code == STIR_OK) {
        code = jwe_check_ciphertext(parts.ciphertext_text, err);
    }
    if (code == STIR_OK && info) {
        *info = (struct stir_jwe_info){.curve = parts.header.epk.curve,
                                       .a128gcm = parts.header.a128gcm,
                                       .own_header = parts.header.own,
                                       .ciphertext_len = jwe_decoded_len(parts.ciphertext_text.len)};
    }
    return code;
}

/* Removes and overwrites what was appended since `start`. */
static void jwe_take_back(struct stir_buf *out, size_t len)
{
    OPENSSL_cleanse(out->ptr + len, out->len - len);
    out->len = len;
}

static size_t jwe_total_len(size_t header_len, size_t n)
{
    return header_len + DOTS + IV_B64 + stir_b64url_len(n) + TAG_B64;
}

static char *jwe_put_octets(char *p, const void *octets, size_t n)
{
    *p++ = '.';
    return p + stir_b64url_encode(p, octets, n);
}

void stir_jwe_assemble(struct stir_buf *out, enum stir_curve curve, const uint8_t *epk, const uint8_t iv[STIR_GCM_IV],
                       const uint8_t *ciphertext, size_t n, const uint8_t tag[STIR_GCM_TAG])
{
    char header[STIR_JWE_HEADER_B64];
    struct stir_point point = {.curve = curve};
    memcpy(point.octets, epk, stir_point_len(curve));
    size_t header_len = stir_jwe_header_write(header, &point);
    char *p = stir_buf_extend(out, jwe_total_len(header_len, n));
    if (!p) {
        return;
    }
    memcpy(p, header, header_len);
    p = jwe_put_octets(p + header_len, NULL, 0);
    p = jwe_put_octets(p, iv, STIR_GCM_IV);
    p = jwe_put_octets(p, ciphertext, n);
    (void)jwe_put_octets(p, tag, STIR_GCM_TAG);
}

/* Agreement and derivation; the header says which key it is for. */
static enum stir_code jwe_derive_key(uint8_t key[32], const uint8_t z[STIR_SHARED_SECRET], bool a128gcm,
                                     struct stir_error *err)
{
    return a128gcm ? stir_concat_kdf(key, 128, z, STIR_SHARED_SECRET, "A128GCM", "", "", err)
                   : stir_concat_kdf(key, 256, z, STIR_SHARED_SECRET, "A256GCM", "", "", err);
}

/* Encrypts a piece at a time on the stack and writes it as base64url; NULL on failure. */
static char *jwe_put_ciphertext(char *p, EVP_CIPHER_CTX *ctx, const uint8_t *plaintext, size_t n)
{
    uint8_t chunk[CHUNK];
    *p++ = '.';
    for (size_t at = 0; at < n; at += CHUNK) {
        int len = (int)(n - at < CHUNK ? n - at : CHUNK);
        int got;
        if (EVP_EncryptUpdate(ctx, chunk, &got, plaintext + at, len) != 1 || got != len) {
            return NULL;
        }
        p += stir_b64url_encode(p, chunk, (size_t)len);
    }
    return p;
}

/* Writes the whole compact form; the header is the additional data. */
static bool jwe_write_sealed(char *p, const char *header, size_t header_len, const uint8_t key[32],
                             const void *plaintext, size_t n)
{
    uint8_t iv[STIR_GCM_IV];
    uint8_t tag[STIR_GCM_TAG];
    int got;
    bool good = false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || RAND_bytes(iv, sizeof(iv)) != 1 || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv) != 1 ||
        EVP_EncryptUpdate(ctx, NULL, &got, (const uint8_t *)header, (int)header_len) != 1) {
        goto done;
    }
    /* RFC 7516 section 5.1: header, an empty encrypted key, IV, ciphertext and tag; the header is the additional
     * data. */
    memcpy(p, header, header_len);
    p = jwe_put_octets(p + header_len, NULL, 0);
    p = jwe_put_octets(p, iv, sizeof(iv));
    p = jwe_put_ciphertext(p, ctx, plaintext, n);
    if (!p || EVP_EncryptFinal_ex(ctx, tag, &got) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag) != 1) {
        goto done;
    }
    (void)jwe_put_octets(p, tag, sizeof(tag));
    good = true;
done:
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

enum stir_code stir_jwe_encrypt(struct stir_buf *out, const void *plaintext, size_t n, EVP_PKEY *recipient,
                                struct stir_error *err)
{
    char header[STIR_JWE_HEADER_B64];
    uint8_t z[STIR_SHARED_SECRET];
    uint8_t key[32];
    struct stir_point epk;
    size_t start = out->len;
    if (!n) {
        return stir_fail(err, STIR_E_INVAL, "the plaintext is empty");
    }
    if (n > STIR_JWE_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the envelope would be longer than %d octets", STIR_JWE_MAX);
    }
    /* RFC 7518 section 4.6: an ephemeral key for this envelope alone, from which the content key is derived. */
    enum stir_code code = stir_ecdh_ephemeral(z, &epk, recipient, err);
    if (code == STIR_OK) {
        code = jwe_derive_key(key, z, false, err);
    }
    if (code != STIR_OK) {
        goto done;
    }
    /* The length is known beforehand, so that everything is written once and in place. */
    size_t header_len = stir_jwe_header_write(header, &epk);
    size_t total = jwe_total_len(header_len, n);
    char *p = total <= STIR_JWE_MAX ? stir_buf_extend(out, total) : NULL;
    ERR_clear_error();
    if (total > STIR_JWE_MAX) {
        code = stir_fail(err, STIR_E_TOO_BIG, "the envelope would be longer than %d octets", STIR_JWE_MAX);
    } else if (!p) {
        code = stir_fail(err, stir_buf_state(out), "the buffer is too small for the envelope");
    } else if (!jwe_write_sealed(p, header, header_len, key, plaintext, n)) {
        jwe_take_back(out, start);
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "encrypting failed");
    }
done:
    OPENSSL_cleanse(z, sizeof(z));
    OPENSSL_cleanse(key, sizeof(key));
    return code;
}

/* Decrypts in place. */
static bool jwe_open_in_place(uint8_t *text, size_t n, struct parts *parts, const uint8_t key[32])
{
    int got;
    const EVP_CIPHER *cipher = parts->header.a128gcm ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good =
        ctx && EVP_DecryptInit_ex(ctx, cipher, NULL, key, parts->iv) == 1 &&
        EVP_DecryptUpdate(ctx, NULL, &got, (const uint8_t *)parts->header_text.ptr, (int)parts->header_text.len) == 1 &&
        EVP_DecryptUpdate(ctx, text, &got, text, (int)n) == 1 && got == (int)n &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, STIR_GCM_TAG, parts->tag) == 1 &&
        EVP_DecryptFinal_ex(ctx, text, &got) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

static enum stir_code jwe_agree(uint8_t key[32], EVP_PKEY *own, const struct stir_jwe_header *header,
                                struct stir_error *err)
{
    uint8_t z[STIR_SHARED_SECRET];
    enum stir_curve curve;
    enum stir_code code = stir_key_curve(&curve, own, err);
    if (code != STIR_OK) {
        return code;
    }
    if (curve != header->epk.curve) {
        return stir_fail(err, STIR_E_DECRYPT, "the envelope is for a key on another curve");
    }
    code = stir_ecdh_agree(z, own, &header->epk, err);
    if (code == STIR_OK) {
        code = jwe_derive_key(key, z, header->a128gcm, err);
    } else if (code == STIR_E_CRYPTO) {
        code = stir_fail_prefix(err, STIR_E_DECRYPT, "key agreement");
    }
    OPENSSL_cleanse(z, sizeof(z));
    return code;
}

enum stir_code stir_jwe_decrypt(struct stir_buf *out, const char *jwe, size_t n, EVP_PKEY *key, struct stir_error *err)
{
    struct parts parts;
    uint8_t content_key[32];
    size_t start = out->len;
    size_t len = 0;
    enum stir_code code = jwe_read_parts(&parts, jwe, n, err);
    if (code != STIR_OK) {
        return code;
    }
    /* The ciphertext is decoded into the caller's buffer and decrypted there: no second copy. */
    size_t room = jwe_decoded_len(parts.ciphertext_text.len);
    uint8_t *text = (uint8_t *)stir_buf_extend(out, room);
    if (!text) {
        return stir_fail(err, stir_buf_state(out), "the buffer is too small for the plaintext");
    }
    code = stir_b64url_decode(text, room, &len, parts.ciphertext_text.ptr, parts.ciphertext_text.len);
    if (code != STIR_OK) {
        code = stir_fail(err, STIR_E_BASE64, "the ciphertext is not strict base64url");
    } else {
        code = jwe_agree(content_key, key, &parts.header, err);
    }
    ERR_clear_error();
    /* A wrong key and an altered envelope cannot be told apart. */
    if (code == STIR_OK && !jwe_open_in_place(text, len, &parts, content_key)) {
        code =
            stir_fail_openssl(err, STIR_E_DECRYPT,
                              "the authentication tag does not match: the envelope is for another key or was altered");
    }
    if (code != STIR_OK) {
        /* Plaintext that was not authenticated must not be seen. */
        jwe_take_back(out, start);
    }
    OPENSSL_cleanse(content_key, sizeof(content_key));
    return code;
}
