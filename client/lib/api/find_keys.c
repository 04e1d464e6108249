/* SPDX-License-Identifier: MIT */
#include "client/lib/context/key.h"
#include "client/lib/context/message.h"
#include "client/lib/find/directory.h"
#include "client/lib/net/task.h"

#include <stdlib.h>
#include <string.h>

struct seeking {
    struct cps_task task;
    struct stir_identity dest;
    struct cps_found_keys result;
    cps_found_keys_cb callback;
    void *arg;
};

void cps_found_keys_clear(struct cps_found_keys *found)
{
    for (size_t i = 0; i < found->key_count; i++) {
        cps_key_free(found->keys[i]);
    }
    for (size_t i = 0; i < found->record_count; i++) {
        free(found->records[i].record);
        free(found->records[i].cps_url);
    }
    *found = (struct cps_found_keys){0};
}

static enum cps_code find_keys_show_record(struct cps_found_keys *out, const struct cps_target *target,
                                           struct cps_error *err)
{
    struct cps_found_record *shown = &out->records[out->record_count++];
    const struct stir_keyrecord *record = target->record;
    shown->record = strndup(record->token, record->token_len);
    shown->cps_url = record->cps ? strdup(record->cps) : NULL;
    shown->issued = record->iat;
    shown->expires = record->exp;
    memcpy(shown->signer, target->signer, sizeof(shown->signer));
    return shown->record && (shown->cps_url || !record->cps) ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

/* Copies the records whose keys are in the result, in their order, and sets out->record_of: for each key, the index of
 * its record in out->records. */
static enum cps_code find_keys_show_records(struct cps_found_keys *out, const struct cps_targets *targets,
                                            const struct cps_target_key *keys, size_t count, struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    for (size_t i = 0; code == CPS_OK && i < targets->count; i++) {
        const struct cps_target *target = targets->items[i];
        bool used = false;
        for (size_t k = 0; k < count; k++) {
            if (keys[k].target == target) {
                out->record_of[k] = out->record_count;
                used = true;
            }
        }
        if (used && target->record) {
            code = find_keys_show_record(out, target, err);
        }
    }
    return code;
}

static enum cps_code find_keys_show(struct cps_found_keys *out, const struct cps *cps,
                                    const struct cps_targets *targets, struct cps_error *err)
{
    struct cps_target_key found[CPS_FOUND_KEYS];
    const struct cps_key *keys[CPS_FOUND_KEYS];
    struct cps_keys taken = {0};
    size_t count = cps_targets_keys(targets, cps_now(cps), found);
    for (size_t i = 0; i < count; i++) {
        keys[i] = found[i].key;
    }
    enum cps_code code = count ? cps_keys_take(&taken, keys, count, false, err)
                               : cps_fail(err, CPS_E_KEY, "no key of the destination is current");
    for (size_t i = 0; code == CPS_OK && i < taken.count; i++) {
        out->keys[i] = taken.items[i];
        memcpy(out->thumbprints[i], taken.items[i]->thumbprint, sizeof(out->thumbprints[i]));
        out->key_count++;
    }
    free(taken.items); /* the references belong to out now */
    if (code == CPS_OK) {
        code = find_keys_show_records(out, targets, found, count, err);
        out->pinned = out->record_count == 0;
    }
    return code;
}

static void find_keys_step(struct cps_task *task)
{
    struct seeking *op = (struct seeking *)task;
    struct cps *cps = task->cps;
    struct cps_targets *targets = NULL;
    struct cps_error err = {0};
    enum cps_found found = cps_directory_get(cps->directory, &targets, &op->dest, task, &err);
    if (found == CPS_FOUND_LATER) {
        return; /* the directory wakes the task */
    }
    /* A result is complete or empty: half of the keys would hide a record. */
    if (found == CPS_FOUND && find_keys_show(&op->result, cps, targets, &err) == CPS_OK) {
        err = (struct cps_error){0};
    } else {
        cps_found_keys_clear(&op->result);
    }
    op->result.error = err;
    cps_targets_unref(targets);
    cps_directory_leave(cps->directory, task);
    cps_task_end(task);
    if (op->callback) {
        op->callback(op->arg, &op->result);
        cps_found_keys_clear(&op->result);
        free(op);
    }
}

static enum cps_code find_keys_prepare(struct seeking *op, struct cps *cps, const char *dest, struct cps_error *err)
{
    if (!cps) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    op->task.cps = cps;
    op->task.step = find_keys_step;
    return cps_dest_check(&op->dest, cps, dest, err);
}

enum cps_code cps_find_keys(struct cps *cps, const char *dest, struct cps_found_keys *out, struct cps_error *err)
{
    struct seeking op = {0};
    enum cps_code code = out ? find_keys_prepare(&op, cps, dest, err) : cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    if (code == CPS_OK) {
        code = cps_task_run_to_outcome(&op.task, &op.result.error, err);
    }
    if (code == CPS_OK) {
        *out = op.result;
    } else {
        cps_found_keys_clear(&op.result);
    }
    return code;
}

enum cps_code cps_find_keys_async(struct cps *cps, const char *dest, cps_found_keys_cb callback, void *arg,
                                  struct cps_error *err)
{
    struct seeking *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->callback = callback;
    op->arg = arg;
    enum cps_code code =
        callback ? find_keys_prepare(op, cps, dest, err) : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->task, err);
    }
    if (code != CPS_OK) {
        free(op);
    }
    return code;
}
