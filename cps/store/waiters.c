/* SPDX-License-Identifier: MIT */
#include "cps/store/waiters.h"

#include "common/base/siphash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 64
#define BUCKETS 256 /* per shard: with 10,000 waiters less than one per bucket */

struct hub_shard {
    pthread_mutex_t lock;
    struct cpsd_wait *bucket[BUCKETS];
};

struct cpsd_hub {
    struct stir_siphash_key key;
    struct hub_shard shard[SHARDS];
};

static void hub_link_wait(struct cpsd_wait **head, struct cpsd_wait *wait)
{
    assert(!wait->link); /* it is in at most one list */
    wait->next = *head;
    wait->link = head;
    if (wait->next) {
        wait->next->link = &wait->next;
    }
    *head = wait;
}

static void hub_unlink_wait(struct cpsd_wait *wait)
{
    if (!wait->link) {
        return;
    }
    *wait->link = wait->next;
    if (wait->next) {
        wait->next->link = wait->link;
    }
    wait->next = NULL;
    wait->link = NULL;
}

static struct hub_shard *hub_shard_of(struct cpsd_hub *hub, uint64_t hash)
{
    return &hub->shard[hash % SHARDS];
}

static struct cpsd_wait **hub_bucket_of(struct hub_shard *shard, uint64_t hash)
{
    return &shard->bucket[hash / SHARDS % BUCKETS];
}

static bool hub_same_box(const struct stir_identity *a, const struct stir_identity *b)
{
    return a->kind == b->kind && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

enum stir_code cpsd_hub_new(struct cpsd_hub **out, struct stir_error *err)
{
    struct cpsd_hub *hub = calloc(1, sizeof(*hub));
    if (!hub) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the table of waiting readers");
    }
    if (stir_siphash_key_new(&hub->key)) {
        free(hub);
        return stir_fail(err, STIR_E_CRYPTO, "cannot get random octets from the system");
    }
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_init(&hub->shard[i].lock, NULL);
    }
    *out = hub;
    return STIR_OK;
}

void cpsd_hub_free(struct cpsd_hub *hub)
{
    if (!hub) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_destroy(&hub->shard[i].lock);
    }
    free(hub);
}

/* Moves the woken waiters to a list that only this loop uses. So a waiter that waits again from within `arrived`, and
 * is woken again meanwhile, is called in the next round. */
static void hub_on_woken(uv_async_t *async)
{
    struct cpsd_hub_port *port = async->data;
    (void)pthread_mutex_lock(&port->lock);
    port->delivering = port->fired;
    port->fired = NULL;
    if (port->delivering) {
        port->delivering->link = &port->delivering;
    }
    (void)pthread_mutex_unlock(&port->lock);
    while (port->delivering) {
        struct cpsd_wait *wait = port->delivering;
        hub_unlink_wait(wait);
        wait->waiting = false;
        wait->arrived(wait->arg);
    }
}

enum stir_code cpsd_hub_open(struct cpsd_hub *hub, struct cpsd_hub_port *port, uv_loop_t *loop, struct stir_error *err)
{
    int status = uv_async_init(loop, &port->async, hub_on_woken);
    if (status) {
        return stir_fail(err, STIR_E_IO, "cannot register the worker for wake-ups: %s", uv_strerror(status));
    }
    port->async.data = port;
    port->hub = hub;
    port->fired = NULL;
    port->delivering = NULL;
    port->open = true;
    (void)pthread_mutex_init(&port->lock, NULL);
    return STIR_OK;
}

static void hub_forget_shard(struct hub_shard *shard, struct cpsd_hub_port *port)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct cpsd_wait *wait = shard->bucket[i], *next; wait; wait = next) {
            next = wait->next;
            if (wait->port == port) {
                hub_unlink_wait(wait);
                wait->waiting = false;
            }
        }
    }
}

static void hub_forget_list(struct cpsd_wait **list)
{
    while (*list) {
        struct cpsd_wait *wait = *list;
        hub_unlink_wait(wait);
        wait->waiting = false;
    }
}

static void hub_port_closed(uv_handle_t *handle)
{
    struct cpsd_hub_port *port = handle->data;
    (void)pthread_mutex_destroy(&port->lock);
    port->closed(port->arg);
}

