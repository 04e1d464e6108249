/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/subscription.h"

#include "cps/store/redis/topology/cluster.h"
#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/command.h"
#include "cps/store/redis/wire/reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_MS 30000
#define LINGER_MANY_MS 2000 /* if there are more than MANY subscriptions */
#define MANY 8192
#define ENTRIES_MAX 262144
#define PREFIX_MAX 16 /* octets of shared->key_prefix */
#define CHANNEL_MAX (PREFIX_MAX + STIR_IDENTITY_MAX + 2)
#define LOG_EVERY_NS (UINT64_C(60) * 1000000000)

struct redis_subscription {
    struct redis_subscription *next;
    uint64_t hash;
    uint64_t used_ms; /* uv_now when the last reader came */
    struct redis_node *node;
    enum { IDLE, ASKED, LIVE } state; /* not subscribed; the command was sent; in force */
    enum stir_identity_kind kind;
    unsigned len;
    char text[];
};

/* A command on a subscriber's connection, until it is answered. */
struct message {
    struct cpsd_redis_request request;
    struct redis_node *node;
    enum what { SUBSCRIBE, UNSUBSCRIBE, PING } what;
    bool sharded;
    unsigned len;
    const char *text; /* the name of the box, within the command */
    char command[];
};

static void subscription_subscribe(struct redis_servers *servers, struct redis_subscription *entry);

static struct redis_subscription **subscription_bucket(struct redis_subscriptions *sub, uint64_t hash)
{
    return &sub->bucket[hash % REDIS_SUBSCRIPTION_BUCKETS];
}

static uint64_t subscription_hash(const struct redis_servers *servers, const char *text, size_t len)
{
    return cpsd_hub_hash(servers->store->backend->hub, text, len);
}

static struct redis_subscription *subscription_find(struct redis_servers *servers, const char *text, size_t len)
{
    uint64_t hash = subscription_hash(servers, text, len);
    struct redis_subscription *entry = *subscription_bucket(&servers->subscriptions, hash);
    while (entry && !(entry->hash == hash && entry->len == len && memcmp(entry->text, text, len) == 0)) {
        entry = entry->next;
    }
    return entry;
}

static void subscription_for_each(struct redis_servers *servers,
                                  void (*act)(struct redis_servers *servers, struct redis_subscription *entry,
                                              void *arg),
                                  void *arg)
{
    for (size_t i = 0; i < REDIS_SUBSCRIPTION_BUCKETS; i++) {
        for (struct redis_subscription *entry = servers->subscriptions.bucket[i], *next; entry; entry = next) {
            next = entry->next;
            act(servers, entry, arg);
        }
    }
}

static void subscription_forget(struct redis_servers *servers, struct redis_subscription *entry)
{
    struct redis_subscription **link = subscription_bucket(&servers->subscriptions, entry->hash);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    servers->subscriptions.count--;
    free(entry);
}

static struct stir_identity subscription_box(const struct redis_subscription *entry)
{
    struct stir_identity box = {.kind = entry->kind, .len = entry->len};
    memcpy(box.text, entry->text, entry->len);
    return box;
}

static void subscription_wake(struct redis_servers *servers, const struct redis_subscription *entry)
{
    struct stir_identity box = subscription_box(entry);
    cpsd_hub_wake_port(&servers->store->port, &box);
}

/* Writes the channel of a box: the name of its key, prefix{box}. Returns its octets. */
static size_t subscription_channel(const struct redis_servers *servers, char out[CHANNEL_MAX], const char *text,
                                   size_t len)
{
    size_t n = strlen(servers->shared->key_prefix);
    assert(n <= PREFIX_MAX && len <= STIR_IDENTITY_MAX);
    memcpy(out, servers->shared->key_prefix, n);
    out[n++] = '{';
    memcpy(out + n, text, len);
    out[n + len] = '}';
    return n + len + 1;
}

