/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/store_harness.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/un.h>

/* The store while Redis fails, restarts, refuses or is slow. */
#define DEST "12155551212"
#define ALL 1000, ((size_t)1 << 20)

struct fixture {
    struct redis_server server;
    struct harness h;
    struct stir_log log;
    FILE *log_file;
    char url[160];
    struct cpsd_store_config config;
};

static bool begin(struct fixture *f, const char *const *options)
{
    *f = (struct fixture){.config = harness_defaults};
    f->config.url = f->url;
    f->log_file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->log_file);
    f->log = (struct stir_log){.fd = fileno(f->log_file), .level = STIR_LOG_DEBUG};
    f->config.log = &f->log;
    bool started = redis_start(&f->server, options);
    redis_url(&f->server, f->url, sizeof(f->url));
    return started;
}

/* For outages: requests time out after half a second. */
static bool begin_impatient(struct fixture *f)
{
    bool started = begin(f, NULL);
    f->config.timeout_ms = 500;
    return started;
}

static void end(struct fixture *f)
{
    harness_close(&f->h);
    redis_end(&f->server);
    (void)fclose(f->log_file);
}

static bool logged(struct fixture *f, const char *text)
{
    static char all[65536];
    rewind(f->log_file);
    all[fread(all, 1, sizeof(all) - 1, f->log_file)] = '\0';
    return strstr(all, text) != NULL;
}

/* Runs the loop until a text is logged. */
static bool will_log(struct fixture *f, const char *text)
{
    for (int i = 0; i < 6000 && !logged(f, text); i++) {
        (void)harness_run(&f->h, 10, NULL);
    }
    return logged(f, text);
}

static struct cpsd_store_stats stats_of(const struct harness *h)
{
    struct cpsd_store_stats stats;
    cpsd_backend_stats(h->backend, &stats);
    return stats;
}

static void killed(void)
{
    struct fixture f;
    if (!begin(&f, NULL) || !harness_open(&f.h, &f.config)) {
        return;
    }
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_OK, "before");
    CU_ASSERT_EQUAL(stats_of(&f.h).connections_up, 1);
    redis_kill(&f.server);
    CU_ASSERT(harness_until_ready(&f.h, false, 60000) < 60000);
    struct outcome o = harness_put(&f.h, DEST, 2, "b", 60000);
    UNIT_CODE(o.result.code, STIR_E_UNAVAILABLE, "while it is away");
    CU_ASSERT(o.result.retry_after_ms >= 1);
    CU_ASSERT_EQUAL(stats_of(&f.h).connections_up, 0);
    (void)harness_run(&f.h, 3000, NULL); /* long enough for the longest pause between attempts */
    CU_ASSERT_FALSE(cpsd_store_ready(f.h.store));
    CU_ASSERT_FATAL(redis_start(&f.server, NULL));
    UNIT_CHECK(harness_until_ready(&f.h, true, 60000) < 60000, "back");
    UNIT_CODE(harness_put(&f.h, DEST, 3, "c", 60000).result.code, STIR_OK, "after");
    struct outcome list = harness_list(&f.h, DEST, 0, ALL);
    CU_ASSERT_EQUAL(list.result.count, 1);
    CU_ASSERT_EQUAL(stats_of(&f.h).connections_up, 1);
    CU_ASSERT_EQUAL(stats_of(&f.h).reconnects, 1);
    CU_ASSERT(logged(&f, "connected"));
    end(&f);
}

/* With appendfsync always, a put that was answered with STIR_OK is there after a crash. */

enum { MANY = 2000 };

struct attempt {
    int calls;
    enum stir_code code;
};

static void attempted(void *arg, const struct cpsd_store_result *result)
{
    struct attempt *a = arg;
    a->calls++;
    a->code = result->code;
}

static void put_many(struct fixture *f, struct attempt *attempts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char to[32];
        uint8_t id[CPSD_ID_OCTETS];
        (void)snprintf(to, sizeof(to), "1215%07u", i % 500);
        struct stir_identity box = harness_box(to);
        harness_id(id, i);
        cpsd_store_put(f->h.store, &box, id, stir_view_str("x"), 600000, NULL, attempted, &attempts[i]);
    }
}

