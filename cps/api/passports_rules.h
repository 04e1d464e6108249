/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"
#include "common/number/identity.h"
#include "cps/base/config.h"
#include "cps/store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The rules of ATIS-1000096 and ATIS-1000105 that need no request: the form of a publish body, the box that a path
 * names, and how long PASSporTs are kept. Octets in, values out; no I/O. Pure functions, thread-safe.
 */

/* ---- the body: {"passports":["...",...],"token":"..."} ---- */

struct cpsd_passports_rule {
    size_t count;  /* the largest number of PASSporTs in one body, up to CPSD_PASSPORTS_MAX */
    bool take_any; /* also accept signed PASSporTs that are not encrypted */
};

struct cpsd_passports_body {
    json_t *root;        /* owns the text that the views below refer to; an object */
    const json_t *array; /* its member "passports" */
    size_t count;        /* at least 1 */
    struct stir_view passports[CPSD_PASSPORTS_MAX];
    struct stir_view token; /* the original publish token of a republish; ptr is NULL without it */
};

/*
 * Reads a body. Members with other names are ignored, because later editions may add some. STIR_E_JSON: not JSON, a
 * name twice, no array "passports" with at least one element, or a value that is not a string. STIR_E_TOO_BIG: more
 * PASSporTs than the rule allows, or one that is too long. STIR_E_JWE: an element is neither an envelope nor, where the
 * rule accepts any, a signed PASSporT. STIR_E_NOMEM. *out is unchanged on failure; clear it with
 * cpsd_passports_body_clear.
 */
enum stir_code cpsd_passports_body_parse(struct cpsd_passports_body *out, struct stir_view text,
                                         const struct cpsd_passports_rule *rule,
                                         struct stir_error *err) STIR_MUST_CHECK;
void cpsd_passports_body_clear(struct cpsd_passports_body *body);

/* ---- the box ---- */

/* Writes the name of the box of a path: the canonical form "/passports/{dest}/{orig}" or, with an SPC,
 * "/passports/{spc}/{dest}/{orig}", or "/passports#" with a hash of that form if it is longer than an identity may be.
 * No destination in canonical form starts with a slash, so /cps/{dest} does not reach such a box. spc "": the path
 * without an SPC. */
void cpsd_passports_box(struct stir_identity *out, const char *spc, const struct stir_identity *dest,
                        const struct stir_identity *orig);

/*
 * The id of a PASSporT in the box of a provider's code is the start of the SHA-256 of its text; its last bit says
 * whether that provider published it itself. The partners of the provider may retrieve what it published itself, but
 * not what another provider published under its code (ATIS-1000105).
 */
void cpsd_passports_id_set_own(uint8_t id[CPSD_ID_OCTETS], bool own);
bool cpsd_passports_id_is_own(const uint8_t id[CPSD_ID_OCTETS]);

/* ---- the lifetime ---- */

/* What decides how long PASSporTs are kept, in seconds. */
struct cpsd_passports_life {
    int64_t now;        /* since the epoch */
    int64_t exp;        /* of the token, since the epoch; 0 if it has none */
    bool until_exp;     /* the path has an SPC: kept until exp (ATIS-1000105) */
    int64_t retention;  /* the local policy (ATIS-1000096); also used without a token */
    int64_t retain_max; /* the longest time, whatever exp says */
};

/* Returns the time to keep PASSporTs in milliseconds, at least 1; 0 if exp has passed. */
int64_t cpsd_passports_ttl_ms(const struct cpsd_passports_life *life);
