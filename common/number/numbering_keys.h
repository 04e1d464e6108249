/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/conf_table.h"
#include "common/number/conf_numbering.h"

/* The rows of a struct stir_conf_numbering within the configuration. `national` completes the sentence that says
 * before which numbers country_code is put. */
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
