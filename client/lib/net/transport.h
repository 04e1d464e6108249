#pragma once

#include "client/lib/context/clock.h"
#include "client/lib/context/errors.h"
#include "common/base/buf.h"
#include "common/passport/token.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one I/O thread: carries HTTPS requests, runs the steps of background operations (client/lib/net/task.h). Started
 * when first needed. Only transport*.c knows what library does HTTP.
 */
struct cps_transport;
struct cps_task;

/* Which servers a request may go to: find/route.h. The transport knows of a route only how to give back a reference. */
struct cps_route;
struct cps_route_head {
    void (*unref)(struct cps_route *route);
};

enum cps_lane {
    CPS_LANE_SERVICE,     /* to the CPS; shares max_connections */
    CPS_LANE_WAIT,        /* to the CPS, a request that waits there: must not hold up the others */
    CPS_LANE_CERTIFICATE, /* to anybody whom a PASSporT names: address filter, connection of its own, no redirect */
    CPS_LANE_LIST,        /* to a server of revocation lists, which the options name: connection of its own */
};

struct cps_request {
    enum cps_lane lane;
    struct cps_route *route; /* owned reference, a struct cps_route_head comes first in it: the servers to try one after
                                the other (cps_route_submit); NULL: url says where it goes */
    char *path;              /* owned, with a route: from '/' on, behind the base URL */
    char *url;               /* owned by the transfer */
    const char *method;      /* static; NULL: POST with a body, else GET */
    bool credential;         /* carries one, made for each attempt by route.c: of this action, for this dest */
    enum stir_token_action action;
    struct stir_identity dest; /* len 0: none */
    bool even_away;            /* it is sent even while the CPS is away */
    bool once;                 /* another server is asked only if this one was not reached */
    char *authorization;       /* owned, NULL: no such field */
    const char *content_type;  /* static; with a body */
    bool public_only;          /* special-purpose addresses are refused */
    const char *accept;        /* static or NULL */
    unsigned prefer_wait_s;    /* 0: none */
    char *body;                /* owned, NULL: none */
    size_t body_len;
    size_t response_max; /* octets; more is CPS_E_PROTOCOL */
    uint32_t timeout_ms;
};

struct cps_response {
    struct cps_error error; /* CPS_OK if an answer came whole, whatever its status */
    int status;
    struct stir_buf body;
    unsigned retry_after_s;
    int64_t max_age_s;     /* Cache-Control, less Age; -1: nothing said; 0: not to be kept */
    char content_type[64]; /* without parameters, lower case; "": nothing said */
    char location[CPS_LOCATION_MAX];
};

/* One request and its answer. The owner keeps it in place until `done` is called, once, on the I/O thread: then the
 * transport has let go of it. */
struct cps_transfer {
    struct cps_request request;
    struct cps_response response;
    void (*done)(struct cps_transfer *transfer);
    void *arg;
    atomic_bool complete; /* set by `done`, for owners who look */
    /* NULL, or called on the I/O thread when an attempt has ended, before `done`: true if the request was changed for
     * another one, which then follows within the same timeout_ms */
    bool (*again)(struct cps_transfer *transfer);
    uint32_t attempt_max_ms; /* no attempt takes longer; 0: what is left of timeout_ms */
    /* private to route.c */
    unsigned server; /* who is asked now */
    unsigned tried;  /* a bit for each who was asked */
    /* private to transport*.c */
    void *easy;
    void *headers;
    bool refused; /* the address filter said no */
    bool public_only;
    char error_text[256];
    int64_t submitted_ms;
    uint32_t attempt_ms; /* what this attempt may take */
    struct cps_transfer *next, **link;
};

void cps_transfer_clear(struct cps_transfer *transfer);

struct cps_transport_config {
    const char *tls_ca_file; /* all borrowed from the handle's options */
    const char *tls_cert_file;
    const char *tls_key_file;
    const char *x5u_ca_file;
    const char *crl_ca_file;
    bool x5u_allow_private;
    uint32_t connect_timeout_ms;
    uint32_t max_connections;
};

enum cps_code cps_transport_new(struct cps_transport **out, const struct cps_transport_config *config,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Ends all transfers with CPS_E_CLOSED, lets all tasks end, joins the thread. */
void cps_transport_free(struct cps_transport *transport);

/* Starts the thread if it does not run. CPS_E_NOMEM, CPS_E_UNAVAILABLE. */
enum cps_code cps_transport_start(struct cps_transport *transport, struct cps_error *err) STIR_MUST_CHECK;

/* True on the I/O thread: in a callback. */
bool cps_transport_is_here(struct cps_transport *transport);

/* Gives a transfer to the I/O thread, starting that if need be. On failure `done` is never called. */
enum cps_code cps_transport_submit(struct cps_transport *transport, struct cps_transfer *transfer,
                                   struct cps_error *err) STIR_MUST_CHECK;

/* For tasks in the background (task.c). */
void cps_transport_enter(struct cps_transport *transport, struct cps_task *task); /* registers */
void cps_transport_post(struct cps_transport *transport, struct cps_task *task);  /* step it soon */
/* Sets the flag and posts the task, as one: who sees the flag may free the task and end the thread. */
void cps_transport_complete(struct cps_transport *transport, struct cps_task *task, atomic_bool *flag);
void cps_transport_leave(struct cps_transport *transport, struct cps_task *task); /* forgets it; on the I/O thread */
