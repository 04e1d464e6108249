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
 * Where envelopes wait: the contract between the handlers and whatever stores. A backend is made once a process; each
 * worker attaches to it and gets a store of its own, which is used from that worker's loop only.
 *
 * Every operation has exactly one completion, called on the worker's loop, possibly before the function returns.
 * Operations cannot be cancelled: who loses interest keeps `arg` valid until the completion came. Views that are passed
 * in are read during the call only; what a result points to is valid during the completion only.
 *
 * Time is the store's: `now_us` of a result is its clock (for Redis the server's), so that several cpsd agree on order
 * of arrival, on expiry and on dummies.
 */
#define CPSD_ID_OCTETS 16

struct cpsd_backend;
struct cpsd_store;
struct cpsd_hub_port;

struct cpsd_store_config {
    const char *url;    /* memory:, redis://host:port/db, redis+unix:///path?db=n, redis+cluster://host:port,...,
                           redis+sentinel://host:port,.../name/db; user:password@ where needed */
    unsigned box_limit; /* envelopes in one box; a put beyond it is STIR_E_BOX_FULL, nothing is evicted */
    unsigned box_share; /* percent of them that one publisher may have; 0: all */
    unsigned long memory_limit_bytes; /* memory: only: octets held in all; beyond it STIR_E_UNAVAILABLE */
    unsigned timeout_ms;              /* a request not answered in this time is STIR_E_UNAVAILABLE */
    unsigned max_ttl_ms;              /* no envelope lives longer */
    unsigned replicas;                /* durability: what was written is told when so many of them have it, too */
    const struct stir_log *log;
};
#define CPSD_REPLICAS_MAX 16

/* Who published an envelope: nothing, or CPSD_PUBLISHER_ID octets that tell publishers apart and then up to STIR_TN_MAX
 * others. */
#define CPSD_PUBLISHER_ID 8
#define CPSD_PUBLISHER_MAX (CPSD_PUBLISHER_ID + STIR_TN_MAX)

/* One stored envelope. */
struct cpsd_entry {
    uint8_t id[CPSD_ID_OCTETS];
    int64_t arrival_us; /* strictly increasing within a box */
    int64_t expires_us;
    bool taken; /* it was taken out: nobody can take it again */
    struct stir_view envelope;
    struct stir_view publisher; /* as put; not of a record */
};

/* What has no room. */
enum cpsd_full {
    CPSD_FULL_BOX,   /* the box */
    CPSD_FULL_SHARE, /* the publisher's share of it */
    CPSD_FULL_TAKEN, /* what is remembered of envelopes that were taken: of this publisher's, or of all */
    CPSD_FULL_COUNT,
};

struct cpsd_store_result {
    enum stir_code code; /* STIR_OK, STIR_E_BOX_FULL, STIR_E_NOT_FOUND, STIR_E_REFUSED (keep), STIR_E_TOO_BIG (keep),
                            STIR_E_REPLAYED (the claim), STIR_E_UNAVAILABLE, STIR_E_NOMEM */
    int64_t now_us;      /* the store's clock; set with STIR_OK (put: or 0), STIR_E_NOT_FOUND, _BOX_FULL and _REFUSED */
    bool existed;        /* put: the same envelope was there already, or was consumed before: nothing was added;
                            keep: the same text was there; remove, with STIR_E_NOT_FOUND: it was taken before */
    bool more;           /* list: the limits cut it; go on from the last entry's arrival_us; empty: call it again */
    int64_t retry_after_ms;           /* with STIR_E_BOX_FULL: when the first place in the box falls free; with
                                         STIR_E_UNAVAILABLE: a guess;           at least 1 */
    unsigned limited;                 /* with STIR_E_BOX_FULL: which bucket lacks tokens, from 1; 0: see full */
    enum cpsd_full full;              /* with STIR_E_BOX_FULL and limited 0 */
    unsigned dropped;                 /* put into a ring: entries that made room */
    int64_t tokens_left;              /* publish with STIR_OK: what the emptiest bucket still has; else -1 or 0 */
    const struct cpsd_entry *entries; /* list, get, look: in order of arrival */
    size_t count;
    struct stir_view ids; /* empty: of the envelopes that were there, CPSD_ID_OCTETS each */
};

typedef void cpsd_store_done(void *arg, const struct cpsd_store_result *result);

