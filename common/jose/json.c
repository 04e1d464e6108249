/* SPDX-License-Identifier: MIT */
#include "common/jose/json.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Moves from after the opening quote of a string to its closing quote, or to the end. Strings are most of what is
 * parsed here, and long. */
static size_t json_string_end(const char *text, size_t n, size_t i)
{
    const char *quote = NULL;
    while (i < n) {
        if (!quote || quote < text + i) {
            quote = memchr(text + i, '"', n - i);
        }
        size_t end = quote ? (size_t)(quote - text) : n;
        const char *escape = memchr(text + i, '\\', end - i);
        if (!escape) {
            return end;
        }
        i = (size_t)(escape - text) + 2;
    }
    return n;
}

/* Deepest nesting of arrays and objects outside strings. jansson's own limit is 2048 levels of recursion. */
static unsigned json_depth_of(const char *text, size_t n)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '"') {
            i = json_string_end(text, n, i + 1);
        } else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

/* Not jansson's own text: it quotes the input, which may be a message or a number. */
static const char *json_reason_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_invalid_utf8:
        return "invalid UTF-8";
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "text after the end";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character";
    case json_error_duplicate_key:
        return "a name occurs twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    default:
        return "not JSON";
    }
}

/* Returns the length of the number that starts at text[i], and whether it is an integer beyond 64 bits. What is not a
 * number is not judged here. */
static size_t json_number_length(const char *text, size_t n, size_t i, bool *big)
{
    bool negative = text[i] == '-', integer = true;
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";
    size_t end = i + 1;
    while (end < n && text[end] && strchr("0123456789+-.eE", text[end])) {
        integer = integer && text[end] >= '0' && text[end] <= '9';
        end++;
    }
    size_t digits = end - i - negative;
    *big =
        integer && (digits > strlen(most) || (digits == strlen(most) && memcmp(text + i + negative, most, digits) > 0));
    return end - i;
}

/* Copies JSON and gives each integer beyond 64 bits an exponent ("e0"), with which jansson reads it as a double. */
static void json_copy_with_reals(struct stir_buf *out, const char *text, size_t n)
{
    for (size_t i = 0, len = 1; i < n; i += len) {
        bool big = false;
        len = 1;
        if (text[i] == '"') {
            size_t end = json_string_end(text, n, i + 1);
            len = (end < n ? end + 1 : n) - i;
        } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
            len = json_number_length(text, n, i, &big);
        }
        stir_buf_put(out, text + i, len);
        stir_buf_puts(out, big ? "e0" : "");
    }
}

/* RFC 8259 section 6 sets no limit to numbers. An integer that nobody reads must not spoil the rest, so one beyond 64
 * bits is read as a double: stir_json_int does not take it. */
static json_t *json_load_big_integers(const char *text, size_t n, json_error_t *error)
{
    struct stir_buf copy = {0};
    json_t *value = NULL;
    json_copy_with_reals(&copy, text, n);
    if (stir_buf_state(&copy) == STIR_OK) {
        value = json_loadb(copy.ptr, copy.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, error);
    } else {
        *error = (json_error_t){0}; /* as jansson does when it is out of memory */
    }
    stir_buf_cleanse(&copy);
    return value;
}

enum stir_code stir_json_parse(json_t **out, const char *text, size_t n, struct stir_error *err)
{
    if (json_depth_of(text, n) > STIR_JSON_DEPTH) {
        return stir_fail(err, STIR_E_JSON, "nested deeper than %d levels", STIR_JSON_DEPTH);
    }
    json_error_t error;
    json_t *value = json_loadb(text ? text : "", n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow) {
        value = json_load_big_integers(text, n, &error);
    }
    if (value) {
        *out = value;
        return STIR_OK;
    }
    /* jansson sets no text where most of its allocations fail */
    if (json_error_code(&error) == json_error_out_of_memory || !error.text[0]) {
        return stir_fail(err, STIR_E_NOMEM, "%s", stir_strerror(STIR_E_NOMEM));
    }
    return stir_fail(err, STIR_E_JSON, "%s at line %d, column %d", json_reason_of(&error), error.line, error.column);
}

enum stir_code stir_json_parse_object(json_t **out, const char *text, size_t n, const char *what,
                                      struct stir_error *err)
{
    json_t *value = NULL;
    enum stir_code code = stir_json_parse(&value, text, n, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "%s", what);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return stir_fail(err, STIR_E_JSON, "%s: not a JSON object", what);
    }
    *out = value;
    return STIR_OK;
}

static enum stir_code json_member_of(const json_t **out, const json_t *object, const char *name, struct stir_error *err)
{
    const json_t *value = json_object_get(object, name);
    if (!value) {
        return stir_fail(err, STIR_E_JSON, "%s is missing", name);
    }
    *out = value;
    return STIR_OK;
}

enum stir_code stir_json_string(const char **out, const json_t *object, const char *name, struct stir_error *err)
{
    const json_t *value = NULL;
    enum stir_code code = json_member_of(&value, object, name, err);
    if (code != STIR_OK) {
        return code;
    }
    if (!json_is_string(value)) {
        return stir_fail(err, STIR_E_JSON, "%s is not a string", name);
    }
    *out = json_string_value(value);
    return STIR_OK;
}

enum stir_code stir_json_int(int64_t *out, const json_t *object, const char *name, struct stir_error *err)
{
    const json_t *value = NULL;
    enum stir_code code = json_member_of(&value, object, name, err);
    if (code != STIR_OK) {
        return code;
    }
    if (!json_is_integer(value)) {
        return stir_fail(err, STIR_E_JSON, "%s is not an integer", name);
    }
    *out = (int64_t)json_integer_value(value);
    return STIR_OK;
}

enum stir_code stir_json_date(int64_t *out, const json_t *object, const char *name, struct stir_error *err)
{
    const json_t *value = NULL;
    enum stir_code code = json_member_of(&value, object, name, err);
    if (code != STIR_OK) {
        return code;
    }
    if (!json_is_number(value)) {
        return stir_fail(err, STIR_E_JSON, "%s is not a number", name);
    }
    double date = json_number_value(value);
    if (date >= (double)STIR_JSON_DATE_MAX) {
        *out = STIR_JSON_DATE_MAX;
    } else if (date <= 0) {
        *out = 0;
    } else {
        int64_t seconds = (int64_t)date;
        *out = seconds + ((double)seconds < date);
    }
    return STIR_OK;
}

bool stir_json_time(const json_t *value, bool up, int64_t *out)
{
    if (json_is_integer(value)) {
        json_int_t seconds = json_integer_value(value);
        if (seconds < 0 || seconds > STIR_JSON_DATE_MAX) {
            return false;
        }
        *out = (int64_t)seconds;
        return true;
    }
    double seconds = json_is_real(value) ? json_real_value(value) : -1;
    if (!(seconds >= 0 && seconds <= (double)STIR_JSON_DATE_MAX)) { /* NaN is neither */
        return false;
    }
    *out = (int64_t)(up ? ceil(seconds) : floor(seconds));
    return true;
}
