/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/number_set.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for one more; false: out of memory. */
static bool numbers_grow(void *array, size_t *cap, size_t count, size_t size)
{
    void **items = array;
    if (count < *cap) {
        return true;
    }
    size_t larger = *cap ? *cap * 2 : 16;
    void *moved = reallocarray(*items, larger, size);
    if (moved) {
        *items = moved;
        *cap = larger;
    }
    return moved != NULL;
}

static enum stir_code numbers_add_range(struct cps_numbers *numbers, const char *first, const char *last,
                                        struct stir_error *err)
{
    if (!numbers_grow((void *)&numbers->ranges, &numbers->range_cap, numbers->range_count, sizeof(*numbers->ranges))) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    struct cps_number_range *range = &numbers->ranges[numbers->range_count++];
    memcpy(range->first, first, strlen(first) + 1);
    memcpy(range->last, last, strlen(last) + 1);
    return STIR_OK;
}

static enum stir_code numbers_add_text(char (**texts)[STIR_TN_MAX + 1], size_t *count, size_t *cap, const char *text,
                                       struct stir_error *err)
{
    if (!numbers_grow((void *)texts, cap, *count, sizeof(**texts))) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    memcpy((*texts)[(*count)++], text, strlen(text) + 1);
    return STIR_OK;
}

static bool numbers_all_digits(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static enum stir_code numbers_add_prefix(struct cps_numbers *numbers, const char *item, struct stir_error *err)
{
    char prefix[STIR_TN_MAX + 1] = "";
    memcpy(prefix, item, strlen(item) - 1);
    return numbers_all_digits(prefix)
               ? numbers_add_text(&numbers->prefixes, &numbers->prefix_count, &numbers->prefix_cap, prefix, err)
               : stir_fail(err, STIR_E_CONFIG, "%s: not digits with * behind them", item);
}

static enum stir_code numbers_add_one(struct cps_numbers *numbers, const char *item, struct stir_error *err)
{
    if (!stir_tn_is_canonical(item, strlen(item), STIR_TN_MAX)) {
        return stir_fail(err, STIR_E_CONFIG, "%s: not a telephone number in canonical form, digits alone", item);
    }
    return numbers_all_digits(item)
               ? numbers_add_range(numbers, item, item, err)
               : numbers_add_text(&numbers->services, &numbers->service_count, &numbers->service_cap, item, err);
}

enum stir_code cps_numbers_add(struct cps_numbers *numbers, const char *item, struct stir_error *err)
{
    char first[STIR_TN_MAX + 1] = "";
    const char *dash = strchr(item, '-');
    const char *last = dash ? dash + 1 : item;
    size_t len = dash ? (size_t)(dash - item) : strlen(item);
    if (len > STIR_TN_MAX || strlen(last) > STIR_TN_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "%.40s: longer than a telephone number", item);
    }
    if (!dash) {
        return len > 0 && item[len - 1] == '*' ? numbers_add_prefix(numbers, item, err)
                                               : numbers_add_one(numbers, item, err);
    }
    memcpy(first, item, len);
    if (!numbers_all_digits(first) || !numbers_all_digits(last) || len == 0 || strlen(last) != len ||
        strcmp(first, last) > 0) {
        return stir_fail(err, STIR_E_CONFIG, "%s: not two numbers of one length, the lower one first", item);
    }
    return numbers_add_range(numbers, first, last, err);
}

/* By length, then as text: within one length that is the numbers' order. */
static int numbers_compare_tn(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    return a_len != b_len ? (a_len < b_len ? -1 : 1) : strcmp(a, b);
}

static int numbers_compare_first(const void *a, const void *b)
{
    return numbers_compare_tn(((const struct cps_number_range *)a)->first, ((const struct cps_number_range *)b)->first);
}

static int numbers_compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void numbers_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count) {
        qsort(items, count, size, compare);
    }
}

void cps_numbers_seal(struct cps_numbers *numbers)
{
    size_t kept = 0;
    numbers_sort(numbers->ranges, numbers->range_count, sizeof(*numbers->ranges), numbers_compare_first);
    numbers_sort(numbers->prefixes, numbers->prefix_count, sizeof(*numbers->prefixes), numbers_compare_text);
    numbers_sort(numbers->services, numbers->service_count, sizeof(*numbers->services), numbers_compare_text);
    for (size_t i = 0; i < numbers->range_count; i++) {
        const struct cps_number_range *range = &numbers->ranges[i];
        struct cps_number_range *before = kept ? &numbers->ranges[kept - 1] : NULL;
        if (!before || numbers_compare_tn(range->first, before->last) > 0) {
            numbers->ranges[kept++] = *range;
        } else if (numbers_compare_tn(range->last, before->last) > 0) {
            memcpy(before->last, range->last, sizeof(before->last));
        }
    }
    numbers->range_count = kept;
}

void cps_numbers_clear(struct cps_numbers *numbers)
{
    free(numbers->ranges);
    free(numbers->prefixes);
    free(numbers->services);
    *numbers = (struct cps_numbers){0};
}

static bool numbers_in_range(const struct cps_numbers *numbers, const char *tn)
{
    size_t low = 0, high = numbers->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (numbers_compare_tn(numbers->ranges[middle].first, tn) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && numbers_compare_tn(tn, numbers->ranges[low - 1].last) <= 0;
}

static bool numbers_has_text(char (*texts)[STIR_TN_MAX + 1], size_t count, const char *text)
{
    return count && bsearch(text, texts, count, sizeof(*texts), numbers_compare_text);
}

bool cps_numbers_has(const struct cps_numbers *numbers, const char *tn)
{
    char prefix[STIR_TN_MAX + 1] = "";
    size_t len = strnlen(tn, STIR_TN_MAX + 1);
    if (len == 0 || len > STIR_TN_MAX) {
        return false;
    }
    if (!numbers_all_digits(tn)) {
        return numbers_has_text(numbers->services, numbers->service_count, tn);
    }
    bool found = numbers_in_range(numbers, tn);
    memcpy(prefix, tn, len);
    for (size_t n = len + 1; !found && numbers->prefix_count && n-- > 0;) {
        prefix[n] = '\0';
        found = numbers_has_text(numbers->prefixes, numbers->prefix_count, prefix);
    }
    return found;
}
