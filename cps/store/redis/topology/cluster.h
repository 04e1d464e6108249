/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/discovery.h"
#include "cps/store/redis/topology/node.h"

/*
 * The nodes of a Redis Cluster and the slots that each has. The map comes from CLUSTER SLOTS. A MOVED redirection
 * changes one slot of it at once, and causes a new question.
 */
extern const struct redis_finder redis_finder_cluster;

/* Returns the node that has the slot; NULL if none is known. */
struct redis_node *redis_cluster_node(const struct redis_servers *servers, unsigned slot);

/* Returns the node that the redirection "MOVED|ASK slot host:port" names, and makes it if it is not known yet. NULL if
 * the text is malformed, if there are too many nodes, or without memory. */
struct redis_node *redis_cluster_redirect(struct redis_servers *servers, const struct redis_node *from,
                                          const redisReply *reply, unsigned *slot);

/* The slot belongs to this node now. */
void redis_cluster_moved(struct redis_servers *servers, unsigned slot, struct redis_node *node);

/* True if there is a map and at least one node is ready. */
bool redis_cluster_ready(const struct redis_servers *servers);

/* Closes all nodes. */
void redis_cluster_close(struct redis_servers *servers);
