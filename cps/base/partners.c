/* SPDX-License-Identifier: MIT */
#include "cps/base/partners.h"

#include "common/base/conf.h"

#include <string.h>

#define ITEM_OCTETS 256

static bool partners_is_code(const char *item)
{
    size_t n = strlen(item);
    for (size_t i = 0; i < n; i++) {
        if (item[i] < 0x21 || item[i] > 0x7e) {
            return false;
        }
    }
    return n >= 1 && n <= STIR_SPC_MAX;
}

bool cpsd_partners_any(const char *partners)
{
    return strcmp(partners, "*") == 0;
}

enum stir_code cpsd_partners_check(const char *partners, struct stir_error *err)
{
    char item[ITEM_OCTETS];
    size_t pos = 0;
    if (cpsd_partners_any(partners)) {
        return STIR_OK;
    }
    while (stir_conf_next(partners, &pos, item, sizeof(item))) {
        if (strcmp(item, "*") == 0) {
            return stir_fail(err, STIR_E_CONFIG,
                             "[atis] partners: \"*\" means every provider and must be the only item");
        }
        if (!partners_is_code(item)) {
            return stir_fail(err, STIR_E_CONFIG,
                             "[atis] partners: \"%.40s\" is not a service provider code: it has 1 to %d visible "
                             "characters",
                             item, STIR_SPC_MAX);
        }
    }
    return STIR_OK;
}

static bool partners_has(const char *partners, const char *spc)
{
    char item[ITEM_OCTETS];
    size_t pos = 0;
    while (stir_conf_next(partners, &pos, item, sizeof(item))) {
        if (stir_spc_equal(item, spc)) {
            return true;
        }
    }
    return false;
}

bool cpsd_partners_have(const char *partners, const struct cpsd_caller *caller)
{
    if (!cpsd_caller_authenticated(caller) || !caller->chain || !caller->spc[0]) {
        return false;
    }
    if (cpsd_partners_any(partners) || partners_has(partners, caller->spc)) {
        return true;
    }
    const struct stir_tnauth *list = &caller->chain->tnauth;
    for (size_t i = 0; caller->kind == CPSD_TLS && i < list->count; i++) {
        if (list->entries[i].kind == STIR_TNAUTH_SPC && partners_has(partners, list->entries[i].value)) {
            return true;
        }
    }
    return false;
}
