/* Tokens: what PASSporTs, key records and envelopes show to everybody. */
#include "client/cps.h"
#include "client/ctl/date.h"
#include "client/ctl/inspect.h"
#include "common/b64.h"
#include "common/jwe.h"
#include "common/jws.h"
#include "common/msgi.h"
#include "common/passport.h"

#include <string.h>

static void add_text(json_t *object, const char *name, const char *text)
{
    (void)json_object_set_new(object, name, json_string(text));
}

static void add_number(json_t *object, const char *name, size_t number)
{
    (void)json_object_set_new(object, name, json_integer((json_int_t)number));
}

/* A claim that is a time, as a date too. */
static void add_date(json_t *object, const char *name, const json_t *seconds)
{
    char date[CTL_DATE_MAX];
    if (json_is_integer(seconds)) {
        add_text(object, name, ctl_date_text(date, json_integer_value(seconds)));
    }
}

static json_t *jws_json(const char *kind, const struct stir_jws *jws, size_t octets)
{
    json_t *json = json_pack("{s:s}", "kind", kind);
    if (json) {
        add_number(json, "octets", octets);
        (void)json_object_set(json, "header", jws->header);
        (void)json_object_set(json, "claims", jws->payload);
    }
    return json;
}

/* "sha256, 32 octets", and whether that is as many as it should be. */
static void add_msgi(json_t *json, const char *msgi)
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

static const char *ppt_says(const struct stir_passport *passport)
{
    if (passport->ppt == STIR_PPT_NONE) {
        return "baseline";
    }
    return stir_passport_supported(passport) ? passport->ppt_name : "a type that is not supported";
}

static enum stir_code inspect_passport(json_t **out, struct stir_view token, struct stir_error *err)
{
    struct stir_passport *passport = NULL;
    enum stir_code code = stir_passport_parse(&passport, token.ptr, token.len, NULL, err);
    if (code != STIR_OK) {
        return code;
    }
    json_t *json = jws_json("PASSporT", &passport->jws, token.len);
    if (json) {
        add_text(json, "type", ppt_says(passport));
        add_date(json, "issued", json_object_get(passport->jws.payload, "iat"));
        if (passport->msgi) {
            add_msgi(json, passport->msgi);
        }
    }
    stir_passport_free(passport);
    if (!json) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    *out = json;
    return STIR_OK;
}

static enum stir_code inspect_jws(json_t **out, struct stir_view token, struct stir_error *err)
{
    struct stir_jws jws;
    enum stir_code code = stir_jws_parse(&jws, token.ptr, token.len, err);
    if (code != STIR_OK) {
        return code;
    }
    const char *typ = json_string_value(json_object_get(jws.header, "typ"));
    if (typ && strcmp(typ, "passport") == 0) {
        stir_jws_clear(&jws);
        return inspect_passport(out, token, err);
    }
    json_t *json = jws_json(typ && strcmp(typ, "cps-keys+jwt") == 0 ? "key record" : "signed token", &jws, token.len);
    if (json) {
        add_date(json, "issued", json_object_get(jws.payload, "iat"));
        add_date(json, "expires", json_object_get(jws.payload, "exp"));
    }
    stir_jws_clear(&jws);
    if (!json) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    *out = json;
    return STIR_OK;
}

static enum stir_code inspect_envelope(json_t **out, struct stir_view token, struct stir_error *err)
{
    struct stir_jwe_info info;
    struct cps_error id_err = {0};
    char id[CPS_ID_LEN + 1];
    enum stir_code code = stir_jwe_check(&info, token.ptr, token.len, err);
    if (code != STIR_OK) {
        return code;
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
    size_t dots = 0;
    for (size_t i = 0; i < token.len; i++) {
        dots += token.ptr[i] == '.';
    }
    switch (dots) {
    case 2:
        return inspect_jws(out, token, err);
    case 4:
        return inspect_envelope(out, token, err);
    default:
        return stir_fail(err, STIR_E_INVAL, "neither a token of 3 or 5 parts nor a JWK, PEM or DER");
    }
}
