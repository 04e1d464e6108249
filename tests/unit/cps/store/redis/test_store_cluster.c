/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/operation.h"
#include "cps/store/redis/topology/cluster.h"
#include "cps/store/redis/topology/sentinel.h"
#include "tests/unit/store_harness.h"

/* Valid and malformed answers of a cluster and of Sentinels about their servers. No server is at these addresses. */

static redisReply *reply_of(const char *text)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    CU_ASSERT_EQUAL(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    CU_ASSERT_EQUAL(redisReaderGetReply(reader, &reply), REDIS_OK);
    redisReaderFree(reader);
    UNIT_CHECK(reply != NULL, "not a whole answer: %s", text);
    return reply;
}

static struct redis_servers *open_at(struct harness *h, const char *url)
{
    struct cpsd_store_config config = harness_defaults;
    config.url = url;
    return harness_attach(h, &config) ? &((struct redis_store *)h->store)->servers : NULL;
}

static size_t count_nodes(const struct redis_servers *servers)
{
    size_t count = 0;
    for (const struct redis_node *node = servers->nodes; node; node = node->next) {
        count++;
    }
    return count;
}

static bool apply(struct redis_servers *servers, const char *text)
{
    redisReply *reply = reply_of(text);
    bool good = reply && redis_finder_cluster.answer(servers, reply);
    freeReplyObject(reply);
    return good;
}

#define HOST(octet, port) "*3\r\n$9\r\n127.0.0." octet "\r\n:" port "\r\n$2\r\nid\r\n"
#define RANGE(first, last, host) "*3\r\n:" first "\r\n:" last "\r\n" host

static const char whole[] = "*2\r\n" RANGE("0", "9999", HOST("1", "1")) RANGE("10000", "16383", HOST("1", "2"));

static void map(void)
{
    struct harness h;
    struct redis_servers *servers = open_at(&h, "redis+cluster://127.0.0.1:1");
    UNIT_NEED(servers);
    CU_ASSERT_PTR_NULL(redis_cluster_node(servers, 0));
    CU_ASSERT_TRUE(apply(servers, whole));
    CU_ASSERT_EQUAL(count_nodes(servers), 2);
    const struct redis_node *first = redis_cluster_node(servers, 0), *last = redis_cluster_node(servers, 16383);
    CU_ASSERT(first && first == redis_cluster_node(servers, 9999) && first->address.port == 1);
    CU_ASSERT(last && last == redis_cluster_node(servers, 10000) && last->address.port == 2);
    CU_ASSERT_TRUE(apply(servers, whole));
    CU_ASSERT(first == redis_cluster_node(servers, 0)); /* it keeps its connections */
    /* one node is gone, and some slots have no node */
    CU_ASSERT_TRUE(apply(servers, "*1\r\n" RANGE("1", "16383", HOST("1", "2"))));
    CU_ASSERT_EQUAL(count_nodes(servers), 1);
    CU_ASSERT_PTR_NULL(redis_cluster_node(servers, 0));
    CU_ASSERT_EQUAL(redis_cluster_node(servers, 1)->address.port, 2);
    CU_ASSERT_FALSE(cpsd_store_ready(h.store)); /* no server is there */
    harness_close(&h);
}

/* A node that does not know its own address is at the address that was asked. */
static void nameless(void)
{
    static const char *const hosts[] = {"$-1\r\n", "$0\r\n\r\n", "$1\r\n?\r\n"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char text[256];
        struct harness h;
        struct redis_servers *servers = open_at(&h, "redis+cluster://127.0.0.7:1");
        UNIT_NEED(servers);
        (void)snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n%s:77\r\n", hosts[i]);
        CU_ASSERT_TRUE(apply(servers, text));
        const struct redis_node *node = redis_cluster_node(servers, 5);
        CU_ASSERT(node && node->address.port == 77);
        UNIT_STR(node ? node->address.host : NULL, "127.0.0.7", hosts[i]);
        harness_close(&h);
    }
}

