/* SPDX-License-Identifier: MIT */
#include "common/cert/crl.h"

#include "common/cert/pem.h"
#include "common/cert/trust.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

/* Revocation: direct and indirect lists, what is refused, and what a list covers. */

#define DAY INT64_C(86400)

/* A root, an intermediate with two leaves, and an issuer of indirect lists beside it. */
struct world {
    X509 *root, *middle, *leaf, *other, *lists;
    EVP_PKEY *root_key, *middle_key, *lists_key;
    struct stir_chain *chain; /* leaf, middle */
    struct stir_chain *chain_other;
    struct stir_buf lists_pem;
};

static X509 *leaf_under(X509 *issuer, EVP_PKEY *issuer_key, const char *name)
{
    return certs_make_for("spc:1234",
                          (struct stir_cert_spec){.common_name = name, .issuer = issuer, .issuer_key = issuer_key},
                          NULL);
}

static void set_up(struct world *w)
{
    *w = (struct world){0};
    w->root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &w->root_key);
    struct stir_cert_spec spec = {.common_name = "middle", .ca = true, .issuer = w->root, .issuer_key = w->root_key};
    w->middle = certs_make(spec, &w->middle_key);
    w->leaf = leaf_under(w->middle, w->middle_key, "leaf");
    w->other = leaf_under(w->middle, w->middle_key, "other");
    spec = (struct stir_cert_spec){.common_name = "lists",
                                   .crl_issuer = true,
                                   .issuer = w->root,
                                   .issuer_key = w->root_key};
    w->lists = certs_make(spec, &w->lists_key);
    w->chain = CERTS_CHAIN(w->leaf, w->middle);
    w->chain_other = CERTS_CHAIN(w->other, w->middle);
    certs_pem(&w->lists_pem, w->lists);
}

static void tear_down(struct world *w)
{
    stir_chain_unref(w->chain);
    stir_chain_unref(w->chain_other);
    stir_buf_free(&w->lists_pem);
    certs_end();
}

static struct stir_trust *trust_of(X509 *root)
{
    struct stir_buf pem = {0};
    struct stir_trust *trust = NULL;
    certs_pem(&pem, root);
    UNIT_OK(stir_trust_new(&trust, pem.ptr, pem.len, NULL));
    stir_buf_free(&pem);
    if (!trust) {
        CU_FAIL_FATAL("no trust");
    }
    return trust;
}

static void add(const char *label, struct stir_trust *trust, const struct stir_buf *crl, const struct stir_buf *issuer,
                enum stir_code expected)
{
    struct stir_error err = {0};
    struct stir_view certs = issuer ? stir_view(issuer->ptr, issuer->len) : stir_view("", 0);
    enum stir_code code = stir_trust_set_crl_signers(trust, certs, stir_view("", 0), NULL, &err);
    code = code == STIR_OK ? stir_trust_add_crl(trust, crl->ptr, crl->len, &err) : code;
    UNIT_CODE(code, expected, label);
    UNIT_CHECK(expected == STIR_OK || (err.code == expected && err.text[0]), "%s: no text", label);
    UNIT_CHECK(ERR_peek_error() == 0, "%s: left in OpenSSL's queue", label);
}

static void verify(const char *label, const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                   enum stir_code expected, const char *named)
{
    struct stir_error err = {0};
    UNIT_CODE(stir_trust_verify(trust, chain, at, &err), expected, label);
    UNIT_CHECK(expected == STIR_OK || strstr(err.text, named), "%s: %s", label, err.text);
    UNIT_CHECK(ERR_peek_error() == 0, "%s: left in OpenSSL's queue", label);
}

static void make(struct stir_buf *out, X509 *issuer, EVP_PKEY *key, X509 *revoked, bool indirect)
{
    out->len = 0;
    UNIT_OK(
        stir_crl_make(out, issuer, key, &revoked, revoked ? 1 : 0, indirect, CERTS_NOW - DAY, CERTS_NOW + DAY, NULL));
}

/* ---- direct lists ---- */

