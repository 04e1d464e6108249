/* SPDX-License-Identifier: MIT */
#include "cps/auth/cert_cache.h"

#include "common/cert/x5c.h"
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
    struct cpsd_cert_cache *certs;
    struct cpsd_cert_rules rules;
    uv_loop_t loop;
    struct cpsd_mailbox mailbox;
    pthread_mutex_t lock;
    int status, list_status;
    const char *list_type;
    char more[256];
    bool nothing;
    atomic_uint delay_ms;
    atomic_bool held; /* what is asked for "/held" waits until this is false */
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    for (unsigned ms = atomic_load(&world.delay_ms); ms && !atomic_load(&server->stopping); ms--) {
        uv_sleep(1);
    }
    while (strcmp(request->target, "/held") == 0 && atomic_load(&world.held) && !atomic_load(&server->stopping)) {
        uv_sleep(1);
    }
    pthread_mutex_lock(&world.lock);
    if (strncmp(request->target, "/list", 5) == 0) {
        static const char list[] = "\x30\x08\xa0\x06\x16\x04"
                                   "1234";
        peer_reply(out, world.list_status, world.list_type, world.more, list);
    } else {
        peer_reply(out, world.status, "application/pem-certificate-chain", world.more,
                   world.nothing ? "" : world.chain.ptr);
    }
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
    world.status = world.list_status = 200;
    world.list_type = STIR_TN_LIST_TYPE "; x=1";
    world.more[0] = '\0';
    world.nothing = false;
    atomic_store(&world.delay_ms, 0);
    atomic_store(&world.held, false);
    UNIT_OK(cpsd_fetcher_new(&world.fetcher, 8, &err));
    UNIT_OK(cpsd_cert_cache_new(&world.certs, world.fetcher, entries, NULL, &err));
    world.rules = (struct cpsd_cert_rules){.ca_file = world.ca_file,
                                           .timeout_ms = 60000,
                                           .allow_private = true,
                                           .fetch = true,
                                           .keep_s = 300,
                                           .keep_max_s = 86400,
                                           .negative_s = 30};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&world.loop), 0);
    UNIT_OK(cpsd_mailbox_open(&world.mailbox, &world.loop, &err));
}

static void begin(void)
{
    begin_with(100);
}

static void end(void)
{
    cpsd_mailbox_close(&world.mailbox, NULL, NULL);
    (void)uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&world.loop), 0);
    cpsd_fetcher_free(world.fetcher);
    cpsd_cert_cache_free(world.certs);
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
    struct cpsd_cert_wait wait; /* first */
    bool arrived;
    bool proves; /* has a signature that verifies with the chain */
    int work;    /* how often it may have something fetched or verified; -1: always */
};

static bool may_work(struct cpsd_cert_wait *wait)
{
    struct asker *asker = (struct asker *)(void *)wait;
    asker->work -= asker->work > 0;
    return asker->work != 0;
}

static void on_arrived(struct cpsd_notice *notice)
{
    ((struct asker *)notice)->arrived = true;
}

static enum cpsd_cert_found ask(struct asker *asker, const char *url, int64_t now, struct stir_error *err)
{
    struct stir_chain *chain = NULL;
    asker->wait.notice.arrived = on_arrived;
    asker->wait.mailbox = &world.mailbox;
    asker->arrived = false;
    enum cpsd_cert_found found =
        cpsd_cert_cache_get(world.certs, &chain, url, &world.trusted, now, &world.rules, &asker->wait, err);
    CU_ASSERT_EQUAL(chain != NULL, found == CPSD_CERT_FOUND);
    if (chain && asker->proves) {
        cpsd_cert_cache_prove(world.certs, chain, url, NULL, &asker->wait);
    }
    stir_chain_unref(chain);
    return found;
}

/* Gets a chain as a request does: asks again when it was told to. */
static enum cpsd_cert_found ask_until_there(struct asker *asker, const char *url, int64_t now, struct stir_error *err)
{
    enum cpsd_cert_found found = ask(asker, url, now, err);
    for (int i = 0; found == CPSD_CERT_LATER && i < 5; i++) {
        while (!asker->arrived) {
            (void)uv_run(&world.loop, UV_RUN_ONCE);
        }
        found = ask(asker, url, now, err);
    }
    return found;
}

/* As a request does that has a good signature. */
static void proves(const char *path, int64_t now)
{
    char url[256];
    struct asker asker = {.proves = true};
    (void)snprintf(url, sizeof(url), "%s%s", world.peer.url, path);
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, now, NULL), CPSD_CERT_FOUND);
}

