/* SPDX-License-Identifier: MIT */
#include "cps/server/server_internal.h"
#include "cps/server/tcp_progress.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * Output of a connection. A short answer is one write. libwebsockets keeps what the socket does not take, and does not
 * say how much it still has; so it gets a long answer in parts, and the rest is held here, where it can be counted and
 * its progress measured.
 */
#define WHOLE_WRITE 32768 /* octets: an answer up to this length is one write */
#define PART_TCP 16384    /* of a longer one: a TLS record */
#define PART_UNIX 4096    /* the kernel counts what was read of a unix socket by whole writes */
#define PARTS_AT_ONCE 16  /* then other connections get their turn */

void cpsd_conn_output_begin(struct cpsd_worker *worker)
{
    worker->out.len = 0;
    (void)stir_buf_extend(&worker->out, LWS_PRE);
}

bool cpsd_conn_has_output(const struct cpsd_conn *conn)
{
    return conn->out || lws_partial_buffered(conn->wsi);
}

static void output_count_held(struct cpsd_conn *conn, size_t held)
{
    assert(conn->worker->held >= conn->held);
    conn->worker->held += held - conn->held;
    conn->held = held;
}

static void output_free(struct cpsd_conn *conn)
{
    free(conn->out);
    conn->out = NULL;
    conn->out_len = conn->out_at = 0;
}

/* Counts the output that is held now. What libwebsockets got last counts whole while it still has some of it. */
static void output_update_held(struct cpsd_conn *conn)
{
    output_count_held(conn, conn->out_len - conn->out_at + (lws_partial_buffered(conn->wsi) ? conn->last_write : 0));
}

/* libwebsockets keeps what the socket does not take and writes it by itself. */
static void output_write_part(struct cpsd_conn *conn, char *octets, size_t len)
{
    conn->last_write = len;
    conn->handed += len;
    if (!conn->dead && lws_write(conn->wsi, (unsigned char *)octets, len, LWS_WRITE_RAW) < (int)len) {
        cpsd_conn_kill(conn);
    }
}

/* Writes parts of `octets` from `at` on as long as the socket takes them. Returns where it stopped. */
static size_t output_write_parts(struct cpsd_conn *conn, char *octets, size_t at, size_t len)
{
    size_t most = conn->local_socket ? PART_UNIX : PART_TCP;
    for (int i = 0; i < PARTS_AT_ONCE && at < len && !conn->dead && !lws_partial_buffered(conn->wsi); i++) {
        size_t n = len - at < most ? len - at : most;
        output_write_part(conn, octets + at, n);
        at += n;
    }
    return at;
}

/* Keeps output for later, after what waits already. */
static void output_save(struct cpsd_conn *conn, const char *octets, size_t len)
{
    size_t left = conn->out_len - conn->out_at;
    char *out = malloc(LWS_PRE + left + len);
    if (!out) {
        cpsd_conn_kill(conn);
        return;
    }
    if (left) {
        memcpy(out + LWS_PRE, conn->out + LWS_PRE + conn->out_at, left);
    }
    memcpy(out + LWS_PRE + left, octets, len);
    output_free(conn);
    conn->out = out;
    conn->out_len = left + len;
}

void cpsd_conn_output_send(struct cpsd_conn *conn)
{
    struct stir_buf *out = &conn->worker->out;
    if (stir_buf_state(out) != STIR_OK) {
        stir_buf_free(out); /* a failure sticks: the next response starts anew */
        cpsd_conn_kill(conn);
        return;
    }
    if (conn->dead) {
        return;
    }
    assert(out->len >= LWS_PRE); /* cpsd_conn_output_begin came first */
    char *octets = out->ptr + LWS_PRE;
    size_t len = out->len - LWS_PRE, at = 0;
    /* Output that waits goes first, so new output may be written only if there is none. */
    if (!cpsd_conn_has_output(conn) && len <= WHOLE_WRITE) {
        output_write_part(conn, octets, len);
        at = len;
    } else if (!cpsd_conn_has_output(conn)) {
        at = output_write_parts(conn, octets, 0, len);
    }
    if (at < len && !conn->dead) {
        output_save(conn, octets + at, len - at);
    }
    if (cpsd_conn_has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
    }
    output_update_held(conn);
}

void cpsd_conn_output_resume(struct cpsd_conn *conn)
{
    if (conn->out) {
        conn->out_at = output_write_parts(conn, conn->out + LWS_PRE, conn->out_at, conn->out_len);
        if (conn->out_at == conn->out_len) {
            output_free(conn);
        }
    }
    output_update_held(conn);
}

int64_t cpsd_conn_taken(const struct cpsd_conn *conn)
{
    int fd = lws_get_socket_fd(conn->wsi);
    return conn->local_socket ? (int64_t)conn->handed - (int64_t)cpsd_octets_queued(fd)
                              : (int64_t)cpsd_octets_acked(fd);
}

void cpsd_conn_bound_output(struct cpsd_worker *worker)
{
    size_t most = (size_t)worker->service.config->max_output_bytes;
    /* The oldest client that reads too slowly goes first; if all of them read, the oldest. */
    while (worker->held > most && worker->conns[CPSD_CONN_FLUSHING].first) {
        struct cpsd_conn *first = worker->conns[CPSD_CONN_FLUSHING].first, *conn = first;
        while (conn && cpsd_conn_taken(conn) - conn->taken >= CPSD_LEAST_READ) {
            conn = conn->next;
        }
        cpsd_count(&worker->metrics.output_ended, 1);
        cpsd_conn_close(conn ? conn : first);
    }
    atomic_store_explicit(&worker->metrics.output, worker->held, memory_order_relaxed);
}
