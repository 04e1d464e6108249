/* SPDX-License-Identifier: MIT */
#include "common/passport/passport.h"

#include "common/cert/x5u.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <stdlib.h>
#include <strings.h>

static int passport_compare_identities(const void *a, const void *b)
{
    const struct stir_identity *x = *(const struct stir_identity *const *)a;
    const struct stir_identity *y = *(const struct stir_identity *const *)b;
    return strcmp(x->text, y->text);
}

/* Picks the destinations of one kind, in lexicographic order (RFC 8225 section 5.2.1), each once. */
static size_t passport_pick(const struct stir_identity *out[STIR_PASSPORT_DESTS], const struct stir_passport_spec *spec,
                            enum stir_identity_kind kind)
{
    size_t picked = 0;
    size_t count = 0;
    for (size_t i = 0; i < spec->dest_count; i++) {
        if (spec->dest[i].kind == kind) {
            out[picked++] = &spec->dest[i];
        }
    }
    qsort(out, picked, sizeof(const struct stir_identity *), passport_compare_identities);
    for (size_t i = 0; i < picked; i++) {
        if (count == 0 || strcmp(out[count - 1]->text, out[i]->text) != 0) {
            out[count++] = out[i];
        }
    }
    return count;
}

static const char *passport_member_of(enum stir_identity_kind kind)
{
    return kind == STIR_IDENTITY_TN ? "tn" : "uri";
}

static void passport_put_string(struct stir_buf *out, const char *text)
{
    stir_json_quote(out, text, strlen(text));
}

static void passport_put_dest(struct stir_buf *out, const struct stir_passport_spec *spec)
{
    const struct stir_identity *chosen[STIR_PASSPORT_DESTS];
    bool second = false;
    stir_buf_puts(out, "{");
    for (enum stir_identity_kind kind = STIR_IDENTITY_TN; kind <= STIR_IDENTITY_URI; kind++) {
        size_t count = passport_pick(chosen, spec, kind);
        if (count == 0) {
            continue;
        }
        stir_buf_printf(out, "%s\"%s\":[", second ? "," : "", passport_member_of(kind));
        for (size_t i = 0; i < count; i++) {
            stir_buf_puts(out, i > 0 ? "," : "");
            passport_put_string(out, chosen[i]->text);
        }
        stir_buf_puts(out, "]");
        second = true;
    }
    stir_buf_puts(out, "}");
}

static bool passport_is_identity(const struct stir_identity *id)
{
    return id->len > 0 && id->len <= STIR_IDENTITY_MAX && strnlen(id->text, sizeof(id->text)) == id->len;
}

static enum stir_code passport_check_spec(const struct stir_passport_spec *spec, struct stir_error *err)
{
    if (!spec->x5u || !stir_x5u_is_https(spec->x5u)) {
        return stir_fail(err, STIR_E_INVAL, "x5u is not an https URL");
    }
    if (!spec->orig || !passport_is_identity(spec->orig)) {
        return stir_fail(err, STIR_E_INVAL, "orig is missing");
    }
    if (!spec->dest || spec->dest_count < 1 || spec->dest_count > STIR_PASSPORT_DESTS) {
        return stir_fail(err, STIR_E_INVAL, "dest has %zu identities; 1 to %d are allowed", spec->dest_count,
                         STIR_PASSPORT_DESTS);
    }
    for (size_t i = 0; i < spec->dest_count; i++) {
        if (!passport_is_identity(&spec->dest[i])) {
            return stir_fail(err, STIR_E_INVAL, "dest: identity %zu is empty", i + 1);
        }
    }
    /* RFC 8225 section 5.1.1 allows any NumericDate; beyond 2^53 readers of JSON differ. */
    if (spec->iat < 0 || spec->iat > STIR_IAT_MAX) {
        return stir_fail(err, STIR_E_INVAL, "iat is outside 0..2^53");
    }
    if (spec->msgi && !stir_msgi_well_formed(spec->msgi, strlen(spec->msgi))) {
        return stir_fail(err, STIR_E_INVAL, "msgi is not a message digest");
    }
    return STIR_OK;
}

enum stir_code stir_passport_serialize(struct stir_buf *header, struct stir_buf *claims,
                                       const struct stir_passport_spec *spec, struct stir_error *err)
{
    enum stir_code code = passport_check_spec(spec, err);
    if (code != STIR_OK) {
        return code;
    }
    /* RFC 8225 section 9: lexicographic order of members and no white space. */
    stir_buf_puts(header, "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":");
    passport_put_string(header, spec->x5u);
    stir_buf_puts(header, "}");

    stir_buf_puts(claims, "{\"dest\":");
    passport_put_dest(claims, spec);
    stir_buf_printf(claims, ",\"iat\":%lld", (long long)spec->iat);
    if (spec->msgi) {
        stir_buf_puts(claims, ",\"msgi\":");
        passport_put_string(claims, spec->msgi);
    }
    stir_buf_printf(claims, ",\"orig\":{\"%s\":", passport_member_of(spec->orig->kind));
    passport_put_string(claims, spec->orig->text);
    stir_buf_puts(claims, "}}");

    code = stir_buf_state(header) != STIR_OK ? stir_buf_state(header) : stir_buf_state(claims);
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "the PASSporT: %s", stir_strerror(code));
}

enum stir_code stir_passport_sign(char **out, size_t *out_len, const struct stir_passport_spec *spec, EVP_PKEY *key,
                                  struct stir_error *err)
{
    struct stir_buf header = {.limit = STIR_PASSPORT_MAX};
    struct stir_buf claims = {.limit = STIR_PASSPORT_MAX};
    enum stir_code code = stir_passport_serialize(&header, &claims, spec, err);
    if (code != STIR_OK) {
        goto out;
    }
    size_t len = stir_b64url_len(header.len) + 1 + stir_b64url_len(claims.len) + 1 + stir_b64url_len(STIR_ES256_SIG);
    if (len > STIR_PASSPORT_MAX) {
        code = stir_fail(err, STIR_E_TOO_BIG, "the PASSporT would have %zu octets; %d are allowed", len,
                         STIR_PASSPORT_MAX);
        goto out;
    }
    code = stir_jws_sign(out, out_len, stir_view(header.ptr, header.len), stir_view(claims.ptr, claims.len), key, err);
out:
    stir_buf_free(&header);
    stir_buf_free(&claims);
    return code;
}
