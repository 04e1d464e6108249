/* SPDX-License-Identifier: MIT */
#include "client/sidecar/policy/recipients.h"

#include "client/sidecar/policy/fail.h"
#include "common/base/directory.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 16 /* maximum number of keys of one destination */

/* A key and its destination: a number, or all numbers with a prefix. */
struct entry {
    char text[STIR_TN_MAX + 1];
    bool prefix;
    struct cps_key *key;
};

struct sc_recipients {
    bool want_private;
    struct entry *entries; /* once loaded: sorted by text, numbers before prefixes */
    size_t count, cap;
    const struct cps_key **keys; /* the keys of the entries in the same order */
};

static int recipients_compare(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (int)left->prefix - (int)right->prefix;
}

/* Reads the destination from the name of a file. Returns false if the name is not valid. */
static bool recipients_read_name(struct entry *out, const char *name)
{
    size_t len = strcspn(name, ".");
    *out = (struct entry){0};
    if (len == strlen("default") && memcmp(name, "default", len) == 0) {
        out->prefix = true;
        return true;
    }
    out->prefix = len > 0 && name[len - 1] == '*';
    len -= out->prefix;
    if (len > STIR_TN_MAX || strspn(name, "0123456789#*") < len || (len == 0 && !out->prefix)) {
        return false;
    }
    memcpy(out->text, name, len);
    return !out->prefix || out->text[strspn(out->text, "0123456789")] == '\0';
}

/* Makes room for the keys of one file. Returns false if out of memory. */
static bool recipients_grow(struct sc_recipients *recipients)
{
    size_t cap = recipients->cap ? 2 * recipients->cap : 2 * KEYS_MAX;
    if (recipients->count + KEYS_MAX <= recipients->cap) {
        return true;
    }
    struct entry *moved = reallocarray(recipients->entries, cap, sizeof(*moved));
    if (moved) {
        recipients->entries = moved;
        recipients->cap = cap;
    }
    return moved != NULL;
}

static enum stir_code recipients_take_file(void *arg, const char *path, const char *name, struct stir_error *err)
{
    struct sc_recipients *recipients = arg;
    struct cps_key *keys[KEYS_MAX];
    size_t count = 0;
    struct cps_error cause = {0};
    struct entry entry;
    if (!recipients_read_name(&entry, name)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "%s: the file name must be a number, a prefix of numbers followed by *, or \"default\"", path);
    }
    if (!recipients_grow(recipients)) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    if (cps_keys_load(keys, KEYS_MAX, &count, path, recipients->want_private, &cause) != CPS_OK) {
        return sc_fail_cps(err, &cause);
    }
    for (size_t i = 0; i < count; i++) {
        entry.key = keys[i];
        recipients->entries[recipients->count++] = entry;
    }
    return STIR_OK;
}

/* Returns the number of successive entries with the same destination. */
static size_t recipients_run(const struct sc_recipients *recipients, size_t from)
{
    size_t n = 1;
    while (from + n < recipients->count &&
           recipients_compare(&recipients->entries[from], &recipients->entries[from + n]) == 0) {
        n++;
    }
    return n;
}

static enum stir_code recipients_sort_keys(struct sc_recipients *recipients, const char *dir, struct stir_error *err)
{
    if (recipients->count == 0) {
        return STIR_OK;
    }
    recipients->keys = calloc(recipients->count, sizeof(struct cps_key *));
    if (!recipients->keys) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    qsort(recipients->entries, recipients->count, sizeof(*recipients->entries), recipients_compare);
    for (size_t i = 0; i < recipients->count; i++) {
        recipients->keys[i] = recipients->entries[i].key;
    }
    for (size_t i = 0; i < recipients->count; i += recipients_run(recipients, i)) {
        if (recipients_run(recipients, i) > KEYS_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "%s: more than %d keys for %s%s", dir, KEYS_MAX,
                             recipients->entries[i].text, recipients->entries[i].prefix ? "*" : "");
        }
    }
    return STIR_OK;
}

enum stir_code sc_recipients_load(struct sc_recipients **out, const char *dir, bool want_private,
                                  struct stir_error *err)
{
    struct sc_recipients *recipients = calloc(1, sizeof(*recipients));
    if (!recipients) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    recipients->want_private = want_private;
    enum stir_code code = stir_directory_each(dir, recipients_take_file, recipients, err);
    if (code == STIR_OK) {
        code = recipients_sort_keys(recipients, dir, err);
    }
    if (code != STIR_OK) {
        sc_recipients_free(recipients);
        return code;
    }
    *out = recipients;
    return STIR_OK;
}

void sc_recipients_free(struct sc_recipients *recipients)
{
    if (!recipients) {
        return;
    }
    for (size_t i = 0; i < recipients->count; i++) {
        cps_key_free(recipients->entries[i].key);
    }
    free(recipients->entries);
    free(recipients->keys);
    free(recipients);
}

size_t sc_recipients_size(const struct sc_recipients *recipients)
{
    return recipients->count;
}

/* Returns the first entry of a destination, NULL if there is none. */
static const struct entry *recipients_find_entry(const struct sc_recipients *recipients, const struct entry *key)
{
    const struct entry *first = recipients->entries;
    const struct entry *found = bsearch(key, first, recipients->count, sizeof(*first), recipients_compare);
    while (found && found > first && recipients_compare(found - 1, key) == 0) {
        found--;
    }
    return found;
}

size_t sc_recipients_find(const struct sc_recipients *recipients, const struct stir_identity *dest,
                          const struct cps_key *const **keys)
{
    struct entry key = {0};
    bool number = dest->kind == STIR_IDENTITY_TN && dest->len <= STIR_TN_MAX;
    if (!recipients || recipients->count == 0) {
        return 0;
    }
    if (number) {
        memcpy(key.text, dest->text, dest->len);
    }
    const struct entry *found = number ? recipients_find_entry(recipients, &key) : NULL;
    key.prefix = true;
    for (size_t n = (number ? dest->len : 0) + 1; !found && n-- > 0;) {
        key.text[n] = '\0';
        found = recipients_find_entry(recipients, &key);
    }
    if (!found) {
        return 0;
    }
    size_t at = (size_t)(found - recipients->entries);
    *keys = &recipients->keys[at];
    return recipients_run(recipients, at);
}
