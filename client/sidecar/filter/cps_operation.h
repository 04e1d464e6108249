#pragma once

#include "client/cps.h"

#include <stdbool.h>
#include <uv.h>

/*
 * Operations of libcps: a PASSporT to be published, or one to be looked for. They begin in the order in which they were
 * added, so many at a time; signing and encrypting happen on libuv's threads; each ends on the loop's thread. The
 * owner keeps an operation, and what it points to, until it has ended.
 */
enum sc_op_kind {
    SC_OP_PUBLISH,
    SC_OP_RECEIVE,
    SC_OP_KINDS,
};

enum {
    SC_REASON_MAX = 160,
    SC_OPS_WORKING = 8, /* of libuv's queue, which looking up names shares */
};

struct sc_op {
    /* What is to be done. */
    enum sc_op_kind kind;
    struct cps *cps;
    struct cps_signer *signer;  /* SC_OP_PUBLISH, as are ttl_s and spooling; a reference of the owner's */
    struct cps_message message; /* of one dest */
    const struct cps_key *const *keys;
    size_t key_count;
    uint32_t ttl_s;
    enum cps_spooling spooling;
    uint32_t wait_ms; /* SC_OP_RECEIVE */
    void *owner;

    /* What it came to. */
    enum cps_code code;
    bool spooled; /* it waits in the spool, all of it or some */
    enum cps_verdict verdict;
    char authority[CPS_AUTHORITY_MAX]; /* what the certificate speaks for; "": none was found trustworthy */
    char ppt[CPS_PPT_MAX];             /* the PASSporT's type; "": there is no PASSporT */
    char attest[2];                    /* the attestation level of a "shaken" PASSporT, or "" */
    char reading[CPS_READING_NAME];    /* the reading of the text that was signed; "": the text as decoded */
    char reason[SC_REASON_MAX];

    /* private */
    uv_work_t work;
    struct sc_ops *ops;
    struct sc_op *next;
    bool queued, working, calling; /* in the queue; a thread has it; libcps has it */
};

struct sc_ops {
    uv_loop_t *loop;
    uv_async_t async;
    uv_mutex_t lock;
    struct sc_op *ended, *last_ended; /* by libcps; under the lock */
    struct sc_op *first[SC_OP_KINDS], *last[SC_OP_KINDS];
    size_t queued, working, under_way; /* waiting to begin; on libuv's threads; begun and not ended */
    size_t max;
    bool ending;
    void (*done)(struct sc_op *op); /* on the loop's thread; the operation is the owner's again */
};

/* False: libuv could not; nothing is to be freed. */
bool sc_ops_init(struct sc_ops *ops, uv_loop_t *loop, void (*done)(struct sc_op *op));

/* Begins it, now or when it is its turn. */
void sc_ops_add(struct sc_ops *ops, struct sc_op *op);

/* Takes one out that has not begun: true, and it is the owner's again. */
bool sc_ops_cancel(struct sc_ops *ops, struct sc_op *op);

/* From now on nothing begins: what has not begun ends with CPS_E_CLOSED. */
void sc_ops_end(struct sc_ops *ops);

/* Ends operations that libcps has ended. The loop does this by itself; to be called once after the handles were freed.
 */
void sc_ops_collect(struct sc_ops *ops);

/* When none is under way any more: closes the handle, with a callback that then calls sc_ops_free. */
void sc_ops_close(struct sc_ops *ops, uv_close_cb closed);
void sc_ops_free(struct sc_ops *ops);
