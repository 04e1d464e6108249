#pragma once

#include "client/lib/context/errors.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * The replay memory: which PASSporTs were used, each at which destination (used.h). A claim succeeds once for an id
 * until `expires`. It never forgets to make room: when it is full, claims fail. Thread-safe.
 */
#define CPS_REPLAY_ID 32

struct cps_replay_memory {
    /* CPS_OK: claimed, first use. CPS_E_REPLAYED, CPS_E_REPLAY_FULL, CPS_E_REPLAY_STORE, CPS_E_NOMEM. Times in seconds.
     */
    enum cps_code (*claim)(struct cps_replay_memory *memory, const uint8_t id[CPS_REPLAY_ID], int64_t expires,
                           int64_t now, struct cps_error *err);
    /* Tells whether an id is claimed. CPS_E_REPLAY_STORE. */
    enum cps_code (*known)(struct cps_replay_memory *memory, const uint8_t id[CPS_REPLAY_ID], int64_t now, bool *known,
                           struct cps_error *err);
    /* Gives a claim back: it was for something that did not come about after all. */
    void (*forget)(struct cps_replay_memory *memory, const uint8_t id[CPS_REPLAY_ID]);
    void (*free)(struct cps_replay_memory *memory);
    atomic_uint shared; /* by so many handles beside the first */
};

/* In this process, up to `max` ids. CPS_E_NOMEM. */
enum cps_code cps_replay_new_memory(struct cps_replay_memory **out, uint32_t max,
                                    struct cps_error *err) STIR_MUST_CHECK;

/* In a file that several processes share. CPS_E_REPLAY_STORE names it. Survives a crash of its users; after a loss of
 * power the last claims before it may be forgotten. */
enum cps_code cps_replay_new_sqlite(struct cps_replay_memory **out, const char *path, uint32_t max,
                                    struct cps_error *err) STIR_MUST_CHECK;

/* One more handle uses it, and frees it in its turn. */
struct cps_replay_memory *cps_replay_share(struct cps_replay_memory *memory);

void cps_replay_free(struct cps_replay_memory *memory);
