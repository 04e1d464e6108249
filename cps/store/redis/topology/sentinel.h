/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/discovery.h"

/* Redis Sentinel: asks one which server the primary is, then listens there to +switch-master. */
extern const struct redis_finder redis_finder_sentinel;
