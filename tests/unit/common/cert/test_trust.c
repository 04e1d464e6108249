/* SPDX-License-Identifier: MIT */
#include "common/cert/trust.h"

#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

#include <openssl/core_names.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Paths: roots, validity, constraints, algorithms, scope. Revocation is in test_crl.c. */

/* A root, an intermediate and a leaf under it. */
struct world {
    X509 *root, *middle, *leaf;
    EVP_PKEY *root_key, *middle_key, *leaf_key;
};

static void make_world(struct world *w)
{
    w->root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &w->root_key);
    w->middle = certs_make(
        (struct stir_cert_spec){.common_name = "middle", .ca = true, .issuer = w->root, .issuer_key = w->root_key},
        &w->middle_key);
    w->leaf =
        certs_make_for("spc:1234",
                       (struct stir_cert_spec){.common_name = "leaf", .issuer = w->middle, .issuer_key = w->middle_key},
                       &w->leaf_key);
}

/* A trust store of these certificates, up to the first NULL. */
static enum stir_code trust_new(struct stir_trust **out, X509 *const *roots, struct stir_error *err)
{
    struct stir_buf pem = {0};
    for (size_t i = 0; roots[i]; i++) {
        certs_pem(&pem, roots[i]);
    }
    enum stir_code code = stir_trust_new(out, pem.ptr, pem.len, err);
    stir_buf_free(&pem);
    return code;
}
#define ROOTS(...) ((X509 *const[]){__VA_ARGS__, NULL})
#define CHAIN(...) ((X509 *const[]){__VA_ARGS__, NULL})

/* Verifies a chain against roots at a time; the error text has to name `named`. */
static void check_at(const char *label, X509 *const *roots, X509 *const *certs, int64_t at, enum stir_code expected,
                     const char *named)
{
    struct stir_trust *trust = NULL;
    struct stir_error err = {0};
    struct stir_chain *chain = certs_chain(certs);
    if (UNIT_CODE(trust_new(&trust, roots, &err), STIR_OK, label)) {
        UNIT_CODE(stir_trust_verify(trust, chain, at, &err), expected, label);
        UNIT_CHECK(expected == STIR_OK || (err.code == expected && strstr(err.text, named)), "%s: %s", label, err.text);
        UNIT_CODE(stir_trust_verify(trust, chain, at, NULL), expected, label);
    }
    UNIT_CHECK(ERR_peek_error() == 0, "%s: left in OpenSSL's queue", label);
    stir_trust_unref(trust);
    stir_chain_unref(chain);
}

static void check(const char *label, X509 *const *roots, X509 *const *certs, enum stir_code expected, const char *named)
{
    check_at(label, roots, certs, CERTS_NOW, expected, named);
}

static X509 *under(const struct world *w, struct stir_cert_spec spec)
{
    spec.common_name = spec.common_name ? spec.common_name : "other";
    spec.issuer = spec.issuer ? spec.issuer : w->middle;
    spec.issuer_key = spec.issuer_key ? spec.issuer_key : w->middle_key;
    return certs_make_for("spc:1234", spec, NULL);
}

/* ---- roots ---- */

static void refuse_roots(const char *label, const void *pem, size_t n)
{
    struct stir_trust *trust = NULL;
    struct stir_error err = {0};
    UNIT_CODE(stir_trust_new(&trust, pem, n, &err), STIR_E_CERT, label);
    UNIT_CHECK(trust == NULL && err.code == STIR_E_CERT && err.text[0], "%s: %s", label, err.text);
    UNIT_CHECK(ERR_peek_error() == 0, "%s: left in OpenSSL's queue", label);
    stir_trust_unref(trust);
}

static void refuse_root(const char *label, X509 *cert)
{
    struct stir_buf pem = {0};
    certs_pem(&pem, cert);
    refuse_roots(label, pem.ptr, pem.len);
    stir_buf_free(&pem);
}

/* The same, its signature damaged. */
static X509 *forged(X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    const unsigned char *at = der;
    der[n - 3] ^= 1;
    X509 *copy = certs_own(d2i_X509(NULL, &at, n));
    OPENSSL_free(der);
    return copy;
}

/* ---- F17: RSA and P-521, and roots that cannot be used ---- */

/* A self-signed CA with this key. */
static X509 *root_of(const char *name, EVP_PKEY *key)
{
    return certs_make((struct stir_cert_spec){.common_name = name, .ca = true, .subject_key = key}, NULL);
}

/* The same certificate with its point written otherwise, signed again: 0x02/0x03 compressed, 0x06/0x07 hybrid. */
static X509 *with_point_form(const char *name, const char *curve, const char *form)
{
    EVP_PKEY *key = certs_own_key(EVP_EC_gen(curve));
    CU_ASSERT_EQUAL_FATAL(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form), 1);
    return root_of(name, key);
}

static void refuse_key(const char *label, EVP_PKEY *key)
{
    refuse_root(label, root_of("r", certs_own_key(key)));
}

