/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/conn.h"

/*
 * What is sent on a new connection before it can be used. For requests: AUTH, SELECT, ROLE (a replica takes no
 * envelopes), CONFIG GET and PEXPIRETIME (what the server is and can), SCRIPT LOAD. For everything else AUTH and PING.
 */

/* Sends all of it; conn->greeted is called for each answer that was accepted. False without memory. */
bool cpsd_redis_greet(struct cpsd_redis_conn *conn);

/* Loads the scripts again, for a request that Redis answered with NOSCRIPT and that is sent after this. False without
 * memory. */
bool cpsd_redis_reload_scripts(struct cpsd_redis_conn *conn);
