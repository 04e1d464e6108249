/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/reply.h"

#include "cps/store/redis/box/row.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_KEEP 65536 /* octets of the buffer for unpacked envelopes that is kept between answers */

static bool reply_is_number(const redisReply *array, size_t i, int64_t least, int64_t most)
{
    return i < array->elements && array->element[i]->type == REDIS_REPLY_INTEGER &&
           array->element[i]->integer >= least && array->element[i]->integer <= most;
}

static bool reply_is_time(const redisReply *array, size_t i)
{
    return reply_is_number(array, i, 1, BOX_TIME_MAX_US);
}

/* Returns room for `octets` octets of unpacked envelopes, valid until the next call; NULL without memory. */
static char *reply_text_room(struct redis_store *store, size_t octets)
{
    if (store->text.cap > TEXT_KEEP) {
        stir_buf_free(&store->text);
    }
    store->text.len = 0;
    store->text.failed = STIR_OK;
    return stir_buf_extend(&store->text, octets);
}

static enum redis_answer reply_take_put(struct redis_op *op, const redisReply *reply)
{
    enum { STORED, KNOWN, FULL, LIMITED, SHARE, TAKEN };
    if (!reply_is_number(reply, 0, STORED, TAKEN) || !reply_is_number(reply, 4, -1, INT64_MAX) ||
        !reply_is_time(reply, 1) || !reply_is_number(reply, 2, 0, INT32_MAX)) {
        return REDIS_ANSWER_NONSENSE;
    }
    /* what the numbers mean is in script.h, CPSD_REDIS_PUT and CPSD_REDIS_PUT_LIMITED */
    struct cpsd_store_result result = {.code = STIR_OK, .now_us = reply->element[1]->integer};
    int64_t said = reply->element[0]->integer;
    result.existed = said == KNOWN;
    if (said == LIMITED) {
        if (!reply_is_number(reply, 3, 1, INT64_MAX) || !reply_is_number(reply, 4, 1, CPSD_BUCKETS_MAX)) {
            return REDIS_ANSWER_NONSENSE;
        }
        result.code = STIR_E_BOX_FULL;
        result.limited = (unsigned)reply->element[4]->integer;
        result.retry_after_ms = reply->element[3]->integer / 1000 + 1;
    } else {
        int64_t left = reply->element[4]->integer;
        result.tokens_left = left < 0 || (op->left >= 0 && op->left < left) ? op->left : left;
    }
    if (said == STORED) {
        if (!reply_is_number(reply, 3, 0, INT32_MAX)) {
            return REDIS_ANSWER_NONSENSE;
        }
        result.dropped = (unsigned)reply->element[3]->integer;
    }
    /* element 3 is the time at which room is likely; a caller is told the milliseconds until then, at least 1 */
    if (said == FULL || said == SHARE || said == TAKEN) {
        if (!reply_is_time(reply, 3)) {
            return REDIS_ANSWER_NONSENSE;
        }
        int64_t us = reply->element[3]->integer - result.now_us;
        result.code = STIR_E_BOX_FULL;
        result.full = said == SHARE ? CPSD_FULL_SHARE : said == TAKEN ? CPSD_FULL_TAKEN : CPSD_FULL_BOX;
        result.retry_after_ms = us > 1000 ? us / 1000 + (us % 1000 != 0) : 1;
    }
    cpsd_count(&op->store->base.counters.expired_seen, (uint64_t)reply->element[2]->integer);
    return redis_op_tell(op, &result);
}

