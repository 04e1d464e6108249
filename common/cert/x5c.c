/* SPDX-License-Identifier: MIT */
#include "common/cert/x5c.h"

#include "common/jose/b64.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* Returns the size of the array; 0 if it is not an array of strings. */
static size_t x5c_count_of(const json_t *x5c)
{
    size_t count = json_array_size(x5c);
    for (size_t i = 0; i < count; i++) {
        if (!json_is_string(json_array_get(x5c, i))) {
            return 0;
        }
    }
    return count;
}

static enum stir_code x5c_check_count(const json_t *x5c, struct stir_error *err)
{
    size_t count = x5c_count_of(x5c);
    if (count < 1 || count > STIR_CHAIN_MAX) {
        return stir_fail(err, STIR_E_CERT, "x5c is not an array of 1 to %d certificates", STIR_CHAIN_MAX);
    }
    return STIR_OK;
}

static enum stir_code x5c_check_certs(const json_t *x5c, size_t *octets, struct stir_error *err)
{
    enum stir_code code = x5c_check_count(x5c, err);
    if (code != STIR_OK) {
        return code;
    }
    size_t count = json_array_size(x5c);
    *octets = 0;
    for (size_t i = 0; i < count; i++) {
        *octets += stir_b64_decoded_max(json_string_length(json_array_get(x5c, i)));
    }
    if (*octets > STIR_CHAIN_OCTETS + STIR_CHAIN_MAX * 6) {
        return stir_fail(err, STIR_E_TOO_BIG, "x5c: the certificate chain has more than %d octets", STIR_CHAIN_OCTETS);
    }
    return STIR_OK;
}

enum stir_code stir_x5c_parse(struct stir_chain **out, const json_t *x5c, struct stir_error *err)
{
    struct stir_view certs[STIR_CHAIN_MAX];
    size_t room = 0;
    enum stir_code code = x5c_check_certs(x5c, &room, err);
    if (code != STIR_OK) {
        return code;
    }
    uint8_t *der = malloc(room + 1); /* of empty texts there would be none */
    if (!der) {
        return stir_fail(err, STIR_E_NOMEM, "x5c");
    }
    size_t used = 0;
    size_t count = json_array_size(x5c);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(x5c, i);
        size_t len = 0;
        if (stir_b64_decode(der + used, room - used, &len, json_string_value(item), json_string_length(item)) !=
            STIR_OK) {
            code = stir_fail(err, STIR_E_CERT, "x5c: certificate %zu is not strict base64", i + 1);
            goto out;
        }
        certs[i] = stir_view((const char *)der + used, len);
        used += len;
    }
    code = stir_chain_from_der(out, certs, count, err);
    if (code != STIR_OK) {
        (void)stir_fail_prefix(err, code, "x5c");
    }
out:
    free(der);
    return code;
}

enum stir_code stir_x5c_digest(uint8_t out[32], const json_t *x5c, struct stir_error *err)
{
    size_t count = x5c_count_of(x5c);
    if (!count) {
        return stir_fail(err, STIR_E_CERT, "x5c is not an array of certificates");
    }
    ERR_clear_error();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < count; i++) {
        const json_t *item = json_array_get(x5c, i);
        good = EVP_DigestUpdate(ctx, json_string_value(item), json_string_length(item) + 1) == 1;
    }
    uint8_t digest[32];
    good = good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "x5c: SHA-256 failed");
    }
    memcpy(out, digest, sizeof(digest));
    return STIR_OK;
}

enum stir_code stir_x5c_digests(uint8_t out[STIR_CHAIN_MAX][32], size_t *count, const json_t *x5c,
                                struct stir_error *err)
{
    enum stir_code code = x5c_check_count(x5c, err);
    size_t n = json_array_size(x5c);
    for (size_t i = 0; code == STIR_OK && i < n; i++) {
        const json_t *item = json_array_get(x5c, i);
        ERR_clear_error();
        if (EVP_Digest(json_string_value(item), json_string_length(item), out[i], NULL, EVP_sha256(), NULL) != 1) {
            code = stir_fail_openssl(err, STIR_E_CRYPTO, "x5c: SHA-256 failed");
        }
    }
    *count = code == STIR_OK ? n : 0;
    return code;
}

void stir_x5c_put(struct stir_buf *out, const struct stir_view *der, size_t count)
{
    stir_buf_puts(out, "[");
    for (size_t i = 0; i < count; i++) {
        stir_buf_puts(out, i ? ",\"" : "\"");
        char *text = stir_buf_extend(out, stir_b64_len(der[i].len));
        if (text) {
            (void)stir_b64_encode(text, der[i].ptr, der[i].len);
        }
        stir_buf_puts(out, "\"");
    }
    stir_buf_puts(out, "]");
}
