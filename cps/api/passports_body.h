#pragma once

#include "common/base/error.h"
#include "common/base/view.h"
#include "cps/base/config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The body of a publish by ATIS-1000096 and ATIS-1000105: {"passports":["...",...],"token":"..."}. Bytes in, views out;
 * members that are not known are passed over, as later editions may add some. Thread-safe.
 */

struct cpsd_passports_rule {
    size_t count;  /* PASSporTs that are taken in one body, up to CPSD_PASSPORTS_MAX */
    bool take_any; /* PASSporTs that are not encrypted are taken too */
};

struct cpsd_passports_body {
    json_t *root;        /* what the views are into; an object */
    const json_t *array; /* its member "passports" */
    size_t count;        /* at least 1 */
    struct stir_view passports[CPSD_PASSPORTS_MAX];
    struct stir_view token; /* the original publish token of a republish; ptr is NULL without one */
};

/*
 * Reads a body. STIR_E_JSON: not JSON, a name twice, no "passports", something in it that is no string, none in it.
 * STIR_E_TOO_BIG: more PASSporTs than the rule allows, or one that is too long. STIR_E_JWE: one is neither an envelope
 * nor, where the rule takes any, a signed PASSporT; the text says how to go on where it is one that is not encrypted.
 * STIR_E_NOMEM. *out is untouched on failure; clear it with cpsd_passports_body_clear.
 */
enum stir_code cpsd_passports_body_parse(struct cpsd_passports_body *out, struct stir_view text,
                                         const struct cpsd_passports_rule *rule,
                                         struct stir_error *err) STIR_MUST_CHECK;
void cpsd_passports_body_clear(struct cpsd_passports_body *body);