static void answers(const char *what, const char *path, int64_t now, enum stir_code code, const char *text)
{
    char url[256];
    struct asker asker = {0};
    struct stir_error err = {0};
    (void)snprintf(url, sizeof(url), "%s%s", world.peer.url, path);
    enum cpsd_cert_found found = ask_until_there(&asker, url, now, &err);
    UNIT_CHECK(found == (code == STIR_OK ? CPSD_CERT_FOUND : CPSD_CERT_FAILED) && err.code == code, "%s: %s, %s", what,
               stir_error_name(err.code), err.text);
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
    struct cpsd_cert_cache_stats stats;
    begin();
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    for (int i = 0; i < 5; i++) {
        answers("again", "/a.pem", CERTS_NOW + i, STIR_OK, NULL);
    }
    CU_ASSERT_EQUAL(requests(), 1);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 1);
    CU_ASSERT_EQUAL(stats.fetches, 1);
    CU_ASSERT_EQUAL(stats.hits, 6);
    CU_ASSERT_EQUAL(stats.held, 1);
    end();
}

/* A verdict is good for a minute, for one generation, and not beyond the end of the chain. */
static void test_verdicts(void)
{
    struct cpsd_cert_cache_stats stats;
    begin();
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    answers("a minute later", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 2);
    world.trusted.generation = 2;
    answers("another generation", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 3);
    struct stir_trust *trust = world.trusted.trust;
    world.trusted.trust = NULL;
    answers("nothing is trusted, as it was told", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    world.trusted.generation = 3;
    answers("nothing is trusted, and the chain at the URL is the same", "/a.pem", CERTS_NOW + 61, STIR_E_CERT_UNTRUSTED,
            NULL);
    answers("remembered", "/a.pem", CERTS_NOW + 61, STIR_E_CERT_UNTRUSTED, NULL);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 5);
    CU_ASSERT_EQUAL(requests(), 2);
    world.trusted.trust = trust;
    world.trusted.generation = 4;
    answers("trusted again", "/a.pem", CERTS_NOW + 61, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

/* Asks for a later chain than the cached one, as a request does whose signature failed with it. Returns the result;
 * a fetch that is begun for it is waited for. */
static enum cpsd_cert_found renews(const char *path, int64_t now, struct stir_error *err)
{
    char url[256];
    struct asker asker = {0};
    struct stir_chain *tried = NULL;
    (void)snprintf(url, sizeof(url), "%s%s", world.peer.url, path);
    asker.wait.notice.arrived = on_arrived;
    asker.wait.mailbox = &world.mailbox;
    CU_ASSERT_EQUAL_FATAL(cpsd_cert_cache_get(world.certs, &tried, url, &world.trusted, now, &world.rules, &asker.wait,
                                              err),
                          CPSD_CERT_FOUND);
    enum cpsd_cert_found found = CPSD_CERT_LATER;
    for (int i = 0; found == CPSD_CERT_LATER && i < 5; i++) {
        *err = (struct stir_error){.code = STIR_E_SIGNATURE};
        asker.arrived = false;
        found = cpsd_cert_cache_renew(world.certs, tried, url, &world.trusted, now, &world.rules, &asker.wait, err);
        while (found == CPSD_CERT_LATER && !asker.arrived) {
            (void)uv_run(&world.loop, UV_RUN_ONCE);
        }
    }
    stir_chain_unref(tried);
    return found;
}

static void serve(X509 *leaf)
{
    pthread_mutex_lock(&world.lock);
    world.chain.len = 0;
    certs_pem(&world.chain, leaf);
    pthread_mutex_unlock(&world.lock);
}

static void set_status(int status)
{
    pthread_mutex_lock(&world.lock);
    world.status = status;
    pthread_mutex_unlock(&world.lock);
}

static void test_renewal(void)
{
    struct stir_error err = {0};
    begin();
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(renews("/a.pem", CERTS_NOW + 9, &err), CPSD_CERT_FAILED);
    CU_ASSERT_EQUAL(err.code, STIR_E_SIGNATURE);
    CU_ASSERT_EQUAL(requests(), 1); /* the URL was asked within the last 10 s */
    CU_ASSERT_EQUAL(renews("/a.pem", CERTS_NOW + 10, &err), CPSD_CERT_FAILED);
    CU_ASSERT_EQUAL(err.code, STIR_E_SIGNATURE); /* the same chain is there still */
    CU_ASSERT_EQUAL(requests(), 2);
    serve(make_leaf("spc:1234", 0));
    CU_ASSERT_EQUAL(renews("/a.pem", CERTS_NOW + 20, &err), CPSD_CERT_FOUND);
    CU_ASSERT_EQUAL(requests(), 3);
    answers("the later chain", "/a.pem", CERTS_NOW + 20, STIR_OK, NULL);
    /* faults that have nothing to do with the certificate ask nobody */
    err = (struct stir_error){.code = STIR_E_NOMEM};
    CU_ASSERT_EQUAL(cpsd_cert_cache_renew(world.certs, NULL, world.peer.url, &world.trusted, CERTS_NOW + 40,
                                          &world.rules, NULL, &err),
                    CPSD_CERT_FAILED);
    CU_ASSERT_EQUAL(err.code, STIR_E_NOMEM);
    CU_ASSERT_EQUAL(requests(), 3);
    end();
}

/* A host that fails while a forger makes us ask it takes nothing from the chain that is cached. */
static void test_renewal_fails(void)
{
    struct stir_error err = {0};
    begin();
    answers("first", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    set_status(503);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(renews("/a.pem", CERTS_NOW + 10 + i, &err), CPSD_CERT_FAILED);
        CU_ASSERT_EQUAL(err.code, STIR_E_CONNECT);
        UNIT_STR(err.text,
                 "not verified with the cached certificate, and the current one cannot be fetched: x5u: the server "
                 "answered 503",
                 "err");
    }
    CU_ASSERT_EQUAL(requests(), 2);
    answers("the cached chain is good still", "/a.pem", CERTS_NOW + 100, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    set_status(200);
    CU_ASSERT_EQUAL(renews("/a.pem", CERTS_NOW + 100, &err), CPSD_CERT_FAILED);
    CU_ASSERT_EQUAL(err.code, STIR_E_SIGNATURE); /* the host says again that it is this one */
    CU_ASSERT_EQUAL(requests(), 3);
    end();
}

/* A chain that is cached and no longer good has been replaced at its URL. */
static void test_replaced(void)
{
    EVP_PKEY *key = NULL;
    begin();
    X509 *good = make_leaf("spc:1234", 0);
    serve(certs_make_for("spc:1234", (struct stir_cert_spec){.common_name = "Stranger"}, &key));
    answers("a stranger's", "/a.pem", CERTS_NOW, STIR_E_CERT_UNTRUSTED, NULL);
    serve(good);
    answers("asked just now", "/a.pem", CERTS_NOW + 9, STIR_E_CERT_UNTRUSTED, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    answers("replaced", "/a.pem", CERTS_NOW + 10, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
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
    answers("not to be kept, not for a second", "/c.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 6);
    end();
}

static void test_failures(void)
{
    begin();
    world.status = 503;
    answers("away", "/a.pem", CERTS_NOW, STIR_E_CONNECT, "x5u: the server answered 503");
    answers("not asked again", "/a.pem", CERTS_NOW + 30, STIR_E_CONNECT, "x5u: the server answered 503");
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
    answers("too stale", "/a.pem", CERTS_NOW + 31 + 86400, STIR_E_CONNECT, NULL);
    world.status = 200;
    world.nothing = true;
    answers("nothing", "/n.pem", CERTS_NOW, STIR_E_X5U_FETCH, "x5u: no certificate in it");
    world.rules.allow_private = false;
    answers("loopback", "/l.pem", CERTS_NOW, STIR_E_X5U, "x5u: the host's address is not one of the public Internet");
    world.rules.allow_private = true;
    world.rules.timeout_ms = 100;
    atomic_store(&world.delay_ms, 3000);
    answers("slow", "/s.pem", CERTS_NOW, STIR_E_TIMEOUT, "x5u: no complete answer in time");
    world.rules.fetch = false;
    answers("switched off", "/o.pem", CERTS_NOW, STIR_E_X5U_FETCH,
            "x5u: this server does not fetch certificates ([auth] x5u_fetch is off), and it has no copy of this one");
    end();
}

/* Whoever sends URLs of his own pushes none of the good chains out, whatever is there. */
static void test_bounds(void)
{
    char path[32];
    struct cpsd_cert_cache_stats stats;
    begin_with(4);
    proves("/good.pem", CERTS_NOW);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(path, sizeof(path), "/unsigned%d.pem", i);
        answers("a good chain that nobody has signed with", path, CERTS_NOW, STIR_OK, NULL);
    }
    world.status = 404;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(path, sizeof(path), "/bad%d.pem", i);
        answers("bad", path, CERTS_NOW, STIR_E_X5U_FETCH, NULL);
    }
    CU_ASSERT_EQUAL(requests(), 41);
    proves("/good.pem", CERTS_NOW);
    CU_ASSERT_EQUAL(requests(), 41);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.held, 5);
    CU_ASSERT_EQUAL(stats.good, 1);
    end();
}

/* Many URLs of one chain are known as good no better than a few; chains of others push the oldest out. */
static void test_bounds_of_good_chains(void)
{
    char path[32];
    struct cpsd_cert_cache_stats stats;
    begin_with(6);
    proves("/first.pem", CERTS_NOW);
    serve(make_leaf("spc:5678", 0));
    for (int i = 0; i < 20; i++) {
        (void)snprintf(path, sizeof(path), "/more%d.pem", i);
        proves(path, CERTS_NOW);
    }
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.good, 5);
    CU_ASSERT_EQUAL(requests(), 21);
    proves("/first.pem", CERTS_NOW);
    proves("/more19.pem", CERTS_NOW);
    CU_ASSERT_EQUAL(requests(), 21);
    for (int i = 0; i < 6; i++) {
        serve(make_leaf("spc:9999", 0));
        (void)snprintf(path, sizeof(path), "/other%d.pem", i);
        proves(path, CERTS_NOW);
    }
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.good, 6);
    CU_ASSERT_EQUAL(requests(), 27);
    proves("/more19.pem", CERTS_NOW);
    CU_ASSERT_EQUAL(requests(), 28);
    end();
}

/* What is not known as good is fetched and verified only if the request may; what is, always. */
static void test_may_work(void)
{
    char url[256];
    struct stir_error err = {0};
    struct cpsd_cert_cache_stats stats;
    begin();
    (void)snprintf(url, sizeof(url), "%s/a.pem", world.peer.url);
    struct asker asker = {.wait.may_work = may_work, .proves = true};
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW, &err), CPSD_CERT_FAILED);
    CU_ASSERT_EQUAL(err.code, STIR_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(requests(), 0);
    asker.work = 2; /* one less */
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW, &err), CPSD_CERT_FOUND);
    CU_ASSERT_EQUAL(asker.work, 1);
    asker.work = 0;
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW + 61, &err), CPSD_CERT_FOUND);  /* verified again */
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW + 301, &err), CPSD_CERT_FOUND); /* fetched again */
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 3);
    CU_ASSERT_EQUAL(requests(), 2);
    /* another certificate at the URL has to be proven anew */
    serve(make_leaf("spc:1234", 0));
    asker.proves = false;
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW + 602, &err), CPSD_CERT_FOUND);
    CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW + 663, &err), CPSD_CERT_FAILED);
    CU_ASSERT_EQUAL(err.code, STIR_E_UNAVAILABLE);
    end();
}

