#include "common/tnauth.h"

#include <stdlib.h>
#include <string.h>

/* What a TNAuthList speaks for: all comparisons of numbers, ranges and SPCs. */

/* Numbers of one length, first to last. A number with '*' or '#' is not one of a series: it equals itself only. */
struct interval {
    size_t digits;
    uint64_t first;
    uint64_t last;
};

static bool interval_of(struct interval *out, const char *number, uint64_t count)
{
    size_t n = strlen(number);
    if (n == 0 || n > 18 || strspn(number, "0123456789") != n) {
        return false;
    }
    uint64_t first = strtoull(number, NULL, 10);
    *out = (struct interval){.digits = n, .first = first, .last = first + count - 1};
    return true;
}

bool stir_tnauth_has_tn(const struct stir_tnauth *list, const char *tn)
{
    struct interval number = {0};
    bool in_series = interval_of(&number, tn, 1);
    for (size_t i = 0; i < list->count; i++) {
        const struct stir_tnauth_entry *entry = &list->entries[i];
        struct interval range;
        if (entry->kind == STIR_TNAUTH_ONE && strcmp(entry->value, tn) == 0) {
            return true;
        }
        if (entry->kind == STIR_TNAUTH_RANGE && in_series && interval_of(&range, entry->value, entry->count) &&
            range.digits == number.digits && range.first <= number.first && number.first <= range.last) {
            return true;
        }
    }
    return false;
}

bool stir_tnauth_has_spc(const struct stir_tnauth *list, const char *spc)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind == STIR_TNAUTH_SPC && strcmp(list->entries[i].value, spc) == 0) {
            return true;
        }
    }
    return false;
}

bool stir_tnauth_any_spc(const struct stir_tnauth *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind == STIR_TNAUTH_SPC) {
            return true;
        }
    }
    return false;
}

static int interval_compare(const void *left, const void *right)
{
    const struct interval *a = left;
    const struct interval *b = right;
    if (a->digits != b->digits) {
        return a->digits < b->digits ? -1 : 1;
    }
    return a->first < b->first ? -1 : a->first > b->first;
}

/* All series of a list, sorted; those that touch are made one, so that a range is covered by one of them or not at all.
 * Returns how many. */
static size_t intervals_gather(struct interval *out, const struct stir_tnauth *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct stir_tnauth_entry *entry = &list->entries[i];
        if (entry->kind != STIR_TNAUTH_SPC && interval_of(&out[count], entry->value, entry->count)) {
            count++;
        }
    }
    qsort(out, count, sizeof(*out), interval_compare);
    size_t merged = 0;
    for (size_t i = 0; i < count; i++) {
        struct interval *top = merged ? &out[merged - 1] : NULL;
        if (!top || top->digits != out[i].digits || out[i].first > top->last + 1) {
            out[merged++] = out[i];
        } else if (out[i].last > top->last) {
            top->last = out[i].last;
        }
    }
    return merged;
}

/* Both are sorted alike and do not overlap within themselves. */
static bool intervals_cover(const struct interval *parent, size_t parents, const struct interval *child,
                            size_t children)
{
    size_t at = 0;
    for (size_t i = 0; i < children; i++) {
        while (at < parents && (parent[at].digits < child[i].digits ||
                                (parent[at].digits == child[i].digits && parent[at].last < child[i].first))) {
            at++;
        }
        if (at == parents || parent[at].digits != child[i].digits || parent[at].first > child[i].first ||
            parent[at].last < child[i].last) {
            return false;
        }
    }
    return true;
}

static bool numbers_cover(const struct stir_tnauth *parent, const struct stir_tnauth *child)
{
    struct interval *series = calloc(parent->count + child->count + 1, sizeof(*series));
    if (!series) {
        return false;
    }
    size_t parents = intervals_gather(series, parent);
    size_t children = intervals_gather(series + parent->count, child);
    bool covers = intervals_cover(series, parents, series + parent->count, children);
    free(series);
    return covers;
}

bool stir_tnauth_covers(const struct stir_tnauth *parent, const struct stir_tnauth *child)
{
    bool provider = stir_tnauth_any_spc(parent);
    for (size_t i = 0; i < child->count; i++) {
        const struct stir_tnauth_entry *entry = &child->entries[i];
        struct interval series;
        if (entry->kind == STIR_TNAUTH_SPC && !stir_tnauth_has_spc(parent, entry->value)) {
            return false;
        }
        if (entry->kind == STIR_TNAUTH_ONE && !provider && !interval_of(&series, entry->value, 1) &&
            !stir_tnauth_has_tn(parent, entry->value)) {
            return false;
        }
    }
    return provider || numbers_cover(parent, child);
}