/* Something that can be used once, such as a token's jti. Every operation accepts one, or NULL. A claim counts for the
 * whole store: a second operation with the same claim within ttl_ms completes with STIR_E_REPLAYED and does nothing
 * else, whichever box, record or kind of operation it is for. The operation and its claim are one step and one round
 * trip; a put that lacks tokens (`limited`) does not take its claim. In a Redis cluster the claim has a slot of its
 * own, so it is taken in a round trip before the operation, and stays taken if the operation is then refused. With
 * STIR_E_UNAVAILABLE and STIR_E_NOMEM it is not known whether the claim was taken. */
struct cpsd_claim {
    uint8_t id[CPSD_ID_OCTETS];
    int64_t ttl_ms; /* 1 or more */
};

/* Makes the backend named by config->url. STIR_E_CONFIG for a URL that is not understood or a scheme that this build
 * lacks (the text says which). Does not need the far server to be there. */
enum stir_code cpsd_backend_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                struct stir_error *err) STIR_MUST_CHECK;
void cpsd_backend_free(struct cpsd_backend *backend); /* after every store was closed */

/* What the operator is to be told at start, in words ("keeps everything in memory: forgets on exit"); never NULL. */
const char *cpsd_backend_description(const struct cpsd_backend *backend);

/* What the operator is to be told of the servers that were found ("10.0.0.1:6379: appendonly is no"), where their
 * settings are not what the durability needs; "" if there is nothing. From any thread. */
void cpsd_backend_advice(struct cpsd_backend *backend, char *out, size_t size);

