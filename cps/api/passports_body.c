#include "cps/api/passports_body.h"

#include "common/jose/json.h"
#include "common/jose/jwe.h"
#include "common/jose/jws.h"
#include "common/passport/passport.h"

/* A signed token whose header says that it is a PASSporT: its type (ppt) and what it claims are for those who read it,
 * so that types of later standards are conveyed too. */
static bool is_signed_passport(struct stir_view text)
{
    struct stir_jws jws;
    const char *typ = NULL;
    if (text.len > STIR_PASSPORT_MAX || stir_jws_parse(&jws, text.ptr, text.len, NULL) != STIR_OK) {
        return false;
    }
    bool is = stir_json_string(&typ, jws.header, "typ", NULL) == STIR_OK && strcmp(typ, "passport") == 0;
    stir_jws_clear(&jws);
    return is;
}

static enum stir_code check_one(struct stir_view text, size_t index, const struct cpsd_passports_rule *rule,
                                struct stir_error *err)
{
    struct stir_error reason = {0};
    enum stir_code code = stir_jwe_check(NULL, text.ptr, text.len, &reason);
    if (code == STIR_OK || code == STIR_E_NOMEM) {
        return code == STIR_OK ? STIR_OK : stir_fail(err, code, "%s", reason.text);
    }
    if (code == STIR_E_TOO_BIG) {
        return stir_fail(err, code, "passports[%zu]: %s", index, reason.text);
    }
    if (!is_signed_passport(text)) {
        return stir_fail(err, STIR_E_JWE, "passports[%zu]: %s%s", index, reason.text,
                         rule->take_any ? "; it is no signed PASSporT either" : "");
    }
    if (!rule->take_any) {
        return stir_fail(
            err, STIR_E_JWE,
            "passports[%zu] is not encrypted, and this server takes only encrypted ones (JWE): encrypt it, "
            "or let the operator set [atis] accept = any",
            index);
    }
    return STIR_OK;
}

static enum stir_code read_array(struct cpsd_passports_body *body, const struct cpsd_passports_rule *rule,
                                 struct stir_error *err)
{
    body->array = json_object_get(body->root, "passports");
    body->count = json_array_size(body->array);
    if (!json_is_array(body->array) || body->count == 0) {
        return stir_fail(err, STIR_E_JSON, "passports must be an array of one or more strings");
    }
    if (body->count > rule->count || body->count > CPSD_PASSPORTS_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "there are more than %zu PASSporTs in passports", rule->count);
    }
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < body->count; i++) {
        const json_t *item = json_array_get(body->array, i);
        if (!json_is_string(item)) {
            return stir_fail(err, STIR_E_JSON, "passports[%zu] is not a string", i);
        }
        body->passports[i] = stir_view(json_string_value(item), json_string_length(item));
        code = check_one(body->passports[i], i, rule, err);
    }
    return code;
}

static enum stir_code read_token(struct cpsd_passports_body *body, struct stir_error *err)
{
    const json_t *token = json_object_get(body->root, "token");
    if (token && !json_is_string(token)) {
        return stir_fail(err, STIR_E_JSON, "token is not a string");
    }
    if (token) {
        body->token = stir_view(json_string_value(token), json_string_length(token));
    }
    return STIR_OK;
}

enum stir_code cpsd_passports_body_parse(struct cpsd_passports_body *out, struct stir_view text,
                                         const struct cpsd_passports_rule *rule, struct stir_error *err)
{
    struct cpsd_passports_body body = {0};
    enum stir_code code = stir_json_parse_object(&body.root, text.ptr, text.len, "the body", err);
    if (code == STIR_OK) {
        code = read_array(&body, rule, err);
    }
    if (code == STIR_OK) {
        code = read_token(&body, err);
    }
    if (code != STIR_OK) {
        json_decref(body.root);
        return code;
    }
    *out = body;
    return STIR_OK;
}

void cpsd_passports_body_clear(struct cpsd_passports_body *body)
{
    json_decref(body->root);
    *body = (struct cpsd_passports_body){0};
}
