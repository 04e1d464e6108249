#include "cps/server/server_internal.h"
#include "cps/server/tcp_progress.h"

#include <poll.h>

/* Connections end here when they take too long, and when the server is stopped. */
#define LINGER_MS 2000
#define JUDGED_AT_ONCE 128  /* waiting requests that are judged again with one tick: each takes signature checks */
#define HALF_CLOSED_TICKS 4 /* how often it is looked whether waiting clients shut their side down */
#define POLLED_AT_ONCE 256
#define FETCH_GRACE_MS 1000 /* how long a request may wait for a certificate after its client has gone */
#define LEAST_READ 4096     /* octets that a client takes in idle_timeout_s, or it is not reading */

/* The first of a state that has been in it for longer than that, or NULL: the lists are in order of age. */
static struct cpsd_conn *overdue(struct cpsd_conn *conn, uint64_t ms)
{
    return conn && uv_now(&conn->worker->loop) - conn->since_ms >= ms ? conn : NULL;
}

/* A client that takes its answer slowly may; one that takes nothing is let go. */
static void tick_readers(struct cpsd_worker *worker, uint64_t ms)
{
    for (struct cpsd_conn *conn; (conn = overdue(worker->conns[CPSD_CONN_FLUSHING].first, ms));) {
        int64_t taken = cpsd_conn_taken(conn);
        if (taken - conn->taken < LEAST_READ) {
            cpsd_conn_close(conn);
        } else {
            conn->taken = taken;
            cpsd_conn_move(conn, CPSD_CONN_FLUSHING);
        }
    }
}

void cpsd_conn_bound_output(struct cpsd_worker *worker)
{
    size_t most = (size_t)worker->service.config->max_output_bytes;
    while (worker->held > most && worker->conns[CPSD_CONN_FLUSHING].first) {
        struct cpsd_conn *first = worker->conns[CPSD_CONN_FLUSHING].first, *conn = first;
        while (conn && cpsd_conn_taken(conn) - conn->taken >= LEAST_READ) {
            conn = conn->next;
        }
        cpsd_count(&worker->metrics.output_ended, 1);
        cpsd_conn_close(conn ? conn : first);
    }
    atomic_store_explicit(&worker->metrics.output, worker->held, memory_order_relaxed);
}

/* True for a request that need not be answered in full if its client has gone. */
static bool waits(const struct cpsd_conn *conn)
{
    uint64_t since_ms = uv_now(&conn->worker->loop) - conn->since_ms;
    return conn->request && conn->request->hurry && (conn->request->waiting || since_ms >= FETCH_GRACE_MS);
}

/* A client that shut its side down while its request waits for something: the request is answered now with what there
 * is. (Its input is not read meanwhile, because libwebsockets closes a connection when it reads the end.) */
static void tick_half_closed(struct cpsd_worker *worker)
{
    struct pollfd fds[POLLED_AT_ONCE];
    struct cpsd_conn *conns[POLLED_AT_ONCE], *conn = worker->conns[CPSD_CONN_BUSY].first;
    while (conn) {
        nfds_t n = 0;
        for (; conn && n < POLLED_AT_ONCE; conn = conn->next) {
            if (waits(conn) && !conn->dead) {
                conns[n] = conn;
                fds[n++] = (struct pollfd){.fd = lws_get_socket_fd(conn->wsi), .events = POLLRDHUP};
            }
        }
        struct cpsd_conn *next = conn;
        int found = n ? poll(fds, n, 0) : 0;
        for (nfds_t i = 0; found > 0 && i < n; i++) {
            if (fds[i].revents && waits(conns[i])) {
                conns[i]->request->hurry(conns[i]->request);
            }
        }
        conn = next;
    }
}

static bool is_due(const struct cpsd_request *request)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    return request->judge && request->judged_generation != (trusted ? trusted->generation : 0);
}

/* After a change of the trust: judges waiting and streaming requests again, a part of them with each tick. One that is
 * with the store at the moment judges itself afterwards. */
static void tick_judge(struct cpsd_worker *worker)
{
    size_t judged = 0;
    struct cpsd_conn *next;
    for (struct cpsd_conn *conn = worker->conns[CPSD_CONN_BUSY].first; conn && worker->judges; conn = next) {
        next = conn->next;
        if (!conn->request || conn->dead || !is_due(conn->request)) {
            continue;
        }
        if (judged++ == JUDGED_AT_ONCE) {
            return;
        }
        conn->request->judge(conn->request);
    }
    worker->judges = false;
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
    cpsd_handshake_tick(worker);
    tick_judge(worker);
    for (struct cpsd_conn *conn; (conn = overdue(worker->conns[CPSD_CONN_READING].first, request_ms));) {
        cpsd_count(&worker->metrics.timeouts, 1);
        cpsd_conn_refuse(conn, 408, "the request did not come to its end in time");
    }
    tick_readers(worker, idle_ms);
    cpsd_conn_bound_output(worker);
    if (atomic_load_explicit(&worker->ticks, memory_order_relaxed) % HALF_CLOSED_TICKS == 0) {
        tick_half_closed(worker);
    }
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