/* Returns the box in the name of a channel; ptr is NULL if the name has another form. */
static struct stir_view subscription_box_name(const struct redis_servers *servers, const redisReply *channel)
{
    const char *prefix = servers->shared->key_prefix;
    size_t n = strlen(prefix);
    if (channel->len <= n + 2 || memcmp(channel->str, prefix, n) != 0 || channel->str[n] != '{') {
        return stir_view(NULL, 0);
    }
    return stir_view(channel->str + n + 1, channel->len - n - 2);
}

static struct redis_node *subscription_node(const struct redis_servers *servers, const struct redis_subscription *entry)
{
    char channel[CHANNEL_MAX];
    if (!redis_servers_are_cluster(servers)) {
        return (struct redis_node *)&servers->only;
    }
    return redis_cluster_node(servers, cpsd_redis_slot(channel, subscription_channel(servers, channel, entry->text,
                                                                                     entry->len)));
}

/* Answers. */

/* Handles an error answer to a command. */
static void subscription_refused(struct redis_servers *servers, struct message *message,
                                 struct redis_subscription *entry, const redisReply *reply)
{
    unsigned slot = 0;
    if (cpsd_redis_error_is(reply, "MOVED") && redis_servers_are_cluster(servers)) {
        struct redis_node *node = redis_cluster_redirect(servers, message->node, reply, &slot);
        if (node) {
            redis_cluster_moved(servers, slot, node);
        }
        redis_discovery_doubt(servers, true);
    } else if (message->sharded && cpsd_redis_error_is(reply, "ERR")) {
        /* a server before Redis 7 does not know SSUBSCRIBE */
        servers->subscriptions.plain = true;
        if (entry) {
            subscription_subscribe(servers, entry);
        }
    } else if (!servers->subscriptions.logged_ns || uv_hrtime() - servers->subscriptions.logged_ns > LOG_EVERY_NS) {
        char word[32];
        servers->subscriptions.logged_ns = uv_hrtime();
        cpsd_redis_error_word(reply, word, sizeof(word));
        stir_log_plain(redis_servers_config(servers)->log, STIR_LOG_ERROR,
                       "Redis refused a subscription: %s: waiting readers do not notice what other servers store; "
                       "allow (S)SUBSCRIBE in the ACL",
                       word);
    }
}

static bool subscription_is_word(const redisReply *reply, size_t i, const char *word)
{
    const redisReply *is = i < reply->elements ? reply->element[i] : NULL;
    return is && is->type == REDIS_REPLY_STRING && strcmp(is->str, word) == 0;
}

static bool subscription_is_expected(const struct message *message, const redisReply *reply)
{
    static const char *const words[] = {[SUBSCRIBE] = "ssubscribe", [UNSUBSCRIBE] = "sunsubscribe", [PING] = "spong"};
    if (message->what == PING && (reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR)) {
        return true;
    }
    bool sharded = message->what != PING && message->sharded;
    return reply->type == REDIS_REPLY_ARRAY && subscription_is_word(reply, 0, words[message->what] + !sharded);
}

static bool subscription_on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct message *message = (struct message *)request;
    struct redis_servers *servers = message->node->servers;
    bool error = reply && reply->type == REDIS_REPLY_ERROR;
    if (reply && !error && !subscription_is_expected(message, reply)) {
        return false;
    }
    struct redis_subscription *entry =
        message->what == SUBSCRIBE ? subscription_find(servers, message->text, message->len) : NULL;
    if (entry && (entry->state != ASKED || entry->node != message->node)) {
        entry = NULL; /* the answer belongs to an earlier attempt */
    }
    if (entry) {
        entry->state = reply && !error ? LIVE : IDLE;
    }
    if (error && message->what == SUBSCRIBE) {
        subscription_refused(servers, message, entry, reply);
    } else if (entry && reply) {
        subscription_wake(servers, entry);
    }
    free(message);
    return true;
}

