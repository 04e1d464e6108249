/* SPDX-License-Identifier: MIT */
#include "common/passport/msgi.h"

#include "common/jose/b64.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

/* The algorithms that RFC 9475 section 3.2 makes mandatory. */
static const struct algorithm {
    const char *prefix;
    unsigned octets;
    const EVP_MD *(*md)(void);
} algorithms[] = {
    [STIR_MSGI_SHA256] = {"sha256-", 32, EVP_sha256},
    [STIR_MSGI_SHA384] = {"sha384-", 48, EVP_sha384},
    [STIR_MSGI_SHA512] = {"sha512-", 64, EVP_sha512},
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))
#define DIGEST_MAX 128 /* octets that are decoded: more than any digest has */

static enum stir_code msgi_digest_of(uint8_t out[EVP_MAX_MD_SIZE], const struct algorithm *alg, const void *body,
                                     size_t n, struct stir_error *err)
{
    ERR_clear_error();
    if (EVP_Digest(n ? body : "", n, out, NULL, alg->md(), NULL) != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot compute a message digest");
    }
    return STIR_OK;
}

enum stir_code stir_msgi_make(char out[STIR_MSGI_MAX], enum stir_msgi_alg alg, const void *body, size_t n,
                              struct stir_error *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if ((size_t)alg >= ALGORITHMS) {
        return stir_fail(err, STIR_E_INVAL, "msgi: unknown algorithm");
    }
    const struct algorithm *row = &algorithms[alg];
    enum stir_code code = msgi_digest_of(digest, row, body, n, err);
    if (code != STIR_OK) {
        return code;
    }
    size_t prefix = strlen(row->prefix);
    memcpy(out, row->prefix, prefix);
    out[prefix + stir_b64_encode(out + prefix, digest, row->octets)] = '\0';
    return STIR_OK;
}

/* Splits the text; *len is how many octets the digest has, right or not. */
static enum stir_code msgi_parse(const struct algorithm **alg, uint8_t digest[DIGEST_MAX], size_t *len,
                                 const char *msgi, size_t n, struct stir_error *err)
{
    const struct algorithm *found = NULL;
    for (size_t i = 0; i < ALGORITHMS; i++) {
        size_t prefix = strlen(algorithms[i].prefix);
        if (n > prefix && memcmp(msgi, algorithms[i].prefix, prefix) == 0) {
            found = &algorithms[i];
        }
    }
    if (!found) {
        return stir_fail(err, STIR_E_MSGI, "msgi does not start with sha256-, sha384- or sha512-");
    }
    size_t prefix = strlen(found->prefix);
    enum stir_code code = stir_b64_decode(digest, DIGEST_MAX, len, msgi + prefix, n - prefix);
    if (code == STIR_E_TOO_BIG) {
        return stir_fail(err, STIR_E_MSGI_MISMATCH, "msgi is longer than any digest");
    }
    if (code != STIR_OK) {
        return stir_fail(err, STIR_E_MSGI, "msgi: %s", stir_strerror(code));
    }
    *alg = found;
    return STIR_OK;
}

bool stir_msgi_well_formed(const char *msgi, size_t n)
{
    const struct algorithm *alg = NULL;
    uint8_t digest[DIGEST_MAX];
    size_t len = 0;
    return msgi_parse(&alg, digest, &len, msgi, n, NULL) == STIR_OK && len == alg->octets;
}

enum stir_code stir_msgi_check(const char *msgi, size_t n, const void *body, size_t body_n, struct stir_error *err)
{
    const struct algorithm *alg = NULL;
    uint8_t claimed[DIGEST_MAX];
    uint8_t actual[EVP_MAX_MD_SIZE];
    size_t len = 0;
    enum stir_code code = msgi_parse(&alg, claimed, &len, msgi, n, err);
    if (code != STIR_OK) {
        return code;
    }
    if (len != alg->octets) {
        return stir_fail(err, STIR_E_MSGI_MISMATCH, "msgi has %zu octets, and %.6s has %u", len, alg->prefix,
                         alg->octets);
    }
    code = msgi_digest_of(actual, alg, body, body_n, err);
    if (code != STIR_OK) {
        return code;
    }
    if (CRYPTO_memcmp(claimed, actual, len) != 0) {
        return stir_fail(err, STIR_E_MSGI_MISMATCH, "msgi is the digest of another message");
    }
    return STIR_OK;
}