/* A worker's store on its loop. Connects in the background, reconnects with backoff. The process ignores SIGPIPE. */
enum stir_code cpsd_store_attach(struct cpsd_store **out, struct cpsd_backend *backend, uv_loop_t *loop,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Completes what is open with STIR_E_UNAVAILABLE, closes connections and handles; the loop must run on until `closed`
 * is called. */
void cpsd_store_close(struct cpsd_store *store, void (*closed)(void *arg), void *arg);

/* True if an operation begun now can be expected to succeed (for /ready and /health). */
bool cpsd_store_ready(const struct cpsd_store *store);

/* False until the first attempt to connect has succeeded or failed: no use to begin operations before. */
bool cpsd_store_tried(const struct cpsd_store *store);

/* Stores an envelope under box (a canonical destination). STIR_OK means that it is stored as safely as configured, and
 * that waiters on this box were woken. */
void cpsd_store_put(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                    struct stir_view envelope, int64_t ttl_ms, const struct cpsd_claim *claim, cpsd_store_done *done,
                    void *arg);

/* What is published. */
struct cpsd_put {
    const uint8_t *id; /* CPSD_ID_OCTETS */
    struct stir_view envelope;
    int64_t ttl_ms;
    struct stir_view publisher;     /* see cps/auth/publisher.h; up to CPSD_PUBLISHER_MAX octets */
    const struct cpsd_spend *spend; /* NULL: no limits */
    const struct cpsd_claim *claim;
    unsigned ring; /* not 0: a box of this many entries, of which the oldest make room: it is never full */
};

/* As cpsd_store_put, and keeps beside the envelope who published it: if it is stored; of an envelope that is there
 * already the first publisher stays. Takes tokens from buckets that all servers of one store share, too, in the same
 * round trip. Where one lacks tokens, nothing is taken, claimed or stored: STIR_E_BOX_FULL with `limited`.
 *
 * A publisher has at most its share of a box (box_share), and in a box no more is remembered of what was taken than
 * CPSD_TAKEN_BOXES times what may be in it, of one publisher's as much of its share: STIR_E_BOX_FULL with `full`. What
 * has expired counts until it is cleared away, which a put that finds no room begins with. */
void cpsd_store_publish(struct cpsd_store *store, const struct stir_identity *box, const struct cpsd_put *put,
                        cpsd_store_done *done, void *arg);

/* Takes tokens from one bucket whether it has them or not, so that it is short of them for at most an hour: what was
 * found out afterwards. STIR_OK. */
void cpsd_store_owe(struct cpsd_store *store, const struct cpsd_bucket *bucket, cpsd_store_done *done, void *arg);

/* Lists what is alive and arrived after after_us (0: all), at most `count` entries and about `octets` octets, at least
 * one entry if there is one. An empty or missing box is STIR_OK with count 0. As long as the store's clock is not set
 * back, the result's now_us is not before any arrival that is in the box and before each that will be: it can serve as
 * a cursor where nothing was cut. */
void cpsd_store_list(struct cpsd_store *store, const struct stir_identity *box, int64_t after_us, size_t count,
                     size_t octets, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* One envelope, taken or not, or STIR_E_NOT_FOUND. */
void cpsd_store_get(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                    const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/*
 * Takes an envelope out: STIR_OK once, then STIR_E_NOT_FOUND with existed. That it was taken stays known until it would
 * have expired, and for at least CPSD_TAKEN_MS after it was stored: a put of it again meanwhile completes with STIR_OK
 * and existed, and adds nothing. It needs no room in its box any more. Lists show it, marked, until it would have
 * expired, but no more than CPSD_TAKEN_SHOWN of them in a box, and memory: shows none that is taken while more than
 * half of its memory is in use.
 *
 * remember: an id that is not there is known as taken from now on, for CPSD_TAKEN_MS: the first who asks for it gets
 * STIR_E_NOT_FOUND, later ones existed too. A box remembers that of no more ids than may be in it.
 */
#define CPSD_TAKEN_MS 120000
#define CPSD_TAKEN_SHOWN 64
#define CPSD_TAKEN_BOXES 10
void cpsd_store_remove(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                       bool remember, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* Takes envelopes out as if they had never been there: nothing is remembered of them. ids: CPSD_ID_OCTETS each, up to
 * CPSD_EMPTY_MOST of them; those that are not there are passed over. STIR_OK. */
void cpsd_store_forget(struct cpsd_store *store, const struct stir_identity *box, struct stir_view ids,
                       cpsd_store_done *done, void *arg);

/* Does the same with all that arrived by until_us (0: by now), the oldest first and up to CPSD_EMPTY_MOST in one step;
 * `more`: call it again with the first result's now_us. What is remembered as taken stays so, but lists do not show it
 * any more. STIR_OK; result.ids tells which envelopes were there. */
#define CPSD_EMPTY_MOST 512
void cpsd_store_empty(struct cpsd_store *store, const struct stir_identity *box, int64_t until_us,
                      const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* Takes the claim and does nothing else: STIR_OK, or STIR_E_REPLAYED. */
void cpsd_store_once(struct cpsd_store *store, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/*
 * Records: one text under a name, in a space of their own beside the boxes (a box and a record may have one name).
 */
#define CPSD_RECORD_MAX 65536 /* octets of a text */

/* Keeps a text under a name for ttl_ms in place of the one that is there. STIR_E_REFUSED if that one has a greater
 * order (a key record's iat: an older one never replaces a newer one); STIR_OK and existed, and nothing is changed, if
 * it is the same text; STIR_E_TOO_BIG beyond CPSD_RECORD_MAX. 0 <= order < 2^53. ttl_ms is not cut to max_ttl_ms. */
void cpsd_store_keep(struct cpsd_store *store, const struct stir_identity *name, struct stir_view text, int64_t ttl_ms,
                     int64_t order, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg);

/* STIR_OK with one entry (envelope: the text; expires_us; id and arrival_us are 0), or STIR_E_NOT_FOUND. */
void cpsd_store_look(struct cpsd_store *store, const struct stir_identity *name, const struct cpsd_claim *claim,
                     cpsd_store_done *done, void *arg);

/* Forgets the text under a name: STIR_OK, or STIR_E_NOT_FOUND if there is none. */
void cpsd_store_drop(struct cpsd_store *store, const struct stir_identity *name, const struct cpsd_claim *claim,
                     cpsd_store_done *done, void *arg);

/*
 * Waiting for an arrival in a box, from whichever process it comes. The caller embeds the struct; between
 * cpsd_store_wait and cpsd_store_unwait (or the call of `arrived`) it belongs to the store. `arrived` is called at most
 * once, on the loop of the worker that waits, never from within cpsd_store_wait. To miss nothing: wait first, list
 * then. It is also called where something may have been missed, as when the connection to the store was lost meanwhile:
 * look what there is.
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
void cpsd_store_unwait(struct cpsd_wait *wait); /* fine if it is not waiting */

/* For /metrics; relaxed counters summed over the backend's stores. */
struct cpsd_store_stats {
    uint64_t operations, failures, reconnects, stored, consumed, expired_seen;
    uint64_t
        latency_bucket[16]; /* operations by latency: bucket i counts those under 100 us * 2^i, the last all others */
    uint64_t latency_sum_us;
    uint64_t connections_up;
    uint64_t full[CPSD_FULL_COUNT];    /* puts that found no room */
    uint64_t dropped, emptied;         /* entries of rings that made room; envelopes that cpsd_store_empty took out */
    uint64_t held, held_octets, taken; /* memory: only */
};
void cpsd_backend_stats(struct cpsd_backend *backend, struct cpsd_store_stats *out);
