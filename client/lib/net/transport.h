/* SPDX-License-Identifier: MIT */
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
 * The handle's I/O thread, which carries HTTPS requests and runs the steps of background operations (task.h). It is
 * started when it is first needed. Only transport*.c knows which library does HTTP.
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
    CPS_LANE_WAIT,        /* to the CPS, which answers late on purpose; does not count against max_connections */
    CPS_LANE_CERTIFICATE, /* to a host that a PASSporT names: with the address filter, on a connection of its own */
    CPS_LANE_LIST,        /* to a server of lists that the options name, on a connection of its own */
};

struct cps_request {
    enum cps_lane lane;
    struct cps_route *route; /* owned reference, a struct cps_route_head comes first in it: the servers to try one after
                                the other (cps_route_submit); NULL: url says where it goes */
    char *path;              /* owned; with a route: what follows the server's base URL, from '/' on */
    char *url;               /* owned by the transfer */
    const char *method;      /* static; NULL: POST with a body, else GET */
    bool credential;         /* sends a bearer token, made for each attempt (route_request.c), for action and dest */
    enum stir_token_action action;
    struct stir_identity dest; /* len 0: none */
    bool even_away;            /* is sent even while the CPS is away */
    bool once;                 /* is sent to another server only if this one was not reached */
    char *authorization;       /* owned; NULL: no Authorization field */
    const char *content_type;  /* static; with a body */
    bool public_only;          /* special-purpose addresses are refused */
    const char *accept;        /* static or NULL */
    unsigned prefer_wait_s;    /* of "Prefer: wait=" (RFC 7240); 0: no such field */
    char *body;                /* owned, NULL: none */
    size_t body_len;
    size_t response_max; /* octets; more is CPS_E_PROTOCOL */
    uint32_t timeout_ms;
};

struct cps_response {
    struct cps_error error; /* CPS_OK if a complete answer arrived, whatever its status */
    int status;
    struct stir_buf body;
    unsigned retry_after_s;
    int64_t max_age_s;     /* of Cache-Control, less Age; -1: not given; 0: must not be cached */
    char content_type[64]; /* without parameters, in lower case; "": not given */
    char location[CPS_LOCATION_MAX];
};

/* One request and its answer. The owner keeps it in place until `done` is called, once, on the I/O thread: then the
 * transport has let go of it. */
struct cps_transfer {
    struct cps_request request;
    struct cps_response response;
    void (*done)(struct cps_transfer *transfer);
    void *arg;
    atomic_bool complete; /* set by `done`, for owners that poll it */
    /* NULL, or called on the I/O thread when an attempt has ended, before `done`. Returns true if it has changed the
     * request for another attempt, which is then made within the same timeout_ms. */
    bool (*again)(struct cps_transfer *transfer);
    uint32_t attempt_max_ms; /* no attempt takes longer; 0: what is left of timeout_ms */
    /* private to route_request.c */
    unsigned server; /* index of the server that is asked now */
    unsigned tried;  /* a bit for each server that was asked */
    /* private to transport*.c */
    void *easy;
    void *headers;
    bool refused; /* the address filter refused the server's address */
    bool public_only;
    char error_text[256];
    int64_t submitted_ms;
    uint32_t attempt_ms; /* what this attempt may take at most */
    struct cps_transfer *next, **link;
};

/* Frees what a transfer owns: the parts of the request, its reference to a route, the response's body. */
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

/* Makes a transport; its thread does not run yet. CPS_E_NOMEM. */
enum cps_code cps_transport_new(struct cps_transport **out, const struct cps_transport_config *config,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Ends all transfers with CPS_E_CLOSED, waits until all tasks have ended, and joins the thread. NULL is fine. */
void cps_transport_free(struct cps_transport *transport);

/* Starts the thread unless it runs already. CPS_E_NOMEM, CPS_E_UNAVAILABLE. */
enum cps_code cps_transport_start(struct cps_transport *transport, struct cps_error *err) STIR_MUST_CHECK;

/* Returns true if the caller is on the I/O thread, which means in a callback. */
bool cps_transport_is_here(struct cps_transport *transport);

/* Hands a transfer to the I/O thread, which is started if necessary. On failure `done` is never called. As
 * cps_transport_start. */
enum cps_code cps_transport_submit(struct cps_transport *transport, struct cps_transfer *transfer,
                                   struct cps_error *err) STIR_MUST_CHECK;

/* ---- for tasks in the background (task.c) ---- */

/* Registers a task and has its first step run. */
void cps_transport_enter(struct cps_transport *transport, struct cps_task *task);

/* Has a step of the task run soon. From any thread. */
void cps_transport_post(struct cps_transport *transport, struct cps_task *task);

/* Sets the flag and posts the task under one lock: whoever sees the flag may free the task and end the thread. */
void cps_transport_complete(struct cps_transport *transport, struct cps_task *task, atomic_bool *flag);

/* Forgets a task, on the I/O thread. */
void cps_transport_leave(struct cps_transport *transport, struct cps_task *task);