static void stored_is_stored(void)
{
    static const char *const safe[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    static struct attempt attempts[MANY];
    struct fixture f;
    memset(attempts, 0, sizeof(attempts));
    if (!begin(&f, safe) || !harness_open(&f.h, &f.config)) {
        return;
    }
    put_many(&f, attempts, MANY);
    (void)harness_run(&f.h, 60000, &attempts[MANY / 3].calls);
    redis_kill(&f.server);
    (void)harness_run(&f.h, 60000, &attempts[MANY - 1].calls);
    CU_ASSERT_FATAL(redis_start(&f.server, safe));
    (void)harness_until_ready(&f.h, true, 60000);
    unsigned stored = 0;
    for (unsigned i = 0; i < MANY; i++) {
        char to[32];
        (void)snprintf(to, sizeof(to), "1215%07u", i % 500);
        UNIT_CHECK(attempts[i].calls == 1, "%u: %d completions", i, attempts[i].calls);
        if (attempts[i].code == STIR_OK) {
            stored++;
            UNIT_CODE(harness_get(&f.h, to, i).result.code, STIR_OK, "what was said to be stored");
        } else {
            UNIT_CODE(attempts[i].code, STIR_E_UNAVAILABLE, "what was not");
        }
    }
    UNIT_CHECK(stored > MANY / 3, "%u of %u stored before the crash", stored, MANY);
    char gone[128];
    (void)snprintf(gone, sizeof(gone), "rm -rf %s/appendonlydir", f.server.dir);
    CU_ASSERT_EQUAL(system(gone), 0);
    end(&f);
}

static void stopped(void)
{
    struct fixture f;
    if (!begin_impatient(&f) || !harness_open(&f.h, &f.config)) {
        return;
    }
    (void)kill(f.server.pid, SIGSTOP);
    uint64_t started = uv_hrtime();
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_E_UNAVAILABLE, "no answer");
    uint64_t ms = (uv_hrtime() - started) / 1000000;
    UNIT_CHECK(ms >= 480, "answered after %d ms", (int)ms);
    UNIT_CODE(harness_list(&f.h, DEST, 0, ALL).result.code, STIR_E_UNAVAILABLE, "at once");
    (void)harness_run(&f.h, 2500, NULL);
    CU_ASSERT_FALSE(cpsd_store_ready(f.h.store));
    (void)kill(f.server.pid, SIGCONT);
    UNIT_CHECK(harness_until_ready(&f.h, true, 60000) < 60000, "back");
    enum stir_code code = STIR_E_UNAVAILABLE;
    for (int i = 0; i < 100 && code == STIR_E_UNAVAILABLE; i++) { /* half a second may be short on a busy machine */
        code = harness_put(&f.h, DEST, 2, "b", 60000).result.code;
        (void)harness_until_ready(&f.h, true, 60000);
    }
    UNIT_CODE(code, STIR_OK, "after");
    CU_ASSERT(logged(&f, "request timed out"));
    end(&f);
}

/* A loop that was delayed for longer than the timeout still reads an answer that has arrived meanwhile. */
static void held_up(void)
{
    struct fixture f;
    if (!begin_impatient(&f) || !harness_open(&f.h, &f.config)) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        struct attempt attempt = {0};
        put_many(&f, &attempt, 1);
        (void)harness_run(&f.h, 0, NULL);
        (void)usleep(600000);
        (void)harness_run(&f.h, 60000, &attempt.calls);
        UNIT_CODE(attempt.code, STIR_OK, "the answer that was there");
    }
    CU_ASSERT_EQUAL(stats_of(&f.h).reconnects, 0);
    end(&f);
}

/* More requests than may be pending, without any answer; and closing with pending requests. */
static void too_many(void)
{
    enum { FAR_TOO_MANY = 9000, PENDING = 8192 };
    static struct attempt attempts[FAR_TOO_MANY];
    struct fixture f;
    memset(attempts, 0, sizeof(attempts));
    if (!begin_impatient(&f) || !harness_open(&f.h, &f.config)) {
        return;
    }
    (void)kill(f.server.pid, SIGSTOP);
    put_many(&f, attempts, FAR_TOO_MANY);
    for (unsigned i = 0; i < FAR_TOO_MANY; i++) {
        UNIT_CHECK(attempts[i].calls == (i >= PENDING), "%u: %d completions", i, attempts[i].calls);
    }
    (void)harness_run(&f.h, 60000, &attempts[PENDING - 1].calls);
    for (unsigned i = 0; i < FAR_TOO_MANY; i++) {
        UNIT_CHECK(attempts[i].calls == 1 && attempts[i].code == STIR_E_UNAVAILABLE, "%u", i);
    }
    (void)kill(f.server.pid, SIGCONT);
    (void)harness_until_ready(&f.h, true, 60000);
    (void)kill(f.server.pid, SIGSTOP);
    memset(attempts, 0, sizeof(attempts));
    put_many(&f, attempts, 100);
    end(&f);
    for (unsigned i = 0; i < 100; i++) {
        UNIT_CHECK(attempts[i].calls == 1 && attempts[i].code == STIR_E_UNAVAILABLE, "%u, closed", i);
    }
}

