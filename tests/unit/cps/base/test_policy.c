/* SPDX-License-Identifier: MIT */
/* Who holds a destination, and what each policy makes of each caller. */
#include "cps/base/policy.h"

#include "cps/auth/client_cert.h"
#include "cps/auth/proxy_headers.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>

struct world {
    X509 *root, *middle;
    EVP_PKEY *root_key, *middle_key;
    struct stir_numtable *table;
};

static void make_world(struct world *w)
{
    static const char csv[] = "1215,1111\n121555,2222\n44,3333\n";
    w->root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &w->root_key);
    w->middle = certs_make(
        (struct stir_cert_spec){.common_name = "middle", .ca = true, .issuer = w->root, .issuer_key = w->root_key},
        &w->middle_key);
    UNIT_OK(stir_numtable_parse(&w->table, csv, sizeof(csv) - 1, NULL));
}

static void end_world(struct world *w)
{
    stir_numtable_unref(w->table);
    certs_end();
}

static struct stir_chain *chain_for(const struct world *w, const char *tnauth, const char *dns)
{
    X509 *leaf = certs_make_for(tnauth,
                                (struct stir_cert_spec){.common_name = "leaf",
                                                        .issuer = w->middle,
                                                        .issuer_key = w->middle_key,
                                                        .dns_names = dns},
                                NULL);
    return CERTS_CHAIN(leaf, w->middle);
}

static struct stir_identity identity(const char *text)
{
    struct stir_identity id = {0};
    UNIT_CODE(stir_identity_parse_canonical(&id, text, strlen(text), 0, NULL), STIR_OK, text);
    return id;
}

static void test_holds(void)
{
    static const struct {
        const char *tnauth, *dest;
        bool alone, with_table;
    } rows[] = {
        {"tn:12155551212", "12155551212", true, true},
        {"tn:12155551212", "12155551213", false, false},
        {"tn:12155551212", "121555512120", false, false},
        {"tn:12155551212", "1215555121", false, false},
        {"range:12155551200+20", "12155551219", true, true},
        {"range:12155551200+20", "12155551220", false, false},
        {"range:12155551200+20", "12155551199", false, false},
        {"spc:2222", "12155551212", false, true},
        {"spc:1111", "12155551212", false, false}, /* the longer prefix is another's */
        {"spc:1111", "12154440000", false, true},
        {"spc:9999,spc:3333", "447700900123", false, true},
        {"spc:222", "12155551212", false, false},
        {"spc:22222", "12155551212", false, false},
        {"spc:2222", "13105551212", false, false},
        {"spc:2222", "spc:2222", true, true},
        {"spc:2222", "spc:222", false, false},
        {"spc:2222", "spc:22222", false, false},
        {"tn:12155551212", "spc:2222", false, false},
        {"spc:2222", "sip:bob@example.com", false, false},
        {"spc:1111,tn:13105551212", "13105551212", true, true},
    };
    struct world w = {0};
    make_world(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_chain *chain = chain_for(&w, rows[i].tnauth, NULL);
        struct stir_identity dest = identity(rows[i].dest);
        struct cpsd_caller caller = {0};
        cpsd_caller_set(&caller, CPSD_TLS, chain, NULL);
        stir_chain_unref(chain);
        bool alone = cpsd_caller_holds(&caller, &dest, NULL), with_table = cpsd_caller_holds(&caller, &dest, w.table);
        UNIT_CHECK(alone == rows[i].alone && with_table == rows[i].with_table, "%s, %s: %d %d", rows[i].tnauth,
                   rows[i].dest, alone, with_table);
        cpsd_caller_clear(&caller);
        CU_ASSERT_FALSE(cpsd_caller_holds(&caller, &dest, w.table));
    }
    end_world(&w);
}

/* A URI is held by whom the certificate names it, or its host, for. */
static void test_holds_uri(void)
{
    struct world w = {0};
    make_world(&w);
    struct stir_chain *chain = chain_for(&w, "spc:2222", "DNS:example.com");
    struct stir_identity ours = identity("sip:bob@example.com"), other = identity("sip:bob@example.org");
    struct cpsd_caller caller = {0};
    cpsd_caller_set(&caller, CPSD_TOKEN, chain, NULL);
    CU_ASSERT_TRUE(cpsd_caller_holds(&caller, &ours, NULL));
    CU_ASSERT_FALSE(cpsd_caller_holds(&caller, &other, NULL));
    cpsd_caller_clear(&caller);
    stir_chain_unref(chain);
    end_world(&w);
}

