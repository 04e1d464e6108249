/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/view.h"
#include "common/number/identity.h"
#include "common/number/tn.h"
#include "cps/store/token_bucket.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/*
 * Where envelopes are stored: the contract between the handlers and the backends. A process makes one backend; each
 * worker attaches to it and gets a store of its own, which is used on that worker's loop only.
 *
 * Every operation has exactly one completion, called on the worker's loop, possibly before the function returns.
 * Operations cannot be cancelled: a caller that loses interest keeps `arg` valid until the completion. Views that are
 * passed in are read during the call only; what a result points to is valid during the completion only.
 *
 * Time is the store's: `now_us` of a result is its clock (with Redis, the server's), so that several cpsd agree on the
 * order of arrival, on expiry and on dummies.
 */
#define CPSD_ID_OCTETS 16

struct cpsd_backend;
struct cpsd_store;
struct cpsd_hub_port;

struct cpsd_store_config {
    const char *url;    /* memory:, redis://host:port/db, redis+unix:///path?db=n, redis+cluster://host:port,...,
                           redis+sentinel://host:port,.../name/db; user:password@ where needed */
    unsigned box_limit; /* envelopes in one box; a put beyond it is STIR_E_BOX_FULL; nothing is evicted */
    unsigned box_share; /* the percentage of them that one publisher may have; 0: all */
    unsigned long memory_limit_bytes; /* memory: only: octets in all; beyond it STIR_E_UNAVAILABLE */
    unsigned timeout_ms;              /* a request not answered in this time is STIR_E_UNAVAILABLE */
    unsigned max_ttl_ms;              /* the longest lifetime of an envelope */
    unsigned replicas;                /* durability: a write succeeds when this number of replicas has it */
    const struct stir_log *log;
};
#define CPSD_REPLICAS_MAX 16

/* The publisher of an envelope: empty, or CPSD_PUBLISHER_ID octets that tell publishers apart, followed by up to
 * STIR_TN_MAX others. */
#define CPSD_PUBLISHER_ID 8
#define CPSD_PUBLISHER_MAX (CPSD_PUBLISHER_ID + STIR_TN_MAX)

/* One stored envelope. */
struct cpsd_entry {
    uint8_t id[CPSD_ID_OCTETS];
    int64_t arrival_us; /* strictly increasing within a box */
    int64_t expires_us;
    bool taken; /* it was taken out and cannot be taken again */
    struct stir_view envelope;
    struct stir_view publisher; /* as stored; empty for a record */
};

/* Which limit a put exceeded. */
enum cpsd_full {
    CPSD_FULL_BOX,   /* the number of envelopes in the box */
    CPSD_FULL_SHARE, /* the publisher's share of the box */
    CPSD_FULL_TAKEN, /* the number of taken envelopes that are remembered, of this publisher or of all */
    CPSD_FULL_COUNT,
};

struct cpsd_store_result {
    enum stir_code code; /* STIR_OK, STIR_E_BOX_FULL, STIR_E_NOT_FOUND, STIR_E_REFUSED (keep), STIR_E_TOO_BIG (keep),
                            STIR_E_REPLAYED (the claim), STIR_E_UNAVAILABLE, STIR_E_NOMEM */
    int64_t now_us;      /* the store's clock; set with STIR_OK (put: or 0), STIR_E_NOT_FOUND, _BOX_FULL and _REFUSED */
    bool existed;        /* put: the same envelope was there, or was taken before: nothing was added; keep: the same
                            text was there; remove, with STIR_E_NOT_FOUND: it was taken before */
    bool more;           /* list: the limits cut it; continue from the last entry's arrival_us; empty: call it again */
    int64_t retry_after_ms;           /* with STIR_E_BOX_FULL: until there is room in the box; with
                                         STIR_E_UNAVAILABLE: an estimate; at least 1 */
    unsigned limited;                 /* with STIR_E_BOX_FULL: the bucket with too few tokens, from 1; 0: see full */
    enum cpsd_full full;              /* with STIR_E_BOX_FULL and limited 0 */
    unsigned dropped;                 /* put into a ring: the number of entries that were removed for it */
    int64_t tokens_left;              /* publish with STIR_OK: the tokens of the emptiest bucket; otherwise -1 or 0 */
    const struct cpsd_entry *entries; /* list, get, look: in order of arrival */
    size_t count;
    struct stir_view ids; /* empty: the ids of the removed envelopes, CPSD_ID_OCTETS each */
};

typedef void cpsd_store_done(void *arg, const struct cpsd_store_result *result);

/* Something that can be used only once, such as the jti of a token. Every operation accepts a claim, or NULL. A claim
 * counts for the whole store: a second operation with the same claim within ttl_ms completes with STIR_E_REPLAYED and
 * does nothing else, whatever its box, record or kind. The operation and its claim are one atomic step and one round
 * trip; a put with too few tokens (`limited`) does not take its claim. In a Redis cluster the claim has a slot of its
 * own, so it is taken in a round trip before the operation, and stays taken if the operation is then refused. After
 * STIR_E_UNAVAILABLE and STIR_E_NOMEM it is unknown whether the claim was taken. */
