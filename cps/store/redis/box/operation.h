/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "cps/store/redis/box/layout.h"
#include "cps/store/redis/box/script.h"
#include "cps/store/redis/topology/request.h"
#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/command.h"
#include "cps/store/store_internal.h"

#include <stdatomic.h>

/*
 * The Redis store, from the top. Includes and calls only go down:
 *
 *     box        backend          the store as cps/store/store.h sees it
 *                operations       what an operation needs before it is sent: in a cluster its claim and its tokens
 *                scriptless       operations as plain commands (list_short, put_new)
 *                script_request   operations as scripts
 *                reply            answers of scripts as results
 *                row, operation   rows of a box; what all of these share
 *                layout.h, lua/   what is in Redis, and what runs there
 *     topology   servers          all servers of a worker, from open to closed
 *                route            where a request goes; redirections, further attempts
 *                subscription     arrivals that other processes store
 *                discovery        asks where the servers are; how is in cluster and sentinel
 *                node, durable    one server: its connections, and the confirmation by replicas
 *                settings_check, refusal, request, place, slot
 *     wire       conn             a connection: connects, greets, carries requests
 *                greeting, pending, link, command, reply, redis_url
 *
 * Upwards lead only callbacks: redis_request_handler, redis_node_events and cpsd_redis_conn_config. There is one store
 * per worker, and everything is used on the worker's loop.
 *
 * This header has the store and an operation in it, which all of box/ shares.
 */

/* What the process remembers of boxes, so as not to try a put without a script in vain: see scriptless.h. */
#define REDIS_KNOWN_BOXES 65536
struct redis_known_boxes {
    _Atomic uint64_t box[REDIS_KNOWN_BOXES]; /* boxes that had something in them when one more came */
    _Atomic uint32_t met;                    /* the recent share of attempts that met a box */
    _Atomic uint32_t tried;                  /* puts into boxes that are not remembered */
};

struct redis_backend {
    struct cpsd_backend base;
    struct redis_shared shared;
    struct redis_known_boxes known;
    char sha[CPSD_REDIS_SCRIPTS][CPSD_REDIS_SHA_TEXT + 1];
    struct cpsd_buckets *buckets; /* of a cluster: see operations.c */
};

/* A worker's store. */
struct redis_store {
    struct cpsd_store base;
    struct redis_servers servers;
    struct stir_buf text; /* envelopes that were unpacked, for the time of a completion */
    void (*closed)(struct cpsd_store *store);
};

/* An operation under way: the request, and the data that reading its answer needs. */
struct redis_op {
    struct redis_request request; /* the first member */
    struct redis_store *store;
    struct cpsd_op op;
    bool claims;                     /* the script takes a claim, and may answer that it was taken before */
    int64_t left;                    /* tokens left in buckets that were counted before; -1 without any */
    struct cpsd_store_result result; /* kept until replicas confirm it */
    union {
        struct {
            size_t count, octets; /* the limits */
            int64_t now_us;       /* the answer to TIME */
            int64_t expires_ms;   /* the answer to PEXPIRETIME */
        } list;                   /* of a list without a script */
        struct {
            struct stir_view record; /* within the command */
            unsigned limit, share;   /* what else the script has to know */
            bool ring;
        } put; /* of a put without a script */
    };
    char command[];
};

static inline struct redis_backend *redis_backend_of(const struct redis_store *store)
{
    return (struct redis_backend *)store->base.backend;
}

static inline bool redis_is_cluster(const struct redis_store *store)
{
    return redis_servers_are_cluster(&store->servers);
}

/* Writes the key prefix{name} without NUL. Returns its octets. */
size_t redis_key_write(char out[BOX_KEY_MAX], const char *prefix, const struct stir_identity *name);

/* Returns an operation with room for `size` octets of its command, to be filled in and sent with redis_route_send. NULL
 * without memory: the operation has been completed with STIR_E_NOMEM. */
struct redis_op *redis_op_new(struct redis_store *store, const struct cpsd_op *op,
                              const struct redis_request_handler *handler, struct cpsd_redis_arg key, size_t size);

/* Completes the operation, or keeps the result if replicas have to confirm it. Such a result points to nothing but the
 * operation itself. */
enum redis_answer redis_op_tell(struct redis_op *op, const struct cpsd_store_result *result);

/* For the handlers of all operations. */
void redis_op_failed(struct redis_request *request, enum stir_code code);
void redis_op_confirmed(struct redis_request *request);
