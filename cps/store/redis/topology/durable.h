/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/node.h"

/*
 * durability = replicas:N. The requests that were sent in one turn of the loop are followed by one WAIT N. Their
 * results are reported when its answer says that N replicas have everything before it. The offset that WAIT compares is
 * the server's as of the connection's last command, whatever that did: so an envelope that was there already is
 * confirmed, too.
 */

/* Begins to connect; node->durable.config is set but for what this file handles. */
void redis_durable_open(struct redis_node *node);

/* Sends a request, or holds it until the answer to WAIT. False if that is impossible now. */
bool redis_durable_send(struct redis_node *node, struct redis_request *request);

/* Takes a request whose result is kept: it is confirmed, failed or retried after the answer to WAIT. */
void redis_durable_confirm_later(struct redis_request *request);
