/* SPDX-License-Identifier: MIT */
#include "common/cert/trust_list.h"

#include "common/jose/json.h"
#include "common/jose/jws.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

/* The STI-PA's list of roots as it publishes it, and what an attacker would put in its place. */
#define X5U "https://pa.example.org/download/v1/certificate/certificateId_1.crt"
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5u\":\"" X5U "\"}"
#define DAY 86400

struct world {
    X509 *pa_root, *signer, *sti_root, *other_root, *stranger;
    EVP_PKEY *signer_key, *stranger_key, *pa_root_key;
    struct stir_buf pa_pem, signer_pem, stranger_pem, roots;
};

static struct world w;

static void begin(void)
{
    EVP_PKEY *foreign_key = NULL;
    w = (struct world){0};
    w.pa_root = certs_make((struct stir_cert_spec){.common_name = "STI-PA Root", .ca = true}, &w.pa_root_key);
    w.signer = certs_make((struct stir_cert_spec){.common_name = "STI-PA CA List",
                                                  .issuer = w.pa_root,
                                                  .issuer_key = w.pa_root_key},
                          &w.signer_key);
    X509 *foreign = certs_make((struct stir_cert_spec){.common_name = "Foreign Root", .ca = true}, &foreign_key);
    w.stranger = certs_make((struct stir_cert_spec){.common_name = "STI-PA CA List",
                                                    .issuer = foreign,
                                                    .issuer_key = foreign_key},
                            &w.stranger_key);
    w.sti_root = certs_make((struct stir_cert_spec){.common_name = "STI Root 1", .ca = true}, NULL);
    w.other_root = certs_make((struct stir_cert_spec){.common_name = "STI Root 2", .ca = true}, NULL);
    certs_pem(&w.pa_pem, w.pa_root);
    certs_pem(&w.signer_pem, w.signer);
    certs_pem(&w.stranger_pem, w.stranger);
    certs_pem(&w.roots, w.sti_root);
}

static void end(void)
{
    struct stir_buf *texts[] = {&w.pa_pem, &w.signer_pem, &w.stranger_pem, &w.roots};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        stir_buf_free(texts[i]);
    }
    certs_end();
}

static struct stir_view view(const struct stir_buf *buf)
{
    return stir_view(buf->ptr, buf->len);
}

