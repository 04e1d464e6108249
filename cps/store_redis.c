#include "common/b64.h"
#include "cps/store_redis_command.h"
#include "cps/store_redis_internal.h"
#include "cps/store_redis_row.h"
#include "cps/store_redis_short.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Operations as requests to Redis.
 */
#define LIST_COUNT_MAX 10000 /* entries of one list: an array that Redis builds while nobody else is served */
#define LIST_OCTETS_MAX ((size_t)8 << 20) /* and its octets */
#define ARGS_MAX 24                       /* EVALSHA, script, number of keys, keys, and what a script takes */
#define BUCKETS_HERE 100000               /* of a cluster: those that are counted in this process */
#define KEY_AT 3                          /* the first key */
#define CLAIM_TEXT 22                     /* base64url characters of a claim's id */

static void describe(struct redis_backend *redis, unsigned replicas)
{
    char where[480];
    char *out = redis->base.description;
    size_t size = sizeof(redis->base.description);
    cpsd_redis_place_name(&redis->place, where, sizeof(where));
    if (replicas) {
        (void)snprintf(out, size, "keeps everything in %.400s, and in %u of its replicas", where, replicas);
    } else {
        (void)snprintf(out, size, "keeps everything in %.400s: as safely as that server is set to", where);
    }
}

static enum stir_code redis_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                struct stir_error *err)
{
    struct redis_backend *redis = calloc(1, sizeof(*redis));
    if (!redis) {
        return stir_fail(err, STIR_E_NOMEM, "no memory for the store");
    }
    enum stir_code code = cpsd_redis_place_parse(&redis->place, config->url, err);
    if (code) {
        free(redis);
        return code;
    }
    for (unsigned i = 0; i < CPSD_REDIS_SCRIPTS; i++) {
        cpsd_redis_script_sha((enum cpsd_redis_script)i, redis->sha[i]);
    }
    redis->buckets = redis->place.kind == CPSD_REDIS_CLUSTER ? cpsd_buckets_new(BUCKETS_HERE) : NULL;
    if (redis->place.kind == CPSD_REDIS_CLUSTER && !redis->buckets) {
        cpsd_redis_place_clear(&redis->place);
        free(redis);
        return stir_fail(err, STIR_E_NOMEM, "no memory for the store");
    }
    describe(redis, config->replicas);
    *out = &redis->base;
    return STIR_OK;
}

static void redis_free(struct cpsd_backend *backend)
{
    struct redis_backend *redis = (struct redis_backend *)backend;
    cpsd_buckets_free(redis->buckets);
    cpsd_redis_place_clear(&redis->place);
    free(redis);
}

<<<<<<< HEAD
/* Answers. */

static bool is_number(const redisReply *array, size_t i, int64_t least, int64_t most)
{
    return i < array->elements && array->element[i]->type == REDIS_REPLY_INTEGER &&
           array->element[i]->integer >= least && array->element[i]->integer <= most;
}