/* What a name resolves to is told to nobody: not whether it does, and not whether the address is one to connect to. */
static void test_nothing_of_names(void)
{
    char url[128];
    begin();
    const char *text = "x5u: its host cannot be reached";
    struct {
        const char *what, *host;
        bool private;
    } rows[] = {{"does not resolve", "nowhere.invalid", false},
                {"does not resolve", "nowhere.invalid", true},
                {"resolves to a forbidden address", "localhost", false},
                {"nobody listens", "localhost", true}};
    peer_stop(&world.peer);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asker asker = {0};
        struct stir_error err = {0};
        (void)snprintf(url, sizeof(url), "https://%s:%d/%zu.pem", rows[i].host, world.peer.port, i);
        world.rules.allow_private = rows[i].private;
        world.rules.timeout_ms = 60000;
        CU_ASSERT_EQUAL(ask_until_there(&asker, url, CERTS_NOW, &err), CPSD_CERT_FAILED);
        UNIT_CHECK(err.code == STIR_E_CONNECT && strcmp(err.text, text) == 0, "%s: %s, %s", rows[i].what,
                   stir_error_name(err.code), err.text);
    }
    peer_start(&world.peer, world.ca_file, answer, NULL);
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
        CU_ASSERT_EQUAL(ask(&askers[i], url, CERTS_NOW, NULL), CPSD_CERT_LATER);
    }
    cpsd_cert_cache_leave(world.certs, &askers[3].wait);
    cpsd_cert_cache_leave(world.certs, &askers[3].wait);
    while (!askers[0].arrived || !askers[7].arrived) {
        (void)uv_run(&world.loop, UV_RUN_ONCE);
        cpsd_cert_cache_leave(world.certs, &askers[5].wait); /* perhaps told, not delivered */
    }
    for (int i = 0; i < 8; i++) {
        UNIT_CHECK(askers[i].arrived || i == 3 || i == 5, "asker %d", i);
    }
    CU_ASSERT_FALSE(askers[3].arrived);
    CU_ASSERT_EQUAL(requests(), 1);
    CU_ASSERT_EQUAL(ask(&askers[0], url, CERTS_NOW, NULL), CPSD_CERT_FOUND);
    cpsd_cert_cache_leave(world.certs, &askers[0].wait);
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
    CU_ASSERT_EQUAL(ask(&asker, url, CERTS_NOW, NULL), CPSD_CERT_LATER);
    cpsd_cert_cache_leave(world.certs, &asker.wait);
    end();
}

