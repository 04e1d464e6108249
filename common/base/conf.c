/* SPDX-License-Identifier: MIT */
#include "common/base/conf.h"
#include "common/base/conf_value.h"

#include <stdlib.h>
#include <string.h>

static enum stir_code conf_check_row(const struct stir_conf_key *table, size_t count, size_t i, struct stir_error *err)
{
    const struct stir_conf_key *key = &table[i];
    bool is_text = stir_conf_is_text(key);
    if (!key->section || !key->name || !key->text || (!is_text && !key->default_value)) {
        return stir_fail(err, STIR_E_CONFIG, "row %zu of the table has no section, name, default or text", i);
    }
    if (key->type == STIR_CONF_RENAMED && stir_conf_target(table, count, key) == key) {
        return stir_fail(err, STIR_E_CONFIG, "%s.%s: its new name is not in the table", key->section, key->name);
    }
    if (key->type == STIR_CONF_ENUM && !key->choices) {
        return stir_fail(err, STIR_E_CONFIG, "%s.%s: has no choices", key->section, key->name);
    }
    if (stir_conf_find(table, i, key->section, key->name)) {
        return stir_fail(err, STIR_E_CONFIG, "%s.%s: is in the table twice", key->section, key->name);
    }
    return STIR_OK;
}

static enum stir_code conf_read_checked(struct stir_conf_value *value, const struct stir_conf_key *key,
                                        const char *text, struct stir_error *err)
{
    enum stir_code code = stir_conf_read_value(value, key, text, err);
    if (code == STIR_OK) {
        code = stir_conf_check_value(value, key, err);
    }
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "%s%s%s", key->section, *key->section ? "." : "", key->name);
    }
    return STIR_OK;
}

enum stir_code stir_conf_defaults(void *conf, const struct stir_conf_key *table, size_t count, struct stir_error *err)
{
    struct stir_conf_value *values = calloc(count ? count : 1, sizeof(*values));
    if (!values) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    enum stir_code code = STIR_OK;
    for (size_t i = 0; i < count && code == STIR_OK; i++) {
        code = conf_check_row(table, count, i, err);
        if (code == STIR_OK) {
            code = conf_read_checked(&values[i], &table[i], table[i].default_value ? table[i].default_value : "", err);
        }
    }
    if (code == STIR_OK) {
        stir_conf_store(conf, table, count, values);
    }
    stir_conf_values_free(values, count);
    return code;
}

static bool conf_key_is_named(const struct stir_conf_key *key, const char *given)
{
    size_t n = strlen(key->section);
    return strncmp(given, key->section, n) == 0 && given[n] == '.' && strcmp(given + n + 1, key->name) == 0;
}

static const struct stir_conf_key *conf_fail_unknown_option(const struct stir_conf_key *table, size_t count,
                                                            const char *given, struct stir_error *err)
{
    const char *dot = strchr(given, '.');
    char section[64] = "";
    if (!dot || (size_t)(dot - given) >= sizeof(section)) {
        (void)stir_conf_fail_unknown(table, count, NULL, given, err);
    } else {
        memcpy(section, given, (size_t)(dot - given));
        (void)stir_conf_fail_unknown(table, count, section, dot + 1, err);
    }
    return NULL;
}

/* Finds the key that an option of the command line names. Returns NULL, with STIR_E_CONFIG in err, if the table has
 * no such key. */
static const struct stir_conf_key *conf_find_option(const struct stir_conf_key *table, size_t count, const char *given,
                                                    struct stir_error *err)
{
    const struct stir_conf_key *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (conf_key_is_named(&table[i], given)) {
            return &table[i];
        }
        if (strcmp(table[i].name, given) != 0 || (found && table[i].type == STIR_CONF_RENAMED)) {
            continue;
        }
        if (found && found->type == STIR_CONF_RENAMED) {
            found = NULL; /* a current name takes precedence over an old one */
        }
        if (found) {
            (void)stir_fail(err, STIR_E_CONFIG, "\"%s\" is in several sections; say %s.%s or %s.%s", given,
                            found->section, given, table[i].section, given);
            return NULL;
        }
        found = &table[i];
    }
    return found ? found : conf_fail_unknown_option(table, count, given, err);
}

static enum stir_code conf_set_key(void *conf, const struct stir_conf_key *key, const char *value,
                                   struct stir_error *err)
{
    struct stir_conf_value *one = calloc(1, sizeof(*one));
    if (!one) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    enum stir_code code = conf_read_checked(one, key, value, err);
    if (code == STIR_OK) {
        stir_conf_store(conf, key, 1, one);
    }
    stir_conf_values_free(one, 1);
    return code;
}

enum stir_code stir_conf_set(void *conf, const struct stir_conf_key *table, size_t count, const char *key,
                             const char *value, struct stir_error *err)
{
    const struct stir_conf_key *found = conf_find_option(table, count, key, err);
    if (!found) {
        return STIR_E_CONFIG;
    }
    enum stir_code code = STIR_OK;
    if (found->type == STIR_CONF_RENAMED) {
        code = conf_set_key(conf, found, STIR_CONF_GIVEN, err);
    }
    return code == STIR_OK ? conf_set_key(conf, stir_conf_target(table, count, found), value, err) : code;
}
