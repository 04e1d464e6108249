#include "cps/store/redis/box/row.h"
#include "cps/store/redis/redis_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * Redis' answers as results. Every answer is checked before it is used: one of another type or shape than the script
 * gives drops the connection.
 */
#define TEXT_KEEP 65536 /* octets for unpacked envelopes that are kept between answers */

static bool is_number(const redisReply *array, size_t i, int64_t least, int64_t most)
{
    return i < array->elements && array->element[i]->type == REDIS_REPLY_INTEGER &&
           array->element[i]->integer >= least && array->element[i]->integer <= most;
}

static bool is_time(const redisReply *array, size_t i)
{
    return is_number(array, i, 1, BOX_TIME_MAX_US);
}

/* Room for that many octets of text, until the next call; NULL: no memory. */
static char *text_room(struct redis_store *store, size_t octets)
{
    if (store->text.cap > TEXT_KEEP) {
        stir_buf_free(&store->text);
    }
    store->text.len = 0;
    store->text.failed = STIR_OK;
    return stir_buf_extend(&store->text, octets);
}

/* Where replicas have to confirm what was done, its result waits for that. Such results hold no pointers. */
static bool tell(struct redis_op *op, const struct cpsd_store_result *result)
{
    if (op->confirm) {
        op->result = *result;
    } else {
        cpsd_op_complete(&op->store->base, &op->op, result);
    }
    return true;
}

static bool take_put(struct redis_op *op, const redisReply *reply)
{
    enum { STORED, KNOWN, FULL, LIMITED, SHARE, TAKEN };
    if (!is_number(reply, 0, STORED, TAKEN) || !is_number(reply, 4, -1, INT64_MAX) || !is_time(reply, 1) ||
        !is_number(reply, 2, 0, INT32_MAX)) {
        return false;
    }
    struct cpsd_store_result result = {.code = STIR_OK, .now_us = reply->element[1]->integer};
    int64_t said = reply->element[0]->integer;
    result.existed = said == KNOWN;
    if (said == LIMITED) {
        if (!is_number(reply, 3, 1, INT64_MAX) || !is_number(reply, 4, 1, CPSD_BUCKETS_MAX)) {
            return false;
        }
        result.code = STIR_E_BOX_FULL;
        result.limited = (unsigned)reply->element[4]->integer;
        result.retry_after_ms = reply->element[3]->integer / 1000 + 1;
    } else {
        int64_t left = reply->element[4]->integer;
        result.tokens_left = left < 0 || (op->left >= 0 && op->left < left) ? op->left : left;
    }
    if (said == STORED) {
        if (!is_number(reply, 3, 0, INT32_MAX)) {
            return false;
        }
        result.dropped = (unsigned)reply->element[3]->integer;
    }
    if (said == FULL || said == SHARE || said == TAKEN) {
        if (!is_time(reply, 3)) {
            return false;
        }
        int64_t us = reply->element[3]->integer - result.now_us;
        result.code = STIR_E_BOX_FULL;
        result.full = said == SHARE ? CPSD_FULL_SHARE : said == TAKEN ? CPSD_FULL_TAKEN : CPSD_FULL_BOX;
        result.retry_after_ms = us > 1000 ? us / 1000 + (us % 1000 != 0) : 1;
    }
    cpsd_count(&op->store->base.counters.expired_seen, (uint64_t)reply->element[2]->integer);
    return tell(op, &result);
}

/* {now, more, {row, ...}} */
static bool is_list(const redisReply *reply, size_t *octets)
{
    if (!is_time(reply, 0) || !is_number(reply, 1, 0, 1) || reply->elements != 3 ||
        reply->element[2]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    const redisReply *rows = reply->element[2];
    for (size_t i = 0; i < rows->elements; i++) {
        if (!cpsd_redis_row_is(rows->element[i], octets)) {
            return false;
        }
    }
    return true;
}

void redis_complete_list(struct redis_op *op, redisReply *const *rows, size_t octets, struct cpsd_store_result *result)
{
    struct cpsd_entry few[16], *entries = result->count > 16 ? malloc(result->count * sizeof(*entries)) : few;
    char *room = text_room(op->store, octets);
    if (entries && room) {
        for (size_t i = 0; i < result->count; i++) {
            cpsd_redis_row_read(&entries[i], rows[i], &room);
        }
        result->entries = entries;
        cpsd_op_complete(&op->store->base, &op->op, result);
    } else {
        cpsd_op_fail(&op->store->base, &op->op, STIR_E_NOMEM);
    }
    if (entries != few) {
        free(entries);
    }
}

static bool take_list(struct redis_op *op, const redisReply *reply)
{
    size_t octets = 0;
    if (!is_list(reply, &octets)) {
        return false;
    }
    const redisReply *rows = reply->element[2];
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = reply->element[0]->integer,
                                       .more = reply->element[1]->integer != 0,
                                       .count = rows->elements};
    redis_complete_list(op, rows->element, octets, &result);
    return true;
}

