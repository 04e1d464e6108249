#include "common/tn.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX_DIGITS 15
#define RAW_MAX (STIR_TN_MAX + 8) /* with an international prefix still on it */

static const struct stir_numbering default_numbering = STIR_NUMBERING_DEFAULT;

/* Digits, '*' and '#' as they were given, and whether a '+' stood before them. */
struct raw {
    char digits[RAW_MAX + 1];
    size_t len;
    bool global;   /* it had a '+' */
    bool services; /* it has '*' or '#' */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')';
}

static enum stir_code collect(struct raw *out, const char *text, size_t n, struct stir_error *err)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (is_digit(c) || c == '*' || c == '#') {
            if (out->len == RAW_MAX) {
                return stir_fail(err, STIR_E_TN, "a telephone number of more than %d digits", RAW_MAX);
            }
            out->digits[out->len++] = c;
            out->services |= !is_digit(c);
        } else if (c == '+' && out->len == 0 && !out->global) {
            out->global = true;
        } else if (!is_separator(c)) {
            return stir_fail(err, STIR_E_TN, "character %zu is no part of a telephone number", i + 1);
        }
    }
    return out->len > 0 ? STIR_OK : stir_fail(err, STIR_E_TN, "a telephone number without digits");
}

/* The length of prefix if the number starts with it and goes on behind it, else 0. */
static size_t starts_with(const struct raw *raw, const char *prefix)
{
    size_t len = strlen(prefix);
    return len < raw->len && memcmp(raw->digits, prefix, len) == 0 ? len : 0;
}

/* Whether the country code is to be put before the number, and how many leading digits go first. What is no national
 * number is taken for a global one without its '+': that is how PASSporTs and paths carry them. */
static bool is_national(const struct raw *raw, const struct stir_numbering *numbering, size_t *drop)
{
    size_t prefix = starts_with(raw, numbering->national_prefix);
    size_t national = numbering->national_digits;
    *drop = prefix;
    if (prefix > 0 && (national == 0 || raw->len - prefix == national)) {
        return true;
    }
    *drop = 0;
    if (national > 0) {
        return raw->len == national;
    }
    return numbering->national_prefix[0] == '\0' && starts_with(raw, numbering->country_code) == 0;
}

static void drop_front(struct raw *raw, size_t count)
{
    raw->len -= count;
    memmove(raw->digits, raw->digits + count, raw->len);
}

/* RFC 8224 section 8.3, second step. Returns the country code to put before what is left in raw. */
static const char *globalize(struct raw *raw, const struct stir_numbering *numbering)
{
    if (raw->global || raw->services || raw->len <= numbering->short_code_digits) {
        return "";
    }
    size_t drop = starts_with(raw, numbering->international_prefix);
    if (drop > 0) {
        drop_front(raw, drop);
        return "";
    }
    if (numbering->country_code[0] == '\0' || !is_national(raw, numbering, &drop)) {
        return "";
    }
    drop_front(raw, drop);
    return numbering->country_code;
}

enum stir_code stir_tn_parse(struct stir_tn *out, const char *text, size_t n, const struct stir_numbering *numbering,
                             struct stir_error *err)
{
    struct raw raw = {0};
    numbering = numbering ? numbering : &default_numbering;
    enum stir_code code = collect(&raw, text, n, err);
    if (code != STIR_OK) {
        return code;
    }
    const char *country = globalize(&raw, numbering);
    size_t country_len = strlen(country);
    size_t len = country_len + raw.len;
    size_t max = numbering->max_digits ? numbering->max_digits : DEFAULT_MAX_DIGITS;
    if (len < numbering->min_digits || len > max || len > STIR_TN_MAX) {
        return stir_fail(err, STIR_E_TN, "a telephone number of %zu digits, where %u to %zu are allowed", len,
                         numbering->min_digits ? numbering->min_digits : 1, max < STIR_TN_MAX ? max : STIR_TN_MAX);
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->digits, country, country_len);
    memcpy(out->digits + country_len, raw.digits, raw.len);
    out->len = (unsigned)len;
    return STIR_OK;
}

bool stir_tn_is_canonical(const char *text, size_t n, unsigned max_digits)
{
    if (n == 0 || n > max_digits || n > STIR_TN_MAX) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(text[i]) && text[i] != '*' && text[i] != '#') {
            return false;
        }
    }
    return true;
}
