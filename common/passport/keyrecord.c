/* SPDX-License-Identifier: MIT */
/* Key records as they are read; what makes them is keyrecord_make.c, what they are worth keyrecord_check.c. */
#include "common/passport/keyrecord.h"

#include "common/cert/x5u.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/passport/passport.h"

#include <stdlib.h>

static enum stir_code keyrecord_refuse(struct stir_error *err, const char *what, const char *why)
{
    return stir_fail(err, STIR_E_JWS, "the key record: %s %s", what, why);
}

/* A member of the wrong shape is a malformed record, not malformed JSON: err keeps its text. */
static enum stir_code keyrecord_code(struct stir_error *err, enum stir_code code)
{
    if (code == STIR_OK || code == STIR_E_NOMEM) {
        return code;
    }
    return stir_fail_prefix(err, STIR_E_JWS, "the key record");
}

/* ---- header ---- */

static enum stir_code keyrecord_read_x5c(struct stir_keyrecord *record, const json_t *x5c, struct stir_error *err)
{
    size_t count = json_array_size(x5c);
    size_t room = STIR_CHAIN_OCTETS;
    if (!json_is_array(x5c) || count < 1 || count > STIR_CHAIN_MAX) {
        return keyrecord_refuse(err, "x5c", "is not an array of 1 to 8 certificates");
    }
    uint8_t *der = malloc(room);
    if (!der) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    record->der = der;
    /* All certificates go into one buffer, which bounds what a record may hold. */
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(x5c, i);
        size_t len = 0;
        if (!json_is_string(item) ||
            stir_b64_decode(der, room, &len, json_string_value(item), json_string_length(item)) != STIR_OK || !len) {
            return keyrecord_refuse(err, "x5c",
                                    "has an entry that is not a certificate in strict base64, or is too long");
        }
        record->x5c[i] = stir_view((const char *)der, len);
        der += len;
        room -= len;
    }
    record->x5c_count = count;
    return STIR_OK;
}

static enum stir_code keyrecord_read_header(struct stir_keyrecord *record, struct stir_error *err)
{
    const json_t *header = record->jws.header;
    const json_t *x5c = json_object_get(header, "x5c");
    const char *typ = NULL;
    enum stir_code code = stir_json_string(&typ, header, "typ", err);
    if (code != STIR_OK) {
        return keyrecord_code(err, code);
    }
    if (strcmp(typ, STIR_KEYRECORD_TYP) != 0) {
        return keyrecord_refuse(err, "typ", "is not " STIR_KEYRECORD_TYP);
    }
    if ((json_object_get(header, "x5u") != NULL) == (x5c != NULL)) {
        return keyrecord_refuse(err, "the header", "has either x5u or x5c");
    }
    if (x5c) {
        return keyrecord_read_x5c(record, x5c, err);
    }
    code = stir_json_string(&record->x5u, header, "x5u", err);
    if (code != STIR_OK) {
        return keyrecord_code(err, code);
    }
    return stir_x5u_is_https(record->x5u) ? STIR_OK : keyrecord_refuse(err, "x5u", "is not an https URL");
}

/* ---- claims ---- */

/* Appends "prefix value" for stir_tnauth_from_text. A comma in the value would begin another item, so it is refused. */
static bool keyrecord_put_entry(struct stir_buf *text, const json_t *item, bool spc)
{
    const char *value = json_string_value(item);
    if (!value || !value[0] || strlen(value) != json_string_length(item) || strpbrk(value, ", :")) {
        return false;
    }
    const char *kind = spc ? "spc" : strchr(value, '+') ? "range" : "tn";
    stir_buf_printf(text, "%s%s:%s", text->len ? "," : "", kind, value);
    return true;
}

static enum stir_code keyrecord_put_entries(struct stir_buf *text, const json_t *claims, const char *name,
                                            size_t *count, struct stir_error *err)
{
    const json_t *list = json_object_get(claims, name);
    size_t n = json_array_size(list);
    if (!list) {
        return STIR_OK;
    }
    if (!json_is_array(list) || n > STIR_KEYRECORD_ENTRIES - *count) {
        return keyrecord_refuse(err, name, "is not an array, or has too many entries");
    }
    for (size_t i = 0; i < n; i++) {
        if (!keyrecord_put_entry(text, json_array_get(list, i), name[0] == 's')) {
            return keyrecord_refuse(err, name, "has an entry that is not valid");
        }
    }
    *count += n;
    return STIR_OK;
}

