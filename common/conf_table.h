#pragma once

#include "common/conf.h"
#include "common/tn.h"

#include <stddef.h>

/*
 * Rows of a table of keys, one macro for each type. Only for the file that holds the table, which says what the rows
 * are of: #define AT(field) offsetof(struct my_config, field)
 */
#define INT_KEY(section_, name_, field, default_, min_, max_, reload, text_)                                           \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_INT, .offset = AT(field), .default_value = default_,     \
        .min = (min_), .max = (max_), .reloadable = (reload), .text = text_                                            \
    }
#define STRING_KEY(section_, name_, field, default_, min_, reload, text_)                                              \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_STRING, .offset = AT(field), .default_value = default_,  \
        .min = (min_), .max = 4096, .reloadable = (reload), .text = text_                                              \
    }
#define LIST_KEY(section_, name_, field, default_, reload, text_)                                                      \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_LIST, .offset = AT(field), .default_value = default_,    \
        .max = 4096, .reloadable = (reload), .text = text_                                                             \
    }
#define ENUM_KEY(section_, name_, field, default_, choices_, reload, text_)                                            \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_ENUM, .offset = AT(field), .default_value = default_,    \
        .choices = choices_, .reloadable = (reload), .text = text_                                                     \
    }
#define BOOL_KEY(section_, name_, field, default_, reload, text_)                                                      \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_BOOL, .offset = AT(field), .default_value = default_,    \
        .reloadable = (reload), .text = text_                                                                          \
    }

/* The rows of a struct stir_conf_numbering within the configuration (common/conf_numbering.h). `national` says which
 * numbers country_code is put before, as the sentence goes on. */
#define NUMBERING_KEYS(numbering_, national)                                                                           \
    STRING_KEY("numbers", "country_code", numbering_.country_code, "", 0, true,                                        \
               "Put before national numbers " national ", digits. Empty: numbers are international already."),         \
        STRING_KEY("numbers", "national_prefix", numbering_.national_prefix, "", 0, true,                              \
                   "Dropped before the country code is put, as 0 in many countries. Used with country_code."),         \
        STRING_KEY("numbers", "international_prefix", numbering_.international_prefix, "", 0, true,                    \
                   "What stands for + in numbers that are dialled, as 00 or 011."),                                    \
        INT_KEY("numbers", "national_digits", numbering_.national_digits, "0", 0, STIR_TN_MAX, true,                   \
                "With country_code: numbers of so many digits are national ones (10 in North America). 0: only those " \
                "with national_prefix are."),                                                                          \
        INT_KEY("numbers", "max_digits", numbering_.max_digits, "15", 3, STIR_TN_MAX, true,                            \
                "The longest number that is accepted."),                                                               \
        INT_KEY("numbers", "short_code_digits", numbering_.short_code_digits, "6", 0, STIR_TN_MAX, true,               \
                "Numbers of up to so many digits are short codes and stay as they are.")