static EVP_PKEY *explicit_curve(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    CU_ASSERT_EQUAL_FATAL(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"), 1);
    return key;
}

static EVP_PKEY *rsa_key(const char *type, unsigned long exponent)
{
    EVP_PKEY *key = NULL;
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    CU_ASSERT_TRUE_FATAL(BN_set_word(e, exponent) && EVP_PKEY_keygen_init(ctx) == 1 &&
                         EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
                         EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 && EVP_PKEY_generate(ctx, &key) == 1);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    return key;
}

static void test_roots(void)
{
    struct world w;
    struct stir_buf pem = {0};
    make_world(&w);
    refuse_roots("nothing", "", 0);
    refuse_roots("no block", "hello\n", 6);
    refuse_key("RSA of 1024 bits", EVP_RSA_gen(1024));
    refuse_key("RSA-PSS", rsa_key("RSA-PSS", 65537));
    refuse_key("an RSA exponent of 40 bits", rsa_key("RSA", 0xff00000001UL));
    refuse_key("P-224", EVP_EC_gen("P-224"));
    refuse_key("P-521 with its parameters spelled out", explicit_curve("P-521"));
    refuse_root("P-521 in hybrid form (RFC 5480 section 2.2)", with_point_form("r", "P-521", "hybrid"));
    refuse_root("only an intermediate", w.middle);
    refuse_root("a root whose signature is wrong", forged(w.root));
    certs_pem(&pem, w.root);
    for (size_t n = 0; n + 1 < pem.len; n++) {
        refuse_roots("truncated", pem.ptr, n);
    }
    stir_buf_free(&pem);
    certs_end();
}

/* What a trust file's reader was warned of. */
struct warned {
    size_t count;
    char text[8][512];
};

static void note(void *arg, const char *text)
{
    struct warned *warned = arg;
    if (warned->count < 8) {
        (void)snprintf(warned->text[warned->count], sizeof(warned->text[0]), "%s", text);
    }
    warned->count++;
}

static void test_roots_skipped(void)
{
    struct world w;
    struct stir_buf pem = {0};
    struct warned warned = {0};
    const struct stir_trust_warn warn = {.say = note, .arg = &warned};
    make_world(&w);
    stir_buf_puts(&pem, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    certs_pem(&pem, root_of("small", certs_own_key(EVP_RSA_gen(1024))));
    certs_pem(&pem, w.root);
    certs_pem(&pem, forged(w.root));
    stir_buf_puts(&pem, "-----BEGIN CERTIFICATE-----\nMIIC\n"); /* no end */
    struct stir_trust *trust = NULL;
    UNIT_OK(stir_trust_new_empty(&trust, NULL));
    UNIT_OK(stir_trust_add_roots(trust, pem.ptr, pem.len, &warn, NULL));
    CU_ASSERT_EQUAL(warned.count, 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(warned.text[0], "certificate 1 is skipped"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warned.text[1], "certificate 2 is skipped: /CN=small: the key is RSA of 1024 bits"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warned.text[2], "certificate 4 is skipped: /CN=root"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warned.text[3], "has no END line"));
    struct stir_chain *chain = CERTS_CHAIN(w.leaf, w.middle);
    UNIT_OK(stir_trust_verify(trust, chain, CERTS_NOW, NULL));
    stir_chain_unref(chain);
    /* the text in which nothing is left says why of the first one */
    struct stir_error err = {0};
    struct stir_buf none = {0};
    certs_pem(&none, root_of("small", certs_own_key(EVP_RSA_gen(1024))));
    UNIT_CODE(stir_trust_add_roots(trust, none.ptr, none.len, NULL, &err), STIR_E_CERT, "no root is left");
    UNIT_CHECK(strstr(err.text, "no usable root: certificate 1: /CN=small"), "%s", err.text);
    stir_buf_free(&none);
    stir_buf_free(&pem);
    stir_trust_unref(trust);
    certs_end();
}

static void test_all_keys(void)
{
    struct world w;
    make_world(&w);
    EVP_PKEY *keys[] = {certs_own_key(EVP_RSA_gen(2048)), certs_own_key(EVP_EC_gen("P-521")), w.root_key};
    X509 *roots[] = {root_of("RSA root", keys[0]), root_of("P-521 root", keys[1]), w.root, NULL};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct stir_cert_spec ca = {
                .common_name = "CA", .ca = true, .subject_key = keys[j], .issuer = roots[i], .issuer_key = keys[i]};
            X509 *middle = certs_make(ca, NULL);
            X509 *leaf = under(&w, (struct stir_cert_spec){.issuer = middle, .issuer_key = keys[j]});
            check("RSA and P-521 in every place", roots, CHAIN(leaf, middle), STIR_OK, "");
            check("forged below RSA or P-521", roots, CHAIN(forged(leaf), middle), STIR_E_CERT_UNTRUSTED, "other");
        }
    }
    X509 *compressed = with_point_form("compressed", "P-521", "compressed");
    check("a compressed point", ROOTS(w.root, compressed), CHAIN(w.leaf, w.middle), STIR_OK, "");
    certs_end();
}

static void test_good(void)
{
    struct world w;
    struct world other;
    make_world(&w);
    make_world(&other);
    X509 *direct = under(&w, (struct stir_cert_spec){.issuer = w.root, .issuer_key = w.root_key});
    check("root, leaf", ROOTS(w.root), CHAIN(direct), STIR_OK, "");
    check("root, middle, leaf", ROOTS(w.root), CHAIN(w.leaf, w.middle), STIR_OK, "");
    check("the root in the chain", ROOTS(w.root), CHAIN(w.leaf, w.middle, w.root), STIR_OK, "");
    check("another order", ROOTS(w.root), CHAIN(w.leaf, w.root, w.middle), STIR_OK, "");
    check("something else in the chain", ROOTS(w.root), CHAIN(w.leaf, other.middle, w.middle, other.leaf), STIR_OK, "");
    check("the leaf twice", ROOTS(w.root), CHAIN(w.leaf, w.leaf, w.middle), STIR_OK, "");
    check("several roots", ROOTS(other.root, w.root), CHAIN(w.leaf, w.middle), STIR_OK, "");
    check("the root twice", ROOTS(w.root, w.root), CHAIN(w.leaf, w.middle), STIR_OK, "");
    check("the intermediate beside the root", ROOTS(w.root, w.middle), CHAIN(w.leaf), STIR_OK, "");
    certs_end();
}

