/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/conn.h"

#include "cps/store/redis/wire/greeting.h"
#include "cps/store/redis/wire/pending.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define PAUSE_FIRST_MS 20
#define PAUSE_MAX_MS 500
#define WELL_NS (5000 * MS) /* a connection that held longer counts as a success */
#define ATTEMPT_MAX_MS 1000
#define LATE_MS 5
#define LOCATE_MS 20 /* between two calls of locate */

static void conn_begin_attempt(struct cpsd_redis_conn *conn);
static void conn_give_up(struct cpsd_redis_conn *conn, const char *why);

static void conn_on_timer(uv_timer_t *timer);

/* Calls conn_on_timer when uv_hrtime has reached due_ns. The loop's own clock may be late, so the timer may fire early.
 */
static void conn_arm_timer(struct cpsd_redis_conn *conn, uint64_t due_ns)
{
    uint64_t now = uv_hrtime();
    conn->due_ns = due_ns;
    uv_update_time(conn->loop);
    (void)uv_timer_start(&conn->timer, conn_on_timer, due_ns > now ? (due_ns - now) / MS + 1 : 0, 0);
}

static void conn_log(struct cpsd_redis_conn *conn, enum stir_log_level level, const char *what)
{
    char where[300];
    cpsd_redis_address_name(conn->config->address, where, sizeof(where));
    stir_log_plain(conn->config->log, level, "Redis at %s: %s", where, what);
}

/* Logs a failure as a warning once, and further attempts that fail alike as debug messages. */
static void conn_log_trouble(struct cpsd_redis_conn *conn, const char *why)
{
    if (strncmp(conn->trouble, why, sizeof(conn->trouble) - 1) != 0) {
        (void)snprintf(conn->trouble, sizeof(conn->trouble), "%s", why);
        conn_log(conn, STIR_LOG_WARNING, why);
    } else {
        conn_log(conn, STIR_LOG_DEBUG, why);
    }
}

/* Requests. */

bool cpsd_redis_conn_send(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request)
{
    if (conn->state != CPSD_REDIS_UP || conn->pending >= CPSD_REDIS_PENDING_MAX ||
        !cpsd_redis_pending_add(conn, request)) {
        return false;
    }
    if (!uv_is_active((uv_handle_t *)&conn->timer)) {
        conn_arm_timer(conn, conn->first->due_ns);
    }
    return true;
}

bool cpsd_redis_conn_up(const struct cpsd_redis_conn *conn)
{
    return conn->state == CPSD_REDIS_UP;
}

static void conn_on_replied(void *owner, const redisReply *reply)
{
    struct cpsd_redis_conn *conn = owner;
    struct cpsd_redis_request *request = conn->first;
    assert((request == NULL) == (conn->pending == 0));
    /* messages of subscriptions come between answers */
    if (conn->config->push && conn->config->push(conn->config->owner, reply)) {
        return;
    }
    if (!request) {
        conn_give_up(conn, "unexpected answer");
        return;
    }
    /* one of several answers to this request */
    if (request->firsts) {
        request->firsts--;
        if (!request->first(request, reply)) {
            conn_give_up(conn, "malformed answer");
        }
        return;
    }
    /* the last answer: the request is its owner's again, unless the answer is malformed */
    cpsd_redis_pending_take(conn);
    conn->late = false;
    if (!request->answered(request, reply)) {
        cpsd_redis_pending_put_back(conn, request);
        conn_give_up(conn, conn->refusal[0] ? conn->refusal : "malformed answer");
    }
}

/* Up and down. */

static void conn_on_greeted(struct cpsd_redis_conn *conn)
{
    assert(conn->greetings > 0);
    conn->greetings--;
    if (conn->greetings) {
        return;
    }
    conn->reloading = false;
    if (conn->state != CPSD_REDIS_GREETING) {
        return;
    }
    cpsd_redis_link_secret(conn->link, false);
    (void)uv_timer_stop(&conn->timer);
    conn->state = CPSD_REDIS_UP;
    conn->up_ns = uv_hrtime();
    conn->trouble[0] = '\0';
    conn_log(conn, conn->config->use == CPSD_REDIS_FOR_REQUESTS ? STIR_LOG_NOTICE : STIR_LOG_DEBUG, "connected");
    conn->config->up(conn->config->owner);
}

static void conn_close_link(struct cpsd_redis_conn *conn)
{
    if (conn->link) {
        cpsd_redis_link_close(conn->link);
        conn->link = NULL;
    }
}