static void test_direct(void)
{
    struct world w;
    struct stir_buf crl = {0};
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);
    make(&crl, w.middle, w.middle_key, w.leaf, false);
    add("the intermediate's list", trust, &crl, NULL, STIR_OK);
    verify("a revoked leaf", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=leaf");
    verify("another leaf", trust, w.chain_other, CERTS_NOW, STIR_OK, "");
    verify("before the revocation: the time is the signer's word", trust, w.chain, CERTS_NOW - 10 * DAY,
           STIR_E_CERT_REVOKED, "/CN=leaf");
    verify("when the list is stale", trust, w.chain, CERTS_NOW + 10 * DAY, STIR_E_CERT_REVOKED, "/CN=leaf");
    stir_trust_unref(trust);

    trust = trust_of(w.root);
    make(&crl, w.root, w.root_key, w.middle, false);
    add("the root's list", trust, &crl, NULL, STIR_OK);
    verify("a revoked intermediate", trust, w.chain_other, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=middle");
    stir_trust_unref(trust);

    /* the same serial number under another issuer is another certificate */
    trust = trust_of(w.root);
    make(&crl, w.root, w.root_key, w.leaf, false);
    add("a list with a foreign serial", trust, &crl, NULL, STIR_OK);
    verify("not its issuer's", trust, w.chain, CERTS_NOW, STIR_OK, "");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    tear_down(&w);
}

static void test_direct_signature(void)
{
    struct world w;
    struct stir_buf crl = {0};
    struct stir_buf middle_pem = {0};
    set_up(&w);
    certs_pem(&middle_pem, w.middle);
    struct stir_trust *trust = trust_of(w.root);
    make(&crl, w.root, w.middle_key, NULL, false);
    add("the root's, forged", trust, &crl, NULL, STIR_E_CRL);
    make(&crl, w.middle, w.root_key, NULL, false);
    add("the intermediate's, forged, which is given", trust, &crl, &middle_pem, STIR_E_CRL);
    verify("none of them is obeyed", trust, w.chain, CERTS_NOW, STIR_OK, "");
    add("the intermediate's, forged, known later", trust, &crl, NULL, STIR_OK);
    verify("when it is met", trust, w.chain, CERTS_NOW, STIR_E_CRL, "/CN=middle");
    stir_trust_unref(trust);

    /* another intermediate of that name: the list says by key identifier whose it is */
    EVP_PKEY *twin_key = NULL;
    struct stir_cert_spec spec = {.common_name = "middle", .ca = true, .issuer = w.root, .issuer_key = w.root_key};
    X509 *twin = certs_make(spec, &twin_key);
    trust = trust_of(w.root);
    make(&crl, twin, twin_key, w.leaf, false);
    add("the twin's", trust, &crl, NULL, STIR_OK);
    stir_trust_set_crl_policy(trust, STIR_CRL_REQUIRED);
    verify("is not for these", trust, w.chain, CERTS_NOW, STIR_E_CRL, "/CN=leaf");
    stir_trust_unref(trust);

    /* an issuer whose key usage leaves lists out */
    static const uint8_t cert_sign[] = {0x03, 0x02, 0x02, 0x04};
    X509 *bare = certs_without_ext(w.middle, w.root_key, NID_key_usage);
    X509 *no_lists = certs_with_ext(bare, w.root_key, "2.5.29.15", cert_sign, sizeof(cert_sign), true);
    struct stir_chain *chain = CERTS_CHAIN(w.leaf, no_lists);
    trust = trust_of(w.root);
    make(&crl, w.middle, w.middle_key, NULL, false);
    verify("without a list", trust, chain, CERTS_NOW, STIR_OK, "");
    add("its list", trust, &crl, NULL, STIR_OK);
    verify("by an issuer that may not", trust, chain, CERTS_NOW, STIR_E_CRL, "/CN=middle");
    stir_chain_unref(chain);
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    stir_buf_free(&middle_pem);
    tear_down(&w);
}

static void test_policy(void)
{
    struct world w;
    struct stir_buf crl = {0};
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);
    stir_trust_set_crl_policy(trust, STIR_CRL_REQUIRED);
    verify("required, none", trust, w.chain, CERTS_NOW, STIR_E_CRL, "/CN=leaf");
    make(&crl, w.middle, w.middle_key, w.other, false);
    add("the intermediate's", trust, &crl, NULL, STIR_OK);
    verify("required, one of two", trust, w.chain, CERTS_NOW, STIR_E_CRL, "/CN=middle");
    make(&crl, w.root, w.root_key, NULL, false);
    add("the root's", trust, &crl, NULL, STIR_OK);
    verify("required, both", trust, w.chain, CERTS_NOW, STIR_OK, "");
    verify("the last second", trust, w.chain, CERTS_NOW + DAY, STIR_OK, "");
    verify("required, stale", trust, w.chain, CERTS_NOW + DAY + 1, STIR_E_CRL, "/CN=leaf");
    verify("lists newer than the time in question", trust, w.chain, CERTS_NOW - 2 * DAY, STIR_OK, "");
    stir_trust_set_crl_policy(trust, STIR_CRL_IF_PRESENT);
    verify("if present, stale", trust, w.chain, CERTS_NOW + DAY + 1, STIR_OK, "");
    verify("if present, stale, revoked", trust, w.chain_other, CERTS_NOW + DAY + 1, STIR_E_CERT_REVOKED, "/CN=other");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    tear_down(&w);
}