static void test_untrusted(void)
{
    struct world w;
    struct world other; /* the same names, other keys */
    make_world(&w);
    make_world(&other);
    X509 *self = certs_make_for("spc:1234", (struct stir_cert_spec){.common_name = "self"}, NULL);
    check("another root of that name", ROOTS(other.root), CHAIN(w.leaf, w.middle), STIR_E_CERT_UNTRUSTED, "middle");
    check("both roots of that name", ROOTS(other.root, w.root), CHAIN(w.leaf, w.middle), STIR_OK, "");
    check("another root of that name in the chain", ROOTS(other.root), CHAIN(w.leaf, w.middle, w.root),
          STIR_E_CERT_UNTRUSTED, "root");
    check("no intermediate", ROOTS(w.root), CHAIN(w.leaf), STIR_E_CERT_UNTRUSTED, "leaf");
    check("another intermediate of that name", ROOTS(w.root, other.root), CHAIN(w.leaf, other.middle),
          STIR_E_CERT_UNTRUSTED, "leaf");
    check("an intermediate among the roots without its root", ROOTS(other.root, w.middle), CHAIN(w.leaf),
          STIR_E_CERT_UNTRUSTED, "middle");
    check("self-signed", ROOTS(w.root), CHAIN(self), STIR_E_CERT_UNTRUSTED, "self");
    check("self-signed, and trusted", ROOTS(self), CHAIN(self), STIR_OK, "");
    check("a forged leaf", ROOTS(w.root), CHAIN(forged(w.leaf), w.middle), STIR_E_CERT_UNTRUSTED, "leaf");
    check("a forged intermediate", ROOTS(w.root), CHAIN(w.leaf, forged(w.middle)), STIR_E_CERT_UNTRUSTED, "middle");
    struct stir_trust *trust = NULL;
    struct stir_chain *chain = NULL;
    UNIT_OK(trust_new(&trust, ROOTS(w.root), NULL));
    UNIT_OK(stir_chain_parse(&chain, CERTS_RFC9118, strlen(CERTS_RFC9118), NULL));
    UNIT_CODE(stir_trust_verify(trust, chain, 1640000000, NULL), STIR_E_CERT_UNTRUSTED, "RFC 9118's certificate");
    stir_chain_unref(chain);
    stir_trust_unref(trust);
    certs_end();
}

/* F36: what is missing in a chain is named. */
static void test_missing(void)
{
    struct world w;
    struct world other;
    make_world(&w);
    make_world(&other);
    struct stir_trust *trust = NULL;
    struct stir_error err = {0};
    UNIT_OK(trust_new(&trust, ROOTS(w.root), NULL));
    struct stir_chain *chain = CERTS_CHAIN(w.leaf);
    chain->from = STIR_CHAIN_X5U;
    UNIT_CODE(stir_trust_verify(trust, chain, CERTS_NOW, &err), STIR_E_CERT_UNTRUSTED, "only the leaf");
    UNIT_CHECK(strstr(err.text, "x5u served only the leaf, without CN=middle"), "%s", err.text);
    stir_chain_unref(chain);
    chain = CERTS_CHAIN(w.leaf, other.leaf);
    UNIT_CODE(stir_trust_verify(trust, chain, CERTS_NOW, &err), STIR_E_CERT_UNTRUSTED, "another's certificate");
    UNIT_CHECK(strstr(err.text, "the chain has 2 certificates, without its issuer CN=middle"), "%s", err.text);
    stir_chain_unref(chain);
    chain = CERTS_CHAIN(other.leaf, other.middle, other.root);
    UNIT_CODE(stir_trust_verify(trust, chain, CERTS_NOW, &err), STIR_E_CERT_UNTRUSTED, "another root");
    UNIT_CHECK(!strstr(err.text, "without"), "%s", err.text);
    stir_chain_unref(chain);
    stir_trust_unref(trust);
    certs_end();
}

/* ---- time ---- */

