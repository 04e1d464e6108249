/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/number/tn.h"

#include <stdint.h>

/*
 * The numbering plan as a configuration gives it: its keys of [numbers]. It is a part of the program's configuration;
 * NUMBERING_KEYS (common/number/numbering_keys.h) are its rows. Pure functions, thread-safe.
 */
struct stir_conf_numbering {
    char *country_code;
    char *national_prefix;
    char *international_prefix;
    int64_t national_digits;
    int64_t max_digits;
    int64_t short_code_digits;
};

/* Checks what the bounds of the table cannot express: that the three texts are at most 7 digits. STIR_E_CONFIG. */
enum stir_code stir_conf_numbering_check(const struct stir_conf_numbering *conf,
                                         struct stir_error *err) STIR_MUST_CHECK;

/* Returns the numbering plan from values that were checked. */
void stir_conf_numbering(const struct stir_conf_numbering *conf, struct stir_numbering *out);
