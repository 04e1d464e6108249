#include "cps/store/redis/redis_internal.h"
#include "cps/store/redis/wire/command.h"

#include <stdlib.h>
#include <string.h>

/*
 * A Redis Cluster's nodes and which slots are whose. The map comes from CLUSTER SLOTS; a MOVED changes one slot of it
 * at once and brings a new one.
 */
#define NODES_MAX 256

struct redis_node *redis_cluster_node(const struct redis_store *store, unsigned slot)
{
    return store->slots ? store->slots[slot] : NULL;
}

static struct redis_node *find_or_make(struct redis_store *store, const char *host, size_t len, unsigned port)
{
    size_t count = 0;
    for (struct redis_node *node = store->nodes; node; node = node->next, count++) {
        if (node->address.port == port && strlen(node->address.host) == len &&
            memcmp(node->address.host, host, len) == 0) {
            return node;
        }
    }
    struct redis_node *node =
        count < NODES_MAX && len && len < sizeof(node->address.host) ? calloc(1, sizeof(*node)) : NULL;
    if (node) {
        node->address = redis_backend_of(store)->place.seed[0];
        memcpy(node->address.host, host, len);
        node->address.host[len] = '\0';
        node->address.port = port;
        node->next = store->nodes;
        store->nodes = node;
        redis_node_open(node, store);
    }
    return node;
}

static void take_out(struct redis_store *store, struct redis_node *node)
{
    struct redis_node **link = &store->nodes;
    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
    redis_node_close(node);
}

void redis_cluster_node_closed(struct redis_node *node)
{
    free(node);
}

void redis_cluster_close(struct redis_store *store)
{
    if (store->slots) {
        memset((void *)store->slots, 0, CPSD_REDIS_SLOTS * sizeof(struct redis_node *));
    }
    while (store->nodes) {
        take_out(store, store->nodes);
    }
}

bool redis_cluster_ready(const struct redis_store *store)
{
    bool ready = false;
    for (const struct redis_node *node = store->nodes; node && !ready; node = node->next) {
        ready = redis_node_ready(node);
    }
    return ready && store->slots;
}

/* The map. */

/* A node without a usable name is where the one is that was asked: it may not know its own address. */
static struct redis_node *node_in(struct redis_store *store, const redisReply *about)
{
    if (about->type != REDIS_REPLY_ARRAY || about->elements < 2 || about->element[1]->type != REDIS_REPLY_INTEGER ||
        about->element[1]->integer < 1 || about->element[1]->integer > 65535) {
        return NULL;
    }
    const redisReply *host = about->element[0];
    const char *asked = store->scout.address.host;
    bool named = host->type == REDIS_REPLY_STRING && host->len && host->str[0] != '?';
    if (!named && host->type != REDIS_REPLY_NIL && host->type != REDIS_REPLY_STRING) {
        return NULL;
    }
    return find_or_make(store, named ? host->str : asked, named ? host->len : strlen(asked),
                        (unsigned)about->element[1]->integer);
}

static bool is_slot(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer < CPSD_REDIS_SLOTS;
}

/* [first, last, [host, port, ...] of the primary, ...] */
static bool add_range(struct redis_store *store, struct redis_node **slots, const redisReply *range)
{
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 || !is_slot(range->element[0]) ||
        !is_slot(range->element[1])) {
        return false;
    }
    struct redis_node *node = node_in(store, range->element[2]);
    if (node) {
        node->wanted = true;
        for (long long i = range->element[0]->integer; i <= range->element[1]->integer; i++) {
            slots[i] = node;
        }
    }
    return node != NULL;
}

/* All or nothing. Who is in the map no more is let go; what was on its way there is sent again where it may be. */
static bool apply(struct redis_store *store, const redisReply *reply)
{
    struct redis_node **slots = calloc(CPSD_REDIS_SLOTS, sizeof(struct redis_node *));
    bool good = slots && reply->type == REDIS_REPLY_ARRAY && reply->elements;
    for (struct redis_node *node = store->nodes; node; node = node->next) {
        node->wanted = false;
    }
    for (size_t i = 0; good && i < reply->elements; i++) {
        good = add_range(store, slots, reply->element[i]);
    }
    if (!good) {
        free((void *)slots);
        return false;
    }
    free((void *)store->slots);
    store->slots = slots;
    for (struct redis_node *node = store->nodes, *next; node; node = next) {
        next = node->next;
        if (!node->wanted) {
            take_out(store, node);
        }
    }
    redis_sub_moved(store);
    return true;
}

/* "MOVED 3999 127.0.0.1:6381", the address as IPv6 without brackets, or with no host at all. */
struct redis_node *redis_cluster_redirect(struct redis_store *store, const struct redis_node *from,
                                          const redisReply *reply, unsigned *slot)
{
    char text[320], *end;
    if (reply->len >= sizeof(text) || memchr(reply->str, '\0', reply->len)) {
        return NULL;
    }
    memcpy(text, reply->str, reply->len + 1);
    char *number = strchr(text, ' ');
    unsigned long n = number ? strtoul(number + 1, &end, 10) : CPSD_REDIS_SLOTS;
    if (n >= CPSD_REDIS_SLOTS || number[1] < '0' || number[1] > '9' || *end != ' ') {
        return NULL;
    }
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
        return find_or_make(store, from->address.host, strlen(from->address.host), (unsigned)port);
    }
    return find_or_make(store, host, (size_t)(colon - host), (unsigned)port);
}

void redis_cluster_moved(struct redis_store *store, unsigned slot, struct redis_node *node)
{
    if (store->slots) {
        store->slots[slot] = node;
    }
}

/* The scout's. */

static size_t count(const struct redis_store *store)
{
    size_t n = redis_backend_of(store)->place.seeds;
    for (const struct redis_node *node = store->nodes; node; node = node->next) {
        n++;
    }
    return n;
}

static void pick(const struct redis_store *store, size_t i, struct cpsd_redis_address *out)
{
    const struct cpsd_redis_place *place = &redis_backend_of(store)->place;
    const struct redis_node *node = store->nodes;
    if (i < place->seeds) {
        *out = place->seed[i];
        return;
    }
    for (i -= place->seeds; i; i--) {
        node = node->next;
    }
    *out = node->address;
}

static size_t question(struct redis_store *store, char *out, size_t size)
{
    (void)store;
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("CLUSTER"), cpsd_redis_arg_text("SLOTS")};
    return cpsd_redis_command_size(args, 2) <= size ? cpsd_redis_command_write(out, args, 2) : 0;
}

const struct redis_finder redis_finder_cluster = {
    .count = count,
    .pick = pick,
    .question = question,
    .answer = apply,
};
