/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/conn.h"

/* The requests of a connection whose answers have not come, in order. Used by conn.c and greeting.c. */

void cpsd_redis_pending_init(struct cpsd_redis_conn *conn);

/* Sends the request and adds it at the end. False if the link takes no more. */
bool cpsd_redis_pending_add(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request);

/* Removes the first, whose answer has come. */
void cpsd_redis_pending_take(struct cpsd_redis_conn *conn);

/* Puts the one that was just taken back in front. */
void cpsd_redis_pending_put_back(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request);

/* Ends all with NULL. */
void cpsd_redis_pending_fail(struct cpsd_redis_conn *conn);
