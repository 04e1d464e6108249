#pragma once

#include "common/base/buf.h"
#include "cps/store/redis/box/script.h"
#include "cps/store/redis/topology/place.h"
#include "cps/store/redis/topology/slot.h"
#include "cps/store/redis/wire/command.h"
#include "cps/store/redis/wire/conn.h"
#include "cps/store/store_internal.h"

/*
 * The Redis store's parts and who calls whom, from the top: store_redis (operations as requests), _plain (those that
 * need no script), _answer (answers as results), _route (which server; redirections, second attempts), then _cluster
 * and _sentinel (where the servers are), _node (a server's connections), _durable (until replicas have it), _sub
 * (arrivals that other processes put there), _check (whether the server is set as it should be). One store a worker:
 * everything here is on the worker's loop.
 */
struct redis_store;
struct redis_node;
struct redis_op;

enum {
    REDIS_LACKS_NOEVICTION = 1,
    REDIS_LACKS_AOF = 2,
    REDIS_LACKS_REPLICAS = 4,
};
#define REDIS_LACK_MAX 16
#define REDIS_LACK_TEXT 320

#define REDIS_KNOWN 65536
struct redis_backend {
    struct cpsd_backend base;
    /* See _plain. */
    _Atomic uint64_t known[REDIS_KNOWN]; /* boxes that had something in them when one more came */
    _Atomic uint32_t met, tried;         /* how often of late; puts into boxes that are not known */
    struct cpsd_redis_place place;
    char sha[CPSD_REDIS_SCRIPTS][CPSD_REDIS_SHA_TEXT + 1];
    struct cpsd_buckets *buckets; /* of a cluster, see store_redis.c */
    struct redis_lack {
        char where[300];
        unsigned lacks;
    } lack[REDIS_LACK_MAX]; /* what servers' settings lack; under base.lock */
};

struct redis_op_list {
    struct redis_op *first, **end;
};

/* An operation on its way. */
struct redis_op {
    struct cpsd_redis_request request;
    struct redis_op *next;
    struct redis_store *store;
    struct redis_node *node; /* that it was sent to */
    struct cpsd_op op;
    enum {
        REDIS_BY_SCRIPT,
        REDIS_SHORT, /* a list of a box that is taken for a short one */
        REDIS_FRESH, /* a put into a box that is taken for one that is not there */
    } way;
    unsigned firsts;         /* short, fresh: answers before the last */
    int64_t now_us;          /* short: what TIME said */
    int64_t expires_ms;      /* and when the box expires */
    size_t count, octets;    /* and the limits */
    struct stir_view record; /* fresh: within the command */
    unsigned limit, share;   /* and what else the script has to know */
    bool ring;
    unsigned slot;
    uint64_t deadline_ns; /* no attempt is made after it */
    bool claims;
    int64_t left;                     /* what the buckets have that were counted before; -1 without any */
    bool writes;                      /* what it does has to reach replicas, if any has to */
    bool confirm;                     /* as this answer of it */
    bool repeatable;                  /* doing it twice is as good as once */
    bool undone;                      /* the last attempt certainly did nothing */
    unsigned reloads;                 /* how often it was sent again after NOSCRIPT */
    bool ask;                         /* ASKING goes before it */
    unsigned hops;                    /* redirections since it last rested */
    struct cpsd_redis_request asking; /* with ask */
    struct cpsd_store_result result;  /* while replicas have yet to confirm it */
    char command[];
};

/* Requests that replicas have to confirm: a connection of their own, and one WAIT for all that were sent together.
 * While it waits, Redis does nothing else for this connection: what comes meanwhile is held and goes out together, too.
 */
struct redis_durable {
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    struct cpsd_redis_request wait;
    char command[64];
    bool dirty;                      /* something was sent since the last WAIT */
    bool waiting;                    /* for WAIT's answer */
    struct redis_op_list held, done; /* not sent yet; done, to be confirmed */
};

/* Subscriptions at one server. */
struct redis_sub_conn {
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    bool opened;
};

/* A server that is, or was, primary of something. */
struct redis_node {
    struct redis_store *store;
    struct redis_node *next;
    struct cpsd_redis_address address; /* user and password are the backend's */
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    struct redis_durable durable; /* opened where replicas have to confirm */
    struct redis_sub_conn sub;
    unsigned open; /* connections that have not reported closed */
    bool leaving;  /* closed, and freed with its last connection */
    bool embedded; /* a part of the store */
    bool wanted;   /* while a map is applied */
};

/* Asks where the servers are: nodes of a cluster, or Sentinels, one after another. */
struct redis_scout {
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    struct cpsd_redis_address address;
    struct cpsd_redis_request question;
    char command[512];
    uv_timer_t timer;
    size_t next; /* of the addresses */
    bool opened, asking;
    bool listening; /* the connection is subscribed: Redis takes no more questions on it */
    bool stale;     /* what is known is out of date */
    bool move;      /* and who told it, too: ask another one */
    uint64_t asked_ns;
};

#define SUB_BUCKETS 1024
struct redis_sub {
    struct redis_entry *bucket[SUB_BUCKETS];
    size_t count;
    bool plain; /* these servers have no sharded channels */
    uint64_t said_ns;
};

struct redis_store {
    struct cpsd_store base;
    bool patient; /* a cluster or Sentinels: another server may take over, so requests wait for it within their time */
    struct redis_node only;    /* but for a cluster */
    struct redis_node *nodes;  /* of a cluster */
    struct redis_node **slots; /* of a cluster: CPSD_REDIS_SLOTS, entries may be NULL; NULL: no map yet */
    struct redis_scout scout;
    struct redis_op_list parked; /* until the next tick */
    size_t parked_count;
    uv_timer_t tick;   /* while something is parked */
    uv_timer_t upkeep; /* once a second */
    bool upkeeping;
    struct redis_sub sub;
    unsigned parts; /* handles, nodes and the scout: what has not reported closed */
    bool was_up;
    bool lacks;           /* servers here cannot make or read fresh boxes: none is asked to again */
    uint64_t said_ns;     /* when an error answer was last logged */
    struct stir_buf text; /* of envelopes that came packed, for the length of a completion */
    void (*closed)(struct cpsd_store *store);
};

