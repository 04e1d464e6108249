#include "cps/store/redis/redis_internal.h"
#include "cps/store/redis/wire/command.h"

#include <stdlib.h>
#include <string.h>

/*
 * Arrivals that other processes put there. A put says so on a channel named as its box is; who waits subscribes at the
 * server that has the box. What arrives before the subscription is in force would be missed: when it is, waiting
 * readers are woken to look. It outlives its reader by a while, since readers come back.
 *
 * Channels of a cluster are sharded (SSUBSCRIBE): a message goes to the servers of one slot, not to all. Servers before
 * Redis 7 know only plain ones.
 */
#define LINGER_MS 30000
#define LINGER_MANY_MS 2000 /* where there are more than MANY */
#define MANY 8192
#define ENTRIES_MAX 262144
#define BOX_PREFIX "cps:{"
#define PREFIX_LEN (sizeof(BOX_PREFIX) - 1)
#define CHANNEL_MAX (PREFIX_LEN + STIR_IDENTITY_MAX + 2)
#define SAY_EVERY_NS (UINT64_C(60) * 1000000000)

struct redis_entry {
    struct redis_entry *next;
    uint64_t hash;
    uint64_t used_ms; /* uv_now of the last reader's coming */
    struct redis_node *node;
    enum { IDLE, ASKED, LIVE } state;
    enum stir_identity_kind kind;
    unsigned len;
    char text[];
};

/* What is said on a subscriber's connection, until it is answered. */
struct message {
    struct cpsd_redis_request request;
    struct redis_node *node;
    enum what { SUBSCRIBE, UNSUBSCRIBE, PING } what;
    bool sharded;
    unsigned len;
    const char *text; /* the box's, within the command */
    char command[];
};

static void subscribe(struct redis_store *store, struct redis_entry *entry);

static struct redis_entry **bucket_of(struct redis_sub *sub, uint64_t hash)
{
    return &sub->bucket[hash % SUB_BUCKETS];
}

static uint64_t hash_of(const struct redis_store *store, const char *text, size_t len)
{
    return cpsd_hub_hash(store->base.backend->hub, text, len);
}

static struct redis_entry *find(struct redis_store *store, const char *text, size_t len)
{
    uint64_t hash = hash_of(store, text, len);
    struct redis_entry *entry = *bucket_of(&store->sub, hash);
    while (entry && !(entry->hash == hash && entry->len == len && memcmp(entry->text, text, len) == 0)) {
        entry = entry->next;
    }
    return entry;
}

static void each(struct redis_store *store,
                 void (*act)(struct redis_store *store, struct redis_entry *entry, void *arg), void *arg)
{
    for (size_t i = 0; i < SUB_BUCKETS; i++) {
        for (struct redis_entry *entry = store->sub.bucket[i], *next; entry; entry = next) {
            next = entry->next;
            act(store, entry, arg);
        }
    }
}

static void forget(struct redis_store *store, struct redis_entry *entry)
{
    struct redis_entry **link = bucket_of(&store->sub, entry->hash);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    store->sub.count--;
    free(entry);
}

static struct stir_identity box_of(const struct redis_entry *entry)
{
    struct stir_identity box = {.kind = entry->kind, .len = entry->len};
    memcpy(box.text, entry->text, entry->len);
    return box;
}

static void wake(struct redis_store *store, const struct redis_entry *entry)
{
    struct stir_identity box = box_of(entry);
    cpsd_hub_wake_port(&store->base.port, &box);
}

static size_t channel_of(char out[CHANNEL_MAX], const char *text, size_t len)
{
    memcpy(out, BOX_PREFIX, PREFIX_LEN);
    memcpy(out + PREFIX_LEN, text, len);
    out[PREFIX_LEN + len] = '}';
    return PREFIX_LEN + len + 1;
}

static struct redis_node *node_for(const struct redis_store *store, const struct redis_entry *entry)
{
    char channel[CHANNEL_MAX];
    if (!redis_is_cluster(store)) {
        return (struct redis_node *)&store->only;
    }
    return redis_cluster_node(store, cpsd_redis_slot(channel, channel_of(channel, entry->text, entry->len)));
}

/* Answers. */