static void test_time(void)
{
    struct world w;
    make_world(&w);
    int64_t begin = CERTS_NOW - CERTS_YEAR;
    int64_t end = CERTS_NOW + CERTS_YEAR;
    check_at("the first second", ROOTS(w.root), CHAIN(w.leaf, w.middle), begin, STIR_OK, "");
    check_at("before it", ROOTS(w.root), CHAIN(w.leaf, w.middle), begin - 1, STIR_E_CERT_TIME, "root");
    check_at("a second before the end", ROOTS(w.root), CHAIN(w.leaf, w.middle), end - 1, STIR_OK, "");
    check_at("after the end", ROOTS(w.root), CHAIN(w.leaf, w.middle), end + 1, STIR_E_CERT_TIME, "root");
    check_at("the beginning of time", ROOTS(w.root), CHAIN(w.leaf, w.middle), 0, STIR_E_CERT_TIME, "root");
    check_at("before the beginning of time", ROOTS(w.root), CHAIN(w.leaf, w.middle), -1, STIR_E_CERT_TIME, "root");
    check_at("very far", ROOTS(w.root), CHAIN(w.leaf, w.middle), INT64_MAX, STIR_E_CERT_TIME, "");

    EVP_PKEY *key = NULL;
    X509 *past = under(&w, (struct stir_cert_spec){.not_after = CERTS_NOW - 1});
    X509 *future = under(&w, (struct stir_cert_spec){.not_before = CERTS_NOW + 1});
    X509 *middle_past = certs_make((struct stir_cert_spec){.common_name = "old",
                                                           .ca = true,
                                                           .issuer = w.root,
                                                           .issuer_key = w.root_key,
                                                           .not_after = CERTS_NOW - 1},
                                   &key);
    X509 *below = under(&w, (struct stir_cert_spec){.issuer = middle_past, .issuer_key = key});
    check("an expired leaf", ROOTS(w.root), CHAIN(past, w.middle), STIR_E_CERT_TIME, "other");
    check_at("an expired leaf, as of then", ROOTS(w.root), CHAIN(past, w.middle), CERTS_NOW - 2, STIR_OK, "");
    check("a leaf not yet valid", ROOTS(w.root), CHAIN(future, w.middle), STIR_E_CERT_TIME, "other");
    check("an expired intermediate", ROOTS(w.root), CHAIN(below, middle_past), STIR_E_CERT_TIME, "old");
    check_at("an expired intermediate, as of then", ROOTS(w.root), CHAIN(below, middle_past), CERTS_NOW - 2, STIR_OK,
             "");
    certs_end();
}

/* ---- constraints ---- */

static void test_issuers(void)
{
    struct world w;
    EVP_PKEY *key = NULL;
    make_world(&w);
    X509 *end_entity = under(&w, (struct stir_cert_spec){.common_name = "not a CA", .subject_key = w.leaf_key});
    X509 *below = under(&w, (struct stir_cert_spec){.issuer = end_entity, .issuer_key = w.leaf_key});
    check("an issuer that is no CA", ROOTS(w.root), CHAIN(below, end_entity, w.middle), STIR_E_CERT_UNTRUSTED, "");

    struct stir_cert_spec ca = {.common_name = "CA", .ca = true, .issuer = w.root, .issuer_key = w.root_key};
    X509 *good = certs_make(ca, &key);
    X509 *under_good = under(&w, (struct stir_cert_spec){.issuer = good, .issuer_key = key});
    check("a CA", ROOTS(w.root), CHAIN(under_good, good), STIR_OK, "");
    X509 *bare = certs_without_ext(good, w.root_key, NID_basic_constraints);
    check("an issuer without basicConstraints", ROOTS(w.root), CHAIN(under_good, bare), STIR_E_CERT_UNTRUSTED, "CA");
    X509 *no_usage = certs_without_ext(good, w.root_key, NID_key_usage);
    check("an issuer without keyUsage", ROOTS(w.root), CHAIN(under_good, no_usage), STIR_OK, "");
    X509 *sign_only = certs_with_ext(no_usage, w.root_key, "2.5.29.15", (const uint8_t *)"\x03\x02\x07\x80", 4, true);
    check("an issuer without keyCertSign", ROOTS(w.root), CHAIN(under_good, sign_only), STIR_E_CERT_UNTRUSTED, "");
    certs_end();
}

static void test_path_length(void)
{
    struct world w;
    EVP_PKEY *keys[STIR_CHAIN_MAX];
    X509 *chain[STIR_CHAIN_MAX + 1] = {0};
    make_world(&w);
    struct stir_cert_spec ca = {
        .common_name = "short", .ca = true, .path_len = 1 /* 0 */, .issuer = w.root, .issuer_key = w.root_key};
    X509 *zero = certs_make(ca, &keys[0]);
    ca = (struct stir_cert_spec){.common_name = "sub", .ca = true, .issuer = zero, .issuer_key = keys[0]};
    X509 *sub = certs_make(ca, &keys[1]);
    X509 *leaf = under(&w, (struct stir_cert_spec){.issuer = zero, .issuer_key = keys[0]});
    X509 *deep = under(&w, (struct stir_cert_spec){.issuer = sub, .issuer_key = keys[1]});
    check("a path length of 0, a leaf below", ROOTS(w.root), CHAIN(leaf, zero), STIR_OK, "");
    check("a path length of 0, a CA below", ROOTS(w.root), CHAIN(deep, sub, zero), STIR_E_CERT_UNTRUSTED, "short");

    /* as long as a chain can be */
    X509 *issuer = w.root;
    EVP_PKEY *issuer_key = w.root_key;
    for (size_t i = STIR_CHAIN_MAX - 1; i > 0; i--) {
        char name[8];
        (void)snprintf(name, sizeof(name), "CA %zu", i);
        ca = (struct stir_cert_spec){.common_name = name, .ca = true, .issuer = issuer, .issuer_key = issuer_key};
        chain[i] = issuer = certs_make(ca, &keys[i]);
        issuer_key = keys[i];
    }
    chain[0] = under(&w, (struct stir_cert_spec){.issuer = issuer, .issuer_key = issuer_key});
    check("eight certificates", ROOTS(w.root), chain, STIR_OK, "");
    certs_end();
}

static X509 *signed_with(X509 *cert, EVP_PKEY *issuer_key, const EVP_MD *digest)
{
    X509 *copy = certs_own(X509_dup(cert));
    CU_ASSERT_TRUE_FATAL(X509_sign(copy, issuer_key, digest) > 0);
    return certs_own(X509_dup(copy));
}

