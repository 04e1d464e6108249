/* SPDX-License-Identifier: MIT */
#include "common/cert/chain.h"

#include "common/cert/pem.h"
#include "common/jose/key.h"

#include "common/cert/pem.h"
#include "common/cert/x509.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- helpers ---- */

/* Parses a copy in a block of just that size, so that a sanitizer sees a read past the end. */
static enum stir_code parse(struct stir_chain **out, const void *data, size_t n, struct stir_error *err)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (n > 0) {
        memcpy(exact, data, n);
    }
    enum stir_code code = stir_chain_parse(out, exact, n, err);
    free(exact);
    return code;
}

/* It is refused with this code, a text, and nothing left behind. */
static void refuse(const char *label, const void *data, size_t n, enum stir_code expected)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    UNIT_CODE(parse(&chain, data, n, &err), expected, label);
    UNIT_CHECK(chain == NULL, "%s: touched", label);
    UNIT_CHECK(err.code == expected && err.text[0], "%s: no text", label);
    UNIT_CHECK(ERR_peek_error() == 0, "%s: left in OpenSSL's queue", label);
    stir_chain_unref(chain);
}

static void accept(const char *label, const void *data, size_t n, size_t count)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    if (UNIT_CODE(parse(&chain, data, n, &err), STIR_OK, label)) {
        UNIT_CHECK(chain->count == count, "%s: %zu certificates", label, chain->count);
    } else {
        UNIT_CHECK(false, "%s", err.text);
    }
    stir_chain_unref(chain);
}

struct fixture {
    X509 *root, *middle, *leaf;
    EVP_PKEY *root_key, *middle_key, *leaf_key;
    struct stir_buf leaf_pem, chain_pem;
    unsigned char *der;
    size_t der_len;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){0};
    f->root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &f->root_key);
    f->middle = certs_make((struct stir_cert_spec){.common_name = "middle",
                                                   .ca = true,
                                                   .issuer = f->root,
                                                   .issuer_key = f->root_key,
                                                   .not_after = CERTS_NOW + 7},
                           &f->middle_key);
    f->leaf =
        certs_make_for("spc:1234,range:12155551000+100,tn:*69",
                       (struct stir_cert_spec){.common_name = "leaf", .issuer = f->middle, .issuer_key = f->middle_key},
                       &f->leaf_key);
    certs_pem(&f->leaf_pem, f->leaf);
    certs_pem(&f->chain_pem, f->leaf);
    certs_pem(&f->chain_pem, f->middle);
    f->der_len = (size_t)i2d_X509(f->leaf, &f->der);
}

static void tear_down(struct fixture *f)
{
    stir_buf_free(&f->leaf_pem);
    stir_buf_free(&f->chain_pem);
    OPENSSL_free(f->der);
    certs_end();
}

/* ---- reading ---- */

static void test_good(void)
{
    struct fixture f;
    set_up(&f);
    struct stir_chain *chain = NULL;
    UNIT_OK(parse(&chain, f.chain_pem.ptr, f.chain_pem.len, NULL));
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_EQUAL_FATAL(chain->count, 2);
    CU_ASSERT_EQUAL(X509_cmp(chain->certs[0], f.leaf), 0);
    CU_ASSERT_EQUAL(X509_cmp(chain->certs[1], f.middle), 0);
    CU_ASSERT_EQUAL(chain->not_after, CERTS_NOW + 7); /* the middle's, which ends first */
    CU_ASSERT_EQUAL(chain->tnauth.count, 3);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(chain->key, f.leaf_key), 1);
    CU_ASSERT_PTR_EQUAL(stir_chain_ref(chain), chain);
    stir_chain_unref(chain);
    CU_ASSERT_EQUAL(X509_cmp(chain->certs[0], f.leaf), 0);
    stir_chain_unref(chain);
    stir_chain_unref(NULL);

    accept("DER", f.der, f.der_len, 1);
    struct stir_view views[2] = {stir_view((char *)f.der, f.der_len)};
    UNIT_OK(stir_chain_from_der(&chain, views, 1, NULL));
    CU_ASSERT_EQUAL(chain->count, 1);
    CU_ASSERT_EQUAL(chain->not_after, CERTS_NOW + CERTS_YEAR);
    stir_chain_unref(chain);
    accept("RFC 9118, figure 1", CERTS_RFC9118, strlen(CERTS_RFC9118), 1);
    tear_down(&f);
}

