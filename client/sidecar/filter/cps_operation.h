/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"

#include <stdbool.h>
#include <uv.h>

/*
 * Operations of libcps: publishing a PASSporT, or looking for one. They begin in the order in which they were added,
 * `max` at a time. Signing and encrypting happen on threads of libuv; each operation ends on the loop's thread. The
 * owner keeps an operation, and what it points to, until it has ended.
 */
enum sc_op_kind {
    SC_OP_PUBLISH,
    SC_OP_RECEIVE,
    SC_OP_KINDS,
};

enum {
    SC_REASON_MAX = 160,
    SC_OPS_WORKING = 8, /* places in libuv's queue, which name resolution also uses */
};

struct sc_op {
    /* What to do. */
    enum sc_op_kind kind;
    struct cps *cps;
    struct cps_signer *signer;  /* SC_OP_PUBLISH, like ttl_s and spooling; the owner's reference */
    struct cps_message message; /* with one destination */
    const struct cps_key *const *keys;
    size_t key_count;
    uint32_t ttl_s;
    enum cps_spooling spooling;
    uint32_t wait_ms; /* SC_OP_RECEIVE */
    void *owner;

    /* The result. */
    enum cps_code code;
    bool spooled; /* the PASSporT, or a part of it, waits in the spool */
    enum cps_verdict verdict;
    char authority[CPS_AUTHORITY_MAX]; /* who signed, as the certificate says; "": no trusted certificate */
    char ppt[CPS_PPT_MAX];             /* the PASSporT's type; "": there is no PASSporT */
    char attest[2];                    /* the attestation level of a "shaken" PASSporT, or "" */
    char reading[CPS_READING_NAME];    /* the reading of the text that was signed; "": the text as decoded */
    char reason[SC_REASON_MAX];

    /* private */
    uv_work_t work;
    struct sc_ops *ops;
    struct sc_op *next;
    bool queued, working, calling; /* in the queue; on a thread of libuv; in libcps */
};

struct sc_ops {
    uv_loop_t *loop;
    uv_async_t async;
    uv_mutex_t lock;
    struct sc_op *ended, *last_ended; /* ended by libcps; protected by the lock */
    struct sc_op *first[SC_OP_KINDS], *last[SC_OP_KINDS];
    size_t queued, working, under_way; /* waiting to begin; on threads of libuv; begun and not ended */
    size_t max;
    bool ending;
    void (*done)(struct sc_op *op); /* called on the loop's thread when an operation has ended */
};

/* Returns false if libuv fails; nothing needs to be freed then. */
bool sc_ops_init(struct sc_ops *ops, uv_loop_t *loop, void (*done)(struct sc_op *op));

/* Begins an operation now, or when it is its turn. */
void sc_ops_add(struct sc_ops *ops, struct sc_op *op);

/* Removes an operation that has not begun. Returns false if it has begun. */
bool sc_ops_cancel(struct sc_ops *ops, struct sc_op *op);

/* Lets no more operations begin: those that have not begun end with CPS_E_CLOSED. */
void sc_ops_end(struct sc_ops *ops);

/* Calls done() for operations that libcps has ended. The loop does this itself; called once more after the handles of
 * libcps were freed. */
void sc_ops_collect(struct sc_ops *ops);

/* Closes the handle on the loop when no operation is in progress. The callback `closed` then calls sc_ops_free. */
void sc_ops_close(struct sc_ops *ops, uv_close_cb closed);
void sc_ops_free(struct sc_ops *ops);
