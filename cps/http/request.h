/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/passport/token.h"
#include "cps/base/caller.h"
#include "cps/base/config.h"
#include "cps/base/metrics.h"
#include "cps/http/http_parse.h"
#include "cps/store/store.h"

#include <stdatomic.h>
#include <stddef.h>

/*
 * A request as handlers see it, and the one completion with its answer. Handlers know no sockets and no libwebsockets:
 * a test makes a request and looks at the answer.
 */

struct cpsd_republisher;
struct cpsd_trusted;
struct cpsd_dummies;
struct cpsd_client_cert;
struct cpsd_auth;
struct cpsd_auth_rules;
struct cpsd_cert_cache;
struct cpsd_mailbox;
struct cpsd_conn_limit;
struct stir_reloads;
struct cpsd_trust_status;

/* Everything that a worker's handlers use. Owned by the worker; used on its loop only. */
struct cpsd_service {
    const struct cpsd_config *config;   /* the current one; a reload replaces it between requests */
    const struct cpsd_auth_rules *auth; /* how tokens are checked; replaced with config */
    struct cpsd_cert_cache *certs;      /* of the process; NULL: no token is accepted */
    struct cpsd_mailbox *mailbox;       /* where other threads reach this loop */
    const struct cpsd_trusted *trusted; /* roots, revocation lists, number table; replaced as a whole on reload */
    struct cpsd_store *store;
    struct cpsd_backend *backend;         /* shared, for statistics */
    struct cpsd_dummies *dummies;         /* the worker's own cache over the shared secret */
    struct cpsd_republisher *republisher; /* the worker's own; NULL in tests that need none */
    struct cpsd_metrics *metrics;
    struct cpsd_buckets *reads;              /* shared by all workers: what each network may read */
    const struct stir_reloads *reloads;      /* for /metrics */
    struct cpsd_conn_limit *conn_limit;      /* likewise: connections by network */
    int64_t certificate_end;                 /* of the server's own, seconds since the epoch; 0: it has none */
    struct cpsd_trust_status *trust_status;  /* of the process: the state of revocation lists and lists of roots */
    atomic_flag *form_warned;                /* of the process: a warning about an envelope's form was logged */
    struct cpsd_metrics *const *all_metrics; /* of every worker */
    size_t worker_count;
    uv_loop_t *loop;
    const struct stir_log *log;
    bool draining; /* SIGTERM came: waiting requests are answered now */
};

struct cpsd_request;
struct cpsd_route;

/* The operations of a streamed answer (cpsd_request.stream). */
struct cpsd_stream {
    void (*begin)(struct cpsd_request *request, const struct cpsd_response *head);
    void (*send)(struct cpsd_request *request, struct stir_view octets);
    bool (*blocked)(const struct cpsd_request *request);
};

struct cpsd_request {
    /* Views into the connection's buffer: valid until the handler returns, not in completions. */
    enum cpsd_method method;
    struct stir_view path, query, body;
    struct stir_view fields[CPSD_FIELD_COUNT];

    struct cpsd_caller caller; /* cleared with the answer */
    /* The certificate that the client showed, not verified yet; NULL: none. Belongs to the connection: do not use it in
     * completions. */
    struct cpsd_client_cert *client_cert;
    struct cpsd_service *service;
    const struct cpsd_route *route; /* NULL if no route fits */
    enum cpsd_route_id route_id;    /* for counting */
    struct stir_view segment[3];    /* the variable segments of the path, still percent-encoded */
    uint64_t started_ns;            /* uv_hrtime */
    struct stir_identity dest;      /* set by the route's dest */
    bool has_dest;
    struct stir_identity orig; /* likewise, if the path names an originator */
    bool has_orig;
    char spc[STIR_SPC_MAX + 1];     /* likewise, of the provider that may retrieve; "" if the path names none */
    const struct stir_token *token; /* the bearer token, verified; NULL without one */
    struct cpsd_auth *auth;         /* cps/auth/auth.c's own; released with the answer */
    struct cpsd_claim claim;        /* for the first operation on the store, where has_claim: the token's jti */
    bool has_claim;
    bool counted; /* by the limits of its network, before its credential was checked: see cpsd_rate_limit_give_back */

    /* Set by a handler that waits for something. Called if the client disconnects or the server drains before the
     * answer: the handler ends its waiting and answers soon, even if no client reads the answer. */
    void (*hurry)(struct cpsd_request *request);

    /* For a streamed answer: `begin` writes its head, `send` a part of its body, until the completion, which then
     * writes nothing. `blocked` returns true while the client has not read what was sent before; sending more would
     * fill the memory. If the client is gone they do nothing, and `hurry` was called. NULL: streaming is not possible
     * here. */
    const struct cpsd_stream *stream;
    bool streaming;             /* begin was called */
    bool asks_to_wait;          /* Prefer: wait; policy.wait has to allow it too */
    bool asks_for_no_dummies;   /* ?dummies=no; only the holder of the destination may */
    uint64_t judged_generation; /* generation of the trust with which the caller was judged last */
    uint64_t judged_ms;         /* when: uv_now */
    bool waiting; /* for an arrival: `hurry` is also called when the client closes its side of the connection */
    /* Set by a handler that waits or streams: called when the roots, the revocation lists, the number table or the
     * policy have changed. It judges the caller again (cpsd_request_still_allowed) and may answer. */
    void (*judge)(struct cpsd_request *request);
    /* Set by a handler that streams: called when a blocked client has read everything. */
    void (*drained)(struct cpsd_request *request);

    /* The one completion: sends the answer, counts it, and frees the request. */
    void (*answer)(struct cpsd_request *request, const struct cpsd_response *response);
    void *answer_arg;

    /* For the handler's state: zeroed, valid until the answer. Each struct that is kept here needs a CPSD_STATE_FITS.
     */
    _Alignas(max_align_t) unsigned char state[1024];
};

/* Stops the build if the struct does not fit into a request's state. */
#define CPSD_STATE_FITS(type)                                                                                          \
    _Static_assert(sizeof(type) <= sizeof(((struct cpsd_request *)NULL)->state), #type " does not fit into state")

/* Returns the request's claim for its first store operation; NULL if it has none, and for all later operations. */
static inline const struct cpsd_claim *cpsd_request_claim(struct cpsd_request *request)
{
    bool first = request->has_claim;
    request->has_claim = false;
    return first ? &request->claim : NULL;
}

/* Answers the request, which must not be used afterwards. */
static inline void cpsd_respond(struct cpsd_request *request, const struct cpsd_response *response)
{
    request->answer(request, response);
}