/* ---- indirect lists ---- */

static void test_indirect(void)
{
    struct world w;
    struct stir_buf crl = {0};
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);
    stir_trust_set_crl_policy(trust, STIR_CRL_REQUIRED);
    make(&crl, w.lists, w.lists_key, w.leaf, true);
    add("its issuer not given", trust, &crl, NULL, STIR_E_CERT_UNTRUSTED);
    verify("not added", trust, w.chain, CERTS_NOW, STIR_E_CRL, "/CN=leaf");
    add("its issuer given", trust, &crl, &w.lists_pem, STIR_OK);
    verify("a revoked leaf", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=lists");
    verify("another leaf, and the intermediate", trust, w.chain_other, CERTS_NOW, STIR_OK, "");
    verify("stale", trust, w.chain_other, CERTS_NOW + DAY + 1, STIR_E_CRL, "/CN=other");
    stir_trust_unref(trust);

    trust = trust_of(w.root);
    make(&crl, w.lists, w.lists_key, w.middle, true);
    add("of the intermediate", trust, &crl, &w.lists_pem, STIR_OK);
    verify("a revoked intermediate", trust, w.chain_other, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=middle");
    stir_trust_unref(trust);

    /* signed by the root itself, and with all leaves in one list */
    trust = trust_of(w.root);
    crl.len = 0;
    X509 *all[] = {w.middle, w.other, w.leaf};
    UNIT_OK(stir_crl_make(&crl, w.root, w.root_key, all, 3, true, CERTS_NOW - DAY, CERTS_NOW + DAY, NULL));
    add("the root's own indirect list", trust, &crl, NULL, STIR_OK);
    verify("first", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=leaf");
    verify("second", trust, w.chain_other, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=other");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    tear_down(&w);
}

static void test_indirect_issuer(void)
{
    struct world w;
    struct stir_buf crl = {0};
    struct stir_buf pem = {0};
    EVP_PKEY *key = NULL;
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);

    make(&crl, w.lists, w.root_key, w.leaf, true);
    add("a forged one", trust, &crl, &w.lists_pem, STIR_E_CRL);

    X509 *stranger = certs_make((struct stir_cert_spec){.common_name = "lists", .crl_issuer = true}, &key);
    certs_pem(&pem, stranger);
    make(&crl, stranger, key, w.leaf, true);
    add("an issuer that leads to no root", trust, &crl, &pem, STIR_E_CERT_UNTRUSTED);

    X509 *no_usage = leaf_under(w.root, w.root_key, "signer");
    pem.len = 0;
    certs_pem(&pem, no_usage);
    make(&crl, no_usage, certs_owned.keys[certs_owned.key_count - 1], w.leaf, true);
    add("an issuer that may not sign lists", trust, &crl, &pem, STIR_E_CRL);

    pem.len = 0;
    stir_buf_puts(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    make(&crl, w.lists, w.lists_key, w.leaf, true);
    add("an issuer that is no certificate", trust, &crl, &pem, STIR_E_CERT);
    verify("none of them is obeyed", trust, w.chain, CERTS_NOW, STIR_OK, "");

    /* under an intermediate that is given with it; its end is the list's end */
    struct stir_cert_spec spec = {.common_name = "short",
                                  .crl_issuer = true,
                                  .issuer = w.middle,
                                  .issuer_key = w.middle_key,
                                  .not_after = CERTS_NOW + 10};
    X509 *below = certs_make(spec, &key);
    pem.len = 0;
    certs_pem(&pem, below);
    make(&crl, below, key, w.leaf, true);
    add("without the intermediate", trust, &crl, &pem, STIR_E_CERT_UNTRUSTED);
    certs_pem(&pem, w.middle);
    add("with it", trust, &crl, &pem, STIR_OK);
    stir_trust_set_crl_policy(trust, STIR_CRL_REQUIRED);
    verify("revoked by it", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=leaf");
    verify("covered by it", trust, w.chain_other, CERTS_NOW + 10, STIR_OK, "");
    verify("its issuer has expired", trust, w.chain_other, CERTS_NOW + 11, STIR_E_CRL, "/CN=other");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    stir_buf_free(&pem);
    tear_down(&w);
}

/* F18: the issuer of an indirect list leads to a root of its own, which anchors no PASSporT. */
static void test_signer_roots(void)
{
    struct world w;
    struct stir_buf crl = {0}, certs = {0}, roots = {0};
    EVP_PKEY *root_key = NULL, *key = NULL;
    struct stir_error err = {0};
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "STI-PA root", .ca = true}, &root_key);
    struct stir_cert_spec spec = {.common_name = "STI-PA CRL",
                                  .crl_issuer = true,
                                  .issuer = root,
                                  .issuer_key = root_key};
    X509 *signer = certs_make(spec, &key);
    make(&crl, signer, key, w.leaf, true);
    certs_pem(&certs, signer);
    certs_pem(&certs, root);
    add("its root stands beside it, but is no anchor", trust, &crl, &certs, STIR_E_CERT_UNTRUSTED);
    certs_pem(&roots, root);
    const struct stir_view signer_view = stir_view(certs.ptr, certs.len), none = stir_view("", 0);
    UNIT_OK(stir_trust_set_crl_signers(trust, signer_view, stir_view(roots.ptr, roots.len), NULL, NULL));
    UNIT_CODE(stir_trust_add_crl(trust, crl.ptr, crl.len, &err), STIR_OK, err.text);
    verify("F18: revoked by it", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=leaf");
    /* a leaf that the same root has issued is nobody's signer here */
    struct stir_cert_spec leaf_spec = {.common_name = "intruder", .issuer = root, .issuer_key = root_key};
    struct stir_chain *intruder = CERTS_CHAIN(certs_make_for("spc:1234", leaf_spec, NULL));
    verify("F18: its root anchors no leaf", trust, intruder, CERTS_NOW, STIR_E_CERT_UNTRUSTED, "/CN=intruder");
    stir_chain_unref(intruder);
    /* the signer may stand in the file of roots too; and a root there signs itself */
    certs_pem(&roots, signer);
    UNIT_OK(stir_trust_set_crl_signers(trust, none, stir_view(roots.ptr, roots.len), NULL, NULL));
    UNIT_CODE(stir_trust_add_crl(trust, crl.ptr, crl.len, &err), STIR_OK, err.text);
    /* the trust's own roots serve as before */
    make(&crl, w.lists, w.lists_key, w.leaf, true);
    UNIT_OK(stir_trust_set_crl_signers(trust, stir_view(w.lists_pem.ptr, w.lists_pem.len),
                                       stir_view(roots.ptr, roots.len), NULL, NULL));
    UNIT_CODE(stir_trust_add_crl(trust, crl.ptr, crl.len, &err), STIR_OK, err.text);
    UNIT_CODE(stir_trust_set_crl_signers(trust, none, stir_view("x", 1), NULL, &err), STIR_E_CERT, "no certificate");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    stir_buf_free(&certs);
    stir_buf_free(&roots);
    tear_down(&w);
}

/* ---- what a list says it covers ---- */

/* Adds an extension, from OpenSSL's text form or DER, to a list and signs it again. */
static void with_ext(struct stir_buf *crl, EVP_PKEY *key, int nid, const char *value)
{
    struct stir_buf der = {0};
    struct stir_pem pem = stir_pem(crl->ptr, crl->len, "X509 CRL");
    UNIT_OK(stir_pem_next(&pem, &der, NULL));
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der.len);
    X509_EXTENSION_free(X509_CRL_delete_ext(list, X509_CRL_get_ext_by_NID(list, nid, -1)));
    X509_EXTENSION *ext = value ? X509V3_EXT_nconf_nid(NULL, NULL, nid, value) : NULL;
    if (value) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(ext);
        CU_ASSERT_EQUAL(X509_CRL_add_ext(list, ext, -1), 1);
    }
    unsigned char *again = NULL;
    CU_ASSERT_TRUE(X509_CRL_sign(list, key, EVP_sha256()) > 0);
    int n = i2d_X509_CRL(list, &again);
    crl->len = 0;
    stir_pem_put(crl, "X509 CRL", again, (size_t)n);
    OPENSSL_free(again);
    X509_EXTENSION_free(ext);
    X509_CRL_free(list);
    stir_buf_free(&der);
    ERR_clear_error();
}

/* issuingDistributionPoint values, to be put into "critical,DER:..." */
static const struct {
    const char *label;
    const char *idp;
    enum stir_code added;
    enum stir_code leaf; /* with STIR_CRL_REQUIRED; the intermediate is covered by the root's list */
} points[] = {
    {"all certificates", "critical,DER:3000", STIR_OK, STIR_OK},
    {"end entities only", "critical,DER:30038101ff", STIR_OK, STIR_OK},
    {"CAs only", "critical,DER:30038201ff", STIR_OK, STIR_E_CRL},
    {"both, which is neither", "critical,DER:30068101ff8201ff", STIR_E_CRL, STIR_E_CRL},
    {"some reasons", "critical,DER:300483020640", STIR_E_CRL, STIR_E_CRL},
    {"attribute certificates", "critical,DER:30038501ff", STIR_E_CRL, STIR_E_CRL},
    {"a distribution point", "critical,DER:3010a00ea00c860a68747470733a2f2f6162", STIR_OK, STIR_OK},
    {"malformed", "critical,DER:0500", STIR_E_CRL, STIR_E_CRL},
};

static void test_points(void)
{
    struct world w;
    set_up(&w);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct stir_buf crl = {0};
        struct stir_trust *trust = trust_of(w.root);
        stir_trust_set_crl_policy(trust, STIR_CRL_REQUIRED);
        make(&crl, w.root, w.root_key, NULL, false);
        add("the root's", trust, &crl, NULL, STIR_OK);
        make(&crl, w.middle, w.middle_key, w.other, false);
        with_ext(&crl, w.middle_key, NID_issuing_distribution_point, points[i].idp);
        add(points[i].label, trust, &crl, NULL, points[i].added);
        verify(points[i].label, trust, w.chain, CERTS_NOW, points[i].leaf, "/CN=leaf");
        verify(points[i].label, trust, w.chain_other, CERTS_NOW,
               points[i].added == STIR_OK ? STIR_E_CERT_REVOKED : STIR_E_CRL, "/CN=other");
        stir_trust_unref(trust);
        stir_buf_free(&crl);
    }
    tear_down(&w);
}

