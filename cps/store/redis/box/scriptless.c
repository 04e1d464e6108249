#include "cps/store/redis/box/list_short.h"
#include "cps/store/redis/box/put_new.h"
#include "cps/store/redis/box/row.h"
#include "cps/store/redis/redis_internal.h"

#include <stdlib.h>

/*
 * What needs no script: listing a short box, and putting into one that is not there. Both are tried where they are
 * likely to do, and where they do not, the script follows.
 *
 * A box that had something in it when one more came is known for as long as that lives: the next put asks the script at
 * once, at whichever worker. Where most boxes have something in them, plain attempts at the others are made only now
 * and then: one that comes to nothing costs Redis half of what the script does, one that does saves two thirds of it.
 */
#define MET_ONE 65536 /* all of them */
#define MET_HALF (MET_ONE / 2)
#define MET_WEIGHT 64 /* attempts that are looked back at */
#define TRY_EVERY 16

/* 32 bits of the box's hash, and until which second of uv_hrtime it is known. */
static _Atomic uint64_t *known_at(struct redis_store *store, const struct stir_identity *box, uint32_t *tag)
{
    uint64_t hash = cpsd_hub_hash(store->base.backend->hub, box->text, box->len);
    *tag = (uint32_t)(hash >> 32);
    return &redis_backend_of(store)->known[hash % REDIS_KNOWN];
}

static uint32_t now_s(void)
{
    return (uint32_t)(uv_hrtime() / 1000000000);
}

static bool is_known(struct redis_store *store, const struct stir_identity *box)
{
    uint32_t tag;
    uint64_t known = atomic_load_explicit(known_at(store, box, &tag), memory_order_relaxed);
    return known >> 32 == tag && (uint32_t)known > now_s();
}

static void know(struct redis_store *store, const struct stir_identity *box, int64_t ttl_ms)
{
    uint32_t tag;
    _Atomic uint64_t *at = known_at(store, box, &tag);
    uint64_t known = atomic_load_explicit(at, memory_order_relaxed);
    uint32_t until = now_s() + (uint32_t)(ttl_ms / 1000) + 1;
    if (known >> 32 != tag || (uint32_t)known < until) {
        atomic_store_explicit(at, (uint64_t)tag << 32 | until, memory_order_relaxed);
    }
}

/* Several workers may do this at once, and one of them be lost: it is an average. */
static void count_attempt(struct redis_backend *redis, bool box)
{
    uint32_t met = atomic_load_explicit(&redis->met, memory_order_relaxed);
    met = met - met / MET_WEIGHT + (box ? MET_ONE / MET_WEIGHT : 0);
    atomic_store_explicit(&redis->met, met, memory_order_relaxed);
}

static bool is_worth_trying(struct redis_backend *redis)
{
    return atomic_load_explicit(&redis->met, memory_order_relaxed) < MET_HALF ||
           atomic_fetch_add_explicit(&redis->tried, 1, memory_order_relaxed) % TRY_EVERY == 0;
}

/* ---- asking ---- */

static bool run_short(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    char room[REDIS_KEY_MAX];
    struct cpsd_redis_arg key = {room, redis_put_key(room, &op->box)};
    bool expiry = !store->lacks;
    struct redis_op *made = redis_op_new(store, op, key, cpsd_redis_short_size(key));
    if (made) {
        made->way = REDIS_SHORT;
        made->repeatable = true;
        made->count = what->count;
        made->octets = what->octets;
        made->firsts = expiry ? 2 : 1;
        made->request.len = cpsd_redis_short_write(made->command, key, expiry);
        redis_plain_begin(made);
        redis_send(made);
    }
    return true;
}

static bool run_fresh(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    uint8_t record[BOX_FRESH_MAX], packed[STIR_JWE_MAX];
    char room[REDIS_KEY_MAX];
    if (is_known(store, &op->box)) {
        know(store, &op->box, what->ttl_ms);
        return false;
    }
    if (!is_worth_trying(redis_backend_of(store))) {
        return false;
    }
    const char *form;
    struct cpsd_redis_fresh fresh = {.ttl_ms = what->ttl_ms, .id = what->id, .publisher = what->publisher};
    fresh.envelope = cpsd_redis_row_of(packed, &form, what->envelope, what->publisher);
    fresh.form = *form;
    if (fresh.envelope.len > STIR_JWE_MAX) {
        return false;
    }
    struct cpsd_redis_arg whole = {record, cpsd_redis_fresh_record(record, &fresh)};
    struct cpsd_redis_arg key = {room, redis_put_key(room, &op->box)};
    const char *publish = redis_is_cluster(store) && !store->sub.plain ? "SPUBLISH" : "PUBLISH";
    struct redis_op *made = redis_op_new(store, op, key, cpsd_redis_fresh_size(key, whole));
    if (made) {
        size_t at;
        made->way = REDIS_FRESH;
        made->writes = true;
        made->repeatable = true;
        made->firsts = CPSD_REDIS_FRESH_ANSWERS;
        made->limit = what->limit;
        made->share = what->share;
        made->ring = what->ring;
        made->left = what->counted ? what->left : -1;
        made->request.len = cpsd_redis_fresh_write(made->command, &at, key, what->ttl_ms, whole, publish);
        made->record = stir_view(made->command + at, whole.len);
        redis_plain_begin(made);
        redis_send(made);
    }
    return true;
}

