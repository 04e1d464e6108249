#pragma once

#include "common/conf.h"

/*
 * What the files behind common/conf.h share: a value that has been read and checked but not yet stored, so that a file
 * with an error in its last line changes nothing. Not for other users.
 */
struct stir_conf_value {
    bool given;
    unsigned line;  /* where a file gave it first */
    int64_t number; /* INT, BOOL, ENUM */
    char *text;     /* STRING, LIST (items joined by one space); owned */
};

/* Reads text as the key's type. The error text says what the value must be and lacks the key's name. A LIST value is
 * appended to what *value holds. STIR_E_CONFIG, STIR_E_NOMEM; *value is untouched on failure. */
enum stir_code stir_conf_read_value(struct stir_conf_value *value, const struct stir_conf_key *key, const char *text,
                                    struct stir_error *err) STIR_MUST_CHECK;

/* What can only be seen when a value is complete: that a string or list is not empty where it must not be. */
enum stir_code stir_conf_check_value(const struct stir_conf_value *value, const struct stir_conf_key *key,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* Moves the given values into the configuration; cannot fail. */
void stir_conf_store(void *conf, const struct stir_conf_key *table, size_t count, struct stir_conf_value *values);

/* NULL-safe: frees an array of values and their texts, overwriting these. */
void stir_conf_values_free(struct stir_conf_value *values, size_t count);

/* NULL when the table has no such key. */
const struct stir_conf_key *stir_conf_find(const struct stir_conf_key *table, size_t count, const char *section,
                                           const char *name);

/* Fails with STIR_E_CONFIG, naming what was perhaps meant. section NULL: any section. */
enum stir_code stir_conf_fail_unknown(const struct stir_conf_key *table, size_t count, const char *section,
                                      const char *name, struct stir_error *err);

/* The field of a key within a configuration. */
static inline void *stir_conf_field(const void *conf, const struct stir_conf_key *key)
{
    return (char *)(uintptr_t)conf + key->offset;
}
