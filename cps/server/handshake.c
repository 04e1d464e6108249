#include "cps/auth/conn_limit.h"
#include "cps/auth/rate_limit.h"
#include "cps/server/server_internal.h"

/*
 * TLS handshakes in progress. libwebsockets does not say when one is finished, so a connection is found to have
 * finished its handshake when its first octets arrive, or when the worker looks for finished ones: at each tick, and
 * when a limit is reached.
 */

void cpsd_handshake_end(struct cpsd_conn *conn)
{
    if (conn->handshaking) {
        conn->handshaking = false;
        conn->worker->handshake_count--;
        cpsd_uncount(&conn->worker->metrics.handshakes);
        cpsd_conn_limit_release(conn->worker->handshakes, &conn->caller.address);
    }
}

/* Makes those that have finished idle connections: a client may have nothing to say yet. */
static void find_finished(struct cpsd_worker *worker)
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

/* The same, but once per turn of the loop only: a flood of connections cannot make it expensive. */
static void find_finished_once(struct cpsd_worker *worker)
{
    if (worker->swept_ms != uv_now(&worker->loop)) {
        find_finished(worker);
    }
}

static bool enter(struct cpsd_conn *conn)
{
    uint64_t most = (uint64_t)conn->worker->service.config->handshakes_by_address;
    return cpsd_conn_limit_acquire(conn->worker->handshakes, &conn->caller.address, most);
}

bool cpsd_handshake_begin(struct cpsd_conn *conn)
{
    struct cpsd_worker *worker = conn->worker;
    size_t most = (size_t)worker->service.config->max_handshakes;
    bool entered = enter(conn);
    if (!entered) {
        find_finished_once(worker);
        entered = enter(conn);
    }
    if (!entered) {
        cpsd_count(&worker->metrics.handshakes_ended, 1);
        return false;
    }
    if (worker->handshake_count >= most) {
        find_finished_once(worker);
    }
    /* A stranger's slow handshakes are the oldest ones; a client's own takes a few round trips. */
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
    find_finished(worker);
    for (struct cpsd_conn *conn; (conn = worker->conns[CPSD_CONN_HANDSHAKE].first) && now - conn->since_ms >= ms;) {
        cpsd_count(&worker->metrics.timeouts, 1);
        cpsd_count(&worker->metrics.handshakes_ended, 1);
        cpsd_conn_close(conn);
    }
    cpsd_tls_tickets_rotate(worker->tickets);
}