/* The payload; each root is a PEM text. NULL ends the roots. */
static char *payload(int64_t sequence, int64_t exp, const char *const *roots)
{
    json_t *list = json_array();
    for (size_t i = 0; roots[i]; i++) {
        json_array_append_new(list, json_string(roots[i]));
    }
    json_t *all = json_pack("{s:s, s:I, s:I, s:o}", "version", "1.0", "sequence", (json_int_t)sequence, "exp",
                            (json_int_t)exp, "trustList", list);
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static char *sign_as(const char *header, const char *claims, EVP_PKEY *key)
{
    char *text = NULL;
    size_t len = 0;
    UNIT_OK(stir_jws_sign_max(&text, &len, stir_view_str(header), stir_view_str(claims), key, STIR_TRUST_LIST_OCTETS,
                              NULL));
    return text;
}

/* A list of one root, signed by the STI-PA. */
static char *good_list(int64_t sequence, int64_t exp)
{
    char *claims = payload(sequence, exp, (const char *const[]){w.roots.ptr, NULL});
    char *text = sign_as(HEADER, claims, w.signer_key);
    free(claims);
    return text;
}

static struct stir_trust_list_spec spec_for(const char *text, struct stir_view x5u_certs)
{
    return (struct stir_trust_list_spec){.text = stir_view_str(text),
                                         .signer_roots = view(&w.pa_pem),
                                         .x5u_certs = x5u_certs,
                                         .now = CERTS_NOW,
                                         .grace_s = 7 * DAY};
}

/* Reads a list; the error text has to contain `word`. */
static void reads(const char *label, const struct stir_trust_list_spec *spec, enum stir_code code, const char *word)
{
    char x5u[STIR_TRUST_LIST_X5U] = "";
    struct stir_trust_list list = {.sequence = 42};
    struct stir_error err = {0};
    enum stir_code got = stir_trust_list_read(&list, x5u, spec, &err);
    UNIT_CHECK(got == code && strstr(err.text, word), "%s: %s: %s", label, stir_error_name(got), err.text);
    if (got == STIR_OK) {
        CU_ASSERT_PTR_NOT_NULL(list.roots);
        stir_trust_list_clear(&list);
    } else {
        CU_ASSERT_EQUAL(list.sequence, 42);
    }
    CU_ASSERT_EQUAL(strcmp(x5u, got == STIR_E_X5U_FETCH ? X5U : ""), 0);
    UNIT_CHECK(ERR_peek_error() == 0, "%s: left in OpenSSL's queue", label);
}

static void test_good(void)
{
    struct stir_buf pinned = {0}, der = {0};
    begin();
    char *text = good_list(1518, CERTS_NOW + DAY);
    struct stir_trust_list_spec spec = spec_for(text, stir_view("", 0));
    reads("the signer has to be fetched", &spec, STIR_E_X5U_FETCH, "was not fetched yet");
    spec.x5u_certs = view(&w.signer_pem);
    reads("with the certificate from x5u", &spec, STIR_OK, "");
    unsigned char *octets = NULL;
    int n = i2d_X509(w.signer, &octets);
    spec.x5u_certs = stir_view((char *)octets, (size_t)n);
    reads("in DER", &spec, STIR_OK, "");
    OPENSSL_free(octets);
    /* the signer's own certificate beside its root: nothing has to be fetched */
    stir_buf_put(&pinned, w.pa_pem.ptr, w.pa_pem.len);
    stir_buf_put(&pinned, w.signer_pem.ptr, w.signer_pem.len);
    spec.signer_roots = view(&pinned);
    spec.x5u_certs = stir_view("", 0);
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_trust_list list = {0};
    UNIT_OK(stir_trust_list_read(&list, x5u, &spec, NULL));
    CU_ASSERT_EQUAL(list.sequence, 1518);
    CU_ASSERT_EQUAL(list.exp, CERTS_NOW + DAY);
    struct stir_trust *trust = NULL;
    UNIT_OK(stir_trust_new(&trust, list.roots, list.roots_len, NULL));
    stir_trust_unref(trust);
    stir_trust_list_clear(&list);
    /* white space around it, as an editor or a download leaves it */
    stir_buf_printf(&der, "\r\n %s\n\n", text);
    spec.text = view(&der);
    reads("white space", &spec, STIR_OK, "");
    stir_buf_free(&pinned);
    stir_buf_free(&der);
    free(text);
    end();
}

static void test_forged(void)
{
    begin();
    char *claims = payload(1518, CERTS_NOW + DAY, (const char *const[]){w.roots.ptr, NULL});
    char *strangers = sign_as(HEADER, claims, w.stranger_key);
    struct stir_trust_list_spec spec = spec_for(strangers, view(&w.stranger_pem));
    reads("its certificate leads to another root", &spec, STIR_E_CERT_UNTRUSTED, "the list's signer");
    spec.x5u_certs = view(&w.signer_pem);
    reads("signed with another key", &spec, STIR_E_SIGNATURE, "is not signed with");
    char *by_root = sign_as(HEADER, claims, w.pa_root_key);
    spec = spec_for(by_root, stir_view("", 0));
    reads("signed by an authority", &spec, STIR_E_CERT, "the list's signer");
    char *good = good_list(1518, CERTS_NOW + DAY);
    char *end_of_header = strchr(good, '.');
    end_of_header[20] ^= 1; /* a character of the payload */
    spec = spec_for(good, view(&w.signer_pem));
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_trust_list list = {0};
    CU_ASSERT(stir_trust_list_read(&list, x5u, &spec, NULL) != STIR_OK);
    spec = spec_for("eyJhbGciOiJub25lIn0.e30.", view(&w.signer_pem));
    reads("alg none", &spec, STIR_E_JWS, "");
    char *none = sign_as("{\"alg\":\"none\",\"x5u\":\"" X5U "\"}", claims, w.signer_key);
    spec = spec_for(none, view(&w.signer_pem));
    reads("alg none with a signature", &spec, STIR_E_ALG, "ES256");
    char *plain = sign_as("{\"alg\":\"ES256\",\"x5u\":\"http://pa.example.org/c.crt\"}", claims, w.signer_key);
    spec = spec_for(plain, stir_view("", 0));
    reads("x5u without TLS", &spec, STIR_E_X5U, "https");
    char *no_x5u = sign_as("{\"alg\":\"ES256\"}", claims, w.signer_key);
    spec = spec_for(no_x5u, stir_view("", 0));
    reads("no x5u", &spec, STIR_E_X5U, "https");
    char *big = calloc(1, STIR_TRUST_LIST_OCTETS + 2);
    memset(big, 'A', STIR_TRUST_LIST_OCTETS + 1);
    spec = spec_for(big, view(&w.signer_pem));
    reads("oversized", &spec, STIR_E_TOO_BIG, "");
    char *const texts[] = {claims, strangers, by_root, good, none, plain, no_x5u, big};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free(texts[i]);
    }
    end();
}