static void refused(struct redis_store *store, struct message *message, struct redis_entry *entry,
                    const redisReply *reply)
{
    unsigned slot = 0;
    if (cpsd_redis_error_is(reply, "MOVED") && redis_is_cluster(store)) {
        struct redis_node *node = redis_cluster_redirect(store, message->node, reply, &slot);
        if (node) {
            redis_cluster_moved(store, slot, node);
        }
        redis_scout_wanted(store, true);
    } else if (message->sharded && cpsd_redis_error_is(reply, "ERR")) {
        store->sub.plain = true;
        if (entry) {
            subscribe(store, entry);
        }
    } else if (!store->sub.said_ns || uv_hrtime() - store->sub.said_ns > SAY_EVERY_NS) {
        char word[32];
        store->sub.said_ns = uv_hrtime();
        cpsd_redis_error_word(reply, word, sizeof(word));
        stir_log_plain(store->base.backend->config.log, STIR_LOG_ERROR,
                       "Redis refuses a subscription (%s): waiting readers do not see what other servers put there",
                       word);
    }
}

static bool is_word(const redisReply *reply, size_t i, const char *word)
{
    const redisReply *is = i < reply->elements ? reply->element[i] : NULL;
    return is && is->type == REDIS_REPLY_STRING && strcmp(is->str, word) == 0;
}

static bool is_expected(const struct message *message, const redisReply *reply)
{
    static const char *const words[] = {[SUBSCRIBE] = "ssubscribe", [UNSUBSCRIBE] = "sunsubscribe", [PING] = "spong"};
    if (message->what == PING && (reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR)) {
        return true;
    }
    bool sharded = message->what != PING && message->sharded;
    return reply->type == REDIS_REPLY_ARRAY && is_word(reply, 0, words[message->what] + !sharded);
}

static bool on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct message *message = (struct message *)request;
    struct redis_store *store = message->node->store;
    bool error = reply && reply->type == REDIS_REPLY_ERROR;
    if (reply && !error && !is_expected(message, reply)) {
        return false;
    }
    struct redis_entry *entry = message->what == SUBSCRIBE ? find(store, message->text, message->len) : NULL;
    if (entry && (entry->state != ASKED || entry->node != message->node)) {
        entry = NULL; /* of another attempt */
    }
    if (entry) {
        entry->state = reply && !error ? LIVE : IDLE;
    }
    if (error && message->what == SUBSCRIBE) {
        refused(store, message, entry, reply);
    } else if (entry && reply) {
        wake(store, entry);
    }
    free(message);
    return true;
}

/* A slot that has left its server takes the subscriptions with it. */
static bool on_unsubscribed(struct redis_store *store, struct redis_node *node, const char *text, size_t len)
{
    const struct message *first = (const struct message *)node->sub.conn.first;
    if (first && first->what == UNSUBSCRIBE && first->len == len && memcmp(first->text, text, len) == 0) {
        return false; /* as was asked for */
    }
    struct redis_entry *entry = find(store, text, len);
    if (entry && entry->node == node) {
        entry->state = IDLE;
        redis_scout_wanted(store, true);
    }
    return true;
}

static bool on_push(void *owner, const redisReply *reply)
{
    struct redis_node *node = owner;
    struct redis_store *store = node->store;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[1]->type != REDIS_REPLY_STRING) {
        return false;
    }
    const char *text = reply->element[1]->str + PREFIX_LEN;
    size_t len = reply->element[1]->len;
    if (len <= PREFIX_LEN + 1 || memcmp(reply->element[1]->str, BOX_PREFIX, PREFIX_LEN) != 0) {
        return false;
    }
    len -= PREFIX_LEN + 1;
    if (is_word(reply, 0, "sunsubscribe")) {
        return on_unsubscribed(store, node, text, len);
    }
    if (!is_word(reply, 0, "message") && !is_word(reply, 0, "smessage")) {
        return false;
    }
    const struct redis_entry *entry = find(store, text, len);
    if (entry) {
        wake(store, entry);
    }
    return true;
}

/* Connections. */

static void say(struct redis_node *node, enum what what, const char *text, unsigned len)
{
    static const char *const words[] = {[SUBSCRIBE] = "SSUBSCRIBE", [UNSUBSCRIBE] = "SUNSUBSCRIBE", [PING] = "SPING"};
    struct redis_store *store = node->store;
    bool sharded = what != PING && redis_is_cluster(store) && !store->sub.plain;
    char channel[CHANNEL_MAX];
    size_t n = channel_of(channel, text, len);
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
        .due_ns = uv_hrtime() + UINT64_C(1000000) * store->base.backend->config.timeout_ms,
        .answered = on_answer,
    };
    message->text = message->command + message->request.len - len - 3; /* before }, CR and LF */
    if (!cpsd_redis_conn_send(&node->sub.conn, &message->request)) {
        free(message);
    } else if (what == SUBSCRIBE) {
        struct redis_entry *entry = find(store, text, len);
        entry->state = ASKED;
        entry->node = node;
    }
}

