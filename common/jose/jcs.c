/* SPDX-License-Identifier: MIT */
/* The JSON Canonicalization Scheme, RFC 8785. */
#include "common/jose/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 64 /* values parsed or built here are less deep */

static void jcs_put_value(struct stir_buf *out, const json_t *value, unsigned depth);

/* Returns the length of the well-formed UTF-8 sequence (RFC 3629 section 4) that text starts with, 0 if it is
 * malformed. */
static size_t jcs_utf8_len(const unsigned char *text, size_t n)
{
    unsigned char lead = text[0];
    size_t len = lead < 0x80 ? 1 : lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : 4;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (len > n || (len == 4 && (lead < 0xf0 || lead > 0xf4))) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (text[i] < low || text[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

static void jcs_put_escape(struct stir_buf *out, unsigned char c)
{
    static const char short_forms[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\') {
        stir_buf_printf(out, "\\%c", c);
    } else if (c < sizeof(short_forms) && short_forms[c]) {
        stir_buf_printf(out, "\\%c", short_forms[c]);
    } else {
        stir_buf_printf(out, "\\u%04x", c);
    }
}

void stir_json_quote(struct stir_buf *out, const char *text, size_t n)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t run = 0; /* octets before i that are written unchanged */
    stir_buf_put(out, "\"", 1);
    for (size_t i = 0; i < n;) {
        size_t len = jcs_utf8_len(at + i, n - i);
        bool plain = len > 1 || (len == 1 && at[i] >= 0x20 && at[i] != '"' && at[i] != '\\');
        if (plain) {
            run += len;
            i += len;
            continue;
        }
        stir_buf_put(out, text + i - run, run);
        run = 0;
        if (len == 0) {
            stir_buf_puts(out, "\xef\xbf\xbd");
        } else {
            jcs_put_escape(out, at[i]);
        }
        i++;
    }
    stir_buf_put(out, n ? text + n - run : text, run);
    stir_buf_put(out, "\"", 1);
}

/* A positive number as 0.DIGITS * 10^exponent. */
struct decimal {
    char digits[18];
    int count;
    int exponent;
};

/* Reads what "%.*e" printed. Skips the decimal point, whatever the locale makes of it. */
static void jcs_split_double(struct decimal *out, const char *text)
{
    out->count = 0;
    for (; *text && *text != 'e'; text++) {
        if (isdigit((unsigned char)*text) && out->count < 17) {
            out->digits[out->count++] = *text;
        }
    }
    out->digits[out->count] = '\0';
    out->exponent = (*text == 'e' ? (int)strtol(text + 1, NULL, 10) : 0) + 1;
}

static double jcs_value_of(const struct decimal *d)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "%se%d", d->digits, d->exponent - d->count);
    return strtod(text, NULL);
}

/* One unit more in the last digit. */
static void jcs_step_up(struct decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9') {
        d->digits[i--] = '0';
    }
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

/* The fewest digits that read back as value. The nearest decimal of that length is tried first, then the one above:
 * under a power of two the gap between doubles is half as wide as over it, so that the nearest may fail and the next
 * one up succeed. */
static void jcs_shortest_digits(struct decimal *out, double value)
{
    for (int precision = 0; precision <= 16; precision++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "%.*e", precision, value);
        jcs_split_double(out, text);
        if (jcs_value_of(out) == value) { // NOLINT: exact on purpose
            break;
        }
        struct decimal above = *out;
        jcs_step_up(&above);
        if (jcs_value_of(&above) == value) { // NOLINT: exact on purpose
            *out = above;
            break;
        }
    }
    while (out->count > 1 && out->digits[out->count - 1] == '0') {
        out->digits[--out->count] = '\0';
    }
}