static bool is_time(const redisReply *array, size_t i)
{
    return is_number(array, i, 1, TIME_MAX_US);
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

static bool take_put(struct redis_op *op, const redisReply *reply)
{
    enum { STORED, KNOWN, FULL, LIMITED };
    if (!is_number(reply, 0, STORED, LIMITED) || !is_number(reply, 4, -1, INT64_MAX) || !is_time(reply, 1) ||
        !is_number(reply, 2, 0, INT32_MAX)) {
        return false;
    }
    struct cpsd_store_result result = {.code = STIR_OK, .now_us = reply->element[1]->integer};
    result.existed = reply->element[0]->integer == KNOWN;
    if (reply->element[0]->integer == LIMITED) {
        if (!is_number(reply, 3, 1, INT64_MAX) || !is_number(reply, 4, 1, CPSD_BUCKETS_MAX)) {
            return false;
        }
        result.code = STIR_E_BOX_FULL;
        result.limited = (unsigned)reply->element[4]->integer;
        result.retry_after_ms = reply->element[3]->integer / 1000 + 1;
    } else {
        result.tokens_left = reply->element[4]->integer;
    }
    if (reply->element[0]->integer == FULL) {
        if (!is_time(reply, 3)) {
            return false;
        }
        int64_t us = reply->element[3]->integer - result.now_us;
        result.code = STIR_E_BOX_FULL;
        result.retry_after_ms = us > 1000 ? us / 1000 + (us % 1000 != 0) : 1;
    }
    cpsd_count(&op->store->base.counters.expired_seen, (uint64_t)reply->element[2]->integer);
    cpsd_op_complete(&op->store->base, &op->op, &result);
    return true;
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

static void complete_list(struct redis_op *op, redisReply *const *rows, size_t octets, struct cpsd_store_result *result)
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
    complete_list(op, rows->element, octets, &result);
    return true;
}

static void run_script(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what);

/* The time is a little less than what TIME said: what arrives next arrives later. */
static bool take_short(struct redis_op *op, const redisReply *reply)
{
    struct cpsd_redis_short box;
    size_t octets = 0;
    if (!cpsd_redis_short_read(&box, reply, op->now_us, op->count, op->octets)) {
        return false;
    }
    if (!box.whole || !op->now_us) {
        struct cpsd_op_args what = {.count = op->count, .octets = op->octets};
        run_script(op->store, &op->op, &what);
        return true;
    }
    for (size_t i = 0; i < box.count; i++) {
        octets += cpsd_redis_row_text(box.rows[i]);
    }
    struct cpsd_store_result result = {.code = STIR_OK,
                                       .now_us = op->now_us - 1 > box.last_us ? op->now_us - 1 : box.last_us,
                                       .more = box.more,
                                       .count = box.count};
    complete_list(op, box.rows, octets, &result);
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
        [CPSD_OP_REMOVE] = {STIR_E_NOT_FOUND, STIR_OK, STIR_CODE_COUNT},
        [CPSD_OP_ONCE] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
        [CPSD_OP_KEEP] = {STIR_OK, STIR_OK, STIR_E_REFUSED},
        [CPSD_OP_DROP] = {STIR_E_NOT_FOUND, STIR_OK, STIR_CODE_COUNT},
        [CPSD_OP_OWE] = {STIR_OK, STIR_CODE_COUNT, STIR_CODE_COUNT},
    };
    if (!is_number(reply, 0, 0, 2) || !is_time(reply, 1)) {
        return false;
    }
    int64_t said = reply->element[0]->integer;
    struct cpsd_store_result result = {.code = codes[op->op.kind][said], .now_us = reply->element[1]->integer};
    if (result.code == STIR_CODE_COUNT) {
        return false;
    }
    result.existed = op->op.kind == CPSD_OP_KEEP && said == 1;
    cpsd_op_complete(&op->store->base, &op->op, &result);
    return true;
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
    cpsd_op_complete(&op->store->base, &op->op, &result);
    return true;
}

static bool is_replayed(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, CPSD_REDIS_REPLAYED) == 0;
}

static bool take(struct redis_op *op, const redisReply *reply)
{
    static bool (*const takes[CPSD_OP_KINDS])(struct redis_op * op, const redisReply *reply) = {
        [CPSD_OP_PUT] = take_put,      [CPSD_OP_LIST] = take_list,  [CPSD_OP_GET] = take_get,
        [CPSD_OP_REMOVE] = take_plain, [CPSD_OP_ONCE] = take_plain, [CPSD_OP_KEEP] = take_plain,
        [CPSD_OP_LOOK] = take_look,    [CPSD_OP_DROP] = take_plain, [CPSD_OP_OWE] = take_plain,
    };
    if (op->claims && is_replayed(reply)) {
        cpsd_op_fail(&op->store->base, &op->op, STIR_E_REPLAYED);
        return true;
    }
    if (op->is_short) {
        return take_short(op, reply);
    }
    return reply->type == REDIS_REPLY_ARRAY && takes[op->op.kind](op, reply);
}

