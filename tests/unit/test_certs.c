#include "cps/certs.h"

#include "common/x5c.h"
#include "tests/unit/certs.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>
#include <uv.h>

/* The cache of certificates and the fetcher below it, against a server whose every octet is the test's. */
static struct {
    struct peer peer;
    char dir[64], ca_file[96];
    EVP_PKEY *root_key;
    X509 *root;
    struct stir_buf chain;
    struct cpsd_trusted trusted;
    struct cpsd_fetcher *fetcher;
    struct cpsd_certs *certs;
    struct cpsd_certs_rules rules;
    uv_loop_t loop;
    struct cpsd_port port;
    pthread_mutex_t lock;
    int status;
    char more[256];
    bool nothing;
    atomic_uint delay_ms;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    (void)request;
    for (unsigned ms = atomic_load(&world.delay_ms); ms && !atomic_load(&server->stopping); ms--) {
        uv_sleep(1);
    }
    pthread_mutex_lock(&world.lock);
    peer_reply(out, world.status, "application/pem-certificate-chain", world.more,
               world.nothing ? "" : world.chain.ptr);
    pthread_mutex_unlock(&world.lock);
}

static X509 *make_leaf(const char *tnauth, int64_t not_after)
{
    return certs_make_for(tnauth,
                          (struct stir_cert_spec){.common_name = "SP",
                                                  .issuer = world.root,
                                                  .issuer_key = world.root_key,
                                                  .not_after = not_after},
                          NULL);
}

static void begin_with(size_t entries)
{
    struct stir_buf pem = {0};
    struct stir_error err = {0};
    (void)snprintf(world.dir, sizeof(world.dir), "/tmp/test-certs-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(world.dir));
    (void)snprintf(world.ca_file, sizeof(world.ca_file), "%s/ca.pem", world.dir);
    peer_start(&world.peer, world.ca_file, answer, NULL);
    world.root = certs_make((struct stir_cert_spec){.common_name = "Root", .ca = true}, &world.root_key);
    certs_pem(&pem, world.root);
    world.trusted = (struct cpsd_trusted){.generation = 1};
    atomic_init(&world.trusted.refs, 1000);
    UNIT_OK(stir_trust_new(&world.trusted.trust, pem.ptr, pem.len, &err));
    stir_buf_free(&pem);
    world.chain = (struct stir_buf){0};
    certs_pem(&world.chain, make_leaf("spc:1234", 0));
    world.status = 200;
    world.more[0] = '\0';
    world.nothing = false;
    atomic_store(&world.delay_ms, 0);
    UNIT_OK(cpsd_fetcher_new(&world.fetcher, 8, &err));
    UNIT_OK(cpsd_certs_new(&world.certs, world.fetcher, entries, &err));
    world.rules = (struct cpsd_certs_rules){.ca_file = world.ca_file,
                                            .timeout_ms = 5000,
                                            .allow_private = true,
                                            .fetch = true,
                                            .keep_s = 300,
                                            .keep_max_s = 86400,
                                            .negative_s = 30};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&world.loop), 0);
    UNIT_OK(cpsd_port_open(&world.port, &world.loop, &err));
}

static void begin(void)
{
    begin_with(100);
}

static void end(void)
{
    cpsd_port_close(&world.port, NULL, NULL);
    (void)uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&world.loop), 0);
    cpsd_fetcher_free(world.fetcher);
    cpsd_certs_free(world.certs);
    stir_trust_unref(world.trusted.trust);
    CU_ASSERT_EQUAL(atomic_load(&world.trusted.refs), 1000);
    peer_stop(&world.peer);
    stir_buf_free(&world.chain);
    (void)remove(world.ca_file);
    CU_ASSERT_EQUAL(remove(world.dir), 0);
    certs_end();
}

/* ---- asking ---- */

struct asker {
    struct cpsd_certs_wait wait; /* first */
    bool arrived;
};

static void on_arrived(struct cpsd_notice *notice)
{
    ((struct asker *)notice)->arrived = true;
}

static enum cpsd_certs_found ask(struct asker *asker, const char *url, int64_t now, struct stir_error *err)
{
    struct stir_chain *chain = NULL;
    asker->wait.notice.arrived = on_arrived;
    asker->wait.port = &world.port;
    asker->arrived = false;
    enum cpsd_certs_found found =
        cpsd_certs_get(world.certs, &chain, url, &world.trusted, now, &world.rules, &asker->wait, err);
    CU_ASSERT_EQUAL(chain != NULL, found == CPSD_CERTS_FOUND);
    stir_chain_unref(chain);
    return found;
}

