/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/store.h"
#include "cps/store/waiters.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * What store.c (dispatch) and the backends share; completion.c is below both. A backend's own structs begin with struct
 * cpsd_backend and struct cpsd_store.
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

/* An operation under way. It is on the caller's stack: a backend that completes it later copies it. */
struct cpsd_op {
    enum cpsd_op_kind kind;
    uint64_t started_ns;
    cpsd_store_done *done;
    void *arg;
    struct stir_identity box; /* or a record's name; once: the claim's id in base64url */
};

/* The arguments of an operation. */
struct cpsd_op_args {
    const uint8_t *id;              /* put, get, remove */
    struct stir_view envelope;      /* put; keep: the text */
    struct stir_view publisher;     /* put */
    int64_t ttl_ms;                 /* put: 1 .. max_ttl_ms; keep: 1 or more */
    int64_t order;                  /* keep */
    bool remember;                  /* remove: also remember an id that is not there */
    const struct cpsd_claim *claim; /* NULL: none; ttl_ms 1 .. CPSD_TTL_LONGEST_MS */
    const struct cpsd_spend *spend; /* put, NULL: no limits; owe: one bucket, which box names */
    bool counted;                   /* put: the tokens have been taken already */
    int64_t left;                   /* if counted: the tokens of the emptiest bucket; -1 without buckets */
    int64_t after_us;               /* list: 0 or more; empty: the latest arrival that is deleted */
    struct stir_view ids;           /* forget */
    unsigned limit, share;          /* put: the limit of the box, and of one publisher; equal for a ring */
    bool ring;                      /* put */
    size_t count, octets;           /* list: 1 or more */
};

/* What a backend does. */
struct cpsd_backend_ops {
    const char *scheme; /* of the URL, up to the colon */
    /* Makes a backend. store.c sets what is in struct cpsd_backend afterwards, but for the description. */
    enum stir_code (*backend_new)(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                  struct stir_error *err);
    /* Frees the backend. store.c has freed its own part. */
    void (*backend_free)(struct cpsd_backend *backend);
    size_t store_size; /* of the struct that begins with struct cpsd_store */
    /* Opens a worker's store in zeroed memory; cannot fail. */
    void (*store_open)(struct cpsd_store *store);
    /* Completes all operations, closes, and calls `closed` from the loop. */
    void (*store_close)(struct cpsd_store *store, void (*closed)(struct cpsd_store *store));
    bool (*ready)(const struct cpsd_store *store);
    /* True if an attempt to connect has failed since the last success. NULL: never. */
    bool (*failed)(const struct cpsd_store *store);
    /* Runs an operation, which ends with cpsd_op_complete or cpsd_op_fail. */
    void (*run)(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args);
    /* A reader waits for this box: watches for arrivals from other processes. NULL: there are none. */
    void (*wait)(struct cpsd_store *store, const struct stir_identity *box);
    void (*advice)(struct cpsd_backend *backend, char *out, size_t size);     /* NULL: none */
    void (*held)(struct cpsd_backend *backend, struct cpsd_store_stats *out); /* NULL: unknown */
};

extern const struct cpsd_backend_ops cpsd_backend_memory, cpsd_backend_redis, cpsd_backend_redis_unix,
    cpsd_backend_redis_cluster, cpsd_backend_redis_sentinel;

#define CPSD_TTL_LONGEST_MS (INT64_C(100) * 366 * 86400 * 1000) /* longer lifetimes are cut to this */

#define CPSD_LATENCY_BUCKETS 16
#define CPSD_RETRY_AFTER_MS 1000 /* for callers that the store cannot serve now */

/* Written by one worker, read by any thread. */
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
    struct cpsd_store_stats past; /* the sum of closed stores */
};

struct cpsd_store {
    struct cpsd_backend *backend;
    struct cpsd_store *next;
    uv_loop_t *loop;
    struct cpsd_hub_port port;
    struct cpsd_store_counters counters;
    bool closing;
    unsigned closes; /* parts that have not reported closed */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* Completes an operation: counts it, wakes readers after a new arrival, calls done. */
void cpsd_op_complete(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_store_result *result);

/* Completes an operation with an error code; retry_after_ms is CPSD_RETRY_AFTER_MS. */
void cpsd_op_fail(struct cpsd_store *store, const struct cpsd_op *op, enum stir_code code);

static inline void cpsd_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}