/* A completion that closes the store while other requests are pending. */

struct closer {
    struct harness *h;
    int calls;
};

static void close_now(void *arg, const struct cpsd_store_result *result)
{
    struct closer *c = arg;
    UNIT_CODE(result->code, STIR_OK, "the first");
    c->calls++;
    cpsd_store_close(c->h->store, harness_on_closed, &c->h->closed);
}

static void closed_within(void)
{
    static struct attempt attempts[50];
    struct fixture f;
    memset(attempts, 0, sizeof(attempts));
    if (!begin(&f, NULL) || !harness_open(&f.h, &f.config)) {
        return;
    }
    struct closer closer = {.h = &f.h};
    struct stir_identity box = harness_box(DEST);
    cpsd_store_list(f.h.store, &box, 0, ALL, NULL, close_now, &closer);
    put_many(&f, attempts, 50);
    while (!f.h.closed && uv_run(&f.h.loop, UV_RUN_ONCE)) {
    }
    CU_ASSERT_EQUAL(closer.calls, 1);
    for (unsigned i = 0; i < 50; i++) {
        UNIT_CHECK(attempts[i].calls == 1 && attempts[i].code == STIR_E_UNAVAILABLE, "%u", i);
    }
    struct cpsd_store_stats stats = stats_of(&f.h);
    CU_ASSERT_EQUAL(stats.operations, 51);
    CU_ASSERT_EQUAL(stats.failures, 50);
    CU_ASSERT_EQUAL(stats.connections_up, 0);
    cpsd_backend_free(f.h.backend);
    CU_ASSERT_EQUAL(uv_loop_close(&f.h.loop), 0);
    redis_end(&f.server);
    (void)fclose(f.log_file);
}

static void wrong_password(void)
{
    static const char *const options[] = {"--requirepass", "right-one", "--user", "cps", "on",
                                          ">other",        "~cps:*",    "+@all",  NULL};
    static const struct {
        const char *userinfo, *said; /* NULL: accepted */
    } rows[] = {
        {"", "NOAUTH"},
        {":wrong-one@", "AUTH refused; check the user and password in the store's URL: WRONGPASS"},
        {"cps:right-one@", "AUTH refused; check the user and password in the store's URL: WRONGPASS"},
        {":right-one@", NULL},
        {"cps:other@", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        if (!begin(&f, options)) {
            return;
        }
        (void)snprintf(f.url, sizeof(f.url), "redis+unix://%s%s", rows[i].userinfo, f.server.path);
        CU_ASSERT_FATAL(harness_attach(&f.h, &f.config));
        if (rows[i].said) {
            UNIT_CHECK(will_log(&f, rows[i].said), "row %zu: log", i);
        } else {
            (void)harness_until_ready(&f.h, true, 60000);
        }
        UNIT_CHECK(cpsd_store_ready(f.h.store) == !rows[i].said, "row %zu", i);
        UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, rows[i].said ? STIR_E_UNAVAILABLE : STIR_OK,
                  rows[i].userinfo);
        UNIT_CHECK(!logged(&f, "-one") && !logged(&f, "other"), "row %zu: a password in the log", i);
        end(&f);
    }
}

static void no_such_database(void)
{
    struct fixture f;
    if (!begin(&f, NULL)) {
        return;
    }
    (void)snprintf(f.url, sizeof(f.url), "redis+unix://%s?db=99", f.server.path);
    CU_ASSERT_FATAL(harness_attach(&f.h, &f.config));
    CU_ASSERT(will_log(&f, "SELECT refused; check the database in the store's URL: ERR"));
    CU_ASSERT_FALSE(cpsd_store_ready(f.h.store));
    end(&f);
}

static void other_database(void)
{
    struct fixture f;
    if (!begin(&f, NULL)) {
        return;
    }
    (void)snprintf(f.url, sizeof(f.url), "redis+unix://%s?db=3", f.server.path);
    CU_ASSERT_FATAL(harness_open(&f.h, &f.config));
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_OK, "put");
    CU_ASSERT(redis_says(&f.server, "DBSIZE", ":0"));
    CU_ASSERT(redis_says(&f.server, "SELECT 3\r\nDBSIZE", "+OK\r\n:1"));
    end(&f);
}

