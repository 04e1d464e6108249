/* SPDX-License-Identifier: MIT */
#include "cps/server/server_internal.h"

#include <poll.h>

/* Time limits of connections, and their end when the server is stopped. */
#define LINGER_MS 2000
#define JUDGED_AT_ONCE 128  /* waiting requests that are judged again per tick: each takes signature checks */
#define HALF_CLOSED_TICKS 4 /* ticks between two looks for clients that shut down their side */
#define POLLED_AT_ONCE 256
#define FETCH_GRACE_MS 1000 /* time a request may wait for a certificate after its client has gone */

/* Returns conn, the oldest of its list, if it has been in its state for `ms` milliseconds; else NULL. */
static struct cpsd_conn *conn_overdue(struct cpsd_conn *conn, uint64_t ms)
{
    return conn && uv_now(&conn->worker->loop) - conn->since_ms >= ms ? conn : NULL;
}

/* A client may take its answer slowly. One that takes almost nothing in `ms` milliseconds is closed. */
static void conn_tick_readers(struct cpsd_worker *worker, uint64_t ms)
{
    for (struct cpsd_conn *conn; (conn = conn_overdue(worker->conns[CPSD_CONN_FLUSHING].first, ms));) {
        int64_t taken = cpsd_conn_taken(conn);
        if (taken - conn->taken < CPSD_LEAST_READ) {
            cpsd_conn_close(conn);
        } else {
            conn->taken = taken;
            cpsd_conn_move(conn, CPSD_CONN_FLUSHING);
        }
    }
}

/* Returns true for a request that waits and can be answered early if its client has gone. */
static bool conn_can_hurry(const struct cpsd_conn *conn)
{
    uint64_t since_ms = uv_now(&conn->worker->loop) - conn->since_ms;
    return conn->request && conn->request->hurry && (conn->request->waiting || since_ms >= FETCH_GRACE_MS);
}

/* Finds clients that shut down their side while their request waits, and has the request answered now with what there
 * is. (poll is needed because their input is not read meanwhile: libwebsockets closes a connection whose end it
 * reads.) */
static void conn_tick_half_closed(struct cpsd_worker *worker)
{
    struct pollfd fds[POLLED_AT_ONCE];
    struct cpsd_conn *conns[POLLED_AT_ONCE], *conn = worker->conns[CPSD_CONN_BUSY].first;
    while (conn) {
        nfds_t n = 0;
        /* one poll for up to POLLED_AT_ONCE sockets */
        for (; conn && n < POLLED_AT_ONCE; conn = conn->next) {
            if (conn_can_hurry(conn) && !conn->dead) {
                conns[n] = conn;
                fds[n++] = (struct pollfd){.fd = lws_get_socket_fd(conn->wsi), .events = POLLRDHUP};
            }
        }
        struct cpsd_conn *next = conn; /* an answer takes connections out of this list */
        int found = n ? poll(fds, n, 0) : 0;
        for (nfds_t i = 0; found > 0 && i < n; i++) {
            if (fds[i].revents && conn_can_hurry(conns[i])) {
                conns[i]->request->hurry(conns[i]->request);
            }
        }
        conn = next;
    }
}

static bool conn_judge_is_due(const struct cpsd_request *request)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    return request->judge && request->judged_generation != (trusted ? trusted->generation : 0);
}

/* After a change of the trust: judges waiting and streaming requests again, some of them per tick. A request that is
 * with the store at the moment judges itself afterwards. */
static void conn_tick_judge(struct cpsd_worker *worker)
{
    size_t judged = 0;
    struct cpsd_conn *next;
    for (struct cpsd_conn *conn = worker->conns[CPSD_CONN_BUSY].first; conn && worker->judges; conn = next) {
        next = conn->next;
        if (!conn->request || conn->dead || !conn_judge_is_due(conn->request)) {
            continue;
        }
        if (judged++ == JUDGED_AT_ONCE) {
            return;
        }
        conn->request->judge(conn->request);
    }
    worker->judges = false;
}

/* Closes the connections that have been in a state for `ms` milliseconds or longer. */
static void conn_close_overdue(struct cpsd_worker *worker, enum cpsd_conn_state state, uint64_t ms)
{
    for (struct cpsd_conn *conn; (conn = conn_overdue(worker->conns[state].first, ms));) {
        cpsd_conn_close(conn);
    }
}

void cpsd_conn_tick(struct cpsd_worker *worker)
{
    const struct cpsd_config *config = worker->service.config;
    uint64_t request_ms = (uint64_t)config->request_timeout_s * 1000;
    uint64_t idle_ms = (uint64_t)config->idle_timeout_s * 1000;
    cpsd_handshake_tick(worker);
    conn_tick_judge(worker);
    /* half a request: the client learns why it is closed */
    for (struct cpsd_conn *conn; (conn = conn_overdue(worker->conns[CPSD_CONN_READING].first, request_ms));) {
        cpsd_count(&worker->metrics.timeouts, 1);
        cpsd_conn_refuse(conn, 408, "the request was not complete in time");
    }
    /* answers that are taken too slowly, or hold too much memory together */
    conn_tick_readers(worker, idle_ms);
    cpsd_conn_bound_output(worker);
    if (atomic_load_explicit(&worker->ticks, memory_order_relaxed) % HALF_CLOSED_TICKS == 0) {
        conn_tick_half_closed(worker);
    }
    /* connections without a request */
    conn_close_overdue(worker, CPSD_CONN_IDLE, idle_ms);
    conn_close_overdue(worker, CPSD_CONN_LINGER, LINGER_MS);
}

void cpsd_conn_drain(struct cpsd_worker *worker)
{
    struct cpsd_conn *next;
    conn_close_overdue(worker, CPSD_CONN_HANDSHAKE, 0);
    conn_close_overdue(worker, CPSD_CONN_IDLE, 0);
    for (struct cpsd_conn *conn = worker->conns[CPSD_CONN_BUSY].first; conn; conn = next) {
        next = conn->next;
        if (conn->request && conn->request->hurry) {
            conn->request->hurry(conn->request);
        }
    }
}
