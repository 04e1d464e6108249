/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/discovery.h"

#include "cps/store/redis/topology/cluster.h"
#include "cps/store/redis/topology/sentinel.h"
#include "cps/store/redis/topology/servers.h"

#include <stddef.h>

#define MS UINT64_C(1000000)
#define SOON_MS 5        /* after the first doubt: several doubts with one cause lead to one question */
#define AGAIN_MS 150     /* between questions */
#define REFRESH_MS 10000 /* between questions while all is well */

static const struct redis_finder *discovery_finder(const struct redis_servers *servers)
{
    return redis_servers_are_cluster(servers) ? &redis_finder_cluster : &redis_finder_sentinel;
}

/* True if every server can be reached. */
static bool discovery_is_well(const struct redis_servers *servers)
{
    if (!redis_servers_are_cluster(servers)) {
        return redis_node_ready(&servers->only);
    }
    bool well = servers->slots != NULL;
    for (const struct redis_node *node = servers->nodes; well && node; node = node->next) {
        well = redis_node_ready(node);
    }
    return well;
}

static void discovery_start_timer(struct redis_servers *servers, uint64_t ms);

static bool discovery_on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_servers *servers =
        (struct redis_servers *)((char *)request - offsetof(struct redis_servers, discovery.question));
    if (reply) {
        /* set this first: applying the answer may show that it is out of date again */
        servers->discovery.stale = false;
        if (!discovery_finder(servers)->answer(servers, reply)) {
            servers->discovery.stale = true;
            return false;
        }
    }
    servers->discovery.asking = false;
    return true;
}

static void discovery_ask(struct redis_servers *servers)
{
    struct redis_discovery *discovery = &servers->discovery;
    if (discovery->asking || discovery->listening || !cpsd_redis_conn_up(&discovery->conn)) {
        return;
    }
    discovery->asked_ns = uv_hrtime();
    discovery->question = (struct cpsd_redis_request){
        .command = discovery->command,
        .len = discovery_finder(servers)->question(servers, discovery->command, sizeof(discovery->command)),
        .due_ns = discovery->asked_ns + MS * redis_servers_config(servers)->timeout_ms,
        .answered = discovery_on_answer,
    };
    discovery->asking = discovery->question.len && cpsd_redis_conn_send(&discovery->conn, &discovery->question);
}

/* Asks again, another one each second time, until all is well. */
static void discovery_on_timer(uv_timer_t *timer)
{
    struct redis_servers *servers = timer->data;
    struct redis_discovery *discovery = &servers->discovery;
    if (!discovery->stale && discovery_is_well(servers)) {
        return;
    }
    if ((discovery->move || discovery->listening) && cpsd_redis_conn_up(&discovery->conn)) {
        discovery->move = false;
        cpsd_redis_conn_move(&discovery->conn, "asking another server");
    } else {
        discovery_ask(servers);
        discovery->move = true;
    }
    discovery_start_timer(servers, AGAIN_MS);
}

static void discovery_start_timer(struct redis_servers *servers, uint64_t ms)
{
    if (!servers->store->closing) {
        uv_update_time(servers->store->loop);
        (void)uv_timer_start(&servers->discovery.timer, discovery_on_timer, ms, 0);
    }
}

void redis_discovery_doubt(struct redis_servers *servers, bool elsewhere)
{
    struct redis_discovery *discovery = &servers->discovery;
    if (!discovery->opened || servers->store->closing) {
        return;
    }
    discovery->stale = true;
    discovery->move = discovery->move || elsewhere;
    if (!uv_is_active((uv_handle_t *)&discovery->timer)) {
        discovery_start_timer(servers, SOON_MS);
    }
}

void redis_discovery_upkeep(struct redis_servers *servers)
{
    struct redis_discovery *discovery = &servers->discovery;
    if (!discovery_is_well(servers)) {
        redis_discovery_doubt(servers, true);
    } else if (discovery_finder(servers)->upkeep) {
        discovery_finder(servers)->upkeep(servers);
    } else if (uv_hrtime() - discovery->asked_ns > REFRESH_MS * MS) {
        discovery_ask(servers);
    }
}

static void discovery_on_up(void *owner)
{
    struct redis_servers *servers = owner;
    servers->discovery.listening = false;
    discovery_ask(servers);
}

static void discovery_on_down(void *owner)
{
    struct redis_servers *servers = owner;
    servers->discovery.listening = false;
    redis_discovery_doubt(servers, false);
}

static void discovery_on_closed(void *owner)
{
    redis_servers_part_closed(owner);
}

static bool discovery_locate(void *owner)
{
    struct redis_servers *servers = owner;
    const struct redis_finder *finder = discovery_finder(servers);
    finder->pick(servers, servers->discovery.next++ % finder->count(servers), &servers->discovery.address);
    return true;
}

static bool discovery_on_push(void *owner, const redisReply *reply)
{
    struct redis_servers *servers = owner;
    const struct redis_finder *finder = discovery_finder(servers);
    return finder->push && finder->push(servers, reply);
}

void redis_discovery_open(struct redis_servers *servers)
{
    struct redis_discovery *discovery = &servers->discovery;
    discovery->opened = true;
    discovery->config = (struct cpsd_redis_conn_config){
        .use = CPSD_REDIS_FOR_QUESTIONS,
        .any_password = !redis_servers_are_cluster(servers),
        .address = &discovery->address,
        .timeout_ms = redis_servers_config(servers)->timeout_ms,
        .log = redis_servers_config(servers)->log,
        .up = discovery_on_up,
        .down = discovery_on_down,
        .closed = discovery_on_closed,
        .locate = discovery_locate,
        .push = discovery_on_push,
        .owner = servers,
    };
    (void)uv_timer_init(servers->store->loop, &discovery->timer);
    discovery->timer.data = servers;
    servers->parts += 2;
    cpsd_redis_conn_open(&discovery->conn, servers->store->loop, &discovery->config);
}

static void discovery_on_timer_closed(uv_handle_t *handle)
{
    redis_servers_part_closed(handle->data);
}

void redis_discovery_close(struct redis_servers *servers)
{
    cpsd_redis_conn_close(&servers->discovery.conn);
    uv_close((uv_handle_t *)&servers->discovery.timer, discovery_on_timer_closed);
}
