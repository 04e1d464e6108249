/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/net/sd_notify.h"
#include "cps/auth/authenticate.h"
#include "cps/auth/proxy_headers.h"
#include "cps/base/mailbox.h"
#include "cps/http/request.h"
#include "cps/net/republish.h"
#include "cps/server/setup.h"

#include <libwebsockets.h>
#include <stdatomic.h>
#include <uv.h>

/* Workers, listeners and connections. Private to cps/server. */

#define CPSD_LISTENERS_MAX 16

struct cpsd_worker;

/* One listening socket of one worker. */
struct cpsd_listener {
    struct cpsd_worker *worker;
    uv_poll_t poll;
    int fd;
    bool tls, local;
    bool open;
    bool paused; /* out of descriptors */
};

enum cpsd_conn_state {
    CPSD_CONN_HANDSHAKE, /* the TLS handshake is not known to have finished */
    CPSD_CONN_IDLE,      /* between requests; holds no buffer */
    CPSD_CONN_READING,   /* a request is coming in */
    CPSD_CONN_BUSY,      /* a request is being answered */
    CPSD_CONN_FLUSHING,  /* the client has not taken the whole answer yet */
    CPSD_CONN_LINGER,    /* after the last answer: input is dropped until the client closes */
    CPSD_CONN_STATES,
};

/* A connection: libwebsockets' per-session data. */
struct cpsd_conn {
    struct lws *wsi;
    struct cpsd_worker *worker;
    struct cpsd_conn *prev, *next; /* in worker->conns[state], oldest first */
    enum cpsd_conn_state state;
    uint64_t since_ms; /* when it came into this state */
    struct cpsd_http http;
    char *in; /* input that waits; NULL if none */
    size_t in_len, in_cap;
    struct cpsd_request *request;
    struct cpsd_caller caller;
    struct cpsd_client_cert client_cert; /* with TLS, from the first request on */
    bool tls, plain, client_cert_read;
    bool keep_alive, head_only; /* of the request that is being answered */
    bool continued;             /* "100 Continue" was sent */
    int64_t taken;              /* octets that the client had taken at the last look */
    char *out;                  /* output that libwebsockets has not got yet, after LWS_PRE octets; NULL if none */
    size_t out_len, out_at;     /* of `out`: its length, and how much libwebsockets got */
    size_t last_write;          /* octets that libwebsockets got last; it may hold some of them */
    uint64_t handed;            /* octets that it got in all */
    size_t held;                /* the part of worker->held that is this connection's */
    bool local_socket;          /* AF_UNIX */
    bool processing, throttled, dead;
    bool counted;     /* among the connections of its network */
    bool handshaking; /* counted among the handshakes of its network and of the worker */
};

struct cpsd_conn_list {
    struct cpsd_conn *first, *last;
};

enum {
    CPSD_CMD_STOP = 1,
    CPSD_CMD_RELOAD = 2,
};

struct cpsd_worker {
    unsigned index;
    uv_thread_t thread;
    bool made, ran;
    uv_loop_t loop;
    uv_async_t command;
    uv_timer_t tick;
    uv_timer_t opening; /* runs until the listeners are started */
    uint64_t open_by_ns;
    uv_async_t *opened;  /* the main thread's: sent when the listeners are started */
    _Atomic bool serves; /* the listeners are started */
    struct lws_context *lws;
    struct lws_vhost *plain_vhost, *tls_vhost;
    SSL_CTX *ssl_ctx; /* of tls_vhost; libwebsockets' */
    SSL_CTX *unused_client;
    int spare_fd; /* given up for a moment, to accept and refuse a connection when no descriptors are left */
    uint64_t shortage_logged_ms;
    struct cpsd_listener listeners[CPSD_LISTENERS_MAX];
    size_t listener_count;
    struct stir_log log;
    struct cpsd_service service;
    struct cpsd_mailbox mailbox;
    struct cpsd_metrics metrics;
    struct cpsd_proxy_headers *proxy_headers; /* certificates that the proxy in front passed on */
    struct cpsd_setup *setup;
    struct cpsd_trusted *trusted; /* the setup's, or a newer one */
    struct cpsd_conn_list conns[CPSD_CONN_STATES];
    size_t conn_count;
    size_t handshake_count;             /* connections that are `handshaking` */
    struct cpsd_conn_limit *handshakes; /* by network; shared by all workers */
    struct cpsd_tls_tickets *tickets;   /* likewise */
    uint64_t swept_ms;                  /* time of the last look for finished handshakes */
    bool judges;                        /* the trust changed, and waiting requests are still to be judged by it */
    struct cpsd_request *free_requests; /* a pool, linked by answer_arg */
    size_t held;                        /* octets of output that clients have not taken, over all connections */
    struct stir_buf out;                /* a response, after LWS_PRE octets */
    _Atomic uint64_t ticks;             /* turns of the timer: the watchdog sees that the loop turns */
    time_t date_at;
    char date[40];
    uint8_t log_key[32];
    bool stopping, closing;
    uint64_t stop_deadline_ms;
    /* written by the main thread, under the mutex */
    uv_mutex_t mutex;
    unsigned commands;
    struct cpsd_setup *next_setup;
    struct cpsd_trusted *next_trusted;
};

