/* SPDX-License-Identifier: MIT */
#include "cps/auth/conn_limit.h"
#include "cps/server/server_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * The state of a connection: in which list of its worker it stands, what it is counted in, and how it ends. Below
 * everything else that works on connections. Each list is in order of age, so what is overdue stands at its head.
 */

static void conn_unlink(struct cpsd_conn *conn)
{
    struct cpsd_conn_list *list = &conn->worker->conns[conn->state];
    assert(conn->prev ? conn->prev->next == conn : list->first == conn);
    assert(conn->next ? conn->next->prev == conn : list->last == conn);
    *(conn->prev ? &conn->prev->next : &list->first) = conn->next;
    *(conn->next ? &conn->next->prev : &list->last) = conn->prev;
}

void cpsd_conn_link(struct cpsd_conn *conn, enum cpsd_conn_state state)
{
    struct cpsd_conn_list *list = &conn->worker->conns[state];
    conn->state = state;
    conn->since_ms = uv_now(&conn->worker->loop);
    conn->next = NULL;
    conn->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = conn;
    list->last = conn;
    assert(!list->first->prev && !conn->next);
}

void cpsd_conn_move(struct cpsd_conn *conn, enum cpsd_conn_state state)
{
    conn_unlink(conn);
    cpsd_conn_link(conn, state);
}

void cpsd_conn_set_state(struct cpsd_conn *conn, enum cpsd_conn_state state)
{
    if (conn->state != state) {
        cpsd_conn_move(conn, state);
    }
}

void cpsd_conn_kill(struct cpsd_conn *conn)
{
    if (!conn->dead) {
        conn->dead = true;
        cpsd_conn_set_state(conn, CPSD_CONN_LINGER);
        lws_callback_on_writable(conn->wsi);
    }
}

void cpsd_handshake_end(struct cpsd_conn *conn)
{
    if (conn->handshaking) {
        conn->handshaking = false;
        conn->worker->handshake_count--;
        cpsd_uncount(&conn->worker->metrics.handshakes);
        cpsd_conn_limit_release(conn->worker->handshakes, &conn->caller.address);
    }
}

/* Takes a connection out of everything that it is counted in, and tells its request that nobody waits for the answer.
 */
void cpsd_conn_closed(struct cpsd_conn *conn)
{
    struct cpsd_worker *worker = conn->worker;
    struct cpsd_request *request = conn->request;
    conn_unlink(conn);
    conn->wsi = NULL;
    conn->dead = true;
    worker->conn_count--;
    cpsd_handshake_end(conn);
    cpsd_uncount(&worker->metrics.connections);
    /* input and output that nobody reads any more */
    free(conn->in);
    conn->in = NULL;
    conn->in_len = 0;
    free(conn->out);
    conn->out = NULL;
    conn->out_len = conn->out_at = 0;
    assert(worker->held >= conn->held);
    worker->held -= conn->held;
    conn->held = 0;
    if (conn->counted) {
        cpsd_conn_limit_release(worker->service.conn_limit, &conn->caller.address);
    }
    cpsd_caller_clear(&conn->caller);
    cpsd_client_cert_clear(&conn->client_cert);
    /* a request outlives its connection: it ends with an answer to nobody */
    if (request) {
        request->answer_arg = NULL;
        if (request->hurry) {
            request->hurry(request);
        }
    }
}

void cpsd_conn_close(struct cpsd_conn *conn)
{
    struct lws *wsi = conn->wsi;
    cpsd_conn_closed(conn);
    (void)shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}
