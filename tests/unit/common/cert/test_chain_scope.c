/* SPDX-License-Identifier: MIT */
#include "common/cert/chain.h"

#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

/* Whom a chain's leaf speaks for, and what it calls itself. */

static void check_covers(const struct stir_chain *chain, const char *identity, bool allow_spc, enum stir_code expected,
                         bool expected_by_spc)
{
    const struct stir_authority authority = {.allow_spc = allow_spc};
    struct stir_identity id;
    struct stir_error err = {0};
    bool by_spc = !expected_by_spc;
    UNIT_CODE(stir_identity_parse_canonical(&id, identity, strlen(identity), 0, NULL), STIR_OK, identity);
    UNIT_CODE(stir_chain_covers(chain, &id, &authority, &by_spc, &err), expected, identity);
    UNIT_CHECK(by_spc == (expected == STIR_OK ? expected_by_spc : !expected_by_spc), "%s: by_spc", identity);
    UNIT_CODE(stir_chain_covers(chain, &id, &authority, NULL, NULL), expected, identity);
    if (expected != STIR_OK) {
        UNIT_CHECK(!strstr(err.text, id.text) && strstr(err.text, "leaf"), "%s: %s", identity, err.text);
    }
}

static void test_covers_tn(void)
{
    struct stir_chain *chain = CERTS_CHAIN(
        certs_make_for("spc:1234,range:12155551000+100,tn:*69", (struct stir_cert_spec){.common_name = "leaf"}, NULL));
    check_covers(chain, "+12155551000", false, STIR_OK, false);
    check_covers(chain, "+12155551099", true, STIR_OK, false);
    check_covers(chain, "sip:+12155551050@example.com;user=phone", false, STIR_OK, false);
    check_covers(chain, "+12155551100", false, STIR_E_CERT_SCOPE, false);
    check_covers(chain, "+12155551100", true, STIR_OK, true);
    check_covers(chain, "sip:alice@example.com", true, STIR_E_CERT_SCOPE, false);
    stir_chain_unref(chain);

    chain = CERTS_CHAIN(certs_make_for("tn:12155551212", (struct stir_cert_spec){.common_name = "leaf"}, NULL));
    check_covers(chain, "+12155551212", true, STIR_OK, false);
    check_covers(chain, "+12155551213", true, STIR_E_CERT_SCOPE, false);
    stir_chain_unref(chain);
    certs_end();
}

/* RFC 5922 section 7.1: a URI "sip:domain" names the domain, and then dNSNames do not count. RFC 8224 section 8.4: such
 * a certificate needs no TNAuthList. */
static void test_covers_domain(void)
{
    static const struct {
        const char *uri;
        bool covered;
    } rows[] = {
        {"sip:alice@example.com", true},   {"sip:alice@EXAMPLE.com:5070", true},
        {"sips:alice@example.com", true},  {"sip:alice@sub.example.com", false},
        {"sip:alice@example.net", false},  {"sip:x@port.example.com", true},
        {"sip:bob@example.org", true},     {"sip:carol@example.org", false},
        {"sip:a@wild.example.edu", false}, {"+12155551212", false},
    };
    X509 *leaf = certs_make((struct stir_cert_spec){.common_name = "leaf",
                                                    .dns_names = "URI:sip:Example.com,URI:sip:port.example.com:5061,"
                                                                 "URI:sip:bob@example.org,URI:https://example.net/,"
                                                                 "URI:sip:*.example.edu,DNS:example.net"},
                            NULL);
    struct stir_chain *chain = CERTS_CHAIN(leaf);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_covers(chain, rows[i].uri, true, rows[i].covered ? STIR_OK : STIR_E_CERT_SCOPE, false);
    }
    stir_chain_unref(chain);
    certs_end();
}

/* The number table decides, whatever allow_spc says. */
static void test_covers_by_table(void)
{
    static const char csv[] = "1215555,1000\n12155559,554A\n";
    static const struct {
        const char *tnauth, *tn, *reason; /* NULL: covered */
        bool by_spc;
    } rows[] = {
        {"spc:1000", "12155551212", NULL, true},
        {"spc:1234", "12155551212", "leaf: the number belongs to provider 1000", false},
        {"spc:1234,spc:1000", "12155551212", NULL, true},
        {"spc:1000", "12155559212", "leaf: the number belongs to provider 554A", false},
        {"spc:554a", "12155559212", NULL, true},
        {"spc:1000", "12165551212", "leaf: the number table does not have the number", false},
        {"spc:1234,tn:12155551212", "12155551212", NULL, false},
        {"tn:12155551212", "12155551212", NULL, false},
        {"tn:12155551213", "12155551212", "leaf: the number is not in its TNAuthList", false},
    };
    struct stir_numtable *table = NULL;
    UNIT_OK(stir_numtable_parse(&table, csv, sizeof(csv) - 1, NULL));
    UNIT_NEED(table);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        size_t r = i / 2;
        const struct stir_authority authority = {.numbers = table, .allow_spc = i % 2};
        struct stir_chain *chain =
            CERTS_CHAIN(certs_make_for(rows[r].tnauth, (struct stir_cert_spec){.common_name = "leaf"}, NULL));
        struct stir_identity id;
        struct stir_error err = {0};
        bool by_spc = false;
        UNIT_OK(stir_identity_parse_canonical(&id, rows[r].tn, strlen(rows[r].tn), 0, NULL));
        UNIT_CODE(stir_chain_covers(chain, &id, &authority, &by_spc, &err),
                  rows[r].reason ? STIR_E_CERT_SCOPE : STIR_OK, rows[r].tnauth);
        UNIT_CHECK(by_spc == rows[r].by_spc, "%s: by_spc", rows[r].tnauth);
        UNIT_CHECK(!rows[r].reason || strstr(err.text, rows[r].reason), "%s: %s", rows[r].tnauth, err.text);
        stir_chain_unref(chain);
    }
    struct stir_chain *chain =
        CERTS_CHAIN(certs_make_for("spc:1234", (struct stir_cert_spec){.common_name = "leaf"}, NULL));
    struct stir_identity id;
    struct stir_error err = {0};
    UNIT_OK(stir_identity_parse_canonical(&id, "12155551212", 11, 0, NULL));
    UNIT_CODE(stir_chain_covers(chain, &id, NULL, NULL, &err), STIR_E_CERT_SCOPE, "no table");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a number table would tell"));
    stir_chain_unref(chain);
    stir_numtable_unref(table);
    certs_end();
}

