/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/base/file.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>
#include <time.h>

/* Fetching certificates over HTTPS: what may be fetched, from where, how often, and how much. */
static struct world world;
static struct peer peer;
static char ca_file[96];
static struct stir_buf chain;

static struct {
    pthread_mutex_t lock;
    int status, list_status;
    const char *list_type;
    char more[256]; /* header lines */
    size_t padding; /* octets of comment before the chain */
    bool nothing;
    char target[2048];
    atomic_uint delay_ms;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void sleep_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    for (unsigned ms = atomic_load(&host.delay_ms); ms && !atomic_load(&server->stopping); ms -= ms > 10 ? 10 : ms) {
        sleep_ms(ms > 10 ? 10 : ms);
    }
    struct stir_buf body = {0};
    pthread_mutex_lock(&host.lock);
    if (strncmp(request->target, "/list", 5) == 0) {
        static const char list[] = "\x30\x0f\xa2\x0d\x16\x0b"
                                   "12155551212";
        peer_reply(out, host.list_status, host.list_type, host.more, list);
        pthread_mutex_unlock(&host.lock);
        return;
    }
    (void)snprintf(host.target, sizeof(host.target), "%s", request->target);
    for (size_t i = 0; i < host.padding; i++) {
        stir_buf_puts(&body, i % 64 == 63 || i == host.padding - 1 ? "\n" : "#");
    }
    stir_buf_put(&body, chain.ptr, chain.len);
    peer_reply(out, host.status, "application/pem-certificate-chain", host.more, host.nothing ? "" : body.ptr);
    pthread_mutex_unlock(&host.lock);
    stir_buf_free(&body);
}

static struct cps *open_handle(struct cps_options options)
{
    static uint16_t ports[1];
    ports[0] = (uint16_t)peer.port;
    options.size = sizeof(options);
    options.trust_file = world.trust;
    options.x5u_ca_file = ca_file;
    options.x5u_ports = ports;
    options.x5u_port_count = 1;
    options.x5u_allow_private = true;
    options.now = world_now;
    return world_handle(&options);
}

static void begin_with(struct cps_options options)
{
    world_begin(&world, NULL);
    world_path(ca_file, &world, "tls-root.pem");
    peer_start(&peer, ca_file, answer, NULL);
    host.status = host.list_status = 200;
    host.list_type = STIR_TN_LIST_TYPE;
    host.more[0] = '\0';
    host.padding = 0;
    host.nothing = false;
    atomic_store(&host.delay_ms, 0);
    chain = (struct stir_buf){0};
    certs_pem(&chain, world.leaf);
    certs_pem(&chain, world.ca);
    cps_free(world.cps);
    world.cps = NULL;
    world.cps = open_handle(options);
}

static void begin(void)
{
    begin_with((struct cps_options){0});
}

static void end(void)
{
    peer_stop(&peer);
    stir_buf_free(&chain);
    world_end(&world);
}

/* A PASSporT whose certificate is at this path of the peer, or at a whole URL. */
static char *token_at(const char *path, int64_t iat)
{
    static atomic_int serial;
    char header[1024];
    char claims[256];
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"%s%s\"}",
                   strncmp(path, "https:", 6) == 0 ? "" : peer.url, path);
    (void)snprintf(claims, sizeof(claims),
                   "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":%lld,\"orig\":{\"tn\":\"12155551212\"},\"x\":%d}",
                   (long long)iat, atomic_fetch_add(&serial, 1));
    return world_token(header, claims, world.leaf_key);
}

static void verifies_in(struct cps *cps, const char *what, const char *path, enum cps_code code)
{
    struct cps_result result;
    char *token = token_at(path, atomic_load(&world_clock));
    enum cps_code is = cps_verify_passport(cps, token, strlen(token), NULL, 0, NULL, &result);
    UNIT_CHECK(is == code, "%s: %s (%s), expected %s", what, cps_error_name(is), result.error.text,
               cps_error_name(code));
    cps_result_clear(&result);
    free(token);
}

static void verifies(const char *what, const char *path, enum cps_code code)
{
    verifies_in(world.cps, what, path, code);
}

static unsigned requests(void)
{
    return atomic_load(&peer.requests);
}

