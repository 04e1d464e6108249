/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/script_request.h"

#include "common/jose/b64.h"
#include "cps/store/redis/box/reply.h"
#include "cps/store/redis/box/row.h"
#include "cps/store/redis/topology/route.h"

#include <assert.h>
#include <string.h>

#define LIST_COUNT_MAX 10000 /* entries of one list: an array that Redis builds while it serves nobody else */
#define LIST_OCTETS_MAX ((size_t)8 << 20) /* and its octets */
#define KEY_AT 3                          /* the first key among the arguments */

static const struct redis_request_handler script_handler = {
    .answered = redis_reply_take,
    .failed = redis_op_failed,
    .confirmed = redis_op_confirmed,
};

/* The arguments of the longest request, a put with a claim that spends from every bucket; script_add() asserts that no
 * request has more. */
enum {
    ARGS_HEAD = 3,                    /* EVALSHA, the script's digest, the number of keys */
    ARGS_KEYS = 2 + CPSD_BUCKETS_MAX, /* the box, the claim, the buckets */
    ARGS_PUT = 9, /* id, row, lifetime, limit of the box, form, command that publishes, publisher, its share, ring */
    ARGS_BUCKETS = 3 * CPSD_BUCKETS_MAX, /* the time that a token takes, burst and cost of each bucket */
    ARGS_CLAIM = 1,                      /* how long the claim is remembered */
    ARGS_MAX = ARGS_HEAD + ARGS_KEYS + ARGS_PUT + ARGS_BUCKETS + ARGS_CLAIM,
};

struct script_arguments {
    struct cpsd_redis_arg list[ARGS_MAX];
    size_t count;
    char digits[4][CPSD_REDIS_DIGITS];
    char bucket[CPSD_BUCKETS_MAX][BOX_KEY_MAX];
    char bucket_digits[3 * CPSD_BUCKETS_MAX][CPSD_REDIS_DIGITS];
    char key[BOX_KEY_MAX], claim[BOX_KEY_MAX];
    uint8_t row[STIR_JWE_MAX], tag[BOX_TAG_MAX];
};

static void script_add(struct script_arguments *args, struct cpsd_redis_arg arg)
{
    assert(args->count < ARGS_MAX);
    args->list[args->count++] = arg;
}

static void script_add_octets(struct script_arguments *args, const void *octets, size_t len)
{
    script_add(args, (struct cpsd_redis_arg){octets, len});
}

static void script_add_number(struct script_arguments *args, unsigned room, int64_t number)
{
    script_add(args, cpsd_redis_arg_number(args->digits[room], number));
}

/* Returns the destination in the name of a destination's bucket; NULL for other buckets. */
static const char *script_bucket_dest(const char *bucket)
{
    size_t n = strlen(CPSD_BUCKET_DEST);
    return strncmp(bucket, CPSD_BUCKET_DEST, n) == 0 ? bucket + n : NULL;
}

/* Adds the keys of buckets. A destination's bucket is in the slot of the box that has its name. It has a prefix of its
 * own, so that no destination can have the key of another bucket. */
static void script_add_bucket_keys(struct script_arguments *args, const struct stir_identity *box,
                                   const struct cpsd_spend *spend)
{
    for (size_t i = 0; i < spend->count; i++) {
        char *key = args->bucket[i];
        const char *dest = script_bucket_dest(spend->bucket[i].name), *tag = dest ? dest : spend->bucket[i].name;
        struct stir_identity name = {.len = (unsigned)strlen(tag)};
        memcpy(name.text, tag, name.len);
        bool by_dest = dest || !name.len;
        script_add_octets(args, key,
                          redis_key_write(key, by_dest ? BOX_KEY_DEST : BOX_KEY_BUCKET, name.len ? &name : box));
    }
}

static void script_add_bucket_numbers(struct script_arguments *args, const struct cpsd_spend *spend)
{
    for (size_t i = 0; i < spend->count; i++) {
        const struct cpsd_bucket *bucket = &spend->bucket[i];
        script_add(args, cpsd_redis_arg_number(args->bucket_digits[3 * i], cpsd_bucket_token_us(bucket)));
        script_add(args, cpsd_redis_arg_number(args->bucket_digits[3 * i + 1], bucket->burst));
        script_add(args, cpsd_redis_arg_number(args->bucket_digits[3 * i + 2], bucket->cost));
    }
}

