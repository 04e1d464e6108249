/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/net/transport.h"
#include "common/number/identity.h"

/*
 * Where a destination's CPS is. A route is one CPS under one or more base URLs, in order of preference: servers of the
 * same store, so that a cursor of one is valid at another. A server that does not answer, or answers 5xx, is left alone
 * for a while, and the next one is asked within the same request's time. GET /health then shows whether it is back.
 * When no server answers, the CPS is away: requests fail at once with CPS_E_AWAY until one does (route_health.c).
 * Routes are shared by all operations of a handle and counted by reference. Thread-safe.
 */
#define CPS_ROUTE_SERVERS 8
#define CPS_ROUTE_URLS_MAX 2048 /* characters of all URLs together */

struct cps_route;
struct cps_routes;
struct cps_target;

/* Makes an empty table of routes. CPS_E_NOMEM. */
enum cps_code cps_routes_new(struct cps_routes **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_routes_free(struct cps_routes *routes); /* after the transport has ended; NULL is fine */

/* Gets the route of one or more URLs, separated by commas, '|' or spaces; *out is a new reference. public_only: never
 * connects to a special-purpose address. Gives `code` for a URL that cannot be used, or CPS_E_NOMEM. */
enum cps_code cps_route_get(struct cps_route **out, struct cps_routes *routes, const char *urls, bool public_only,
                            enum cps_code code, struct cps_error *err) STIR_MUST_CHECK;

/* Takes a reference, and gives one back. */
struct cps_route *cps_route_ref(struct cps_route *route);
void cps_route_unref(struct cps_route *route); /* NULL is fine */

/* Returns the URLs of a route as they were given, valid as long as the reference. */
const char *cps_route_urls(const struct cps_route *route);

/* Splits the next URL off a list. Returns false at its end. */
bool cps_route_next_url(const char **list, char url[CPS_ROUTE_URLS_MAX + 1]);

/* Finds the route to a destination: by the number table, else by its key record, else cps_url. The record is `target`;
 * if that is NULL and options.route_by_record is set, the most specific one in the directory's cache. dest NULL means
 * cps_url. *out is a new reference. CPS_E_CONFIG: no CPS is configured, or the table's URL cannot be used; CPS_E_NOMEM.
 */
enum cps_code cps_route_to(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                           const struct cps_target *target, struct cps_error *err) STIR_MUST_CHECK;

/* Finds the route for an envelope that is sealed for a key of this record. The CPS of a record for the number or its
 * range comes before that of the number table, which speaks for the provider. Otherwise as cps_route_to. */
enum cps_code cps_route_to_holder(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                  const struct cps_target *target, struct cps_error *err) STIR_MUST_CHECK;

/* Submits a request that has a route and a path, as cps_transport_submit does. CPS_E_AWAY: the CPS is known to be away,
 * and nothing was sent. */
enum cps_code cps_route_submit(struct cps *cps, struct cps_transfer *transfer, struct cps_error *err) STIR_MUST_CHECK;

/* Returns how long all servers of the route have been away, in milliseconds; 0 if they are not, as far as is known. */
int64_t cps_route_away_ms(struct cps_route *route);

/* For tests: returns for how many milliseconds a server is still left alone; 0 if it is used. */
int64_t cps_route_left_alone_ms(struct cps_route *route, unsigned server);
