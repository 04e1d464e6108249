/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * The replay memory: which PASSporTs were used, each at which destination (used_passports.h). A claim of an id succeeds
 * once until `expires`. The memory never forgets a claim to make room: when it is full, claims fail. Thread-safe.
 */
#define CPS_REPLAY_ID 32

struct cps_replay_memory {
    /* Claims an id until `expires`; times are in seconds. CPS_OK: it is the first use. CPS_E_REPLAYED,
     * CPS_E_REPLAY_FULL, CPS_E_REPLAY_STORE, CPS_E_NOMEM. */
    enum cps_code (*claim)(struct cps_replay_memory *memory, const uint8_t id[CPS_REPLAY_ID], int64_t expires,
                           int64_t now, struct cps_error *err);
    /* Sets *known to whether an id is claimed. CPS_E_REPLAY_STORE. */
    enum cps_code (*known)(struct cps_replay_memory *memory, const uint8_t id[CPS_REPLAY_ID], int64_t now, bool *known,
                           struct cps_error *err);
    /* Gives a claim back: the PASSporT was not used after all. */
    void (*forget)(struct cps_replay_memory *memory, const uint8_t id[CPS_REPLAY_ID]);
    void (*free)(struct cps_replay_memory *memory);
    atomic_uint shared; /* number of further handles that share it */
};

/* Makes a memory in this process, for up to `max` ids. CPS_E_NOMEM. */
enum cps_code cps_replay_new_memory(struct cps_replay_memory **out, uint32_t max,
                                    struct cps_error *err) STIR_MUST_CHECK;

/* Opens or creates a memory in a file that several processes share. Claims survive a crash of the processes; a loss of
 * power may take the last ones. CPS_E_REPLAY_STORE names the file; CPS_E_NOMEM. */
enum cps_code cps_replay_new_sqlite(struct cps_replay_memory **out, const char *path, uint32_t max,
                                    struct cps_error *err) STIR_MUST_CHECK;

/* Shares the memory with one more handle, which frees it in its turn. */
struct cps_replay_memory *cps_replay_share(struct cps_replay_memory *memory);

/* Frees the memory, unless other handles share it. NULL is fine. */
void cps_replay_free(struct cps_replay_memory *memory);
