/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/scriptless.h"

#include "cps/store/redis/box/list_short.h"
#include "cps/store/redis/box/put_new.h"
#include "cps/store/redis/box/reply.h"
#include "cps/store/redis/box/row.h"
#include "cps/store/redis/box/script_request.h"
#include "cps/store/redis/topology/route.h"
#include "cps/store/redis/wire/reply.h"

#include <assert.h>
#include <string.h>

#define MET_ONE 65536 /* `met` when every attempt met a box */
#define MET_HALF (MET_ONE / 2)
#define MET_WEIGHT 64 /* attempts over which `met` is averaged */
#define TRY_EVERY 16

/* Returns the entry of a box: 32 bits of its hash (*tag), and the second of uv_hrtime until which it is remembered. */
static _Atomic uint64_t *known_slot(struct redis_store *store, const struct stir_identity *box, uint32_t *tag)
{
    uint64_t hash = cpsd_hub_hash(store->base.backend->hub, box->text, box->len);
    *tag = (uint32_t)(hash >> 32);
    return &redis_backend_of(store)->known.box[hash % REDIS_KNOWN_BOXES];
}

static uint32_t known_now_s(void)
{
    return (uint32_t)(uv_hrtime() / 1000000000);
}

static bool known_has(struct redis_store *store, const struct stir_identity *box)
{
    uint32_t tag;
    uint64_t known = atomic_load_explicit(known_slot(store, box, &tag), memory_order_relaxed);
    return known >> 32 == tag && (uint32_t)known > known_now_s();
}

static void known_add(struct redis_store *store, const struct stir_identity *box, int64_t ttl_ms)
{
    uint32_t tag;
    _Atomic uint64_t *at = known_slot(store, box, &tag);
    uint64_t known = atomic_load_explicit(at, memory_order_relaxed);
    uint32_t until = known_now_s() + (uint32_t)(ttl_ms / 1000) + 1;
    if (known >> 32 != tag || (uint32_t)known < until) {
        atomic_store_explicit(at, (uint64_t)tag << 32 | until, memory_order_relaxed);
    }
}

/* Counts whether an attempt met a box. When several workers do this at once, one count may be lost; it is an average.
 */
static void known_count_attempt(struct redis_known_boxes *known, bool box)
{
    uint32_t met = atomic_load_explicit(&known->met, memory_order_relaxed);
    met = met - met / MET_WEIGHT + (box ? MET_ONE / MET_WEIGHT : 0);
    atomic_store_explicit(&known->met, met, memory_order_relaxed);
}

static bool known_is_worth_trying(struct redis_known_boxes *known)
{
    return atomic_load_explicit(&known->met, memory_order_relaxed) < MET_HALF ||
           atomic_fetch_add_explicit(&known->tried, 1, memory_order_relaxed) % TRY_EVERY == 0;
}

/* Answers. */

/* Runs the operation by its script instead. */
static void scriptless_fall_back(struct redis_op *op)
{
    struct cpsd_redis_fresh fresh;
    if (op->op.kind == CPSD_OP_LIST) {
        struct cpsd_op_args what = {.count = op->list.count, .octets = op->list.octets};
        redis_script_run(op->store, &op->op, &what, NULL);
        return;
    }
    bool good = cpsd_redis_fresh_parse(&fresh, op->put.record);
    assert(good); /* the record was written by scriptless_put */
    if (good) {
        const char form[] = {fresh.form, '\0'};
        struct cpsd_op_args what = {.id = fresh.id,
                                    .envelope = fresh.envelope,
                                    .publisher = fresh.publisher,
                                    .ttl_ms = fresh.ttl_ms,
                                    .limit = op->put.limit,
                                    .share = op->put.share,
                                    .ring = op->put.ring,
                                    .counted = true,
                                    .left = op->left};
        redis_script_run(op->store, &op->op, &what, form);
    }
}

/* Takes the answers to TIME and PEXPIRETIME. A server that refuses TIME refuses the box, too, and the script will say
 * why. */
static bool scriptless_on_list_first(struct redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    if (request->firsts - request->wire.firsts == 1) {
        op->list.now_us = cpsd_redis_short_time(reply);
        return op->list.now_us || reply->type == REDIS_REPLY_ERROR;
    }
    op->list.expires_ms = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    return reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_ERROR;
}

/* Takes the rows. The result's time is a little less than what TIME said: what arrives next arrives later. */
static enum redis_answer scriptless_take_list(struct redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    struct cpsd_redis_short box;
    char room[BOX_ROW_MAX];
    size_t octets = 0;
    const struct cpsd_redis_short_limits limits = {.now_us = op->list.now_us,
                                                   .expires_ms = op->list.expires_ms,
                                                   .count = op->list.count,
                                                   .octets = op->list.octets};
    if (!cpsd_redis_short_read(&box, room, reply, &limits)) {
        return REDIS_ANSWER_NONSENSE;
    }
    /* a longer box, or no time to compare expiries with */
    if (!box.whole || !op->list.now_us) {
        scriptless_fall_back(op);
        return REDIS_ANSWER_COMPLETED;
    }
    for (size_t i = 0; i < box.count; i++) {
        octets += cpsd_redis_row_text(box.rows[i]);
    }
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = op->list.now_us - 1 > box.last_us ? op->list.now_us - 1 : box.last_us,
                                       .more = box.more,
                                       .count = box.count};
    redis_reply_complete_list(op, box.rows, octets, &result);
    return REDIS_ANSWER_COMPLETED;
}