static void subscribe_if_idle(struct redis_store *store, struct redis_entry *entry, void *arg)
{
    (void)arg;
    if (entry->state == IDLE) {
        subscribe(store, entry);
    }
}

static void lose_if_at(struct redis_store *store, struct redis_entry *entry, void *arg)
{
    (void)store;
    if (entry->node == arg) {
        entry->node = NULL;
        entry->state = IDLE;
    }
}

static void on_up(void *owner)
{
    each(((struct redis_node *)owner)->store, subscribe_if_idle, NULL);
}

static void on_down(void *owner)
{
    struct redis_node *node = owner;
    each(node->store, lose_if_at, node);
}

static void open_conn(struct redis_node *node)
{
    node->sub.opened = true;
    node->sub.config = node->config;
    node->sub.config.use = CPSD_REDIS_FOR_MESSAGES;
    node->sub.config.up = on_up;
    node->sub.config.down = on_down;
    node->sub.config.push = on_push;
    node->open++;
    cpsd_redis_conn_open(&node->sub.conn, node->store->base.loop, &node->sub.config);
}

/* At the server that it belongs to now. If that cannot be done now, it is done when it can be. */
static void subscribe(struct redis_store *store, struct redis_entry *entry)
{
    struct redis_node *node = node_for(store, entry);
    entry->state = IDLE;
    if (!node || node->leaving) {
        return;
    }
    if (!node->sub.opened) {
        open_conn(node);
    } else if (cpsd_redis_conn_up(&node->sub.conn)) {
        say(node, SUBSCRIBE, entry->text, entry->len);
    }
}

void redis_sub_wait(struct redis_store *store, const struct stir_identity *box)
{
    struct redis_entry *entry = find(store, box->text, box->len);
    if (!entry) {
        entry = store->sub.count < ENTRIES_MAX ? malloc(sizeof(*entry) + box->len) : NULL;
        if (!entry) {
            return; /* woken by what this process puts there, and by the time being over */
        }
        *entry = (struct redis_entry){.hash = hash_of(store, box->text, box->len), .kind = box->kind, .len = box->len};
        memcpy(entry->text, box->text, box->len);
        entry->next = *bucket_of(&store->sub, entry->hash);
        *bucket_of(&store->sub, entry->hash) = entry;
        store->sub.count++;
        redis_upkeep_begin(store);
    }
    entry->used_ms = uv_now(store->base.loop);
    if (entry->state == IDLE) {
        subscribe(store, entry);
    }
}

static void keep_up(struct redis_store *store, struct redis_entry *entry, void *arg)
{
    uint64_t linger = store->sub.count > MANY ? LINGER_MANY_MS : LINGER_MS;
    uint64_t now = *(const uint64_t *)arg;
    struct stir_identity box;
    if (now - entry->used_ms > linger && (box = box_of(entry), !cpsd_hub_waits(&store->base.port, &box))) {
        if (entry->state == LIVE) {
            say(entry->node, UNSUBSCRIBE, entry->text, entry->len);
        }
        forget(store, entry);
    } else if (entry->state == IDLE) {
        subscribe(store, entry);
    }
}

void redis_sub_upkeep(struct redis_store *store)
{
    uint64_t now = uv_now(store->base.loop);
    each(store, keep_up, &now);
    struct redis_node *node = redis_is_cluster(store) ? store->nodes : &store->only;
    for (; node; node = node->next) {
        if (node->sub.opened && !node->sub.conn.pending) {
            say(node, PING, "", 0); /* a dead connection is found before somebody has waited in vain for long */
        }
    }
}

static void subscribe_if_elsewhere(struct redis_store *store, struct redis_entry *entry, void *arg)
{
    (void)arg;
    if (entry->state == IDLE || entry->node != node_for(store, entry)) {
        subscribe(store, entry);
    }
}

void redis_sub_moved(struct redis_store *store)
{
    each(store, subscribe_if_elsewhere, NULL);
}

static void drop(struct redis_store *store, struct redis_entry *entry, void *arg)
{
    (void)arg;
    forget(store, entry);
}

void redis_sub_close(struct redis_store *store)
{
    each(store, drop, NULL);
}
