/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"

#include <stdbool.h>

/*
 * Telephone numbers in canonical form (RFC 8224 section 8.3): digits, '*' and '#', no '+', no visual separators.
 * Pure functions, thread-safe.
 */
#define STIR_TN_MAX 32           /* the most that max_digits may be set to */
#define STIR_SPC_MAX STIR_TN_MAX /* characters of a service provider code that can be acted on */
#define STIR_TN_E164 15          /* digits of the longest number of E.164, the default */

/*
 * Numbers come in two kinds, and each has functions of its own:
 * - A canonical number stands in claims, tokens, paths, key records and on the way between servers. It has its country
 *   code already, so nothing is put before it or taken from its front: only '+' and separators are removed. The
 *   functions are named _canonical and take no numbering.
 * - A user's number was written by a person or by a device: a command line, a message's address. It may be a national
 *   number or a dialled one, and a numbering plan says how it is read. The functions are named _user. A number is read
 *   so once, where it comes in.
 */

/*
 * How a user's number without '+' is read (RFC 8224 section 8.3, second step), in this order: with '*' or '#' in it,
 * kept as it is; up to short_code_digits long, a short code, kept as it is; with the international prefix in front,
 * global; else, where a country_code is set, a national number, which gets it, if it
 * - starts with the national_prefix, which is dropped (and has national_digits after it, where those are set), or
 * - has exactly national_digits, or
 * - neither of the two is set and it does not start with the country_code.
 * All others are global numbers that lack their '+'. Set national_digits where national numbers have one length (10
 * with country_code 1): it alone tells a national number from a foreign one without '+'.
 */
struct stir_numbering {
    unsigned max_digits;          /* 15 by default (E.164); some networks carry longer ones, up to STIR_TN_MAX */
    unsigned min_digits;          /* 2 by default: short codes are numbers, a single digit is a typing error */
    char country_code[8];         /* "" or the code put before a national number, "1" */
    char national_prefix[8];      /* "" or what is dropped before the country code is put, "0" */
    char international_prefix[8]; /* "" or what stands for '+', "00", "011" */
    unsigned short_code_digits;   /* numbers of up to this number of digits are short codes; 6 by default */
    unsigned national_digits;     /* 0 or the length of a national number without its prefix */
};

#define STIR_NUMBERING_DEFAULT                                                                                         \
    {                                                                                                                  \
        .max_digits = 15, .min_digits = 2, .short_code_digits = 6                                                      \
    }

struct stir_tn {
    char digits[STIR_TN_MAX + 1]; /* NUL-terminated */
    unsigned len;
};

/* Reads a canonical number, "+1 (215) 555-1212" or "12155551212": drops a leading '+', space, '-', '.', '(' and ')',
 * and changes nothing else. max_digits: the most digits that are accepted; 0 means 15. Two spellings would give another
 * subscriber's number and are refused: "(0)" after other digits ("+44 (0)20 ...") and 0 after the '+' ("+0044 20 ...").
 * STIR_E_TN says what is wrong with which character or length, without the number itself. */
enum stir_code stir_tn_parse_canonical(struct stir_tn *out, const char *text, size_t n, unsigned max_digits,
                                       struct stir_error *err) STIR_MUST_CHECK;

/* Reads a user's number in any visual form ("+1 (215) 555-1212", "00 44 20 7123 4567", "0301234567"): as
 * stir_tn_parse_canonical, and applies the numbering where there is no '+'. numbering is not NULL. STIR_E_TN. */
enum stir_code stir_tn_parse_user(struct stir_tn *out, const char *text, size_t n,
                                  const struct stir_numbering *numbering, struct stir_error *err) STIR_MUST_CHECK;

/* True if text is a canonical number of 1 to max digits, without '+' and separators. */
bool stir_tn_is_canonical(const char *text, size_t n, unsigned max_digits);
