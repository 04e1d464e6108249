/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/node.h"

/* Logs the first word of a server's error answer; the rest of it may quote what was sent. At most once in ten seconds
 * for all servers of a worker. */
void redis_log_refusal(struct redis_node *node, const redisReply *error);