static bool take_get(struct redis_op *op, const redisReply *reply)
{
    struct cpsd_entry entry;
    size_t octets = 0;
    if (!is_time(reply, 0) || reply->elements > 2) {
        return false;
    }
    struct cpsd_store_result result = {.code = STIR_E_NOT_FOUND, .now_us = reply->element[0]->integer};
    if (reply->elements == 2) {
        if (!cpsd_redis_row_is(reply->element[1], &octets)) {
            return false;
        }
        char *room = text_room(op->store, octets);
        if (!room) {
            cpsd_op_fail(&op->store->base, &op->op, STIR_E_NOMEM);
            return true;
        }
        cpsd_redis_row_read(&entry, reply->element[1], &room);
        result.code = STIR_OK;
        result.entries = &entry;
        result.count = 1;
    }
    cpsd_op_complete(&op->store->base, &op->op, &result);
    return true;
}

/* The answer of a script that says what came of it and when. */
static bool take_plain(struct redis_op *op, const redisReply *reply)
{
    static const enum stir_code codes[CPSD_OP_KINDS][3] = {
        [CPSD_OP_REMOVE] = {STIR_E_NOT_FOUND, STIR_OK, STIR_E_NOT_FOUND},
        [CPSD_OP_ONCE] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
        [CPSD_OP_KEEP] = {STIR_OK, STIR_OK, STIR_E_REFUSED},
        [CPSD_OP_DROP] = {STIR_E_NOT_FOUND, STIR_OK, STIR_CODE_COUNT},
        [CPSD_OP_OWE] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
        [CPSD_OP_FORGET] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
    };
    if (!is_number(reply, 0, 0, 2) || !is_time(reply, 1)) {
        return false;
    }
    int64_t said = reply->element[0]->integer;
    struct cpsd_store_result result = {.code = codes[op->op.kind][said], .now_us = reply->element[1]->integer};
    if (result.code == STIR_CODE_COUNT) {
        return false;
    }
    result.existed = (op->op.kind == CPSD_OP_KEEP && said == 1) || (op->op.kind == CPSD_OP_REMOVE && said == 2);
    return tell(op, &result);
}

static bool take_look(struct redis_op *op, const redisReply *reply)
{
    struct cpsd_entry entry = {0};
    if (!is_time(reply, 0) || (reply->elements != 1 && reply->elements != 3)) {
        return false;
    }
    struct cpsd_store_result result = {.code = STIR_E_NOT_FOUND, .now_us = reply->element[0]->integer};
    if (reply->elements == 3) {
        if (!is_time(reply, 1) || reply->element[2]->type != REDIS_REPLY_STRING) {
            return false;
        }
        entry.expires_us = reply->element[1]->integer;
        entry.envelope = stir_view(reply->element[2]->str, reply->element[2]->len);
        result.code = STIR_OK;
        result.entries = &entry;
        result.count = 1;
    }
    return tell(op, &result);
}

/* {now, more, ids}. Where replicas have to confirm it, the ids wait with the result. */
static bool take_empty(struct redis_op *op, const redisReply *reply)
{
    if (!is_time(reply, 0) || !is_number(reply, 1, 0, 1) || reply->elements != 3 ||
        reply->element[2]->type != REDIS_REPLY_STRING || reply->element[2]->len % CPSD_ID_OCTETS ||
        reply->element[2]->len > (size_t)CPSD_EMPTY_MOST * CPSD_ID_OCTETS) {
        return false;
    }
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = reply->element[0]->integer,
                                       .more = reply->element[1]->integer != 0,
                                       .ids = stir_view(reply->element[2]->str, reply->element[2]->len)};
    if (op->confirm) {
        char *room = op->command + op->request.len;
        memcpy(room, result.ids.ptr, result.ids.len);
        result.ids.ptr = room;
    }
    return tell(op, &result);
}

static bool is_replayed(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, CPSD_REDIS_REPLAYED) == 0;
}

bool redis_take_answer(struct redis_op *op, const redisReply *reply)
{
    static bool (*const takes[CPSD_OP_KINDS])(struct redis_op * op, const redisReply *reply) = {
        [CPSD_OP_PUT] = take_put,      [CPSD_OP_LIST] = take_list,   [CPSD_OP_GET] = take_get,
        [CPSD_OP_REMOVE] = take_plain, [CPSD_OP_ONCE] = take_plain,  [CPSD_OP_KEEP] = take_plain,
        [CPSD_OP_LOOK] = take_look,    [CPSD_OP_DROP] = take_plain,  [CPSD_OP_OWE] = take_plain,
        [CPSD_OP_FORGET] = take_plain, [CPSD_OP_EMPTY] = take_empty,
    };
    if (op->claims && is_replayed(reply)) {
        op->confirm = false; /* nothing was done */
        cpsd_op_fail(&op->store->base, &op->op, STIR_E_REPLAYED);
        return true;
    }
    if (op->way != REDIS_BY_SCRIPT) {
        return redis_plain_answer(op, reply);
    }
    return reply->type == REDIS_REPLY_ARRAY && takes[op->op.kind](op, reply);
}
