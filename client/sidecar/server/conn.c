#include "client/sidecar/server/conn.h"

#include "client/sidecar/server/sidecar_internal.h"

#include <stdlib.h>

/* ---- what the relay wants ---- */

static void log_conn(struct gw_conn *conn, enum stir_log_level level, const char *text)
{
    const struct gw_bind *bind = gw_relay_bind(conn->relay);
    char number[24];
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)conn->number);
    const struct stir_log_field fields[] = {
        {"connection", number},
        {"address", bind->address},
        {"system_id", bind->system_id[0] ? bind->system_id : NULL},
    };
    char kind[48]; /* what precedes the reason */
    (void)snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(text, ":"), text);
    stir_log_limited(&conn->gateway->log, kind, level, fields, sizeof(fields) / sizeof(fields[0]), "%s", text);
}

static void relay_log(void *arg, enum stir_log_level level, const char *text)
{
    log_conn(arg, level, text);
}

static void relay_write(void *arg, enum gw_leg leg, const void *data, size_t n)
{
    struct gw_conn *conn = arg;
    gw_link_write(&conn->link[leg], data, n);
}

static void relay_read(void *arg, enum gw_leg leg, bool on)
{
    struct gw_conn *conn = arg;
    gw_link_read(&conn->link[leg], on);
}

static bool relay_admit(void *arg, const struct gw_bind *bind)
{
    struct gw_gateway *gateway = ((struct gw_conn *)arg)->gateway;
    return gw_tally_add(&gateway->tally, bind->system_id, (uint64_t)gateway->setup->config.max_binds_per_system_id);
}

static void relay_released(void *arg)
{
    struct gw_conn *conn = arg;
    gw_tally_remove(&conn->gateway->tally, gw_relay_bind(conn->relay)->system_id);
}

static void relay_connect(void *arg)
{
    struct gw_conn *conn = arg;
    const struct gw_setup *setup = conn->gateway->setup;
    const char *name = setup->config.peer_name[0] ? setup->config.peer_name : setup->peer.host;
    gw_link_connect(&conn->link[GW_PEER], setup->peer.host, setup->peer.port, setup->client_tls, name,
                    (uint64_t)setup->config.connect_ms);
}

static void relay_close(void *arg, enum gw_leg leg)
{
    struct gw_conn *conn = arg;
    gw_link_end(&conn->link[leg], conn->gateway->stopping ? GW_LINGER_STOP_MS : GW_LINGER_MS);
}

static void relay_resume(void *arg)
{
    struct gw_conn *conn = arg;
    if (!conn->resuming) {
        conn->resuming = true;
        conn->next_resume = conn->gateway->resume;
        conn->gateway->resume = conn;
    }
}

static const struct gw_relay_ops relay_ops = {
    .write = relay_write,
    .read = relay_read,
    .admit = relay_admit,
    .released = relay_released,
    .connect = relay_connect,
    .close = relay_close,
    .resume = relay_resume,
    .log = relay_log,
};

/* ---- what the links say ---- */

static uint64_t now_ms(const struct gw_conn *conn)
{
    return uv_now(&conn->gateway->loop);
}

static void free_conn(struct gw_conn *conn)
{
    struct gw_gateway *gateway = conn->gateway;
    for (struct gw_conn **at = &gateway->resume; conn->resuming && *at; at = &(*at)->next_resume) {
        if (*at == conn) {
            *at = conn->next_resume;
            break;
        }
    }
    *(conn->previous ? &conn->previous->next : &gateway->first) = conn->next;
    if (conn->next) {
        conn->next->previous = conn->previous;
    }
    gw_relay_free(conn->relay);
    free(conn);
    gateway->conn_count--;
    gw_gateway_conn_gone(gateway);
}

static void link_opened(void *arg, enum gw_leg leg)
{
    struct gw_conn *conn = arg;
    gw_handshake_end(conn);
    if (leg == GW_PEER) {
        conn->peer_opened = true;
        gw_health_peer_opened(conn->gateway);
        gw_relay_connected(conn->relay, now_ms(conn));
    }
}

static void link_octets(void *arg, enum gw_leg leg, const void *data, size_t n)
{
    struct gw_conn *conn = arg;
    gw_relay_input(conn->relay, leg, data, n, now_ms(conn));
    gw_link_check(&conn->link[gw_other(leg)]); /* before more is read: much may come in one turn */
}

static void link_full(void *arg, enum gw_leg leg, bool full)
{
    struct gw_conn *conn = arg;
    gw_relay_full(conn->relay, leg, full, now_ms(conn));
}