/* When a slot leaves its server, Redis ends the subscriptions there. */
static bool subscription_on_unsubscribed(struct redis_servers *servers, struct redis_node *node, const char *text,
                                         size_t len)
{
    const struct message *first = (const struct message *)node->subscriber.conn.first;
    if (first && first->what == UNSUBSCRIBE && first->len == len && memcmp(first->text, text, len) == 0) {
        return false; /* the answer to our own command */
    }
    struct redis_subscription *entry = subscription_find(servers, text, len);
    if (entry && entry->node == node) {
        entry->state = IDLE;
        redis_discovery_doubt(servers, true);
    }
    return true;
}

static bool subscription_on_push(void *owner, const redisReply *reply)
{
    struct redis_node *node = owner;
    struct redis_servers *servers = node->servers;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[1]->type != REDIS_REPLY_STRING) {
        return false;
    }
    struct stir_view box = subscription_box_name(servers, reply->element[1]);
    if (!box.ptr) {
        return false;
    }
    if (subscription_is_word(reply, 0, "sunsubscribe")) {
        return subscription_on_unsubscribed(servers, node, box.ptr, box.len);
    }
    if (!subscription_is_word(reply, 0, "message") && !subscription_is_word(reply, 0, "smessage")) {
        return false;
    }
    const struct redis_subscription *entry = subscription_find(servers, box.ptr, box.len);
    if (entry) {
        subscription_wake(servers, entry);
    }
    return true;
}

/* Connections. */

static void subscription_send(struct redis_node *node, enum what what, const char *text, unsigned len)
{
    static const char *const words[] = {[SUBSCRIBE] = "SSUBSCRIBE", [UNSUBSCRIBE] = "SUNSUBSCRIBE", [PING] = "SPING"};
    struct redis_servers *servers = node->servers;
    bool sharded = what != PING && redis_servers_are_cluster(servers) && !servers->subscriptions.plain;
    char channel[CHANNEL_MAX];
    size_t n = subscription_channel(servers, channel, text, len);
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text(words[what] + !sharded), {channel, n}};
    size_t count = what == PING ? 1 : 2;
    struct message *message = malloc(sizeof(*message) + cpsd_redis_command_size(args, count));
    if (!message) {
        return;
    }
    *message = (struct message){.node = node, .sharded = sharded, .len = len};
    message->what = what;
    message->request = (struct cpsd_redis_request){
        .command = message->command,
        .len = cpsd_redis_command_write(message->command, args, count),
        .due_ns = uv_hrtime() + UINT64_C(1000000) * redis_servers_config(servers)->timeout_ms,
        .answered = subscription_on_answer,
    };
    message->text = message->command + message->request.len - len - 3; /* before }, CR and LF */
    if (!cpsd_redis_conn_send(&node->subscriber.conn, &message->request)) {
        free(message);
    } else if (what == SUBSCRIBE) {
        struct redis_subscription *entry = subscription_find(servers, text, len);
        entry->state = ASKED;
        entry->node = node;
    }
}

static void subscription_subscribe_if_idle(struct redis_servers *servers, struct redis_subscription *entry, void *arg)
{
    (void)arg;
    if (entry->state == IDLE) {
        subscription_subscribe(servers, entry);
    }
}

static void subscription_lose_if_at(struct redis_servers *servers, struct redis_subscription *entry, void *arg)
{
    (void)servers;
    if (entry->node == arg) {
        entry->node = NULL;
        entry->state = IDLE;
    }
}

static void subscription_on_up(void *owner)
{
    subscription_for_each(((struct redis_node *)owner)->servers, subscription_subscribe_if_idle, NULL);
}

static void subscription_on_down(void *owner)
{
    struct redis_node *node = owner;
    subscription_for_each(node->servers, subscription_lose_if_at, node);
}

