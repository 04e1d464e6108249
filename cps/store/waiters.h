#pragma once

#include "cps/store/store.h"

#include <pthread.h>

/*
 * Who waits for an arrival in which box, for all workers of the process. Each worker has a port: waking crosses to its
 * loop through one uv_async_t, however many wait.
 *
 * Lock order: a shard's lock, then a port's. `arrived` is called with neither held.
 */
struct cpsd_hub;

struct cpsd_hub_port {
    struct cpsd_hub *hub;
    uv_async_t async;
    pthread_mutex_t lock;
    struct cpsd_wait *fired;      /* under lock: woken, not yet seen by the port's loop */
    struct cpsd_wait *delivering; /* the loop's own: those whose `arrived` is being called */
    bool open;
    void (*closed)(void *arg);
    void *arg;
};

enum stir_code cpsd_hub_new(struct cpsd_hub **out, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_hub_free(struct cpsd_hub *hub); /* after every port was closed */

enum stir_code cpsd_hub_open(struct cpsd_hub *hub, struct cpsd_hub_port *port, uv_loop_t *loop,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Forgets the port's waiters, then closes it; `closed` comes from the loop. */
void cpsd_hub_close(struct cpsd_hub_port *port, void (*closed)(void *arg), void *arg);

/* On the port's loop. */
void cpsd_hub_wait(struct cpsd_hub_port *port, struct cpsd_wait *wait, const struct stir_identity *box,
                   void (*arrived)(void *arg), void *arg);
void cpsd_hub_unwait(struct cpsd_wait *wait);

/* Wakes who waits for this box through this port; on the port's loop. */
void cpsd_hub_wake_port(struct cpsd_hub_port *port, const struct stir_identity *box);

/* True if anybody waits for this box through this port. */
bool cpsd_hub_waits(struct cpsd_hub_port *port, const struct stir_identity *box);

/* A box's hash in tables of its kind: keyed, so that nobody can choose it. */
uint64_t cpsd_hub_hash(const struct cpsd_hub *hub, const char *text, size_t len);

/* From any thread: wakes everybody who waits for this box. */
void cpsd_hub_wake(struct cpsd_hub *hub, const struct stir_identity *box);