/* Gets a chain as a request does: asks again when it was told to. */
static void answers(const char *what, const char *path, int64_t now, enum stir_code code, const char *text)
{
    char url[256];
    struct asker asker = {0};
    struct stir_error err = {0};
    (void)snprintf(url, sizeof(url), "%s%s", world.peer.url, path);
    enum cpsd_certs_found found = ask(&asker, url, now, &err);
    for (int i = 0; found == CPSD_CERTS_LATER && i < 3; i++) {
        while (!asker.arrived) {
            (void)uv_run(&world.loop, UV_RUN_ONCE);
        }
        found = ask(&asker, url, now, &err);
    }
    UNIT_CHECK(found == (code == STIR_OK ? CPSD_CERTS_FOUND : CPSD_CERTS_FAILED) && err.code == code, "%s: %s, %s",
               what, stir_error_name(err.code), err.text);
    if (text) {
        UNIT_STR(err.text, text, what);
    }
}

static unsigned requests(void)
{
    return atomic_load(&world.peer.requests);
}

static void test_once(void)
{
    struct cpsd_certs_stats stats;
    begin();
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    for (int i = 0; i < 5; i++) {
        answers("again", "/a.pem", CERTS_NOW + i, STIR_OK, NULL);
    }
    CU_ASSERT_EQUAL(requests(), 1);
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 1);
    CU_ASSERT_EQUAL(stats.fetches, 1);
    CU_ASSERT_EQUAL(stats.hits, 6);
    CU_ASSERT_EQUAL(stats.held, 1);
    end();
}

