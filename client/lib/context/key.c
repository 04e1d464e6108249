/* SPDX-License-Identifier: MIT */
#include "client/lib/context/key.h"

#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/jose/key_load.h"

#include <stdlib.h>
#include <string.h>

/* Makes a key of a pkey, which it takes over, also on failure. */
static enum cps_code key_wrap_owned(struct cps_key **out, EVP_PKEY *pkey, bool is_private, struct cps_error *err)
{
    struct stir_error cause = {0};
    struct cps_key *key = calloc(1, sizeof(*key));
    if (!key) {
        EVP_PKEY_free(pkey);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    key->pkey = pkey;
    key->is_private = is_private;
    atomic_init(&key->refs, 1);
    enum stir_code code = stir_jwk_thumbprint(key->thumbprint, pkey, &cause);
    if (code != STIR_OK) {
        cps_key_free(key);
        return cps_fail_stir(err, code, &cause);
    }
    *out = key;
    return CPS_OK;
}

enum cps_code cps_key_wrap(struct cps_key **out, EVP_PKEY *pkey, struct cps_error *err)
{
    (void)EVP_PKEY_up_ref(pkey);
    return key_wrap_owned(out, pkey, false, err);
}

static enum cps_code key_check_uri(const void *out, const char *uri, struct cps_error *err)
{
    if (!out || !uri) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    if (strncmp(uri, "pkcs11:", 7) == 0) {
        return cps_fail(err, CPS_E_KEY,
                        "a pkcs11: key can only sign; give the key that opens envelopes as a file (JWK or PEM)");
    }
    return CPS_OK;
}

enum cps_code cps_key_load(struct cps_key **out, const char *uri, bool want_private, struct cps_error *err)
{
    struct stir_error cause = {0};
    EVP_PKEY *pkey = NULL;
    enum cps_code code = key_check_uri(out, uri, err);
    if (code != CPS_OK) {
        return code;
    }
    enum stir_code loaded = stir_key_load(&pkey, uri, want_private, STIR_KEY_ENCRYPT, &cause);
    return loaded == STIR_OK ? key_wrap_owned(out, pkey, want_private, err) : cps_fail_stir(err, loaded, &cause);
}

enum cps_code cps_keys_load(struct cps_key **out, size_t max, size_t *count, const char *uri, bool want_private,
                            struct cps_error *err)
{
    EVP_PKEY *pkeys[CPS_KEYS_MAX];
    struct stir_error cause = {0};
    size_t loaded_count = 0, made = 0;
    enum cps_code code = key_check_uri(count ? out : NULL, uri, err);
    if (code == CPS_OK && (max == 0 || max > CPS_KEYS_MAX)) {
        code = cps_fail(err, CPS_E_INVAL, "max is %zu; it must be 1 to %d", max, CPS_KEYS_MAX);
    }
    if (code != CPS_OK) {
        return code;
    }
    enum stir_code loaded = stir_keys_load(pkeys, max, &loaded_count, uri, want_private, STIR_KEY_ENCRYPT, &cause);
    if (loaded != STIR_OK) {
        return cps_fail_stir(err, loaded, &cause);
    }
    /* All keys or none: after a failure the rest is freed, then what was made. */
    for (size_t i = 0; i < loaded_count; i++) {
        if (code == CPS_OK) {
            code = key_wrap_owned(&out[i], pkeys[i], want_private, err);
            made += code == CPS_OK;
        } else {
            EVP_PKEY_free(pkeys[i]);
        }
    }
    for (size_t i = 0; code != CPS_OK && i < made; i++) {
        cps_key_free(out[i]);
    }
    *count = code == CPS_OK ? made : *count;
    return code;
}

enum cps_code cps_key_from_jwk(struct cps_key **out, const char *jwk, size_t len, bool want_private,
                               struct cps_error *err)
{
    struct stir_error cause = {0};
    EVP_PKEY *pkey = NULL;
    json_t *object = NULL;
    if (!out || !jwk) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum stir_code code = stir_json_parse_object(&object, jwk, len, "the JWK", &cause);
    if (code == STIR_OK && !stir_jwk_is_for(object, STIR_KEY_ENCRYPT)) {
        code = stir_fail(&cause, STIR_E_KEY, "the JWK is not for encrypting, according to its use, key_ops or alg");
    }
    if (code == STIR_OK) {
        code = stir_jwk_parse(&pkey, object, want_private, &cause);
    }
    json_decref(object);
    return code == STIR_OK ? key_wrap_owned(out, pkey, want_private, err) : cps_fail_stir(err, code, &cause);
}

void cps_key_free(struct cps_key *key)
{
    if (key && atomic_fetch_sub(&key->refs, 1) == 1) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}

enum cps_code cps_keys_check(const struct cps_key *const *keys, size_t count, bool want_private, struct cps_error *err)
{
    if (!keys || count == 0 || count > CPS_KEYS_MAX) {
        return cps_fail(err, CPS_E_INVAL, "%zu keys were given; 1 to %d are needed", count, CPS_KEYS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (!keys[i]) {
            return cps_fail(err, CPS_E_INVAL, "key %zu is NULL", i);
        }
        if (want_private && !keys[i]->is_private) {
            return cps_fail(err, CPS_E_INVAL, "key %zu is a public key; a private one is needed", i);
        }
    }
    return CPS_OK;
}

enum cps_code cps_keys_take(struct cps_keys *out, const struct cps_key *const *keys, size_t count, bool want_private,
                            struct cps_error *err)
{
    enum cps_code code = cps_keys_check(keys, count, want_private, err);
    if (code != CPS_OK) {
        return code;
    }
    struct cps_key **items = calloc(count, sizeof(struct cps_key *));
    if (!items) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct cps_key *)(uintptr_t)keys[i]; /* const for callers; only the reference count changes */
        atomic_fetch_add(&items[i]->refs, 1);
    }
    *out = (struct cps_keys){.items = items, .count = count};
    return CPS_OK;
}

void cps_keys_free(struct cps_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        cps_key_free(keys->items[i]);
    }
    free(keys->items);
    *keys = (struct cps_keys){0};
}
