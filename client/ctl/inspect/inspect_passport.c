/* SPDX-License-Identifier: MIT */
/* Finds all faults of a PASSporT: RFC 8225, RFC 8224 section 4.1, RFC 9475. */
#include "client/ctl/date.h"
#include "client/ctl/inspect/inspect.h"
#include "common/cert/x5c.h"
#include "common/cert/x5u.h"
#include "common/number/identity.h"
#include "common/passport/msgi.h"
#include "common/passport/passport.h"

#include <string.h>
#include <time.h>

#define MILLISECONDS INT64_C(100000000000) /* more seconds than any clock shows before the year 5138 */

/* Checks a member that must be this string. */
static void passport_check_text(json_t *shown, const json_t *header, const char *name, const char *wanted)
{
    const char *value = json_string_value(json_object_get(header, name));
    if (!json_object_get(header, name)) {
        ctl_inspect_fault(shown, "header: %s is missing (RFC 8225 section 4)", name);
    } else if (!value || strcmp(value, wanted) != 0) {
        ctl_inspect_fault(shown, "header: %s is not \"%s\"", name, wanted);
    }
}

/* Checks the header: RFC 8225 section 4, RFC 7515 section 4.1. */
static void passport_check_header(json_t *shown, const json_t *header)
{
    static const char *const refused[] = {"crit", "zip", "jwk", "b64"};
    const json_t *x5u = json_object_get(header, "x5u"), *x5c = json_object_get(header, "x5c");
    /* PASSporTs are signed with ES256 only (RFC 8225 section 8). */
    passport_check_text(shown, header, "alg", "ES256");
    passport_check_text(shown, header, "typ", "passport");
    /* Verification rejects these: they change how the token is processed, or bring a key of their own. */
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(header, refused[i])) {
            ctl_inspect_fault(shown, "header: %s is not accepted", refused[i]);
        }
    }
    if (json_object_get(header, "ppt") && !json_is_string(json_object_get(header, "ppt"))) {
        ctl_inspect_fault(shown, "header: ppt is not a string");
    }
    if (!x5u && !x5c) {
        ctl_inspect_fault(shown, "header: has neither x5u nor x5c, so there is no certificate");
    }
    if (x5u && (!json_is_string(x5u) || !stir_x5u_is_https(json_string_value(x5u)))) {
        ctl_inspect_fault(shown, "header: x5u is not an https URL");
    }
    /* x5c is an alternative to x5u; a damaged chain is a fault even if there is an x5u. */
    if (x5c) {
        struct stir_error err = {0};
        struct stir_chain *chain = NULL;
        if (stir_x5c_parse(&chain, x5c, &err) != STIR_OK) {
            ctl_inspect_fault(shown, "header: %s", err.text);
        }
        stir_chain_unref(chain);
    }
}

/* Checks one number or URI (RFC 8225 section 5.2.1). */
static void passport_check_identity(json_t *shown, const char *claim, const char *member, const json_t *value)
{
    struct stir_identity id;
    struct stir_error err = {0};
    const char *text = json_string_value(value);
    if (!text) {
        ctl_inspect_fault(shown, "%s: %s is not a string", claim, member);
        return;
    }
    bool uri = strcmp(member, "uri") == 0;
    if ((strchr(text, ':') != NULL) != uri) {
        ctl_inspect_fault(shown, "%s: %s is \"%.64s\", which is %s", claim, member, text,
                          uri ? "not a URI" : "not a number");
    } else if (stir_identity_parse_canonical(&id, text, json_string_length(value), 0, &err) != STIR_OK) {
        ctl_inspect_fault(shown, "%s: %s: %s", claim, member, err.text);
    }
}

static void passport_check_orig(json_t *shown, const json_t *claims)
{
    const json_t *orig = json_object_get(claims, "orig");
    const json_t *tn = json_object_get(orig, "tn"), *uri = json_object_get(orig, "uri");
    if (!json_is_object(orig)) {
        ctl_inspect_fault(shown, orig ? "orig is not an object" : "orig is missing");
        return;
    }
    if (json_object_size(orig) != 1 || (!tn && !uri)) {
        ctl_inspect_fault(shown, "orig does not have exactly one tn or uri (RFC 8225 section 5.2.1)");
    }
    if (tn) {
        passport_check_identity(shown, "orig", "tn", tn);
    }
    if (uri) {
        passport_check_identity(shown, "orig", "uri", uri);
    }
}

