/* SPDX-License-Identifier: MIT */
#include "client/lib/find/dest_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(CPS_RECORD_KEYS == STIR_KEYRECORD_KEYS, "a record's keys fit into the public struct");

static enum cps_code target_new(struct cps_target **out, struct cps_error *err)
{
    struct cps_target *target = calloc(1, sizeof(*target));
    if (!target) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    atomic_init(&target->refs, 1);
    *out = target;
    return CPS_OK;
}

static void target_name_signer(struct cps_target *target, const struct stir_chain *chain)
{
    struct stir_buf name = {.limit = CPS_SIGNER_MAX - 1};
    stir_chain_signer(&name, chain);
    if (name.ptr && name.len < sizeof(target->signer)) {
        memcpy(target->signer, name.ptr, name.len + 1);
        cps_tame(target->signer);
    }
    stir_buf_free(&name);
}

static enum cps_code target_wrap_keys(struct cps_target *target, struct cps_error *err)
{
    for (size_t i = 0; i < target->record->key_count; i++) {
        enum cps_code code = cps_key_wrap(&target->keys[i], target->record->keys[i].pkey, err);
        if (code != CPS_OK) {
            return code;
        }
        target->key_count++;
    }
    return CPS_OK;
}

enum cps_code cps_target_from_record(struct cps_target **out, struct cps *cps, struct stir_keyrecord *record,
                                     enum cps_target_scope scope, const struct stir_chain *chain, struct cps_error *err)
{
    struct cps_target *target = NULL;
    struct cps_error cause = {0};
    enum cps_code code = target_new(&target, err);
    if (code != CPS_OK) {
        stir_keyrecord_free(record);
        return code;
    }
    target->record = record;
    target->scope = scope;
    target_name_signer(target, chain);
    code = target_wrap_keys(target, err);
    /* A record whose CPS cannot be used still has keys that can. */
    if (code == CPS_OK && record->cps &&
        cps_route_get(&target->route, cps->routes, record->cps, !cps->options.record_allow_private, CPS_E_URI,
                      &cause) != CPS_OK) {
        cps_log(cps, CPS_LOG_WARNING, "the key record of %s names a CPS that cannot be used, so another one is: %s",
                target->signer, cause.text);
    }
    if (code != CPS_OK) {
        cps_target_unref(target);
        return code;
    }
    *out = target;
    return CPS_OK;
}

enum cps_code cps_target_from_keys(struct cps_target **out, struct cps_key *const *keys, size_t count,
                                   struct cps_error *err)
{
    struct cps_target *target = NULL;
    enum cps_code code = target_new(&target, err);
    if (code != CPS_OK) {
        return code;
    }
    for (size_t i = 0; i < count && i < CPS_RECORD_KEYS; i++) {
        atomic_fetch_add(&keys[i]->refs, 1);
        target->keys[target->key_count++] = keys[i];
    }
    *out = target;
    return CPS_OK;
}

struct cps_target *cps_target_ref(struct cps_target *target)
{
    atomic_fetch_add(&target->refs, 1);
    return target;
}

void cps_target_unref(struct cps_target *target)
{
    if (!target || atomic_fetch_sub(&target->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < target->key_count; i++) {
        cps_key_free(target->keys[i]);
    }
    cps_route_unref(target->route);
    stir_keyrecord_free(target->record);
    free(target);
}

size_t cps_target_keys(const struct cps_target *target, int64_t now, const struct cps_key *out[CPS_RECORD_KEYS])
{
    size_t count = 0;
    for (size_t i = 0; i < target->key_count; i++) {
        if (!target->record || stir_keyrecord_key_current(&target->record->keys[i], now)) {
            out[count++] = target->keys[i];
        }
    }
    return count;
}

bool cps_target_is_good(const struct cps_target *target, int64_t now)
{
    const struct cps_key *keys[CPS_RECORD_KEYS];
    return target && (!target->record || now < target->record->exp) && cps_target_keys(target, now, keys) > 0;
}

/* ---- all of a destination ---- */

struct cps_targets *cps_targets_new(void)
{
    struct cps_targets *targets = calloc(1, sizeof(*targets));
    if (targets) {
        atomic_init(&targets->refs, 1);
    }
    return targets;
}

void cps_targets_add(struct cps_targets *targets, struct cps_target *target)
{
    assert(targets->count < CPS_RECORDS_MAX);
    size_t at = targets->count++;
    for (; at > 0 && targets->items[at - 1]->scope > target->scope; at--) {
        targets->items[at] = targets->items[at - 1];
    }
    targets->items[at] = target;
}

struct cps_targets *cps_targets_ref(struct cps_targets *targets)
{
    atomic_fetch_add(&targets->refs, 1);
    return targets;
}

void cps_targets_unref(struct cps_targets *targets)
{
    if (!targets || atomic_fetch_sub(&targets->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < targets->count; i++) {
        cps_target_unref(targets->items[i]);
    }
    free(targets);
}

static bool targets_have_key(const struct cps_target_key *keys, size_t count, const struct cps_target_key *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].target->route == wanted->target->route &&
            strcmp(keys[i].key->thumbprint, wanted->key->thumbprint) == 0) {
            return true;
        }
    }
    return false;
}

size_t cps_targets_keys(const struct cps_targets *targets, int64_t now, struct cps_target_key out[CPS_FOUND_KEYS])
{
    const struct cps_key *keys[CPS_RECORDS_MAX][CPS_RECORD_KEYS];
    size_t counts[CPS_RECORDS_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < targets->count; i++) {
        bool good = cps_target_is_good(targets->items[i], now);
        counts[i] = good ? cps_target_keys(targets->items[i], now, keys[i]) : 0;
    }
    for (size_t k = 0; k < CPS_RECORD_KEYS; k++) {
        for (size_t i = 0; i < targets->count && count < CPS_FOUND_KEYS; i++) {
            if (k < counts[i]) {
                struct cps_target_key one = {.key = keys[i][k], .target = targets->items[i]};
                out[count] = one;
                count += !targets_have_key(out, count, &one);
            }
        }
    }
    return count;
}

static bool target_lists_key(const struct cps_target *target, const struct cps_key *key)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (strcmp(target->keys[i]->thumbprint, key->thumbprint) == 0) {
            return true;
        }
    }
    return false;
}

const struct cps_target *cps_targets_with_key(const struct cps_targets *targets, const struct cps_key *key)
{
    for (size_t i = 0; targets && i < targets->count; i++) {
        if (target_lists_key(targets->items[i], key)) {
            return targets->items[i];
        }
    }
    return NULL;
}

const struct cps_target *cps_targets_for_reading(const struct cps_targets *targets)
{
    for (size_t i = 0; targets && i < targets->count; i++) {
        if (targets->items[i]->route) {
            return targets->items[i];
        }
    }
    return NULL;
}