static void bad_maps(void)
{
    static const char *const rows[] = {
        "*0\r\n",
        "*-1\r\n",
        "+OK\r\n",
        ":7\r\n",
        "-ERR This instance has cluster support disabled\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:16383\r\n",
        "*1\r\n" RANGE("-1", "16383", HOST("1", "1")),
        "*1\r\n" RANGE("0", "16384", HOST("1", "1")),
        "*1\r\n" RANGE("99999999999", "5", HOST("1", "1")),
        "*1\r\n" RANGE("0", "16383", HOST("1", "0")),
        "*1\r\n" RANGE("0", "16383", HOST("1", "65536")),
        "*1\r\n" RANGE("0", "16383", HOST("1", "-1")),
        "*1\r\n" RANGE("0", "16383", "*0\r\n"),
        "*1\r\n" RANGE("0", "16383", "$1\r\nx\r\n"),
        "*1\r\n" RANGE("0", "16383", "*2\r\n:1\r\n:1\r\n"),
        "*1\r\n" RANGE("0", "16383", "*2\r\n$1\r\nh\r\n$1\r\n1\r\n"),
        "*1\r\n*3\r\n$1\r\n0\r\n:16383\r\n" HOST("1", "1"),
        "*2\r\n" RANGE("0", "9999", HOST("1", "5")) "*0\r\n",
    };
    struct harness h;
    struct redis_servers *servers = open_at(&h, "redis+cluster://127.0.0.1:1");
    UNIT_NEED(servers);
    CU_ASSERT_TRUE(apply(servers, whole));
    const struct redis_node *first = redis_cluster_node(servers, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CHECK(!apply(servers, rows[i]), "row %zu", i);
        UNIT_CHECK(redis_cluster_node(servers, 0) == first, "row %zu changed the map", i);
    }
    harness_close(&h);
}

static void redirections(void)
{
    static const struct {
        const char *text;
        unsigned slot;
        const char *where; /* NULL: nonsense */
    } rows[] = {
        {"MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1:6381"},
        {"ASK 0 127.0.0.1:6381", 0, "127.0.0.1:6381"},
        {"MOVED 16383 node-1.example:1", 16383, "node-1.example:1"},
        {"MOVED 5 ::1:6381", 5, "[::1]:6381"},
        {"MOVED 5 2001:db8::1:65535", 5, "[2001:db8::1]:65535"},
        {"MOVED 7 :6381", 7, "127.0.0.1:6381"}, /* the address that was asked, with another port */
        {"MOVED", 0, NULL},
        {"MOVED ", 0, NULL},
        {"MOVED 1", 0, NULL},
        {"MOVED 1 ", 0, NULL},
        {"MOVED 1 h", 0, NULL},
        {"MOVED 1 h:", 0, NULL},
        {"MOVED 1 h:0", 0, NULL},
        {"MOVED 1 h:65536", 0, NULL},
        {"MOVED 1 h:99999999999999999999999", 0, NULL},
        {"MOVED 1 h:-1", 0, NULL},
        {"MOVED 1 h:1x", 0, NULL},
        {"MOVED 16384 h:1", 0, NULL},
        {"MOVED -1 h:1", 0, NULL},
        {"MOVED x h:1", 0, NULL},
        {"MOVED 1x h:1", 0, NULL},
        {"MOVED 99999999999999999999999 h:1", 0, NULL},
        {"MOVED  1 h:1", 0, NULL},
    };
    struct harness h;
    struct redis_servers *servers = open_at(&h, "redis+cluster://:secret@127.0.0.1:1");
    UNIT_NEED(servers);
    CU_ASSERT_TRUE(apply(servers, whole));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128], name[300];
        unsigned slot = 99999;
        (void)snprintf(text, sizeof(text), "-%s\r\n", rows[i].text);
        redisReply *reply = reply_of(text);
        const struct redis_node *node = redis_cluster_redirect(servers, redis_cluster_node(servers, 0), reply, &slot);
        freeReplyObject(reply);
        if (!UNIT_CHECK((node != NULL) == (rows[i].where != NULL), "%s", rows[i].text) || !node) {
            UNIT_CHECK(slot == 99999, "%s: slot %u", rows[i].text, slot);
            continue;
        }
        cpsd_redis_address_name(&node->address, name, sizeof(name));
        UNIT_STR(name, rows[i].where, rows[i].text);
        UNIT_CHECK(slot == rows[i].slot, "%s: slot %u", rows[i].text, slot);
        UNIT_STR(node->address.password, "secret", "a connection made after a redirection proves who it is");
        CU_ASSERT_EQUAL(node->config.timeout_ms, harness_defaults.timeout_ms);
    }
    harness_close(&h);
}

/* The number of nodes is limited, whatever answers name. */
static void too_many_nodes(void)
{
    struct harness h;
    struct redis_servers *servers = open_at(&h, "redis+cluster://127.0.0.1:1");
    UNIT_NEED(servers);
    for (unsigned i = 1; i <= 1000; i++) {
        char text[64];
        unsigned slot;
        (void)snprintf(text, sizeof(text), "-MOVED 1 127.0.0.1:%u\r\n", i);
        redisReply *reply = reply_of(text);
        (void)redis_cluster_redirect(servers, NULL, reply, &slot);
        freeReplyObject(reply);
    }
    UNIT_CHECK(count_nodes(servers) <= 256, "%zu nodes", count_nodes(servers));
    harness_close(&h);
}