static enum stir_code keyrecord_read_subjects(struct stir_keyrecord *record, struct stir_error *err)
{
    struct stir_buf text = {.limit = STIR_KEYRECORD_MAX};
    size_t count = 0;
    enum stir_code code = keyrecord_put_entries(&text, record->jws.payload, "spc", &count, err);
    if (code == STIR_OK) {
        code = keyrecord_put_entries(&text, record->jws.payload, "tn", &count, err);
    }
    if (code == STIR_OK && count == 0) {
        code = keyrecord_refuse(err, "spc and tn", "are both empty");
    }
    if (code == STIR_OK && stir_buf_state(&text) != STIR_OK) {
        code = stir_fail(err, stir_buf_state(&text), "the key record: spc and tn");
    }
    if (code == STIR_OK) {
        code = keyrecord_code(err, stir_tnauth_from_text(&record->claims, text.ptr, err));
    }
    stir_buf_free(&text);
    return code;
}

static enum stir_code keyrecord_read_time(int64_t *out, const json_t *object, const char *name, struct stir_error *err)
{
    int64_t value = 0;
    enum stir_code code = stir_json_int(&value, object, name, err);
    if (code != STIR_OK) {
        return keyrecord_code(err, code);
    }
    if (value < 0 || value > STIR_IAT_MAX) {
        return keyrecord_refuse(err, name, "is outside 0..2^53");
    }
    *out = value;
    return STIR_OK;
}

static enum stir_code keyrecord_read_times(struct stir_keyrecord *record, struct stir_error *err)
{
    enum stir_code code = keyrecord_read_time(&record->iat, record->jws.payload, "iat", err);
    if (code == STIR_OK) {
        code = keyrecord_read_time(&record->exp, record->jws.payload, "exp", err);
    }
    if (code == STIR_OK && (record->exp <= record->iat || record->exp - record->iat > STIR_KEYRECORD_LIFE_S)) {
        code = keyrecord_refuse(err, "exp", "is not after iat, or more than 366 days after it");
    }
    return code;
}

/* Checks each URL of cps: https, with a host. The rest is not judged here. */
static enum stir_code keyrecord_read_cps(struct stir_keyrecord *record, struct stir_error *err)
{
    const json_t *payload = record->jws.payload;
    char url[STIR_KEYRECORD_CPS_MAX + 1];
    if (!json_object_get(payload, "cps")) {
        return STIR_OK;
    }
    enum stir_code code = stir_json_string(&record->cps, payload, "cps", err);
    if (code != STIR_OK) {
        return keyrecord_code(err, code);
    }
    if (strlen(record->cps) > STIR_KEYRECORD_CPS_MAX) {
        return keyrecord_refuse(err, "cps", "is too long");
    }
    /* Each item of the list, in order of preference, is a URL of its own. */
    for (const char *at = record->cps;; at++) {
        size_t n = strcspn(at, ",");
        memcpy(url, at, n);
        url[n] = '\0';
        if (!stir_x5u_is_https(url)) {
            return keyrecord_refuse(err, "cps", "is not a list of https URLs separated by commas");
        }
        at += n;
        if (!*at) {
            return STIR_OK;
        }
    }
}

/* ---- keys ---- */

static enum stir_code keyrecord_read_key_times(struct stir_keyrecord_key *key, const json_t *jwk,
                                               struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    key->not_before = INT64_MIN;
    key->not_after = INT64_MAX;
    if (json_object_get(jwk, "nbf")) {
        code = keyrecord_read_time(&key->not_before, jwk, "nbf", err);
    }
    if (code == STIR_OK && json_object_get(jwk, "exp")) {
        code = keyrecord_read_time(&key->not_after, jwk, "exp", err);
    }
    if (code == STIR_OK && key->not_before >= key->not_after) {
        code = keyrecord_refuse(err, "a key's exp", "is not after its nbf");
    }
    return code;
}

/* Appends a key, the i-th of the array. RFC 7517 section 5: a key of a kind that is not understood, that lacks members
 * or has values out of range, is left out (STIR_E_KEY, err says why), and so is one that is not for encrypting. What
 * was appended is freed with the record, also on failure. */
static enum stir_code keyrecord_add_key(struct stir_keyrecord *record, size_t i, const json_t *jwk,
                                        struct stir_error *err)
{
    EVP_PKEY *pkey = NULL;
    if (!stir_jwk_is_for(jwk, STIR_KEY_ENCRYPT)) {
        return stir_fail(err, STIR_E_KEY, "the key record: key %zu is not for encrypting", i + 1);
    }
    enum stir_code code = stir_jwk_parse(&pkey, jwk, false, err);
    if (code != STIR_OK) {
        code = code == STIR_E_NOMEM || code == STIR_E_CRYPTO ? code : STIR_E_KEY;
        return stir_fail_prefix(err, code, "the key record: key %zu", i + 1);
    }
    if (record->key_count == STIR_KEYRECORD_KEYS) {
        EVP_PKEY_free(pkey);
        return keyrecord_refuse(err, "keys", "has more than 8 keys that can be used");
    }
    struct stir_keyrecord_key *key = &record->keys[record->key_count++];
    key->pkey = pkey;
    code = stir_jwk_thumbprint(key->thumbprint, pkey, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code == STIR_E_KEY ? STIR_E_CRYPTO : code, "the key record: key %zu", i + 1);
    }
    return STIR_OK;
}

