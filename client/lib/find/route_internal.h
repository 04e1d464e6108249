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
    char *base; /* without a '/' at the end */
    char *host; /* what it is called in tokens */
    unsigned failures;
    int64_t until_ms;        /* left alone until then, monotonic; 0: it is used */
    bool away;               /* a probe got no good answer after a request had none */
    struct cps_error cause;  /* the last failure */
    struct cps_watch *watch; /* asks whether it answers again; NULL: it is used */
};

struct cps_route {
    struct cps_route_head head; /* first: the transport gives references back through it */
    struct stir_map_node node;
    struct cps_route *newer, *older;
    struct cps_routes *routes;
    unsigned refs;
    bool public_only;
    int64_t wanted_ms; /* when it was last asked for, monotonic */
    int64_t away_ms;   /* since when all of its servers are away, monotonic; 0: they are not */
    struct cps_server servers[CPS_ROUTE_SERVERS];
    unsigned count;
    char urls[]; /* as given */
};

struct cps_routes {
    struct cps *cps;
    pthread_mutex_t lock;
    struct stir_map map;
    struct cps_route *newest, *oldest; /* by last use */
    size_t unused;
    uint64_t lost; /* how often a CPS went away */
};

/* Joins a server's base URL and a path in memory of its own; NULL: out of memory. */
char *cps_route_join(const char *base, const char *path);

/* ---- route_health.c ---- */

/* Whether another server may do better: this one was not reached, did not answer, or says that it cannot. */
bool cps_route_failed(const struct cps_response *response);

/* Takes in what an answer, or its lack, says of a server. On the I/O thread. */
void cps_route_hear(struct cps_route *route, unsigned server, const struct cps_response *response);

/* Notes that the route is wanted. True: all of its servers are away, and nobody is to be asked; err, which may be NULL,
 * is CPS_E_AWAY and says why. */
bool cps_route_is_away(struct cps_route *route, struct cps_error *err);
