/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>

/* Revocation lists that libcps reads and fetches while it runs, and the roots of those who sign them. */
static struct world world;
static struct peer peer;
static char ca_file[96], file[96];

static struct {
    pthread_mutex_t lock;
    int status;
    struct stir_buf list;
    atomic_bool silent; /* requests are not answered */
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    (void)request;
    while (atomic_load(&host.silent) && !atomic_load(&server->stopping)) {
        (void)usleep(1000);
    }
    pthread_mutex_lock(&host.lock);
    peer_reply(out, host.status, "application/pkix-crl", NULL, host.list.ptr ? host.list.ptr : "");
    pthread_mutex_unlock(&host.lock);
}

/* A list of the root's that names nobody, and one of the intermediate's that names the leaf, or nobody. */
static void make_list(struct stir_buf *out, bool revoked)
{
    UNIT_OK(stir_crl_make(out, world.root, world.root_key, NULL, 0, false, CERTS_NOW - 10, CERTS_NOW + 2000, NULL));
    UNIT_OK(stir_crl_make(out, world.ca, world.ca_key, &world.leaf, revoked, false, CERTS_NOW - 10, CERTS_NOW + 1000,
                          NULL));
}

static void serve(int status, const char *text, bool revoked)
{
    pthread_mutex_lock(&host.lock);
    stir_buf_free(&host.list);
    host.list = (struct stir_buf){0};
    host.status = status;
    if (text) {
        stir_buf_puts(&host.list, text);
    } else {
        make_list(&host.list, revoked);
    }
    pthread_mutex_unlock(&host.lock);
}

static void put_file(bool revoked)
{
    struct stir_buf list = {0};
    make_list(&list, revoked);
    world_write(file, list.ptr, list.len);
    stir_buf_free(&list);
}

static void begin(void)
{
    world_begin(&world, NULL);
    world_path(ca_file, &world, "tls-root.pem");
    world_path(file, &world, "ca.crl");
    peer_start(&peer, ca_file, answer, NULL);
    serve(200, NULL, false);
}

static void end(void)
{
    peer_stop(&peer);
    stir_buf_free(&host.list);
    host.list = (struct stir_buf){0};
    world_end(&world);
}

static struct cps_options with_url(char url[96])
{
    static const char *urls[1];
    struct cps_options options = world.options;
    (void)snprintf(url, 96, "%s/ca.crl", peer.url);
    urls[0] = url;
    options.crl_urls = urls;
    options.crl_url_count = 1;
    options.crl_ca_file = ca_file;
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
    options.crl_policy = CPS_CRL_IF_PRESENT;
    struct cps *cps = world_handle(&options);
    refreshes("the first list", cps, CPS_OK);
    verifies("not revoked", cps, CPS_OK);
    serve(200, NULL, true);
    refreshes("a list that names the signer", cps, CPS_OK);
    verifies("what was found good before is judged again", cps, CPS_E_CERT_REVOKED);
    CU_ASSERT_EQUAL(cps_crls_status(cps, &status, 1), 1);
    CU_ASSERT_TRUE(status.is_url && status.failures == 0 && status.good_at == CERTS_NOW && !status.error[0]);
    UNIT_STR(status.name, url, "name");
    CU_ASSERT_EQUAL(status.exp, CERTS_NOW + 1000);
    /* a bad list leaves the old one in force */
    static const struct {
        int status;
        const char *text;
        enum cps_code code;
    } bad[] = {{200, "rubbish", CPS_E_CRL},
               {404, "", CPS_E_PROTOCOL},
               {200, "", CPS_E_PROTOCOL},
               {302, "moved", CPS_E_PROTOCOL}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        serve(bad[i].status, bad[i].text, false);
        refreshes("a bad list", cps, bad[i].code);
        verifies("the old list is in force", cps, CPS_E_CERT_REVOKED);
    }
    (void)cps_crls_status(cps, &status, 1);
    CU_ASSERT_TRUE(status.failures == 4 && strstr(status.error, "302"));
    serve(200, NULL, false);
    refreshes("a good one", cps, CPS_OK);
    verifies("not revoked any more", cps, CPS_OK);
    cps_free(cps);
    end();
}

/* A handle that follows another one starts with its lists: a reload must not let a revoked signer pass. */
static void test_follows(void)
{
    char url[96];
    begin();
    struct cps_options options = with_url(url);
    options.crl_policy = CPS_CRL_REQUIRED;
    serve(200, NULL, true);
    struct cps *first = world_handle(&options);
    refreshes("the first handle's", first, CPS_OK);
    serve(503, "", false);
    options.crls_from = first;
    struct cps *second = world_handle(&options);
    verifies("the list of the first one", second, CPS_E_CERT_REVOKED);
    cps_free(first);
    verifies("without it", second, CPS_E_CERT_REVOKED);
    options.crls_from = NULL;
    struct cps *third = world_handle(&options);
    refreshes("no list is there", third, CPS_E_PROTOCOL);
    verifies("and one is required", third, CPS_E_CRL);
    cps_free(second);
    cps_free(third);
    end();
}