static void test_fetch(void)
{
    begin();
    verifies("first", "/a.pem", CPS_OK);
    UNIT_STR(host.target, "/a.pem", "target");
    verifies("cached", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 1);
    verifies("another URL", "/b.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    CU_ASSERT_EQUAL(atomic_load(&peer.connections), 2);
    end();
}

/* Loopback is of special purpose: without leave nothing is asked there, by whatever name. */
static void test_special_addresses(void)
{
    char url[128];
    begin();
    uint16_t ports[] = {(uint16_t)peer.port};
    struct cps_options options = {.size = sizeof(options),
                                  .trust_file = world.trust,
                                  .x5u_ca_file = ca_file,
                                  .x5u_ports = ports,
                                  .x5u_port_count = 1,
                                  .now = world_now};
    struct cps *cps = world_handle(&options);
    verifies_in(cps, "loopback", "/a.pem", CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "https://localhost:%d/a.pem", peer.port);
    verifies_in(cps, "its name", url, CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "https://0x7f.1:%d/a.pem", peer.port);
    verifies_in(cps, "hexadecimal", url, CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "https://2130706433:%d/a.pem", peer.port);
    verifies_in(cps, "decimal", url, CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "https://[::ffff:127.0.0.1]:%d/a.pem", peer.port);
    verifies_in(cps, "mapped", url, CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "https://0.0.0.0:%d/a.pem", peer.port);
    verifies_in(cps, "any", url, CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "https://169.254.169.254:%d/latest/meta-data", peer.port);
    verifies_in(cps, "metadata", url, CPS_E_X5U);
    CU_ASSERT_EQUAL(atomic_load(&peer.connections), 0);
    cps_free(cps);
    end();
}

/* A connection to the CPS must not serve to reach its host's special address for a certificate. */
static void test_no_shared_connection(void)
{
    begin();
    uint16_t ports[] = {(uint16_t)peer.port};
    struct cps_options options = {.size = sizeof(options),
                                  .cps_url = peer.url,
                                  .tls_ca_file = ca_file,
                                  .trust_file = world.trust,
                                  .x5u_ca_file = ca_file,
                                  .x5u_ports = ports,
                                  .x5u_port_count = 1,
                                  .now = world_now};
    struct cps *cps = world_handle(&options);
    struct cps_error err = {0};
    host.nothing = true;
    CODE_IS(cps_health(cps, NULL, &err), CPS_OK, err);
    host.nothing = false;
    verifies_in(cps, "by way of the CPS", "/a.pem", CPS_E_X5U);
    CU_ASSERT_EQUAL(requests(), 1);
    cps_free(cps);
    end();
}

static void test_ports(void)
{
    char url[128];
    begin();
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/a.pem", peer.port == 65535 ? 65534 : peer.port + 1);
    verifies("another port", url, CPS_E_X5U);
    verifies("the usual port", "https://127.0.0.1/a.pem", CPS_E_X5U);
    end();
}

static void test_answers(void)
{
    begin();
    host.status = 404;
    verifies("404", "/404.pem", CPS_E_X5U_FETCH);
    host.status = 301;
    (void)snprintf(host.more, sizeof(host.more), "Location: %s/a.pem\r\n", peer.url);
    verifies("a redirect", "/301.pem", CPS_E_X5U_FETCH);
    host.more[0] = '\0';
    host.status = 204;
    verifies("204", "/204.pem", CPS_E_X5U_FETCH);
    host.status = 200;
    host.nothing = true;
    verifies("nothing", "/nothing.pem", CPS_E_X5U_FETCH);
    host.nothing = false;
    CU_ASSERT_EQUAL(requests(), 4);
    host.padding = STIR_CHAIN_OCTETS - chain.len;
    verifies("16 KiB", "/16384.pem", CPS_OK);
    host.padding++;
    verifies("an octet more", "/16385.pem", CPS_E_X5U_FETCH);
    host.padding = 0;
    chain.ptr[chain.len - 60] = '!';
    verifies("a damaged second block", "/damaged.pem", CPS_E_CERT);
    verifies("again", "/damaged.pem", CPS_E_CERT);
    end();
}

static void test_timeout(void)
{
    begin_with((struct cps_options){.x5u_timeout_ms = 200});
    atomic_store(&host.delay_ms, 3000);
    verifies("too slow", "/slow.pem", CPS_E_X5U_FETCH);
    end();
}

/* Who vouches for certificate hosts is a list of its own. */
static void test_tls(void)
{
    begin();
    uint16_t ports[] = {(uint16_t)peer.port};
    struct cps_options options = {.size = sizeof(options),
                                  .tls_ca_file = ca_file,
                                  .trust_file = world.trust,
                                  .x5u_ca_file = world.trust,
                                  .x5u_ports = ports,
                                  .x5u_port_count = 1,
                                  .x5u_allow_private = true,
                                  .now = world_now};
    struct cps *cps = world_handle(&options);
    verifies_in(cps, "another authority", "/a.pem", CPS_E_X5U_FETCH);
    cps_free(cps);
    options.x5u_ca_file = NULL;
    cps = world_handle(&options);
    verifies_in(cps, "the system's authorities", "/a.pem", CPS_E_X5U_FETCH);
    cps_free(cps);
    end();
}

static void later(int64_t seconds)
{
    atomic_fetch_add(&world_clock, seconds);
}

/* Puts a leaf at x5u whose TNAuthList is elsewhere. */
static void put_by_reference(X509 *issuer, EVP_PKEY *issuer_key, const char *url)
{
    struct stir_cert_spec spec = {.common_name = "Alice",
                                  .subject_key = world.leaf_key,
                                  .issuer = issuer,
                                  .issuer_key = issuer_key};
    X509 *leaf = certs_with_list_at(certs_make(spec, NULL), issuer_key, url);
    pthread_mutex_lock(&host.lock);
    chain.len = 0;
    certs_pem(&chain, leaf);
    certs_pem(&chain, issuer);
    pthread_mutex_unlock(&host.lock);
}

/* A TNAuthList by reference (RFC 8226 section 10.1) is fetched under x5u's rules, for chains that lead to a root. */
static void test_list_by_reference(void)
{
    char url[96];
    EVP_PKEY *key = NULL;
    begin();
    (void)snprintf(url, sizeof(url), "%s/list", peer.url);
    put_by_reference(world.ca, world.ca_key, url);
    verifies("fetched", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    verifies("kept", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    put_by_reference(world.ca, world.ca_key, "https://127.0.0.1:1/list");
    verifies("a port that is not allowed", "/b.pem", CPS_E_X5U);
    put_by_reference(world.ca, world.ca_key, "http://127.0.0.1/list");
    verifies("not https", "/c.pem", CPS_E_X5U);
    put_by_reference(world.ca, world.ca_key, "https://u@127.0.0.1/list");
    verifies("userinfo", "/d.pem", CPS_E_X5U);
    (void)snprintf(url, sizeof(url), "%s/loop.pem", peer.url); /* which serves the chain: no list, and no loop */
    put_by_reference(world.ca, world.ca_key, url);
    verifies("the chain instead of a list", "/e.pem", CPS_E_X5U_FETCH);
    end();
    begin();
    (void)snprintf(url, sizeof(url), "%s/list", peer.url);
    put_by_reference(world.ca, world.ca_key, url);
    host.list_status = 302;
    verifies("no redirect", "/a.pem", CPS_E_X5U_FETCH);
    CU_ASSERT_EQUAL(requests(), 2);
    verifies("the failure is remembered", "/a.pem", CPS_E_X5U_FETCH);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
    begin();
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "other root", .ca = true}, &key);
    (void)snprintf(url, sizeof(url), "%s/list", peer.url);
    put_by_reference(root, key, url);
    verifies("a stranger's certificate asks nobody", "/a.pem", CPS_E_CERT_UNTRUSTED);
    CU_ASSERT_EQUAL(requests(), 1);
    end();
}

/* The TNAuthList of an authority may be elsewhere too, at a host or in the directory that stands in for it. */
static void test_authority_by_reference(void)
{
    char url[96], path[160];
    EVP_PKEY *key = NULL;
    static const char list[] = "\x30\x0f\xa2\x0d\x16\x0b"
                               "12155551212";
    begin();
    (void)snprintf(url, sizeof(url), "%s/list-of-ca", peer.url);
    X509 *ca = certs_with_list_at(certs_make((struct stir_cert_spec){.common_name = "CA",
                                                                     .ca = true,
                                                                     .issuer = world.root,
                                                                     .issuer_key = world.root_key},
                                             &key),
                                  world.root_key, url);
    (void)snprintf(url, sizeof(url), "%s/list", peer.url);
    put_by_reference(ca, key, url);
    verifies("chain, leaf's list, authority's list", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 3);
    verifies("kept", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 3);
    struct cps *reading = open_handle((struct cps_options){.x5u_dir = world.x5u_dir});
    (void)snprintf(path, sizeof(path), "%s/b.pem", world.x5u_dir);
    UNIT_OK(stir_write_file(path, chain.ptr, chain.len, 0600, NULL));
    verifies_in(reading, "no list in the directory", "/b.pem", CPS_E_X5U_FETCH);
    (void)snprintf(path, sizeof(path), "%s/list", world.x5u_dir);
    UNIT_OK(stir_write_file(path, list, 17, 0600, NULL));
    (void)snprintf(path, sizeof(path), "%s/list-of-ca", world.x5u_dir);
    UNIT_OK(stir_write_file(path, list, 17, 0600, NULL));
    verifies_in(reading, "lists in the directory", "/b.pem", CPS_OK);
    cps_free(reading);
    end();
}

static atomic_int loud;

static void listen_for_errors(void *arg, enum cps_log_level level, const char *line)
{
    (void)arg;
    atomic_fetch_add(&loud, level == CPS_LOG_ERROR && strstr(line, "private key, which is now public") != NULL);
}

/* Whoever publishes his private key hears of it. */
static void test_private_key(void)
{
    char *pem = NULL;
    begin_with((struct cps_options){.log = listen_for_errors});
    UNIT_OK(stir_key_to_pem(&pem, world.leaf_key, true, NULL));
    pthread_mutex_lock(&host.lock);
    stir_buf_puts(&chain, pem);
    pthread_mutex_unlock(&host.lock);
    free(pem);
    verifies("the key beside the certificate", "/a.pem", CPS_E_CERT);
    CU_ASSERT_EQUAL(atomic_load(&loud), 1);
    end();
}

static void test_keeping(void)
{
    begin();
    (void)snprintf(host.more, sizeof(host.more), "Cache-Control: public, max-age=100\r\nAge: 10\r\n");
    verifies("fetched", "/a.pem", CPS_OK);
    later(90);
    verifies("kept", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 1);
    later(1);
    verifies("fetched again", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    (void)snprintf(host.more, sizeof(host.more), "Cache-Control: no-store\r\n");
    verifies("not to be kept", "/b.pem", CPS_OK);
    verifies("not to be kept, not for a second", "/b.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 4);
    host.more[0] = '\0';
    verifies("nothing said", "/c.pem", CPS_OK);
    later(300);
    verifies("nothing said", "/c.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 5);
    later(1);
    verifies("nothing said", "/c.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 6);
    (void)snprintf(host.more, sizeof(host.more), "Cache-Control: max-age=99999999\r\n");
    verifies("for ever", "/d.pem", CPS_OK);
    later(86400);
    verifies("for a day", "/d.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 7);
    later(1);
    verifies("and no more", "/d.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 8);
    end();
}

/* However long it may be kept: not beyond its own end. */
static void test_keeping_until_the_end(void)
{
    begin();
    EVP_PKEY *key = world.leaf_key;
    X509 *leaf = certs_make_for("tn:12155551212",
                                (struct stir_cert_spec){.common_name = "Short",
                                                        .subject_key = key,
                                                        .issuer = world.ca,
                                                        .issuer_key = world.ca_key,
                                                        .not_after = CERTS_NOW + 100},
                                NULL);
    pthread_mutex_lock(&host.lock);
    chain.len = 0;
    certs_pem(&chain, leaf);
    certs_pem(&chain, world.ca);
    (void)snprintf(host.more, sizeof(host.more), "Cache-Control: max-age=5000\r\n");
    pthread_mutex_unlock(&host.lock);
    verifies("fetched", "/a.pem", CPS_OK);
    later(99);
    verifies("kept", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 1);
    later(2);
    verifies("over", "/a.pem", CPS_E_CERT_TIME);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

/* A failure is remembered for a while, and only for a while. */
static void test_negative(void)
{
    begin();
    host.status = 503;
    verifies("away", "/a.pem", CPS_E_X5U_FETCH);
    host.status = 200;
    verifies("not asked again", "/a.pem", CPS_E_X5U_FETCH);
    CU_ASSERT_EQUAL(requests(), 1);
    later(30);
    verifies("not yet", "/a.pem", CPS_E_X5U_FETCH);
    later(1);
    verifies("asked again", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

static void test_small_cache(void)
{
    begin_with((struct cps_options){.x5u_cache_max = 2});
    verifies("a", "/a.pem", CPS_OK);
    verifies("b", "/b.pem", CPS_OK);
    verifies("a", "/a.pem", CPS_OK);
    verifies("c, b leaves", "/c.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 3);
    verifies("a stayed", "/a.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 3);
    verifies("b", "/b.pem", CPS_OK);
    CU_ASSERT_EQUAL(requests(), 4);
    end();
}

static atomic_uint good;

static void *verify_once(void *arg)
{
    char *token = token_at(arg, CERTS_NOW);
    if (cps_verify_passport(world.cps, token, strlen(token), NULL, 0, NULL, NULL) == CPS_OK) {
        atomic_fetch_add(&good, 1);
    }
    free(token);
    return NULL;
}

static void on_result(void *arg, const struct cps_result *result)
{
    (void)arg;
    if (result->verdict == CPS_PASSED && result->passport) {
        atomic_fetch_add(&good, 1);
    }
}

/* One fetch for all who wait for it, in threads and in the background. */
static void test_many_waiters(void)
{
    static char path[] = "/a.pem";
    pthread_t threads[8];
    struct cps_error err = {0};
    begin();
    atomic_store(&good, 0);
    atomic_store(&host.delay_ms, 200);
    char *token = token_at(path, CERTS_NOW);
    for (int i = 0; i < 8; i++) {
        CODE_IS(cps_verify_passport_async(world.cps, token, strlen(token), NULL, 0, NULL, on_result, NULL, &err),
                CPS_OK, err);
    }
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, verify_once, path), 0);
    }
    for (int i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 3000 && atomic_load(&good) < 16; i++) {
        sleep_ms(20);
    }
    CU_ASSERT_EQUAL(atomic_load(&good), 16);
    CU_ASSERT_EQUAL(requests(), 1);
    free(token);
    end();
}

static void on_closed(void *arg, const struct cps_result *result)
{
    (void)arg;
    if (result->error.code == CPS_E_CLOSED && result->verdict == CPS_CPS_UNAVAILABLE) {
        atomic_fetch_add(&good, 1);
    }
}

static void test_closing(void)
{
    struct cps_error err = {0};
    begin();
    atomic_store(&good, 0);
    atomic_store(&host.delay_ms, 3000);
    char *token = token_at("/a.pem", CERTS_NOW);
    for (int i = 0; i < 5; i++) {
        CODE_IS(cps_verify_passport_async(world.cps, token, strlen(token), NULL, 0, NULL, on_closed, NULL, &err),
                CPS_OK, err);
    }
    sleep_ms(50);
    cps_free(world.cps);
    world.cps = NULL;
    CU_ASSERT_EQUAL(atomic_load(&good), 5);
    free(token);
    end();
}

UNIT_MAIN("libcps x5u", {"fetch", test_fetch}, {"special addresses", test_special_addresses},
          {"no shared connection", test_no_shared_connection}, {"ports", test_ports}, {"answers", test_answers},
          {"time-out", test_timeout}, {"TLS", test_tls}, {"keeping", test_keeping},
          {"a private key at x5u", test_private_key}, {"TNAuthLists by reference", test_list_by_reference},
          {"TNAuthLists of authorities by reference", test_authority_by_reference},
          {"keeping until the end", test_keeping_until_the_end}, {"failures", test_negative},
          {"a small cache", test_small_cache}, {"many waiters", test_many_waiters}, {"closing", test_closing})
