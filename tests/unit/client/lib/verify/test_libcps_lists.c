/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/jws.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>

/* The STI-PA's lists of roots in libcps: from files and URLs, while the handle runs. */
#define DAY 86400

static struct world world;
static struct peer peer;
static char ca_file[96], list_file[96], pa_file[96];
static X509 *pa, *signer;
static EVP_PKEY *pa_key, *signer_key;
static int64_t now;

static struct {
    pthread_mutex_t lock;
    struct stir_buf list, certificate;
    int asked; /* for the certificate */
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    (void)server;
    pthread_mutex_lock(&host.lock);
    bool certificate = strstr(request->target, ".crt") != NULL;
    host.asked += certificate;
    const struct stir_buf *body = certificate ? &host.certificate : &host.list;
    peer_reply(out, body->ptr ? 200 : 404, "text/plain", NULL, body->ptr ? body->ptr : "");
    pthread_mutex_unlock(&host.lock);
}

static int64_t clock_now(void *arg)
{
    (void)arg;
    return now;
}

static void begin(void)
{
    world_begin(&world, NULL);
    world_path(ca_file, &world, "tls-root.pem");
    world_path(list_file, &world, "sticaList.jwt");
    world_path(pa_file, &world, "pa.pem");
    peer_start(&peer, ca_file, answer, NULL);
    now = CERTS_NOW;
    pa = certs_make((struct stir_cert_spec){.common_name = "STI-PA Root", .ca = true}, &pa_key);
    signer = certs_make((struct stir_cert_spec){.common_name = "STI-PA CA List", .issuer = pa, .issuer_key = pa_key},
                        &signer_key);
    host.asked = 0;
    certs_pem(&host.certificate, signer);
    WORLD_CERTS(pa_file, pa);
}

static void end(void)
{
    peer_stop(&peer);
    stir_buf_free(&host.list);
    stir_buf_free(&host.certificate);
    host.list = host.certificate = (struct stir_buf){0};
    world_end(&world);
}

/* A list with one root, signed by the STI-PA; its signer's certificate is at the peer. */
static char *make_list(int64_t sequence, int64_t exp, X509 *root, EVP_PKEY *key)
{
    char header[256];
    char *text = NULL;
    size_t len = 0;
    struct stir_buf pem = {0};
    certs_pem(&pem, root);
    json_t *payload = json_pack("{s:s, s:I, s:I, s:[s]}", "version", "1.0", "sequence", (json_int_t)sequence, "exp",
                                (json_int_t)exp, "trustList", pem.ptr);
    char *claims = json_dumps(payload, JSON_COMPACT);
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5u\":\"%s/signer.crt\"}", peer.url);
    UNIT_OK(stir_jws_sign_max(&text, &len, stir_view_str(header), stir_view_str(claims), key, 1 << 20, NULL));
    json_decref(payload);
    free(claims);
    stir_buf_free(&pem);
    return text;
}

static void serve(int64_t sequence, int64_t exp, X509 *root, EVP_PKEY *key)
{
    char *text = make_list(sequence, exp, root, key);
    pthread_mutex_lock(&host.lock);
    stir_buf_free(&host.list);
    host.list = (struct stir_buf){0};
    stir_buf_puts(&host.list, text);
    pthread_mutex_unlock(&host.lock);
    free(text);
}

/* Options of a handle whose only roots are in the list at the peer. */
static struct cps_options with_url(char url[96])
{
    static const char *urls[1];
    static uint16_t ports[2] = {443};
    struct cps_options options = world.options;
    (void)snprintf(url, 96, "%s/sticaList.jwt", peer.url);
    urls[0] = url;
    ports[1] = (uint16_t)strtoul(strrchr(peer.url, ':') + 1, NULL, 10);
    options.trust_file = NULL;
    options.list_urls = urls;
    options.list_url_count = 1;
    options.list_signer_roots_file = pa_file;
    options.crl_ca_file = ca_file;
    options.x5u_ca_file = ca_file;
    options.x5u_ports = ports;
    options.x5u_port_count = 2;
    options.x5u_allow_private = true;
    options.now = clock_now;
    return options;
}

static void verifies(const char *what, struct cps *cps, enum cps_code code)
{
    struct cps_result result;
    char *token = world_sign(&world, NULL, 0);
    enum cps_code is = cps_verify_passport(cps, token, strlen(token), NULL, 0, NULL, &result);
    UNIT_CHECK(is == code, "%s: %s (%s), expected %s", what, cps_error_name(is), result.error.text,
               cps_error_name(code));
    cps_result_clear(&result);
    cps_text_free(token);
}