/* A fault of a key that is understood makes the whole record unusable. */
static enum stir_code keyrecord_check_key(struct stir_keyrecord *record, size_t i, const json_t *jwk,
                                          struct stir_error *err)
{
    struct stir_keyrecord_key *key = &record->keys[record->key_count - 1];
    for (const struct stir_keyrecord_key *other = record->keys; other < key; other++) {
        if (strcmp(other->thumbprint, key->thumbprint) == 0) {
            return stir_fail(err, STIR_E_KEY, "the key record: key %zu occurs twice", i + 1);
        }
    }
    return keyrecord_read_key_times(key, jwk, err);
}

static enum stir_code keyrecord_read_key(struct stir_keyrecord *record, size_t i, const json_t *jwk,
                                         struct stir_error *err)
{
    size_t before = record->key_count;
    if (json_object_get(jwk, "d")) {
        return stir_fail(err, STIR_E_KEY, "the key record: key %zu is a private key", i + 1);
    }
    enum stir_code code = keyrecord_add_key(record, i, jwk, err);
    if (code == STIR_OK) {
        return keyrecord_check_key(record, i, jwk, err);
    }
    return code == STIR_E_KEY && record->key_count == before ? STIR_OK : code;
}

static enum stir_code keyrecord_read_keys(struct stir_keyrecord *record, struct stir_error *err)
{
    const json_t *keys = json_object_get(record->jws.payload, "keys");
    size_t count = json_array_size(keys);
    enum stir_code code = STIR_OK;
    if (!json_is_array(keys) || count < 1 || count > STIR_KEYRECORD_KEYS_LISTED) {
        return keyrecord_refuse(err, "keys", "is not an array of 1 to 32 keys");
    }
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        code = keyrecord_read_key(record, i, json_array_get(keys, i), err);
    }
    /* no key can be used: err has the fault of the last one */
    return code == STIR_OK && record->key_count == 0 ? STIR_E_KEY : code;
}

/* ---- all of it ---- */

static enum stir_code keyrecord_read_claims(struct stir_keyrecord *record, struct stir_error *err)
{
    enum stir_code code = keyrecord_code(err, stir_json_string(&record->iss, record->jws.payload, "iss", err));
    if (code == STIR_OK) {
        code = keyrecord_read_times(record, err);
    }
    if (code == STIR_OK) {
        code = keyrecord_read_subjects(record, err);
    }
    if (code == STIR_OK) {
        code = keyrecord_read_cps(record, err);
    }
    return code == STIR_OK ? keyrecord_read_keys(record, err) : code;
}

enum stir_code stir_keyrecord_parse(struct stir_keyrecord **out, const char *token, size_t n, struct stir_error *err)
{
    if (n > STIR_KEYRECORD_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the key record is longer than %d octets", STIR_KEYRECORD_MAX);
    }
    struct stir_keyrecord *record = calloc(1, sizeof(*record));
    char *copy = malloc(n + 1);
    if (!record || !copy) {
        free(record);
        free(copy);
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    /* The record keeps a copy of its own, into which its views point. */
    if (n) {
        memcpy(copy, token, n);
    }
    copy[n] = '\0';
    record->token = copy;
    record->token_len = n;
    enum stir_code code = stir_jws_parse_max(&record->jws, copy, n, STIR_KEYRECORD_MAX, err);
    if (code == STIR_OK) {
        code = keyrecord_read_header(record, err);
    }
    if (code == STIR_OK) {
        code = keyrecord_read_claims(record, err);
    }
    if (code != STIR_OK) {
        stir_keyrecord_free(record);
        return code;
    }
    *out = record;
    return STIR_OK;
}

void stir_keyrecord_free(struct stir_keyrecord *record)
{
    if (!record) {
        return;
    }
    for (size_t i = 0; i < record->key_count; i++) {
        EVP_PKEY_free(record->keys[i].pkey);
    }
    stir_tnauth_clear(&record->claims);
    stir_jws_clear(&record->jws);
    free(record->der);
    free(record->token);
    free(record);
}

enum stir_code stir_keyrecord_chain(struct stir_chain **out, const struct stir_keyrecord *record,
                                    struct stir_error *err)
{
    if (record->x5c_count == 0) {
        return stir_fail(err, STIR_E_NOT_FOUND, "the key record: its chain is at x5u");
    }
    return stir_chain_from_der(out, record->x5c, record->x5c_count, err);
}
