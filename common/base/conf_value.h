/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/conf.h"
#include "common/base/faults.h"

/*
 * Shared by the files that implement common/base/conf.h: a value that was read and checked but not yet stored, so that
 * a file with an error in its last line changes nothing. Not for other users.
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

/* Checks what is known only when a value is complete: that a string or list that must not be empty is not. */
enum stir_code stir_conf_check_value(const struct stir_conf_value *value, const struct stir_conf_key *key,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* Moves the given values into the configuration; cannot fail. */
void stir_conf_store(void *conf, const struct stir_conf_key *table, size_t count, struct stir_conf_value *values);

/* NULL-safe: frees an array of values and their texts, overwriting these. */
void stir_conf_values_free(struct stir_conf_value *values, size_t count);

/* The value of a renamed key's field when a file or an option used the old name. */
#define STIR_CONF_GIVEN "given"

/* Returns the key that a renamed one stands for; any other key stands for itself. */
const struct stir_conf_key *stir_conf_target(const struct stir_conf_key *table, size_t count,
                                             const struct stir_conf_key *key);

/* Reads text as a number in the unit of a key with this name (common/base/conf_unit.c): digits, and perhaps another
 * unit of its kind, such as 16k for octets and 10m for seconds. Returns false if it is not a whole number of the key's
 * unit. */
bool stir_conf_read_amount(int64_t *out, const char *name, const char *text);

/* Returns " seconds" or the like for a key with this name; "" without a unit. */
const char *stir_conf_unit(const char *name);

/* Returns which units a value of a key with this name may have, as "ms, s, m, h, d"; "" if none. */
const char *stir_conf_units(const char *name);

/* NULL when the table has no such key. */
const struct stir_conf_key *stir_conf_find(const struct stir_conf_key *table, size_t count, const char *section,
                                           const char *name);

/* Fails with STIR_E_CONFIG and suggests the nearest known key. section NULL: any section. */
enum stir_code stir_conf_fail_unknown(const struct stir_conf_key *table, size_t count, const char *section,
                                      const char *name, struct stir_error *err);

/* True if the key's field is a char *. */
static inline bool stir_conf_is_text(const struct stir_conf_key *key)
{
    return key->type == STIR_CONF_STRING || key->type == STIR_CONF_OBSOLETE || key->type == STIR_CONF_RENAMED ||
           key->type == STIR_CONF_LIST;
}

/* The field of a key within a configuration. */
static inline void *stir_conf_field(const void *conf, const struct stir_conf_key *key)
{
    return (char *)(uintptr_t)conf + key->offset;
}
