#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/net/transport.h"
#include "common/number/identity.h"

/*
 * Where a destination's CPS is. A route is one CPS under one or more base URLs (servers of the same store, so that a
 * cursor of one is good for another), in order of preference. A server that does not answer, or answers 5xx, is left
 * alone for a while and the next one asked within the same request's time; when the while is over, GET /health tells
 * whether it is back. When none of them answers, the CPS is away: requests fail at once with CPS_E_AWAY until one does
 * (route_health.c). Routes are shared by all operations of a handle and counted by reference. Thread-safe.
 */
#define CPS_ROUTE_SERVERS 8
#define CPS_ROUTE_URLS_MAX 2048 /* characters of all URLs together */

struct cps_route;
struct cps_routes;
struct cps_target;

enum cps_code cps_routes_new(struct cps_routes **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_routes_free(struct cps_routes *routes); /* after the transport has ended; NULL is fine */

/* The route of URLs with commas, '|' or spaces between them; *out is a new reference. public_only: nobody is connected
 * to at a special-purpose address. `code` is what a URL that is none is; also CPS_E_NOMEM. */
enum cps_code cps_route_get(struct cps_route **out, struct cps_routes *routes, const char *urls, bool public_only,
                            enum cps_code code, struct cps_error *err) STIR_MUST_CHECK;
struct cps_route *cps_route_ref(struct cps_route *route);
void cps_route_unref(struct cps_route *route); /* NULL is fine */

/* The URLs of a route as they were given; valid as long as the reference. */
const char *cps_route_urls(const struct cps_route *route);

/* Splits the next URL off a list; false at its end. */
bool cps_route_next_url(const char **list, char url[CPS_ROUTE_URLS_MAX + 1]);

/* The route to a destination: the number table's URL, else that of its key record, else cps_url. The record is `target`
 * where it was found for this, else, with route_by_record, the most specific one that is known by now (NULL: neither).
 * dest NULL: cps_url. CPS_E_CONFIG: none of them is there, or the table's URL is not one; CPS_E_NOMEM. */
enum cps_code cps_route_to(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                           const struct cps_target *target, struct cps_error *err) STIR_MUST_CHECK;

/* The route for an envelope to a key of this record: the URL of a record that names the number comes before the number
 * table's, which speaks for the provider. Otherwise as cps_route_to. */
enum cps_code cps_route_to_holder(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                  const struct cps_target *target, struct cps_error *err) STIR_MUST_CHECK;

/* As cps_transport_submit, for a request that has a route and a path. CPS_E_AWAY: the CPS is known to be away, nobody
 * was asked. */
enum cps_code cps_route_submit(struct cps *cps, struct cps_transfer *transfer, struct cps_error *err) STIR_MUST_CHECK;

/* How long all servers of the route have been away, in milliseconds; 0: they are not, as far as is known. */
int64_t cps_route_away_ms(struct cps_route *route);

/* What is known of a server, for tests: milliseconds that it is still left alone, 0: it is used. */
int64_t cps_route_left_alone_ms(struct cps_route *route, unsigned server);
