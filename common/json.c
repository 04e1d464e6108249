#include "common/json.h"

#include <stdint.h>
#include <string.h>

/* From behind the quote that opens a string to the one that closes it, or the end. Strings are most of what is parsed
 * here, and long. */
static size_t string_end(const char *text, size_t n, size_t i)
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
static unsigned depth_of(const char *text, size_t n)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '"') {
            i = string_end(text, n, i + 1);
        } else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

/* Not jansson's own text: it quotes the input, which may be a message or a number. */
static const char *reason_of(const json_error_t *error)
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

enum stir_code stir_json_parse(json_t **out, const char *text, size_t n, struct stir_error *err)
{
    if (depth_of(text, n) > STIR_JSON_DEPTH) {
        return stir_fail(err, STIR_E_JSON, "nested deeper than %d levels", STIR_JSON_DEPTH);
    }
    json_error_t error;
    json_t *value = json_loadb(text ? text : "", n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value) {
        *out = value;
        return STIR_OK;
    }
    /* jansson says nothing at all where most of its allocations fail */
    if (json_error_code(&error) == json_error_out_of_memory || !error.text[0]) {
        return stir_fail(err, STIR_E_NOMEM, "%s", stir_strerror(STIR_E_NOMEM));
    }
    return stir_fail(err, STIR_E_JSON, "%s at line %d, column %d", reason_of(&error), error.line, error.column);
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

static enum stir_code member(const json_t **out, const json_t *object, const char *name, struct stir_error *err)
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
    enum stir_code code = member(&value, object, name, err);
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
    enum stir_code code = member(&value, object, name, err);
    if (code != STIR_OK) {
        return code;
    }
    if (!json_is_integer(value)) {
        return stir_fail(err, STIR_E_JSON, "%s is not an integer", name);
    }
    *out = (int64_t)json_integer_value(value);
    return STIR_OK;
}