/* Half of the pause is random, so that the workers of many hosts do not reconnect at the same time. */
static uint64_t conn_pause_ns(const struct cpsd_redis_conn *conn)
{
    uint64_t most = conn->attempts < 5 ? (uint64_t)PAUSE_FIRST_MS << conn->attempts : PAUSE_MAX_MS;
    most = (most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS) * MS;
    uint64_t chance = uv_hrtime() * UINT64_C(6364136223846793005) >> 33;
    return most / 2 + chance % (most / 2);
}

static void conn_drop(struct cpsd_redis_conn *conn)
{
    bool was_up = conn->state == CPSD_REDIS_UP;
    if (was_up && uv_hrtime() - conn->up_ns > WELL_NS) {
        conn->attempts = 0;
    }
    conn_close_link(conn);
    conn->refusal[0] = '\0';
    conn->state = CPSD_REDIS_WAITING;
    conn_arm_timer(conn, uv_hrtime() + conn_pause_ns(conn));
    conn->attempts++;
    if (was_up) {
        conn->config->down(conn->config->owner);
    }
    cpsd_redis_pending_fail(conn);
}

static void conn_give_up(struct cpsd_redis_conn *conn, const char *why)
{
    conn_log_trouble(conn, why);
    conn_drop(conn);
}

/* Connecting. */

static void conn_on_connected(void *owner)
{
    struct cpsd_redis_conn *conn = owner;
    conn->state = CPSD_REDIS_GREETING;
    conn->greetings = 0;
    conn->reloading = false;
    cpsd_redis_link_secret(conn->link, true);
    if (!cpsd_redis_greet(conn)) {
        conn_give_up(conn, "out of memory while connecting");
    }
}

static void conn_part_closed(struct cpsd_redis_conn *conn)
{
    assert(conn->parts > 0);
    if (--conn->parts == 0) {
        conn->config->closed(conn->config->owner);
    }
}

static void conn_on_link_closed(void *owner)
{
    conn_part_closed(owner);
}

static void conn_on_lost(void *owner, const char *why);

static void conn_on_flushing(void *owner)
{
    const struct cpsd_redis_conn *conn = owner;
    if (conn->config->flushing && conn->state == CPSD_REDIS_UP) {
        conn->config->flushing(conn->config->owner);
    }
}

static void conn_open_link(struct cpsd_redis_conn *conn, const struct sockaddr *to)
{
    static const struct cpsd_redis_link_events events = {.connected = conn_on_connected,
                                                         .flushing = conn_on_flushing,
                                                         .replied = conn_on_replied,
                                                         .lost = conn_on_lost,
                                                         .closed = conn_on_link_closed};
    unsigned ms = conn->config->timeout_ms < ATTEMPT_MAX_MS ? conn->config->timeout_ms : ATTEMPT_MAX_MS;
    assert(!conn->link);
    conn->state = CPSD_REDIS_CONNECTING;
    conn->link = cpsd_redis_link_open(conn->loop, conn->config->address, to, &events, conn);
    if (!conn->link) {
        conn_give_up(conn, "cannot connect: out of memory or file descriptors");
        return;
    }
    conn->parts++;
    conn_arm_timer(conn, uv_hrtime() + ms * MS);
}

static bool conn_open_next(struct cpsd_redis_conn *conn)
{
    if (conn->to_next >= conn->to_count) {
        return false;
    }
    conn_close_link(conn);
    conn_open_link(conn, (const struct sockaddr *)&conn->to[conn->to_next++]);
    return true;
}

static void conn_on_lost(void *owner, const char *why)
{
    struct cpsd_redis_conn *conn = owner;
    if (conn->state != CPSD_REDIS_CONNECTING || !conn_open_next(conn)) {
        conn_give_up(conn, why);
    }
}

static void conn_keep_addresses(struct cpsd_redis_conn *conn, const struct addrinfo *list)
{
    conn->to_count = 0;
    conn->to_next = 0;
    for (; list && conn->to_count < sizeof(conn->to) / sizeof(conn->to[0]); list = list->ai_next) {
        if (list->ai_addrlen <= sizeof(conn->to[0])) {
            memcpy(&conn->to[conn->to_count++], list->ai_addr, list->ai_addrlen);
        }
    }
}

static void conn_on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *list)
{
    struct cpsd_redis_conn *conn = resolve->data;
    conn_keep_addresses(conn, status ? NULL : list);
    uv_freeaddrinfo(list);
    if (conn->state == CPSD_REDIS_RESOLVING && !conn_open_next(conn)) {
        conn_give_up(conn, status ? uv_strerror(status) : "host name has no address");
    }
    conn_part_closed(conn);
}

