/* SPDX-License-Identifier: MIT */
#include "common/number/conf_numbering.h"

#include <stdbool.h>
#include <string.h>

#define DIGITS_MAX (sizeof(((struct stir_numbering *)0)->country_code) - 1)

static bool numbering_all_digits(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return text[n] == '\0' && n <= DIGITS_MAX;
}

enum stir_code stir_conf_numbering_check(const struct stir_conf_numbering *conf, struct stir_error *err)
{
    if (!numbering_all_digits(conf->country_code) || !numbering_all_digits(conf->national_prefix) ||
        !numbering_all_digits(conf->international_prefix)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "[numbers] country_code, national_prefix and international_prefix must be at most %zu digits",
                         DIGITS_MAX);
    }
    return STIR_OK;
}

static void numbering_copy_digits(char out[DIGITS_MAX + 1], const char *text)
{
    size_t n = strnlen(text, DIGITS_MAX);
    memcpy(out, text, n);
    out[n] = '\0';
}

void stir_conf_numbering(const struct stir_conf_numbering *conf, struct stir_numbering *out)
{
    *out = (struct stir_numbering){.max_digits = (unsigned)conf->max_digits,
                                   .min_digits = 2,
                                   .national_digits = (unsigned)conf->national_digits,
                                   .short_code_digits = (unsigned)conf->short_code_digits};
    numbering_copy_digits(out->country_code, conf->country_code);
    numbering_copy_digits(out->national_prefix, conf->national_prefix);
    numbering_copy_digits(out->international_prefix, conf->international_prefix);
}
