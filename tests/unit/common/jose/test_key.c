/* SPDX-License-Identifier: MIT */
#include "common/base/file.h"
#include "common/jose/jwk.h"
#include "common/jose/key_load.h"
#include "tests/unit/jose.h"

#include <ftw.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Keys from files of every kind that people have, and of every kind that they should not have. The files are made here,
 * in a directory of their own.
 */
static char dir[] = "/tmp/test_key.XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void save(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(path_of(name), "wb");
    UNIT_CHECK(f && fwrite(data, 1, n, f) == n, "%s cannot be written", name);
    if (f) {
        (void)fclose(f);
    }
}

static void save_bio(const char *name, BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    save(name, data, (size_t)n);
    BIO_free(bio);
}

static void save_pem(const char *name, EVP_PKEY *key, bool with_private, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc() : NULL;
    int good = with_private ? PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase,
                                                            passphrase ? (int)strlen(passphrase) : 0, NULL, NULL)
                            : PEM_write_bio_PUBKEY(bio, key);
    UNIT_CHECK(good == 1, "%s", name);
    save_bio(name, bio);
}

/* SEC 1's own form, as `openssl ec` writes it. */
static void save_traditional(const char *name, EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    UNIT_CHECK(PEM_write_bio_PrivateKey_traditional(bio, key, passphrase ? EVP_aes_256_cbc() : NULL,
                                                    (const unsigned char *)passphrase,
                                                    passphrase ? (int)strlen(passphrase) : 0, NULL, NULL) == 1,
               "%s", name);
    save_bio(name, bio);
}

static void save_der(const char *name, EVP_PKEY *key, bool with_private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    UNIT_CHECK((with_private ? i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL)
                             : i2d_PUBKEY_bio(bio, key)) == 1,
               "%s", name);
    save_bio(name, bio);
}

static void save_jwk(const char *name, EVP_PKEY *key, bool with_private, const char *before, const char *after)
{
    json_t *jwk = NULL;
    struct stir_buf text = {0};
    UNIT_OK(stir_jwk_make(&jwk, key, with_private, NULL));
    char *dumped = json_dumps(jwk, 0);
    stir_buf_printf(&text, "%s%s%s", before, dumped, after);
    save(name, text.ptr, text.len);
    free(dumped);
    json_decref(jwk);
    stir_buf_free(&text);
}

/* The public half of another key behind the private one: the last 64 octets of PKCS#8. */
static void save_mismatch(const char *name, EVP_PKEY *key, EVP_PKEY *other)
{
    unsigned char *one = NULL;
    unsigned char *two = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int n = i2d_PKCS8_PRIV_KEY_INFO(info, &one);
    int m = i2d_PUBKEY(other, &two);
    UNIT_CHECK(n > 64 && m > 64, "%s", name);
    memcpy(one + n - 64, two + m - 64, 64);
    save(name, one, (size_t)n);
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_free(one);
    OPENSSL_free(two);
}

static void save_explicit(const char *name)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    UNIT_CHECK(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1, "%s", name);
    save_pem(name, key, true, NULL);
    EVP_PKEY_free(key);
}

static void save_pkcs12(const char *name, EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PKCS12 *bag = PKCS12_create(passphrase, "a", key, NULL, NULL, 0, 0, 0, 0, 0);
    UNIT_CHECK(bag && i2d_PKCS12_bio(bio, bag) == 1, "%s", name);
    PKCS12_free(bag);
    save_bio(name, bio);
}

static void append(const char *name, const char *from)
{
    struct stir_buf text = {0};
    FILE *f = fopen(path_of(name), "ab");
    UNIT_OK(stir_read_file(&text, path_of(from), 100000, NULL));
    UNIT_CHECK(f && fwrite(text.ptr, 1, text.len, f) == text.len, "%s", name);
    (void)fclose(f);
    stir_buf_free(&text);
}

static EVP_PKEY *p256;
static EVP_PKEY *x25519;

