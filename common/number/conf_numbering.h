#pragma once

#include "common/base/error.h"
#include "common/number/tn.h"

#include <stdint.h>

/*
 * How numbers are read, as a configuration says it: its keys of [numbers]. It is a part of the program's configuration,
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

/* What the table's bounds cannot say: that the three texts are digits, 7 at most. STIR_E_CONFIG. */
enum stir_code stir_conf_numbering_check(const struct stir_conf_numbering *conf,
                                         struct stir_error *err) STIR_MUST_CHECK;

/* The numbering to read numbers with, from values that have been checked. */
void stir_conf_numbering(const struct stir_conf_numbering *conf, struct stir_numbering *out);