/* What Redis refuses is not lost, only not done. */
static void log_refusal(struct redis_store *store, const redisReply *reply)
{
    char word[32], where[300];
    uint64_t now = uv_hrtime();
    if (store->said_ns && now - store->said_ns < SAY_EVERY_NS) {
        return;
    }
    store->said_ns = now;
    cpsd_redis_error_word(reply, word, sizeof(word));
    cpsd_redis_address_name(store->config.address, where, sizeof(where));
    stir_log_plain(store->config.log, STIR_LOG_ERROR, "Redis at %s: it refuses a request (%s)", where, word);
}

static bool send_again(struct redis_op *op)
{
    if (op->again || !cpsd_redis_conn_reload(&op->store->conn)) {
        return false;
    }
    op->again = true;
    return cpsd_redis_conn_send(&op->store->conn, &op->request);
}

static bool on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    if (!reply) {
        cpsd_op_fail(&op->store->base, &op->op, STIR_E_UNAVAILABLE);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        if (cpsd_redis_error_is(reply, "NOSCRIPT") && send_again(op)) {
            return true;
        }
        log_refusal(op->store, reply);
        if (cpsd_redis_error_is(reply, "READONLY")) {
            /* The primary is somewhere else now: look for it. */
            (void)snprintf(op->store->conn.refusal, sizeof(op->store->conn.refusal), "it is a replica now");
            return false;
        }
        cpsd_op_fail(&op->store->base, &op->op, STIR_E_UNAVAILABLE);
    } else if (!take(op, reply)) {
        return false;
    }
    free(op);
    return true;
}

/* Requests. */

=======
>>>>>>> 23da89d (Redis Cluster, Sentinel, replicas, arrivals from other servers (work in progress))
struct arguments {
    struct cpsd_redis_arg list[ARGS_MAX];
    size_t count;
    char digits[4][CPSD_REDIS_DIGITS];
    char bucket[CPSD_BUCKETS_MAX][STIR_IDENTITY_MAX + CPSD_BUCKET_NAME + 8];
    char bucket_digits[3 * CPSD_BUCKETS_MAX][CPSD_REDIS_DIGITS];
    char key[STIR_IDENTITY_MAX + 8], claim[STIR_IDENTITY_MAX + CLAIM_TEXT + 16];
    uint8_t row[STIR_JWE_MAX];
};

static void add(struct arguments *args, struct cpsd_redis_arg arg)
{
    args->list[args->count++] = arg;
}

static void add_octets(struct arguments *args, const void *octets, size_t len)
{
    add(args, (struct cpsd_redis_arg){octets, len});
}

static void add_number(struct arguments *args, unsigned room, int64_t number)
{
    add(args, cpsd_redis_arg_number(args->digits[room], number));
}

/* prefix{box}: what is within the braces chooses the slot. Returns the length; no NUL. */
static size_t put_key(char *out, const char *prefix, const struct stir_identity *box)
{
    size_t n = strlen(prefix);
    memcpy(out, prefix, n);
    out[n++] = '{';
    memcpy(out + n, box->text, box->len);
    n += box->len;
    out[n++] = '}';
    return n;
}

/* A bucket's key: the box's own lies in its slot. */
static void add_bucket_keys(struct arguments *args, const struct stir_identity *box, const struct cpsd_spend *spend)
{
    for (size_t i = 0; i < spend->count; i++) {
        char *key = args->bucket[i];
        struct stir_identity name = {.len = (unsigned)strlen(spend->bucket[i].name)};
        memcpy(name.text, spend->bucket[i].name, name.len);
        add_octets(args, key, put_key(key, "cpsl:", name.len ? &name : box));
    }
}

static void add_bucket_numbers(struct arguments *args, const struct cpsd_spend *spend)
{
    for (size_t i = 0; i < spend->count; i++) {
        const struct cpsd_bucket *bucket = &spend->bucket[i];
        add(args, cpsd_redis_arg_number(args->bucket_digits[3 * i], cpsd_bucket_token_us(bucket)));
        add(args, cpsd_redis_arg_number(args->bucket_digits[3 * i + 1], bucket->burst));
        add(args, cpsd_redis_arg_number(args->bucket_digits[3 * i + 2], bucket->cost));
    }
}

