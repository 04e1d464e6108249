#include "common/jose/b64.h"
#include "cps/store/redis/box/row.h"
#include "cps/store/redis/redis_internal.h"
#include "cps/store/redis/wire/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Operations as requests to Redis.
 */
#define LIST_COUNT_MAX 10000 /* entries of one list: an array that Redis builds while nobody else is served */
#define LIST_OCTETS_MAX ((size_t)8 << 20) /* and its octets */
#define BUCKETS_HERE 100000               /* of a cluster: those that are counted in this process */
#define KEY_AT 3                          /* the first key */
#define CLAIM_SPACE "cpsj:"               /* a claim's key: one for the whole store, in a slot of its own */
#define CLAIM_KEY_MAX 32                  /* octets of it */

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

/* The arguments of the longest request, a put with a claim that spends from every bucket; add() asserts that no request
 * has more. */
enum {
    ARGS_HEAD = 3,                    /* EVALSHA, the script's digest, the number of keys */
    ARGS_KEYS = 2 + CPSD_BUCKETS_MAX, /* the box, the claim, the buckets */
    ARGS_PUT = 9, /* id, row, life, limit of the box, form, command that publishes, publisher, its share, ring */
    ARGS_BUCKETS = 3 * CPSD_BUCKETS_MAX, /* the time that a token takes, burst and cost of each bucket */
    ARGS_CLAIM = 1,                      /* how long the claim is remembered */
    ARGS_MAX = ARGS_HEAD + ARGS_KEYS + ARGS_PUT + ARGS_BUCKETS + ARGS_CLAIM,
};

struct arguments {
    struct cpsd_redis_arg list[ARGS_MAX];
    size_t count;
    char digits[4][CPSD_REDIS_DIGITS];
    char bucket[CPSD_BUCKETS_MAX][STIR_IDENTITY_MAX + CPSD_BUCKET_NAME + 16];
    char bucket_digits[3 * CPSD_BUCKETS_MAX][CPSD_REDIS_DIGITS];
    char key[STIR_IDENTITY_MAX + 8], claim[CLAIM_KEY_MAX];
    uint8_t row[STIR_JWE_MAX], tag[BOX_TAG_MAX];
};

