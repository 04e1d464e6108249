/* SPDX-License-Identifier: MIT */
/* Suggests a name for a mistyped one. */
#include "client/ctl/options.h"

#include <string.h>

#define NAME_MAX_CHARS 32

static size_t min_of_three(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Returns the number of insertions, deletions and replacements that turn a into b (Levenshtein distance), or
 * NAME_MAX_CHARS if one is too long for a name. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_CHARS + 1];
    size_t b_len = strlen(b);
    if (strlen(a) > NAME_MAX_CHARS || b_len > NAME_MAX_CHARS) {
        return NAME_MAX_CHARS;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t above = row[j + 1];
            row[j + 1] = min_of_three(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *ctl_nearest(const char *name, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t d = edit_distance(name, names[i]);
        if (d < best_distance && d < strlen(names[i])) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
