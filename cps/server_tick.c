#include "cps/progress.h"
#include "cps/server_internal.h"

/* Connections end here when they take too long, and when the server is stopped. */
#define LINGER_MS 2000
#define LEAST_READ 4096 /* octets that a client takes in idle_timeout_s, or it is not reading */

/* The first of a state that has been in it for longer than that, or NULL: the lists are in order of age. */
static struct cpsd_conn *overdue(struct cpsd_conn *conn, uint64_t ms)
{
    return conn && uv_now(&conn->worker->loop) - conn->since_ms >= ms ? conn : NULL;
}

/* A handshake that took too long ends; a client that only has nothing to say yet is idle. */
static void tick_handshakes(struct cpsd_worker *worker, uint64_t ms)
{
    for (struct cpsd_conn *conn; (conn = overdue(worker->conns[CPSD_CONN_HANDSHAKE].first, ms));) {
        const SSL *ssl = lws_get_ssl(conn->wsi);
        if (ssl && SSL_is_init_finished(ssl)) {
            cpsd_conn_move(conn, CPSD_CONN_IDLE);
        } else {
            cpsd_count(&worker->metrics.timeouts, 1);
            cpsd_conn_close(conn);
        }
    }
}

/* A client that takes its answer slowly may; one that takes nothing is let go. */
static void tick_readers(struct cpsd_worker *worker, uint64_t ms)
{
    for (struct cpsd_conn *conn; (conn = overdue(worker->conns[CPSD_CONN_FLUSHING].first, ms));) {
        uint64_t acked = cpsd_octets_acked(lws_get_socket_fd(conn->wsi));
        if (acked - conn->acked < LEAST_READ) {
            cpsd_conn_close(conn);
        } else {
            conn->acked = acked;
            cpsd_conn_move(conn, CPSD_CONN_FLUSHING);
        }
    }
}

static void close_overdue(struct cpsd_worker *worker, enum cpsd_conn_state state, uint64_t ms)
{
    for (struct cpsd_conn *conn; (conn = overdue(worker->conns[state].first, ms));) {
        cpsd_conn_close(conn);
    }
}

void cpsd_conn_tick(struct cpsd_worker *worker)
{
    const struct cpsd_config *config = worker->service.config;
    uint64_t request_ms = (uint64_t)config->request_timeout_s * 1000;
    uint64_t idle_ms = (uint64_t)config->idle_timeout_s * 1000;
    tick_handshakes(worker, request_ms);
    for (struct cpsd_conn *conn; (conn = overdue(worker->conns[CPSD_CONN_READING].first, request_ms));) {
        cpsd_count(&worker->metrics.timeouts, 1);
        cpsd_conn_refuse(conn, 408, "the request did not come to its end in time");
    }
    tick_readers(worker, idle_ms);
    close_overdue(worker, CPSD_CONN_IDLE, idle_ms);
    close_overdue(worker, CPSD_CONN_LINGER, LINGER_MS);
}

void cpsd_conn_drain(struct cpsd_worker *worker)
{
    struct cpsd_conn *next;
    close_overdue(worker, CPSD_CONN_HANDSHAKE, 0);
    close_overdue(worker, CPSD_CONN_IDLE, 0);
    for (struct cpsd_conn *conn = worker->conns[CPSD_CONN_BUSY].first; conn; conn = next) {
        next = conn->next;
        if (conn->request && conn->request->hurry) {
            conn->request->hurry(conn->request);
        }
    }
}