static void add(struct arguments *args, struct cpsd_redis_arg arg)
{
    assert(args->count < ARGS_MAX);
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

size_t redis_put_key(char *out, const struct stir_identity *box)
{
    return put_key(out, "cps:", box);
}

/* What a destination's bucket is of; NULL: it is another's. */
static const char *dest_of(const char *bucket)
{
    size_t n = strlen(CPSD_BUCKET_DEST);
    return strncmp(bucket, CPSD_BUCKET_DEST, n) == 0 ? bucket + n : NULL;
}

/* A bucket's key. A destination's lies in the slot of the box that has its name, and has a prefix of its own: no
 * destination can be named like another bucket. */
static void add_bucket_keys(struct arguments *args, const struct stir_identity *box, const struct cpsd_spend *spend)
{
    for (size_t i = 0; i < spend->count; i++) {
        char *key = args->bucket[i];
        const char *dest = dest_of(spend->bucket[i].name), *tag = dest ? dest : spend->bucket[i].name;
        struct stir_identity name = {.len = (unsigned)strlen(tag)};
        memcpy(name.text, tag, name.len);
        bool by_dest = dest || !name.len;
        add_octets(args, key, put_key(key, by_dest ? "cpsl:dest:" : "cpsl:", name.len ? &name : box));
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
    static const char *const counts[] = {"1", "2", "3", "4", "5", "6"};
    static_assert(sizeof(counts) / sizeof(counts[0]) == 2 + CPSD_BUCKETS_MAX, "a box, a claim and all buckets");
    const struct cpsd_claim *claim = what->claim;
    bool record = op->kind == CPSD_OP_KEEP || op->kind == CPSD_OP_LOOK || op->kind == CPSD_OP_DROP;
    const struct cpsd_spend *spend = op->kind == CPSD_OP_PUT ? what->spend : NULL;
    bool once = op->kind == CPSD_OP_ONCE;
    const char *space = record ? "cpsk:" : op->kind == CPSD_OP_OWE ? "cpsl:" : once ? CLAIM_SPACE : "cps:";
    claim = once ? NULL : claim; /* its key is the claim's own */
    add(args, cpsd_redis_arg_text(counts[(claim ? 1 : 0) + (spend ? spend->count : 0)]));
    add_octets(args, args->key, put_key(args->key, space, &op->box));
    if (claim) {
        struct stir_identity name = {.kind = STIR_IDENTITY_URI};
        name.len = (unsigned)stir_b64url_encode(name.text, claim->id, sizeof(claim->id));
        add_octets(args, args->claim, put_key(args->claim, CLAIM_SPACE, &name));
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

/* form: what the envelope has already; NULL: it is as it came. */
static void add_put(struct arguments *args, const struct cpsd_op_args *what, const char *form, const char *publish)
{
    struct stir_view row = form ? what->envelope : cpsd_redis_row_of(args->row, &form, what->envelope, what->publisher);
    add_octets(args, row.ptr, row.len);
    add_number(args, 0, what->ttl_ms);
    add_number(args, 1, (int64_t)what->limit);
    add(args, cpsd_redis_arg_text(form));
    add(args, cpsd_redis_arg_text(publish));
    add_octets(args, args->tag, cpsd_redis_row_tag(args->tag, what->publisher));
    add_number(args, 2, (int64_t)what->share);
    add(args, cpsd_redis_arg_text(what->ring ? "1" : "0"));
}

static void build(struct arguments *args, const struct redis_store *store, const struct cpsd_op *op,
                  const struct cpsd_op_args *what, const char *form)
{
    static const enum cpsd_redis_script scripts[CPSD_OP_KINDS] = {
        [CPSD_OP_PUT] = CPSD_REDIS_PUT,       [CPSD_OP_LIST] = CPSD_REDIS_LIST,   [CPSD_OP_GET] = CPSD_REDIS_GET,
        [CPSD_OP_REMOVE] = CPSD_REDIS_REMOVE, [CPSD_OP_ONCE] = CPSD_REDIS_ONCE,   [CPSD_OP_KEEP] = CPSD_REDIS_KEEP,
        [CPSD_OP_LOOK] = CPSD_REDIS_LOOK,     [CPSD_OP_DROP] = CPSD_REDIS_DROP,   [CPSD_OP_OWE] = CPSD_REDIS_OWE,
        [CPSD_OP_FORGET] = CPSD_REDIS_FORGET, [CPSD_OP_EMPTY] = CPSD_REDIS_EMPTY,
    };
    args->count = 0;
    add(args, cpsd_redis_arg_text("EVALSHA"));
    bool limited = what->spend && op->kind == CPSD_OP_PUT;
    enum cpsd_redis_script script = limited ? CPSD_REDIS_PUT_LIMITED : scripts[op->kind];
    add(args, (struct cpsd_redis_arg){redis_backend_of(store)->sha[script], CPSD_REDIS_SHA_TEXT});
    add_keys(args, op, what);
    if (op->kind == CPSD_OP_LIST) {
        add_list(args, what);
    }
    if (what->id) {
        add_octets(args, what->id, CPSD_ID_OCTETS);
    }
    if (op->kind == CPSD_OP_FORGET) {
        add_octets(args, what->ids.ptr, what->ids.len);
    }
    if (op->kind == CPSD_OP_EMPTY) {
        add_number(args, 0, what->after_us);
        add_number(args, 1, (int64_t)what->count);
    }
    if (op->kind == CPSD_OP_REMOVE) {
        add(args, cpsd_redis_arg_text(what->remember ? "1" : "0"));
        add_number(args, 0, CPSD_TAKEN_SHOWN);
        add_number(args, 1, (int64_t)store->base.backend->config.box_limit);
    }
    if (op->kind == CPSD_OP_PUT) {
        add_put(args, what, form, redis_is_cluster(store) ? "SPUBLISH" : "PUBLISH");
        if (limited) {
            add_bucket_numbers(args, what->spend);
        }
    }
    if (op->kind == CPSD_OP_OWE && what->spend) {
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
    return !claim && kind != CPSD_OP_REMOVE && kind != CPSD_OP_DROP && kind != CPSD_OP_OWE;
}

static bool is_write(enum cpsd_op_kind kind)
{
    return kind != CPSD_OP_LIST && kind != CPSD_OP_GET && kind != CPSD_OP_LOOK;
}

struct redis_op *redis_op_new(struct redis_store *store, const struct cpsd_op *op, struct cpsd_redis_arg key,
                              size_t size)
{
    struct redis_op *made = malloc(sizeof(*made) + size);
    if (!made) {
        cpsd_op_fail(&store->base, op, STIR_E_NOMEM);
        return NULL;
    }
    *made = (struct redis_op){.store = store, .op = *op};
    made->deadline_ns = op->started_ns + UINT64_C(1000000) * store->base.backend->config.timeout_ms;
    made->slot = redis_is_cluster(store) ? cpsd_redis_slot(key.ptr, key.len) : 0;
    made->request = (struct cpsd_redis_request){
        .due_ns = made->deadline_ns,
        .command = made->command,
        .answered = redis_on_answer,
    };
    return made;
}

/*
 * A cluster. A request touches one key: while a slot is being moved, Redis refuses a script whose keys are not all at
 * one node (TRYAGAIN). So each server counts the buckets for itself. A claim has a slot of its own, so that it counts
 * for every box: it is taken first, in a request before the operation's.
 */
static struct cpsd_op_args with_one_key(const struct cpsd_op_args *what)
{
    struct cpsd_op_args bare = *what;
    bare.claim = NULL;
    bare.spend = NULL;
    return bare;
}

/* Takes from the buckets. Returns false if one of them lacks tokens: the operation was completed with that. *left: what
 * the emptiest of them still has; -1 without buckets. */
static bool spend_here(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_spend *spend,
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

/* After a plain attempt the script has half of a request's time at least: an answer that comes late costs the
 * connection with all that is pending on it. */
static void give_time(struct redis_op *op)
{
    uint64_t least = uv_hrtime() + UINT64_C(500000) * op->store->base.backend->config.timeout_ms;
    if (op->deadline_ns < least) {
        op->deadline_ns = op->request.due_ns = least;
    }
}

/* The request, to be sent; NULL: no memory, and the operation is completed. */
static struct redis_op *make_script(struct redis_store *store, const struct cpsd_op *op,
                                    const struct cpsd_op_args *what, const char *form)
{
    struct arguments args;
    build(&args, store, op, what, form);
    size_t ids = op->kind == CPSD_OP_EMPTY ? (size_t)CPSD_EMPTY_MOST * CPSD_ID_OCTETS : 0; /* see take_empty */
    struct redis_op *made =
        redis_op_new(store, op, args.list[KEY_AT], cpsd_redis_command_size(args.list, args.count) + ids);
    if (made) {
        made->claims = what->claim != NULL;
        made->writes = is_write(op->kind);
        made->repeatable = is_repeatable(op->kind, what->claim);
        made->left = what->counted ? what->left : -1;
        made->request.len = cpsd_redis_command_write(made->command, args.list, args.count);
    }
    return made;
}

static void send_script(struct redis_op *made)
{
    give_time(made);
    redis_send(made);
}

static void run_script(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                       const char *form)
{
    struct redis_op *made = make_script(store, op, what, form);
    if (made) {
        send_script(made);
    }
}

void redis_run_script(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    run_script(store, op, what, NULL);
}

void redis_run_put(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                   const char *form)
{
    run_script(store, op, what, form);
}

/* A cluster: the operation that follows its claim. */
struct follow {
    struct redis_op *made;
    struct cpsd_spend spend;
};

static void claim_taken(void *arg, const struct cpsd_store_result *result)
{
    struct follow *next = arg;
    struct redis_op *made = next->made;
    if (result->code != STIR_OK) {
        cpsd_op_fail(&made->store->base, &made->op, result->code);
        free(made);
    } else if (spend_here(made->store, &made->op, &next->spend, &made->left)) {
        send_script(made);
    } else {
        free(made);
    }
    free(next);
}

static void claim_first(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                        const struct cpsd_op_args *bare)
{
    static const struct cpsd_spend nothing;
    struct redis_op *made = make_script(store, op, bare, NULL);
    struct follow *next = made ? malloc(sizeof(*next)) : NULL;
    if (next) {
        *next = (struct follow){.made = made, .spend = what->spend ? *what->spend : nothing};
        cpsd_store_once(&store->base, what->claim, claim_taken, next);
    } else if (made) {
        cpsd_op_fail(&store->base, op, STIR_E_NOMEM);
        free(made);
    }
}

static void run_on_cluster(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    struct cpsd_op_args bare = with_one_key(what);
    if (what->claim) {
        claim_first(store, op, what, &bare);
    } else if (spend_here(store, op, what->spend, &bare.left)) {
        bare.counted = true;
        if (!redis_run_plain(store, op, &bare)) {
            redis_run_script(store, op, &bare);
        }
    }
}

static void owe_here(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_spend *spend)
{
    struct cpsd_store_result result = {.code = STIR_OK, .now_us = (int64_t)(uv_hrtime() / 1000)};
    cpsd_buckets_owe(redis_backend_of(store)->buckets, &spend->bucket[0], result.now_us);
    cpsd_op_complete(&store->base, op, &result);
}

static void redis_run(struct cpsd_store *base, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    struct redis_store *store = (struct redis_store *)base;
    if (!store->patient && !redis_node_ready(&store->only)) {
        cpsd_op_fail(base, op, STIR_E_UNAVAILABLE);
    } else if (redis_run_plain(store, op, what)) {
        return;
    } else if (op->kind == CPSD_OP_OWE && redis_is_cluster(store)) {
        owe_here(store, op, what->spend);
    } else if ((what->spend || (what->claim && op->kind != CPSD_OP_ONCE)) && redis_is_cluster(store)) {
        run_on_cluster(store, op, what);
    } else {
        redis_run_script(store, op, what);
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

static bool redis_failed(const struct cpsd_store *base)
{
    const struct redis_store *store = (const struct redis_store *)base;
    return store->only.conn.attempts || store->scout.conn.attempts;
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
        .failed = redis_failed,                                                                                        \
        .run = redis_run,                                                                                              \
        .wait = redis_wait,                                                                                            \
        .advice = redis_advice,                                                                                        \
    };

REDIS_BACKEND(cpsd_backend_redis, "redis")
REDIS_BACKEND(cpsd_backend_redis_unix, "redis+unix")
REDIS_BACKEND(cpsd_backend_redis_cluster, "redis+cluster")
REDIS_BACKEND(cpsd_backend_redis_sentinel, "redis+sentinel")
