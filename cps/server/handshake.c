/* SPDX-License-Identifier: MIT */
#include "cps/auth/conn_limit.h"
#include "cps/server/server_internal.h"

/*
 * TLS handshakes in progress. libwebsockets does not say when a handshake is finished. It is taken as finished when the
 * connection's first octets arrive, or when the worker looks for finished ones: at each tick, and when a limit is
 * reached. cpsd_handshake_end is in conn_state.c.
 */

/* Makes connections whose handshake has finished idle ones: their clients may not have a request yet. */
static void handshake_find_finished(struct cpsd_worker *worker)
{
    struct cpsd_conn *next;
    worker->swept_ms = uv_now(&worker->loop);
    for (struct cpsd_conn *conn = worker->conns[CPSD_CONN_HANDSHAKE].first; conn; conn = next) {
        const SSL *ssl = conn->handshaking ? lws_get_ssl(conn->wsi) : NULL;
        next = conn->next;
        if (ssl && SSL_is_init_finished(ssl)) {
            lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
            cpsd_handshake_end(conn);
            cpsd_conn_move(conn, CPSD_CONN_IDLE);
        }
    }
}

/* The same, but only once per turn of the loop, so that a flood of connections cannot make it expensive. */
static void handshake_find_finished_once(struct cpsd_worker *worker)
{
    if (worker->swept_ms != uv_now(&worker->loop)) {
        handshake_find_finished(worker);
    }
}

/* Counts the handshake for its network. Returns false if the network has too many in progress. */
static bool handshake_count(struct cpsd_conn *conn)
{
    uint64_t most = (uint64_t)conn->worker->service.config->handshakes_by_address;
    return cpsd_conn_limit_acquire(conn->worker->handshakes, &conn->caller.address, most);
}

bool cpsd_handshake_begin(struct cpsd_conn *conn)
{
    struct cpsd_worker *worker = conn->worker;
    size_t most = (size_t)worker->service.config->max_handshakes;
    /* The limit of the network. Some of its handshakes may have finished unnoticed. */
    bool entered = handshake_count(conn);
    if (!entered) {
        handshake_find_finished_once(worker);
        entered = handshake_count(conn);
    }
    if (!entered) {
        cpsd_count(&worker->metrics.handshakes_ended, 1);
        return false;
    }
    /* The limit of the worker, likewise. */
    if (worker->handshake_count >= most) {
        handshake_find_finished_once(worker);
    }
    /* The oldest handshake makes room: slow handshakes are an attacker's, an honest one takes a few round trips. */
    struct cpsd_conn *oldest = worker->conns[CPSD_CONN_HANDSHAKE].first;
    if (worker->handshake_count >= most && oldest && oldest != conn) {
        cpsd_count(&worker->metrics.handshakes_ended, 1);
        cpsd_conn_close(oldest);
    }
    conn->handshaking = true;
    worker->handshake_count++;
    cpsd_count(&worker->metrics.handshakes, 1);
    return true;
}

void cpsd_handshake_tick(struct cpsd_worker *worker)
{
    uint64_t now = uv_now(&worker->loop);
    uint64_t ms = (uint64_t)worker->service.config->handshake_timeout_s * 1000;
    handshake_find_finished(worker);
    for (struct cpsd_conn *conn; (conn = worker->conns[CPSD_CONN_HANDSHAKE].first) && now - conn->since_ms >= ms;) {
        cpsd_count(&worker->metrics.timeouts, 1);
        cpsd_count(&worker->metrics.handshakes_ended, 1);
        cpsd_conn_close(conn);
    }
    cpsd_tls_tickets_rotate(worker->tickets);
}
