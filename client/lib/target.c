#include "client/lib/target.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(CPS_RECORD_KEYS == STIR_KEYRECORD_KEYS, "as many keys as a record may have");

static enum cps_code make(struct cps_target **out, struct cps_error *err)
{
    struct cps_target *target = calloc(1, sizeof(*target));
    if (!target) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    atomic_init(&target->refs, 1);
    *out = target;
    return CPS_OK;
}

static void name_signer(struct cps_target *target, const struct stir_chain *chain)
{
    struct stir_buf name = {.limit = CPS_SIGNER_MAX - 1};
    stir_chain_signer(&name, chain);
    if (name.ptr && name.len < sizeof(target->signer)) {
        memcpy(target->signer, name.ptr, name.len + 1);
        cps_tame(target->signer);
    }
    stir_buf_free(&name);
}

static enum cps_code wrap_keys(struct cps_target *target, struct cps_error *err)
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
                                     const struct stir_chain *chain, struct cps_error *err)
{
    struct cps_target *target = NULL;
    struct cps_error cause = {0};
    enum cps_code code = make(&target, err);
    if (code != CPS_OK) {
        stir_keyrecord_free(record);
        return code;
    }
    target->record = record;
    name_signer(target, chain);
    code = wrap_keys(target, err);
    if (code == CPS_OK && record->cps &&
        cps_route_get(&target->route, cps->routes, record->cps, !cps->options.record_allow_private, CPS_E_URI,
                      &cause) != CPS_OK) {
        cps_log(cps, CPS_LOG_WARNING, "a key record of %s names a CPS that cannot be used: %s", target->signer,
                cause.text);
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
    enum cps_code code = make(&target, err);
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
