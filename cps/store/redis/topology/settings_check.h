/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/node.h"
#include "cps/store/store_internal.h"

/*
 * Whether servers are set as the configured durability needs. A server that does not let us ask is assumed to be.
 */

/* Checks and logs the settings of a server that has just been connected to. */
void redis_settings_check(struct redis_node *node);

/* Writes for the operator what the servers' settings lack, "" if nothing. From any thread. */
struct redis_shared;
void redis_settings_advice(struct cpsd_backend *backend, const struct redis_shared *shared, char *out, size_t size);
