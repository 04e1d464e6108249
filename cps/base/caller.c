/* SPDX-License-Identifier: MIT */
#include "cps/base/caller.h"

#include <string.h>

void cpsd_caller_clear(struct cpsd_caller *caller)
{
    stir_chain_unref(caller->chain);
    caller->chain = NULL;
    caller->kind = CPSD_ANYBODY;
    caller->spc[0] = '\0';
}

void cpsd_caller_copy(struct cpsd_caller *to, const struct cpsd_caller *from)
{
    *to = *from;
    if (to->chain) {
        (void)stir_chain_ref(to->chain);
    }
}

static const char *caller_first_spc(const struct stir_tnauth *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind == STIR_TNAUTH_SPC) {
            return list->entries[i].value;
        }
    }
    return "";
}

void cpsd_caller_set(struct cpsd_caller *caller, enum cpsd_caller_kind kind, struct stir_chain *chain, const char *spc)
{
    struct stir_chain *old = caller->chain;
    const char *code = spc ? spc : caller_first_spc(&chain->tnauth);
    size_t n = strnlen(code, STIR_SPC_MAX);
    caller->kind = kind;
    caller->chain = stir_chain_ref(chain);
    memcpy(caller->spc, code, n);
    caller->spc[n] = '\0';
    stir_spc_normalize(caller->spc);
    stir_chain_unref(old);
}

static bool caller_holds_tn(const struct stir_tnauth *list, const char *tn, const struct stir_numtable *table)
{
    return stir_tnauth_has_tn(list, tn) || (table && stir_tnauth_holds_tn(list, table, tn));
}

bool cpsd_caller_holds(const struct cpsd_caller *caller, const struct stir_identity *dest,
                       const struct stir_numtable *table)
{
    static const char spc_scheme[] = "spc:";
    if (!cpsd_caller_authenticated(caller) || !caller->chain) {
        return false;
    }
    const struct stir_tnauth *list = &caller->chain->tnauth;
    if (dest->kind == STIR_IDENTITY_TN) {
        return caller_holds_tn(list, dest->text, table);
    }
    if (strncmp(dest->text, spc_scheme, sizeof(spc_scheme) - 1) == 0) {
        return stir_tnauth_has_spc(list, dest->text + sizeof(spc_scheme) - 1);
    }
    return stir_chain_covers(caller->chain, dest, NULL, NULL, NULL) == STIR_OK;
}