/* Number::toString of ECMAScript, which RFC 8785 section 3.2.2.3 refers to: k digits, the point after the n-th. */
static void jcs_put_number(struct stir_buf *out, double value)
{
    if (!isfinite(value)) {
        out->failed = out->failed ? out->failed : STIR_E_INVAL;
        return;
    }
    if (value == 0) {
        stir_buf_puts(out, "0"); /* -0 too */
        return;
    }
    if (value < 0) {
        stir_buf_puts(out, "-");
    }
    struct decimal d;
    jcs_shortest_digits(&d, fabs(value));
    int k = d.count;
    int n = d.exponent;
    if (k <= n && n <= 21) {
        stir_buf_printf(out, "%s%.*s", d.digits, n - k, "000000000000000000000");
    } else if (0 < n && n <= 21) {
        stir_buf_printf(out, "%.*s.%s", n, d.digits, d.digits + n);
    } else if (-6 < n && n <= 0) {
        stir_buf_printf(out, "0.%.*s%s", -n, "00000", d.digits);
    } else {
        stir_buf_printf(out, "%c%s%se%+d", d.digits[0], k > 1 ? "." : "", d.digits + 1, n - 1);
    }
}

/* An integer is a double like any other number; those that a double holds exactly need no search. */
static void jcs_put_integer(struct stir_buf *out, json_int_t value)
{
    const json_int_t exact = (json_int_t)1 << 53;
    if (value >= -exact && value <= exact) {
        stir_buf_printf(out, "%" JSON_INTEGER_FORMAT, value);
    } else {
        jcs_put_number(out, (double)value);
    }
}

/* Orders lead octets of UTF-8 as the UTF-16 code units that they become: surrogates (F0..F4) before U+E000..U+FFFF (EE,
 * EF). Continuation octets differ only where the lead octets are the same. */
static int jcs_utf16_rank(unsigned char c)
{
    return c == 0xee || c == 0xef ? c + 0x10 : c;
}

static int jcs_compare_names(const void *a, const void *b)
{
    const unsigned char *x = *(const unsigned char *const *)a;
    const unsigned char *y = *(const unsigned char *const *)b;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    return jcs_utf16_rank(*x) - jcs_utf16_rank(*y);
}

static void jcs_put_object(struct stir_buf *out, const json_t *object, unsigned depth)
{
    size_t count = json_object_size(object);
    const char **names = calloc(count ? count : 1, sizeof(*names));
    if (!names) {
        out->failed = out->failed ? out->failed : STIR_E_NOMEM;
        return;
    }
    size_t n = 0;
    json_t *walked = (json_t *)(uintptr_t)object; /* jansson's iterators take no const; nothing is changed */
    for (void *it = json_object_iter(walked); it && n < count; it = json_object_iter_next(walked, it)) {
        names[n++] = json_object_iter_key(it);
    }
    qsort(names, n, sizeof(*names), jcs_compare_names);
    stir_buf_put(out, "{", 1);
    for (size_t i = 0; i < n; i++) {
        stir_buf_put(out, ",", i > 0);
        stir_json_quote(out, names[i], strlen(names[i]));
        stir_buf_put(out, ":", 1);
        jcs_put_value(out, json_object_get(object, names[i]), depth);
    }
    stir_buf_put(out, "}", 1);
    free(names);
}

static void jcs_put_array(struct stir_buf *out, const json_t *array, unsigned depth)
{
    stir_buf_put(out, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        stir_buf_put(out, ",", i > 0);
        jcs_put_value(out, json_array_get(array, i), depth);
    }
    stir_buf_put(out, "]", 1);
}

static void jcs_put_value(struct stir_buf *out, const json_t *value, unsigned depth)
{
    if (!value || depth >= DEEPEST) {
        out->failed = out->failed ? out->failed : STIR_E_INVAL;
        return;
    }
    /* RFC 8785 section 3.2: literals as they are, strings, numbers and objects in one form each. */
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        jcs_put_object(out, value, depth + 1);
        break;
    case JSON_ARRAY:
        jcs_put_array(out, value, depth + 1);
        break;
    case JSON_STRING:
        stir_json_quote(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        jcs_put_integer(out, json_integer_value(value));
        break;
    case JSON_REAL:
        jcs_put_number(out, json_number_value(value));
        break;
    case JSON_TRUE:
        stir_buf_puts(out, "true");
        break;
    case JSON_FALSE:
        stir_buf_puts(out, "false");
        break;
    case JSON_NULL:
        stir_buf_puts(out, "null");
        break;
    }
}

void stir_jcs(struct stir_buf *out, const json_t *value)
{
    jcs_put_value(out, value, 0);
}
