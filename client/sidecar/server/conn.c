/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/conn.h"

#include "client/sidecar/server/sidecar_internal.h"

#include <assert.h>
#include <stdlib.h>

/* ---- what the relay wants ---- */

static void conn_log(struct sc_conn *conn, enum stir_log_level level, const char *text)
{
    const struct sc_bind *bind = sc_relay_bind(conn->relay);
    char number[24];
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)conn->number);
    const struct stir_log_field fields[] = {
        {"connection", number},
        {"address", bind->address},
        {"system_id", bind->system_id[0] ? bind->system_id : NULL},
    };
    char kind[48]; /* the text before the reason: lines of one kind are limited together */
    (void)snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(text, ":"), text);
    stir_log_limited(&conn->sidecar->log, kind, level, fields, sizeof(fields) / sizeof(fields[0]), "%s", text);
}

static void conn_relay_log(void *arg, enum stir_log_level level, const char *text)
{
    conn_log(arg, level, text);
}

static void conn_relay_write(void *arg, enum sc_leg leg, const void *data, size_t n)
{
    struct sc_conn *conn = arg;
    sc_link_write(&conn->link[leg], data, n);
}

static void conn_relay_read(void *arg, enum sc_leg leg, bool on)
{
    struct sc_conn *conn = arg;
    sc_link_read(&conn->link[leg], on);
}

static bool conn_relay_admit(void *arg, const struct sc_bind *bind)
{
    struct sc_sidecar *sidecar = ((struct sc_conn *)arg)->sidecar;
    return sc_tally_add(&sidecar->tally, bind->system_id, (uint64_t)sidecar->setup->config.max_binds_per_system_id);
}

static void conn_relay_released(void *arg)
{
    struct sc_conn *conn = arg;
    sc_tally_remove(&conn->sidecar->tally, sc_relay_bind(conn->relay)->system_id);
}

static void conn_relay_connect(void *arg)
{
    struct sc_conn *conn = arg;
    const struct sc_setup *setup = conn->sidecar->setup;
    const char *name = setup->config.peer_name[0] ? setup->config.peer_name : setup->peer.host;
    sc_link_connect(&conn->link[SC_PEER], setup->peer.host, setup->peer.port, setup->client_tls, name,
                    (uint64_t)setup->config.connect_ms);
}

static void conn_relay_close(void *arg, enum sc_leg leg)
{
    struct sc_conn *conn = arg;
    sc_link_end(&conn->link[leg], conn->sidecar->stopping ? SC_LINGER_STOP_MS : SC_LINGER_MS);
}

static void conn_relay_resume(void *arg)
{
    struct sc_conn *conn = arg;
    if (!conn->resuming) {
        conn->resuming = true;
        conn->next_resume = conn->sidecar->resume;
        conn->sidecar->resume = conn;
    }
}

static const struct sc_relay_ops relay_ops = {
    .write = conn_relay_write,
    .read = conn_relay_read,
    .admit = conn_relay_admit,
    .released = conn_relay_released,
    .connect = conn_relay_connect,
    .close = conn_relay_close,
    .resume = conn_relay_resume,
    .log = conn_relay_log,
};

/* ---- what the links say ---- */

static uint64_t conn_now_ms(const struct sc_conn *conn)
{
    return uv_now(&conn->sidecar->loop);
}

static void conn_free(struct sc_conn *conn)
{
    struct sc_sidecar *sidecar = conn->sidecar;
    for (struct sc_conn **at = &sidecar->resume; conn->resuming && *at; at = &(*at)->next_resume) {
        if (*at == conn) {
            *at = conn->next_resume;
            break;
        }
    }
    assert(sidecar->conn_count > 0 && (conn->previous || sidecar->first == conn));
    *(conn->previous ? &conn->previous->next : &sidecar->first) = conn->next;
    if (conn->next) {
        conn->next->previous = conn->previous;
    }
    sc_relay_free(conn->relay);
    free(conn);
    sidecar->conn_count--;
    sidecar->conn_gone(sidecar);
}

static void conn_link_opened(void *arg, enum sc_leg leg)
{
    struct sc_conn *conn = arg;
    sc_handshake_end(conn);
    if (leg == SC_PEER) {
        conn->peer_opened = true;
        sc_health_peer_opened(conn->sidecar);
        sc_relay_connected(conn->relay, conn_now_ms(conn));
    }
}

static void conn_link_octets(void *arg, enum sc_leg leg, const void *data, size_t n)
{
    struct sc_conn *conn = arg;
    sc_relay_input(conn->relay, leg, data, n, conn_now_ms(conn));
    sc_link_check(
        &conn->link[sc_other(leg)]); /* before more is read, because much may arrive in one iteration of the loop */
}

