#include "common/cert/claim_constraints.h"

#include "common/cert/der.h"

#include <stdlib.h>
#include <string.h>

enum {
    TAG_INCLUDE = STIR_DER_EXPLICIT | 0,
    TAG_PERMITTED = STIR_DER_EXPLICIT | 1,
    TAG_EXCLUDE = STIR_DER_EXPLICIT | 2,
};

static void names_clear(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

void stir_claims_clear(struct stir_claims *constraints)
{
    names_clear(constraints->must_include, constraints->must_include_count);
    names_clear(constraints->must_exclude, constraints->must_exclude_count);
    for (size_t i = 0; i < constraints->permitted_count; i++) {
        free(constraints->permitted[i].claim);
        names_clear(constraints->permitted[i].values, constraints->permitted[i].value_count);
    }
    free(constraints->permitted);
    *constraints = (struct stir_claims){0};
}

/* ---- reading ---- */

/* Reads one string: a value may be empty, a name not. */
static char *text_read(struct stir_der *in, uint8_t tag)
{
    struct stir_view text = stir_der_string(in, tag);
    bool good = !in->failed && (text.len > 0 || tag == STIR_DER_UTF8);
    char *copy = good ? strndup(text.ptr, text.len) : NULL;
    if (!copy) {
        stir_der_fail(in);
    }
    return copy;
}

/* A SEQUENCE OF strings, at least one. */
static void texts_read(struct stir_der *in, uint8_t tag, char ***out, size_t *count)
{
    struct stir_der list = stir_der_enter(in, STIR_DER_SEQUENCE);
    if (!stir_der_more(&list)) {
        stir_der_fail(in);
    }
    while (stir_der_more(&list)) {
        char **more = realloc(*out, (*count + 1) * sizeof(**out));
        char *text = more ? text_read(&list, tag) : NULL;
        *out = more ? more : *out;
        if (!text) {
            stir_der_fail(&list);
            break;
        }
        (*out)[(*count)++] = text;
    }
    stir_der_leave(in, &list);
}

static void permitted_read(struct stir_der *in, struct stir_claims *out)
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
    one->claim = text_read(&fields, STIR_DER_IA5);
    texts_read(&fields, STIR_DER_UTF8, &one->values, &one->value_count);
    stir_der_leave(in, &fields);
}

static void permitted_list_read(struct stir_der *in, struct stir_claims *out)
{
    struct stir_der list = stir_der_enter(in, STIR_DER_SEQUENCE);
    if (!stir_der_more(&list)) {
        stir_der_fail(in);
    }
    while (stir_der_more(&list)) {
        permitted_read(&list, out);
    }
    stir_der_leave(in, &list);
}

static void fields_read(struct stir_der *fields, bool enhanced, struct stir_claims *out)
{
    if (stir_der_peek(fields) == TAG_INCLUDE) {
        struct stir_der names = stir_der_enter(fields, TAG_INCLUDE);
        texts_read(&names, STIR_DER_IA5, &out->must_include, &out->must_include_count);
        stir_der_leave(fields, &names);
    }
    if (stir_der_peek(fields) == TAG_PERMITTED) {
        struct stir_der list = stir_der_enter(fields, TAG_PERMITTED);
        permitted_list_read(&list, out);
        stir_der_leave(fields, &list);
    }
    if (enhanced && stir_der_peek(fields) == TAG_EXCLUDE) {
        struct stir_der names = stir_der_enter(fields, TAG_EXCLUDE);
        texts_read(&names, STIR_DER_IA5, &out->must_exclude, &out->must_exclude_count);
        stir_der_leave(fields, &names);
    }
}

static bool is_empty(const struct stir_claims *constraints)
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
    fields_read(&fields, enhanced, &read);
    stir_der_leave(&in, &fields);
    if (!stir_der_done(&in) || is_empty(&read)) {
        stir_claims_clear(&read);
        return stir_fail(err, STIR_E_CERT, "%sJWTClaimConstraints are malformed", enhanced ? "Enhanced" : "");
    }
    *out = read;
    return STIR_OK;
}

/* ---- writing ---- */

static void texts_put(struct stir_buf *out, uint8_t tag, char *const *texts, size_t count)
{
    size_t start = out->len;
    for (size_t i = 0; i < count; i++) {
        stir_der_put(out, tag, texts[i], strlen(texts[i]));
    }
    stir_der_wrap(out, start, STIR_DER_SEQUENCE);
}

static void names_put(struct stir_buf *out, uint8_t tag, char *const *names, size_t count)
{
    size_t start = out->len;
    if (count > 0) {
        texts_put(out, STIR_DER_IA5, names, count);
        stir_der_wrap(out, start, tag);
    }
}

static void permitted_put(struct stir_buf *out, const struct stir_claims *constraints)
{
    size_t start = out->len;
    for (size_t i = 0; i < constraints->permitted_count; i++) {
        const struct stir_claims_permitted *one = &constraints->permitted[i];
        size_t at = out->len;
        stir_der_put(out, STIR_DER_IA5, one->claim, strlen(one->claim));
        texts_put(out, STIR_DER_UTF8, one->values, one->value_count);
        stir_der_wrap(out, at, STIR_DER_SEQUENCE);
    }
    if (constraints->permitted_count > 0) {
        stir_der_wrap(out, start, STIR_DER_SEQUENCE);
        stir_der_wrap(out, start, TAG_PERMITTED);
    }
}

static bool contradicts_itself(const struct stir_claims *constraints)
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

static enum stir_code may_issue(const struct stir_claims *constraints, bool enhanced, struct stir_error *err)
{
    if (is_empty(constraints)) {
        return stir_fail(err, STIR_E_INVAL, "claim constraints that constrain nothing");
    }
    if (constraints->must_exclude_count > 0 && !enhanced) {
        return stir_fail(err, STIR_E_INVAL, "mustExclude needs EnhancedJWTClaimConstraints");
    }
    if (stir_claims_void(constraints)) {
        return stir_fail(err, STIR_E_INVAL, "mustExclude must not name iat, orig or dest");
    }
    if (contradicts_itself(constraints)) {
        return stir_fail(err, STIR_E_INVAL, "a claim is in both mustInclude and mustExclude");
    }
    return STIR_OK;
}

enum stir_code stir_claims_encode(struct stir_buf *out, const struct stir_claims *constraints, bool enhanced,
                                  struct stir_error *err)
{
    enum stir_code code = may_issue(constraints, enhanced, err);
    if (code != STIR_OK) {
        return code;
    }
    size_t start = out->len;
    names_put(out, TAG_INCLUDE, constraints->must_include, constraints->must_include_count);
    permitted_put(out, constraints);
    names_put(out, TAG_EXCLUDE, constraints->must_exclude, constraints->must_exclude_count);
    stir_der_wrap(out, start, STIR_DER_SEQUENCE);
    code = stir_buf_state(out);
    if (code != STIR_OK) {
        return stir_fail(err, code, "the claim constraints");
    }
    /* names and values came from outside: what is written is what can be read */
    struct stir_claims again;
    if (stir_claims_parse(&again, (const unsigned char *)out->ptr + start, out->len - start, enhanced, NULL) !=
        STIR_OK) {
        out->len = start;
        return stir_fail(err, STIR_E_INVAL, "a claim's name or value is empty or not of its string type");
    }
    stir_claims_clear(&again);
    return STIR_OK;
}
