#pragma once

#include "client/cps.h"

#include <stdbool.h>
#include <uv.h>

/*
 * Operations of libcps: a PASSporT to be published, or one to be looked for. They begin in the order in which they were
 * added, so many at a time; signing and encrypting happen on libuv's threads; each ends on the loop's thread. The
 * owner keeps an operation, and what it points to, until it has ended.
 */
enum gw_op_kind {
    GW_OP_PUBLISH,
    GW_OP_RECEIVE,
    GW_OP_KINDS,
};

enum {
    GW_REASON_MAX = 160,
    GW_OPS_WORKING = 8, /* of libuv's queue, which looking up names shares */
};

struct gw_op {
    /* What is to be done. */
    enum gw_op_kind kind;
    struct cps *cps;
    struct cps_signer *signer;  /* GW_OP_PUBLISH, as are ttl_s and spooling; a reference of the owner's */
    struct cps_message message; /* of one dest */
    const struct cps_key *const *keys;
    size_t key_count;
    uint32_t ttl_s;
    enum cps_spooling spooling;
    uint32_t wait_ms; /* GW_OP_RECEIVE */
    void *owner;

    /* What it came to. */
    enum cps_code code;
    bool spooled; /* it waits in the spool, all of it or some */
    enum cps_verdict verdict;
    char authority[CPS_AUTHORITY_MAX]; /* what the certificate speaks for; "": none was found trustworthy */
    char ppt[CPS_PPT_MAX];             /* the PASSporT's type; "": there is no PASSporT */
    char attest[2];                    /* the attestation level of a "shaken" PASSporT, or "" */
    char reading[CPS_READING_NAME];    /* the reading of the text that was signed; "": the text as decoded */
    char reason[GW_REASON_MAX];

    /* private */
    uv_work_t work;
    struct gw_ops *ops;
    struct gw_op *next;
    bool queued, working, calling; /* in the queue; a thread has it; libcps has it */
};

struct gw_ops {
    uv_loop_t *loop;
    uv_async_t async;
    uv_mutex_t lock;
    struct gw_op *ended, *last_ended; /* by libcps; under the lock */
    struct gw_op *first[GW_OP_KINDS], *last[GW_OP_KINDS];
    size_t queued, working, under_way; /* waiting to begin; on libuv's threads; begun and not ended */
    size_t max;
    bool ending;
    void (*done)(struct gw_op *op); /* on the loop's thread; the operation is the owner's again */
};

/* False: libuv could not; nothing is to be freed. */
bool gw_ops_init(struct gw_ops *ops, uv_loop_t *loop, void (*done)(struct gw_op *op));

/* Begins it, now or when it is its turn. */
void gw_ops_add(struct gw_ops *ops, struct gw_op *op);

/* Takes one out that has not begun: true, and it is the owner's again. */
bool gw_ops_cancel(struct gw_ops *ops, struct gw_op *op);

/* From now on nothing begins: what has not begun ends with CPS_E_CLOSED. */
void gw_ops_end(struct gw_ops *ops);

/* Ends operations that libcps has ended. The loop does this by itself; to be called once after the handles were freed.
 */
void gw_ops_collect(struct gw_ops *ops);

/* When none is under way any more: closes the handle, with a callback that then calls gw_ops_free. */
void gw_ops_close(struct gw_ops *ops, uv_close_cb closed);
void gw_ops_free(struct gw_ops *ops);
