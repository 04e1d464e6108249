/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/store.h"

#include <pthread.h>

/*
 * The readers that wait for an arrival in a box, of all workers of the process. Each worker has a port: it is woken
 * through one uv_async_t, whatever the number of its readers.
 *
 * Lock order: a shard's lock, then a port's. `arrived` is called with neither held.
 */
struct cpsd_hub;

struct cpsd_hub_port {
    struct cpsd_hub *hub;
    uv_async_t async;
    pthread_mutex_t lock;
    struct cpsd_wait *fired;      /* under the lock: woken, but not yet seen by the port's loop */
    struct cpsd_wait *delivering; /* used by the loop only: those whose `arrived` is being called */
    bool open;
    void (*closed)(void *arg);
    void *arg;
};

enum stir_code cpsd_hub_new(struct cpsd_hub **out, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_hub_free(struct cpsd_hub *hub); /* after every port was closed */

enum stir_code cpsd_hub_open(struct cpsd_hub *hub, struct cpsd_hub_port *port, uv_loop_t *loop,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Removes the port's waiting readers and closes it. `closed` is called from the loop. */
void cpsd_hub_close(struct cpsd_hub_port *port, void (*closed)(void *arg), void *arg);

/* On the port's loop. */
void cpsd_hub_wait(struct cpsd_hub_port *port, struct cpsd_wait *wait, const struct stir_identity *box,
                   void (*arrived)(void *arg), void *arg);
void cpsd_hub_unwait(struct cpsd_wait *wait);

/* Wakes the readers that wait for this box through this port. On the port's loop. */
void cpsd_hub_wake_port(struct cpsd_hub_port *port, const struct stir_identity *box);

/* True if a reader waits for this box through this port. */
bool cpsd_hub_waits(struct cpsd_hub_port *port, const struct stir_identity *box);

/* Returns the hash of a box for use in hash tables: keyed, so that a client cannot choose it. */
uint64_t cpsd_hub_hash(const struct cpsd_hub *hub, const char *text, size_t len);

/* Wakes all readers that wait for this box. From any thread. */
void cpsd_hub_wake(struct cpsd_hub *hub, const struct stir_identity *box);
