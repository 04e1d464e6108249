/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>

/* Certificates that change at their URL while an earlier one is cached. */
static struct world world;
static struct peer peer;
static char ca_file[96];

/* What the certificate host serves. */
static struct {
    pthread_mutex_t lock;
    int status;
    struct stir_buf chain;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    (void)server;
    (void)request;
    pthread_mutex_lock(&host.lock);
    peer_reply(out, host.status, "application/pem-certificate-chain", "Cache-Control: max-age=86400\r\n",
               host.chain.ptr);
    pthread_mutex_unlock(&host.lock);
}

static void serve(int status, X509 *leaf)
{
    pthread_mutex_lock(&host.lock);
    stir_buf_free(&host.chain);
    host.chain = (struct stir_buf){0};
    certs_pem(&host.chain, leaf);
    certs_pem(&host.chain, world.ca);
    host.status = status;
    pthread_mutex_unlock(&host.lock);
}

static X509 *certificate(const char *tnauth, EVP_PKEY **key)
{
    return certs_make_for(
        tnauth, (struct stir_cert_spec){.common_name = "Alice", .issuer = world.ca, .issuer_key = world.ca_key}, key);
}

static void begin(bool in_dir)
{
    static uint16_t ports[1];
    world_begin(&world, NULL);
    world_path(ca_file, &world, "tls-root.pem");
    peer_start(&peer, ca_file, answer, NULL);
    serve(200, world.leaf);
    cps_free(world.cps);
    ports[0] = (uint16_t)peer.port;
    struct cps_options options = {.size = sizeof(options),
                                  .trust_file = world.trust,
                                  .x5u_ca_file = ca_file,
                                  .x5u_ports = ports,
                                  .x5u_port_count = 1,
                                  .x5u_allow_private = true,
                                  .x5u_dir = in_dir ? world.x5u_dir : NULL,
                                  .now = world_now};
    world.cps = world_handle(&options);
}

static void end(void)
{
    peer_stop(&peer);
    stir_buf_free(&host.chain);
    host.chain = (struct stir_buf){0};
    world_end(&world);
}

static void later(int64_t seconds)
{
    atomic_fetch_add(&world_clock, seconds);
}

static unsigned requests(void)
{
    return atomic_load(&peer.requests);
}

/* A PASSporT of now, which names the host's certificate, with the chain that travels along, if any. */
static void verifies_with(const char *what, EVP_PKEY *key, const struct cps_der *x5c, size_t count, enum cps_code code)
{
    static atomic_int serial;
    char header[256], claims[256];
    struct cps_result result;
    (void)snprintf(header, sizeof(header),
                   "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"%s/alice.pem\"}", peer.url);
    (void)snprintf(claims, sizeof(claims),
                   "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":%lld,\"orig\":{\"tn\":\"12155551212\"},\"x\":%d}",
                   (long long)atomic_load(&world_clock), atomic_fetch_add(&serial, 1));
    char *token = world_token(header, claims, key);
    enum cps_code is = cps_verify_passport(world.cps, token, strlen(token), x5c, count, NULL, &result);
    UNIT_CHECK(is == code, "%s: %s (%s), expected %s", what, cps_error_name(is), result.error.text,
               cps_error_name(code));
    cps_result_clear(&result);
    free(token);
}

static void verifies(const char *what, EVP_PKEY *key, enum cps_code code)
{
    verifies_with(what, key, NULL, 0, code);
}

