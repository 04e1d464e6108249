/* SPDX-License-Identifier: MIT */
#include "common/number/tn.h"

#include <stdio.h>
#include <string.h>

#define LEAST_DIGITS 2            /* short codes are numbers; a single digit is a typing error */
#define RAW_MAX (STIR_TN_MAX + 8) /* with an international prefix still on it */

/* The digits, '*' and '#' as they were given, and whether a '+' preceded them. */
struct raw {
    char digits[RAW_MAX + 1];
    size_t len;
    bool global;   /* it had a '+' */
    bool services; /* it has '*' or '#' */
};

static bool tn_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool tn_is_separator(char c)
{
    return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')';
}

/* Finds "(0)" after other digits, as in "+44 (0)20 7123 4567": a digit that is dialled from within the country only.
 * A reader cannot tell in general whether it belongs to the number, and with it the number is another subscriber's. */
static bool tn_is_optional_zero(const char *text, size_t n)
{
    size_t i = 1;
    size_t zeros = 0;
    for (; i < n && (text[i] == ' ' || text[i] == '0'); i++) {
        zeros += text[i] == '0';
    }
    return text[0] == '(' && zeros == 1 && i < n && text[i] == ')';
}

static enum stir_code tn_collect(struct raw *out, const char *text, size_t n, struct stir_error *err)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (tn_is_digit(c) || c == '*' || c == '#') {
            if (out->len == RAW_MAX) {
                return stir_fail(err, STIR_E_TN, "the telephone number has more than %d digits", RAW_MAX);
            }
            out->digits[out->len++] = c;
            out->services |= !tn_is_digit(c);
        } else if (c == '+' && out->len == 0 && !out->global) {
            out->global = true;
        } else if (out->len > 0 && tn_is_optional_zero(text + i, n - i)) {
            return stir_fail(err, STIR_E_TN,
                             "the telephone number has \"(0)\" in the middle: leave out the 0, which is dialled from "
                             "within the country only");
        } else if (!tn_is_separator(c)) {
            return stir_fail(err, STIR_E_TN, "character %zu is not allowed in a telephone number", i + 1);
        }
    }
    return out->len > 0 ? STIR_OK : stir_fail(err, STIR_E_TN, "the telephone number has no digits");
}

/* Returns the length of the prefix if the number starts with it and has more digits after it, else 0. */
static size_t tn_starts_with(const struct raw *raw, const char *prefix)
{
    size_t len = strlen(prefix);
    return len < raw->len && memcmp(raw->digits, prefix, len) == 0 ? len : 0;
}

/* Returns true if the country code is to be put before the number, and how many leading digits are dropped first.
 * Any other number is treated as a global one without its '+'. */
static bool tn_is_national(const struct raw *raw, const struct stir_numbering *numbering, size_t *drop)
{
    size_t prefix = tn_starts_with(raw, numbering->national_prefix);
    size_t national = numbering->national_digits;
    *drop = prefix;
    if (prefix > 0 && (national == 0 || raw->len - prefix == national)) {
        return true;
    }
    *drop = 0;
    if (national > 0) {
        return raw->len == national;
    }
    return numbering->national_prefix[0] == '\0' && tn_starts_with(raw, numbering->country_code) == 0;
}

static void tn_drop_front(struct raw *raw, size_t count)
{
    raw->len -= count;
    memmove(raw->digits, raw->digits + count, raw->len);
}

/* RFC 8224 section 8.3, second step. Returns the country code to put before the remaining digits. */
static const char *tn_globalize(struct raw *raw, const struct stir_numbering *numbering)
{
    if (raw->global || raw->services || raw->len <= numbering->short_code_digits) {
        return "";
    }
    size_t drop = tn_starts_with(raw, numbering->international_prefix);
    if (drop > 0) {
        tn_drop_front(raw, drop);
        raw->global = true;
        return "";
    }
    if (numbering->country_code[0] == '\0' || !tn_is_national(raw, numbering, &drop)) {
        return "";
    }
    tn_drop_front(raw, drop);
    return numbering->country_code;
}

/* Puts the country code before the remaining digits and checks the result. */
static enum stir_code tn_finish(struct stir_tn *out, const struct raw *raw, const char *country, size_t least,
                                size_t most, struct stir_error *err)
{
    if (raw->global && raw->digits[0] == '0') {
        return stir_fail(err, STIR_E_TN,
                         "the telephone number has 0 after the + or the international prefix: no country code begins "
                         "with 0; write + and the country code, as in +44");
    }
    size_t country_len = strlen(country);
    size_t len = country_len + raw->len;
    most = most == 0 ? STIR_TN_E164 : most < STIR_TN_MAX ? most : STIR_TN_MAX;
    if (len < least || len > most) {
        return stir_fail(err, STIR_E_TN, "the telephone number has %zu digits; %zu to %zu are allowed", len,
                         least ? least : 1, most);
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->digits, country, country_len);
    memcpy(out->digits + country_len, raw->digits, raw->len);
    out->len = (unsigned)len;
    return STIR_OK;
}

enum stir_code stir_tn_parse_canonical(struct stir_tn *out, const char *text, size_t n, unsigned max_digits,
                                       struct stir_error *err)
{
    struct raw raw = {0};
    enum stir_code code = tn_collect(&raw, text, n, err);
    return code == STIR_OK ? tn_finish(out, &raw, "", LEAST_DIGITS, max_digits, err) : code;
}

enum stir_code stir_tn_parse_user(struct stir_tn *out, const char *text, size_t n,
                                  const struct stir_numbering *numbering, struct stir_error *err)
{
    struct raw raw = {0};
    enum stir_code code = tn_collect(&raw, text, n, err);
    if (code != STIR_OK) {
        return code;
    }
    const char *country = tn_globalize(&raw, numbering);
    return tn_finish(out, &raw, country, numbering->min_digits, numbering->max_digits, err);
}

bool stir_tn_is_canonical(const char *text, size_t n, unsigned max_digits)
{
    if (n == 0 || n > max_digits || n > STIR_TN_MAX) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!tn_is_digit(text[i]) && text[i] != '*' && text[i] != '#') {
            return false;
        }
    }
    return true;
}
