/* SPDX-License-Identifier: MIT */
/* Shows tokens: PASSporTs, key records, and the unencrypted parts of envelopes. */
#include "client/cps.h"
#include "client/ctl/date.h"
#include "client/ctl/inspect/inspect.h"
#include "common/jose/b64.h"
#include "common/jose/jwe.h"
#include "common/jose/jws.h"
#include "common/passport/msgi.h"
#include "common/passport/passport.h"

#include <string.h>

static void token_add_text(json_t *object, const char *name, const char *text)
{
    (void)json_object_set_new(object, name, json_string(text));
}

static void token_add_number(json_t *object, const char *name, size_t number)
{
    (void)json_object_set_new(object, name, json_integer((json_int_t)number));
}

/* Adds a claim that is a time as a date. */
static void token_add_date(json_t *object, const char *name, const json_t *seconds)
{
    char date[CTL_DATE_MAX];
    if (json_is_integer(seconds)) {
        token_add_text(object, name, ctl_date_text(date, json_integer_value(seconds)));
    }
}

/* Adds the algorithm and length of the digest, and whether the length is right for the algorithm. */
static void token_add_msgi(json_t *json, const char *msgi)
{
    static const struct {
        const char *name;
        size_t octets;
    } algorithms[] = {{"sha256", 32}, {"sha384", 48}, {"sha512", 64}};
    const char *dash = strchr(msgi, '-');
    const char *says = "not a digest";
    size_t len = 0;
    uint8_t octets[256];
    size_t name_len = dash ? (size_t)(dash - msgi) : 0;
    bool decoded = dash && stir_b64_decode(octets, sizeof(octets), &len, dash + 1, strlen(dash + 1)) == STIR_OK;
    if (decoded) {
        says = "unknown algorithm";
    }
    for (size_t i = 0; decoded && i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (strlen(algorithms[i].name) == name_len && strncmp(algorithms[i].name, msgi, name_len) == 0) {
            says = algorithms[i].octets == len ? algorithms[i].name : "wrong length, never matches";
        }
    }
    (void)json_object_set_new(json, "digest", json_pack("{s:s, s:I}", "algorithm", says, "octets", (json_int_t)len));
}

static const char *token_type(const json_t *header)
{
    static const char *const known[] = {"msg", "shaken", "div", "div-o"};
    const char *ppt = json_string_value(json_object_get(header, "ppt"));
    if (!ppt) {
        return "baseline";
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], ppt) == 0) {
            return known[i];
        }
    }
    return "a type that is not supported";
}

/* Adds what is derived from the header and the claims of a PASSporT, and its faults. */
static void token_add_passport(json_t *json, struct stir_view token)
{
    const json_t *header = json_object_get(json, "header"), *claims = json_object_get(json, "claims");
    const char *msgi = json_string_value(json_object_get(claims, "msgi"));
    token_add_text(json, "type", token_type(header));
    token_add_date(json, "issued", json_object_get(claims, "iat"));
    if (msgi && strcmp(token_type(header), "msg") == 0) {
        token_add_msgi(json, msgi);
    }
    ctl_inspect_passport_faults(json, token);
}

/* Names a signed token by its typ and its claims. */
static const char *token_kind(const json_t *header, const json_t *claims)
{
    const char *typ = json_string_value(json_object_get(header, "typ"));
    if (typ && strcmp(typ, "cps-keys+jwt") == 0) {
        return "key record";
    }
    bool claims_are = json_object_get(claims, "orig") || json_object_get(claims, "dest");
    return (typ && strcmp(typ, "passport") == 0) || claims_are ? "PASSporT" : "signed token";
}

static enum stir_code inspect_jws(json_t **out, const struct stir_view parts[3], struct stir_view token,
                                  struct stir_error *err)
{
    json_t *json = json_pack("{s:s}", "kind", "");
    if (!json) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    token_add_number(json, "octets", token.len);
    const json_t *header = ctl_inspect_part(json, "header", parts[0]);
    const json_t *claims = ctl_inspect_part(json, "claims", parts[1]);
    /* Without a readable part, this is not a token. */
    if (!json_is_object(header) && !json_is_object(claims)) {
        json_decref(json);
        return stir_fail(err, STIR_E_JWS,
                         "has three parts separated by dots, but neither the first nor the second is JSON "
                         "in base64url");
    }
    ctl_inspect_octets(json, "signature", parts[2], STIR_ES256_SIG);
    const char *kind = token_kind(header, claims);
    token_add_text(json, "kind", kind);
    if (strcmp(kind, "PASSporT") == 0) {
        token_add_passport(json, token);
    } else {
        /* Other tokens only have to be valid as a JWS. */
        struct stir_jws jws = {0};
        struct stir_error fault = {0};
        token_add_date(json, "issued", json_object_get(claims, "iat"));
        token_add_date(json, "expires", json_object_get(claims, "exp"));
        if (stir_jws_parse(&jws, token.ptr, token.len, &fault) == STIR_OK) {
            stir_jws_clear(&jws);
        } else if (!json_object_get(json, "faults")) {
            ctl_inspect_fault(json, "%s", fault.text);
        }
    }
    *out = json;
    return STIR_OK;
}