/* A verdict is good for a minute, for one generation, and not beyond the end of the chain. */
static void test_verdicts(void)
{
    struct cpsd_certs_stats stats;
    begin();
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    answers("a minute later", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 2);
    world.trusted.generation = 2;
    answers("another generation", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 3);
    struct stir_trust *trust = world.trusted.trust;
    world.trusted.trust = NULL;
    answers("nothing is trusted, as it was told", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    world.trusted.generation = 3;
    answers("nothing is trusted", "/a.pem", CERTS_NOW + 61, STIR_E_CERT_UNTRUSTED, NULL);
    answers("remembered", "/a.pem", CERTS_NOW + 61, STIR_E_CERT_UNTRUSTED, NULL);
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 4);
    world.trusted.trust = trust;
    world.trusted.generation = 4;
    answers("trusted again", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    end();
}

static void test_end_of_validity(void)
{
    begin();
    pthread_mutex_lock(&world.lock);
    world.chain.len = 0;
    certs_pem(&world.chain, make_leaf("spc:1234", CERTS_NOW + 20));
    pthread_mutex_unlock(&world.lock);
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    answers("still", "/a.pem", CERTS_NOW + 20, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    answers("over", "/a.pem", CERTS_NOW + 21, STIR_E_CERT_TIME, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

static void test_keeping(void)
{
    begin();
    (void)snprintf(world.more, sizeof(world.more), "Cache-Control: max-age=100\r\nAge: 10\r\n");
    answers("fetched", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    answers("kept", "/a.pem", CERTS_NOW + 90, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    answers("over", "/a.pem", CERTS_NOW + 91, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    (void)snprintf(world.more, sizeof(world.more), "Cache-Control: max-age=999999\r\n");
    answers("for ever", "/b.pem", CERTS_NOW, STIR_OK, NULL);
    answers("for a day", "/b.pem", CERTS_NOW + 86400, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 3);
    answers("and no more", "/b.pem", CERTS_NOW + 86401, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 4);
    (void)snprintf(world.more, sizeof(world.more), "Cache-Control: no-store\r\n");
    answers("not to be kept", "/c.pem", CERTS_NOW, STIR_OK, NULL);
    answers("not to be kept", "/c.pem", CERTS_NOW + 6, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 6);
    end();
}

static void test_failures(void)
{
    begin();
    world.status = 503;
    answers("away", "/a.pem", CERTS_NOW, STIR_E_X5U_FETCH, "x5u: the server answered 503");
    answers("not asked again", "/a.pem", CERTS_NOW + 30, STIR_E_X5U_FETCH, "x5u: the server answered 503");
    CU_ASSERT_EQUAL(requests(), 1);
    world.status = 200;
    answers("asked again", "/a.pem", CERTS_NOW + 31, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    /* a host that is away for a while does not take its certificates with it, up to a day */
    world.status = 503;
    answers("stale", "/a.pem", CERTS_NOW + 400, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 3);
    answers("stale, not asked again", "/a.pem", CERTS_NOW + 430, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 3);
    answers("too stale", "/a.pem", CERTS_NOW + 31 + 86400, STIR_E_X5U_FETCH, NULL);
    world.status = 200;
    world.nothing = true;
    answers("nothing", "/n.pem", CERTS_NOW, STIR_E_CERT, "x5u: no certificate in it");
    world.rules.allow_private = false;
    answers("loopback", "/l.pem", CERTS_NOW, STIR_E_X5U, "x5u: the host's address is not one of the public Internet");
    world.rules.allow_private = true;
    world.rules.timeout_ms = 100;
    atomic_store(&world.delay_ms, 3000);
    answers("slow", "/s.pem", CERTS_NOW, STIR_E_X5U_FETCH, "x5u: no complete answer in time");
    world.rules.fetch = false;
    answers("switched off", "/o.pem", CERTS_NOW, STIR_E_X5U_FETCH,
            "x5u: certificates are not fetched, and the directory lacks this one");
    end();
}

/* Whoever sends URLs of his own pushes none of the good chains out. */
static void test_bounds(void)
{
    char path[32];
    struct cpsd_certs_stats stats;
    begin_with(4);
    answers("good", "/good.pem", CERTS_NOW, STIR_OK, NULL);
    world.status = 404;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(path, sizeof(path), "/bad%d.pem", i);
        answers("bad", path, CERTS_NOW, STIR_E_X5U_FETCH, NULL);
    }
    answers("good", "/good.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 21);
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.held, 5);
    world.status = 200;
    for (int i = 0; i < 6; i++) {
        (void)snprintf(path, sizeof(path), "/more%d.pem", i);
        answers("more", path, CERTS_NOW, STIR_OK, NULL);
    }
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT(stats.held <= 8);
    answers("the newest stay", "/more3.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 27);
    answers("the oldest went", "/good.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 28);
    end();
}

static void test_waiters(void)
{
    char url[128];
    struct asker askers[8] = {0};
    begin();
    atomic_store(&world.delay_ms, 100);
    (void)snprintf(url, sizeof(url), "%s/a.pem", world.peer.url);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(ask(&askers[i], url, CERTS_NOW, NULL), CPSD_CERTS_LATER);
    }
    cpsd_certs_leave(world.certs, &askers[3].wait);
    cpsd_certs_leave(world.certs, &askers[3].wait);
    while (!askers[0].arrived || !askers[7].arrived) {
        (void)uv_run(&world.loop, UV_RUN_ONCE);
        cpsd_certs_leave(world.certs, &askers[5].wait); /* perhaps told, not delivered */
    }
    for (int i = 0; i < 8; i++) {
        UNIT_CHECK(askers[i].arrived || i == 3 || i == 5, "asker %d", i);
    }
    CU_ASSERT_FALSE(askers[3].arrived);
    CU_ASSERT_EQUAL(requests(), 1);
    CU_ASSERT_EQUAL(ask(&askers[0], url, CERTS_NOW, NULL), CPSD_CERTS_FOUND);
    cpsd_certs_leave(world.certs, &askers[0].wait);
    end();
}

/* The process ends while something is being fetched. */
static void test_stopping(void)
{
    char url[128];
    struct asker asker = {0};
    begin();
    atomic_store(&world.delay_ms, 5000);
    (void)snprintf(url, sizeof(url), "%s/a.pem", world.peer.url);
    CU_ASSERT_EQUAL(ask(&asker, url, CERTS_NOW, NULL), CPSD_CERTS_LATER);
    cpsd_certs_leave(world.certs, &asker.wait);
    end();
}

static void test_x5c(void)
{
    struct stir_chain *chain = NULL;
    struct cpsd_certs_stats stats;
    struct stir_error err = {0};
    unsigned char *der = NULL;
    struct stir_buf text = {0};
    begin();
    int n = i2d_X509(make_leaf("spc:1234", 0), &der);
    struct stir_view view = stir_view((const char *)der, (size_t)n);
    stir_x5c_put(&text, &view, 1);
    json_t *x5c = json_loads(text.ptr, 0, NULL);
    json_t *bad = json_pack("[s]", "MAA=");
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(cpsd_certs_get_x5c(world.certs, &chain, x5c, &world.trusted, CERTS_NOW, &err),
                        CPSD_CERTS_FOUND);
        stir_chain_unref(chain);
        CU_ASSERT_EQUAL(cpsd_certs_get_x5c(world.certs, &chain, bad, &world.trusted, CERTS_NOW, &err),
                        CPSD_CERTS_FAILED);
        CU_ASSERT_EQUAL(err.code, STIR_E_CERT);
    }
    CU_ASSERT_EQUAL(cpsd_certs_get_x5c(world.certs, &chain, NULL, &world.trusted, CERTS_NOW, &err), CPSD_CERTS_FAILED);
    cpsd_certs_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 1);
    CU_ASSERT_EQUAL(stats.hits, 4);
    CU_ASSERT_EQUAL(requests(), 0);
    json_decref(x5c);
    json_decref(bad);
    stir_buf_free(&text);
    OPENSSL_free(der);
    end();
}

static void test_directory(void)
{
    size_t count = 0;
    char dir[] = "/tmp/test-certs-dir-XXXXXX", path[96];
    struct stir_error err = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    begin();
    (void)snprintf(path, sizeof(path), "%s/a.pem", dir);
    UNIT_OK(stir_write_file(path, world.chain.ptr, world.chain.len, 0600, NULL));
    UNIT_OK(cpsd_certs_load_dir(world.certs, dir, &count, &err));
    CU_ASSERT_EQUAL(count, 1);
    answers("in the directory", "/x/a.pem", CERTS_NOW, STIR_OK, NULL);
    answers("for long", "/x/a.pem", CERTS_NOW + 86400 * 30, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 0);
    UNIT_OK(stir_write_file(path, "x", 1, 0600, NULL));
    CU_ASSERT_EQUAL(cpsd_certs_load_dir(world.certs, dir, &count, &err), STIR_E_CERT);
    UNIT_CHECK(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    answers("as before", "/x/a.pem", CERTS_NOW, STIR_OK, NULL);
    UNIT_OK(cpsd_certs_load_dir(world.certs, "", NULL, &err));
    answers("over the network now", "/x/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    CU_ASSERT_EQUAL(cpsd_certs_load_dir(world.certs, "/tmp/there/is/none", NULL, &err), STIR_E_IO);
    (void)remove(path);
    CU_ASSERT_EQUAL(remove(dir), 0);
    end();
}

/* ---- the fetcher by itself ---- */

struct got {
    unsigned count;
    int status;
    enum stir_code code;
};

static void on_fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct got *got = arg;
    got->count++;
    got->status = result->status;
    got->code = result->error.code;
}

static enum stir_code fetch(struct cpsd_fetch **out, const char *path, struct got *got)
{
    char url[256];
    (void)snprintf(url, sizeof(url), "%s%s", world.peer.url, path);
    const struct cpsd_fetch_request request = {.url = url,
                                               .fields = {"X-A: 1", "X-B: 2"},
                                               .body = stir_view_str("hello"),
                                               .max_bytes = 4096,
                                               .timeout_ms = 2000,
                                               .ca_file = world.ca_file};
    return cpsd_fetch(out, world.fetcher, &world.port, &request, on_fetched, got, NULL);
}

static void test_fetch(void)
{
    struct got got[4] = {0};
    struct cpsd_fetch *fetches[4];
    begin();
    atomic_store(&world.delay_ms, 50);
    for (int i = 0; i < 4; i++) {
        UNIT_OK(fetch(&fetches[i], "/x", &got[i]));
    }
    cpsd_fetch_cancel(fetches[1]);
    while (!got[0].count || !got[2].count || !got[3].count) {
        (void)uv_run(&world.loop, UV_RUN_ONCE);
    }
    CU_ASSERT_EQUAL(got[0].status, 200);
    CU_ASSERT_EQUAL(got[1].count, 0);
    /* one that has its answer, which is not delivered yet */
    UNIT_OK(fetch(&fetches[0], "/x", &got[1]));
    uv_sleep(400);
    cpsd_fetch_cancel(fetches[0]);
    (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    CU_ASSERT_EQUAL(got[1].count, 0);
    end();
}

static void test_crowd(void)
{
    static struct got got[200];
    unsigned taken = 0, refused = 0, done = 0;
    memset(got, 0, sizeof(got));
    begin();
    atomic_store(&world.delay_ms, 20);
    for (int i = 0; i < 200; i++) {
        enum stir_code code = fetch(NULL, "/x", &got[i]);
        taken += code == STIR_OK;
        refused += code == STIR_E_UNAVAILABLE;
    }
    CU_ASSERT_EQUAL(taken + refused, 200);
    CU_ASSERT(refused > 0 && taken >= 128);
    while (done < taken) {
        (void)uv_run(&world.loop, UV_RUN_ONCE);
        done = 0;
        for (int i = 0; i < 200; i++) {
            done += got[i].count;
            CU_ASSERT(got[i].count == 0 || got[i].code == STIR_OK || got[i].code == STIR_E_TIMEOUT);
        }
    }
    end();
}

UNIT_MAIN("certs", {"fetched and verified once", test_once}, {"verdicts", test_verdicts},
          {"end of validity", test_end_of_validity}, {"keeping", test_keeping}, {"failures", test_failures},
          {"bounds", test_bounds}, {"waiters", test_waiters}, {"stopping", test_stopping}, {"x5c", test_x5c},
          {"directory", test_directory}, {"fetch and cancel", test_fetch}, {"a crowd", test_crowd})