static void subscription_open_conn(struct redis_node *node)
{
    node->subscriber.opened = true;
    node->subscriber.config = node->config;
    node->subscriber.config.use = CPSD_REDIS_FOR_MESSAGES;
    node->subscriber.config.up = subscription_on_up;
    node->subscriber.config.down = subscription_on_down;
    node->subscriber.config.push = subscription_on_push;
    node->open++;
    cpsd_redis_conn_open(&node->subscriber.conn, node->servers->store->loop, &node->subscriber.config);
}

/* Subscribes at the server that the channel belongs to now. If that is impossible now, upkeep tries again. */
static void subscription_subscribe(struct redis_servers *servers, struct redis_subscription *entry)
{
    struct redis_node *node = subscription_node(servers, entry);
    entry->state = IDLE;
    if (!node || node->leaving) {
        return;
    }
    if (!node->subscriber.opened) {
        subscription_open_conn(node);
    } else if (cpsd_redis_conn_up(&node->subscriber.conn)) {
        subscription_send(node, SUBSCRIBE, entry->text, entry->len);
    }
}

void redis_subscription_wait(struct redis_servers *servers, const struct stir_identity *box)
{
    struct redis_subscription *entry = subscription_find(servers, box->text, box->len);
    if (!entry) {
        entry = servers->subscriptions.count < ENTRIES_MAX ? malloc(sizeof(*entry) + box->len) : NULL;
        if (!entry) {
            return; /* readers are still woken by puts of this process, and when their time is over */
        }
        *entry = (struct redis_subscription){.hash = subscription_hash(servers, box->text, box->len),
                                             .kind = box->kind,
                                             .len = box->len};
        memcpy(entry->text, box->text, box->len);
        entry->next = *subscription_bucket(&servers->subscriptions, entry->hash);
        *subscription_bucket(&servers->subscriptions, entry->hash) = entry;
        servers->subscriptions.count++;
    }
    entry->used_ms = uv_now(servers->store->loop);
    if (entry->state == IDLE) {
        subscription_subscribe(servers, entry);
    }
}

static void subscription_keep_up(struct redis_servers *servers, struct redis_subscription *entry, void *arg)
{
    uint64_t linger = servers->subscriptions.count > MANY ? LINGER_MANY_MS : LINGER_MS;
    uint64_t now = *(const uint64_t *)arg;
    struct stir_identity box;
    if (now - entry->used_ms > linger &&
        (box = subscription_box(entry), !cpsd_hub_waits(&servers->store->port, &box))) {
        if (entry->state == LIVE) {
            subscription_send(entry->node, UNSUBSCRIBE, entry->text, entry->len);
        }
        subscription_forget(servers, entry);
    } else if (entry->state == IDLE) {
        subscription_subscribe(servers, entry);
    }
}

void redis_subscription_upkeep(struct redis_servers *servers)
{
    uint64_t now = uv_now(servers->store->loop);
    subscription_for_each(servers, subscription_keep_up, &now);
    struct redis_node *node = redis_servers_are_cluster(servers) ? servers->nodes : &servers->only;
    for (; node; node = node->next) {
        if (node->subscriber.opened && !node->subscriber.conn.pending) {
            subscription_send(node, PING, "", 0); /* so that a dead connection is noticed soon */
        }
    }
}

static void subscription_subscribe_if_elsewhere(struct redis_servers *servers, struct redis_subscription *entry,
                                                void *arg)
{
    (void)arg;
    if (entry->state == IDLE || entry->node != subscription_node(servers, entry)) {
        subscription_subscribe(servers, entry);
    }
}

void redis_subscription_moved(struct redis_servers *servers)
{
    subscription_for_each(servers, subscription_subscribe_if_elsewhere, NULL);
}

static void subscription_drop(struct redis_servers *servers, struct redis_subscription *entry, void *arg)
{
    (void)arg;
    subscription_forget(servers, entry);
}

void redis_subscription_free(struct redis_servers *servers)
{
    subscription_for_each(servers, subscription_drop, NULL);
}