static void link_lost(void *arg, enum gw_leg leg, const char *why)
{
    struct gw_conn *conn = arg;
    gw_handshake_end(conn);
    if (leg == GW_PEER && !conn->peer_opened) {
        gw_health_peer_failed(conn->gateway, why);
    }
    gw_relay_lost(conn->relay, leg, why, now_ms(conn));
}

static void link_closed(void *arg, enum gw_leg leg)
{
    struct gw_conn *conn = arg;
    gw_handshake_end(conn);
    if (conn->link[gw_other(leg)].state == GW_LINK_NONE) {
        free_conn(conn);
    }
}

static const struct gw_link_ops link_ops = {
    .opened = link_opened,
    .octets = link_octets,
    .full = link_full,
    .lost = link_lost,
    .closed = link_closed,
};

/* ---- the connection ---- */

static struct gw_conn *new_conn(struct gw_gateway *gateway)
{
    struct gw_conn *conn = calloc(1, sizeof(*conn));
    if (conn) {
        conn->gateway = gateway;
        conn->number = ++gateway->conn_total;
        conn->next = gateway->first;
        if (conn->next) {
            conn->next->previous = conn;
        }
        gateway->first = conn;
        gateway->conn_count++;
        for (int leg = 0; leg < GW_LEG_COUNT; leg++) {
            gw_link_init(&conn->link[leg], &gateway->flow, &link_ops, conn, (enum gw_leg)leg);
        }
    }
    return conn;
}

static bool may_connect(struct gw_conn *conn, const struct sockaddr *address, const char *text)
{
    struct gw_gateway *gateway = conn->gateway;
    const struct stir_log_field fields[] = {{"address", text}};
    const char *why = NULL;
    if (!gw_allow_has(&gateway->setup->allow, address)) {
        why = "not in [listen] allow";
    } else if (gateway->conn_count > (size_t)gateway->setup->config.max_connections) {
        why = "over [listen] max_connections";
    } else if (gateway->setup->server_tls && !gw_handshake_begin(conn, address)) {
        why = "over [listen] handshakes_by_address";
    }
    if (why) {
        gateway->refused_total++;
        stir_log_limited(&gateway->log, why, STIR_LOG_WARNING, fields, 1, "connection closed: %s", why);
    }
    return !why;
}

/* The address comes with the accepted socket, so that it is accepted before it is judged. */
bool gw_conn_accept(struct gw_gateway *gateway, uv_stream_t *listener)
{
    struct sockaddr_storage address = {0};
    int len = (int)sizeof(address);
    char text[GW_ADDRESS_MAX + 1];
    struct gw_conn *conn = new_conn(gateway);
    if (!conn) {
        stir_log_plain(&gateway->log, STIR_LOG_ERROR, "a connection is not taken: out of memory");
        return false;
    }
    if (gw_link_take(&conn->link[GW_ESME], listener) < 0) {
        return true; /* closed() frees it */
    }
    if (uv_tcp_getpeername(&conn->link[GW_ESME].tcp, (struct sockaddr *)&address, &len) < 0) {
        gw_link_abort(&conn->link[GW_ESME]);
        return true;
    }
    gw_address_text(text, (const struct sockaddr *)&address);
    if (!may_connect(conn, (const struct sockaddr *)&address, text) ||
        gw_relay_new(&conn->relay, &gateway->options, &relay_ops, conn, text, conn->number, now_ms(conn)) != STIR_OK) {
        gw_link_abort(&conn->link[GW_ESME]);
        return true;
    }
    gw_link_begin(&conn->link[GW_ESME], gateway->setup->server_tls);
    return true;
}

void gw_conn_tick(struct gw_conn *conn)
{
    gw_link_tick(&conn->link[GW_ESME]);
    gw_link_tick(&conn->link[GW_PEER]);
    if (conn->relay) {
        gw_relay_tick(conn->relay, now_ms(conn));
    }
}

bool gw_conn_resume_all(struct gw_gateway *gateway)
{
    bool any = gateway->resume != NULL;
    while (gateway->resume) {
        struct gw_conn *conn = gateway->resume;
        gateway->resume = conn->next_resume;
        conn->resuming = false;
        gw_relay_resume(conn->relay, now_ms(conn));
    }
    return any;
}

void gw_conn_abort(struct gw_conn *conn)
{
    if (conn->relay) {
        gw_relay_abort(conn->relay, now_ms(conn));
    }
    gw_link_abort(&conn->link[GW_ESME]);
    gw_link_abort(&conn->link[GW_PEER]);
}
