/* SPDX-License-Identifier: MIT */
#include "common/base/conf_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Units of values. The name of a key ends in its own unit (idle_timeout_s); a value may be written in another unit
 * of the same kind. */

enum kind { TIME, OCTETS, KINDS };

struct unit {
    const char *name;
    int64_t size; /* in milliseconds, in octets */
};

static const struct unit time_units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                         {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit octet_units[] = {{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"K", 1 << 10},
                                          {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};
static const struct unit *const units[KINDS] = {[TIME] = time_units, [OCTETS] = octet_units};
static const char *const unit_lists[KINDS] = {[TIME] = "ms, s, m, h, d", [OCTETS] = "k, m, g"};

/* A key's own unit. */
struct own {
    const char *word; /* the end of its name, or a word in it */
    bool anywhere;
    enum kind kind;
    int64_t size;
    const char *plural;
};

static const struct own *conf_unit_of_key(const char *name)
{
    static const struct own owns[] = {{"_ms", false, TIME, 1, " milliseconds"},
                                      {"_s", false, TIME, 1000, " seconds"},
                                      {"_h", false, TIME, 3600000, " hours"},
                                      {"bytes", true, OCTETS, 1, " octets"}};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof(owns) / sizeof(owns[0]); i++) {
        size_t len = strlen(owns[i].word);
        if (owns[i].anywhere ? strstr(name, owns[i].word) != NULL
                             : n > len && strcmp(name + n - len, owns[i].word) == 0) {
            return &owns[i];
        }
    }
    return NULL;
}

const char *stir_conf_unit(const char *name)
{
    const struct own *own = conf_unit_of_key(name);
    return own ? own->plural : "";
}

const char *stir_conf_units(const char *name)
{
    const struct own *own = conf_unit_of_key(name);
    return own ? unit_lists[own->kind] : "";
}

/* Turns a number with a unit into one in the key's own unit. */
static bool conf_unit_convert(int64_t *number, const struct own *own, const char *unit)
{
    const struct unit *found = units[own->kind];
    while (found->name && strcmp(found->name, unit) != 0) {
        found++;
    }
    if (!found->name || __builtin_mul_overflow(*number, found->size, number) || *number % own->size != 0) {
        return false;
    }
    *number /= own->size;
    return true;
}

bool stir_conf_read_amount(int64_t *out, const char *name, const char *text)
{
    const char *digits = text + (*text == '-');
    char *end = NULL;
    if (*digits < '0' || *digits > '9') {
        return false;
    }
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    int64_t number = parsed;
    const struct own *own = conf_unit_of_key(name);
    if (errno || (*end && (!own || !conf_unit_convert(&number, own, end)))) {
        return false;
    }
    *out = number;
    return true;
}