/* What stands around good blocks. `%` is a good block, `&` what is in it. */
static void test_pem_around(void)
{
    static const struct {
        const char *text;
        size_t count; /* 0: refused */
    } rows[] = {
        {"%", 1},
        {"subject=CN = leaf\n%", 1},
        {"%\n\n  \nissuer: - not a line that begins with one\n%", 2},
        {"0 s:CN = leaf\n%", 1},
        {"\n%trailing text without an end", 1},
        {"%\n%\n\n\n", 2},
        {"%-----BEGIN CERTIFICATE-----\n", 0},
        {"%-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 0},
        {"%-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0},
        {"%-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n", 0},
        {"%-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", 0},
        {"%-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n%", 0},
        {"%-----BEGIN CERTIFICATE-----\n%", 0},
        {"-----BEGIN CERTIFICATE-----\n%", 0},
        {"%----BEGIN CERTIFICATE-----\n", 0},
        {"-----BEGIN CERTIFICATE-----x\n&-----END CERTIFICATE-----\n", 0},
        {"-----BEGIN CERTIFICATE-----\n&-----END CERTIFICATE-----x\n", 0},
        {"-----BEGIN CERTIFICATE----\n&-----END CERTIFICATE-----\n", 0},
        {"-----BEGIN CERTIFICATE-----\n&-----END CERTIFICATE-----\n", 1},
        {"%-----END CERTIFICATE-----\n", 0},
        {"%-", 1},
        {"CONNECTED(00000003)\n---\nCertificate chain\n%---\n%----------\n", 2},
        {"\xef\xbb\xbf%", 1},
        {"\xef\xbb\xbf\r\n\r\n%\r\n%", 2},
        {"\xef\xbb%", 0},
        {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n%", 1},
        {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n%", 1},
        {"%-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 1},
        {"%-----BEGIN PRIVATE KEY-----\nAAAA\n", 0},
        {"%-----BEGIN PRIVATE KEY-----\nAAAA\n%", 0},
        {"-----BEGIN X509 CERTIFICATE-----\n&-----END X509 CERTIFICATE-----\n", 1},
        {"-----BEGIN X.509 CERTIFICATE-----\n&-----END X.509 CERTIFICATE-----\n", 1},
        {"-----BEGIN X.509 CERTIFICATE-----\n&-----END CERTIFICATE-----\n", 0},
        {"%-----BEGIN A-B-----\nAAAA\n-----END A-B-----\n", 0},
        {"%-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n", 0},
        {"%-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n", 0},
        {"no certificate here", 0},
        {"\n", 0},
    };
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_buf text = {0};
        for (const char *at = rows[i].text; *at; at++) {
            if (*at == '%') {
                stir_buf_put(&text, f.leaf_pem.ptr, f.leaf_pem.len);
            } else if (*at == '&') {
                stir_buf_put(&text, f.leaf_pem.ptr + 28, f.leaf_pem.len - 28 - 26);
            } else {
                stir_buf_put(&text, at, 1);
            }
        }
        if (rows[i].count) {
            accept(rows[i].text, text.ptr, text.len, rows[i].count);
        } else {
            refuse(rows[i].text, text.ptr, text.len, STIR_E_CERT);
        }
        stir_buf_free(&text);
    }
    tear_down(&f);
}

/* F36: the authority's certificate first. And a private key in what a certificate host serves. */
static void test_answers(void)
{
    struct fixture f;
    struct stir_error err = {0};
    struct stir_chain *chain = NULL;
    set_up(&f);
    struct stir_buf text = {0};
    EVP_PKEY *key = NULL;
    X509 *ca = certs_make((struct stir_cert_spec){.common_name = "STI CA", .ca = true}, &key);
    certs_pem(&text, ca);
    certs_pem(&text, f.leaf);
    UNIT_CODE(stir_chain_parse(&chain, text.ptr, text.len, &err), STIR_E_CERT, "F36: the authority first");
    UNIT_CHECK(strstr(err.text,
                      "/CN=STI CA: the first certificate is a CA certificate; put the signer's certificate first"),
               "%s", err.text);
    stir_buf_free(&text);
    char *pem = NULL;
    UNIT_OK(stir_key_to_pem(&pem, key, true, NULL));
    for (int after = 0; after < 2; after++) {
        text = (struct stir_buf){0};
        stir_buf_puts(&text, after ? "" : pem);
        certs_pem(&text, f.leaf);
        stir_buf_puts(&text, after ? pem : "");
        accept("a key beside the certificate in a file", text.ptr, text.len, 1);
        chain = NULL;
        UNIT_CODE(stir_chain_parse_answer(&chain, false, text.ptr, text.len, &err), STIR_E_CERT, "a key in an answer");
        UNIT_CHECK(strstr(err.text, "a private key, which is now public"), "%s", err.text);
        CU_ASSERT_TRUE(stir_pem_has_private_key(text.ptr, text.len));
        stir_buf_free(&text);
    }
    CU_ASSERT_FALSE(stir_pem_has_private_key(f.leaf_pem.ptr, f.leaf_pem.len));
    free(pem);
    tear_down(&f);
}

static void test_pem_lines(void)
{
    struct fixture f;
    struct stir_buf crlf = {0};
    struct stir_buf one_line = {0};
    struct stir_buf spaced = {0};
    set_up(&f);
    for (size_t i = 0; i < f.leaf_pem.len; i++) {
        bool newline = f.leaf_pem.ptr[i] == '\n';
        bool edge = newline && (f.leaf_pem.ptr[i - 1] == '-' || f.leaf_pem.ptr[i + 1] == '-');
        stir_buf_puts(&crlf, newline ? "\r" : "");
        stir_buf_put(&crlf, &f.leaf_pem.ptr[i], 1);
        stir_buf_put(&spaced, newline ? "  \t\n" : &f.leaf_pem.ptr[i], newline ? 4 : 1);
        if (!newline || edge) {
            stir_buf_put(&one_line, &f.leaf_pem.ptr[i], 1);
        }
    }
    accept("CR LF", crlf.ptr, crlf.len, 1);
    accept("base64 in one line", one_line.ptr, one_line.len, 1);
    accept("white space at line ends", spaced.ptr, spaced.len, 1);
    memcpy(f.leaf_pem.ptr + 40, " ", 1);
    refuse("a space within a line", f.leaf_pem.ptr, f.leaf_pem.len, STIR_E_CERT);
    memcpy(f.leaf_pem.ptr + 40, "\0", 1);
    refuse("a NUL within a line", f.leaf_pem.ptr, f.leaf_pem.len, STIR_E_CERT);
    stir_buf_free(&crlf);
    stir_buf_free(&one_line);
    stir_buf_free(&spaced);
    tear_down(&f);
}

static void test_truncations(void)
{
    struct fixture f;
    set_up(&f);
    for (size_t n = 0; n < f.der_len; n++) {
        refuse("truncated DER", f.der, n, STIR_E_CERT);
    }
    for (size_t n = 0; n + 1 < f.leaf_pem.len; n++) {
        refuse("truncated PEM", f.leaf_pem.ptr, n, STIR_E_CERT);
    }
    accept("PEM but for its last line end", f.leaf_pem.ptr, f.leaf_pem.len - 1, 1);
    const size_t dashes = f.leaf_pem.len + 5; /* they are text as long as nothing follows */
    accept("dashes after the first block", f.chain_pem.ptr, dashes, 1);
    for (size_t n = dashes + 1; n + 1 < f.chain_pem.len; n++) {
        refuse("truncated in the second block", f.chain_pem.ptr, n, STIR_E_CERT);
    }
    tear_down(&f);
}

/* Each octet changed: nothing crashes, and what is still taken is a chain in full. */
static void test_damaged(void)
{
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < f.der_len; i++) {
        f.der[i] ^= 0x81;
        struct stir_chain *chain = NULL;
        if (parse(&chain, f.der, f.der_len, NULL) == STIR_OK) {
            CU_ASSERT_TRUE(chain->count == 1 && chain->key);
        }
        CU_ASSERT_EQUAL(ERR_peek_error(), 0);
        stir_chain_unref(chain);
        f.der[i] ^= 0x81;
    }
    /* the input that another library frees twice: a good certificate, then a damaged block */
    for (size_t i = f.leaf_pem.len + 28; i + 26 < f.chain_pem.len; i++) {
        char was = f.chain_pem.ptr[i];
        f.chain_pem.ptr[i] = '!';
        refuse("a good block, then a damaged one", f.chain_pem.ptr, f.chain_pem.len, STIR_E_CERT);
        f.chain_pem.ptr[i] = was;
    }
    tear_down(&f);
}

static void test_behind(void)
{
    struct fixture f;
    set_up(&f);
    struct stir_buf der = {0};
    stir_buf_put(&der, f.der, f.der_len);
    stir_buf_put(&der, "", 1);
    refuse("an octet behind the DER", der.ptr, der.len, STIR_E_CERT);
    struct stir_buf pem = {0};
    stir_pem_put(&pem, "CERTIFICATE", der.ptr, der.len);
    refuse("an octet behind the DER in PEM", pem.ptr, pem.len, STIR_E_CERT);
    der.len--;
    stir_buf_put(&der, f.der, f.der_len);
    refuse("two certificates in DER", der.ptr, der.len, STIR_E_CERT);
    struct stir_view view = stir_view(der.ptr, der.len);
    struct stir_chain *chain = NULL;
    UNIT_CODE(stir_chain_from_der(&chain, &view, 1, NULL), STIR_E_CERT, "two certificates in one x5c member");
    view.len = f.der_len - 1;
    UNIT_CODE(stir_chain_from_der(&chain, &view, 1, NULL), STIR_E_CERT, "an octet short");
    view.len = 0;
    UNIT_CODE(stir_chain_from_der(&chain, &view, 1, NULL), STIR_E_CERT, "an empty member");

    /* the same certificate in BER: an indefinite length outside, which no signature covers */
    struct stir_buf ber = {0};
    stir_buf_put(&ber, "\x30\x80", 2);
    stir_buf_put(&ber, f.der + 4, f.der_len - 4);
    stir_buf_put(&ber, "\0\0", 2);
    const unsigned char *at = (const unsigned char *)ber.ptr;
    X509 *lenient = d2i_X509(NULL, &at, (long)ber.len);
    CU_ASSERT_PTR_NOT_NULL(lenient); /* OpenSSL does take it */
    X509_free(lenient);
    refuse("BER", ber.ptr, ber.len, STIR_E_CERT);
    stir_buf_free(&ber);
    stir_buf_free(&der);
    stir_buf_free(&pem);
    tear_down(&f);
}

static void test_sizes(void)
{
    struct fixture f;
    set_up(&f);
    struct stir_buf pem = {0};
    struct stir_view views[STIR_CHAIN_MAX + 1];
    for (size_t i = 0; i <= STIR_CHAIN_MAX; i++) {
        if (i == STIR_CHAIN_MAX) {
            accept("8 certificates", pem.ptr, pem.len, 8);
        }
        certs_pem(&pem, f.leaf);
        views[i] = stir_view((char *)f.der, f.der_len);
    }
    refuse("9 certificates", pem.ptr, pem.len, STIR_E_TOO_BIG);
    struct stir_chain *chain = NULL;
    UNIT_CODE(stir_chain_from_der(&chain, views, STIR_CHAIN_MAX + 1, NULL), STIR_E_TOO_BIG, "9 in x5c");
    UNIT_CODE(stir_chain_from_der(&chain, views, 0, NULL), STIR_E_CERT, "none in x5c");
    views[1] = stir_view((char *)f.der, SIZE_MAX - 5);
    UNIT_CODE(stir_chain_from_der(&chain, views, 2, NULL), STIR_E_TOO_BIG, "an absurd length");
    CU_ASSERT_PTR_NULL(chain);
    UNIT_OK(stir_chain_from_der(&chain, views, 1, NULL));
    stir_chain_unref(chain);
    stir_buf_free(&pem);

    char *large = malloc(STIR_CHAIN_FILE_OCTETS + 1);
    memset(large, '\n', STIR_CHAIN_FILE_OCTETS + 1);
    memcpy(large, f.leaf_pem.ptr, f.leaf_pem.len);
    accept("as large as may be", large, STIR_CHAIN_FILE_OCTETS, 1);
    refuse("an octet larger", large, STIR_CHAIN_FILE_OCTETS + 1, STIR_E_TOO_BIG);
    UNIT_CODE(stir_chain_parse_answer(&chain, false, large, STIR_CHAIN_OCTETS + 1, NULL), STIR_E_TOO_BIG, "an answer");
    memset(large, 0x30, STIR_CHAIN_FILE_OCTETS);
    refuse("garbage", large, STIR_CHAIN_FILE_OCTETS, STIR_E_CERT);
    memset(large, 0xff, STIR_CHAIN_FILE_OCTETS);
    refuse("more garbage", large, STIR_CHAIN_FILE_OCTETS, STIR_E_CERT);
    refuse("nothing", "", 0, STIR_E_CERT);
    UNIT_CODE(stir_chain_parse(&chain, NULL, 0, NULL), STIR_E_CERT, "not even a pointer");
    free(large);
    tear_down(&f);
}

/* ---- what the leaf must be ---- */

static X509 *leaf_with_key(EVP_PKEY *key)
{
    return certs_make_for("spc:1234", (struct stir_cert_spec){.common_name = "leaf", .subject_key = certs_own_key(key)},
                          NULL);
}

static void refuse_cert(const char *label, X509 *cert)
{
    struct stir_buf pem = {0};
    certs_pem(&pem, cert);
    refuse(label, pem.ptr, pem.len, STIR_E_CERT);
    stir_buf_free(&pem);
}

/* A key on P-256 whose curve is given by its parameters, not by its name. */
static EVP_PKEY *explicit_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CU_ASSERT_EQUAL(EVP_PKEY_set_utf8_string_param(key, "point-format", "uncompressed"), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    return key;
}

static void test_leaf_key(void)
{
    refuse_cert("RSA", leaf_with_key(EVP_RSA_gen(2048)));
    refuse_cert("P-384", leaf_with_key(EVP_EC_gen("P-384")));
    refuse_cert("secp256k1", leaf_with_key(EVP_EC_gen("secp256k1")));
    refuse_cert("P-224", leaf_with_key(EVP_EC_gen("P-224")));
    refuse_cert("brainpoolP256r1", leaf_with_key(EVP_EC_gen("brainpoolP256r1")));
    refuse_cert("explicit parameters", leaf_with_key(explicit_key()));
    X509 *good = leaf_with_key(EVP_EC_gen("P-256"));
    struct stir_buf pem = {0};
    certs_pem(&pem, good);
    accept("P-256", pem.ptr, pem.len, 1);
    stir_buf_free(&pem);
    certs_end();
}

/* The point in the certificate's key is off the curve, or at infinity. */
static void test_leaf_point(void)
{
    struct fixture f;
    set_up(&f);
    static const uint8_t bit_string[] = {0x03, 0x42, 0x00, 0x04};
    unsigned char *point = memmem(f.der, f.der_len, bit_string, sizeof(bit_string));
    CU_ASSERT_PTR_NOT_NULL_FATAL(point);
    point[20] ^= 1;
    refuse("off the curve", f.der, f.der_len, STIR_E_CERT);
    point[20] ^= 1;
    memset(point + 4, 0, 64);
    refuse("zero", f.der, f.der_len, STIR_E_CERT);
    memset(point + 4, 0xff, 64);
    refuse("coordinates out of range", f.der, f.der_len, STIR_E_CERT);
    point[3] = 0;
    refuse("infinity, with octets behind", f.der, f.der_len, STIR_E_CERT);
    tear_down(&f);
}

static void test_leaf_tnauth(void)
{
    static const uint8_t spc[] = {0x30, 0x08, 0xa0, 0x06, 0x16, 0x04, '1', '2', '3', '4'};
    static const uint8_t bare[] = {0x16, 0x04, '1', '2', '3', '4'};
    EVP_PKEY *key = NULL;
    X509 *none = certs_make((struct stir_cert_spec){.common_name = "none"}, &key);
    struct stir_chain *without = CERTS_CHAIN(none);
    CU_ASSERT_EQUAL(without->tnauth.count, 0); /* it may speak for SIP URIs: RFC 8224 section 8.4 */
    struct stir_error err = {0};
    UNIT_CODE(stir_chain_check_own(without, &err), STIR_E_CERT, "it has no subjectAltName either");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "it cannot sign for any identity"));
    stir_chain_unref(without);
    refuse_cert("a bare IA5String", certs_with_ext(none, key, "1.3.6.1.5.5.7.1.26", bare, sizeof(bare), false));
    X509 *once = certs_with_ext(none, key, "1.3.6.1.5.5.7.1.26", spc, sizeof(spc), false);
    refuse_cert("TNAuthList twice", certs_with_ext(once, key, "1.3.6.1.5.5.7.1.26", spc, sizeof(spc), false));
    refuse_cert("a repeated basicConstraints",
                certs_with_ext(once, key, "2.5.29.19", (const uint8_t *)"\x30\x00", 2, false));
    refuse_cert("a malformed keyUsage", certs_with_ext(certs_without_ext(once, key, NID_key_usage), key, "2.5.29.15",
                                                       (const uint8_t *)"\x05\x00", 2, true));
    struct stir_chain *chain = CERTS_CHAIN(once);
    stir_chain_unref(chain);

    /* a certificate above the leaf needs none, and any key */
    X509 *rsa = leaf_with_key(EVP_RSA_gen(2048));
    chain = CERTS_CHAIN(once, none, rsa);
    CU_ASSERT_EQUAL(chain->count, 3);
    stir_chain_unref(chain);
    certs_end();
}

/* ---- threads ---- */

static void *use(void *arg)
{
    struct stir_chain *chain = arg;
    struct stir_identity id;
    if (stir_identity_parse_canonical(&id, "sip:alice@example.com", 21, 0, NULL) != STIR_OK) {
        return arg;
    }
    for (int i = 0; i < 200; i++) {
        struct stir_chain *mine = stir_chain_ref(chain);
        struct stir_buf text = {0};
        stir_chain_signer(&text, mine);
        bool good = stir_chain_covers(mine, &id, NULL, NULL, NULL) == STIR_OK && EVP_PKEY_eq(mine->key, mine->key);
        stir_buf_free(&text);
        stir_chain_unref(mine);
        if (!good) {
            return arg;
        }
    }
    stir_chain_unref(chain);
    return NULL;
}

static void test_threads(void)
{
    pthread_t threads[4];
    struct stir_chain *chain = CERTS_CHAIN(
        certs_make_for("tn:1", (struct stir_cert_spec){.common_name = "leaf", .dns_names = "DNS:example.com"}, NULL));
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use, stir_chain_ref(chain)), 0);
    }
    stir_chain_unref(chain);
    for (size_t i = 0; i < 4; i++) {
        void *failed = chain;
        CU_ASSERT_EQUAL(pthread_join(threads[i], &failed), 0);
        CU_ASSERT_PTR_NULL(failed);
    }
    certs_end();
}

