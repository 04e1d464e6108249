/* SPDX-License-Identifier: MIT */
#include "common/base/conf_value.h"

#include <limits.h>
#include <string.h>

#define NAME_MAX_LEN 48 /* of a name that is compared with others to find the nearest one */

const struct stir_conf_key *stir_conf_find(const struct stir_conf_key *table, size_t count, const char *section,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].section, section) == 0 && strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

const struct stir_conf_key *stir_conf_target(const struct stir_conf_key *table, size_t count,
                                             const struct stir_conf_key *key)
{
    const struct stir_conf_key *target =
        key->type == STIR_CONF_RENAMED ? stir_conf_find(table, count, key->choices[0], key->choices[1]) : NULL;
    return target ? target : key;
}

static size_t conf_min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance, over the first NAME_MAX_LEN characters. */
static size_t conf_edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN + 1];
    size_t alen = strnlen(a, NAME_MAX_LEN);
    size_t blen = strnlen(b, NAME_MAX_LEN);
    for (size_t j = 0; j <= blen; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= alen; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            size_t above = row[j];
            row[j] = conf_min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[blen];
}

struct nearest {
    const struct stir_conf_key *key;
    size_t distance;
};

/* Keeps the candidate if it is nearer than the best one so far and similar enough to suggest. */
static void conf_nearest_consider(struct nearest *best, const struct stir_conf_key *key, const char *candidate,
                                  const char *given)
{
    size_t longer = strnlen(candidate, NAME_MAX_LEN);
    size_t given_len = strnlen(given, NAME_MAX_LEN);
    longer = longer < given_len ? given_len : longer;
    size_t d = conf_edit_distance(given, candidate);
    if (d * 2 <= longer && (!best->key || d < best->distance)) {
        *best = (struct nearest){.key = key, .distance = d};
    }
}

static bool conf_has_section(const struct stir_conf_key *table, size_t count, const char *section)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].section, section) == 0) {
            return true;
        }
    }
    return false;
}

static enum stir_code conf_fail_section(const struct stir_conf_key *table, size_t count, const char *section,
                                        struct stir_error *err)
{
    struct nearest best = {0};
    for (size_t i = 0; i < count; i++) {
        conf_nearest_consider(&best, &table[i], table[i].section, section);
    }
    if (best.key) {
        return stir_fail(err, STIR_E_CONFIG, "unknown section [%.48s]; perhaps [%s]", section, best.key->section);
    }
    return stir_fail(err, STIR_E_CONFIG, "unknown section [%.48s]", section);
}

/* Finds the key to suggest: the same name in another section, else the most similar name in this section, else in
 * any. */
static struct nearest conf_nearest_find(const struct stir_conf_key *table, size_t count, const char *section,
                                        const char *name)
{
    struct nearest best = {0};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return (struct nearest){.key = &table[i]};
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (section && strcmp(table[i].section, section) == 0) {
            conf_nearest_consider(&best, &table[i], table[i].name, name);
        }
    }
    for (size_t i = 0; !best.key && i < count; i++) {
        conf_nearest_consider(&best, &table[i], table[i].name, name);
    }
    return best;
}

enum stir_code stir_conf_fail_unknown(const struct stir_conf_key *table, size_t count, const char *section,
                                      const char *name, struct stir_error *err)
{
    if (section && *section && !conf_has_section(table, count, section)) {
        return conf_fail_section(table, count, section, err);
    }
    const struct stir_conf_key *key = conf_nearest_find(table, count, section, name).key;
    if (!key) {
        return stir_fail(err, STIR_E_CONFIG, "unknown key \"%.48s\"", name);
    }
    if (section && strcmp(key->section, section) == 0) {
        return stir_fail(err, STIR_E_CONFIG, "unknown key \"%.48s\"; perhaps \"%s\"", name, key->name);
    }
    return stir_fail(err, STIR_E_CONFIG, "unknown key \"%.48s\" here; perhaps \"%s\" of section [%s]", name, key->name,
                     key->section);
}

/* Returns the length of the path if the text begins with it, else 0. */
static size_t conf_begins_with(const char *text, const char *path)
{
    size_t n = strlen(path);
    return n > 1 && path[0] == '/' && strncmp(text, path, n) == 0 && strchr(":/ ", text[n]) ? n : 0;
}

static size_t conf_longest_item(const char *text, const char *list)
{
    char path[PATH_MAX];
    size_t pos = 0, longest = 0;
    while (stir_conf_next(list, &pos, path, sizeof(path))) {
        size_t n = conf_begins_with(text, path);
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* Finds the path that a sentence names: at its beginning, or after the name of an option of libcps. */
static const char *conf_path_in(const char *text)
{
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return word && strncmp(text + word, ": /", 3) == 0 ? text + word + 2 : text;
}

static size_t conf_length_in(const char *text, const void *conf, const struct stir_conf_key *key)
{
    const char *value = *(char *const *)((const char *)conf + key->offset);
    return key->type == STIR_CONF_LIST ? conf_longest_item(text, value) : conf_begins_with(text, value);
}

void stir_conf_name_key(struct stir_error *err, const void *conf, const struct stir_conf_key *table, size_t count)
{
    if (!err) {
        return;
    }
    const char *text = conf_path_in(err->text);
    const struct stir_conf_key *named = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_text = table[i].type == STIR_CONF_STRING || table[i].type == STIR_CONF_LIST;
        size_t n = is_text ? conf_length_in(text, conf, &table[i]) : 0;
        if (n > longest) {
            longest = n;
            named = &table[i];
        }
    }
    if (named) {
        memmove(err->text, text, strlen(text) + 1);
        (void)stir_fail_prefix(err, err->code, "[%s] %s", named->section, named->name);
    }
}
