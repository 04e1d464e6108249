/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/operation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t redis_key_write(char out[BOX_KEY_MAX], const char *prefix, const struct stir_identity *name)
{
    size_t n = strlen(prefix);
    assert(n + 2 <= BOX_KEY_PREFIX_MAX && name->len <= STIR_IDENTITY_MAX);
    memcpy(out, prefix, n);
    out[n++] = '{';
    memcpy(out + n, name->text, name->len);
    n += name->len;
    out[n++] = '}';
    return n;
}

struct redis_op *redis_op_new(struct redis_store *store, const struct cpsd_op *op,
                              const struct redis_request_handler *handler, struct cpsd_redis_arg key, size_t size)
{
    struct redis_op *made = malloc(sizeof(*made) + size);
    if (!made) {
        cpsd_op_fail(&store->base, op, STIR_E_NOMEM);
        return NULL;
    }
    uint64_t timeout_ns = UINT64_C(1000000) * store->base.backend->config.timeout_ms;
    *made = (struct redis_op){.store = store, .op = *op, .left = -1};
    made->request = (struct redis_request){
        .wire = {.due_ns = op->started_ns + timeout_ns, .command = made->command},
        .servers = &store->servers,
        .handler = handler,
        .slot = redis_is_cluster(store) ? cpsd_redis_slot(key.ptr, key.len) : 0,
        .deadline_ns = op->started_ns + timeout_ns,
    };
    return made;
}

enum redis_answer redis_op_tell(struct redis_op *op, const struct cpsd_store_result *result)
{
    if (redis_request_needs_replicas(&op->request)) {
        op->result = *result;
        return REDIS_ANSWER_KEPT;
    }
    cpsd_op_complete(&op->store->base, &op->op, result);
    return REDIS_ANSWER_COMPLETED;
}

void redis_op_failed(struct redis_request *request, enum stir_code code)
{
    struct redis_op *op = (struct redis_op *)request;
    cpsd_op_fail(&op->store->base, &op->op, code);
}

void redis_op_confirmed(struct redis_request *request)
{
    struct redis_op *op = (struct redis_op *)request;
    cpsd_op_complete(&op->store->base, &op->op, &op->result);
}
