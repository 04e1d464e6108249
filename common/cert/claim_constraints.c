/* SPDX-License-Identifier: MIT */
#include "common/cert/claim_constraints.h"

#include "common/cert/der.h"

#include <stdlib.h>
#include <string.h>

enum {
    TAG_INCLUDE = STIR_DER_EXPLICIT | 0,
    TAG_PERMITTED = STIR_DER_EXPLICIT | 1,
    TAG_EXCLUDE = STIR_DER_EXPLICIT | 2,
};

const char *const stir_claims_baseline[STIR_CLAIMS_BASELINE] = {"iat", "orig", "dest"};

bool stir_claims_void(const struct stir_claims *constraints)
{
    for (size_t i = 0; i < constraints->must_exclude_count; i++) {
        for (size_t j = 0; j < STIR_CLAIMS_BASELINE; j++) {
            if (strcmp(constraints->must_exclude[i], stir_claims_baseline[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void claims_clear_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

void stir_claims_clear(struct stir_claims *constraints)
{
    claims_clear_names(constraints->must_include, constraints->must_include_count);
    claims_clear_names(constraints->must_exclude, constraints->must_exclude_count);
    for (size_t i = 0; i < constraints->permitted_count; i++) {
        free(constraints->permitted[i].claim);
        claims_clear_names(constraints->permitted[i].values, constraints->permitted[i].value_count);
    }
    free(constraints->permitted);
    *constraints = (struct stir_claims){0};
}

/* ---- reading ---- */

/* Reads one string. A value may be empty, a name may not. */
static char *claims_read_text(struct stir_der *in, uint8_t tag)
{
    struct stir_view text = stir_der_string(in, tag);
    bool good = !in->failed && (text.len > 0 || tag == STIR_DER_UTF8);
    char *copy = good ? strndup(text.ptr, text.len) : NULL;
    if (!copy) {
        stir_der_fail(in);
    }
    return copy;
}

/* Reads a SEQUENCE OF strings, which has at least one. */
static void claims_read_texts(struct stir_der *in, uint8_t tag, char ***out, size_t *count)
{
    struct stir_der list = stir_der_enter(in, STIR_DER_SEQUENCE);
    if (!stir_der_more(&list)) {
        stir_der_fail(in);
    }
    while (stir_der_more(&list)) {
        char **more = realloc(*out, (*count + 1) * sizeof(**out));
        char *text = more ? claims_read_text(&list, tag) : NULL;
        *out = more ? more : *out;
        if (!text) {
            stir_der_fail(&list);
            break;
        }
        (*out)[(*count)++] = text;
    }
    stir_der_leave(in, &list);
}

static void claims_read_permitted(struct stir_der *in, struct stir_claims *out)
{
    struct stir_claims_permitted *more = realloc(out->permitted, (out->permitted_count + 1) * sizeof(*more));
    if (!more) {
        stir_der_fail(in);
        return;
    }
    out->permitted = more;
    struct stir_claims_permitted *one = &more[out->permitted_count++];
    *one = (struct stir_claims_permitted){0};
    struct stir_der fields = stir_der_enter(in, STIR_DER_SEQUENCE);
    one->claim = claims_read_text(&fields, STIR_DER_IA5);
    claims_read_texts(&fields, STIR_DER_UTF8, &one->values, &one->value_count);
    stir_der_leave(in, &fields);
}

static void claims_read_permitted_list(struct stir_der *in, struct stir_claims *out)
{
    struct stir_der list = stir_der_enter(in, STIR_DER_SEQUENCE);
    if (!stir_der_more(&list)) {
        stir_der_fail(in);
    }
    while (stir_der_more(&list)) {
        claims_read_permitted(&list, out);
    }
    stir_der_leave(in, &list);
}

static void claims_read_fields(struct stir_der *fields, bool enhanced, struct stir_claims *out)
{
    if (stir_der_peek(fields) == TAG_INCLUDE) {
        struct stir_der names = stir_der_enter(fields, TAG_INCLUDE);
        claims_read_texts(&names, STIR_DER_IA5, &out->must_include, &out->must_include_count);
        stir_der_leave(fields, &names);
    }
    if (stir_der_peek(fields) == TAG_PERMITTED) {
        struct stir_der list = stir_der_enter(fields, TAG_PERMITTED);
        claims_read_permitted_list(&list, out);
        stir_der_leave(fields, &list);
    }
    if (enhanced && stir_der_peek(fields) == TAG_EXCLUDE) {
        struct stir_der names = stir_der_enter(fields, TAG_EXCLUDE);
        claims_read_texts(&names, STIR_DER_IA5, &out->must_exclude, &out->must_exclude_count);
        stir_der_leave(fields, &names);
    }
}

static bool claims_are_empty(const struct stir_claims *constraints)
{
    return constraints->must_include_count == 0 && constraints->permitted_count == 0 &&
           constraints->must_exclude_count == 0;
}

enum stir_code stir_claims_parse(struct stir_claims *out, const unsigned char *der, size_t n, bool enhanced,
                                 struct stir_error *err)
{
    struct stir_claims read = {0};
    struct stir_der in = stir_der(der, n);
    struct stir_der fields = stir_der_enter(&in, STIR_DER_SEQUENCE);
    claims_read_fields(&fields, enhanced, &read);
    stir_der_leave(&in, &fields);
    if (!stir_der_done(&in) || claims_are_empty(&read)) {
        stir_claims_clear(&read);
        return stir_fail(err, STIR_E_CERT, "%sJWTClaimConstraints are malformed", enhanced ? "Enhanced" : "");
    }
    *out = read;
    return STIR_OK;
}

/* ---- writing ---- */

static void claims_put_texts(struct stir_buf *out, uint8_t tag, char *const *texts, size_t count)
{
    size_t start = out->len;
    for (size_t i = 0; i < count; i++) {
        stir_der_put(out, tag, texts[i], strlen(texts[i]));
    }
    stir_der_wrap(out, start, STIR_DER_SEQUENCE);
}

static void claims_put_names(struct stir_buf *out, uint8_t tag, char *const *names, size_t count)
{
    size_t start = out->len;
    if (count > 0) {
        claims_put_texts(out, STIR_DER_IA5, names, count);
        stir_der_wrap(out, start, tag);
    }
}

static void claims_put_permitted(struct stir_buf *out, const struct stir_claims *constraints)
{
    size_t start = out->len;
    for (size_t i = 0; i < constraints->permitted_count; i++) {
        const struct stir_claims_permitted *one = &constraints->permitted[i];
        size_t at = out->len;
        stir_der_put(out, STIR_DER_IA5, one->claim, strlen(one->claim));
        claims_put_texts(out, STIR_DER_UTF8, one->values, one->value_count);
        stir_der_wrap(out, at, STIR_DER_SEQUENCE);
    }
    if (constraints->permitted_count > 0) {
        stir_der_wrap(out, start, STIR_DER_SEQUENCE);
        stir_der_wrap(out, start, TAG_PERMITTED);
    }
}

static bool claims_contradict(const struct stir_claims *constraints)
{
    for (size_t i = 0; i < constraints->must_exclude_count; i++) {
        for (size_t j = 0; j < constraints->must_include_count; j++) {
            if (strcmp(constraints->must_exclude[i], constraints->must_include[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static enum stir_code claims_check_issuable(const struct stir_claims *constraints, bool enhanced,
                                            struct stir_error *err)
{
    if (claims_are_empty(constraints)) {
        return stir_fail(err, STIR_E_INVAL, "the claim constraints are empty (RFC 9118 section 3)");
    }
    if (constraints->must_exclude_count > 0 && !enhanced) {
        return stir_fail(err, STIR_E_INVAL, "mustExclude needs EnhancedJWTClaimConstraints");
    }
    if (stir_claims_void(constraints)) {
        return stir_fail(err, STIR_E_INVAL, "mustExclude must not name iat, orig or dest (RFC 9118 section 3)");
    }
    if (claims_contradict(constraints)) {
        return stir_fail(err, STIR_E_INVAL, "a claim is in both mustInclude and mustExclude (RFC 9118 section 8)");
    }
    return STIR_OK;
}

enum stir_code stir_claims_encode(struct stir_buf *out, const struct stir_claims *constraints, bool enhanced,
                                  struct stir_error *err)
{
    enum stir_code code = claims_check_issuable(constraints, enhanced, err);
    if (code != STIR_OK) {
        return code;
    }
    size_t start = out->len;
    claims_put_names(out, TAG_INCLUDE, constraints->must_include, constraints->must_include_count);
    claims_put_permitted(out, constraints);
    claims_put_names(out, TAG_EXCLUDE, constraints->must_exclude, constraints->must_exclude_count);
    stir_der_wrap(out, start, STIR_DER_SEQUENCE);
    code = stir_buf_state(out);
    if (code != STIR_OK) {
        return stir_fail(err, code, "the claim constraints");
    }
    /* names and values come from outside: check that what is written can be read */
    struct stir_claims again;
    if (stir_claims_parse(&again, (const unsigned char *)out->ptr + start, out->len - start, enhanced, NULL) !=
        STIR_OK) {
        out->len = start;
        return stir_fail(err, STIR_E_INVAL,
                         "a claim's name or value is empty, or has characters that its string type does not allow");
    }
    stir_claims_clear(&again);
    return STIR_OK;
}