struct cpsd_claim {
    uint8_t id[CPSD_ID_OCTETS];
    int64_t ttl_ms; /* 1 or more */
};

/* Makes the backend that config->url names; the server need not be reachable. Free it with cpsd_backend_free. Errors:
 * STIR_E_CONFIG for an invalid URL or a scheme that this build lacks, STIR_E_NOMEM, STIR_E_CRYPTO. */
enum stir_code cpsd_backend_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                struct stir_error *err) STIR_MUST_CHECK;
void cpsd_backend_free(struct cpsd_backend *backend); /* after every store was closed */

/* Returns a description for the log at start ("keeps everything in Redis at ..."); never NULL. */
const char *cpsd_backend_description(const struct cpsd_backend *backend);

/* Writes for the operator which settings of the servers do not fit the durability ("10.0.0.1:6379: appendonly is not
 * yes ..."); "" if there are none. From any thread. */
void cpsd_backend_advice(struct cpsd_backend *backend, char *out, size_t size);

/* Makes a worker's store on its loop. It connects in the background and reconnects with growing pauses. The process
 * must ignore SIGPIPE. Errors: STIR_E_NOMEM, STIR_E_IO. */
enum stir_code cpsd_store_attach(struct cpsd_store **out, struct cpsd_backend *backend, uv_loop_t *loop,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Completes open operations with STIR_E_UNAVAILABLE and closes connections and handles. The loop must run until
 * `closed` is called; the store is freed then. */
void cpsd_store_close(struct cpsd_store *store, void (*closed)(void *arg), void *arg);

/* True if an operation begun now can be expected to succeed (for /ready and /health). */
bool cpsd_store_ready(const struct cpsd_store *store);

/* Returns false until the first attempt to connect has succeeded or failed; operations before that would fail. */
bool cpsd_store_tried(const struct cpsd_store *store);

/* Stores an envelope in a box (a canonical destination). STIR_OK means that it is stored as durably as configured, and
 * that readers who wait for this box were woken. */
void cpsd_store_put(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                    struct stir_view envelope, int64_t ttl_ms, const struct cpsd_claim *claim, cpsd_store_done *done,
                    void *arg);

/* An envelope to publish. */
struct cpsd_put {
    const uint8_t *id; /* CPSD_ID_OCTETS */
    struct stir_view envelope;
    int64_t ttl_ms;
    struct stir_view publisher;     /* see cps/auth/publisher.h; up to CPSD_PUBLISHER_MAX octets */
    const struct cpsd_spend *spend; /* NULL: no limits */
    const struct cpsd_claim *claim;
    unsigned ring; /* not 0: the box has this number of entries at most and is never full: the oldest are removed */
};

/* As cpsd_store_put. Also stores the publisher with a new envelope; an envelope that is there already keeps its first
 * publisher. In the same round trip it takes tokens from buckets that all servers of one store share. If a bucket has
 * too few tokens, nothing is taken, claimed or stored: STIR_E_BOX_FULL with `limited`.
 *
 * A publisher has at most its share of a box (box_share). A box remembers at most CPSD_TAKEN_BOXES times its limit of
 * taken envelopes, and of one publisher CPSD_TAKEN_BOXES times its share. Beyond that: STIR_E_BOX_FULL with `full`.
 * Expired envelopes count until they are cleared away, which a put that finds no room does first. */
void cpsd_store_publish(struct cpsd_store *store, const struct stir_identity *box, const struct cpsd_put *put,
                        cpsd_store_done *done, void *arg);

/* Takes tokens from one bucket even if it has too few, for costs that become known afterwards. The debt is at most one
 * hour's worth of tokens. STIR_OK. */
void cpsd_store_owe(struct cpsd_store *store, const struct cpsd_bucket *bucket, cpsd_store_done *done, void *arg);

/* Lists living envelopes that arrived after after_us (0: all): at most `count` entries and about `octets` octets, but
 * at least one entry if there is one. An empty or missing box is STIR_OK with count 0. As long as the store's clock is
 * not set back, the result's now_us is not before any arrival in the box, and before every later arrival: unless the
 * list was cut, it can serve as a cursor. */
void cpsd_store_list(struct cpsd_store *store, const struct stir_identity *box, int64_t after_us, size_t count,
                     size_t octets, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* Reads one envelope, taken or not: STIR_OK with one entry, or STIR_E_NOT_FOUND. */
void cpsd_store_get(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                    const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/*
 * Takes an envelope out: STIR_OK once, then STIR_E_NOT_FOUND with existed. That it was taken is remembered until it
 * would have expired, and for at least CPSD_TAKEN_MS after it was stored: a put of the same envelope meanwhile
 * completes with STIR_OK and existed, and adds nothing. It no longer counts for the limit of its box. Lists show it,
 * marked as taken, until it would have expired; but at most CPSD_TAKEN_SHOWN of them per box, and memory: does not show
 * an envelope that is taken while more than half of its memory is in use.
 *
 * remember: an id that is not there is remembered as taken for CPSD_TAKEN_MS. The first call gets STIR_E_NOT_FOUND,
 * later ones also existed. A box remembers at most as many of these ids as its limit.
 */
#define CPSD_TAKEN_MS 120000
#define CPSD_TAKEN_SHOWN 64 /* taken envelopes in the lists of one box */
#define CPSD_TAKEN_BOXES 10 /* taken envelopes that a box remembers, as a multiple of its limit */
void cpsd_store_remove(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                       bool remember, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* Deletes living envelopes as if they had never been there: nothing is remembered of them. ids: up to CPSD_EMPTY_MOST
 * of CPSD_ID_OCTETS each; ids that are not there are skipped. STIR_OK. */
void cpsd_store_forget(struct cpsd_store *store, const struct stir_identity *box, struct stir_view ids,
                       cpsd_store_done *done, void *arg);

/* Deletes in the same way all envelopes that arrived until until_us (0: now), the oldest first, at most CPSD_EMPTY_MOST
 * per call; with `more`, call it again with the now_us of the first result. Taken envelopes are still remembered, but
 * lists no longer show them. STIR_OK; result.ids are the deleted living envelopes. */
#define CPSD_EMPTY_MOST 512
void cpsd_store_empty(struct cpsd_store *store, const struct stir_identity *box, int64_t until_us,
                      const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* Takes the claim and does nothing else: STIR_OK, or STIR_E_REPLAYED. */
void cpsd_store_once(struct cpsd_store *store, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/*
 * Records: one text under a name. Their names are separate from those of boxes, so both can have the same name.
 */
#define CPSD_RECORD_MAX 65536 /* octets of a text */

/* Stores a text under a name for ttl_ms and replaces the one that is there. STIR_E_REFUSED if that one has a greater
 * order (the iat of a key record: an older record never replaces a newer one). STIR_OK with existed, and nothing is
 * changed, if the text is the same. STIR_E_TOO_BIG beyond CPSD_RECORD_MAX. 0 <= order < 2^53. ttl_ms may exceed
 * max_ttl_ms. */
void cpsd_store_keep(struct cpsd_store *store, const struct stir_identity *name, struct stir_view text, int64_t ttl_ms,
                     int64_t order, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* Reads a record: STIR_OK with one entry (envelope: the text; expires_us; id and arrival_us are 0), or
 * STIR_E_NOT_FOUND. */
void cpsd_store_look(struct cpsd_store *store, const struct stir_identity *name, const struct cpsd_claim *claim,
                     cpsd_store_done *done, void *arg);

/* Deletes a record: STIR_OK, or STIR_E_NOT_FOUND. */
void cpsd_store_drop(struct cpsd_store *store, const struct stir_identity *name, const struct cpsd_claim *claim,
                     cpsd_store_done *done, void *arg);

/*
 * Waiting for an arrival in a box, whichever process stores it. The caller embeds the struct; between cpsd_store_wait
 * and cpsd_store_unwait (or the call of `arrived`) it belongs to the store. `arrived` is called at most once, on the
 * loop of the waiting worker, never from within cpsd_store_wait. To miss nothing, wait first and then list. `arrived`
 * is also called when an arrival may have been missed, for example because the connection to the store was lost.
 */
struct cpsd_wait {
    void (*arrived)(void *arg);
    void *arg;
    /* private */
    struct stir_identity box;
    uint64_t hash;
    struct cpsd_wait *next, **link;
    struct cpsd_hub_port *port;
    bool waiting;
};

void cpsd_store_wait(struct cpsd_store *store, struct cpsd_wait *wait, const struct stir_identity *box,
                     void (*arrived)(void *arg), void *arg);
void cpsd_store_unwait(struct cpsd_wait *wait); /* does nothing if it is not waiting */

/* For /metrics; relaxed counters summed over the backend's stores. */
struct cpsd_store_stats {
    uint64_t operations, failures, reconnects, stored, consumed, expired_seen;
    uint64_t
        latency_bucket[16]; /* operations by latency: bucket i counts those under 100 us * 2^i, the last all others */
    uint64_t latency_sum_us;
    uint64_t connections_up;
    uint64_t full[CPSD_FULL_COUNT]; /* puts that exceeded this limit */
    uint64_t dropped,
        emptied; /* ring entries that were removed for new ones; envelopes that cpsd_store_empty deleted */
    uint64_t held, held_octets, taken; /* memory: only */
};
void cpsd_backend_stats(struct cpsd_backend *backend, struct cpsd_store_stats *out);
