/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/scope.h"

#include "client/smpp/address.h"
#include "common/base/conf.h"

#include <stdlib.h>
#include <string.h>

#define SENDER_MAX_OCTETS 64
#define TON_ALPHANUMERIC 5 /* type_of_number */

static int scope_compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* ---- numbers ---- */

static enum stir_code scope_add_numbers(struct cps_numbers *numbers, const char *list, struct stir_error *err)
{
    char item[2 * STIR_TN_MAX + 16];
    enum stir_code code = STIR_OK;
    for (size_t pos = 0; code == STIR_OK && stir_conf_next(list, &pos, item, sizeof(item));) {
        code = cps_numbers_add(numbers, item, err);
    }
    cps_numbers_seal(numbers);
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code, "numbers");
}

/* ---- senders ---- */

static enum stir_code scope_add_sender(struct cps_scope *scope, struct stir_view name,
                                       const struct smpp_addressing *how, struct stir_error *err)
{
    const struct smpp_address address = {.ton = TON_ALPHANUMERIC, .addr = name};
    struct stir_identity id;
    if (name.len > SENDER_MAX_OCTETS) {
        return stir_fail(err, STIR_E_CONFIG, "names: one has more than %d octets", SENDER_MAX_OCTETS);
    }
    enum stir_code code = smpp_address_identity(&id, &address, how, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, STIR_E_CONFIG, "names: %.*s", (int)name.len, name.ptr);
    }
    void *moved = reallocarray(scope->senders, scope->sender_count + 1, sizeof(*scope->senders));
    if (!moved) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    scope->senders = moved;
    memcpy(scope->senders[scope->sender_count++], id.text, id.len + 1);
    return STIR_OK;
}

static struct stir_view scope_trim(struct stir_view text)
{
    while (text.len && (*text.ptr == ' ' || *text.ptr == '\t' || *text.ptr == '\n')) {
        text = stir_view(text.ptr + 1, text.len - 1);
    }
    while (text.len && memchr(" \t\n", text.ptr[text.len - 1], 3)) {
        text.len--;
    }
    return text;
}

static enum stir_code scope_add_senders(struct cps_scope *scope, const char *list, const char *domain,
                                        struct stir_error *err)
{
    const struct smpp_addressing how = {.alphanumeric_domain = domain};
    enum stir_code code = STIR_OK;
    if (!domain || !domain[0]) {
        return STIR_OK;
    }
    while (code == STIR_OK && *list) {
        size_t n = strcspn(list, ",");
        struct stir_view name = scope_trim(stir_view(list, n));
        if (name.len) {
            code = scope_add_sender(scope, name, &how, err);
        }
        list += n + (list[n] == ',');
    }
    if (scope->sender_count) {
        qsort(scope->senders, scope->sender_count, sizeof(*scope->senders), scope_compare_text);
    }
    return code;
}

/* ---- both ---- */

static bool scope_is_empty(const char *list)
{
    return !list || !list[strspn(list, ", \t\n")];
}

enum cps_code cps_scope_new(struct cps_scope **out, const char *numbers, const char *senders, const char *domain,
                            struct cps_error *err)
{
    struct stir_error cause = {0};
    if (scope_is_empty(numbers) && scope_is_empty(senders)) {
        return cps_fail(err, CPS_E_CONFIG, "neither numbers nor names: the tenant could sign nothing");
    }
    struct cps_scope *scope = calloc(1, sizeof(*scope));
    if (!scope) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    enum stir_code code = scope_add_numbers(&scope->numbers, numbers ? numbers : "", &cause);
    if (code == STIR_OK) {
        code = scope_add_senders(scope, senders ? senders : "", domain, &cause);
    }
    if (code != STIR_OK) {
        cps_scope_free(scope);
        return cps_fail_stir(err, code, &cause);
    }
    *out = scope;
    return CPS_OK;
}

void cps_scope_free(struct cps_scope *scope)
{
    if (scope) {
        cps_numbers_clear(&scope->numbers);
        free(scope->senders);
        free(scope);
    }
}

bool cps_scope_has(const struct cps_scope *scope, const struct stir_identity *orig)
{
    if (orig->kind == STIR_IDENTITY_TN) {
        return cps_numbers_has(&scope->numbers, orig->text);
    }
    return scope->sender_count && bsearch(orig->text, scope->senders, scope->sender_count, sizeof(*scope->senders),
                                          scope_compare_text) != NULL;
}
