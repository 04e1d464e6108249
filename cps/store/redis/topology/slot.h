/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The slots of Redis Cluster (Redis Cluster specification, "Key distribution model"). */
#define CPSD_REDIS_SLOTS 16384

/* Returns the slot of a key: only the text between its first { and the next } counts, or all of it if that is empty or
 * missing. */
unsigned cpsd_redis_slot(const char *key, size_t len);