static void test_algorithms(void)
{
    static const struct {
        const char *curve;
        enum stir_code code;
    } rows[] = {
        {"P-256", STIR_OK},
        {"P-384", STIR_OK},
        {"P-521", STIR_OK},
        {"P-224", STIR_E_CERT_UNTRUSTED},
        {"secp256k1", STIR_E_CERT_UNTRUSTED},
        {NULL, STIR_OK},
    };
    struct world w;
    make_world(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *label = rows[i].curve ? rows[i].curve : "RSA";
        EVP_PKEY *key = certs_own_key(rows[i].curve ? EVP_EC_gen(rows[i].curve) : EVP_RSA_gen(2048));
        X509 *ca = certs_make((struct stir_cert_spec){.common_name = "CA",
                                                      .ca = true,
                                                      .subject_key = key,
                                                      .issuer = w.root,
                                                      .issuer_key = w.root_key},
                              NULL);
        X509 *leaf = under(&w, (struct stir_cert_spec){.issuer = ca, .issuer_key = key});
        check(label, ROOTS(w.root), CHAIN(leaf, ca), rows[i].code, rows[i].curve ? "CA" : "other");
    }
    check("SHA-1", ROOTS(w.root), CHAIN(signed_with(w.leaf, w.middle_key, EVP_sha1()), w.middle), STIR_E_CERT_UNTRUSTED,
          "leaf");
    check("SHA-224", ROOTS(w.root), CHAIN(w.leaf, signed_with(w.middle, w.root_key, EVP_sha224())),
          STIR_E_CERT_UNTRUSTED, "middle");
    check("SHA-384", ROOTS(w.root), CHAIN(signed_with(w.leaf, w.middle_key, EVP_sha384()), w.middle), STIR_OK, "");
    check("SHA-512", ROOTS(w.root), CHAIN(signed_with(w.leaf, w.middle_key, EVP_sha512()), w.middle), STIR_OK, "");
    X509 *root384 = certs_make((struct stir_cert_spec){.common_name = "root 384",
                                                       .subject_key = certs_own_key(EVP_EC_gen("P-384")),
                                                       .ca = true},
                               NULL);
    EVP_PKEY *key384 = certs_owned.keys[certs_owned.key_count - 1];
    check("a root on P-384", ROOTS(root384),
          CHAIN(under(&w, (struct stir_cert_spec){.issuer = root384, .issuer_key = key384})), STIR_OK, "");
    certs_end();
}

static void test_critical(void)
{
    static const uint8_t null[] = {0x05, 0x00};
    static const uint8_t spc[] = {0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, '1', '2', '3', '4'};
    static const uint8_t constraints[] = {0x30, 0x07, 0xa0, 0x05, 0x30, 0x03, 0x16, 0x01, 'a'};
    struct world w;
    EVP_PKEY *key = NULL;
    make_world(&w);
    struct stir_cert_spec spec = {.common_name = "marked", .issuer = w.middle, .issuer_key = w.middle_key};
    X509 *bare = certs_make(spec, &key);
    X509 *marked = certs_with_ext(bare, w.middle_key, "1.3.6.1.5.5.7.1.26", spc, sizeof(spc), true);
    check("TNAuthList marked critical", ROOTS(w.root), CHAIN(marked, w.middle), STIR_OK, "");
    X509 *more = certs_with_ext(marked, w.middle_key, "1.3.6.1.5.5.7.1.27", constraints, sizeof(constraints), true);
    check("JWTClaimConstraints too", ROOTS(w.root), CHAIN(more, w.middle), STIR_OK, "");
    more = certs_with_ext(marked, w.middle_key, "1.3.6.1.5.5.7.1.33", constraints, sizeof(constraints), true);
    check("EnhancedJWTClaimConstraints too", ROOTS(w.root), CHAIN(more, w.middle), STIR_OK, "");
    more = certs_with_ext(marked, w.middle_key, "1.3.6.1.4.1.99999.1", null, sizeof(null), true);
    check("an unknown one beside them", ROOTS(w.root), CHAIN(more, w.middle), STIR_E_CERT, "marked");
    more = certs_with_ext(marked, w.middle_key, "1.3.6.1.4.1.99999.1", null, sizeof(null), false);
    check("an unknown one that is not critical", ROOTS(w.root), CHAIN(more, w.middle), STIR_OK, "");
    X509 *middle = certs_with_ext(w.middle, w.root_key, "1.3.6.1.4.1.99999.1", null, sizeof(null), true);
    check("an unknown one in the intermediate", ROOTS(w.root), CHAIN(w.leaf, middle), STIR_E_CERT, "middle");
    middle = certs_with_ext(w.middle, w.root_key, "1.3.6.1.5.5.7.1.26", spc, sizeof(spc), true);
    check("TNAuthList marked in the intermediate", ROOTS(w.root), CHAIN(w.leaf, middle), STIR_OK, "");
    /* constraints of a CA say nothing of PASSporTs: "applicable only to end-entity certificates" */
    middle = certs_with_ext(w.middle, w.root_key, "1.3.6.1.5.5.7.1.27", null, sizeof(null), false);
    check("constraints in the intermediate", ROOTS(w.root), CHAIN(w.leaf, middle), STIR_OK, "");
    certs_end();
}