/* RFC 8224 section 6.2.2: what is not a certificate could not be acquired; one that cannot be used was. */
static void test_without_certificate(void)
{
    struct fixture f;
    set_up(&f);
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    struct stir_buf mended = {0};
    stir_buf_put(&mended, f.leaf_pem.ptr, f.leaf_pem.len);
    stir_buf_puts(&mended, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    X509 *other = leaf_with_key(EVP_EC_gen("P-384"));
    struct stir_buf unusable = {0};
    certs_pem(&unusable, other);
    const struct {
        const char *what;
        struct stir_view text;
        enum stir_code code;
    } rows[] = {
        {"nothing", stir_view("", 0), STIR_E_X5U_FETCH},
        {"a page", stir_view_str("<html>Not here</html>"), STIR_E_X5U_FETCH},
        {"a certificate that is cut", stir_view(f.leaf_pem.ptr, 200), STIR_E_X5U_FETCH},
        {"a block that is not a certificate",
         stir_view_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), STIR_E_X5U_FETCH},
        {"DER that is not a certificate", stir_view("\x30\x82\x00\x01\x00", 5), STIR_E_X5U_FETCH},
        {"a damaged block after a certificate", stir_view(mended.ptr, mended.len), STIR_E_CERT},
        {"a key that STIR does not use", stir_view(unusable.ptr, unusable.len), STIR_E_CERT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int local = 0; local < 2; local++) {
            UNIT_CODE(stir_chain_parse_answer(&chain, local, rows[i].text.ptr, rows[i].text.len, &err), rows[i].code,
                      rows[i].what);
        }
    }
    stir_buf_free(&mended);
    stir_buf_free(&unusable);
    tear_down(&f);
}

UNIT_MAIN("chain", {"good chains", test_good}, {"around PEM blocks", test_pem_around}, {"PEM lines", test_pem_lines},
          {"F36: wrong order, and private keys in answers", test_answers}, {"every truncation", test_truncations},
          {"every octet damaged", test_damaged}, {"octets behind, BER", test_behind}, {"sizes", test_sizes},
          {"the leaf's key", test_leaf_key}, {"the leaf's point", test_leaf_point},
          {"the leaf's TNAuthList", test_leaf_tnauth}, {"shared between threads", test_threads},
          {"answers without a certificate", test_without_certificate})