static void test_covers_uri(void)
{
    static const struct {
        const char *uri;
        bool covered;
    } rows[] = {
        {"sip:alice@example.com", true},
        {"sips:alice@example.com", true},
        {"sip:alice@EXAMPLE.com:5070", true},
        {"sip:alice@example.com;transport=tcp", true},

        {"im:alice@example.com", true},
        {"sip:bob@elsewhere.org", true},
        {"sip:BOB@elsewhere.org", true},
        {"sip:carol@elsewhere.org", false},
        {"sip:alice@sub.example.com", false},
        {"sip:alice@example.com.evil.org", false},
        {"sip:alice@notexample.com", false},
        {"sip:example.com@evil.org", false},
        {"sip:alice@wild.example.net", false},
        {"urn:example:1", true},
        {"urn:example:2", false},
        {"urn:example.com", false},
        {"sip:alice@[2001:db8::1]", false},
    };
    X509 *leaf =
        certs_make_for("spc:1234",
                       (struct stir_cert_spec){.common_name = "leaf",
                                               .dns_names =
                                                   "DNS:Example.com,DNS:*.example.net,URI:sip:bob@Elsewhere.ORG,"
                                                   "URI:urn:example:1,IP:127.0.0.1,email:sip@evil.org,DNS:["},
                       NULL);
    struct stir_chain *chain = CERTS_CHAIN(leaf);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_covers(chain, rows[i].uri, true, rows[i].covered ? STIR_OK : STIR_E_CERT_SCOPE, false);
    }
    stir_chain_unref(chain);
    certs_end();
}

/* A dNSName with a NUL in it is not the name before the NUL. */
static void test_covers_nul(void)
{
    static const uint8_t names[] = "\x30\x16\x82\x14"
                                   "example.com\0evil.org";
    EVP_PKEY *key = NULL;
    X509 *plain = certs_make_for("spc:1234", (struct stir_cert_spec){.common_name = "leaf"}, &key);
    X509 *leaf = certs_with_ext(plain, key, "2.5.29.17", names, 24, false);
    struct stir_chain *chain = CERTS_CHAIN(leaf);
    check_covers(chain, "sip:alice@example.com", false, STIR_E_CERT_SCOPE, false);
    stir_chain_unref(chain);

    /* nor is an empty one the host of a URI that has none */
    leaf = certs_with_ext(plain, key, "2.5.29.17", (const uint8_t *)"\x30\x04\x82\x00\x86\x00", 6, false);
    chain = CERTS_CHAIN(leaf);
    check_covers(chain, "urn:example:1", false, STIR_E_CERT_SCOPE, false);
    stir_chain_unref(chain);
    certs_end();
}

static void check_signer(X509 *cert, const char *expected)
{
    struct stir_buf text = {0};
    struct stir_chain *chain = CERTS_CHAIN(cert);
    stir_buf_puts(&text, "by ");
    stir_chain_signer(&text, chain);
    UNIT_STR(text.ptr + 3, expected, "signer");
    stir_buf_free(&text);
    stir_chain_unref(chain);
}

static void test_signer(void)
{
    check_signer(certs_make_for("tn:1,spc:1234,spc:5678", (struct stir_cert_spec){.common_name = "leaf"}, NULL),
                 "spc:1234");
    check_signer(certs_make_for("tn:1", (struct stir_cert_spec){.common_name = "Caf\xc3\xa9 Telecom"}, NULL),
                 "Caf\xc3\xa9 Telecom");
    check_signer(certs_make_for("tn:1", (struct stir_cert_spec){.common_name = "a\x1b[2J\nb\x7f\xc2\x9b"}, NULL),
                 "a?[2J?b??");
    certs_end();
}

static void check_authority(const char *scope, const char *expected)
{
    struct stir_buf text = {0};
    struct stir_chain *chain = CERTS_CHAIN(certs_make_for(scope, (struct stir_cert_spec){.common_name = "leaf"}, NULL));
    stir_buf_puts(&text, "for ");
    stir_chain_authority(&text, chain);
    UNIT_STR(text.ptr + 4, expected, scope);
    stir_buf_free(&text);
    stir_chain_unref(chain);
}

static void test_authority(void)
{
    check_authority("tn:12155551212", "tn:12155551212");
    check_authority("tn:12155551212,tn:12155551213", "tn:12155551212");
    check_authority("range:12155551000+100,tn:12155551212", "tn:12155551000");
    check_authority("tn:12155551212,spc:1234,spc:5678", "spc:1234");
    certs_end();
}

UNIT_MAIN("chain_scope", {"numbers covered", test_covers_tn},
          {"F13: the number table decides for SPCs", test_covers_by_table}, {"URIs covered", test_covers_uri},
          {"SIP domains", test_covers_domain}, {"a NUL in a name", test_covers_nul}, {"who signed", test_signer},
          {"for whom", test_authority})