static void test_leaf(void)
{
    struct world w;
    make_world(&w);
    X509 *ca = under(&w, (struct stir_cert_spec){.common_name = "delegate", .ca = true});
    check("a CA as leaf", ROOTS(w.root), CHAIN(ca, w.middle), STIR_E_CERT, "delegate");
    X509 *any_use = certs_without_ext(ca, w.middle_key, NID_key_usage);
    check("a CA as leaf, for any use", ROOTS(w.root), CHAIN(any_use, w.middle), STIR_E_CERT, "delegate");
    X509 *lists = under(&w, (struct stir_cert_spec){.common_name = "lists", .crl_issuer = true});
    check("a key that is not for signatures", ROOTS(w.root), CHAIN(lists, w.middle), STIR_E_CERT, "lists");
    X509 *no_usage = certs_without_ext(w.leaf, w.middle_key, NID_key_usage);
    check("no key usage", ROOTS(w.root), CHAIN(no_usage, w.middle), STIR_OK, "");
    X509 *no_constraints = certs_without_ext(w.leaf, w.middle_key, NID_basic_constraints);
    check("no basicConstraints", ROOTS(w.root), CHAIN(no_constraints, w.middle), STIR_OK, "");
    X509 *tls = under(&w, (struct stir_cert_spec){.dns_names = "DNS:example.com", .tls_client = true});
    check("purposes of TLS do not matter", ROOTS(w.root), CHAIN(tls, w.middle), STIR_OK, "");
    certs_end();
}

/* ---- scope ---- */

static X509 *maybe_for(const char *tnauth, struct stir_cert_spec spec, EVP_PKEY **key)
{
    return tnauth ? certs_make_for(tnauth, spec, key) : certs_make(spec, key);
}

static void test_scope(void)
{
    static const struct {
        const char *root, *upper, *lower, *leaf; /* NULL: no TNAuthList */
        enum stir_code code;
        const char *named;
    } rows[] = {
        {NULL, NULL, NULL, "spc:1234,tn:1", STIR_OK, ""},
        {NULL, "spc:1234", "spc:1234", "spc:1234", STIR_OK, ""},
        {NULL, "spc:1234", "range:12155551000+1000", "tn:12155551500", STIR_OK, ""},
        {NULL, "spc:1234", "range:12155551000+1000", "tn:12155552000", STIR_E_CERT_SCOPE, "/CN=leaf"},
        {NULL, "spc:1234", "range:12155551000+1000", "spc:1234", STIR_E_CERT_SCOPE, "/CN=lower"},
        {NULL, "spc:1234", "spc:1234", "spc:5678", STIR_E_CERT_SCOPE, "/CN=lower"},
        {NULL, "spc:1234", "spc:5678", "spc:5678", STIR_E_CERT_SCOPE, "/CN=upper"},
        {NULL, "tn:12155551500", "range:12155551000+1000", "tn:12155551500", STIR_E_CERT_SCOPE, "/CN=upper"},
        /* a CA without a list does not narrow, and does not hide the list above it */
        {NULL, "range:12155551000+1000", NULL, "tn:12155551500", STIR_OK, ""},
        {NULL, "range:12155551000+1000", NULL, "tn:12155552500", STIR_E_CERT_SCOPE, "/CN=upper"},
        {NULL, NULL, "range:12155551000+1000", "tn:12155551500", STIR_OK, ""},
        /* a root's list counts too */
        {"range:12155551000+1000", NULL, NULL, "tn:12155551500", STIR_OK, ""},
        {"range:12155551000+1000", NULL, NULL, "tn:12155552500", STIR_E_CERT_SCOPE, "/CN=root"},
        {"spc:1234", NULL, NULL, "spc:5678", STIR_E_CERT_SCOPE, "/CN=root"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *keys[3];
        char label[32];
        X509 *root = maybe_for(rows[i].root, (struct stir_cert_spec){.common_name = "root", .ca = true}, &keys[0]);
        X509 *upper = maybe_for(
            rows[i].upper,
            (struct stir_cert_spec){.common_name = "upper", .ca = true, .issuer = root, .issuer_key = keys[0]},
            &keys[1]);
        X509 *lower = maybe_for(
            rows[i].lower,
            (struct stir_cert_spec){.common_name = "lower", .ca = true, .issuer = upper, .issuer_key = keys[1]},
            &keys[2]);
        X509 *leaf =
            certs_make_for(rows[i].leaf,
                           (struct stir_cert_spec){.common_name = "leaf", .issuer = lower, .issuer_key = keys[2]},
                           NULL);
        (void)snprintf(label, sizeof(label), "row %zu", i);
        check(label, ROOTS(root), CHAIN(leaf, lower, upper), rows[i].code, rows[i].named);
        certs_end();
    }
}

/* The number table limits what a CA can delegate whose TNAuthList names its provider only (RFC 9060 section 4). */
static void test_scope_by_table(void)
{
    static const char csv[] = "1215555,1234\n1215556,1000\n";
    static const struct {
        const char *middle, *leaf;
        enum stir_code code;
    } rows[] = {
        {"spc:1234", "tn:12155551212", STIR_OK},
        {"spc:1234", "range:12155551000+1000", STIR_OK},
        {"spc:1234", "spc:1234", STIR_OK},
        {"spc:1234", "tn:12155561212", STIR_E_CERT_SCOPE}, /* another provider's */
        {"spc:1234", "tn:12155571212", STIR_E_CERT_SCOPE}, /* nobody's */
        {"spc:1234", "range:12155559000+2000", STIR_E_CERT_SCOPE},
        {"spc:1000,spc:1234", "range:12155559000+2000", STIR_OK},
        {NULL, "tn:12155571212", STIR_OK}, /* such a CA does not narrow */
    };
    struct stir_numtable *table = NULL;
    UNIT_OK(stir_numtable_parse(&table, csv, sizeof(csv) - 1, NULL));
    UNIT_NEED(table);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *keys[2];
        struct stir_trust *trust = NULL;
        struct stir_error err = {0};
        X509 *root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &keys[0]);
        X509 *middle = maybe_for(
            rows[i].middle,
            (struct stir_cert_spec){.common_name = "middle", .ca = true, .issuer = root, .issuer_key = keys[0]},
            &keys[1]);
        X509 *leaf =
            certs_make_for(rows[i].leaf,
                           (struct stir_cert_spec){.common_name = "leaf", .issuer = middle, .issuer_key = keys[1]},
                           NULL);
        struct stir_chain *chain = certs_chain(CHAIN(leaf, middle));
        UNIT_OK(trust_new(&trust, ROOTS(root), &err));
        UNIT_CODE(stir_trust_verify(trust, chain, CERTS_NOW, &err), STIR_OK, "without a table");
        stir_trust_set_numbers(trust, table);
        UNIT_CODE(stir_trust_verify(trust, chain, CERTS_NOW, &err), rows[i].code, rows[i].leaf);
        UNIT_CHECK(rows[i].code == STIR_OK || strstr(err.text, "the number table decides"), "%s: %s", rows[i].leaf,
                   err.text);
        stir_trust_unref(trust);
        stir_chain_unref(chain);
        certs_end();
    }
    stir_numtable_unref(table);
}

