/* SPDX-License-Identifier: MIT */
#include "common/cert/tnauthlist.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a TNAuthList covers: all comparisons of numbers, ranges and SPCs. */

/* Numbers of one length, first to last. A number with '*' or '#' is in no series and equals only itself. */
struct interval {
    size_t digits;
    uint64_t first;
    uint64_t last;
};

static bool interval_parse(struct interval *out, const char *number, uint64_t count)
{
    size_t n = strlen(number);
    if (n == 0 || n > 18 || strspn(number, "0123456789") != n) {
        return false;
    }
    uint64_t first = strtoull(number, NULL, 10);
    *out = (struct interval){.digits = n, .first = first, .last = first + count - 1};
    return true;
}

static char spc_char(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

bool stir_spc_equal(const char *a, const char *b)
{
    while (*a && spc_char(*a) == spc_char(*b)) {
        a++;
        b++;
    }
    return spc_char(*a) == spc_char(*b);
}

void stir_spc_normalize(char *text)
{
    for (; *text; text++) {
        *text = spc_char(*text);
    }
}

bool stir_tnauth_has_tn(const struct stir_tnauth *list, const char *tn)
{
    struct interval number = {0};
    bool in_series = interval_parse(&number, tn, 1);
    for (size_t i = 0; i < list->count; i++) {
        const struct stir_tnauth_entry *entry = &list->entries[i];
        struct interval range;
        if (entry->kind == STIR_TNAUTH_ONE && strcmp(entry->value, tn) == 0) {
            return true;
        }
        if (entry->kind == STIR_TNAUTH_RANGE && in_series && interval_parse(&range, entry->value, entry->count) &&
            range.digits == number.digits && range.first <= number.first && number.first <= range.last) {
            return true;
        }
    }
    return false;
}

bool stir_tnauth_has_spc(const struct stir_tnauth *list, const char *spc)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind == STIR_TNAUTH_SPC && stir_spc_equal(list->entries[i].value, spc)) {
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

/* Gathers the series of a list, sorted. Adjacent and overlapping ones are merged, so that a range is covered by one
 * series or not at all. Returns their number. */
static size_t intervals_gather(struct interval *out, const struct stir_tnauth *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct stir_tnauth_entry *entry = &list->entries[i];
        if (entry->kind != STIR_TNAUTH_SPC && interval_parse(&out[count], entry->value, entry->count)) {
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

/* A parent's numbers: its own series, and those that the table gives to its SPCs. */
struct holding {
    const struct interval *series; /* sorted, and they do not touch */
    size_t count;
    size_t at; /* the series before it end before what is asked for */
    const struct stir_tnauth *list;
    const struct stir_numtable *numbers; /* NULL: the series are all */
};

/* Returns true if the parent has this number of `digits` digits, and sets *last to a number up to which the answer
 * is the same. Must be called for numbers in ascending order. */
static bool holding_has(struct holding *parent, size_t digits, uint64_t first, uint64_t *last)
{
    struct stir_numtable_row row;
    assert(parent->at <= parent->count);
    while (parent->at < parent->count &&
           (parent->series[parent->at].digits < digits ||
            (parent->series[parent->at].digits == digits && parent->series[parent->at].last < first))) {
        parent->at++;
    }
    if (parent->at < parent->count && parent->series[parent->at].digits == digits &&
        parent->series[parent->at].first <= first) {
        *last = parent->series[parent->at].last;
        return true;
    }
    return parent->numbers && stir_numtable_find_run(parent->numbers, first, (unsigned)digits, &row, last) &&
           stir_tnauth_has_spc(parent->list, row.spc);
}

/* Both lists are sorted in the same order, and neither overlaps itself. */
static bool intervals_cover(struct holding *parent, const struct interval *child, size_t children)
{
    for (size_t i = 0; i < children; i++) {
        uint64_t last = 0;
        for (uint64_t first = child[i].first; first <= child[i].last; first = last + 1) {
            if (!holding_has(parent, child[i].digits, first, &last)) {
                return false;
            }
        }
    }
    return true;
}

static bool numbers_cover(const struct stir_tnauth *parent, const struct stir_tnauth *child,
                          const struct stir_numtable *numbers)
{
    struct interval *series = calloc(parent->count + child->count + 1, sizeof(*series));
    if (!series) {
        return false;
    }
    size_t parents = intervals_gather(series, parent);
    size_t children = intervals_gather(series + parent->count, child);
    struct holding holding = {.series = series, .count = parents, .list = parent, .numbers = numbers};
    bool covers = intervals_cover(&holding, series + parent->count, children);
    free(series);
    return covers;
}

bool stir_tnauth_holds_tn(const struct stir_tnauth *list, const struct stir_numtable *numbers, const char *tn)
{
    struct stir_numtable_row row;
    return stir_numtable_find(numbers, tn, &row) && stir_tnauth_has_spc(list, row.spc);
}

bool stir_tnauth_covers(const struct stir_tnauth *parent, const struct stir_tnauth *child,
                        const struct stir_numtable *numbers)
{
    bool all = !numbers && stir_tnauth_any_spc(parent);
    for (size_t i = 0; i < child->count; i++) {
        const struct stir_tnauth_entry *entry = &child->entries[i];
        struct interval series;
        if (entry->kind == STIR_TNAUTH_SPC && !stir_tnauth_has_spc(parent, entry->value)) {
            return false;
        }
        if (entry->kind == STIR_TNAUTH_ONE && !all && !interval_parse(&series, entry->value, 1) &&
            !stir_tnauth_has_tn(parent, entry->value) &&
            !(numbers && stir_tnauth_holds_tn(parent, numbers, entry->value))) {
            return false;
        }
    }
    return all || numbers_cover(parent, child, numbers);
}
