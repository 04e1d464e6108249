#pragma once

#include "common/net/sd_notify.h"
#include "cps/api/dummy.h"
#include "cps/auth/auth.h"
#include "cps/auth/proxy_headers.h"
#include "cps/base/mailbox.h"
#include "cps/http/request.h"
#include "cps/net/peers.h"
#include "cps/net/republish.h"
#include "cps/server/tls.h"

#include <libwebsockets.h>
#include <stdatomic.h>
#include <uv.h>

/* Shared by cps/server*.c and by nobody else. */

#define CPSD_LISTENERS_MAX 16

/* A configuration in use: replaced whole on reload, freed when the last worker has let it go. */
struct cpsd_setup {
    struct cpsd_config config;
    struct cpsd_credential *credential;  /* NULL without a TLS listener */
    struct stir_trust_files trust_files; /* as they were read with this configuration */
    struct cpsd_trusted *trusted;
    struct cpsd_trusted *trusted_first; /* used until the main thread sends another; NULL: trusted */
    struct cpsd_auth_rules *auth;
    struct cpsd_peers *peers; /* NULL if none are configured */
    uint8_t dummy_secret[CPSD_DUMMY_SECRET];
    _Atomic unsigned refs;
};

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
    CPSD_CONN_HANDSHAKE, /* TLS is not ready, as far as is known */
    CPSD_CONN_IDLE,      /* between requests; holds no buffer */
    CPSD_CONN_READING,   /* a request is coming in */
    CPSD_CONN_BUSY,      /* a request is being answered */
    CPSD_CONN_FLUSHING,  /* the client takes its answer slower than we gave it */
    CPSD_CONN_LINGER,    /* answered for the last time: what still comes is dropped until the client closes */
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
    char *in; /* octets that wait; NULL if none */
    size_t in_len, in_cap;
    struct cpsd_request *request;
    struct cpsd_caller caller;
    struct cpsd_client_cert client_cert; /* with TLS, from the first request on */
    bool tls, plain, client_cert_read;
    bool keep_alive, head_only; /* of the request that is being answered */
    bool continued;             /* "100 Continue" was sent */
    int64_t taken;              /* octets that the client had taken when it was last looked at */
    char *out;                  /* output that libwebsockets did not get yet, after LWS_PRE octets; NULL if none */
    size_t out_len, out_at;     /* of it: all octets, and those that libwebsockets got */
    size_t last_write;          /* octets that libwebsockets got last; it may hold some of them */
    uint64_t handed;            /* octets that it got in all */
    size_t held;                /* what this connection counts for in worker->held */
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
    uv_timer_t opening; /* until the listeners are started */
    uint64_t open_by_ns;
    uv_async_t *opened;  /* the main thread's: told when the listeners are started */
    _Atomic bool serves; /* they are */
    struct lws_context *lws;
    struct lws_vhost *plain_vhost, *tls_vhost;
    SSL_CTX *ssl_ctx; /* of tls_vhost; libwebsockets' */
    SSL_CTX *unused_client;
    int spare_fd; /* given up for a moment, to take a connection when there are no descriptors any more */
    uint64_t shortage_logged_ms;
    struct cpsd_listener listeners[CPSD_LISTENERS_MAX];
    size_t listener_count;
    struct stir_log log;
    struct cpsd_service service;
    struct cpsd_mailbox mailbox;
    struct cpsd_metrics metrics;
    struct cpsd_proxy_headers *proxy_headers; /* what the edge's fields were found to be */
    struct cpsd_setup *setup;
    struct cpsd_trusted *trusted; /* the setup's, or a newer one */
    struct cpsd_conn_list conns[CPSD_CONN_STATES];
    size_t conn_count;
    size_t handshake_count;             /* connections that are `handshaking` */
    struct cpsd_conn_limit *handshakes; /* by network; shared by all workers */
    struct cpsd_tls_tickets *tickets;   /* likewise */
    uint64_t swept_ms;                  /* when finished handshakes were last looked for */
    bool judges;                        /* the trust changed, and not all who wait have been judged by it */
    struct cpsd_request *free_requests; /* kept for the next ones */
    size_t held;                        /* octets of output that clients have not taken, of all connections */
    struct stir_buf out;                /* a response, behind LWS_PRE octets */
    _Atomic uint64_t ticks;             /* turns of the timer: whoever watches sees that the loop goes round */
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