static void test_caller(void)
{
    struct world w = {0};
    make_world(&w);
    struct stir_chain *chain = chain_for(&w, "tn:12155551212,spc:2222,spc:1111", NULL);
    struct cpsd_caller caller = {.address = {.s6_addr = {1}}}, copy;
    cpsd_caller_set(&caller, CPSD_TLS, chain, NULL);
    UNIT_STR(caller.spc, "2222", "the first");
    cpsd_caller_copy(&copy, &caller);
    cpsd_caller_set(&caller, CPSD_TOKEN, chain, "1111");
    UNIT_STR(caller.spc, "1111", "chosen");
    cpsd_caller_clear(&caller);
    CU_ASSERT(caller.kind == CPSD_ANYBODY && !caller.chain && !caller.spc[0] && caller.address.s6_addr[0] == 1);
    stir_chain_unref(chain);
    CU_ASSERT(copy.kind == CPSD_TLS && stir_tnauth_has_spc(&copy.chain->tnauth, "1111"));
    UNIT_STR(copy.spc, "2222", "the copy");
    cpsd_caller_clear(&copy);
    cpsd_caller_clear(&copy);
    end_world(&w);
}

static void test_policies(void)
{
    enum { NONE, LOCAL, OTHER_TOKEN, OTHER_TLS, HOLDER_TOKEN, HOLDER_TLS, CALLERS };
    static const enum stir_code table[CPSD_POLICY_COUNT][CALLERS] = {
        [CPSD_POLICY_OPEN] = {STIR_OK, STIR_OK, STIR_OK, STIR_OK, STIR_OK, STIR_OK},
        [CPSD_POLICY_TOKEN] = {STIR_E_UNAUTHORIZED, STIR_E_UNAUTHORIZED, STIR_OK, STIR_OK, STIR_OK, STIR_OK},
        [CPSD_POLICY_HOLDER] = {STIR_E_UNAUTHORIZED, STIR_E_UNAUTHORIZED, STIR_E_FORBIDDEN, STIR_E_FORBIDDEN, STIR_OK,
                                STIR_OK},
        [CPSD_POLICY_NOBODY] = {STIR_E_FORBIDDEN, STIR_E_FORBIDDEN, STIR_E_FORBIDDEN, STIR_E_FORBIDDEN,
                                STIR_E_FORBIDDEN, STIR_E_FORBIDDEN},
    };
    struct world w = {0};
    make_world(&w);
    struct stir_chain *holder = chain_for(&w, "spc:2222", NULL), *other = chain_for(&w, "spc:3333", NULL);
    struct cpsd_caller callers[CALLERS] = {[LOCAL] = {.kind = CPSD_LOCAL}};
    cpsd_caller_set(&callers[OTHER_TOKEN], CPSD_TOKEN, other, NULL);
    cpsd_caller_set(&callers[OTHER_TLS], CPSD_TLS, other, NULL);
    cpsd_caller_set(&callers[HOLDER_TOKEN], CPSD_TOKEN, holder, NULL);
    cpsd_caller_set(&callers[HOLDER_TLS], CPSD_TLS, holder, NULL);
    struct stir_identity dest = identity("12155551212");
    for (int action = CPSD_ACT_NONE + 1; action < CPSD_ACTION_COUNT; action++) {
        const char *name = cpsd_action_name((enum cpsd_action)action);
        for (int policy = 0; policy < CPSD_POLICY_COUNT; policy++) {
            for (int i = 0; i < CALLERS; i++) {
                struct stir_error err = {0};
                enum stir_code code = cpsd_policy_check((enum cpsd_policy)policy, (enum cpsd_action)action, &callers[i],
                                                        &dest, w.table, &err);
                UNIT_CHECK(code == table[policy][i] && (code == STIR_OK || strstr(err.text, name)), "%s %s %d: %s",
                           name, cpsd_policy_names[policy], i, err.text);
                if (policy == CPSD_POLICY_HOLDER) { /* where there is no destination nobody holds it */
                    code = cpsd_policy_check(CPSD_POLICY_HOLDER, (enum cpsd_action)action, &callers[i], NULL, w.table,
                                             NULL);
                    CU_ASSERT(code == (i <= LOCAL ? STIR_E_UNAUTHORIZED : STIR_E_FORBIDDEN));
                }
            }
        }
    }
    /* a number that is no policy is not one that lets in */
    CU_ASSERT_EQUAL(cpsd_policy_check((enum cpsd_policy)77, CPSD_ACT_LIST, &callers[HOLDER_TLS], &dest, w.table, NULL),
                    STIR_E_FORBIDDEN);
    for (int i = 0; i < CALLERS; i++) {
        cpsd_caller_clear(&callers[i]);
    }
    stir_chain_unref(holder);
    stir_chain_unref(other);
    end_world(&w);
}