static void test_age(void)
{
    begin();
    char *text = good_list(1518, CERTS_NOW);
    struct stir_trust_list_spec spec = spec_for(text, view(&w.signer_pem));
    spec.least_sequence = 1519;
    reads("rollback", &spec, STIR_E_REPLAYED, "1518 is below 1519");
    spec.least_sequence = 1518;
    reads("the same again", &spec, STIR_OK, "");
    spec.now = CERTS_NOW + 7 * DAY;
    reads("within the grace", &spec, STIR_OK, "");
    spec.now++;
    reads("after the grace", &spec, STIR_E_STALE, "expired");
    spec.now = CERTS_NOW + 2 * CERTS_YEAR;
    spec.grace_s = 10 * CERTS_YEAR;
    reads("its signer has expired", &spec, STIR_E_CERT_TIME, "the list's signer");
    free(text);
    end();
}

struct said {
    char text[256];
    int times;
};

static void hear(void *arg, const char *text)
{
    struct said *said = arg;
    (void)snprintf(said->text, sizeof(said->text), "%s", text);
    said->times++;
}

static void test_items(void)
{
    static const char *const bad[] = {
        "{\"sequence\":1,\"exp\":1800000000}",
        "{\"sequence\":1,\"exp\":1800000000,\"trustList\":[]}",
        "{\"sequence\":1,\"exp\":1800000000,\"trustList\":[\"x\"]}",
        "{\"sequence\":1,\"trustList\":[\"x\"]}",
        "{\"sequence\":-1,\"exp\":1800000000,\"trustList\":[\"x\"]}",
        "{\"sequence\":\"1\",\"exp\":1800000000,\"trustList\":[\"x\"]}",
        "{\"exp\":1800000000,\"trustList\":[\"x\"]}",
    };
    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *text = sign_as(HEADER, bad[i], w.signer_key);
        struct stir_trust_list_spec spec = spec_for(text, view(&w.signer_pem));
        char x5u[STIR_TRUST_LIST_X5U];
        struct stir_trust_list list = {0};
        CU_ASSERT(stir_trust_list_read(&list, x5u, &spec, NULL) != STIR_OK);
        free(text);
    }
    /* items that cannot be used are skipped, each with a warning: by the reader, or by stir_trust_add_roots */
    struct said said = {.times = 0};
    const struct stir_trust_warn warn = {.say = hear, .arg = &said};
    char *claims =
        payload(1, CERTS_NOW + DAY,
                (const char *const[]){"not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                      w.roots.ptr, NULL});
    char *text = sign_as(HEADER, claims, w.signer_key);
    struct stir_trust_list_spec spec = spec_for(text, view(&w.signer_pem));
    spec.warn = &warn;
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_trust_list list = {0};
    UNIT_OK(stir_trust_list_read(&list, x5u, &spec, NULL));
    CU_ASSERT_EQUAL(said.times, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, "trustList[0] is skipped"));
    struct stir_trust *trust = NULL;
    UNIT_OK(stir_trust_new_empty(&trust, NULL));
    UNIT_OK(stir_trust_add_roots(trust, list.roots, list.roots_len, &warn, NULL));
    CU_ASSERT_EQUAL(said.times, 2);
    stir_trust_unref(trust);
    stir_trust_list_clear(&list);
    free(claims);
    free(text);
    end();
}

UNIT_MAIN("trust_list", {"F34: a list in the STI-PA's own format", test_good}, {"forged lists", test_forged},
          {"sequence and exp", test_age}, {"items", test_items})
