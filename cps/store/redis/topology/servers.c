/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/servers.h"

#include "cps/store/redis/topology/cluster.h"
#include "cps/store/redis/topology/route.h"
#include "cps/store/redis/topology/settings_check.h"

#include <stdlib.h>

#define UPKEEP_MS 1000

static void servers_on_node_down(struct redis_node *node)
{
    redis_discovery_doubt(node->servers, true);
}

static const struct redis_node_events servers_node_events = {
    .up = redis_settings_check,
    .down = servers_on_node_down,
    .resend = redis_route_resend,
    .lost = redis_route_lost,
};

/* Upkeep. */

static void servers_on_upkeep(uv_timer_t *timer)
{
    struct redis_servers *servers = timer->data;
    redis_subscription_upkeep(servers);
    if (servers->discovery.opened) {
        redis_discovery_upkeep(servers);
    }
}

static void servers_begin_upkeep(struct redis_servers *servers)
{
    if (!servers->upkeeping && !servers->store->closing) {
        servers->upkeeping = true;
        (void)uv_timer_start(&servers->upkeep, servers_on_upkeep, UPKEEP_MS, UPKEEP_MS);
    }
}

void redis_servers_wait(struct redis_servers *servers, const struct stir_identity *box)
{
    servers_begin_upkeep(servers);
    redis_subscription_wait(servers, box);
}

/* From open to closed. */

static void servers_on_parts_closed(struct redis_servers *servers)
{
    redis_subscription_free(servers);
    free((void *)servers->slots);
    servers->closed(servers);
}

void redis_servers_open(struct redis_servers *servers)
{
    const struct cpsd_redis_place *place = &servers->shared->place;
    servers->node_events = &servers_node_events;
    servers->map_changed = redis_subscription_moved;
    servers->parts_closed = servers_on_parts_closed;
    redis_route_open(servers);
    (void)uv_timer_init(servers->store->loop, &servers->upkeep);
    servers->upkeep.data = servers;
    servers->parts++;
    servers->only.embedded = true;
    if (place->kind != CPSD_REDIS_SINGLE) {
        servers->patient = true;
        redis_discovery_open(servers);
        servers_begin_upkeep(servers);
    }
    if (place->kind == CPSD_REDIS_CLUSTER) {
        return; /* the map brings the nodes */
    }
    servers->only.address = place->seed[0];
    if (place->kind == CPSD_REDIS_SENTINEL) {
        /* the seed is a Sentinel; which server is the primary comes from its answer */
        servers->only.address.host[0] = '\0';
        servers->only.address.port = 0;
    }
    redis_node_open(&servers->only, servers);
}

static void servers_on_upkeep_closed(uv_handle_t *handle)
{
    redis_servers_part_closed(handle->data);
}

void redis_servers_close(struct redis_servers *servers)
{
    if (redis_servers_are_cluster(servers)) {
        redis_cluster_close(servers);
    } else {
        redis_node_close(&servers->only);
    }
    if (servers->discovery.opened) {
        redis_discovery_close(servers);
    }
    redis_route_close(servers);
    uv_close((uv_handle_t *)&servers->upkeep, servers_on_upkeep_closed);
}

/* Questions of the box. */

bool redis_servers_ready(const struct redis_servers *servers)
{
    return redis_servers_are_cluster(servers) ? redis_cluster_ready(servers) : redis_node_ready(&servers->only);
}

bool redis_servers_failed(const struct redis_servers *servers)
{
    return servers->only.conn.attempts || servers->discovery.conn.attempts;
}

bool redis_servers_away(const struct redis_servers *servers)
{
    return !servers->patient && !redis_node_ready(&servers->only);
}

const char *redis_servers_publish_command(const struct redis_servers *servers)
{
    return redis_servers_are_cluster(servers) && !servers->subscriptions.plain ? "SPUBLISH" : "PUBLISH";
}
