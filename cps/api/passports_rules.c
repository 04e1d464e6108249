/* SPDX-License-Identifier: MIT */
#include "cps/api/passports_rules.h"

#include "common/jose/b64.h"
#include "common/jose/json.h"
#include "common/jose/jwe.h"
#include "common/jose/jws.h"
#include "common/passport/passport.h"
#include "cps/api/spc_path.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>

#define SEGMENT_MAX (3 * STIR_IDENTITY_MAX + 1)
#define PATH_OCTETS (sizeof("/passports///") + 3 * (size_t)SEGMENT_MAX)

/* ---- the body ---- */

/* Returns true for a signed token whose header says that it is a PASSporT (RFC 8225 section 4.1: "typ":"passport"). Its
 * type (ppt) and its claims are left to the reader, so that types of later standards are conveyed too. */
static bool passports_is_signed(struct stir_view text)
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

static enum stir_code passports_check_one(struct stir_view text, size_t index, const struct cpsd_passports_rule *rule,
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
    if (!passports_is_signed(text)) {
        return stir_fail(err, STIR_E_JWE, "passports[%zu]: %s%s", index, reason.text,
                         rule->take_any ? "; it is not a signed PASSporT either" : "");
    }
    if (!rule->take_any) {
        return stir_fail(
            err, STIR_E_JWE,
            "passports[%zu] is not encrypted, and this server accepts only encrypted PASSporTs (JWE): encrypt it, "
            "or ask the operator to set [atis] accept = any",
            index);
    }
    return STIR_OK;
}

static enum stir_code passports_read_array(struct cpsd_passports_body *body, const struct cpsd_passports_rule *rule,
                                           struct stir_error *err)
{
    /* ATIS-1000096: the array has at least one PASSporT; the upper limit is this server's */
    body->array = json_object_get(body->root, "passports");
    body->count = json_array_size(body->array);
    if (!json_is_array(body->array) || body->count == 0) {
        return stir_fail(err, STIR_E_JSON, "passports must be an array of one or more strings");
    }
    if (body->count > rule->count || body->count > CPSD_PASSPORTS_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "passports has more than %zu elements", rule->count);
    }
    assert(body->count <= sizeof(body->passports) / sizeof(body->passports[0]));
    for (size_t i = 0; i < body->count; i++) {
        const json_t *item = json_array_get(body->array, i);
        if (!json_is_string(item)) {
            return stir_fail(err, STIR_E_JSON, "passports[%zu] is not a string", i);
        }
        body->passports[i] = stir_view(json_string_value(item), json_string_length(item));
        enum stir_code code = passports_check_one(body->passports[i], i, rule, err);
        if (code != STIR_OK) {
            return code;
        }
    }
    return STIR_OK;
}

static enum stir_code passports_read_token(struct cpsd_passports_body *body, struct stir_error *err)
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
        code = passports_read_array(&body, rule, err);
    }
    if (code == STIR_OK) {
        code = passports_read_token(&body, err);
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

/* ---- the box ---- */

void cpsd_passports_box(struct stir_identity *out, const char *spc, const struct stir_identity *dest,
                        const struct stir_identity *orig)
{
    char path[PATH_OCTETS], provider[3 * STIR_SPC_MAX + 1], to[SEGMENT_MAX], from[SEGMENT_MAX];
    cpsd_spc_to_path(provider, spc);
    (void)stir_identity_to_path(to, dest);
    (void)stir_identity_to_path(from, orig);
    int len = snprintf(path, sizeof(path), "/passports/%s%s%s/%s", provider, provider[0] ? "/" : "", to, from);
    assert(len > 0 && (size_t)len < sizeof(path));
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    if (len <= STIR_IDENTITY_MAX) {
        memcpy(out->text, path, (size_t)len + 1);
        out->len = (unsigned)len;
        return;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)path, (size_t)len, digest);
    memcpy(out->text, "/passports#", 11);
    out->len = 11 + (unsigned)stir_b64url_encode(out->text + 11, digest, sizeof(digest));
    out->text[out->len] = '\0';
}

void cpsd_passports_id_set_own(uint8_t id[CPSD_ID_OCTETS], bool own)
{
    id[CPSD_ID_OCTETS - 1] = (uint8_t)((id[CPSD_ID_OCTETS - 1] & 0xfe) | (own ? 1 : 0));
}

bool cpsd_passports_id_is_own(const uint8_t id[CPSD_ID_OCTETS])
{
    return (id[CPSD_ID_OCTETS - 1] & 1) != 0;
}

int64_t cpsd_passports_ttl_ms(const struct cpsd_passports_life *life)
{
    if (!life->until_exp || life->exp == 0) {
        return life->retention * 1000;
    }
    if (life->exp <= life->now) {
        return 0;
    }
    return (life->exp - life->now > life->retain_max ? life->retain_max : life->exp - life->now) * 1000;
}