/* cRLDistributionPoints: https://ab, or a cRLIssuer */
#define POINT_AB "30123010a00ea00c860a68747470733a2f2f6162"
#define POINT_LISTS "30183016a214a4123010310e300c06035504030c056c69737473"
#define POINT_LISTZ "30183016a214a4123010310e300c06035504030c056c6973747a"

/* A certificate that names a distribution point is covered by that point's list only. */
static void test_distribution_points(void)
{
    static const struct {
        const char *label;
        const char *point; /* cRLDistributionPoints of the leaf */
        bool indirect;
        const char *idp;
        bool covered;
    } rows[] = {
        {"https://ab, for https://ab", POINT_AB, false, "critical,DER:3010a00ea00c860a68747470733a2f2f6162", true},
        {"https://ab, for https://ac", POINT_AB, false, "critical,DER:3010a00ea00c860a68747470733a2f2f6163", false},
        {"https://ab, for all", POINT_AB, false, "critical,DER:3000", true},
        {"cRLIssuer lists, an indirect list of lists", POINT_LISTS, true, NULL, true},
        {"cRLIssuer listz, an indirect list of lists", POINT_LISTZ, true, NULL, false},
        {"https://ab without cRLIssuer, an indirect list", POINT_AB, true, NULL, false},
        {"cRLIssuer lists, a direct list", POINT_LISTS, false, NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        struct stir_buf crl = {0};
        uint8_t der[64];
        set_up(&w);
        size_t n = unit_unhex(der, sizeof(der), rows[i].point);
        X509 *leaf = certs_with_ext(w.leaf, w.middle_key, "2.5.29.31", der, n, false);
        struct stir_chain *chain = CERTS_CHAIN(leaf, w.middle);
        struct stir_trust *trust = trust_of(w.root);
        stir_trust_set_crl_policy(trust, STIR_CRL_REQUIRED);
        make(&crl, w.root, w.root_key, NULL, false);
        add("the root's", trust, &crl, NULL, STIR_OK);
        make(&crl, rows[i].indirect ? w.lists : w.middle, rows[i].indirect ? w.lists_key : w.middle_key, NULL,
             rows[i].indirect);
        if (rows[i].idp) {
            with_ext(&crl, w.middle_key, NID_issuing_distribution_point, rows[i].idp);
        }
        add(rows[i].label, trust, &crl, &w.lists_pem, STIR_OK);
        verify(rows[i].label, trust, chain, CERTS_NOW, rows[i].covered ? STIR_OK : STIR_E_CRL, "/CN=leaf");
        stir_chain_unref(chain);
        stir_trust_unref(trust);
        stir_buf_free(&crl);
        tear_down(&w);
    }
}

/* ---- what is no list, or none that can be obeyed ---- */

static void test_refused(void)
{
    struct world w;
    struct stir_buf crl = {0};
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);
    stir_buf_puts(&crl, "hello\n");
    add("no block", trust, &crl, NULL, STIR_E_CRL);
    crl.len = 0;
    add("nothing", trust, &crl, NULL, STIR_E_CRL);
    certs_pem(&crl, w.root);
    add("a certificate", trust, &crl, NULL, STIR_E_CRL);
    make(&crl, w.root, w.root_key, w.middle, false);
    with_ext(&crl, w.root_key, NID_delta_crl, "critical,DER:020101");
    add("a delta list", trust, &crl, NULL, STIR_E_CRL);
    make(&crl, w.root, w.root_key, w.middle, false);
    with_ext(&crl, w.root_key, NID_info_access, "critical,DER:3000");
    add("an unknown critical extension", trust, &crl, NULL, STIR_E_CRL);
    make(&crl, w.root, w.root_key, w.middle, true);
    with_ext(&crl, w.root_key, NID_issuing_distribution_point, NULL);
    add("certificateIssuer in a direct list", trust, &crl, NULL, STIR_E_CRL);
    verify("none of them is obeyed", trust, w.chain, CERTS_NOW, STIR_OK, "");

    make(&crl, w.middle, w.middle_key, w.leaf, false);
    size_t first = crl.len;
    UNIT_OK(stir_crl_make(&crl, w.root, w.root_key, NULL, 0, false, CERTS_NOW, CERTS_NOW + DAY, NULL));
    crl.ptr[first + 80] = '!';
    add("a good list, then a damaged one", trust, &crl, NULL, STIR_E_CRL);
    verify("nor the good one", trust, w.chain, CERTS_NOW, STIR_OK, "");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    tear_down(&w);
}

