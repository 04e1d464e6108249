/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/operations.h"

#include "common/jose/b64.h"
#include "cps/store/redis/box/script_request.h"
#include "cps/store/redis/box/scriptless.h"

#include <stdlib.h>

/*
 * In a cluster each request uses one key: while a slot is being moved, Redis refuses a script whose keys are not all at
 * one node (TRYAGAIN). So each cpsd counts the token buckets for itself. A claim counts for every box and therefore has
 * a slot of its own: it is taken first, in a request before the operation's.
 */

static struct cpsd_op_args operation_with_one_key(const struct cpsd_op_args *what)
{
    struct cpsd_op_args bare = *what;
    bare.claim = NULL;
    bare.spend = NULL;
    return bare;
}

/* Takes tokens from the buckets of this process. Returns false if one has too few: the operation has been completed
 * with STIR_E_BOX_FULL. *left: the tokens of the emptiest bucket; -1 without buckets. */
static bool operation_spend(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_spend *spend,
                            int64_t *left)
{
    *left = -1;
    if (!spend || !spend->count) {
        return true;
    }
    struct cpsd_spent spent =
        cpsd_buckets_spend(redis_backend_of(store)->buckets, spend, op->box.text, (int64_t)(uv_hrtime() / 1000));
    *left = spent.left;
    if (spent.refused) {
        struct cpsd_store_result result = {.code = STIR_E_BOX_FULL,
                                           .limited = spent.which,
                                           .retry_after_ms = spent.wait_us / 1000 + 1};
        cpsd_op_complete(&store->base, op, &result);
    }
    return !spent.refused;
}

/* The operation that follows its claim. */
struct operation_after_claim {
    struct redis_op *made;
    struct cpsd_spend spend;
};

static void operation_claim_taken(void *arg, const struct cpsd_store_result *result)
{
    struct operation_after_claim *next = arg;
    struct redis_op *made = next->made;
    if (result->code != STIR_OK) {
        cpsd_op_fail(&made->store->base, &made->op, result->code);
        free(made);
    } else if (operation_spend(made->store, &made->op, &next->spend, &made->left)) {
        redis_script_send(made);
    } else {
        free(made);
    }
    free(next);
}

static void operation_take_claim(struct redis_store *store, const struct cpsd_claim *claim,
                                 struct operation_after_claim *next)
{
    const struct cpsd_op_args args = {.claim = claim};
    struct cpsd_op once = {.kind = CPSD_OP_ONCE, .started_ns = uv_hrtime(), .done = operation_claim_taken, .arg = next};
    once.box.kind = STIR_IDENTITY_URI;
    once.box.len = (unsigned)stir_b64url_encode(once.box.text, claim->id, sizeof(claim->id));
    redis_script_run(store, &once, &args, NULL);
}

static void operation_claim_first(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                                  const struct cpsd_op_args *bare)
{
    static const struct cpsd_spend nothing;
    struct redis_op *made = redis_script_make(store, op, bare, NULL);
    struct operation_after_claim *next = made ? malloc(sizeof(*next)) : NULL;
    if (next) {
        *next = (struct operation_after_claim){.made = made, .spend = what->spend ? *what->spend : nothing};
        operation_take_claim(store, what->claim, next);
    } else if (made) {
        cpsd_op_fail(&store->base, op, STIR_E_NOMEM);
        free(made);
    }
}

static void operation_run_on_cluster(struct redis_store *store, const struct cpsd_op *op,
                                     const struct cpsd_op_args *what)
{
    struct cpsd_op_args bare = operation_with_one_key(what);
    if (what->claim) {
        operation_claim_first(store, op, what, &bare);
    } else if (operation_spend(store, op, what->spend, &bare.left)) {
        bare.counted = true;
        if (!redis_scriptless_run(store, op, &bare)) {
            redis_script_run(store, op, &bare, NULL);
        }
    }
}

static void operation_owe(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_spend *spend)
{
    struct cpsd_store_result result = {.code = STIR_OK, .now_us = (int64_t)(uv_hrtime() / 1000)};
    cpsd_buckets_owe(redis_backend_of(store)->buckets, &spend->bucket[0], result.now_us);
    cpsd_op_complete(&store->base, op, &result);
}

void redis_operation_run(struct cpsd_store *base, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    struct redis_store *store = (struct redis_store *)base;
    if (redis_servers_away(&store->servers)) {
        cpsd_op_fail(base, op, STIR_E_UNAVAILABLE);
    } else if (redis_scriptless_run(store, op, what)) {
        return;
    } else if (op->kind == CPSD_OP_OWE && redis_is_cluster(store)) {
        operation_owe(store, op, what->spend);
    } else if ((what->spend || (what->claim && op->kind != CPSD_OP_ONCE)) && redis_is_cluster(store)) {
        operation_run_on_cluster(store, op, what);
    } else {
        redis_script_run(store, op, what, NULL);
    }
}