/* server.c */
struct cpsd_setup *cpsd_setup_ref(struct cpsd_setup *setup);
void cpsd_setup_unref(struct cpsd_setup *setup);
void cpsd_log_setup(struct stir_log *log, const struct cpsd_config *config);

/* server_worker.c: a worker's life. init runs in the main thread, the loop in its own; listeners are added between. */
enum stir_code cpsd_worker_init(struct cpsd_worker *worker, unsigned index, struct cpsd_setup *setup,
                                struct cpsd_backend *backend, struct cpsd_fetcher *fetcher,
                                struct cpsd_cert_cache *certs, struct stir_error *err);
void cpsd_worker_main(void *arg);
void cpsd_worker_command(struct cpsd_worker *worker, unsigned command, struct cpsd_setup *setup);
void cpsd_worker_trust(struct cpsd_worker *worker, struct cpsd_trusted *trusted); /* the main thread; soon */
void cpsd_worker_clear(struct cpsd_worker *worker);
extern const struct lws_protocols cpsd_protocols[];

/* server.c */
struct cpsd_store_config cpsd_store_config(const struct cpsd_config *config, struct stir_log *log);
/* Logs each key of the configuration that does nothing any more or has another name now. */
void cpsd_warn_of_outdated(struct stir_log *log, const struct cpsd_config *config);

/* server_listen.c */
/* Sockets in `passed` that are named https, http or admin take the place of the addresses in the configuration. */
enum stir_code cpsd_listen(struct cpsd_worker *workers, size_t count, const struct cpsd_config *config,
                           struct stir_passed *passed, const struct stir_log *log, struct stir_error *err);
enum stir_code cpsd_listen_check(const struct cpsd_config *config, struct stir_error *err);
enum stir_code cpsd_listener_start(struct cpsd_listener *listener, struct stir_error *err);
void cpsd_listener_stop(struct cpsd_listener *listener);
int cpsd_spare_fd(void);                              /* a descriptor to give up when there are no others; -1: none */
void cpsd_listeners_tick(struct cpsd_worker *worker); /* lets those that were paused accept again */

/* server_conn.c */
int cpsd_conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
void cpsd_conn_move(struct cpsd_conn *conn, enum cpsd_conn_state state); /* to the young end of that state's list */
void cpsd_conn_close(struct cpsd_conn *conn);
void cpsd_conn_refuse(struct cpsd_conn *conn, int status, const char *reason); /* a problem, then no more requests */
int64_t cpsd_conn_taken(const struct cpsd_conn *conn); /* octets that the client took so far, about; only grows */
void cpsd_request_pool_clear(struct cpsd_worker *worker);

/* server_handshake.c: TLS handshakes in progress, bounded in number for each network and each worker, and in time. */
/* Counts a new connection with TLS in. False: its network has too many handshakes in progress. The worker makes room by
 * closing the handshake that is in progress for the longest time. */
bool cpsd_handshake_begin(struct cpsd_conn *conn);
void cpsd_handshake_end(struct cpsd_conn *conn); /* of any connection, any number of times */
void cpsd_handshake_tick(struct cpsd_worker *worker);

/* server_tick.c */
/* Closes connections while the worker holds more output than it may: those whose client took too little since it was
 * last looked at, the oldest first; otherwise the oldest. Only those that are FLUSHING. */
void cpsd_conn_bound_output(struct cpsd_worker *worker);
void cpsd_conn_tick(struct cpsd_worker *worker);  /* closes what took too long */
void cpsd_conn_drain(struct cpsd_worker *worker); /* idle ones close now, busy ones after their answer */

/* server_access.c */
void cpsd_access_log(struct cpsd_worker *worker, const struct cpsd_request *request, int status, uint64_t us);