/* worker.c: a worker's life. init runs in the main thread, main in the worker's own; listeners are added between. */
enum stir_code cpsd_worker_init(struct cpsd_worker *worker, unsigned index, struct cpsd_setup *setup,
                                struct cpsd_backend *backend, struct cpsd_fetcher *fetcher,
                                struct cpsd_cert_cache *certs, struct stir_error *err);
void cpsd_worker_main(void *arg);

/* Sends the worker a command (CPSD_CMD_), with a new setup on a reload (NULL otherwise). Main thread. */
void cpsd_worker_command(struct cpsd_worker *worker, unsigned command, struct cpsd_setup *setup);

/* Sends the worker a new trust, in place of the one of its setup. Main thread. */
void cpsd_worker_trust(struct cpsd_worker *worker, struct cpsd_trusted *trusted);

/* Frees a worker whose thread has ended or was never started. */
void cpsd_worker_clear(struct cpsd_worker *worker);

/* listener.c */
/* Opens the sockets of all workers. Sockets that systemd passed under the names https, http or admin take the place of
 * the addresses in the configuration. STIR_E_IO, STIR_E_CONFIG; err names the address. */
enum stir_code cpsd_listen(struct cpsd_worker *workers, size_t count, const struct cpsd_config *config,
                           struct stir_passed *passed, const struct stir_log *log, struct stir_error *err);

/* Checks that the addresses in the configuration can be understood and resolved. STIR_E_CONFIG names the key. */
enum stir_code cpsd_listen_check(const struct cpsd_config *config, struct stir_error *err);
enum stir_code cpsd_listener_start(struct cpsd_listener *listener, struct stir_error *err);
void cpsd_listener_stop(struct cpsd_listener *listener);

/* Opens a descriptor to give up when no others are left. Returns -1 if there is none. */
int cpsd_spare_fd(void);
void cpsd_listeners_tick(struct cpsd_worker *worker); /* lets paused listeners accept again */

/* conn_state.c: the worker's lists of connections by state, and the end of a connection. */
void cpsd_conn_link(struct cpsd_conn *conn, enum cpsd_conn_state state); /* a new one */
void cpsd_conn_move(struct cpsd_conn *conn, enum cpsd_conn_state state); /* to the young end of that state's list */
void cpsd_conn_set_state(struct cpsd_conn *conn, enum cpsd_conn_state state); /* the same, unless it is in that state */

/* Marks the connection as dead, so that it is closed soon: callers still hold it. A socket that never becomes writable
 * is closed by cpsd_conn_tick. */
void cpsd_conn_kill(struct cpsd_conn *conn);

/* Closes at once, from timers and commands only, where no caller holds the connection. (LWS_TO_KILL_ASYNC would wait
 * for libwebsockets' own timer, which a foreign loop does not wake.) For us the connection is gone when this returns;
 * libwebsockets may still try to flush output to a stuck client, and gives up because the socket is shut down. */
void cpsd_conn_close(struct cpsd_conn *conn);
void cpsd_conn_closed(struct cpsd_conn *conn);   /* libwebsockets has closed it: frees what it holds */
void cpsd_handshake_end(struct cpsd_conn *conn); /* counts its handshake out; any connection, any number of times */

/* conn_output.c. A response is put together in worker->out, after cpsd_conn_output_begin, and sent with
 * cpsd_conn_output_send. */
void cpsd_conn_output_begin(struct cpsd_worker *worker);
void cpsd_conn_output_send(struct cpsd_conn *conn);
void cpsd_conn_output_resume(struct cpsd_conn *conn);    /* writes more of the output that is held */
bool cpsd_conn_has_output(const struct cpsd_conn *conn); /* the client has not taken all output */
int64_t cpsd_conn_taken(const struct cpsd_conn *conn);   /* octets that the client took, about; never falls */

/* Closes connections while the worker holds more output than [server] max_output_bytes: those whose client took less
 * than CPSD_LEAST_READ octets since the last look, the oldest first; otherwise the oldest. Only those that are
 * FLUSHING. */
#define CPSD_LEAST_READ 4096 /* octets: a client that takes fewer in idle_timeout_s is not reading */
void cpsd_conn_bound_output(struct cpsd_worker *worker);

/* conn.c */
#define CPSD_LWS_PROTOCOL "cps" /* the name under which libwebsockets has cpsd_conn_callback */
int cpsd_conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
void cpsd_conn_refuse(struct cpsd_conn *conn, int status, const char *reason); /* a problem, then no more requests */
void cpsd_request_pool_clear(struct cpsd_worker *worker);

/* handshake.c: TLS handshakes in progress, bounded in number per network and per worker, and in time. */
/* Counts a new connection with TLS in. Returns false if its network has too many handshakes in progress. If the worker
 * has too many, the oldest is closed to make room. */
bool cpsd_handshake_begin(struct cpsd_conn *conn);
void cpsd_handshake_tick(struct cpsd_worker *worker);

/* conn_timer.c */
void cpsd_conn_tick(struct cpsd_worker *worker);  /* closes connections that took too long */
void cpsd_conn_drain(struct cpsd_worker *worker); /* closes idle connections now, busy ones after their answer */

/* access_log.c: logs one answered request; us: microseconds from its last octet to its answer. */
void cpsd_access_log(struct cpsd_worker *worker, const struct cpsd_request *request, int status, uint64_t us);