static void test_scope_malformed(void)
{
    static const uint8_t bare[] = {0x16, 0x04, '1', '2', '3', '4'};
    static const uint8_t good[] = {0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, '1', '2', '3', '4'};
    /* authorityInfoAccess: id-ad-stirTNList at https://a.b/ */
    static const uint8_t by_reference[] = "\x30\x18\x30\x16\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x0e\x86\x0a"
                                          "https://ab";
    static const uint8_t by_ocsp[] = "\x30\x18\x30\x16\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01\x86\x0a"
                                     "https://ab";
    struct world w;
    make_world(&w);
    X509 *middle = certs_with_ext(w.middle, w.root_key, "1.3.6.1.5.5.7.1.26", bare, sizeof(bare), false);
    check("a malformed list above", ROOTS(w.root), CHAIN(w.leaf, middle), STIR_E_CERT, "middle");
    middle = certs_with_ext(w.middle, w.root_key, "1.3.6.1.5.5.7.1.26", good, sizeof(good), false);
    check("a good list above", ROOTS(w.root), CHAIN(w.leaf, middle), STIR_OK, "");
    X509 *twice = certs_with_ext(middle, w.root_key, "1.3.6.1.5.5.7.1.26", good, sizeof(good), false);
    check("two lists above", ROOTS(w.root), CHAIN(w.leaf, twice), STIR_E_CERT, "middle");
    X509 *elsewhere =
        certs_with_ext(w.middle, w.root_key, "1.3.6.1.5.5.7.1.1", by_reference, sizeof(by_reference) - 1, false);
    check("a list by reference above", ROOTS(w.root), CHAIN(w.leaf, elsewhere), STIR_E_CERT_SCOPE, "middle");
    X509 *ocsp = certs_with_ext(w.middle, w.root_key, "1.3.6.1.5.5.7.1.1", by_ocsp, sizeof(by_ocsp) - 1, false);
    check("another access method", ROOTS(w.root), CHAIN(w.leaf, ocsp), STIR_OK, "");
    X509 *unnamed = certs_without_ext(w.leaf, w.middle_key, NID_authority_key_identifier);
    check("a delegate that does not name its parent's key", ROOTS(w.root), CHAIN(unnamed, middle), STIR_E_CERT, "leaf");
    check("no delegate, so it need not", ROOTS(w.root), CHAIN(unnamed, w.middle), STIR_OK, "");
    certs_end();
}

/* ---- lists that are fetched ---- */

/* What stir_trust_verify_path says of a chain: `missing` is compared. */
static void check_lists(const char *label, const struct stir_trust *trust, const struct stir_chain *chain, int missing,
                        enum stir_code expected)
{
    struct stir_error err = {0};
    struct stir_chain_used used;
    UNIT_CODE(stir_trust_verify_path(trust, chain, CERTS_NOW, &used, &err), expected, label);
    UNIT_CHECK(used.lacks == missing, "%s: lacks %d, not %d", label, used.lacks, missing);
}