static void conn_begin_resolving(struct cpsd_redis_conn *conn)
{
    const struct cpsd_redis_address *address = conn->config->address;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[16];
    (void)snprintf(port, sizeof(port), "%u", address->port);
    conn->state = CPSD_REDIS_RESOLVING;
    int status = uv_getaddrinfo(conn->loop, &conn->resolve, conn_on_resolved, address->host, port, &hints);
    if (status) {
        conn_give_up(conn, uv_strerror(status));
    } else {
        conn->parts++;
    }
}

static void conn_begin_attempt(struct cpsd_redis_conn *conn)
{
    if (conn->config->locate && !conn->config->locate(conn->config->owner)) {
        conn->state = CPSD_REDIS_WAITING;
        conn_arm_timer(conn, uv_hrtime() + LOCATE_MS * MS);
        return;
    }
    const struct cpsd_redis_address *address = conn->config->address;
    conn->to_count = 0;
    conn->to_next = 0;
    if (address->local) {
        conn_open_link(conn, NULL);
    } else if (uv_ip4_addr(address->host, (int)address->port, (struct sockaddr_in *)&conn->to[0]) == 0 ||
               uv_ip6_addr(address->host, (int)address->port, (struct sockaddr_in6 *)&conn->to[0]) == 0) {
        conn->to_count = 1;
        (void)conn_open_next(conn);
    } else {
        conn_begin_resolving(conn);
    }
}

/* A request may be overdue because this loop was delayed, so what has arrived meanwhile is read first. */
static void conn_check_oldest(struct cpsd_redis_conn *conn)
{
    uint64_t now = uv_hrtime();
    if (!conn->first) {
        return;
    }
    if (now < conn->first->due_ns) {
        conn_arm_timer(conn, conn->first->due_ns);
    } else if (!conn->late) {
        conn->late = true;
        conn_arm_timer(conn, now + LATE_MS * MS);
    } else {
        conn->late = false;
        conn_give_up(conn, "request timed out");
    }
}

static void conn_on_timer(uv_timer_t *timer)
{
    struct cpsd_redis_conn *conn = timer->data;
    if (uv_hrtime() < conn->due_ns) {
        conn_arm_timer(conn, conn->due_ns);
        return;
    }
    /* what the timer was started for depends on the state */
    switch (conn->state) {
    case CPSD_REDIS_WAITING:
        conn_begin_attempt(conn);
        break;
    case CPSD_REDIS_CONNECTING:
        conn_on_lost(conn, "connecting timed out");
        break;
    case CPSD_REDIS_GREETING:
        conn_give_up(conn, "no answer to AUTH or the other commands after connecting: timed out");
        break;
    case CPSD_REDIS_UP:
        conn_check_oldest(conn);
        break;
    case CPSD_REDIS_RESOLVING:
    case CPSD_REDIS_CLOSED:
        break;
    }
}

void cpsd_redis_conn_open(struct cpsd_redis_conn *conn, uv_loop_t *loop, const struct cpsd_redis_conn_config *config)
{
    *conn = (struct cpsd_redis_conn){.config = config, .loop = loop, .parts = 1};
    conn->greeted = conn_on_greeted;
    cpsd_redis_pending_init(conn);
    (void)uv_timer_init(loop, &conn->timer);
    conn->timer.data = conn;
    conn->resolve.data = conn;
    conn_begin_attempt(conn);
}

void cpsd_redis_conn_move(struct cpsd_redis_conn *conn, const char *why)
{
    if (conn->state == CPSD_REDIS_CLOSED || conn->state == CPSD_REDIS_RESOLVING) {
        return; /* the next attempt goes to the new address */
    }
    if (conn->state != CPSD_REDIS_WAITING) {
        conn_log(conn, STIR_LOG_DEBUG, why);
        conn_drop(conn);
    }
    conn_arm_timer(conn, uv_hrtime());
}

static void conn_on_timer_closed(uv_handle_t *handle)
{
    conn_part_closed(handle->data);
}

void cpsd_redis_conn_close(struct cpsd_redis_conn *conn)
{
    bool was_up = conn->state == CPSD_REDIS_UP;
    if (conn->state == CPSD_REDIS_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&conn->resolve);
    }
    conn->state = CPSD_REDIS_CLOSED;
    conn_close_link(conn);
    uv_close((uv_handle_t *)&conn->timer, conn_on_timer_closed);
    if (was_up) {
        conn->config->down(conn->config->owner);
    }
    cpsd_redis_pending_fail(conn);
}