void cpsd_hub_close(struct cpsd_hub_port *port, void (*closed)(void *arg), void *arg)
{
    port->open = false;
    port->closed = closed;
    port->arg = arg;
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_lock(&port->hub->shard[i].lock);
        hub_forget_shard(&port->hub->shard[i], port);
        (void)pthread_mutex_unlock(&port->hub->shard[i].lock);
    }
    (void)pthread_mutex_lock(&port->lock);
    hub_forget_list(&port->fired);
    (void)pthread_mutex_unlock(&port->lock);
    hub_forget_list(&port->delivering);
    uv_close((uv_handle_t *)&port->async, hub_port_closed);
}

void cpsd_hub_wait(struct cpsd_hub_port *port, struct cpsd_wait *wait, const struct stir_identity *box,
                   void (*arrived)(void *arg), void *arg)
{
    wait->arrived = arrived;
    wait->arg = arg;
    wait->box = *box;
    wait->hash = stir_siphash(&port->hub->key, box->text, box->len);
    wait->port = port;
    wait->waiting = port->open;
    if (!port->open) {
        return;
    }
    struct hub_shard *shard = hub_shard_of(port->hub, wait->hash);
    (void)pthread_mutex_lock(&shard->lock);
    hub_link_wait(hub_bucket_of(shard, wait->hash), wait);
    (void)pthread_mutex_unlock(&shard->lock);
}

/* Takes both locks: the waiter is in a bucket or in its port's list of woken ones, and another thread may be moving it
 * from one to the other. */
void cpsd_hub_unwait(struct cpsd_wait *wait)
{
    if (!wait->waiting) {
        return;
    }
    struct hub_shard *shard = hub_shard_of(wait->port->hub, wait->hash);
    (void)pthread_mutex_lock(&shard->lock);
    (void)pthread_mutex_lock(&wait->port->lock);
    hub_unlink_wait(wait);
    (void)pthread_mutex_unlock(&wait->port->lock);
    (void)pthread_mutex_unlock(&shard->lock);
    wait->waiting = false;
}

/* Moves a waiter to its port's list of woken ones and wakes the port's loop. With the shard's lock held. */
static void hub_fire(struct cpsd_wait *wait)
{
    struct cpsd_hub_port *port = wait->port;
    (void)pthread_mutex_lock(&port->lock);
    bool first = !port->fired;
    hub_unlink_wait(wait);
    hub_link_wait(&port->fired, wait);
    (void)pthread_mutex_unlock(&port->lock);
    if (first) {
        (void)uv_async_send(&port->async);
    }
}

uint64_t cpsd_hub_hash(const struct cpsd_hub *hub, const char *text, size_t len)
{
    return stir_siphash(&hub->key, text, len);
}

/* Wakes the waiters of a box at one port, or at all ports if port is NULL. */
static void hub_wake_matching(struct cpsd_hub *hub, const struct cpsd_hub_port *port, const struct stir_identity *box)
{
    uint64_t hash = cpsd_hub_hash(hub, box->text, box->len);
    struct hub_shard *shard = hub_shard_of(hub, hash);
    (void)pthread_mutex_lock(&shard->lock);
    for (struct cpsd_wait *wait = *hub_bucket_of(shard, hash), *next; wait; wait = next) {
        next = wait->next;
        if (wait->hash == hash && (!port || wait->port == port) && hub_same_box(&wait->box, box)) {
            hub_fire(wait);
        }
    }
    (void)pthread_mutex_unlock(&shard->lock);
}

void cpsd_hub_wake(struct cpsd_hub *hub, const struct stir_identity *box)
{
    hub_wake_matching(hub, NULL, box);
}

void cpsd_hub_wake_port(struct cpsd_hub_port *port, const struct stir_identity *box)
{
    hub_wake_matching(port->hub, port, box);
}

bool cpsd_hub_waits(struct cpsd_hub_port *port, const struct stir_identity *box)
{
    uint64_t hash = cpsd_hub_hash(port->hub, box->text, box->len);
    struct hub_shard *shard = hub_shard_of(port->hub, hash);
    (void)pthread_mutex_lock(&shard->lock);
    const struct cpsd_wait *wait = *hub_bucket_of(shard, hash);
    while (wait && !(wait->hash == hash && wait->port == port && hub_same_box(&wait->box, box))) {
        wait = wait->next;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return wait != NULL;
}