/* A Redis that has much data to read at start answers LOADING meanwhile. */
static void loading(void)
{
    static const char *const slow[] = {
        "--key-load-delay", "8000", "--loading-process-events-interval-bytes", "1024", "--rdbcompression", "no", NULL};
    struct fixture f;
    if (!begin(&f, NULL)) {
        return;
    }
    static const char fill[] = "EVAL \"for i=1,500 do redis.call('SET',i,string.rep('x',1000)) end\" 0";
    CU_ASSERT_FATAL(redis_says(&f.server, fill, "$-1"));
    CU_ASSERT_FATAL(redis_says(&f.server, "DBSIZE", ":500"));
    CU_ASSERT_FATAL(redis_says(&f.server, "SAVE", "+OK"));
    redis_kill(&f.server);
    CU_ASSERT_FATAL(redis_start(&f.server, slow));
    CU_ASSERT_FATAL(harness_attach(&f.h, &f.config));
    CU_ASSERT(will_log(&f, "LOADING"));
    CU_ASSERT_FALSE(cpsd_store_ready(f.h.store));
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_E_UNAVAILABLE, "while it loads");
    uint64_t ms = harness_until_ready(&f.h, true, 60000);
    UNIT_CHECK(cpsd_store_ready(f.h.store), "ready after %d ms", (int)ms);
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_OK, "when it has loaded");
    char rdb[128];
    (void)snprintf(rdb, sizeof(rdb), "%s/dump.rdb", f.server.dir);
    CU_ASSERT_EQUAL(unlink(rdb), 0);
    end(&f);
}

static void scripts_forgotten(void)
{
    static struct attempt attempts[200];
    struct fixture f;
    memset(attempts, 0, sizeof(attempts));
    if (!begin(&f, NULL) || !harness_open(&f.h, &f.config)) {
        return;
    }
    CU_ASSERT(redis_says(&f.server, "SCRIPT FLUSH", "+OK"));
    put_many(&f, attempts, 200);
    for (unsigned i = 0; i < 200; i++) {
        (void)harness_run(&f.h, 60000, &attempts[i].calls);
        UNIT_CHECK(attempts[i].calls == 1 && attempts[i].code == STIR_OK, "%u", i);
    }
    CU_ASSERT(redis_says(&f.server, "SCRIPT FLUSH", "+OK"));
    UNIT_CODE(harness_get(&f.h, "12150000000", 0).result.code, STIR_OK, "and once more");
    CU_ASSERT_EQUAL(stats_of(&f.h).reconnects, 0);
    CU_ASSERT_EQUAL(stats_of(&f.h).failures, 0);
    end(&f);
}

static void memory_used_up(void)
{
    struct fixture f;
    if (!begin(&f, NULL) || !harness_open(&f.h, &f.config)) {
        return;
    }
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_OK, "before");
    UNIT_CODE(harness_put(&f.h, DEST, 2, "b", 60000).result.code, STIR_OK, "before");
    CU_ASSERT(redis_says(&f.server, "CONFIG SET maxmemory 100000", "+OK"));
    UNIT_CODE(harness_put(&f.h, "9", 3, "c", 60000).result.code, STIR_E_UNAVAILABLE, "put");
    UNIT_CODE(harness_list(&f.h, DEST, 0, ALL).result.code, STIR_OK, "list");
    UNIT_CODE(harness_get(&f.h, DEST, 1).result.code, STIR_OK, "get");
    UNIT_CODE(harness_remove(&f.h, DEST, 1).result.code, STIR_OK, "remove");
    CU_ASSERT(cpsd_store_ready(f.h.store));
    CU_ASSERT(logged(&f, "request refused: OOM"));
    CU_ASSERT(redis_says(&f.server, "CONFIG SET maxmemory 0", "+OK"));
    UNIT_CODE(harness_put(&f.h, "9", 3, "c", 60000).result.code, STIR_OK, "after");
    CU_ASSERT_EQUAL(stats_of(&f.h).reconnects, 0);
    end(&f);
}

static void demoted(void)
{
    struct fixture f;
    if (!begin(&f, NULL) || !harness_open(&f.h, &f.config)) {
        return;
    }
    CU_ASSERT(redis_says(&f.server, "REPLICAOF 127.0.0.1 1", "+OK"));
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_E_UNAVAILABLE, "a replica");
    CU_ASSERT(will_log(&f, "server has become a replica"));
    CU_ASSERT(will_log(&f, "server is not a primary"));
    CU_ASSERT_FALSE(cpsd_store_ready(f.h.store));
    CU_ASSERT(redis_says(&f.server, "REPLICAOF NO ONE", "+OK"));
    CU_ASSERT(harness_until_ready(&f.h, true, 60000) < 60000);
    UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_OK, "a primary");
    end(&f);
}