static void script_add_keys(struct script_arguments *args, const struct cpsd_op *op, const struct cpsd_op_args *what)
{
    static const char *const counts[] = {"1", "2", "3", "4", "5", "6"};
    static_assert(sizeof(counts) / sizeof(counts[0]) == 2 + CPSD_BUCKETS_MAX, "a box, a claim and all buckets");
    const struct cpsd_claim *claim = what->claim;
    bool record = op->kind == CPSD_OP_KEEP || op->kind == CPSD_OP_LOOK || op->kind == CPSD_OP_DROP;
    const struct cpsd_spend *spend = op->kind == CPSD_OP_PUT ? what->spend : NULL;
    bool once = op->kind == CPSD_OP_ONCE;
    const char *space = record                    ? BOX_KEY_RECORD
                        : op->kind == CPSD_OP_OWE ? BOX_KEY_BUCKET
                        : once                    ? BOX_KEY_CLAIM
                                                  : BOX_KEY;
    claim = once ? NULL : claim; /* the first key is the claim's */
    script_add(args, cpsd_redis_arg_text(counts[(claim ? 1 : 0) + (spend ? spend->count : 0)]));
    script_add_octets(args, args->key, redis_key_write(args->key, space, &op->box));
    if (claim) {
        struct stir_identity name = {.kind = STIR_IDENTITY_URI};
        name.len = (unsigned)stir_b64url_encode(name.text, claim->id, sizeof(claim->id));
        script_add_octets(args, args->claim, redis_key_write(args->claim, BOX_KEY_CLAIM, &name));
    }
    if (spend) {
        script_add_bucket_keys(args, &op->box, spend);
    }
}

static void script_add_list(struct script_arguments *args, const struct cpsd_op_args *what)
{
    script_add_number(args, 0, what->after_us);
    script_add_number(args, 1, (int64_t)(what->count < LIST_COUNT_MAX ? what->count : LIST_COUNT_MAX));
    script_add_number(args, 2, (int64_t)(what->octets < LIST_OCTETS_MAX ? what->octets : LIST_OCTETS_MAX));
}

/* form: the form that the envelope has already; NULL: it is as it came. */
static void script_add_put(struct script_arguments *args, const struct cpsd_op_args *what, const char *form,
                           const char *publish)
{
    struct stir_view row = form ? what->envelope : cpsd_redis_row_of(args->row, &form, what->envelope, what->publisher);
    script_add_octets(args, row.ptr, row.len);
    script_add_number(args, 0, what->ttl_ms);
    script_add_number(args, 1, (int64_t)what->limit);
    script_add(args, cpsd_redis_arg_text(form));
    script_add(args, cpsd_redis_arg_text(publish));
    script_add_octets(args, args->tag, cpsd_redis_row_tag(args->tag, what->publisher));
    script_add_number(args, 2, (int64_t)what->share);
    script_add(args, cpsd_redis_arg_text(what->ring ? "1" : "0"));
}

/* Adds what the operation's script takes after the keys: see script.h. */
static void script_add_arguments(struct script_arguments *args, const struct redis_store *store,
                                 const struct cpsd_op *op, const struct cpsd_op_args *what, const char *form)
{
    switch (op->kind) {
    case CPSD_OP_PUT:
        script_add_octets(args, what->id, CPSD_ID_OCTETS);
        /* the script falls back to PUBLISH where a server has no SPUBLISH */
        script_add_put(args, what, form, redis_is_cluster(store) ? "SPUBLISH" : "PUBLISH");
        if (what->spend) {
            script_add_bucket_numbers(args, what->spend);
        }
        break;
    case CPSD_OP_LIST:
        script_add_list(args, what);
        break;
    case CPSD_OP_GET:
        script_add_octets(args, what->id, CPSD_ID_OCTETS);
        break;
    case CPSD_OP_REMOVE:
        script_add_octets(args, what->id, CPSD_ID_OCTETS);
        script_add(args, cpsd_redis_arg_text(what->remember ? "1" : "0"));
        script_add_number(args, 0, CPSD_TAKEN_SHOWN);
        script_add_number(args, 1, (int64_t)store->base.backend->config.box_limit);
        break;
    case CPSD_OP_KEEP:
        script_add_octets(args, what->envelope.ptr, what->envelope.len);
        script_add_number(args, 0, what->ttl_ms);
        script_add_number(args, 1, what->order);
        break;
    case CPSD_OP_OWE:
        script_add_bucket_numbers(args, what->spend);
        script_add_number(args, 0, CPSD_DEBT_US);
        break;
    case CPSD_OP_FORGET:
        script_add_octets(args, what->ids.ptr, what->ids.len);
        break;
    case CPSD_OP_EMPTY:
        script_add_number(args, 0, what->after_us);
        script_add_number(args, 1, (int64_t)what->count);
        break;
    case CPSD_OP_ONCE:
    case CPSD_OP_LOOK:
    case CPSD_OP_DROP:
    case CPSD_OP_KINDS:
        break;
    }
}

