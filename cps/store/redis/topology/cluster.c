/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/cluster.h"

#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/command.h"

#include <stdlib.h>
#include <string.h>

#define NODES_MAX 256

struct redis_node *redis_cluster_node(const struct redis_servers *servers, unsigned slot)
{
    return servers->slots ? servers->slots[slot] : NULL;
}

static struct redis_node *cluster_find_or_make(struct redis_servers *servers, const char *host, size_t len,
                                               unsigned port)
{
    size_t count = 0;
    for (struct redis_node *node = servers->nodes; node; node = node->next, count++) {
        if (node->address.port == port && strlen(node->address.host) == len &&
            memcmp(node->address.host, host, len) == 0) {
            return node;
        }
    }
    struct redis_node *node =
        count < NODES_MAX && len && len < sizeof(node->address.host) ? calloc(1, sizeof(*node)) : NULL;
    if (node) {
        node->address = servers->shared->place.seed[0];
        memcpy(node->address.host, host, len);
        node->address.host[len] = '\0';
        node->address.port = port;
        node->next = servers->nodes;
        servers->nodes = node;
        redis_node_open(node, servers);
    }
    return node;
}

static void cluster_remove(struct redis_servers *servers, struct redis_node *node)
{
    struct redis_node **link = &servers->nodes;
    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
    redis_node_close(node);
}

void redis_cluster_close(struct redis_servers *servers)
{
    if (servers->slots) {
        memset((void *)servers->slots, 0, CPSD_REDIS_SLOTS * sizeof(struct redis_node *));
    }
    while (servers->nodes) {
        cluster_remove(servers, servers->nodes);
    }
}

bool redis_cluster_ready(const struct redis_servers *servers)
{
    bool ready = false;
    for (const struct redis_node *node = servers->nodes; node && !ready; node = node->next) {
        ready = redis_node_ready(node);
    }
    return ready && servers->slots;
}

/* The map. */

/* Returns the node of an entry of the map. A node may not know its own address; then the entry has no usable host, and
 * means the node that was asked. */
static struct redis_node *cluster_node_of_entry(struct redis_servers *servers, const redisReply *about)
{
    if (about->type != REDIS_REPLY_ARRAY || about->elements < 2 || about->element[1]->type != REDIS_REPLY_INTEGER ||
        about->element[1]->integer < 1 || about->element[1]->integer > 65535) {
        return NULL;
    }
    const redisReply *host = about->element[0];
    const char *asked = servers->discovery.address.host;
    bool named = host->type == REDIS_REPLY_STRING && host->len && host->str[0] != '?';
    if (!named && host->type != REDIS_REPLY_NIL && host->type != REDIS_REPLY_STRING) {
        return NULL;
    }
    return cluster_find_or_make(servers, named ? host->str : asked, named ? host->len : strlen(asked),
                                (unsigned)about->element[1]->integer);
}

static bool cluster_is_slot(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer < CPSD_REDIS_SLOTS;
}

/* Adds one range: [first, last, [host, port, ...] of the primary, ... of replicas]. */
static bool cluster_add_range(struct redis_servers *servers, struct redis_node **slots, const redisReply *range)
{
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 || !cluster_is_slot(range->element[0]) ||
        !cluster_is_slot(range->element[1])) {
        return false;
    }
    struct redis_node *node = cluster_node_of_entry(servers, range->element[2]);
    if (node) {
        node->wanted = true;
        for (long long i = range->element[0]->integer; i <= range->element[1]->integer; i++) {
            slots[i] = node;
        }
    }
    return node != NULL;
}

/* Applies a whole map, or nothing if any part of it is malformed. Nodes that are no longer in it are closed; their
 * requests are retried elsewhere if that is harmless. */
static bool cluster_apply(struct redis_servers *servers, const redisReply *reply)
{
    struct redis_node **slots = calloc(CPSD_REDIS_SLOTS, sizeof(struct redis_node *));
    bool good = slots && reply->type == REDIS_REPLY_ARRAY && reply->elements;
    /* build the new map before the old one is freed */
    for (struct redis_node *node = servers->nodes; node; node = node->next) {
        node->wanted = false;
    }
    for (size_t i = 0; good && i < reply->elements; i++) {
        good = cluster_add_range(servers, slots, reply->element[i]);
    }
    if (!good) {
        free((void *)slots);
        return false;
    }
    free((void *)servers->slots);
    servers->slots = slots;
    /* close the nodes that are not in it */
    for (struct redis_node *node = servers->nodes, *next; node; node = next) {
        next = node->next;
        if (!node->wanted) {
            cluster_remove(servers, node);
        }
    }
    servers->map_changed(servers);
    return true;
}

/* Parses "MOVED 3999 127.0.0.1:6381". An IPv6 address has no brackets there; without a host, it is the one that sent
 * the redirection. */
struct redis_node *redis_cluster_redirect(struct redis_servers *servers, const struct redis_node *from,
                                          const redisReply *reply, unsigned *slot)
{
    char text[320], *end;
    if (reply->len >= sizeof(text) || memchr(reply->str, '\0', reply->len)) {
        return NULL;
    }
    memcpy(text, reply->str, reply->len + 1);
    /* the slot */
    char *number = strchr(text, ' ');
    unsigned long n = number ? strtoul(number + 1, &end, 10) : CPSD_REDIS_SLOTS;
    if (n >= CPSD_REDIS_SLOTS || number[1] < '0' || number[1] > '9' || *end != ' ') {
        return NULL;
    }
    /* the address: the port follows the last colon */
    char *host = end + 1, *colon = strrchr(host, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return NULL;
    }
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (port < 1 || port > 65535 || *end) {
        return NULL;
    }
    *slot = (unsigned)n;
    if (colon == host) {
        return cluster_find_or_make(servers, from->address.host, strlen(from->address.host), (unsigned)port);
    }
    return cluster_find_or_make(servers, host, (size_t)(colon - host), (unsigned)port);
}

void redis_cluster_moved(struct redis_servers *servers, unsigned slot, struct redis_node *node)
{
    if (servers->slots) {
        servers->slots[slot] = node;
    }
}

/* For discovery: the seeds and all known nodes can be asked. */

static size_t cluster_count(const struct redis_servers *servers)
{
    size_t n = servers->shared->place.seeds;
    for (const struct redis_node *node = servers->nodes; node; node = node->next) {
        n++;
    }
    return n;
}

static void cluster_pick(const struct redis_servers *servers, size_t i, struct cpsd_redis_address *out)
{
    const struct cpsd_redis_place *place = &servers->shared->place;
    const struct redis_node *node = servers->nodes;
    if (i < place->seeds) {
        *out = place->seed[i];
        return;
    }
    for (i -= place->seeds; i; i--) {
        node = node->next;
    }
    *out = node->address;
}

static size_t cluster_question(struct redis_servers *servers, char *out, size_t size)
{
    (void)servers;
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("CLUSTER"), cpsd_redis_arg_text("SLOTS")};
    return cpsd_redis_command_size(args, 2) <= size ? cpsd_redis_command_write(out, args, 2) : 0;
}

const struct redis_finder redis_finder_cluster = {
    .count = cluster_count,
    .pick = cluster_pick,
    .question = cluster_question,
    .answer = cluster_apply,
};
