/* SPDX-License-Identifier: MIT */
#include "client/lib/context/handle.h"
#include "client/lib/context/key.h"
#include "client/lib/sign/signer.h"
#include "common/jose/b64.h"
#include "common/jose/envelope.h"
#include "common/passport/passport.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum cps_code cps_envelope_id(char out[CPS_ID_LEN + 1], const char *envelope, size_t len, struct cps_error *err)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (!out || !envelope) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    if (!SHA256((const unsigned char *)envelope, len, digest)) {
        return cps_fail(err, CPS_E_CRYPTO, "cannot compute the envelope's id: SHA-256 failed");
    }
    out[stir_b64url_encode(out, digest, 16)] = '\0';
    return CPS_OK;
}

void cps_envelopes_clear(struct cps_envelopes *envelopes)
{
    for (size_t i = 0; envelopes->items && i < envelopes->count; i++) {
        free(envelopes->items[i].text);
    }
    free(envelopes->items);
    free(envelopes->cursor);
    *envelopes = (struct cps_envelopes){0};
}

static enum cps_code seal_for_key(struct cps_envelope *out, const char *passport, size_t len,
                                  const struct cps_signer *chain_of, const struct cps_key *key, struct cps_error *err)
{
    struct stir_buf text = {.limit = STIR_JWE_MAX};
    struct stir_error cause = {0};
    enum stir_code code = stir_envelope_seal(&text, passport, len, chain_of ? chain_of->der_views : NULL,
                                             chain_of ? chain_of->chain->count : 0, key->pkey, &cause);
    if (code != STIR_OK) {
        stir_buf_free(&text);
        return cps_fail_stir(err, code, &cause);
    }
    out->text = stir_buf_steal(&text, &out->len);
    return out->text ? cps_envelope_id(out->id, out->text, out->len, err) : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

/* Checks that the text is a PASSporT in full form: nothing else is sealed. */
static enum cps_code seal_check_full_form(const struct cps *cps, const char *passport, size_t len,
                                          struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_passport *parsed = NULL;
    enum stir_code code = stir_passport_parse(&parsed, passport, len, cps->numbering.max_digits, &cause);
    stir_passport_free(parsed);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

enum cps_code cps_seal(struct cps *cps, const char *passport, size_t len, const struct cps_signer *chain_of,
                       const struct cps_key *const *keys, size_t key_count, struct cps_envelopes *out,
                       struct cps_error *err)
{
    struct cps_envelopes made = {0};
    if (!cps || !passport || !out) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_keys_check(keys, key_count, false, err);
    if (code == CPS_OK) {
        code = seal_check_full_form(cps, passport, len, err);
    }
    if (code != CPS_OK) {
        return code;
    }
    /* One envelope for each key: a recipient opens the one that is for it. */
    made.items = calloc(key_count, sizeof(*made.items));
    if (!made.items) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    made.count = key_count;
    for (size_t i = 0; code == CPS_OK && i < key_count; i++) {
        code = seal_for_key(&made.items[i], passport, len, chain_of, keys[i], err);
    }
    if (code != CPS_OK) {
        cps_envelopes_clear(&made);
        return code;
    }
    *out = made;
    return CPS_OK;
}
