/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/number/tn.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A set of telephone numbers in canonical form, made from numbers, ranges and prefixes. A lookup takes logarithmic
 * time.
 */
struct cps_number_range {
    char first[STIR_TN_MAX + 1]; /* of equal length */
    char last[STIR_TN_MAX + 1];
};

struct cps_numbers {
    struct cps_number_range *ranges; /* once sealed: sorted by length and first, not overlapping */
    size_t range_count, range_cap;
    char (*prefixes)[STIR_TN_MAX + 1]; /* sorted */
    size_t prefix_count, prefix_cap;
    char (*services)[STIR_TN_MAX +
                     1]; /* single ones with '*' or '#' in them, which no range or prefix includes; sorted */
    size_t service_count, service_cap;
};

/* Adds a number (12155551212), a range (12155551000-12155551999) or a prefix (1215555*). STIR_E_CONFIG names the item;
 * STIR_E_NOMEM. */
enum stir_code cps_numbers_add(struct cps_numbers *numbers, const char *item, struct stir_error *err) STIR_MUST_CHECK;

/* Sorts the set; must be called once, when everything is added. */
void cps_numbers_seal(struct cps_numbers *numbers);

/* Frees what the set holds, and zeroes it. */
void cps_numbers_clear(struct cps_numbers *numbers);

/* Returns true if a sealed set contains a number in canonical form. */
bool cps_numbers_has(const struct cps_numbers *numbers, const char *tn);