static void add_keys(struct arguments *args, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    static const char *const counts[] = {"1", "2", "3", "4", "5"};
    static_assert(sizeof(counts) / sizeof(counts[0]) == 2 + CPSD_BUCKETS_MAX, "a box, a claim and all buckets");
    const struct cpsd_claim *claim = what->claim;
    bool record = op->kind == CPSD_OP_KEEP || op->kind == CPSD_OP_LOOK || op->kind == CPSD_OP_DROP;
    const struct cpsd_spend *spend = op->kind == CPSD_OP_PUT ? what->spend : NULL;
    const char *space = record ? "cpsk:" : op->kind == CPSD_OP_OWE ? "cpsl:" : "cps:";
    add(args, cpsd_redis_arg_text(counts[(claim ? 1 : 0) + (spend ? spend->count : 0)]));
    add_octets(args, args->key, put_key(args->key, space, &op->box));
    if (claim) {
        size_t n = put_key(args->claim, "cps:", &op->box);
        memcpy(args->claim + n, ":j:", 3);
        n += 3;
        add_octets(args, args->claim, n + stir_b64url_encode(args->claim + n, claim->id, sizeof(claim->id)));
    }
    if (spend) {
        add_bucket_keys(args, &op->box, spend);
    }
}

static void add_list(struct arguments *args, const struct cpsd_op_args *what)
{
    add_number(args, 0, what->after_us);
    add_number(args, 1, (int64_t)(what->count < LIST_COUNT_MAX ? what->count : LIST_COUNT_MAX));
    add_number(args, 2, (int64_t)(what->octets < LIST_OCTETS_MAX ? what->octets : LIST_OCTETS_MAX));
}

static void add_put(struct arguments *args, const struct cpsd_op_args *what, unsigned box_limit, const char *publish)
{
    const char *form;
    struct stir_view row = cpsd_redis_row_of(args->row, &form, what->envelope);
    add_octets(args, row.ptr, row.len);
    add_number(args, 0, what->ttl_ms);
    add_number(args, 1, (int64_t)box_limit);
    add(args, cpsd_redis_arg_text(form));
    add(args, cpsd_redis_arg_text(publish));
}

static void build(struct arguments *args, const struct redis_store *store, const struct cpsd_op *op,
                  const struct cpsd_op_args *what)
{
    static const enum cpsd_redis_script scripts[CPSD_OP_KINDS] = {
        [CPSD_OP_PUT] = CPSD_REDIS_PUT,       [CPSD_OP_LIST] = CPSD_REDIS_LIST, [CPSD_OP_GET] = CPSD_REDIS_GET,
        [CPSD_OP_REMOVE] = CPSD_REDIS_REMOVE, [CPSD_OP_ONCE] = CPSD_REDIS_ONCE, [CPSD_OP_KEEP] = CPSD_REDIS_KEEP,
        [CPSD_OP_LOOK] = CPSD_REDIS_LOOK,     [CPSD_OP_DROP] = CPSD_REDIS_DROP, [CPSD_OP_OWE] = CPSD_REDIS_OWE,
    };
    args->count = 0;
    add(args, cpsd_redis_arg_text("EVALSHA"));
<<<<<<< HEAD
    bool limited = what->spend && op->kind == CPSD_OP_PUT;
    enum cpsd_redis_script script = limited ? CPSD_REDIS_PUT_LIMITED : scripts[op->kind];
    add(args, cpsd_redis_arg_text(cpsd_redis_conn_sha(&store->conn, script)));
=======
    enum cpsd_redis_script script = what->spend ? CPSD_REDIS_PUT_LIMITED : scripts[op->kind];
    add(args, (struct cpsd_redis_arg){redis_backend_of(store)->sha[script], CPSD_REDIS_SHA_TEXT});
>>>>>>> 23da89d (Redis Cluster, Sentinel, replicas, arrivals from other servers (work in progress))
    add_keys(args, op, what);
    if (op->kind == CPSD_OP_LIST) {
        add_list(args, what);
    }
    if (what->id) {
        add_octets(args, what->id, CPSD_ID_OCTETS);
    }
    if (op->kind == CPSD_OP_PUT) {
        add_put(args, what, store->base.backend->config.box_limit, redis_is_cluster(store) ? "SPUBLISH" : "PUBLISH");
        if (what->spend) {
            add_bucket_numbers(args, what->spend);
        }
    }
    if (op->kind == CPSD_OP_OWE) {
        add_bucket_numbers(args, what->spend);
        add_number(args, 0, CPSD_DEBT_US);
    }
    if (op->kind == CPSD_OP_KEEP) {
        add_octets(args, what->envelope.ptr, what->envelope.len);
        add_number(args, 0, what->ttl_ms);
        add_number(args, 1, what->order);
    }
    if (what->claim) {
        add_number(args, 3, what->claim->ttl_ms);
    }
}