static void foreign_key(void)
{
    struct fixture f;
    if (!begin(&f, NULL) || !harness_open(&f.h, &f.config)) {
        return;
    }
    CU_ASSERT(redis_says(&f.server, "SET cps:{" DEST "} x", "+OK"));
    CU_ASSERT(redis_says(&f.server, "HSET cps:{7} m x", ":1"));
    static const char *const boxes[] = {DEST, "7"};
    for (size_t i = 0; i < 2; i++) {
        UNIT_CODE(harness_put(&f.h, boxes[i], 1, "a", 60000).result.code, STIR_E_UNAVAILABLE, "put");
        UNIT_CODE(harness_list(&f.h, boxes[i], 0, ALL).result.code, STIR_E_UNAVAILABLE, "list");
    }
    UNIT_CODE(harness_put(&f.h, "8", 1, "a", 60000).result.code, STIR_OK, "another box");
    CU_ASSERT_EQUAL(stats_of(&f.h).reconnects, 0);
    end(&f);
}

/* TCP, by address and by name; resolving the name does not block the loop. */

/* Reserves a port against other tests until this process ends; false if one of them has it. */
static bool reserve_port(unsigned port)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "stir-cps-test-port-%u", port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)n;
    bool free = bind(fd, (struct sockaddr *)&at, size) == 0;
    if (!free) {
        (void)close(fd);
    }
    return free;
}

/* Returns a free port below those that the kernel assigns, so that it stays free until a server is started on it. */
static unsigned free_port(void)
{
    for (;;) {
        uint16_t random = 0;
        CU_ASSERT_FATAL(getrandom(&random, sizeof(random), 0) == sizeof(random));
        unsigned port = 20000 + random % 12000u;
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && reserve_port(port);
        (void)close(fd);
        if (free) {
            return port;
        }
    }
}

static void over_tcp(void)
{
    char port[16];
    unsigned number = free_port();
    (void)snprintf(port, sizeof(port), "%u", number);
    const char *const options[] = {"--port", port, "--bind", "127.0.0.1", NULL};
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        if (!begin(&f, options)) {
            return;
        }
        (void)snprintf(f.url, sizeof(f.url), "redis://%s:%u/2", hosts[i], number);
        CU_ASSERT_FATAL(harness_open(&f.h, &f.config));
        UNIT_CODE(harness_put(&f.h, DEST, 1, "a", 60000).result.code, STIR_OK, hosts[i]);
        redis_kill(&f.server);
        (void)harness_run(&f.h, 1500, NULL);
        UNIT_CODE(harness_get(&f.h, DEST, 1).result.code, STIR_E_UNAVAILABLE, hosts[i]);
        CU_ASSERT_FATAL(redis_start(&f.server, options));
        UNIT_CHECK(harness_until_ready(&f.h, true, 60000) < 60000, "%s: back", hosts[i]);
        end(&f);
    }
}

static void nobody_there(void)
{
    static const char *const urls[] = {"redis://no-such-host.invalid", "redis+unix:///tmp/no/such/socket", NULL};
    for (size_t i = 0; i < 3; i++) {
        struct harness h;
        char url[64];
        struct cpsd_store_config config = harness_defaults;
        (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", free_port());
        config.url = urls[i] ? urls[i] : url;
        for (int ms = 0; ms <= 200; ms += 200) {
            CU_ASSERT_FATAL(harness_attach(&h, &config));
            if (ms) {
                (void)harness_run(&h, (uint64_t)ms, NULL);
            }
            CU_ASSERT_FALSE(cpsd_store_ready(h.store));
            UNIT_CODE(harness_get(&h, DEST, 1).result.code, STIR_E_UNAVAILABLE, config.url);
            harness_close(&h);
        }
    }
}

UNIT_MAIN("store_redis", {"killed and started again", killed}, {"a stored envelope survives a crash", stored_is_stored},
          {"stopped and continued", stopped}, {"the loop was held up", held_up}, {"more than may be pending", too_many},
          {"closed by a completion", closed_within}, {"passwords", wrong_password},
          {"a database that is not there", no_such_database}, {"another database", other_database},
          {"loading", loading}, {"scripts forgotten", scripts_forgotten}, {"memory used up", memory_used_up},
          {"made a replica", demoted}, {"a key of another type", foreign_key}, {"over TCP", over_tcp},
          {"nobody there", nobody_there})