static inline struct redis_backend *redis_backend_of(const struct redis_store *store)
{
    return (struct redis_backend *)store->base.backend;
}

static inline bool redis_is_cluster(const struct redis_store *store)
{
    return redis_backend_of(store)->place.kind == CPSD_REDIS_CLUSTER;
}

/* _route */
void redis_op_list_add(struct redis_op_list *list, struct redis_op *op);
struct redis_op *redis_op_list_take(struct redis_op_list *list); /* all of them, in order */
void redis_route(struct redis_op *op);                           /* again */
void redis_send(struct redis_op *op);                            /* as redis_route, for the first time */
void redis_retry_or_fail(struct redis_op *op);                   /* after an attempt that came to nothing */
void redis_op_end(struct redis_op *op, enum stir_code code);     /* completes it with a code alone, and frees it */
bool redis_on_answer(struct cpsd_redis_request *request, const redisReply *reply);
void redis_route_open(struct redis_store *store);
void redis_route_close(struct redis_store *store); /* completes what is parked */
void redis_upkeep_begin(struct redis_store *store);
void redis_part_closed(struct redis_store *store);
void redis_log_refusal(struct redis_store *store, const struct redis_node *node, const redisReply *reply);

/* _top */
void redis_run_script(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what);
/* As redis_run_script, of a put whose envelope has the form already that rows have. */
void redis_run_put(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                   const char *form);
size_t redis_put_key(char *out, const struct stir_identity *box); /* at most REDIS_KEY_MAX octets, no NUL */
#define REDIS_KEY_MAX (STIR_IDENTITY_MAX + 8)
/* Room for that many octets of a command; NULL: no memory, and the operation is completed. */
struct redis_op *redis_op_new(struct redis_store *store, const struct cpsd_op *op, struct cpsd_redis_arg key,
                              size_t size);

/* _plain */
bool redis_run_plain(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what);
void redis_plain_begin(struct redis_op *op);                           /* before an attempt */
void redis_plain_again(struct redis_op *op);                           /* by the script; frees the op */
bool redis_plain_answer(struct redis_op *op, const redisReply *reply); /* as redis_take_answer */

/* _answer: false if the answer makes no sense. Else the operation is complete, or, with op->confirm, op->result is set
 */
bool redis_take_answer(struct redis_op *op, const redisReply *reply);
/* Rows that have been found to be some, as the result's entries. */
void redis_complete_list(struct redis_op *op, redisReply *const *rows, size_t octets, struct cpsd_store_result *result);

/* _node */
void redis_node_open(struct redis_node *node, struct redis_store *store);
void redis_node_close(struct redis_node *node);
void redis_node_move(struct redis_node *node, const char *why); /* its address has changed */
bool redis_node_ready(const struct redis_node *node);
bool redis_node_send(struct redis_node *node, struct redis_op *op); /* false: the op is the caller's */

/* _durable */
void redis_durable_open(struct redis_node *node);
bool redis_durable_send(struct redis_node *node, struct redis_op *op);
void redis_durable_done(struct redis_op *op); /* answered well: ends with WAIT's answer */

/* _cluster, _sentinel: both have the scout. */
extern const struct redis_finder {
    size_t (*count)(const struct redis_store *store); /* of addresses to ask */
    void (*pick)(const struct redis_store *store, size_t i, struct cpsd_redis_address *out);
    size_t (*question)(struct redis_store *store, char *out, size_t size); /* octets; 0: does not fit */
    bool (*answer)(struct redis_store *store, const redisReply *reply);    /* false: nonsense, or useless */
    bool (*push)(struct redis_store *store, const redisReply *reply);      /* NULL: nothing comes unasked */
    void (*upkeep)(struct redis_store *store); /* once a second; NULL: asks anew now and then */
} redis_finder_cluster, redis_finder_sentinel;
void redis_scout_open(struct redis_store *store);
void redis_scout_close(struct redis_store *store);
void redis_scout_wanted(struct redis_store *store, bool elsewhere); /* what is known does not fit */
void redis_scout_upkeep(struct redis_store *store);
bool redis_scout_send(struct redis_store *store, struct cpsd_redis_request *request);

struct redis_node *redis_cluster_node(const struct redis_store *store, unsigned slot);
/* The node at "host:port" of a redirection, made if it is not known; NULL: nonsense, or no memory. */
struct redis_node *redis_cluster_redirect(struct redis_store *store, const struct redis_node *from,
                                          const redisReply *reply, unsigned *slot);
void redis_cluster_moved(struct redis_store *store, unsigned slot, struct redis_node *node);
bool redis_cluster_ready(const struct redis_store *store);
void redis_cluster_node_closed(struct redis_node *node); /* the last of it: frees it */
void redis_cluster_close(struct redis_store *store);

/* _sub */
void redis_sub_wait(struct redis_store *store, const struct stir_identity *box);
void redis_sub_upkeep(struct redis_store *store);
void redis_sub_close(struct redis_store *store); /* after the connections' last callback */
void redis_sub_moved(struct redis_store *store); /* servers have changed: look where each belongs */

/* _check: asks a server that has just been connected to. */
void redis_check(struct redis_node *node);
void redis_advice(struct cpsd_backend *backend, char *out, size_t size);
