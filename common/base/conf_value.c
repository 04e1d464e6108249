/* SPDX-License-Identifier: MIT */
#include "common/base/conf_value.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const yes_words[] = {"yes", "on", "true", "1", NULL};
static const char *const no_words[] = {"no", "off", "false", "0", NULL};

static int conf_find_word(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++) {
        if (strcasecmp(words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

/* Returns the beginning of a value in printable characters, for an error text. */
static const char *conf_printable(char out[41], const char *text)
{
    size_t n = 0;
    for (; text[n] && n < 40; n++) {
        unsigned char c = (unsigned char)text[n];
        out[n] = c < 0x20 || c == 0x7f ? '?' : text[n];
    }
    out[n] = '\0';
    return out;
}

static enum stir_code conf_read_int(int64_t *out, const struct stir_conf_key *key, const char *text,
                                    struct stir_error *err)
{
    char quote[41];
    int64_t number = 0;
    if (!stir_conf_read_amount(&number, key->name, text) || number < key->min || number > key->max) {
        const char *units = stir_conf_units(key->name);
        return stir_fail(err, STIR_E_CONFIG, "must be a whole number from %" PRId64 " to %" PRId64 "%s%s%s, not \"%s\"",
                         key->min, key->max, stir_conf_unit(key->name), *units ? ", or with a unit: " : "", units,
                         conf_printable(quote, text));
    }
    *out = number;
    return STIR_OK;
}

static enum stir_code conf_read_bool(int64_t *out, const char *text, struct stir_error *err)
{
    char quote[41];
    bool yes = conf_find_word(yes_words, text) >= 0;
    if (!yes && conf_find_word(no_words, text) < 0) {
        return stir_fail(err, STIR_E_CONFIG, "must be yes or no, not \"%s\"", conf_printable(quote, text));
    }
    *out = yes;
    return STIR_OK;
}

static enum stir_code conf_read_enum(int64_t *out, const struct stir_conf_key *key, const char *text,
                                     struct stir_error *err)
{
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], text) == 0) {
            *out = i;
            return STIR_OK;
        }
    }
    char quote[41];
    struct stir_buf all = {.limit = 160};
    for (int i = 0; key->choices[i]; i++) {
        stir_buf_printf(&all, "%s%s", i ? ", " : "", key->choices[i]);
    }
    enum stir_code code = stir_fail(err, STIR_E_CONFIG, "must be one of %s, not \"%s\"",
                                    all.ptr ? all.ptr : "its words", conf_printable(quote, text));
    stir_buf_free(&all);
    return code;
}

static void conf_free_text(char *text)
{
    if (text) {
        OPENSSL_cleanse(text, strlen(text)); /* may be a password */
        free(text);
    }
}

static bool conf_has_control(const char *text, const char *allowed)
{
    for (; *text; text++) {
        if (((unsigned char)*text < 0x20 || *text == 0x7f) && !strchr(allowed, *text)) {
            return true;
        }
    }
    return false;
}

static enum stir_code conf_read_string(char **out, const char *text, struct stir_error *err)
{
    if (conf_has_control(text, "")) {
        return stir_fail(err, STIR_E_CONFIG, "must not hold control characters");
    }
    char *copy = strdup(text);
    if (!copy) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    conf_free_text(*out);
    *out = copy;
    return STIR_OK;
}

static enum stir_code conf_read_list(char **out, const char *text, struct stir_error *err)
{
    static const char separators[] = ", \t\r\n";
    if (conf_has_control(text, "\t\r\n")) {
        return stir_fail(err, STIR_E_CONFIG, "must not hold control characters");
    }
    /* A list that is given again, or continued, is appended to the earlier items. */
    size_t len = *out ? strlen(*out) : 0;
    char *joined = malloc(len + strlen(text) + 2);
    if (!joined) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    if (len) {
        memcpy(joined, *out, len);
    }
    /* Items are kept with one space between them, however the file separates them. */
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t item = strcspn(text, separators);
        if (len) {
            joined[len++] = ' ';
        }
        memcpy(joined + len, text, item);
        len += item;
        text += item;
    }
    joined[len] = '\0';
    /* The earlier text may be a password: it is overwritten, not only freed. */
    conf_free_text(*out);
    *out = joined;
    return STIR_OK;
}

enum stir_code stir_conf_read_value(struct stir_conf_value *value, const struct stir_conf_key *key, const char *text,
                                    struct stir_error *err)
{
    enum stir_code code = STIR_E_CONFIG;
    switch (key->type) {
    case STIR_CONF_INT:
        code = conf_read_int(&value->number, key, text, err);
        break;
    case STIR_CONF_BOOL:
        code = conf_read_bool(&value->number, text, err);
        break;
    case STIR_CONF_ENUM:
        code = conf_read_enum(&value->number, key, text, err);
        break;
    case STIR_CONF_OBSOLETE:
    case STIR_CONF_RENAMED:
    case STIR_CONF_STRING:
        code = conf_read_string(&value->text, text, err);
        break;
    case STIR_CONF_LIST:
        code = conf_read_list(&value->text, text, err);
        break;
    default:
        return stir_fail(err, STIR_E_CONFIG, "is of no known type");
    }
    value->given = value->given || code == STIR_OK;
    return code;
}

enum stir_code stir_conf_check_value(const struct stir_conf_value *value, const struct stir_conf_key *key,
                                     struct stir_error *err)
{
    bool is_text = stir_conf_is_text(key);
    if (value->given && is_text && key->min > 0 && !*value->text) {
        return stir_fail(err, STIR_E_CONFIG, "must not be empty");
    }
    return STIR_OK;
}

static void conf_store_value(void *field, enum stir_conf_type type, struct stir_conf_value *value)
{
    switch (type) {
    case STIR_CONF_INT:
        *(int64_t *)field = value->number;
        break;
    case STIR_CONF_BOOL:
        *(bool *)field = value->number != 0;
        break;
    case STIR_CONF_ENUM:
        *(int *)field = (int)value->number;
        break;
    case STIR_CONF_OBSOLETE:
    case STIR_CONF_RENAMED:
    case STIR_CONF_STRING:
    case STIR_CONF_LIST:
        conf_free_text(*(char **)field);
        *(char **)field = value->text;
        value->text = NULL;
        break;
    }
}

void stir_conf_store(void *conf, const struct stir_conf_key *table, size_t count, struct stir_conf_value *values)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].given) {
            conf_store_value(stir_conf_field(conf, &table[i]), table[i].type, &values[i]);
        }
    }
}

void stir_conf_values_free(struct stir_conf_value *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++) {
        conf_free_text(values[i].text);
    }
    free(values);
}

void stir_conf_clear(void *conf, const struct stir_conf_key *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (stir_conf_is_text(&table[i])) {
            char **field = stir_conf_field(conf, &table[i]);
            conf_free_text(*field);
            *field = NULL;
        }
    }
}
