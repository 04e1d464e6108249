/* SPDX-License-Identifier: MIT */
#include "cps/store/store_internal.h"

/* How operations end, for every backend. */

static void completion_count(struct cpsd_store_counters *counters, const struct cpsd_op *op,
                             const struct cpsd_store_result *result)
{
    /* latency: bucket i counts operations under 100 us * 2^i */
    uint64_t us = (uv_hrtime() - op->started_ns) / 1000;
    size_t bucket = 0;
    while (bucket < CPSD_LATENCY_BUCKETS - 1 && us >= (uint64_t)100 << bucket) {
        bucket++;
    }
    /* outcomes */
    cpsd_count(&counters->operations, 1);
    cpsd_count(&counters->latency_bucket[bucket], 1);
    cpsd_count(&counters->latency_sum_us, us);
    if (result->code == STIR_E_UNAVAILABLE || result->code == STIR_E_NOMEM) {
        cpsd_count(&counters->failures, 1);
    }
    if (result->code == STIR_OK && op->kind == CPSD_OP_PUT && !result->existed) {
        cpsd_count(&counters->stored, 1);
    }
    if (result->code == STIR_E_BOX_FULL && !result->limited) {
        cpsd_count(&counters->full[result->full], 1);
    }
    cpsd_count(&counters->dropped, result->dropped);
    cpsd_count(&counters->emptied, result->ids.len / CPSD_ID_OCTETS);
    if (result->code == STIR_OK && op->kind == CPSD_OP_REMOVE) {
        cpsd_count(&counters->consumed, 1);
    }
}

void cpsd_op_complete(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_store_result *result)
{
    completion_count(&store->counters, op, result);
    if (op->kind == CPSD_OP_PUT && result->code == STIR_OK && !result->existed) {
        cpsd_hub_wake(store->backend->hub, &op->box);
    }
    op->done(op->arg, result);
}

void cpsd_op_fail(struct cpsd_store *store, const struct cpsd_op *op, enum stir_code code)
{
    struct cpsd_store_result result = {.code = code, .retry_after_ms = CPSD_RETRY_AFTER_MS};
    cpsd_op_complete(store, op, &result);
}