/* ---- envelopes ---- */

/* Checks the header of an envelope (RFC 7516 section 4). */
static void jwe_check_header(json_t *json, const json_t *header)
{
    static const char *const known[] = {"alg", "cty", "enc", "epk"};
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *enc = json_string_value(json_object_get(header, "enc"));
    const char *cty = json_string_value(json_object_get(header, "cty"));
    const char *name;
    json_t *value;
    /* The values that RFC 7516 and the wire format of the CPS allow. */
    if (!alg || strcmp(alg, "ECDH-ES") != 0) {
        ctl_inspect_fault(json, "header: alg is not \"ECDH-ES\"");
    }
    if (!enc || (strcmp(enc, "A256GCM") != 0 && strcmp(enc, "A128GCM") != 0)) {
        ctl_inspect_fault(json, "header: enc is neither \"A256GCM\" nor \"A128GCM\"");
    }
    if (!cty || strcmp(cty, "passport") != 0) {
        ctl_inspect_fault(json, "header: cty is not \"passport\"");
    }
    if (!json_is_object(json_object_get(header, "epk"))) {
        ctl_inspect_fault(json, "header: epk is not a key");
    }
    /* Any other member could link the envelopes of one sender or recipient. */
    json_object_foreach((json_t *)(uintptr_t)header, name, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            is_known |= strcmp(known[i], name) == 0;
        }
        if (!is_known) {
            ctl_inspect_fault(json,
                              "header: %.40s is not allowed, because it would distinguish envelopes from each other",
                              name);
        }
    }
}

/* Shows a faulty envelope: its parts and their faults. */
static enum stir_code inspect_faulty_envelope(json_t **out, const struct stir_view parts[5], struct stir_view token,
                                              const char *reason, struct stir_error *err)
{
    json_t *json = json_pack("{s:s, s:I}", "kind", "envelope", "octets", (json_int_t)token.len);
    if (!json) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    const json_t *header = ctl_inspect_part(json, "header", parts[0]);
    if (!json_is_object(header)) {
        json_decref(json);
        return stir_fail(err, STIR_E_JWE, "has five parts separated by dots, but the first is not JSON in base64url");
    }
    jwe_check_header(json, header);
    /* With ECDH-ES in direct mode, there is no encrypted key. */
    if (parts[1].len) {
        ctl_inspect_fault(json, "encrypted key: must be empty for ECDH-ES (RFC 7518 section 4.6)");
    }
    ctl_inspect_octets(json, "initialization vector", parts[2], STIR_GCM_IV);
    ctl_inspect_octets(json, "ciphertext", parts[3], SIZE_MAX);
    ctl_inspect_octets(json, "authentication tag", parts[4], STIR_GCM_TAG);
    token_add_number(json, "ciphertext", parts[3].len / 4 * 3 + parts[3].len % 4 * 3 / 4);
    /* None of the checks above found the fault; report what the strict parser said. */
    if (!json_object_get(json, "faults")) {
        ctl_inspect_fault(json, "%s", reason);
    }
    *out = json;
    return STIR_OK;
}

static enum stir_code inspect_envelope(json_t **out, const struct stir_view parts[5], struct stir_view token,
                                       struct stir_error *err)
{
    struct stir_jwe_info info;
    struct cps_error id_err = {0};
    struct stir_error reason = {0};
    char id[CPS_ID_LEN + 1];
    if (stir_jwe_check(&info, token.ptr, token.len, &reason) != STIR_OK) {
        return inspect_faulty_envelope(out, parts, token, reason.text, err);
    }
    if (cps_envelope_id(id, token.ptr, token.len, &id_err) != CPS_OK) {
        return stir_fail(err, STIR_E_JWE, "%s", id_err.text);
    }
    json_t *json =
        json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:I}", "kind", "envelope", "id", id, "octets", (json_int_t)token.len,
                  "alg", "ECDH-ES", "enc", info.a128gcm ? "A128GCM" : "A256GCM", "epk",
                  info.curve == STIR_CURVE_P256 ? "P-256" : "X25519", "ciphertext", (json_int_t)info.ciphertext_len);
    if (!json) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    *out = json;
    return STIR_OK;
}

enum stir_code ctl_inspect_token(json_t **out, struct stir_view token, struct stir_error *err)
{
    struct stir_view parts[5];
    switch (ctl_inspect_split(parts, 5, token)) {
    case 3:
        return inspect_jws(out, parts, token, err);
    case 5:
        return inspect_envelope(out, parts, token, err);
    default:
        return stir_fail(err, STIR_E_INVAL, "is neither a token with 3 or 5 parts nor a JWK, PEM or DER");
    }
}