/* An authority whose TNAuthList is elsewhere (RFC 8226 section 10.1): its list counts once it was added. */
static void test_lists_added(void)
{
    static const struct {
        const char *label, *list;
        enum stir_code code;
    } rows[] = {
        {"covers the leaf",
         "\x30\x08\xa0\x06\x16\x04"
         "1234",
         STIR_OK},
        {"does not cover the leaf",
         "\x30\x08\xa0\x06\x16\x04"
         "9999",
         STIR_E_CERT_SCOPE},
        {"nothing in it can be acted on",
         "\x30\x08\xa0\x06\x16\x04"
         "12_4",
         STIR_E_CERT_SCOPE},
    };
    struct world w;
    struct stir_trust *trust = NULL;
    struct stir_chain *added = NULL;
    uint8_t key[2][STIR_CHAIN_LIST_KEY];
    make_world(&w);
    UNIT_OK(trust_new(&trust, ROOTS(w.root), NULL));
    X509 *elsewhere = certs_with_list_at(w.middle, w.root_key, "https://a.example/list");
    struct stir_chain *chain = CERTS_CHAIN(w.leaf, elsewhere);
    check_lists("before it is fetched", trust, chain, 1, STIR_OK);
    UNIT_CODE(stir_trust_verify(trust, chain, CERTS_NOW, NULL), STIR_E_CERT_SCOPE, "nobody fetches it");
    CU_ASSERT_TRUE(stir_chain_lacks_lists(chain));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CODE(stir_chain_with_list(&added, chain, 1, rows[i].list, 10, NULL), STIR_OK, rows[i].label);
        CU_ASSERT_FALSE(stir_chain_lacks_lists(added));
        check_lists(rows[i].label, trust, added, -1, rows[i].code);
        UNIT_CODE(stir_trust_verify(trust, added, CERTS_NOW, NULL), rows[i].code, rows[i].label);
        stir_chain_unref(added);
    }
    CU_ASSERT_EQUAL(stir_chain_with_list(&added, chain, 1, "x", 1, NULL), STIR_E_CERT);
    CU_ASSERT_TRUE(stir_chain_list_key(key[0], chain, 0));
    CU_ASSERT_TRUE(stir_chain_list_key(key[1], chain, 1));
    CU_ASSERT_NOT_EQUAL(memcmp(key[0], key[1], sizeof(key[0])), 0);
    stir_chain_unref(chain);
    /* a certificate that is not on the path makes nobody fetch anything */
    chain = CERTS_CHAIN(w.leaf, w.middle, elsewhere, certs_with_list_at(w.leaf, w.leaf_key, "https://b.example/list"));
    check_lists("not on the path", trust, chain, -1, STIR_OK);
    stir_chain_unref(chain);
    /* both, the leaf's first */
    X509 *leaf = certs_with_list_at(
        certs_make((struct stir_cert_spec){.common_name = "leaf", .issuer = elsewhere, .issuer_key = w.middle_key},
                   NULL),
        w.middle_key, "https://a.example/leaf");
    chain = CERTS_CHAIN(leaf, elsewhere);
    check_lists("the leaf's", trust, chain, 0, STIR_OK);
    UNIT_OK(stir_chain_with_list(&added, chain, 0, rows[0].list, 10, NULL));
    check_lists("then its authority's", trust, added, 1, STIR_OK);
    stir_chain_unref(added);
    stir_chain_unref(chain);
    stir_trust_unref(trust);
    certs_end();
}

/* ---- threads ---- */

struct shared {
    struct stir_trust *trust;
    struct stir_chain *chain;
};

static void *verify_often(void *arg)
{
    struct shared *shared = arg;
    struct stir_trust *trust = stir_trust_ref(shared->trust);
    for (int i = 0; i < 50; i++) {
        if (stir_trust_verify(trust, shared->chain, CERTS_NOW, NULL) != STIR_OK ||
            stir_trust_verify(trust, shared->chain, 0, NULL) != STIR_E_CERT_TIME) {
            return arg;
        }
    }
    stir_trust_unref(trust);
    return NULL;
}

static void test_threads(void)
{
    struct world w;
    struct shared shared = {0};
    pthread_t threads[4];
    struct stir_buf crls = {0};
    make_world(&w);
    X509 *others[] = {under(&w, (struct stir_cert_spec){0}), under(&w, (struct stir_cert_spec){0})};
    UNIT_OK(trust_new(&shared.trust, ROOTS(w.root), NULL));
    UNIT_OK(stir_crl_make(&crls, w.middle, w.middle_key, others, 2, false, CERTS_NOW, CERTS_NOW + 100, NULL));
    UNIT_OK(stir_crl_make(&crls, w.root, w.root_key, others, 2, true, CERTS_NOW, CERTS_NOW + 100, NULL));
    UNIT_OK(stir_trust_add_crl(shared.trust, crls.ptr, crls.len, NULL));
    stir_trust_set_crl_policy(shared.trust, STIR_CRL_REQUIRED);
    shared.chain = CERTS_CHAIN(w.leaf, w.middle);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, verify_often, &shared), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed = &shared;
        CU_ASSERT_EQUAL(pthread_join(threads[i], &failed), 0);
        CU_ASSERT_PTR_NULL(failed);
    }
    stir_trust_unref(shared.trust);
    stir_trust_unref(NULL);
    stir_chain_unref(shared.chain);
    stir_buf_free(&crls);
    certs_end();
}

UNIT_MAIN("trust", {"roots", test_roots}, {"F17: a root that cannot be used is skipped and named", test_roots_skipped},
          {"F17: RSA and P-521 verify", test_all_keys}, {"good chains", test_good},
          {"chains to no trusted root", test_untrusted}, {"F36: what is missing is named", test_missing},
          {"validity", test_time}, {"issuers", test_issuers}, {"path length", test_path_length},
          {"algorithms", test_algorithms}, {"critical extensions", test_critical}, {"the leaf", test_leaf},
          {"TNAuthLists cover each other", test_scope},
          {"F13: the number table limits delegation", test_scope_by_table},
          {"TNAuthLists that cannot be read", test_scope_malformed},
          {"TNAuthLists of authorities that are fetched", test_lists_added}, {"shared between threads", test_threads})
