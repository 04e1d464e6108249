/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/replay.h"

#include <assert.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A hash table with open addressing and linear probing. An empty slot has expires 0. Entries leave only when the table
 * is rebuilt, so there are no tombstones. */
struct slot {
    uint8_t id[CPS_REPLAY_ID];
    int64_t expires; /* the last second in which it is remembered */
};

struct in_process {
    struct cps_replay_memory base;
    pthread_mutex_t lock;
    struct slot *slots;
    size_t size; /* a power of two, at least 4/3 of count */
    size_t count;
    size_t max;
    int64_t earliest; /* no entry expires before it */
    uint64_t secret[2];
};

#define FIRST_SIZE 1024

static size_t replay_memory_slot(const struct in_process *memory, const uint8_t id[CPS_REPLAY_ID])
{
    uint64_t head;
    memcpy(&head, id, sizeof(head));
    /* A secret odd factor: an attacker who can choose ids still cannot choose slots. */
    uint64_t mixed = (head ^ memory->secret[0]) * (memory->secret[1] | 1);
    return (size_t)(mixed >> 20) & (memory->size - 1);
}

/* Returns the slot of an id, or the empty one where it would go. */
static struct slot *replay_memory_find(const struct in_process *memory, const uint8_t id[CPS_REPLAY_ID])
{
    size_t i = replay_memory_slot(memory, id);
    while (memory->slots[i].expires && memcmp(memory->slots[i].id, id, CPS_REPLAY_ID) != 0) {
        i = (i + 1) & (memory->size - 1);
    }
    return &memory->slots[i];
}

/* Moves what has not expired into a table of `size` slots. Returns false if out of memory. */
static bool replay_memory_rebuild(struct in_process *memory, size_t size, int64_t now)
{
    assert(size && (size & (size - 1)) == 0); /* slots are chosen with a mask */
    struct slot *fresh = calloc(size, sizeof(*fresh));
    if (!fresh) {
        return false;
    }
    struct slot *old = memory->slots;
    size_t old_size = memory->size;
    memory->slots = fresh;
    memory->size = size;
    memory->count = 0;
    memory->earliest = INT64_MAX;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].expires && old[i].expires >= now) {
            *replay_memory_find(memory, old[i].id) = old[i];
            memory->count++;
            memory->earliest = old[i].expires < memory->earliest ? old[i].expires : memory->earliest;
        }
    }
    free(old);
    return true;
}

/* Makes room for one more entry: forgets what has expired, then grows. */
static enum cps_code replay_memory_make_room(struct in_process *memory, int64_t now, struct cps_error *err)
{
    bool full = memory->count >= memory->max;
    if (!full && memory->count < memory->size / 4 * 3) {
        return CPS_OK;
    }
    if (memory->earliest < now && !replay_memory_rebuild(memory, memory->size, now)) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    if (memory->count >= memory->max) {
        return cps_fail(err, CPS_E_REPLAY_FULL, "the replay memory is full with %zu PASSporTs (replay_max)",
                        memory->max);
    }
    if (memory->count >= memory->size / 8 * 5 && !replay_memory_rebuild(memory, memory->size * 2, now)) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    return CPS_OK;
}

static enum cps_code replay_memory_claim_locked(struct in_process *memory, const uint8_t id[CPS_REPLAY_ID],
                                                int64_t expires, int64_t now, struct cps_error *err)
{
    struct slot *slot = replay_memory_find(memory, id);
    if (slot->expires && slot->expires >= now) {
        return cps_fail(err, CPS_E_REPLAYED, "the PASSporT was used before");
    }
    if (!slot->expires) {
        enum cps_code code = replay_memory_make_room(memory, now, err);
        if (code != CPS_OK) {
            return code;
        }
        slot = replay_memory_find(memory, id);
        memcpy(slot->id, id, CPS_REPLAY_ID);
        memory->count++;
    }
    slot->expires = expires > 0 ? expires : 1;
    memory->earliest = slot->expires < memory->earliest ? slot->expires : memory->earliest;
    return CPS_OK;
}

static enum cps_code replay_memory_claim(struct cps_replay_memory *base, const uint8_t id[CPS_REPLAY_ID],
                                         int64_t expires, int64_t now, struct cps_error *err)
{
    struct in_process *memory = (struct in_process *)base;
    pthread_mutex_lock(&memory->lock);
    enum cps_code code = replay_memory_claim_locked(memory, id, expires, now, err);
    pthread_mutex_unlock(&memory->lock);
    return code;
}

static enum cps_code replay_memory_is_known(struct cps_replay_memory *base, const uint8_t id[CPS_REPLAY_ID],
                                            int64_t now, bool *known, struct cps_error *err)
{
    struct in_process *memory = (struct in_process *)base;
    (void)err;
    pthread_mutex_lock(&memory->lock);
    const struct slot *slot = replay_memory_find(memory, id);
    *known = slot->expires && slot->expires >= now;
    pthread_mutex_unlock(&memory->lock);
    return CPS_OK;
}

static void replay_memory_forget(struct cps_replay_memory *base, const uint8_t id[CPS_REPLAY_ID])
{
    struct in_process *memory = (struct in_process *)base;
    pthread_mutex_lock(&memory->lock);
    struct slot *slot = replay_memory_find(memory, id);
    if (slot->expires) {
        slot->expires = 1; /* long ago */
        memory->earliest = 1;
    }
    pthread_mutex_unlock(&memory->lock);
}

static void replay_memory_free(struct cps_replay_memory *base)
{
    struct in_process *memory = (struct in_process *)base;
    pthread_mutex_destroy(&memory->lock);
    free(memory->slots);
    free(memory);
}

enum cps_code cps_replay_new_memory(struct cps_replay_memory **out, uint32_t max, struct cps_error *err)
{
    struct in_process *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    memory->base = (struct cps_replay_memory){.claim = replay_memory_claim,
                                              .known = replay_memory_is_known,
                                              .forget = replay_memory_forget,
                                              .free = replay_memory_free};
    memory->max = max;
    memory->earliest = INT64_MAX;
    memory->size = FIRST_SIZE;
    memory->slots = calloc(FIRST_SIZE, sizeof(*memory->slots));
    if (!memory->slots || RAND_bytes((unsigned char *)memory->secret, sizeof(memory->secret)) != 1) {
        free(memory->slots);
        free(memory);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    pthread_mutex_init(&memory->lock, NULL);
    *out = &memory->base;
    return CPS_OK;
}

struct cps_replay_memory *cps_replay_share(struct cps_replay_memory *memory)
{
    atomic_fetch_add(&memory->shared, 1);
    return memory;
}

void cps_replay_free(struct cps_replay_memory *memory)
{
    if (memory && atomic_fetch_sub(&memory->shared, 1) == 0) {
        memory->free(memory);
    }
}
