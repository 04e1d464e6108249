#pragma once

#include <stddef.h>

/* Redis Cluster's map from keys to slots (Redis Cluster specification, "Key distribution model"). */
#define CPSD_REDIS_SLOTS 16384

/* The slot of a key: of what is between its first { and the next }, if that is not empty, else of all of it. */
unsigned cpsd_redis_slot(const char *key, size_t len);