static void test_rollover(void)
{
    EVP_PKEY *key = NULL;
    begin(false);
    X509 *leaf = certificate("tn:12155551212", &key);
    verifies("the old key", world.leaf_key, CPS_OK);
    later(20);
    serve(200, leaf);
    verifies("the new key", key, CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    verifies("again", key, CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    verifies("the old key has ended, and the URL was asked just now", world.leaf_key, CPS_E_SIGNATURE);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

/* A new certificate for the same key, with authority that the old one lacked. */
static void test_new_authority(void)
{
    EVP_PKEY *key = NULL;
    begin(false);
    serve(200, certificate("tn:12155559999", &key));
    verifies("another's number", key, CPS_E_CERT_SCOPE);
    CU_ASSERT_EQUAL(requests(), 1);
    later(20);
    serve(200, certs_make_for("tn:12155551212",
                              (struct stir_cert_spec){.common_name = "Alice",
                                                      .subject_key = key,
                                                      .issuer = world.ca,
                                                      .issuer_key = world.ca_key},
                              NULL));
    verifies("its own number", key, CPS_OK);
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

/* Forgeries make us ask a certificate host once in 10 s, not once each, and take nothing from what is cached. */
static void test_forger(void)
{
    begin(false);
    verifies("genuine", world.leaf_key, CPS_OK);
    for (int i = 0; i < 5; i++) {
        verifies("forged, within 10 s of the fetch", certs_key(), CPS_E_SIGNATURE);
    }
    CU_ASSERT_EQUAL(requests(), 1);
    later(10);
    for (int i = 0; i < 5; i++) {
        verifies("forged", certs_key(), CPS_E_SIGNATURE);
    }
    CU_ASSERT_EQUAL(requests(), 2);
    later(10);
    serve(503, world.leaf);
    verifies("forged, and the host is away: nobody knows", certs_key(), CPS_E_X5U_FETCH);
    CU_ASSERT_EQUAL(requests(), 3);
    verifies("genuine: the cached chain is good still", world.leaf_key, CPS_OK);
    verifies("forged, soon after", certs_key(), CPS_E_X5U_FETCH);
    CU_ASSERT_EQUAL(requests(), 3);
    later(10);
    serve(200, world.leaf);
    verifies("the host is back", certs_key(), CPS_E_SIGNATURE);
    CU_ASSERT_EQUAL(requests(), 4);
    end();
}

struct verification {
    EVP_PKEY *key;
    enum cps_code code;
};

static void *verify_in_thread(void *arg)
{
    struct verification *v = arg;
    verifies("at once", v->key, v->code);
    return NULL;
}

/* Many at once wait for one fetch. */
static void test_at_once(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    struct verification v = {.code = CPS_OK};
    begin(false);
    X509 *leaf = certificate("tn:12155551212", &v.key);
    verifies("the old key", world.leaf_key, CPS_OK);
    later(20);
    serve(200, leaf);
    for (size_t i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, verify_in_thread, &v), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CU_ASSERT_EQUAL(requests(), 2);
    end();
}

/* The same in the directory that stands in for certificate hosts. */
static void test_directory(void)
{
    EVP_PKEY *key = NULL;
    begin(true);
    X509 *leaf = certificate("tn:12155551212", &key);
    verifies("the old key", world.leaf_key, CPS_OK);
    WORLD_HOST(&world, "alice.pem", leaf, world.ca);
    verifies("the file was read just now", key, CPS_E_SIGNATURE);
    later(10);
    verifies("the new key", key, CPS_OK);
    later(10);
    verifies("the old key has ended", world.leaf_key, CPS_E_SIGNATURE);
    end();
}

/* A chain that travelled along and cannot be used: x5u, which the signature covers, counts. */
static void test_x5c_in_vain(void)
{
    EVP_PKEY *other_key = NULL;
    unsigned char *der = NULL;
    begin(false);
    X509 *other = certificate("tn:12155551212", &other_key);
    int len = i2d_X509(other, &der);
    const struct cps_der junk[] = {{.ptr = (const uint8_t *)"junk", .len = 4}};
    const struct cps_der foreign[] = {{.ptr = der, .len = (size_t)len}};
    verifies_with("damaged", world.leaf_key, junk, 1, CPS_OK);
    verifies_with("of another key, and without its issuer", world.leaf_key, foreign, 1, CPS_OK);
    verifies_with("forged all the same", certs_key(), foreign, 1, CPS_E_SIGNATURE);
    CU_ASSERT_EQUAL(requests(), 1);
    OPENSSL_free(der);
    end();
}

UNIT_MAIN("libcps renewed certificates", {"F11: a new key and chain at the same x5u", test_rollover},
          {"F11: new authority at the same x5u", test_new_authority}, {"F11: a forger's PASSporTs", test_forger},
          {"F11: many at once", test_at_once}, {"F11: in the directory", test_directory},
          {"F27: a chain inside that cannot be used", test_x5c_in_vain})
