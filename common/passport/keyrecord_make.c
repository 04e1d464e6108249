/* SPDX-License-Identifier: MIT */
/* Key records as they are made. */
#include "common/jose/b64.h"
#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/passport/keyrecord.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void keyrecord_put_string(struct stir_buf *out, const char *text)
{
    stir_json_quote(out, text, strlen(text));
}

static void keyrecord_put_x5c(struct stir_buf *out, const struct stir_keyrecord_spec *spec)
{
    stir_buf_puts(out, ",\"x5c\":[");
    for (size_t i = 0; i < spec->x5c_count; i++) {
        stir_buf_puts(out, i ? ",\"" : "\"");
        char *p = stir_buf_extend(out, stir_b64_len(spec->x5c[i].len));
        if (p) {
            (void)stir_b64_encode(p, spec->x5c[i].ptr, spec->x5c[i].len);
        }
        stir_buf_puts(out, "\"");
    }
    stir_buf_puts(out, "]}");
}

static void keyrecord_put_header(struct stir_buf *out, const struct stir_keyrecord_spec *spec)
{
    stir_buf_puts(out, "{\"alg\":\"ES256\",\"typ\":\"" STIR_KEYRECORD_TYP "\"");
    if (spec->x5u) {
        stir_buf_puts(out, ",\"x5u\":");
        keyrecord_put_string(out, spec->x5u);
        stir_buf_puts(out, "}");
    } else {
        keyrecord_put_x5c(out, spec);
    }
}

static void keyrecord_put_subjects(struct stir_buf *out, const struct stir_tnauth *claims, const char *name, bool codes)
{
    size_t count = 0;
    for (size_t i = 0; i < claims->count; i++) {
        const struct stir_tnauth_entry *entry = &claims->entries[i];
        if ((entry->kind == STIR_TNAUTH_SPC) != codes) {
            continue;
        }
        char text[sizeof(entry->value) + 24];
        int n = entry->kind == STIR_TNAUTH_RANGE
                    ? snprintf(text, sizeof(text), "%s+%" PRIu64, entry->value, entry->count)
                    : snprintf(text, sizeof(text), "%s", entry->value);
        stir_buf_puts(out, ",");
        if (count++ == 0) {
            stir_buf_printf(out, "\"%s\":[", name);
        }
        stir_json_quote(out, text, n > 0 ? (size_t)n : 0);
    }
    stir_buf_puts(out, count ? "]" : "");
}

static enum stir_code keyrecord_put_key(struct stir_buf *out, const struct stir_keyrecord_key *key,
                                        struct stir_error *err)
{
    json_t *jwk = NULL;
    enum stir_code code = stir_jwk_make(&jwk, key->pkey, false, err);
    if (code != STIR_OK) {
        return code;
    }
    bool good = json_object_set_new(jwk, "use", json_string("enc")) == 0;
    if (key->not_before != INT64_MIN) {
        good &= json_object_set_new(jwk, "nbf", json_integer(key->not_before)) == 0;
    }
    if (key->not_after != INT64_MAX) {
        good &= json_object_set_new(jwk, "exp", json_integer(key->not_after)) == 0;
    }
    stir_jcs(out, jwk);
    json_decref(jwk);
    return good ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory");
}

/* In lexicographic order, as RFC 8225 section 9 has it for PASSporTs. */
static enum stir_code keyrecord_put_claims(struct stir_buf *out, const struct stir_keyrecord_spec *spec,
                                           struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    stir_buf_puts(out, "{");
    if (spec->cps) {
        stir_buf_puts(out, "\"cps\":");
        keyrecord_put_string(out, spec->cps);
        stir_buf_puts(out, ",");
    }
    stir_buf_printf(out, "\"exp\":%" PRId64 ",\"iat\":%" PRId64 ",\"iss\":", spec->exp, spec->iat);
    keyrecord_put_string(out, spec->iss ? spec->iss : spec->claims->entries[0].value);
    stir_buf_puts(out, ",\"keys\":[");
    for (size_t i = 0; code == STIR_OK && i < spec->key_count; i++) {
        stir_buf_puts(out, i ? "," : "");
        code = keyrecord_put_key(out, &spec->keys[i], err);
    }
    stir_buf_puts(out, "]");
    keyrecord_put_subjects(out, spec->claims, "spc", true);
    keyrecord_put_subjects(out, spec->claims, "tn", false);
    stir_buf_puts(out, "}");
    return code;
}

/* Reads the record that was made: nobody would accept a record that this reader refuses. */
static enum stir_code keyrecord_make(char **out, size_t *out_len, const struct stir_buf *header,
                                     const struct stir_buf *claims, EVP_PKEY *key, struct stir_error *err)
{
    struct stir_keyrecord *record = NULL;
    char *text = NULL;
    size_t len = 0;
    enum stir_code code = stir_jws_sign_max(&text, &len, stir_view(header->ptr, header->len),
                                            stir_view(claims->ptr, claims->len), key, STIR_KEYRECORD_MAX, err);
    if (code == STIR_OK) {
        code = stir_keyrecord_parse(&record, text, len, err);
    }
    if (code != STIR_OK) {
        free(text);
        return code;
    }
    stir_keyrecord_free(record);
    *out = text;
    *out_len = len;
    return STIR_OK;
}

enum stir_code stir_keyrecord_make(char **out, size_t *out_len, const struct stir_keyrecord_spec *spec, EVP_PKEY *key,
                                   struct stir_error *err)
{
    struct stir_buf header = {.limit = STIR_KEYRECORD_MAX};
    struct stir_buf claims = {.limit = STIR_KEYRECORD_MAX};
    if (!spec->claims || spec->claims->count == 0 || spec->key_count < 1 || spec->key_count > STIR_KEYRECORD_KEYS) {
        return stir_fail(err, STIR_E_INVAL, "a key record must have a subject and 1 to %d keys", STIR_KEYRECORD_KEYS);
    }
    if ((spec->x5u != NULL) == (spec->x5c_count != 0)) {
        return stir_fail(err, STIR_E_INVAL, "a key record has either x5u or x5c");
    }
    /* Both texts are canonical, so that the same record is the same octets. */
    keyrecord_put_header(&header, spec);
    enum stir_code code = keyrecord_put_claims(&claims, spec, err);
    if (code == STIR_OK) {
        code = stir_buf_state(&header) != STIR_OK ? stir_buf_state(&header) : stir_buf_state(&claims);
        if (code != STIR_OK) {
            code = stir_fail(err, code, "the key record: %s", stir_strerror(code));
        }
    }
    if (code == STIR_OK) {
        code = keyrecord_make(out, out_len, &header, &claims, key, err);
    }
    stir_buf_free(&header);
    stir_buf_free(&claims);
    return code;
}