/* A redirection: the list has several commands, and ASKING is good for one. */
static bool scriptless_list_refused(struct redis_request *request, const redisReply *error, bool redirected)
{
    (void)error;
    if (redirected) {
        scriptless_fall_back((struct redis_op *)request);
    }
    return redirected;
}

/* Takes the answers to MULTI and to the commands that it queues. Which of them is refused does not matter: then none is
 * done. */
static bool scriptless_on_put_first(struct redis_request *request, const redisReply *reply)
{
    bool *lacks = &request->servers->lacks_redis7;
    *lacks |= cpsd_redis_error_is(reply, "ERR") || cpsd_redis_error_is(reply, "NOPERM");
    return reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR || *lacks;
}

/* Takes EXEC's answer. */
static enum redis_answer scriptless_take_put(struct redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    struct cpsd_redis_fresh fresh;
    int made = cpsd_redis_fresh_made(reply);
    if (made < 0) {
        return REDIS_ANSWER_NONSENSE;
    }
    known_count_attempt(&redis_backend_of(op->store)->known, !made);
    if (made) {
        struct cpsd_store_result result = {.code = STIR_OK, .tokens_left = op->left};
        return redis_op_tell(op, &result);
    }
    /* there is a box: nothing was done */
    if (cpsd_redis_fresh_parse(&fresh, op->put.record)) {
        known_add(op->store, &op->op.box, fresh.ttl_ms);
    }
    scriptless_fall_back(op);
    return REDIS_ANSWER_COMPLETED;
}

/* Asks the script after any error, also MOVED, which may be the answer to EXEC alone. The script gets the error again
 * if it lasts. */
static bool scriptless_put_refused(struct redis_request *request, const redisReply *error, bool redirected)
{
    (void)redirected;
    request->servers->lacks_redis7 |= cpsd_redis_error_is(error, "ERR") || strstr(error->str, "NOPERM");
    scriptless_fall_back((struct redis_op *)request);
    return true;
}

static const struct redis_request_handler scriptless_list_handler = {
    .first = scriptless_on_list_first,
    .answered = scriptless_take_list,
    .refused = scriptless_list_refused,
    .failed = redis_op_failed,
    .confirmed = redis_op_confirmed,
};

static const struct redis_request_handler scriptless_put_handler = {
    .first = scriptless_on_put_first,
    .answered = scriptless_take_put,
    .refused = scriptless_put_refused,
    .failed = redis_op_failed,
    .confirmed = redis_op_confirmed,
};

/* Requests. */

static bool scriptless_list(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    char room[BOX_KEY_MAX];
    struct cpsd_redis_arg key = {room, redis_key_write(room, BOX_KEY, &op->box)};
    bool expiry = !store->servers.lacks_redis7;
    struct redis_op *made = redis_op_new(store, op, &scriptless_list_handler, key, cpsd_redis_short_size(key));
    if (made) {
        made->request.traits = REDIS_REQUEST_REPEATABLE;
        made->request.firsts = expiry ? 2 : 1;
        made->list.count = what->count;
        made->list.octets = what->octets;
        made->request.wire.len = cpsd_redis_short_write(made->command, key, expiry);
        redis_route_send(&made->request);
    }
    return true;
}

static bool scriptless_put(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    uint8_t record[BOX_FRESH_MAX], packed[STIR_JWE_MAX];
    char room[BOX_KEY_MAX];
    /* not where there is likely to be a box */
    if (known_has(store, &op->box)) {
        known_add(store, &op->box, what->ttl_ms);
        return false;
    }
    if (!known_is_worth_trying(&redis_backend_of(store)->known)) {
        return false;
    }
    /* the record holds everything, and the script can be run from it if there is a box */
    const char *form;
    struct cpsd_redis_fresh fresh = {.ttl_ms = what->ttl_ms, .id = what->id, .publisher = what->publisher};
    fresh.envelope = cpsd_redis_row_of(packed, &form, what->envelope, what->publisher);
    fresh.form = *form;
    if (fresh.envelope.len > STIR_JWE_MAX) {
        return false;
    }
    struct cpsd_redis_arg whole = {record, cpsd_redis_fresh_record(record, &fresh)};
    struct cpsd_redis_arg key = {room, redis_key_write(room, BOX_KEY, &op->box)};
    const char *publish = redis_servers_publish_command(&store->servers);
    struct redis_op *made = redis_op_new(store, op, &scriptless_put_handler, key, cpsd_redis_fresh_size(key, whole));
    if (made) {
        size_t at;
        made->request.traits = REDIS_REQUEST_WRITES | REDIS_REQUEST_REPEATABLE;
        made->request.firsts = CPSD_REDIS_FRESH_ANSWERS;
        made->put.limit = what->limit;
        made->put.share = what->share;
        made->put.ring = what->ring;
        made->left = what->counted ? what->left : -1;
        made->request.wire.len = cpsd_redis_fresh_write(made->command, &at, key, what->ttl_ms, whole, publish);
        made->put.record = stir_view(made->command + at, whole.len);
        redis_route_send(&made->request);
    }
    return true;
}

bool redis_scriptless_run(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    if (what->claim || what->spend) {
        return false;
    }
    if (op->kind == CPSD_OP_LIST && what->after_us == 0) {
        return scriptless_list(store, op, what);
    }
    return op->kind == CPSD_OP_PUT && !store->servers.lacks_redis7 && what->ttl_ms <= BOX_FRESH_LIFE_MAX_MS &&
           scriptless_put(store, op, what);
}