static void sentinel(void)
{
    static const struct {
        bool push;
        const char *text;
        bool good;
        const char *where; /* afterwards */
    } rows[] = {
        {false, "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6381\r\n", true, "127.0.0.1:6381"},
        {false, "*-1\r\n", false, "127.0.0.1:6381"},
        {false, "$-1\r\n", false, "127.0.0.1:6381"},
        {false, "-ERR No such master with that name\r\n", false, "127.0.0.1:6381"},
        {false, "*1\r\n$1\r\nh\r\n", false, "127.0.0.1:6381"},
        {false, "*2\r\n$1\r\nh\r\n:1\r\n", false, "127.0.0.1:6381"},
        {false, "*2\r\n$0\r\n\r\n$1\r\n1\r\n", false, "127.0.0.1:6381"},
        {false, "*2\r\n$1\r\nh\r\n$1\r\n0\r\n", false, "127.0.0.1:6381"},
        {false, "*2\r\n$1\r\nh\r\n$5\r\n65536\r\n", false, "127.0.0.1:6381"},
        {false, "*2\r\n$1\r\nh\r\n$2\r\n-1\r\n", false, "127.0.0.1:6381"},
        {false, "*2\r\n$1\r\nh\r\n$10\r\n0000000001\r\n", false, "127.0.0.1:6381"},
        {true, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$22\r\ncps 1.1.1.1 1 b.c 6382\r\n", true, "b.c:6382"},
        {true, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$22\r\nspc 1.1.1.1 1 b.d 6383\r\n", true, "b.c:6382"},
        {true, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$17\r\ncps 1.1.1.1 1 b.d\r\n", true, "b.c:6382"},
        {true, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$24\r\ncps 1.1.1.1 1 b.d 6383 x\r\n", true, "b.c:6382"},
        {true, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$19\r\ncps 1.1.1.1 1 b.d 0\r\n", true, "b.c:6382"},
        {true, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$0\r\n\r\n", true, "b.c:6382"},
        {true, "*3\r\n$7\r\nmessage\r\n$5\r\n+sdwn\r\n$22\r\ncps 1.1.1.1 1 b.d 6383\r\n", true, "b.c:6382"},
        {true, "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n", false, "b.c:6382"},
        {true, "*0\r\n", false, "b.c:6382"},
    };
    struct harness h;
    struct redis_servers *servers = open_at(&h, "redis+sentinel://127.0.0.1:1/cps");
    UNIT_NEED(servers);
    CU_ASSERT_EQUAL(servers->only.address.port, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[300];
        redisReply *reply = reply_of(rows[i].text);
        const struct redis_finder *finder = &redis_finder_sentinel;
        bool good = reply && (rows[i].push ? finder->push : finder->answer)(servers, reply);
        freeReplyObject(reply);
        UNIT_CHECK(good == rows[i].good, "row %zu", i);
        cpsd_redis_address_name(&servers->only.address, name, sizeof(name));
        UNIT_STR(name, rows[i].where, rows[i].text);
    }
    harness_close(&h);
}

/* Without any answer each operation ends in its time, none before the loop has run, and closing completes the rest.
 */
static void nobody_there(void)
{
    static const char *const urls[] = {"redis+cluster://127.0.0.1:1,127.0.0.1:2", "redis+sentinel://127.0.0.1:1/cps"};
    for (size_t i = 0; i < 2; i++) {
        struct harness h;
        struct cpsd_store_config config = harness_defaults;
        config.url = urls[i];
        config.timeout_ms = 150;
        if (!harness_attach(&h, &config)) {
            continue;
        }
        UNIT_CODE(harness_put(&h, "12155551212", 1, "x", 1000).result.code, STIR_E_UNAVAILABLE, urls[i]);
        CU_ASSERT_FALSE(cpsd_store_ready(h.store));
        struct outcome o = {0};
        struct stir_identity box = harness_box("12155551212");
        cpsd_store_list(h.store, &box, 0, 10, 1000, NULL, harness_done, &o);
        CU_ASSERT_EQUAL(o.calls, 0);
        harness_close(&h);
        CU_ASSERT_EQUAL(o.calls, 1);
        UNIT_CODE(o.result.code, STIR_E_UNAVAILABLE, "closed");
    }
}

UNIT_MAIN("store_cluster", {"map", map}, {"nodes without a name", nameless}, {"bad maps", bad_maps},
          {"redirections", redirections}, {"too many nodes", too_many_nodes}, {"Sentinel", sentinel},
          {"no server there", nobody_there})