/* A list made with other means than ours: by whom, with which digest, without nextUpdate, entries with extensions. */
static void build(struct stir_buf *out, const struct world *w, EVP_PKEY *key, const EVP_MD *digest, bool next,
                  int entry_ext, bool critical)
{
    X509_CRL *list = X509_CRL_new();
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, CERTS_NOW - DAY);
    ASN1_TIME *until = ASN1_TIME_set(NULL, CERTS_NOW + DAY);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    (void)ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE);
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(w->root));
    X509_CRL_set1_lastUpdate(list, from);
    if (next) {
        X509_CRL_set1_nextUpdate(list, until);
    }
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(w->middle));
    X509_REVOKED_set_revocationDate(entry, from);
    if (entry_ext == NID_crl_reason) {
        CU_ASSERT_EQUAL(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, critical, 0), 1);
    }
    X509_CRL_add0_revoked(list, entry);
    CU_ASSERT_TRUE_FATAL(X509_CRL_sign(list, key, digest) > 0);
    unsigned char *der = NULL;
    int n = i2d_X509_CRL(list, &der);
    out->len = 0;
    stir_buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    ASN1_ENUMERATED_free(reason);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(list);
    ERR_clear_error();
}

static void test_foreign(void)
{
    struct world w;
    struct stir_buf crl = {0};
    set_up(&w);
    struct stir_trust *trust = trust_of(w.root);
    build(&crl, &w, w.root_key, EVP_sha256(), false, 0, false);
    add("no nextUpdate", trust, &crl, NULL, STIR_E_CRL);
    build(&crl, &w, w.root_key, EVP_sha1(), true, 0, false);
    add("SHA-1", trust, &crl, NULL, STIR_E_CRL);
    build(&crl, &w, certs_own_key(EVP_RSA_gen(2048)), EVP_sha256(), true, 0, false);
    add("RSA", trust, &crl, NULL, STIR_E_CRL);
    build(&crl, &w, w.root_key, EVP_sha256(), true, NID_crl_reason, true);
    add("a critical extension of an entry", trust, &crl, NULL, STIR_E_CRL);
    verify("none of them is obeyed", trust, w.chain, CERTS_NOW, STIR_OK, "");

    build(&crl, &w, w.root_key, EVP_sha256(), true, NID_crl_reason, false);
    for (size_t n = 0; n < crl.len; n++) {
        struct stir_buf part = {0};
        stir_buf_put(&part, crl.ptr, n);
        UNIT_CHECK(stir_trust_add_crl(trust, part.ptr, n, NULL) == STIR_E_CRL, "truncated to %zu", n);
        stir_buf_free(&part);
    }
    stir_buf_put(&crl, "", 1);
    add("an octet behind", trust, &crl, NULL, STIR_E_CRL);
    crl.len--;
    crl.ptr[crl.len - 3] ^= 1;
    add("a damaged signature", trust, &crl, NULL, STIR_E_CRL);
    crl.ptr[crl.len - 3] ^= 1;
    verify("nor these", trust, w.chain, CERTS_NOW, STIR_OK, "");
    add("DER, with a reason, without a key identifier", trust, &crl, NULL, STIR_OK);
    verify("revoked", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=middle");
    stir_trust_unref(trust);
    stir_buf_free(&crl);
    tear_down(&w);
}

/* Two roots of one name, and a list that does not say by key identifier whose it is. */
static void test_same_name(void)
{
    struct world w;
    struct stir_buf crl = {0};
    struct stir_buf roots = {0};
    struct stir_trust *trust = NULL;
    EVP_PKEY *twin_key = NULL;
    set_up(&w);
    X509 *twin = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &twin_key);
    certs_pem(&roots, w.root);
    certs_pem(&roots, twin);
    UNIT_OK(stir_trust_new(&trust, roots.ptr, roots.len, NULL));
    build(&crl, &w, twin_key, EVP_sha256(), true, 0, false);
    add("the twin's list", trust, &crl, NULL, STIR_OK);
    verify("is not for the other's certificates", trust, w.chain, CERTS_NOW, STIR_OK, "");
    build(&crl, &w, w.root_key, EVP_sha256(), true, 0, false);
    add("the root's list", trust, &crl, NULL, STIR_OK);
    verify("is", trust, w.chain, CERTS_NOW, STIR_E_CERT_REVOKED, "/CN=middle");
    stir_trust_unref(trust);
    stir_buf_free(&roots);
    stir_buf_free(&crl);
    tear_down(&w);
}

UNIT_MAIN("crl", {"direct lists", test_direct}, {"signatures of direct lists", test_direct_signature},
          {"policies", test_policy}, {"indirect lists", test_indirect},
          {"issuers of indirect lists", test_indirect_issuer},
          {"F18: issuers of indirect lists have roots of their own", test_signer_roots},
          {"issuing distribution points", test_points},
          {"distribution points of certificates", test_distribution_points}, {"refused", test_refused},
          {"lists of other make", test_foreign}, {"issuers of one name", test_same_name})