static void conn_link_full(void *arg, enum sc_leg leg, bool full)
{
    struct sc_conn *conn = arg;
    sc_relay_full(conn->relay, leg, full, conn_now_ms(conn));
}

static void conn_link_lost(void *arg, enum sc_leg leg, const char *why)
{
    struct sc_conn *conn = arg;
    sc_handshake_end(conn);
    if (leg == SC_PEER && !conn->peer_opened) {
        sc_health_peer_failed(conn->sidecar, why);
    }
    sc_relay_lost(conn->relay, leg, why, conn_now_ms(conn));
}

static void conn_link_closed(void *arg, enum sc_leg leg)
{
    struct sc_conn *conn = arg;
    sc_handshake_end(conn);
    if (conn->link[sc_other(leg)].state == SC_LINK_NONE) {
        conn_free(conn);
    }
}

static const struct sc_link_ops link_ops = {
    .opened = conn_link_opened,
    .octets = conn_link_octets,
    .full = conn_link_full,
    .lost = conn_link_lost,
    .closed = conn_link_closed,
};

/* ---- the connection ---- */

static struct sc_conn *conn_new(struct sc_sidecar *sidecar)
{
    struct sc_conn *conn = calloc(1, sizeof(*conn));
    if (conn) {
        conn->sidecar = sidecar;
        conn->number = ++sidecar->conn_total;
        conn->next = sidecar->first;
        if (conn->next) {
            conn->next->previous = conn;
        }
        sidecar->first = conn;
        sidecar->conn_count++;
        for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
            sc_link_init(&conn->link[leg], &sidecar->flow, &link_ops, conn, (enum sc_leg)leg);
        }
    }
    return conn;
}

static bool conn_may_connect(struct sc_conn *conn, const struct sockaddr *address, const char *text)
{
    struct sc_sidecar *sidecar = conn->sidecar;
    const struct stir_log_field fields[] = {{"address", text}};
    const char *why = NULL;
    if (!sc_allow_has(&sidecar->setup->allow, address)) {
        why = "not in [listen] allow";
    } else if (sidecar->conn_count > (size_t)sidecar->setup->config.max_connections) {
        why = "over [listen] max_connections";
    } else if (sidecar->setup->server_tls && !sc_handshake_begin(conn, address)) {
        why = "over [listen] handshakes_by_address";
    }
    if (why) {
        sidecar->refused_total++;
        stir_log_limited(&sidecar->log, why, STIR_LOG_WARNING, fields, 1, "connection closed: %s", why);
    }
    return !why;
}

/* The address is known only after the socket is accepted, so a connection is accepted before it is checked. */
bool sc_conn_accept(struct sc_sidecar *sidecar, uv_stream_t *listener)
{
    struct sockaddr_storage address = {0};
    int len = (int)sizeof(address);
    char text[SC_ADDRESS_MAX + 1];
    struct sc_conn *conn = conn_new(sidecar);
    if (!conn) {
        stir_log_plain(&sidecar->log, STIR_LOG_ERROR, "connection not accepted: out of memory");
        return false;
    }
    if (sc_link_take(&conn->link[SC_ESME], listener) < 0) {
        return true; /* conn_link_closed frees it */
    }
    if (uv_tcp_getpeername(&conn->link[SC_ESME].tcp, (struct sockaddr *)&address, &len) < 0) {
        sc_link_abort(&conn->link[SC_ESME]);
        return true;
    }
    sc_address_text(text, (const struct sockaddr *)&address);
    if (!conn_may_connect(conn, (const struct sockaddr *)&address, text) ||
        sc_relay_new(&conn->relay, &sidecar->options, &relay_ops, conn, text, conn->number, conn_now_ms(conn)) !=
            STIR_OK) {
        sc_link_abort(&conn->link[SC_ESME]);
        return true;
    }
    sc_link_begin(&conn->link[SC_ESME], sidecar->setup->server_tls);
    return true;
}

void sc_conn_tick(struct sc_conn *conn)
{
    sc_link_tick(&conn->link[SC_ESME]);
    sc_link_tick(&conn->link[SC_PEER]);
    if (conn->relay) {
        sc_relay_tick(conn->relay, conn_now_ms(conn));
    }
}

bool sc_conn_resume_all(struct sc_sidecar *sidecar)
{
    bool any = sidecar->resume != NULL;
    while (sidecar->resume) {
        struct sc_conn *conn = sidecar->resume;
        sidecar->resume = conn->next_resume;
        conn->resuming = false;
        sc_relay_resume(conn->relay, conn_now_ms(conn));
    }
    return any;
}

void sc_conn_abort(struct sc_conn *conn)
{
    if (conn->relay) {
        sc_relay_abort(conn->relay, conn_now_ms(conn));
    }
    sc_link_abort(&conn->link[SC_ESME]);
    sc_link_abort(&conn->link[SC_PEER]);
}