static void script_build(struct script_arguments *args, const struct redis_store *store, const struct cpsd_op *op,
                         const struct cpsd_op_args *what, const char *form)
{
    static const enum cpsd_redis_script scripts[CPSD_OP_KINDS] = {
        [CPSD_OP_PUT] = CPSD_REDIS_PUT,       [CPSD_OP_LIST] = CPSD_REDIS_LIST,   [CPSD_OP_GET] = CPSD_REDIS_GET,
        [CPSD_OP_REMOVE] = CPSD_REDIS_REMOVE, [CPSD_OP_ONCE] = CPSD_REDIS_ONCE,   [CPSD_OP_KEEP] = CPSD_REDIS_KEEP,
        [CPSD_OP_LOOK] = CPSD_REDIS_LOOK,     [CPSD_OP_DROP] = CPSD_REDIS_DROP,   [CPSD_OP_OWE] = CPSD_REDIS_OWE,
        [CPSD_OP_FORGET] = CPSD_REDIS_FORGET, [CPSD_OP_EMPTY] = CPSD_REDIS_EMPTY,
    };
    bool limited = what->spend && op->kind == CPSD_OP_PUT;
    enum cpsd_redis_script script = limited ? CPSD_REDIS_PUT_LIMITED : scripts[op->kind];
    /* EVALSHA digest number-of-keys key... argument..., and last the lifetime of the claim */
    args->count = 0;
    script_add(args, cpsd_redis_arg_text("EVALSHA"));
    script_add(args, (struct cpsd_redis_arg){redis_backend_of(store)->sha[script], CPSD_REDIS_SHA_TEXT});
    script_add_keys(args, op, what);
    script_add_arguments(args, store, op, what, form);
    if (what->claim) {
        script_add_number(args, 3, what->claim->ttl_ms);
    }
}

static unsigned script_traits(enum cpsd_op_kind kind, const struct cpsd_claim *claim)
{
    bool reads = kind == CPSD_OP_LIST || kind == CPSD_OP_GET || kind == CPSD_OP_LOOK;
    /* a put or a keep of what is there already changes nothing; a claim that is taken again is refused */
    bool repeatable = !claim && kind != CPSD_OP_REMOVE && kind != CPSD_OP_DROP && kind != CPSD_OP_OWE;
    return (reads ? 0 : REDIS_REQUEST_WRITES) | (repeatable ? REDIS_REQUEST_REPEATABLE : 0);
}

/* After an attempt without a script little time may be left. The script gets at least half of a request's time, since a
 * late answer costs the connection with all its pending requests. */
static void script_give_time(struct redis_op *op)
{
    uint64_t least = uv_hrtime() + UINT64_C(500000) * op->store->base.backend->config.timeout_ms;
    if (op->request.deadline_ns < least) {
        op->request.deadline_ns = op->request.wire.due_ns = least;
    }
}

struct redis_op *redis_script_make(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                                   const char *form)
{
    struct script_arguments args;
    script_build(&args, store, op, what, form);
    size_t ids = op->kind == CPSD_OP_EMPTY ? (size_t)CPSD_EMPTY_MOST * CPSD_ID_OCTETS : 0; /* see reply_take_empty */
    struct redis_op *made = redis_op_new(store, op, &script_handler, args.list[KEY_AT],
                                         cpsd_redis_command_size(args.list, args.count) + ids);
    if (made) {
        made->claims = what->claim != NULL;
        made->request.traits = script_traits(op->kind, what->claim);
        made->left = what->counted ? what->left : -1;
        made->request.wire.len = cpsd_redis_command_write(made->command, args.list, args.count);
    }
    return made;
}

void redis_script_send(struct redis_op *made)
{
    script_give_time(made);
    redis_route_send(&made->request);
}

void redis_script_run(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                      const char *form)
{
    struct redis_op *made = redis_script_make(store, op, what, form);
    if (made) {
        redis_script_send(made);
    }
}
