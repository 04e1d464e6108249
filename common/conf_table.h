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

/* A key that did something in an earlier release: any value is accepted and without effect, and stir_conf_outdated
 * finds it. Samples and manuals leave it out. The field is a char *. text_ says why nothing takes its place, or what
 * does. */
#define OBSOLETE_KEY(section_, name_, field, text_)                                                                    \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_OBSOLETE, .offset = AT(field), .default_value = "",      \
        .max = 4096, .reloadable = true, .text = text_                                                                 \
    }

/* The name that a key had in an earlier release: it sets [new_section_] new_name_, with a warning. Samples and manuals
 * leave it out. The field is a char *. */
#define RENAMED_KEY(section_, name_, field, new_section_, new_name_)                                                   \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_RENAMED, .offset = AT(field), .default_value = "",       \
        .choices = (const char *const[]){new_section_, new_name_, NULL}, .reloadable = true, .text = ""                \
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
        NUMBER_LENGTH_KEYS(numbering_.max_digits, numbering_.short_code_digits,                                        \
                           "Numbers of up to this number of digits are short codes and stay as they are.")

/* The rows of the lengths of numbers. `short_text` says what short_code_digits is for. */
#define NUMBER_LENGTH_KEYS(max_, short_, short_text)                                                                   \
    INT_KEY("numbers", "max_digits", max_, "15", 3, STIR_TN_MAX, true, "The longest number that is accepted."),        \
        INT_KEY("numbers", "short_code_digits", short_, "6", 0, STIR_TN_MAX, true, short_text)