static void passport_check_dest(json_t *shown, const json_t *claims)
{
    static const char *const members[] = {"tn", "uri"};
    const json_t *dest = json_object_get(claims, "dest");
    size_t count = 0;
    if (!json_is_object(dest)) {
        ctl_inspect_fault(shown, dest ? "dest is not an object" : "dest is missing");
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *array = json_object_get(dest, members[i]);
        if (array && !json_is_array(array)) {
            ctl_inspect_fault(shown, "dest: %s is not an array", members[i]);
        }
        for (size_t j = 0; j < json_array_size(array); j++, count++) {
            passport_check_identity(shown, "dest", members[i], json_array_get(array, j));
        }
    }
    if (count == 0 || count > STIR_PASSPORT_DESTS) {
        ctl_inspect_fault(shown, "dest names %zu destinations, not 1 to %d", count, STIR_PASSPORT_DESTS);
    }
}

static void passport_check_iat(json_t *shown, const json_t *claims)
{
    const json_t *iat = json_object_get(claims, "iat");
    json_int_t seconds = json_integer_value(iat);
    if (!json_is_integer(iat)) {
        ctl_inspect_fault(shown, iat ? "iat is not an integer" : "iat is missing");
    } else if (seconds < 0 || seconds > STIR_IAT_MAX) {
        ctl_inspect_fault(shown, "iat is outside 0..2^53");
    } else if (seconds > MILLISECONDS) {
        ctl_inspect_fault(shown, "iat seems to count milliseconds; it must count seconds (RFC 7519 section 2)");
    }
}

/* Checks the claims of the type: RFC 9475 section 3, RFC 8588 section 4, RFC 8946 section 4. */
static void passport_check_type(json_t *shown, const char *ppt, const json_t *claims)
{
    static const struct {
        const char *ppt, *claim;
    } demanded[] = {{"shaken", "attest"}, {"shaken", "origid"}, {"div", "div"}, {"div-o", "div"}, {"div-o", "opt"}};
    const json_t *msgi = json_object_get(claims, "msgi");
    for (size_t i = 0; i < sizeof(demanded) / sizeof(demanded[0]); i++) {
        if (strcmp(ppt, demanded[i].ppt) == 0 && !json_object_get(claims, demanded[i].claim)) {
            ctl_inspect_fault(shown, "%s is missing; the type \"%s\" requires it", demanded[i].claim, ppt);
        }
    }
    if (strcmp(ppt, "msg") == 0 && msgi && !json_is_string(msgi)) {
        ctl_inspect_fault(shown, "msgi is not a string");
    }
}

void ctl_inspect_passport_faults(json_t *shown, struct stir_view token)
{
    const json_t *header = json_object_get(shown, "header"), *claims = json_object_get(shown, "claims");
    const char *ppt = json_string_value(json_object_get(header, "ppt"));
    struct stir_passport *passport = NULL;
    struct stir_error err = {0};
    if (json_is_object(header)) {
        passport_check_header(shown, header);
    }
    if (json_is_object(claims)) {
        passport_check_iat(shown, claims);
        passport_check_orig(shown, claims);
        passport_check_dest(shown, claims);
        passport_check_type(shown, ppt ? ppt : "", claims);
    }
    if (token.len > STIR_PASSPORT_MAX) {
        ctl_inspect_fault(shown, "has %zu octets, more than the limit of %d", token.len, STIR_PASSPORT_MAX);
    }
    /* the parser that verification uses may find a fault that the checks above do not cover */
    if (!json_object_get(shown, "faults") && stir_passport_parse(&passport, token.ptr, token.len, 0, &err) != STIR_OK) {
        ctl_inspect_fault(shown, "%s", err.text);
    }
    stir_passport_free(passport);
}