static void refreshes(const char *what, struct cps *cps, enum cps_code code)
{
    struct cps_error err = {0};
    enum cps_code is = cps_crls_refresh(cps, &err);
    UNIT_CHECK(is == code, "%s: %s (%s), expected %s", what, cps_error_name(is), err.text, cps_error_name(code));
}

static void test_url(void)
{
    char url[96];
    struct cps_crl_status status;
    begin();
    struct cps_options options = with_url(url);
    struct cps *cps = world_handle(&options);
    refreshes("no list is there yet", cps, CPS_E_PROTOCOL);
    verifies("nobody is accused meanwhile", cps, CPS_E_UNAVAILABLE);
    serve(1518, now + DAY, world.root, signer_key);
    refreshes("the first list", cps, CPS_OK);
    verifies("its root is trusted", cps, CPS_OK);
    CU_ASSERT_EQUAL(cps_crls_status(cps, &status, 1), 1);
    CU_ASSERT_TRUE(status.is_url && status.is_roots && status.in_force && status.failures == 1);
    CU_ASSERT_EQUAL(status.exp, now + DAY);
    serve(1517, now + DAY, pa, signer_key);
    refreshes("an older list", cps, CPS_E_REPLAYED);
    serve(1600, now + DAY, pa, world.ca_key);
    refreshes("signed with another key", cps, CPS_E_SIGNATURE);
    verifies("the first list is in force still", cps, CPS_OK);
    serve(1519, now + DAY, pa, signer_key);
    refreshes("the next list", cps, CPS_OK);
    verifies("its root is another one", cps, CPS_E_CERT_UNTRUSTED);
    cps_free(cps);
    end();
}

static void test_expiry(void)
{
    char url[96];
    struct cps_crl_status status;
    begin();
    struct cps_options options = with_url(url);
    options.list_grace_s = 7 * DAY;
    options.max_age_s = 60;
    serve(1, now + 10, world.root, signer_key);
    struct cps *cps = world_handle(&options);
    refreshes("a list", cps, CPS_OK);
    pthread_mutex_lock(&host.lock);
    stir_buf_free(&host.list);
    host.list = (struct stir_buf){0};
    pthread_mutex_unlock(&host.lock);
    now += 7 * DAY;
    refreshes("no newer list", cps, CPS_E_PROTOCOL);
    (void)cps_crls_status(cps, &status, 1);
    CU_ASSERT_TRUE(status.in_force);
    now += 11;
    refreshes("no newer list", cps, CPS_E_PROTOCOL);
    (void)cps_crls_status(cps, &status, 1);
    CU_ASSERT_FALSE(status.in_force);
    cps_free(cps);
    end();
}

/* The list's x5u is a stranger's: not even a GET goes to an address of special purpose. */
static void test_private_x5u(void)
{
    char url[96];
    begin();
    struct cps_options options = with_url(url);
    options.x5u_allow_private = false;
    serve(1, now + DAY, world.root, signer_key);
    struct cps *cps = world_handle(&options);
    refreshes("x5u is on loopback", cps, CPS_E_X5U);
    CU_ASSERT_EQUAL(host.asked, 0);
    cps_free(cps);
    end();
}

/* The signer's certificate beside its root: nothing is fetched, and a handle that follows starts with the list. */
static void test_file(void)
{
    const char *files[] = {list_file};
    begin();
    char *text = make_list(7, now + DAY, world.root, signer_key);
    world_write(list_file, text, strlen(text));
    free(text);
    WORLD_CERTS(pa_file, pa, signer);
    struct cps_options options = world.options;
    options.trust_file = NULL;
    options.list_files = files;
    options.list_file_count = 1;
    options.list_signer_roots_file = pa_file;
    options.now = clock_now;
    struct cps *cps = world_handle(&options);
    refreshes("a file", cps, CPS_OK);
    verifies("its root is trusted", cps, CPS_OK);
    CU_ASSERT_EQUAL(host.asked, 0);
    cps_free(cps);
    end();
}

static void test_options(void)
{
    const char *urls[] = {"http://pa.example.org/l.jwt"};
    struct cps_error err = {0};
    struct cps *cps = NULL;
    begin();
    struct cps_options options = world.options;
    options.list_urls = urls;
    options.list_url_count = 1;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CONFIG, err);
    UNIT_CHECK(strstr(err.text, "list_signer_roots_file"), "%s", err.text);
    options.list_signer_roots_file = pa_file;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CONFIG, err);
    UNIT_CHECK(strstr(err.text, "not https"), "%s", err.text);
    end();
}

UNIT_MAIN("libcps: lists of roots", {"F34: a list that is fetched", test_url}, {"expiry and grace", test_expiry},
          {"x5u of a private address", test_private_x5u}, {"a list in a file", test_file}, {"options", test_options})