/* Where lists are required, a URL that is new changes nothing before its first fetch has ended. */
static void test_new_url(void)
{
    static const struct {
        const char *label;
        int status;
        bool revoked;
        enum cps_code fetched, then;
    } rows[] = {
        {"a list that revokes nobody", 200, false, CPS_OK, CPS_OK},
        {"a list that revokes the signer", 200, true, CPS_OK, CPS_E_CERT_REVOKED},
        {"no list comes", 503, false, CPS_E_PROTOCOL, CPS_E_CRL},
    };
    const char *files[] = {file};
    char url[96];
    begin();
    put_file(false);
    struct cps_options options = world.options;
    options.crl_policy = CPS_CRL_REQUIRED;
    options.crl_files = files;
    options.crl_file_count = 1;
    struct cps *first = world_handle(&options);
    verifies("by the list of the file", first, CPS_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        serve(rows[i].status, rows[i].status == 200 ? NULL : "", rows[i].revoked);
        atomic_store(&host.silent, true);
        options = with_url(url);
        options.crl_policy = CPS_CRL_REQUIRED;
        options.crls_from = first;
        struct cps *second = world_handle(&options);
        verifies(rows[i].label, second, CPS_OK);
        atomic_store(&host.silent, false);
        refreshes(rows[i].label, second, rows[i].fetched);
        verifies(rows[i].label, second, rows[i].then);
        cps_free(second);
    }
    cps_free(first);
    end();
}

static void test_file(void)
{
    const char *files[] = {file};
    begin();
    put_file(false);
    struct cps_options options = world.options;
    options.crl_files = files;
    options.crl_file_count = 1;
    struct cps *cps = world_handle(&options);
    verifies("not revoked", cps, CPS_OK);
    put_file(true);
    refreshes("the file changed", cps, CPS_OK);
    verifies("revoked", cps, CPS_E_CERT_REVOKED);
    world_write(file, "x", 1);
    refreshes("the file is damaged", cps, CPS_E_CRL);
    verifies("the list before is in force", cps, CPS_E_CERT_REVOKED);
    CU_ASSERT_EQUAL(unlink(file), 0);
    refreshes("the file is gone", cps, CPS_E_IO);
    verifies("the list before is in force still", cps, CPS_E_CERT_REVOKED);
    put_file(false);
    refreshes("the file is back", cps, CPS_OK);
    verifies("not revoked any more", cps, CPS_OK);
    cps_free(cps);
    end();
}

/* F18, as an application sees it. */
static void test_signer_roots(void)
{
    char issuer_file[96], roots_file[96];
    const char *files[] = {file};
    struct stir_buf list = {0};
    struct cps_error err = {0};
    struct cps *cps = NULL;
    EVP_PKEY *root_key, *key;
    begin();
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "STI-PA root", .ca = true}, &root_key);
    X509 *signer = certs_make((struct stir_cert_spec){.common_name = "STI-PA CRL",
                                                      .crl_issuer = true,
                                                      .issuer = root,
                                                      .issuer_key = root_key},
                              &key);
    UNIT_OK(stir_crl_make(&list, signer, key, &world.leaf, 1, true, CERTS_NOW - 10, CERTS_NOW + 1000, NULL));
    world_write(file, list.ptr, list.len);
    stir_buf_free(&list);
    world_path(issuer_file, &world, "issuer.pem");
    world_path(roots_file, &world, "signer-roots.pem");
    WORLD_CERTS(issuer_file, signer, root);
    WORLD_CERTS(roots_file, root);
    struct cps_options options = world.options;
    options.crl_files = files;
    options.crl_file_count = 1;
    options.crl_issuer_file = issuer_file;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CERT_UNTRUSTED, err);
    UNIT_CHECK(strstr(err.text, "crl_signer_roots"), "%s", err.text);
    options.crl_signer_roots_file = roots_file;
    cps = world_handle(&options);
    verifies("F18: the list counts", cps, CPS_E_CERT_REVOKED);
    cps_free(cps);
    end();
}

static int warnings;

static void count_warnings(void *arg, enum cps_log_level level, const char *line)
{
    (void)arg;
    warnings += level == CPS_LOG_WARNING && strstr(line, "roots.pem: certificate 1 is skipped: /CN=small") != NULL;
}

/* F17, as an application sees it. */
static void test_roots(void)
{
    begin();
    EVP_PKEY *small = certs_own_key(EVP_RSA_gen(1024));
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "small", .ca = true, .subject_key = small}, NULL);
    WORLD_CERTS(world.trust, root, world.root);
    struct cps_options options = world.options;
    options.log = count_warnings;
    warnings = 0;
    struct cps *cps = world_handle(&options);
    CU_ASSERT_EQUAL(warnings, 1);
    verifies("F17: the root that is left", cps, CPS_OK);
    cps_free(cps);
    WORLD_CERTS(world.trust, root);
    struct cps_error err = {0};
    cps = NULL;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CERT, err);
    UNIT_CHECK(strstr(err.text, "roots.pem: no usable root: certificate 1: /CN=small"), "%s", err.text);
    end();
}

static void test_options(void)
{
    static const char *const http[] = {"http://127.0.0.1/ca.crl"};
    char url[96];
    struct cps_error err = {0};
    struct cps *cps = NULL;
    begin();
    struct cps_options options = with_url(url);
    options.crl_urls = http;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CONFIG, err);
    options = with_url(url);
    options.trust_file = NULL;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CONFIG, err);
    options = with_url(url);
    options.crl_ca_file = "/nonexistent.pem";
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_IO, err);
    options = with_url(url);
    options.crl_ca_file = world.trust; /* not who vouches for the peer */
    cps = world_handle(&options);
    refreshes("a server that nobody vouches for", cps, CPS_E_TLS);
    cps_free(cps);
    CU_ASSERT_EQUAL(cps_crls_status(world.cps, NULL, 0), 0);
    refreshes("no lists", world.cps, CPS_OK);
    CODE_IS(cps_crls_refresh(NULL, &err), CPS_E_INVAL, err);
    end();
}

UNIT_MAIN("libcps: revocation lists", {"lists that are fetched", test_url},
          {"a handle that follows another", test_follows}, {"a URL that is new", test_new_url},
          {"lists of files", test_file}, {"F18: issuers of lists have roots of their own", test_signer_roots},
          {"F17: roots that cannot be used", test_roots}, {"options", test_options})