static void make_good_files(void)
{
    p256 = jose_new_key(STIR_CURVE_P256);
    x25519 = jose_new_key(STIR_CURVE_X25519);
    save_pem("ec.pem", p256, true, NULL);
    save_pem("ec-public.pem", p256, false, NULL);
    save_traditional("ec-sec1.pem", p256, NULL);
    save_der("ec.der", p256, true);
    save_der("ec-public.der", p256, false);
    save_jwk("ec.jwk", p256, true, "", "\n");
    save_jwk("ec-public.jwk", p256, false, " \n", "");
    save_pem("x.pem", x25519, true, NULL);
    save_pem("x-public.pem", x25519, false, NULL);
    save_der("x.der", x25519, true);
    save_jwk("x.jwk", x25519, true, "", "");
    save_jwk("x.jwks", x25519, true, "{\"keys\":[{\"kty\":\"RSA\"},7,", "]}");
    save_jwk("x-public.jwks", x25519, false, "{\"keys\":[", "]}");
    save_jwk("a:b.jwk", x25519, true, "", "");
}

static void make_bad_files(void)
{
    EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    EVP_PKEY *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *other = jose_new_key(STIR_CURVE_P256);
    save_pem("rsa.pem", rsa, true, NULL);
    save_pem("rsa-public.pem", rsa, false, NULL);
    save_pem("p384.pem", p384, true, NULL);
    save_pem("ed.pem", ed, true, NULL);
    save_pem("encrypted.pem", p256, true, "secret");
    save_traditional("encrypted-sec1.pem", p256, "secret");
    save_pkcs12("encrypted.p12", p256, "secret");
    save_mismatch("mismatch.der", p256, other);
    save_explicit("explicit.pem");
    save("empty", "", 0);
    save("blank", " \n\n", 3);
    save("text", "this is no key\n", 15);
    save("cut.pem", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n", 62);
    save("wrong.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 60);
    save("zeros", dir, 1);
    save("nul", "\0\0\0\0\0\0\0\0", 8);
    save("brace", "{", 1);
    save("array.jwk", "{\"keys\":{}}", 11);
    save("empty.jwks", "{\"keys\":[]}", 11);
    save("twice.jwk", "{\"kty\":\"EC\",\"kty\":\"OKP\"}", 25);
    /* X25519 SubjectPublicKeyInfo of the point of order 1 */
    save("low-order.der",
         "\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
         "\0\0\0",
         44);
    char *large = calloc(1, 70000);
    large[0] = '{';
    save("large", large, 70000);
    free(large);
    (void)mkdir(path_of("directory"), 0700);
    append("rsa-and-ec.pem", "rsa.pem");
    append("rsa-and-ec.pem", "ec.pem");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(other);
}

static void test_good_files(void)
{
    static const struct {
        const char *name;
        bool is_private;
    } rows[] = {
        {"ec.pem", true},         {"ec-public.pem", false}, {"ec-sec1.pem", true},    {"ec.der", true},
        {"ec-public.der", false}, {"ec.jwk", true},         {"ec-public.jwk", false}, {"rsa-and-ec.pem", true},
        {"x.pem", true},          {"x-public.pem", false},  {"x.der", true},          {"x.jwk", true},
        {"x.jwks", true},         {"x-public.jwks", false}, {"a:b.jwk", true},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = NULL;
        struct stir_error err = {0};
        const char *name = rows[i / 2].name;
        bool want_private = i % 2;
        enum stir_code expected = want_private && !rows[i / 2].is_private ? STIR_E_KEY : STIR_OK;
        if (UNIT_CODE(stir_key_load(&key, path_of(name), want_private, STIR_KEY_ENCRYPT, &err), expected, name) &&
            key) {
            UNIT_CHECK(stir_key_same_public(key, strchr("xa", name[0]) ? x25519 : p256), "%s: another key", name);
            UNIT_CHECK(stir_key_has_private(key) == rows[i / 2].is_private, "%s: private half", name);
        }
        UNIT_CHECK(expected == STIR_OK || strstr(err.text, name), "%s is not named: %s", name, err.text);
        UNIT_CHECK(expected == STIR_OK || strstr(err.text, "private"), "%s: no reason: %s", name, err.text);
        JOSE_QUEUE_EMPTY(name);
        EVP_PKEY_free(key);
    }
}

static void test_bad_files(void)
{
    static const struct {
        const char *name;
        enum stir_code code;
        const char *reason;
    } rows[] = {
        {"rsa.pem", STIR_E_KEY, "neither P-256 nor X25519"},
        {"rsa-public.pem", STIR_E_KEY, "neither P-256 nor X25519"},
        {"p384.pem", STIR_E_KEY, "neither P-256 nor X25519"},
        {"ed.pem", STIR_E_KEY, "neither P-256 nor X25519"},
        {"encrypted.pem", STIR_E_KEY, "passphrase"},
        {"encrypted-sec1.pem", STIR_E_KEY, "passphrase"},
        {"encrypted.p12", STIR_E_KEY, "passphrase"},
        {"mismatch.der", STIR_E_KEY, "does not belong"},
        {"explicit.pem", STIR_E_KEY, "written out"},
        {"low-order.der", STIR_E_KEY, "low order"},
        {"empty", STIR_E_KEY, "empty"},
        {"blank", STIR_E_KEY, "empty"},
        {"text", STIR_E_KEY, "no key"},
        {"cut.pem", STIR_E_KEY, "no key"},
        {"wrong.pem", STIR_E_KEY, "no key"},
        {"zeros", STIR_E_KEY, "no key"},
        {"nul", STIR_E_KEY, "no key"},
        {"brace", STIR_E_KEY, "JWK"},
        {"array.jwk", STIR_E_KEY, "JWK Set"},
        {"empty.jwks", STIR_E_KEY, "JWK Set"},
        {"twice.jwk", STIR_E_KEY, "twice"},
        {"large", STIR_E_KEY, "too large for a key"},
        {"directory", STIR_E_IO, "directory"},
        {"not-there", STIR_E_IO, "No such file"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = NULL;
        struct stir_error err = {0};
        UNIT_CODE(stir_key_load(&key, path_of(rows[i].name), false, STIR_KEY_ENCRYPT, &err), rows[i].code,
                  rows[i].name);
        UNIT_CHECK(!key, "%s: touched on failure", rows[i].name);
        UNIT_CHECK(strstr(err.text, rows[i].name) && strstr(err.text, rows[i].reason), "%s: %s", rows[i].name,
                   err.text);
        UNIT_CHECK(!strchr(err.text, '\n'), "%s: more than a line", rows[i].name);
        JOSE_QUEUE_EMPTY(rows[i].name);
    }
}

static void test_uris(void)
{
    /* without OpenSSL's engine for PKCS#11, whatever is installed; test_pkcs11.py has a token */
    CU_ASSERT_EQUAL(setenv("OPENSSL_ENGINES", "/nowhere", 1), 0);
    const struct {
        const char *prefix;
        const char *name;
        enum stir_code code;
    } rows[] = {
        {"file:", "ec.pem", STIR_OK},
        {"file://", "ec.pem", STIR_OK},
        {"file://", "x.jwk", STIR_OK},
        {"file:", "not-there", STIR_E_IO},
        {"pkcs11:token=", "a", STIR_E_KEY},
        {"nothing:", "ec.pem", STIR_E_KEY},
        {"https://example.com", "", STIR_E_KEY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char uri[256];
        EVP_PKEY *key = NULL;
        struct stir_error err = {0};
        (void)snprintf(uri, sizeof(uri), "%s%s", rows[i].prefix, path_of(rows[i].name));
        UNIT_CODE(stir_key_load(&key, uri, true, STIR_KEY_ENCRYPT, &err), rows[i].code, uri);
        JOSE_QUEUE_EMPTY(uri);
        EVP_PKEY_free(key);
    }
    EVP_PKEY *key = NULL;
    struct stir_error err = {0};
    UNIT_CODE(stir_key_load(&key, "pkcs11:token=a?pin-value=1234", true, STIR_KEY_ENCRYPT, &err), STIR_E_KEY, "a PIN");
    UNIT_CHECK(!strstr(err.text, "1234") && strstr(err.text, "key store"), "the PIN is in the text: %s", err.text);
    UNIT_CODE(stir_key_load(&key, "", true, STIR_KEY_ENCRYPT, &err), STIR_E_IO, "no name");
}

/* Every truncation of a PEM and of a DER file: a key only when it is whole. */
static void test_truncated_files(void)
{
    static const char *const names[] = {"ec.pem", "ec.der", "x.der", "x.jwk"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stir_buf whole = {0};
        UNIT_OK(stir_read_file(&whole, path_of(names[i]), 100000, NULL));
        size_t last = names[i][strlen(names[i]) - 1] == 'm' ? whole.len - 1 : whole.len; /* its final newline */
        for (size_t n = 0; n < last; n++) {
            EVP_PKEY *key = NULL;
            save("truncated", whole.ptr, n);
            enum stir_code code = stir_key_load(&key, path_of("truncated"), true, STIR_KEY_ENCRYPT, NULL);
            UNIT_CHECK(code == STIR_E_KEY && !key, "%zu octets of %s: %s", n, names[i], stir_error_name(code));
            EVP_PKEY_free(key);
        }
        stir_buf_free(&whole);
    }
    JOSE_QUEUE_EMPTY("truncated");
}

static void test_curves(void)
{
    enum stir_curve curve = STIR_CURVE_P256;
    EVP_PKEY *k1 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
    EVP_PKEY *brainpool = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "brainpoolP256r1");
    UNIT_CODE(stir_key_curve(&curve, x25519, NULL), STIR_OK, "X25519");
    UNIT_CHECK(curve == STIR_CURVE_X25519, "X25519");
    UNIT_CODE(stir_key_curve(&curve, p256, NULL), STIR_OK, "P-256");
    UNIT_CHECK(curve == STIR_CURVE_P256, "P-256");
    UNIT_CODE(stir_key_curve(&curve, k1, NULL), STIR_E_KEY, "secp256k1");
    UNIT_CODE(stir_key_curve(&curve, brainpool, NULL), STIR_E_KEY, "brainpoolP256r1");
    UNIT_CODE(stir_key_curve(&curve, NULL, NULL), STIR_E_KEY, "no key");
    JOSE_QUEUE_EMPTY("curves");
    EVP_PKEY_free(k1);
    EVP_PKEY_free(brainpool);
}

static void test_comparison(void)
{
    EVP_PKEY *other = jose_new_key(STIR_CURVE_P256);
    EVP_PKEY *public_half = NULL;
    UNIT_OK(stir_key_load(&public_half, path_of("ec-public.jwk"), false, STIR_KEY_ENCRYPT, NULL));
    UNIT_CHECK(stir_key_same_public(p256, p256), "itself");
    UNIT_CHECK(stir_key_same_public(p256, public_half), "its public half");
    UNIT_CHECK(!stir_key_same_public(p256, other), "another");
    UNIT_CHECK(!stir_key_same_public(p256, x25519), "another curve");
    UNIT_CHECK(!stir_key_same_public(p256, NULL) && !stir_key_same_public(NULL, p256), "no key");
    UNIT_CHECK(!stir_key_same_public(NULL, NULL), "neither");
    UNIT_CHECK(stir_key_has_private(p256) && stir_key_has_private(x25519), "private");
    UNIT_CHECK(!stir_key_has_private(public_half) && !stir_key_has_private(NULL), "not private");
    JOSE_QUEUE_EMPTY("comparison");
    EVP_PKEY_free(other);
    EVP_PKEY_free(public_half);
}

static void test_pem(void)
{
    EVP_PKEY *keys[] = {p256, x25519};
    for (unsigned i = 0; i < 4; i++) {
        char *pem = NULL;
        bool with_private = i % 2;
        EVP_PKEY *again = NULL;
        UNIT_OK(stir_key_to_pem(&pem, keys[i / 2], with_private, NULL));
        UNIT_CHECK(pem && strncmp(pem, with_private ? "-----BEGIN PRIVATE KEY-----\n" : "-----BEGIN PUBLIC KEY-----\n",
                                  with_private ? 28 : 27) == 0,
                   "%s", pem);
        save("written.pem", pem, strlen(pem));
        UNIT_OK(stir_key_load(&again, path_of("written.pem"), with_private, STIR_KEY_ENCRYPT, NULL));
        UNIT_CHECK(stir_key_same_public(keys[i / 2], again), "another key");
        UNIT_CHECK(stir_key_has_private(again) == with_private, "private half");
        free(pem);
        EVP_PKEY_free(again);
    }
}

static void test_generate(void)
{
    for (unsigned curve = STIR_CURVE_P256; curve <= STIR_CURVE_X25519; curve++) {
        EVP_PKEY *one = jose_new_key(curve);
        EVP_PKEY *two = jose_new_key(curve);
        enum stir_curve is;
        UNIT_OK(stir_key_curve(&is, one, NULL));
        UNIT_CHECK(is == curve && !stir_key_same_public(one, two), "curve %u", curve);
        EVP_PKEY_free(one);
        EVP_PKEY_free(two);
    }
}

static void test_make_files(void)
{
    UNIT_CHECK(mkdtemp(dir) != NULL, "no directory");
    make_good_files();
    make_bad_files();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

/* Writes a JWK Set of `count` new keys, each with this member (NULL: none), as sets.jwks. */
static void write_set(size_t count, const char *use)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        EVP_PKEY *key = NULL;
        json_t *jwk = NULL;
        UNIT_OK(stir_key_generate(&key, STIR_CURVE_X25519, NULL));
        UNIT_OK(stir_jwk_make(&jwk, key, true, NULL));
        if (use) {
            (void)json_object_set_new(jwk, "use", json_string(use));
        }
        (void)json_array_append_new(list, jwk);
        EVP_PKEY_free(key);
    }
    (void)json_array_append(list, json_array_get(list, 0));              /* one is there twice, */
    (void)json_array_append_new(list, json_pack("{s:s}", "kty", "XYZ")); /* and one is of another kind */
    json_t *set = json_pack("{s:o}", "keys", list);
    CU_ASSERT_EQUAL(json_dump_file(set, path_of("sets.jwks"), 0), 0);
    json_decref(set);
}

/* Loads the set, and expects this number of keys; 0: it fails. */
static void check_set(size_t cap, bool want_private, enum stir_key_use use, size_t expected)
{
    EVP_PKEY *keys[8] = {NULL};
    struct stir_error err = {0};
    size_t count = 0;
    enum stir_code code = stir_keys_load(keys, cap, &count, path_of("sets.jwks"), want_private, use, &err);
    UNIT_CODE(code, expected ? STIR_OK : STIR_E_KEY, err.text);
    UNIT_CHECK(count == expected, "%zu keys, not %zu", count, expected);
    for (size_t i = 0; i < count; i++) {
        UNIT_CHECK(stir_key_has_private(keys[i]), "key %zu", i);
        EVP_PKEY_free(keys[i]);
    }
}

static void test_sets(void)
{
    EVP_PKEY *key = NULL;
    size_t count = 0;
    for (size_t n = 1; n <= 8; n++) {
        write_set(n, n % 2 ? "enc" : NULL);
        check_set(8, true, STIR_KEY_ENCRYPT, n);
        check_set(8, false, STIR_KEY_ENCRYPT, n);
        check_set(n - 1, true, STIR_KEY_ENCRYPT, 0); /* there are more */
        check_set(8, true, STIR_KEY_SIGN, n % 2 ? 0 : n);
    }
    write_set(3, "sig");
    check_set(8, true, STIR_KEY_ENCRYPT, 0);
    UNIT_OK(stir_keys_load(&key, 1, &count, path_of("ec-public.jwk"), false, STIR_KEY_ENCRYPT, NULL));
    CU_ASSERT_EQUAL(count, 1);
    EVP_PKEY_free(key);
}

static void test_remove_files(void)
{
    UNIT_CHECK(nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS) == 0, "%s stays", dir);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(x25519);
}

UNIT_MAIN("key", {"files are made", test_make_files}, {"good files", test_good_files}, {"bad files", test_bad_files},
          {"URIs", test_uris}, {"truncated files", test_truncated_files}, {"curves", test_curves},
          {"comparison", test_comparison}, {"PEM", test_pem}, {"F16: JWK Sets", test_sets},
          {"generation", test_generate}, {"files are removed", test_remove_files})