/* What may be done twice: a put or a keep of what is there already changes nothing. */
static bool is_repeatable(enum cpsd_op_kind kind, const struct cpsd_claim *claim)
{
    return !claim && kind != CPSD_OP_REMOVE && kind != CPSD_OP_DROP;
}

static bool is_write(enum cpsd_op_kind kind)
{
    return kind != CPSD_OP_LIST && kind != CPSD_OP_GET && kind != CPSD_OP_LOOK;
}

static struct redis_op *op_new(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_redis_arg *key,
                               size_t size)
{
    struct redis_op *made = malloc(sizeof(*made) + size);
    if (!made) {
        cpsd_op_fail(&store->base, op, STIR_E_NOMEM);
        return NULL;
    }
    *made = (struct redis_op){.store = store, .op = *op};
    made->deadline_ns = op->started_ns + UINT64_C(1000000) * store->base.backend->config.timeout_ms;
    made->slot = redis_is_cluster(store) ? cpsd_redis_slot(key->ptr, key->len) : 0;
    made->request = (struct cpsd_redis_request){
        .due_ns = made->deadline_ns,
        .command = made->command,
        .answered = redis_on_answer,
    };
    return made;
}

/*
 * A cluster's buckets. A request touches one slot: the box's own bucket is there, too, and all servers share it. The
 * others would be in slots of their own; each server counts them for itself.
 */
struct split {
    struct cpsd_spend own;
    struct cpsd_op_args what;
    unsigned own_as; /* the place of the box's own among all, from 1 */
    int64_t left;    /* of the others; -1: none */
};

/* False: one of the others lacks tokens, and that was told. */
static bool split_spend(struct split *split, struct redis_store *store, const struct cpsd_op *op,
                        const struct cpsd_op_args *what)
{
    struct cpsd_spend others = {.count = 0};
    unsigned as[CPSD_BUCKETS_MAX];
    *split = (struct split){.what = *what, .left = -1};
    for (unsigned i = 0; i < what->spend->count; i++) {
        bool own = !what->spend->bucket[i].name[0];
        struct cpsd_spend *to = own ? &split->own : &others;
        split->own_as = own ? i + 1 : split->own_as;
        as[others.count] = i + 1;
        to->bucket[to->count++] = what->spend->bucket[i];
    }
    split->what.spend = split->own.count ? &split->own : NULL;
    if (!others.count) {
        return true;
    }
    struct cpsd_spent spent =
        cpsd_buckets_spend(redis_backend_of(store)->buckets, &others, "", (int64_t)(uv_hrtime() / 1000));
    split->left = spent.left;
    if (spent.refused) {
        struct cpsd_store_result result = {.code = STIR_E_BOX_FULL,
                                           .limited = as[spent.which - 1],
                                           .retry_after_ms = spent.wait_us / 1000 + 1};
        cpsd_op_complete(&store->base, op, &result);
    }
    return !spent.refused;
}

static void run_script(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                       const struct split *split)
{
    struct arguments args;
    build(&args, store, op, what);
    struct redis_op *made = op_new(store, op, &args.list[KEY_AT], cpsd_redis_command_size(args.list, args.count));
    if (made) {
        made->claims = what->claim != NULL;
        made->writes = is_write(op->kind);
        made->repeatable = is_repeatable(op->kind, what->claim);
        made->limited_as = split ? split->own_as : 0;
        made->left = split ? split->left : -1;
        made->request.len = cpsd_redis_command_write(made->command, args.list, args.count);
        redis_send(made);
    }
}

