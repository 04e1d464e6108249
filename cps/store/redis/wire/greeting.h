#pragma once

#include "cps/store/redis/wire/conn.h"

/*
 * What is said to Redis before it is of use: AUTH, SELECT, ROLE (a replica takes no envelopes), SCRIPT LOAD.
 */

/* Sends all of it. */
bool cpsd_redis_greet(struct cpsd_redis_conn *conn);

/* Between the greeting and the connection: a request of the greeting, and that one was answered well. */
bool cpsd_redis_conn_greet(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request);
void cpsd_redis_conn_greeted(struct cpsd_redis_conn *conn);
