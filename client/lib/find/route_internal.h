/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/find/route.h"
#include "common/base/map.h"

#include <pthread.h>

/*
 * What the files of a route share. Calls go down only: route_request.c (sends a request to one server after the other)
 * -> route_health.c (which servers answer) -> route.c (the table of routes and their references).
 */
struct cps_watch;

struct cps_server {
    char *base;              /* its base URL, without a '/' at the end */
    char *host;              /* the audience of tokens for it */
    unsigned failures;       /* in sequence */
    int64_t until_ms;        /* left alone until then (monotonic); 0: it is used */
    bool away;               /* a probe failed after a request had */
    struct cps_error cause;  /* the last failure */
    struct cps_watch *watch; /* probes whether it answers again; NULL: it is used */
};

struct cps_route {
    struct cps_route_head head; /* first: the transport gives references back through it */
    struct stir_map_node node;
    struct cps_route *newer, *older;
    struct cps_routes *routes;
    unsigned refs;
    bool public_only;
    int64_t wanted_ms; /* when a request last wanted it (monotonic) */
    int64_t away_ms;   /* since when all of its servers are away (monotonic); 0: they are not */
    struct cps_server servers[CPS_ROUTE_SERVERS];
    unsigned count;
    char urls[]; /* as given */
};

struct cps_routes {
    struct cps *cps;
    pthread_mutex_t lock;
    struct stir_map map;
    struct cps_route *newest, *oldest; /* by last use */
    size_t unused;                     /* routes without a reference */
    uint64_t lost;                     /* how often a CPS has gone away */
};

/* Joins a server's base URL and a path. The caller frees the result; NULL: out of memory. */
char *cps_route_join(const char *base, const char *path);

/* ---- route_health.c ---- */

/* Returns true if another server may do better: this one was not reached, did not answer, or answered 5xx. */
bool cps_route_failed(const struct cps_response *response);

/* Records what an answer, or its absence, says about a server. On the I/O thread. */
void cps_route_hear(struct cps_route *route, unsigned server, const struct cps_response *response);

/* Notes that the route is wanted. Returns true if all of its servers are away, so that no request is sent; err, which
 * may be NULL, then holds CPS_E_AWAY and the reason. */
bool cps_route_is_away(struct cps_route *route, struct cps_error *err);