void redis_run_script(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    run_script(store, op, what, NULL);
}

/* Where the time is refused, the second answer is no box either, and the script will say why. */
bool redis_on_time(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    op->now_us = cpsd_redis_short_time(reply);
    return op->now_us || reply->type == REDIS_REPLY_ERROR;
}

static void run_short(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    char room[STIR_IDENTITY_MAX + 8];
    struct cpsd_redis_arg key = {room, put_key(room, "cps:", &op->box)};
    struct redis_op *made = op_new(store, op, &key, cpsd_redis_short_size(key));
    if (made) {
        made->is_short = true;
        made->repeatable = true;
        made->count = what->count;
        made->octets = what->octets;
        made->request.first = redis_on_time;
        made->request.len = cpsd_redis_short_write(made->command, key);
        redis_send(made);
    }
}

static void redis_run(struct cpsd_store *base, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    struct redis_store *store = (struct redis_store *)base;
    if (!store->patient && !redis_node_ready(&store->only)) {
        cpsd_op_fail(base, op, STIR_E_UNAVAILABLE);
    } else if (op->kind == CPSD_OP_LIST && what->after_us == 0 && !what->claim) {
        run_short(store, op, what);
    } else if (what->spend && redis_is_cluster(store)) {
        struct split split;
        if (split_spend(&split, store, op, what)) {
            run_script(store, op, &split.what, &split);
        }
    } else {
        run_script(store, op, what, NULL);
    }
}

/* The store's life. */

static void redis_open(struct cpsd_store *base)
{
    struct redis_store *store = (struct redis_store *)base;
    const struct cpsd_redis_place *place = &redis_backend_of(store)->place;
    redis_route_open(store);
    store->only.embedded = true;
    if (place->kind != CPSD_REDIS_SINGLE) {
        store->patient = true;
        redis_scout_open(store);
    }
    if (place->kind != CPSD_REDIS_CLUSTER) {
        store->only.address = place->seed[0];
        if (place->kind == CPSD_REDIS_SENTINEL) {
            store->only.address.host[0] = '\0';
            store->only.address.port = 0;
        }
        redis_node_open(&store->only, store);
    }
}

static void redis_close(struct cpsd_store *base, void (*closed)(struct cpsd_store *store))
{
    struct redis_store *store = (struct redis_store *)base;
    store->closed = closed;
    if (redis_is_cluster(store)) {
        redis_cluster_close(store);
    } else {
        redis_node_close(&store->only);
    }
    if (store->scout.opened) {
        redis_scout_close(store);
    }
    redis_route_close(store);
}

static bool redis_ready(const struct cpsd_store *base)
{
    const struct redis_store *store = (const struct redis_store *)base;
    return redis_is_cluster(store) ? redis_cluster_ready(store) : redis_node_ready(&store->only);
}

static void redis_wait(struct cpsd_store *base, const struct stir_identity *box)
{
    redis_sub_wait((struct redis_store *)base, box);
}

/* Schemes for one backend: the place knows which. */
#define REDIS_BACKEND(name, url_scheme)                                                                                \
    const struct cpsd_backend_ops name = {                                                                             \
        .scheme = url_scheme,                                                                                          \
        .backend_new = redis_new,                                                                                      \
        .backend_free = redis_free,                                                                                    \
        .store_size = sizeof(struct redis_store),                                                                      \
        .store_open = redis_open,                                                                                      \
        .store_close = redis_close,                                                                                    \
        .ready = redis_ready,                                                                                          \
        .run = redis_run,                                                                                              \
        .wait = redis_wait,                                                                                            \
        .advice = redis_advice,                                                                                        \
    };

REDIS_BACKEND(cpsd_backend_redis, "redis")
REDIS_BACKEND(cpsd_backend_redis_unix, "redis+unix")
REDIS_BACKEND(cpsd_backend_redis_cluster, "redis+cluster")
REDIS_BACKEND(cpsd_backend_redis_sentinel, "redis+sentinel")