static void test_defaults(void)
{
    static const struct {
        enum cpsd_action action;
        const char *name;
        enum cpsd_policy policy;
    } rows[] = {
        {CPSD_ACT_PUBLISH, "publish", CPSD_POLICY_TOKEN},
        {CPSD_ACT_LIST, "list", CPSD_POLICY_OPEN},
        {CPSD_ACT_FETCH, "fetch", CPSD_POLICY_OPEN},
        {CPSD_ACT_DELETE, "delete", CPSD_POLICY_HOLDER},
        {CPSD_ACT_REPORTS, "reports", CPSD_POLICY_TOKEN},
        {CPSD_ACT_WAIT, "wait", CPSD_POLICY_OPEN},
        {CPSD_ACT_KEYS_PUT, "keys_put", CPSD_POLICY_HOLDER},
        {CPSD_ACT_KEYS_GET, "keys_get", CPSD_POLICY_OPEN},
        {CPSD_ACT_ATIS_PUBLISH, "atis_publish", CPSD_POLICY_TOKEN},
        {CPSD_ACT_ATIS_RETRIEVE, "atis_retrieve", CPSD_POLICY_TOKEN},
        {CPSD_ACT_REPUBLISH, "republish", CPSD_POLICY_TOKEN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_STR(cpsd_action_name(rows[i].action), rows[i].name, "name");
        UNIT_CHECK(cpsd_action_default(rows[i].action) == rows[i].policy, "%s", rows[i].name);
    }
    CU_ASSERT_PTR_NULL(cpsd_action_name(CPSD_ACT_NONE));
    CU_ASSERT_EQUAL(cpsd_action_default(CPSD_ACT_NONE), CPSD_POLICY_NOBODY);
}

/* ---- client certificates ---- */

static void put_der(struct stir_buf *out, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    stir_buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
}

static struct cpsd_trusted trusted_by(X509 *root, uint64_t generation)
{
    struct stir_buf pem = {0};
    struct cpsd_trusted trusted = {.generation = generation};
    certs_pem(&pem, root);
    UNIT_OK(stir_trust_new(&trusted.trust, pem.ptr, pem.len, NULL));
    stir_buf_free(&pem);
    return trusted;
}

static void test_client_cert(void)
{
    struct world w = {0};
    make_world(&w);
    struct cpsd_trusted ours = trusted_by(w.root, 1);
    X509 *stranger = certs_make((struct stir_cert_spec){.common_name = "stranger", .ca = true}, NULL);
    struct cpsd_trusted theirs = trusted_by(stranger, 2);
    X509 *leaf =
        certs_make_for("spc:2222",
                       (struct stir_cert_spec){.common_name = "leaf", .issuer = w.middle, .issuer_key = w.middle_key},
                       NULL);
    struct stir_buf der = {0};
    put_der(&der, leaf);
    put_der(&der, w.middle);
    struct cpsd_client_cert shown = {0};
    struct cpsd_caller caller = {0};
    struct stir_error err = {0};
    CU_ASSERT_FALSE(cpsd_client_cert_is_there(&shown));
    cpsd_client_cert_read(&shown, der.ptr, der.len);
    CU_ASSERT_TRUE(cpsd_client_cert_is_there(&shown));
    UNIT_CODE(cpsd_client_cert_judge(&shown, NULL, CERTS_NOW, &caller, &err), STIR_E_CERT_UNTRUSTED, "no roots");
    CU_ASSERT(caller.kind == CPSD_ANYBODY);
    UNIT_CODE(cpsd_client_cert_judge(&shown, &ours, CERTS_NOW, &caller, &err), STIR_OK, "good");
    CU_ASSERT(caller.kind == CPSD_TLS && strcmp(caller.spc, "2222") == 0);
    cpsd_caller_clear(&caller);
    /* under other trust it is judged anew, at once, and again under the first */
    UNIT_CODE(cpsd_client_cert_judge(&shown, &theirs, CERTS_NOW, &caller, &err), STIR_E_CERT_UNTRUSTED, "other trust");
    UNIT_CHECK(strstr(err.text, "client certificate") != NULL, "%s", err.text);
    CU_ASSERT(caller.kind == CPSD_ANYBODY);
    UNIT_CODE(cpsd_client_cert_judge(&shown, &ours, CERTS_NOW, &caller, &err), STIR_OK, "the first again");
    cpsd_caller_clear(&caller);
    /* a judgement does not outlive the certificate by more than it is remembered for */
    UNIT_CODE(cpsd_client_cert_judge(&shown, &ours, CERTS_NOW + CERTS_YEAR + 61, &caller, &err), STIR_E_CERT_TIME,
              "expired");
    UNIT_CODE(cpsd_client_cert_judge(&shown, &ours, CERTS_NOW, &caller, &err), STIR_E_CERT_TIME, "remembered");
    CU_ASSERT(caller.kind == CPSD_ANYBODY);
    cpsd_client_cert_clear(&shown);
    stir_buf_free(&der);
    stir_trust_unref(ours.trust);
    stir_trust_unref(theirs.trust);
    end_world(&w);
}

/* What is cut, has something behind it or is nothing of the kind. */
static void test_garbled_cert(void)
{
    struct world w = {0};
    make_world(&w);
    struct cpsd_trusted ours = trusted_by(w.root, 1);
    X509 *leaf =
        certs_make_for("spc:2222",
                       (struct stir_cert_spec){.common_name = "leaf", .issuer = w.middle, .issuer_key = w.middle_key},
                       NULL);
    struct stir_buf der = {0};
    struct cpsd_client_cert shown = {0};
    struct cpsd_caller caller = {0};
    put_der(&der, leaf);
    size_t first = der.len;
    put_der(&der, w.middle);
    size_t all = der.len;
    stir_buf_put(&der, "\x30\x80\0", 3);
    for (size_t n = 0; n <= der.len; n++) {
        struct stir_error err = {0};
        cpsd_client_cert_read(&shown, der.ptr, n);
        enum stir_code code = cpsd_client_cert_judge(&shown, &ours, CERTS_NOW, &caller, &err);
        enum stir_code want = n == all ? STIR_OK : n == first ? STIR_E_CERT_UNTRUSTED : STIR_E_CERT;
        UNIT_CHECK(code == want && (code == STIR_OK || err.text[0]), "%zu of %zu: %s", n, der.len,
                   stir_error_name(code));
        cpsd_caller_clear(&caller);
    }
    cpsd_client_cert_refuse(&shown, "because");
    UNIT_CODE(cpsd_client_cert_judge(&shown, &ours, CERTS_NOW, &caller, NULL), STIR_E_CERT, "refused");
    cpsd_client_cert_clear(&shown);
    UNIT_CODE(cpsd_client_cert_judge(&shown, &ours, CERTS_NOW, &caller, NULL), STIR_E_CERT, "none");
    stir_buf_free(&der);
    stir_trust_unref(ours.trust);
    end_world(&w);
}

/* ---- what the edge says ---- */

static void test_edge_address(void)
{
    static const struct {
        const char *forwarded, *x_forwarded_for, *address; /* NULL: none */
    } rows[] = {
        {"", "192.0.2.1", "192.0.2.1"},
        {"", "203.0.113.9, 192.0.2.1", "192.0.2.1"},
        {"", "203.0.113.9,192.0.2.1 ", "192.0.2.1"},
        {"", "192.0.2.1:8080", "192.0.2.1"},
        {"", "2001:db8::1", "2001:db8::1"},
        {"", "[2001:db8::1]", "2001:db8::1"},
        {"", "[2001:db8::1]:8080", "2001:db8::1"},
        {"", "::ffff:192.0.2.1", "192.0.2.1"},
        {"for=192.0.2.1", "203.0.113.9", "192.0.2.1"},
        {"for=192.0.2.1;proto=https;by=203.0.113.43", "", "192.0.2.1"},
        {"proto=https;For=\"[2001:db8:cafe::17]:4711\"", "", "2001:db8:cafe::17"},
        {"for=203.0.113.9, for=192.0.2.1", "", "192.0.2.1"},
        {"for=203.0.113.9, proto=https; for=\"192.0.2.1:80\"", "", "192.0.2.1"},
        {"for=unknown", "203.0.113.9", NULL},
        {"for=_hidden", "", NULL},
        {"for=", "", NULL},
        {"for=\"", "", NULL},
        {"by=192.0.2.1", "", NULL},
        {"xfor=192.0.2.1", "", NULL},
        {"for=192.0.2.1,", "", NULL},
        {"", "203.0.113.9,", NULL},
        {"", "", NULL},
        {"", "unknown", NULL},
        {"", "[2001:db8::1", NULL},
        {"", "[]", NULL},
        {"", "192.0.2.256", NULL},
        {"", "192.0.2.1.2", NULL},
        {"", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", NULL},
        {"", "fe80::1%eth0", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct in6_addr address = {.s6_addr = {9}}, want = address;
        bool found = cpsd_proxy_headers_address(&address, stir_view_str(rows[i].forwarded),
                                                stir_view_str(rows[i].x_forwarded_for));
        if (rows[i].address && inet_pton(AF_INET6, rows[i].address, &want) != 1) {
            want = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
            CU_ASSERT_EQUAL(inet_pton(AF_INET, rows[i].address, &want.s6_addr[12]), 1);
        }
        UNIT_CHECK(found == (rows[i].address != NULL) && memcmp(&address, &want, sizeof(want)) == 0, "%s | %s",
                   rows[i].forwarded, rows[i].x_forwarded_for);
    }
}

static void test_edge_cert(void)
{
    static const struct {
        const char *cert, *chain;
    } bad[] = {{"AAAA", ""},       {":", ""},         {"::", ""},          {":AAAA", ""},     {"AAAA:", ""},
               {":AAA:", ""},      {":A A:", ""},     {":AAAA:;a=1", ""},  {":AAAA: :A", ""}, {":AAAA:, :AAAA:", ""},
               {":AA=A:", ""},     {":AA-_:", ""},    {":AAAA:", ":AAAA"}, {":AAAA:", ","},   {":AAAA:", ":AAAA:,"},
               {":AAAA:", ", :A"}, {"", ":AAAA:"},    {" ", ":AAAA:"},     {":AAAA:", "x"},   {":AAAA:", ":AAAA:"},
               {":MAA=:", ""},     {":MIIBAA==:", ""}};
    struct cpsd_proxy_headers *edge = NULL;
    UNIT_OK(cpsd_proxy_headers_new(&edge, NULL));
    UNIT_NEED(edge);
    CU_ASSERT_PTR_NULL(cpsd_proxy_headers_cert(edge, stir_view_str(""), stir_view_str("")));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            struct cpsd_client_cert *shown =
                cpsd_proxy_headers_cert(edge, stir_view_str(bad[i].cert), stir_view_str(bad[i].chain));
            UNIT_CHECK(shown && cpsd_client_cert_is_there(shown) && !shown->chain, "%s | %s", bad[i].cert,
                       bad[i].chain);
        }
    }
    cpsd_proxy_headers_free(edge);
    cpsd_proxy_headers_free(NULL);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

UNIT_MAIN("policy", {"who holds a destination", test_holds}, {"who holds a URI", test_holds_uri},
          {"callers", test_caller}, {"policies", test_policies}, {"defaults", test_defaults},
          {"a client's certificate", test_client_cert}, {"garbled certificates", test_garbled_cert},
          {"the edge's address", test_edge_address}, {"the edge's certificate", test_edge_cert})