/* Checks {now, more, {row, ...}}; *octets: see cpsd_redis_row_is. */
static bool reply_is_list(const redisReply *reply, size_t *octets)
{
    if (!reply_is_time(reply, 0) || !reply_is_number(reply, 1, 0, 1) || reply->elements != 3 ||
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

void redis_reply_complete_list(struct redis_op *op, redisReply *const *rows, size_t octets,
                               struct cpsd_store_result *result)
{
    struct cpsd_entry few[16], *entries = result->count > 16 ? malloc(result->count * sizeof(*entries)) : few;
    char *room = reply_text_room(op->store, octets);
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

static enum redis_answer reply_take_list(struct redis_op *op, const redisReply *reply)
{
    size_t octets = 0;
    if (!reply_is_list(reply, &octets)) {
        return REDIS_ANSWER_NONSENSE;
    }
    const redisReply *rows = reply->element[2];
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = reply->element[0]->integer,
                                       .more = reply->element[1]->integer != 0,
                                       .count = rows->elements};
    redis_reply_complete_list(op, rows->element, octets, &result);
    return REDIS_ANSWER_COMPLETED;
}

static enum redis_answer reply_take_get(struct redis_op *op, const redisReply *reply)
{
    struct cpsd_entry entry;
    size_t octets = 0;
    if (!reply_is_time(reply, 0) || reply->elements > 2) {
        return REDIS_ANSWER_NONSENSE;
    }
    struct cpsd_store_result result = {.code = STIR_E_NOT_FOUND, .now_us = reply->element[0]->integer};
    /* a row was found: check it, and unpack it for the time of the completion */
    if (reply->elements == 2) {
        if (!cpsd_redis_row_is(reply->element[1], &octets)) {
            return REDIS_ANSWER_NONSENSE;
        }
        char *room = reply_text_room(op->store, octets);
        if (!room) {
            cpsd_op_fail(&op->store->base, &op->op, STIR_E_NOMEM);
            return REDIS_ANSWER_COMPLETED;
        }
        cpsd_redis_row_read(&entry, reply->element[1], &room);
        result.code = STIR_OK;
        result.entries = &entry;
        result.count = 1;
    }
    cpsd_op_complete(&op->store->base, &op->op, &result);
    return REDIS_ANSWER_COMPLETED;
}

/* Takes {outcome, now}, the answer of most scripts. */
static enum redis_answer reply_take_plain(struct redis_op *op, const redisReply *reply)
{
    static const enum stir_code codes[CPSD_OP_KINDS][3] = {
        [CPSD_OP_REMOVE] = {STIR_E_NOT_FOUND, STIR_OK, STIR_E_NOT_FOUND},
        [CPSD_OP_ONCE] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
        [CPSD_OP_KEEP] = {STIR_OK, STIR_OK, STIR_E_REFUSED},
        [CPSD_OP_DROP] = {STIR_E_NOT_FOUND, STIR_OK, STIR_CODE_COUNT},
        [CPSD_OP_OWE] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
        [CPSD_OP_FORGET] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
    };
    if (!reply_is_number(reply, 0, 0, 2) || !reply_is_time(reply, 1)) {
        return REDIS_ANSWER_NONSENSE;
    }
    int64_t said = reply->element[0]->integer;
    struct cpsd_store_result result = {.code = codes[op->op.kind][said], .now_us = reply->element[1]->integer};
    if (result.code == STIR_CODE_COUNT) {
        return REDIS_ANSWER_NONSENSE;
    }
    result.existed = (op->op.kind == CPSD_OP_KEEP && said == 1) || (op->op.kind == CPSD_OP_REMOVE && said == 2);
    return redis_op_tell(op, &result);
}

static enum redis_answer reply_take_look(struct redis_op *op, const redisReply *reply)
{
    struct cpsd_entry entry = {0};
    if (!reply_is_time(reply, 0) || (reply->elements != 1 && reply->elements != 3)) {
        return REDIS_ANSWER_NONSENSE;
    }
    struct cpsd_store_result result = {.code = STIR_E_NOT_FOUND, .now_us = reply->element[0]->integer};
    if (reply->elements == 3) {
        if (!reply_is_time(reply, 1) || reply->element[2]->type != REDIS_REPLY_STRING) {
            return REDIS_ANSWER_NONSENSE;
        }
        entry.expires_us = reply->element[1]->integer;
        entry.envelope = stir_view(reply->element[2]->str, reply->element[2]->len);
        result.code = STIR_OK;
        result.entries = &entry;
        result.count = 1;
    }
    return redis_op_tell(op, &result);
}

/* Takes {now, more, ids}. If replicas have to confirm it, the ids are copied to the room after the command. */
static enum redis_answer reply_take_empty(struct redis_op *op, const redisReply *reply)
{
    if (!reply_is_time(reply, 0) || !reply_is_number(reply, 1, 0, 1) || reply->elements != 3 ||
        reply->element[2]->type != REDIS_REPLY_STRING || reply->element[2]->len % CPSD_ID_OCTETS ||
        reply->element[2]->len > (size_t)CPSD_EMPTY_MOST * CPSD_ID_OCTETS) {
        return REDIS_ANSWER_NONSENSE;
    }
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = reply->element[0]->integer,
                                       .more = reply->element[1]->integer != 0,
                                       .ids = stir_view(reply->element[2]->str, reply->element[2]->len)};
    if (redis_request_needs_replicas(&op->request)) {
        char *room = op->command + op->request.wire.len;
        memcpy(room, result.ids.ptr, result.ids.len);
        result.ids.ptr = room;
    }
    return redis_op_tell(op, &result);
}

static bool reply_is_replayed(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, CPSD_REDIS_REPLAYED) == 0;
}

enum redis_answer redis_reply_take(struct redis_request *request, const redisReply *reply)
{
    static enum redis_answer (*const takes[CPSD_OP_KINDS])(struct redis_op * op, const redisReply *reply) = {
        [CPSD_OP_PUT] = reply_take_put,      [CPSD_OP_LIST] = reply_take_list,   [CPSD_OP_GET] = reply_take_get,
        [CPSD_OP_REMOVE] = reply_take_plain, [CPSD_OP_ONCE] = reply_take_plain,  [CPSD_OP_KEEP] = reply_take_plain,
        [CPSD_OP_LOOK] = reply_take_look,    [CPSD_OP_DROP] = reply_take_plain,  [CPSD_OP_OWE] = reply_take_plain,
        [CPSD_OP_FORGET] = reply_take_plain, [CPSD_OP_EMPTY] = reply_take_empty,
    };
    struct redis_op *op = (struct redis_op *)request;
    if (op->claims && reply_is_replayed(reply)) {
        /* nothing was done, so replicas have nothing to confirm */
        cpsd_op_fail(&op->store->base, &op->op, STIR_E_REPLAYED);
        return REDIS_ANSWER_COMPLETED;
    }
    return reply->type == REDIS_REPLY_ARRAY ? takes[op->op.kind](op, reply) : REDIS_ANSWER_NONSENSE;
}
