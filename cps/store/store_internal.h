#pragma once

#include "cps/store/store.h"
#include "cps/store/waiters.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * Between the store's front (store.c: dispatch, counters, latency, waking) and the backends behind it. A backend's
 * own structs begin with struct cpsd_backend and struct cpsd_store.
 */
enum cpsd_op_kind {
    CPSD_OP_PUT,
    CPSD_OP_LIST,
    CPSD_OP_GET,
    CPSD_OP_REMOVE,
    CPSD_OP_ONCE,
    CPSD_OP_KEEP,
    CPSD_OP_LOOK,
    CPSD_OP_DROP,
    CPSD_OP_OWE,
    CPSD_OP_FORGET,
    CPSD_OP_EMPTY,
    CPSD_OP_KINDS,
};

/* An operation under way. Lives on the caller's stack: a backend that answers later copies it. */
struct cpsd_op {
    enum cpsd_op_kind kind;
    uint64_t started_ns;
    cpsd_store_done *done;
    void *arg;
    struct stir_identity box; /* or a record's name; once: the claim's id in base64url */
};

/* What an operation is about. */
struct cpsd_op_args {
    const uint8_t *id;              /* put, get, remove */
    struct stir_view envelope;      /* put; keep: the text */
    struct stir_view publisher;     /* put */
    int64_t ttl_ms;                 /* put: 1 .. max_ttl_ms; keep: 1 or more */
    int64_t order;                  /* keep */
    bool remember;                  /* remove: also what is not there */
    const struct cpsd_claim *claim; /* NULL: none; ttl_ms 1 .. CPSD_TTL_LONGEST_MS */
    const struct cpsd_spend *spend; /* put, NULL: no limits; owe: one bucket, which box names */
    bool counted;                   /* put: tokens were taken already */
    int64_t left;                   /* then: what the emptiest bucket still has; -1 without buckets */
    int64_t after_us;               /* list: 0 or more; empty: until then */
    struct stir_view ids;           /* forget */
    unsigned limit, share;          /* put: of all in the box, and of this publisher's; a ring has no share */
    bool ring;                      /* put */
    size_t count, octets;           /* list: 1 or more */
};

struct cpsd_backend_ops {
    const char *scheme; /* of the URL, up to the colon */
    enum stir_code (*backend_new)(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                  struct stir_error *err);
    void (*backend_free)(struct cpsd_backend *backend); /* all but what store.c holds; frees the memory itself */
    size_t store_size;                                  /* of the struct that begins with struct cpsd_store */
    void (*store_open)(struct cpsd_store *store);       /* on zeroed memory; cannot fail: libuv's timers cannot */
    void (*store_close)(struct cpsd_store *store, void (*closed)(struct cpsd_store *store)); /* completes all first */
    bool (*ready)(const struct cpsd_store *store);
    bool (*failed)(const struct cpsd_store *store); /* an attempt to connect has, since it was last well; NULL: never */
    void (*run)(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args);
    void (*wait)(struct cpsd_store *store, const struct stir_identity *box);  /* NULL: arrivals are this process's */
    void (*advice)(struct cpsd_backend *backend, char *out, size_t size);     /* NULL: none */
    void (*held)(struct cpsd_backend *backend, struct cpsd_store_stats *out); /* NULL: not known */
};

extern const struct cpsd_backend_ops cpsd_backend_memory, cpsd_backend_redis, cpsd_backend_redis_unix,
    cpsd_backend_redis_cluster, cpsd_backend_redis_sentinel;

#define CPSD_TTL_LONGEST_MS (INT64_C(100) * 366 * 86400 * 1000) /* what is kept longer cannot be told from forever */

#define CPSD_LATENCY_BUCKETS 16
#define CPSD_RETRY_AFTER_MS 1000 /* what a caller is told whom the store cannot serve now */

/* Written by one worker, read by whoever asks. */
struct cpsd_store_counters {
    _Atomic uint64_t operations, failures, reconnects, stored, consumed, expired_seen, connections_up, dropped, emptied;
    _Atomic uint64_t full[CPSD_FULL_COUNT];
    _Atomic uint64_t latency_bucket[CPSD_LATENCY_BUCKETS], latency_sum_us;
};

struct cpsd_backend {
    const struct cpsd_backend_ops *ops;
    struct cpsd_store_config config; /* without the url */
    char description[512];
    struct cpsd_hub *hub;
    pthread_mutex_t lock;         /* for what follows */
    struct cpsd_store *stores;    /* open ones */
    struct cpsd_store_stats past; /* counted by stores that are closed */
};

struct cpsd_store {
    struct cpsd_backend *backend;
    struct cpsd_store *next;
    uv_loop_t *loop;
    struct cpsd_hub_port port;
    struct cpsd_store_counters counters;
    bool closing;
    unsigned closes; /* parts that are still to report closed */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* The backend's one way to complete an operation. */
void cpsd_op_complete(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_store_result *result);

/* As above, with a code alone and, for STIR_E_UNAVAILABLE, a guess when to come again. */
void cpsd_op_fail(struct cpsd_store *store, const struct cpsd_op *op, enum stir_code code);

static inline void cpsd_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}
