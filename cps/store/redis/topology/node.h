/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/request.h"
#include "cps/store/redis/wire/conn.h"

/*
 * One server that is, or was, the primary of something, and this worker's connections to it: one for requests; where
 * replicas have to confirm what was written, one for that (durable.h), so that reading continues while Redis waits for
 * them; and one for subscriptions as soon as a reader waits (subscription.h).
 */
struct redis_servers;

/* Requests that replicas have to confirm: a connection of their own, and one WAIT for all that were sent together.
 * While Redis waits it does nothing else for this connection, so requests that come meanwhile are held and sent
 * together. */
struct redis_durable {
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    struct cpsd_redis_request wait;
    char command[64];
    bool dirty;                     /* something was sent since the last WAIT */
    bool waiting;                   /* for the answer to WAIT */
    struct redis_request_list held; /* not sent yet */
    struct redis_request_list done; /* answered, to be confirmed */
};

/* The subscriptions at one server. */
struct redis_subscriber {
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    bool opened;
};

struct redis_node {
    struct redis_servers *servers;
    struct redis_node *next;
    struct cpsd_redis_address address; /* user and password belong to the place */
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    struct redis_durable durable; /* opened if replicas have to confirm */
    struct redis_subscriber subscriber;
    unsigned open; /* connections that have not reported closed */
    bool leaving;  /* being closed; freed with its last connection */
    bool embedded; /* a part of struct redis_servers: not freed */
    bool wanted;   /* while a map is applied: it is in the map */
};

/* Begins to connect. The node's address is set; a node that is not embedded was allocated with calloc. */
void redis_node_open(struct redis_node *node, struct redis_servers *servers);

/* Ends or retries pending requests and closes the connections. A node that is not embedded is freed later. */
void redis_node_close(struct redis_node *node);

/* Drops all connections and connects to the changed address; `why` is logged. */
void redis_node_move(struct redis_node *node, const char *why);

/* True if requests can be sent now. */
bool redis_node_ready(const struct redis_node *node);

/* Sends a request, after ASKING in state ASKING. False if that is impossible now: the request remains the caller's. */
bool redis_node_send(struct redis_node *node, struct redis_request *request);

/* Returns the connection that this request was or would be sent on. */
struct cpsd_redis_conn *redis_node_conn_for(struct redis_node *node, const struct redis_request *request);