/* A TNAuthList by reference (RFC 8226 section 10.1) is fetched, for chains that are good. */
static void test_list_by_reference(void)
{
    char url[96];
    EVP_PKEY *key = NULL;
    begin();
    struct stir_cert_spec spec = {.common_name = "SP", .issuer = world.root, .issuer_key = world.root_key};
    X509 *bare = certs_make(spec, &key);
    (void)snprintf(url, sizeof(url), "%s/list", world.peer.url);
    pthread_mutex_lock(&world.lock);
    world.chain.len = 0;
    certs_pem(&world.chain, certs_with_list_at(bare, world.root_key, url));
    pthread_mutex_unlock(&world.lock);
    uint16_t port = (uint16_t)world.peer.port;
    const struct stir_x5u_rules urls = {.ports = &port, .port_count = 1};
    world.rules.urls = &urls;
    answers("fetched", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    answers("kept", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    /* another host than the rules allow, and a port */
    world.rules.urls = NULL;
    answers("a port that is not allowed", "/a.pem", CERTS_NOW, STIR_E_X5U, NULL);
    const char *hosts[] = {"certs.example.org"};
    const struct stir_x5u_rules other = {.ports = &port, .port_count = 1, .hosts = hosts, .host_count = 1};
    world.rules.urls = &other;
    answers("a host that is not allowed", "/a.pem", CERTS_NOW, STIR_E_X5U, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
    /* failures */
    static const struct {
        int status;
        const char *type;
    } rows[] = {{404, STIR_TN_LIST_TYPE}, {302, STIR_TN_LIST_TYPE}, {200, "application/octet-stream"}, {200, ""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin();
        spec.issuer = world.root;
        spec.issuer_key = world.root_key;
        bare = certs_make(spec, &key);
        (void)snprintf(url, sizeof(url), "%s/list", world.peer.url);
        world.chain.len = 0;
        certs_pem(&world.chain, certs_with_list_at(bare, world.root_key, url));
        world.list_status = rows[i].status;
        world.list_type = rows[i].type;
        port = (uint16_t)world.peer.port;
        world.rules.urls = &urls;
        answers("an answer that is no list", "/a.pem", CERTS_NOW, STIR_E_X5U_FETCH, NULL);
        CU_ASSERT_EQUAL(requests(), 2);
        answers("remembered", "/a.pem", CERTS_NOW, STIR_E_X5U_FETCH, NULL);
        CU_ASSERT_EQUAL(requests(), 2);
        end();
    }
    /* a stranger's certificate makes the server ask nobody */
    begin();
    X509 *own = certs_make((struct stir_cert_spec){.common_name = "Mallory"}, &key);
    (void)snprintf(url, sizeof(url), "%s/list", world.peer.url);
    world.chain.len = 0;
    certs_pem(&world.chain, certs_with_list_at(own, key, url));
    port = (uint16_t)world.peer.port;
    world.rules.urls = &urls;
    answers("untrusted", "/a.pem", CERTS_NOW, STIR_E_CERT_UNTRUSTED, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    end();
}

/* Puts a chain at every path of the peer in which the leaf and its authority have their lists elsewhere. Returns the
 * authority's list's URL. */
static const char *put_authority_by_reference(struct stir_x5u_rules *urls)
{
    static char leaf_url[96], url[96];
    static uint16_t port;
    EVP_PKEY *key = NULL;
    (void)snprintf(leaf_url, sizeof(leaf_url), "%s/list", world.peer.url);
    (void)snprintf(url, sizeof(url), "%s/list-of-ca", world.peer.url);
    port = (uint16_t)world.peer.port;
    *urls = (struct stir_x5u_rules){.ports = &port, .port_count = 1};
    world.rules.urls = urls;
    X509 *ca = certs_with_list_at(certs_make((struct stir_cert_spec){.common_name = "CA",
                                                                     .ca = true,
                                                                     .issuer = world.root,
                                                                     .issuer_key = world.root_key},
                                             &key),
                                  world.root_key, url);
    X509 *leaf = certs_with_list_at(
        certs_make((struct stir_cert_spec){.common_name = "SP", .issuer = ca, .issuer_key = key}, NULL), key, leaf_url);
    pthread_mutex_lock(&world.lock);
    world.chain.len = 0;
    certs_pem(&world.chain, leaf);
    certs_pem(&world.chain, ca);
    pthread_mutex_unlock(&world.lock);
    return url;
}

/* The TNAuthList of an authority may be elsewhere too (RFC 8226 section 10.1). */
static void test_authority_by_reference(void)
{
    struct stir_x5u_rules urls;
    begin();
    (void)put_authority_by_reference(&urls);
    answers("chain, leaf's list, authority's list", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 3);
    answers("kept", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 3);
    end();
    begin();
    (void)put_authority_by_reference(&urls);
    world.list_status = 404;
    answers("an answer that is no list", "/a.pem", CERTS_NOW, STIR_E_X5U_FETCH, NULL);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

/* ---- x5c ---- */

/* An array of the certificates up to NULL. */
static json_t *x5c_of(X509 *const *certs)
{
    struct stir_view views[STIR_CHAIN_MAX] = {{NULL, 0}};
    unsigned char *der[STIR_CHAIN_MAX] = {NULL};
    struct stir_buf text = {0};
    size_t count = 0;
    for (; certs[count]; count++) {
        int n = i2d_X509(certs[count], &der[count]);
        views[count] = stir_view((const char *)der[count], (size_t)n);
    }
    stir_x5c_put(&text, views, count);
    json_t *x5c = json_loads(text.ptr, 0, NULL);
    stir_buf_free(&text);
    for (size_t i = 0; i < count; i++) {
        OPENSSL_free(der[i]);
    }
    return x5c;
}
#define X5C(...) x5c_of((X509 *const[]){__VA_ARGS__, NULL})

/* Takes over the array. signs: with a signature that verifies. */
static void brings(const char *what, json_t *x5c, int64_t now, bool signs, enum stir_code code)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    struct asker asker = {.wait.mailbox = &world.mailbox};
    enum cpsd_cert_found found =
        cpsd_cert_cache_get_x5c(world.certs, &chain, x5c, &world.trusted, now, &world.rules, &asker.wait, &err);
    UNIT_CHECK(found == (code == STIR_OK ? CPSD_CERT_FOUND : CPSD_CERT_FAILED) && err.code == code, "%s: %s, %s", what,
               stir_error_name(err.code), err.text);
    if (chain && signs) {
        cpsd_cert_cache_prove(world.certs, chain, NULL, x5c, &asker.wait);
    }
    stir_chain_unref(chain);
    json_decref(x5c);
}

static void test_x5c(void)
{
    struct cpsd_cert_cache_stats stats;
    begin();
    X509 *leaf = make_leaf("spc:1234", 0);
    for (int i = 0; i < 3; i++) {
        brings("a leaf", X5C(leaf), CERTS_NOW, false, STIR_OK);
        brings("nonsense", json_pack("[s]", "MAA="), CERTS_NOW, false, STIR_E_CERT);
    }
    brings("nothing", NULL, CERTS_NOW, false, STIR_E_CERT);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 1);
    CU_ASSERT_EQUAL(stats.hits, 4);
    CU_ASSERT_EQUAL(stats.good, 0);
    CU_ASSERT_EQUAL(requests(), 0);
    end();
}

/* A public chain with something appended is the chain that it was, and what is not signed with is not good. */
static void test_x5c_with_more(void)
{
    EVP_PKEY *key = NULL, *inter_key = NULL;
    struct cpsd_cert_cache_stats stats;
    begin_with(16);
    X509 *inter = certs_make((struct stir_cert_spec){.common_name = "Intermediate",
                                                     .ca = true,
                                                     .issuer = world.root,
                                                     .issuer_key = world.root_key},
                             &inter_key);
    X509 *leaf =
        certs_make_for("spc:1234",
                       (struct stir_cert_spec){.common_name = "SP", .issuer = inter, .issuer_key = inter_key}, NULL);
    brings("signed", X5C(leaf, inter), CERTS_NOW, true, STIR_OK);
    X509 *bystander = make_leaf("spc:5678", 0);
    brings("another's", X5C(bystander), CERTS_NOW, true, STIR_OK);
    for (int i = 0; i < 40; i++) {
        X509 *odd = certs_make((struct stir_cert_spec){.common_name = "Odd"}, &key);
        brings("appended", X5C(leaf, inter, odd), CERTS_NOW, i % 2 == 0, STIR_OK);
        brings("between", X5C(leaf, odd, inter), CERTS_NOW, i % 2 == 0, STIR_OK);
        brings("with the root", X5C(leaf, inter, world.root), CERTS_NOW, i % 2 == 0, STIR_OK);
    }
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 2);
    CU_ASSERT_EQUAL(stats.good, 2);
    CU_ASSERT_EQUAL(stats.held, 2);
    /* without a certificate that it needs it is not that chain */
    brings("the leaf alone", X5C(leaf), CERTS_NOW, false, STIR_E_CERT_UNTRUSTED);
    brings("another's", X5C(bystander), CERTS_NOW, true, STIR_OK);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, 3);
    end();
}

/* The first request with a chain has something appended, and the chain is kept without it. */
static void test_x5c_with_more_first(void)
{
    EVP_PKEY *key = NULL;
    struct cpsd_cert_cache_stats stats;
    begin_with(16);
    X509 *leaf = make_leaf("spc:1234", 0);
    for (int i = 0; i < 40; i++) {
        X509 *odd = certs_make((struct stir_cert_spec){.common_name = "Odd", .not_after = CERTS_NOW + 20}, &key);
        brings("unsigned", X5C(leaf, odd), CERTS_NOW, false, STIR_OK);
    }
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.good, 0);
    CU_ASSERT_EQUAL(stats.held, 16);
    X509 *odd = certs_make((struct stir_cert_spec){.common_name = "Odd", .not_after = CERTS_NOW + 20}, &key);
    brings("signed", X5C(leaf, odd), CERTS_NOW, true, STIR_OK);
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.good, 1);
    uint64_t before = stats.verifications;
    for (int i = 0; i < 3; i++) { /* the verdict was as short as what was appended, the chain is not */
        brings("the chain alone", X5C(leaf), CERTS_NOW + 30, false, STIR_OK);
    }
    cpsd_cert_cache_stats(world.certs, &stats);
    CU_ASSERT_EQUAL(stats.verifications, before + 1);
    CU_ASSERT_EQUAL(stats.good, 1);
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
    UNIT_OK(cpsd_cert_cache_load_dir(world.certs, dir, &count, &err));
    CU_ASSERT_EQUAL(count, 1);
    answers("in the directory", "/x/a.pem", CERTS_NOW, STIR_OK, NULL);
    answers("for long", "/x/a.pem", CERTS_NOW + 86400 * 30, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 0);
    UNIT_OK(stir_write_file(path, "x", 1, 0600, NULL));
    CU_ASSERT_EQUAL(cpsd_cert_cache_load_dir(world.certs, dir, &count, &err), STIR_E_CERT);
    UNIT_CHECK(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    answers("as before", "/x/a.pem", CERTS_NOW, STIR_OK, NULL);
    UNIT_OK(cpsd_cert_cache_load_dir(world.certs, "", NULL, &err));
    answers("over the network now", "/x/a.pem", CERTS_NOW, STIR_OK, NULL);
    CU_ASSERT_EQUAL(requests(), 1);
    CU_ASSERT_EQUAL(cpsd_cert_cache_load_dir(world.certs, "/tmp/there/is/none", NULL, &err), STIR_E_IO);
    (void)remove(path);
    CU_ASSERT_EQUAL(remove(dir), 0);
    end();
}

/* A directory that stands in for certificate hosts has the TNAuthLists too. */
static void test_directory_of_lists(void)
{
    static const char list[] = "\x30\x08\xa0\x06\x16\x04"
                               "1234",
                      other[] = "\x30\x08\xa0\x06\x16\x04"
                                "9999";
    static const char *const names[] = {"a.pem", "list", "list-of-ca"};
    char dir[] = "/tmp/test-certs-dir-XXXXXX", path[3][96];
    struct stir_x5u_rules urls;
    struct stir_error err = {0};
    size_t count = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    begin();
    (void)put_authority_by_reference(&urls);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s/%s", dir, names[i]);
    }
    UNIT_OK(stir_write_file(path[0], world.chain.ptr, world.chain.len, 0600, NULL));
    UNIT_OK(stir_write_file(path[1], list, 10, 0600, NULL));
    UNIT_OK(stir_write_file(path[2], list, 10, 0600, NULL));
    world.rules.fetch = false;
    UNIT_OK(cpsd_cert_cache_load_dir(world.certs, dir, &count, &err));
    CU_ASSERT_EQUAL(count, 3);
    answers("all of it is in the directory", "/a.pem", CERTS_NOW, STIR_OK, NULL);
    UNIT_OK(stir_write_file(path[2], other, 10, 0600, NULL));
    UNIT_OK(cpsd_cert_cache_load_dir(world.certs, dir, &count, &err));
    answers("the authority's list has changed", "/a.pem", CERTS_NOW, STIR_E_CERT_SCOPE, NULL);
    (void)remove(path[2]);
    UNIT_OK(cpsd_cert_cache_load_dir(world.certs, dir, &count, &err));
    answers("a list is missing", "/a.pem", CERTS_NOW, STIR_E_X5U_FETCH, NULL);
    CU_ASSERT_EQUAL(requests(), 0);
    (void)remove(path[0]);
    (void)remove(path[1]);
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

static enum stir_code fetch_from(struct cpsd_fetch **out, const char *host, const char *path,
                                 enum cpsd_fetch_queue queue, unsigned timeout_ms, struct got *got)
{
    char url[256];
    (void)snprintf(url, sizeof(url), "https://%s:%d%s", host, world.peer.port, path);
    const struct cpsd_fetch_request request = {.queue = queue,
                                               .url = url,
                                               .fields = {"X-A: 1", "X-B: 2"},
                                               .body = stir_view_str("hello"),
                                               .max_bytes = 4096,
                                               .timeout_ms = timeout_ms,
                                               .ca_file = world.ca_file};
    return cpsd_fetch(out, world.fetcher, &world.mailbox, &request, on_fetched, got, NULL);
}

static enum stir_code fetch(struct cpsd_fetch **out, const char *path, struct got *got)
{
    return fetch_from(out, "127.0.0.1", path, CPSD_FETCH_CERTS, 60000, got);
}

static void wait_for(const struct got *got)
{
    while (!got->count) {
        (void)uv_run(&world.loop, UV_RUN_ONCE);
    }
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
    wait_for(&got[0]);
    wait_for(&got[2]);
    wait_for(&got[3]);
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

/* A host that is asked 220 times and answers none delays nobody else: another host, a list, a peer. */
static void test_a_slow_host(void)
{
    static struct got got[220];
    struct got other = {0}, list = {0}, peer = {0};
    unsigned taken = 0, done = 0;
    memset(got, 0, sizeof(got));
    begin();
    atomic_store(&world.held, true);
    for (int i = 0; i < 220; i++) {
        enum stir_code code = fetch_from(NULL, "localhost", "/held", CPSD_FETCH_CERTS, 600000, &got[i]);
        UNIT_CHECK(code == STIR_OK || code == STIR_E_UNAVAILABLE, "%s", stir_error_name(code));
        taken += code == STIR_OK;
    }
    CU_ASSERT(taken > 0 && taken < 220);
    UNIT_OK(fetch_from(NULL, "127.0.0.1", "/x", CPSD_FETCH_CERTS, 60000, &other));
    UNIT_OK(fetch_from(NULL, "localhost", "/x", CPSD_FETCH_LISTS, 60000, &list));
    UNIT_OK(fetch_from(NULL, "localhost", "/x", CPSD_FETCH_PEERS, 60000, &peer));
    wait_for(&other);
    wait_for(&list);
    wait_for(&peer);
    CU_ASSERT(other.status == 200 && list.status == 200 && peer.status == 200);
    for (int i = 0; i < 220; i++) {
        CU_ASSERT_EQUAL(got[i].count, 0);
    }
    atomic_store(&world.held, false);
    while (done < taken) {
        (void)uv_run(&world.loop, UV_RUN_ONCE);
        done = 0;
        for (int i = 0; i < 220; i++) {
            done += got[i].count;
            CU_ASSERT(got[i].count == 0 || got[i].code == STIR_OK);
        }
    }
    end();
}

/* A request waits for its turn no longer than it would for its answer. */
static void test_a_turn(void)
{
    struct got first = {0}, late = {0}, patient = {0}, never = {0};
    struct cpsd_fetch *cancelled;
    begin();
    atomic_store(&world.held, true);
    UNIT_OK(fetch_from(NULL, "localhost", "/held", CPSD_FETCH_CERTS, 600000, &first));
    UNIT_OK(fetch_from(NULL, "localhost", "/x", CPSD_FETCH_CERTS, 100, &late));
    UNIT_OK(fetch_from(&cancelled, "localhost", "/x", CPSD_FETCH_CERTS, 600000, &never));
    UNIT_OK(fetch_from(NULL, "localhost", "/x", CPSD_FETCH_CERTS, 600000, &patient));
    cpsd_fetch_cancel(cancelled);
    wait_for(&late);
    CU_ASSERT_EQUAL(late.code, STIR_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(first.count, 0);
    atomic_store(&world.held, false);
    wait_for(&patient);
    wait_for(&first);
    CU_ASSERT_EQUAL(patient.status, 200);
    CU_ASSERT_EQUAL(first.status, 200);
    CU_ASSERT_EQUAL(never.count, 0);
    end();
}

UNIT_MAIN("certs", {"fetched and verified once", test_once}, {"verdicts", test_verdicts},
          {"F11: a later chain at the same URL", test_renewal},
          {"F11: a later chain that cannot be fetched", test_renewal_fails},
          {"F11: a chain that is not trusted is replaced at its URL", test_replaced},
          {"end of validity", test_end_of_validity}, {"keeping", test_keeping}, {"failures", test_failures},
          {"S6: bounds", test_bounds}, {"S6: bounds of good chains", test_bounds_of_good_chains},
          {"S6: new certificates are asked for", test_may_work}, {"S6: nothing of names", test_nothing_of_names},
          {"waiters", test_waiters}, {"stopping", test_stopping}, {"TNAuthLists by reference", test_list_by_reference},
          {"TNAuthLists of authorities by reference", test_authority_by_reference},
          {"TNAuthLists in the directory", test_directory_of_lists}, {"x5c", test_x5c},
          {"S6: x5c with more", test_x5c_with_more}, {"S6: x5c with more at first", test_x5c_with_more_first},
          {"directory", test_directory}, {"fetch and cancel", test_fetch}, {"S6: a slow host", test_a_slow_host},
          {"S6: a turn", test_a_turn})
