/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/request.h"

/*
 * Where a request goes, and what happens to it there. In a cluster and with Sentinels another server may take over: a
 * request that could not be done, and one that can be repeated, waits for a moment and is sent again until its
 * deadline. With a single server that is away, requests fail at once.
 */

/* Sends a new request. It ends with a call of its handler, possibly before this returns. */
void redis_route_send(struct redis_request *request);

/* Makes another attempt, or fails the request if its time is over. */
void redis_route_resend(struct redis_request *request);

/* An attempt failed without an answer: the request is retried if that is harmless, and fails if not. */
void redis_route_lost(struct redis_request *request);

void redis_route_open(struct redis_servers *servers);

/* Fails the parked requests. */
void redis_route_close(struct redis_servers *servers);