bool redis_run_plain(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    if (what->claim || what->spend) {
        return false;
    }
    if (op->kind == CPSD_OP_LIST && what->after_us == 0) {
        return run_short(store, op, what);
    }
    return op->kind == CPSD_OP_PUT && !store->lacks && what->ttl_ms <= BOX_FRESH_LIFE_MAX_MS &&
           run_fresh(store, op, what);
}

/* ---- the answers before the last ---- */

/* Where the time is refused, the box will be, too, and the script will say why. */
static bool on_short_first(struct redis_op *op, const redisReply *reply)
{
    if (op->firsts - op->request.firsts == 1) {
        op->now_us = cpsd_redis_short_time(reply);
        return op->now_us || reply->type == REDIS_REPLY_ERROR;
    }
    op->expires_ms = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    return reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_ERROR;
}

/* Commands that are only queued. Which of them is refused does not matter: none was done. */
static bool on_fresh_first(struct redis_op *op, const redisReply *reply)
{
    bool *lacks = &op->store->lacks;
    *lacks |= cpsd_redis_error_is(reply, "ERR") || cpsd_redis_error_is(reply, "NOPERM");
    return reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR || *lacks;
}

static bool on_first(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    return op->way == REDIS_SHORT ? on_short_first(op, reply) : on_fresh_first(op, reply);
}

void redis_plain_begin(struct redis_op *op)
{
    op->request.first = on_first;
    op->request.firsts = op->firsts;
}

/* ---- the last answer ---- */

/* By the script. */
static void again(struct redis_op *op)
{
    struct cpsd_redis_fresh fresh;
    if (op->way == REDIS_SHORT) {
        struct cpsd_op_args what = {.count = op->count, .octets = op->octets};
        redis_run_script(op->store, &op->op, &what);
    } else if (cpsd_redis_fresh_parse(&fresh, op->record)) {
        const char form[] = {fresh.form, '\0'};
        struct cpsd_op_args what = {.id = fresh.id,
                                    .envelope = fresh.envelope,
                                    .publisher = fresh.publisher,
                                    .ttl_ms = fresh.ttl_ms};
        what.limit = op->limit;
        what.share = op->share;
        what.ring = op->ring;
        what.counted = true;
        what.left = op->left;
        redis_run_put(op->store, &op->op, &what, form);
    }
}

void redis_plain_again(struct redis_op *op)
{
    again(op);
    free(op);
}

/* The time is a little less than what TIME said: what arrives next arrives later. */
static bool take_short(struct redis_op *op, const redisReply *reply)
{
    struct cpsd_redis_short box;
    char room[BOX_ROW_MAX];
    size_t octets = 0;
    const struct cpsd_redis_short_limits limits = {.now_us = op->now_us,
                                                   .expires_ms = op->expires_ms,
                                                   .count = op->count,
                                                   .octets = op->octets};
    if (!cpsd_redis_short_read(&box, room, reply, &limits)) {
        return false;
    }
    if (!box.whole || !op->now_us) {
        again(op);
        return true;
    }
    for (size_t i = 0; i < box.count; i++) {
        octets += cpsd_redis_row_text(box.rows[i]);
    }
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = op->now_us - 1 > box.last_us ? op->now_us - 1 : box.last_us,
                                       .more = box.more,
                                       .count = box.count};
    redis_complete_list(op, box.rows, octets, &result);
    return true;
}

static bool take_fresh(struct redis_op *op, const redisReply *reply)
{
    int made = cpsd_redis_fresh_made(reply);
    struct cpsd_store_result result = {.code = STIR_OK, .tokens_left = op->left};
    struct cpsd_redis_fresh fresh;
    if (made < 0) {
        return false;
    }
    count_attempt(redis_backend_of(op->store), !made);
    if (made && op->confirm) {
        op->result = result;
    } else if (made) {
        cpsd_op_complete(&op->store->base, &op->op, &result);
    } else {
        op->confirm = false; /* nothing was done */
        if (cpsd_redis_fresh_parse(&fresh, op->record)) {
            know(op->store, &op->op.box, fresh.ttl_ms);
        }
        again(op);
    }
    return true;
}

bool redis_plain_answer(struct redis_op *op, const redisReply *reply)
{
    return op->way == REDIS_SHORT ? take_short(op, reply) : take_fresh(op, reply);
}
