/* SPDX-License-Identifier: MIT */
#include "client/lib/box/open.h"

#include "client/lib/context/handle.h"
#include "common/jose/jwe.h"
#include "common/jose/key.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum cps_code cps_open_with(struct stir_opened *out, size_t *index, const char *envelope, size_t len,
                            const struct cps_key *const *keys, size_t key_count, struct cps_error *err)
{
    struct stir_error cause = {0};
    enum stir_code code = STIR_E_DECRYPT;
    for (size_t i = 0; i < key_count && code == STIR_E_DECRYPT; i++) {
        code = stir_envelope_open(out, envelope, len, keys[i]->pkey, &cause);
        if (code == STIR_OK) {
            *index = i;
            return CPS_OK;
        }
    }
    return cps_fail_stir(err, code, &cause);
}

/* What cps_opened_clear frees: the certificates point into it. */
struct owned {
    struct stir_opened opened;
};

void cps_opened_clear(struct cps_opened *opened)
{
    struct owned *owned = opened->owned;
    if (owned) {
        stir_opened_clear(&owned->opened);
        free(owned);
    }
    if (opened->passport) {
        OPENSSL_cleanse(opened->passport, opened->passport_len);
        free(opened->passport);
    }
    *opened = (struct cps_opened){0};
}

enum cps_code cps_open(struct cps *cps, const char *envelope, size_t len, const struct cps_key *const *keys,
                       size_t key_count, struct cps_opened *out, struct cps_error *err)
{
    struct cps_opened result = {0};
    if (!cps || !envelope || !out) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_keys_check(keys, key_count, true, err);
    if (code != CPS_OK) {
        return code;
    }
    struct owned *owned = calloc(1, sizeof(*owned));
    if (!owned) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    code = cps_open_with(&owned->opened, &result.key_index, envelope, len, keys, key_count, err);
    if (code != CPS_OK) {
        free(owned);
        return code;
    }
    /* From here on result owns everything, and cps_opened_clear frees it. */
    result.owned = owned;
    result.x5c_count = owned->opened.x5c_count;
    for (size_t i = 0; i < result.x5c_count; i++) {
        result.x5c[i].ptr = (const uint8_t *)owned->opened.x5c[i].ptr;
        result.x5c[i].len = owned->opened.x5c[i].len;
    }
    result.passport_len = owned->opened.passport.len;
    result.passport = strndup(owned->opened.passport.ptr, owned->opened.passport.len);
    if (!result.passport) {
        cps_opened_clear(&result);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    *out = result;
    return CPS_OK;
}
