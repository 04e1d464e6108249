#include "common/base/buf.h"
#include "common/jose/json.h"
#include "common/jose/key_engine.h"
#include "common/jose/point.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536 /* a JWK Set of many keys fits */
#define STORE_OBJECTS 64   /* objects of one store that are looked at */

enum stir_code stir_key_generate(EVP_PKEY **out, enum stir_curve curve, struct stir_error *err)
{
    ERR_clear_error();
    EVP_PKEY *key = curve == STIR_CURVE_P256 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
                                             : EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    if (!key) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "a key could not be generated");
    }
    ERR_clear_error(); /* what OpenSSL got over */
    *out = key;
    return STIR_OK;
}

enum stir_code stir_key_curve(enum stir_curve *out, const EVP_PKEY *key, struct stir_error *err)
{
    char group[32];
    size_t len;
    if (key && EVP_PKEY_is_a(key, "X25519")) {
        *out = STIR_CURVE_X25519;
        return STIR_OK;
    }
    ERR_clear_error();
    if (key && EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
        (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)) {
        *out = STIR_CURVE_P256;
        return STIR_OK;
    }
    ERR_clear_error();
    return stir_fail(err, STIR_E_KEY, "the key is neither P-256 nor X25519");
}

bool stir_key_has_private(const EVP_PKEY *key)
{
    enum stir_curve curve;
    size_t len = 0;
    BIGNUM *d = NULL;
    if (stir_key_curve(&curve, key, NULL) != STIR_OK) {
        return false;
    }
    bool has = curve == STIR_CURVE_X25519 ? EVP_PKEY_get_raw_private_key(key, NULL, &len) == 1 && len > 0
                                          : EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1;
    BN_clear_free(d);
    ERR_clear_error();
    return has;
}

bool stir_key_same_public(const EVP_PKEY *a, const EVP_PKEY *b)
{
    ERR_clear_error();
    bool same = a && b && EVP_PKEY_eq(a, b) == 1;
    ERR_clear_error();
    return same;
}

/* A key of a file may be anything: the curve, the point, and that the halves belong together. Parameters that are
 * spelled out instead of named are refused (RFC 5480 section 2.1.1). */
static enum stir_code check_loaded(EVP_PKEY *key, bool is_private, struct stir_error *err)
{
    struct stir_point point;
    int explicit_parameters = 0;
    enum stir_code code = stir_point_of(&point, key, err);
    if (code == STIR_OK &&
        EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters) == 1 &&
        explicit_parameters) {
        code = stir_fail(err, STIR_E_KEY, "the curve's parameters are spelled out, not named");
    }
    if (code == STIR_OK) {
        code = stir_point_check(&point, err);
    }
    if (code != STIR_OK || !is_private) {
        return code;
    }
    ERR_clear_error();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (!ctx || EVP_PKEY_check(ctx) != 1) {
        code = stir_fail_openssl(err, STIR_E_KEY, "the private half does not belong to the public one");
    }
    EVP_PKEY_CTX_free(ctx);
    return code;
}

/* Nobody is asked for a passphrase: servers have no terminal, and a tool that waits for one hangs a script. */
static int refuse_passphrase(char *buf, int size, int writing, void *asked)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

/* One object of a store: the key if it is a usable one, NULL with the reason in err if not. */
static EVP_PKEY *usable_key(const OSSL_STORE_INFO *info, bool want_private, bool is_file, struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    int type = OSSL_STORE_INFO_get_type(info);
    if (type == OSSL_STORE_INFO_PKEY) {
        key = OSSL_STORE_INFO_get1_PKEY(info);
    } else if (type == OSSL_STORE_INFO_PUBKEY && !want_private) {
        key = OSSL_STORE_INFO_get1_PUBKEY(info);
    } else if (type == OSSL_STORE_INFO_PUBKEY) {
        (void)stir_fail(err, STIR_E_KEY, "a public key, where a private one is needed");
    }
    /* a token keeps its private keys to itself: only those of files can be checked */
    enum stir_curve curve;
    if (key && (is_file ? check_loaded(key, type == OSSL_STORE_INFO_PKEY, err) : stir_key_curve(&curve, key, err)) !=
                   STIR_OK) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/* Takes the first usable key of a store, which it closes; NULL is a store that did not open. */
static enum stir_code load_from_store(EVP_PKEY **out, OSSL_STORE_CTX *store, bool want_private, bool is_file,
                                      const bool *asked, struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    struct stir_error reason = {.code = STIR_E_KEY, .text = "no key in it"};
    if (!store) {
        return stir_fail_openssl(err, STIR_E_KEY, "cannot be opened");
    }
    for (int i = 0; !key && i < STORE_OBJECTS && !OSSL_STORE_eof(store); i++) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info) {
            key = usable_key(info, want_private, is_file, &reason);
            OSSL_STORE_INFO_free(info);
        }
    }
    (void)OSSL_STORE_close(store);
    ERR_clear_error();
    if (!key && *asked) {
        return stir_fail(err, STIR_E_KEY, "the key is encrypted: no passphrase is ever asked for");
    }
    if (!key) {
        return stir_fail(err, STIR_E_KEY, "%s", reason.text);
    }
    *out = key;
    return STIR_OK;
}

/* Opens a store by URI, or the octets of a file where there are some. */
static enum stir_code load_store(EVP_PKEY **out, const char *uri, const struct stir_buf *file, bool want_private,
                                 struct stir_error *err)
{
    bool asked = false;
    enum stir_code code = STIR_E_NOMEM;
    ERR_clear_error();
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(refuse_passphrase, 0);
    BIO *bio = file ? BIO_new_mem_buf(file->ptr, (int)file->len) : NULL;
    if (!ui || (file && !bio)) {
        (void)stir_fail_openssl(err, code, "out of memory");
    } else {
        OSSL_STORE_CTX *store = file ? OSSL_STORE_attach(bio, "file", NULL, NULL, ui, &asked, NULL, NULL, NULL)
                                     : OSSL_STORE_open_ex(uri, NULL, NULL, ui, &asked, NULL, NULL, NULL);
        code = load_from_store(out, store, want_private, file != NULL, &asked, err);
    }
    BIO_free(bio);
    UI_destroy_method(ui);
    return code;
}

/* Keys that are asked for, and those that were found. */
struct loading {
    bool want_private;
    enum stir_key_use use;
    bool first; /* one key is enough */
    EVP_PKEY **keys;
    size_t cap, count;
};

static bool has_key(const struct loading *loading, const EVP_PKEY *key)
{
    for (size_t i = 0; i < loading->count; i++) {
        if (stir_key_same_public(loading->keys[i], key)) {
            return true;
        }
    }
    return false;
}

static enum stir_code add_jwk(struct loading *loading, const json_t *jwk, struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    if (!stir_jwk_is_for(jwk, loading->use)) {
        return stir_fail(err, STIR_E_KEY, "the JWK is not for %s, as its use, key_ops or alg says",
                         loading->use == STIR_KEY_ENCRYPT ? "encrypting" : "signing");
    }
    enum stir_code code = stir_jwk_parse(&key, jwk, loading->want_private, err);
    if (code != STIR_OK) {
        return code;
    }
    if (has_key(loading, key)) {
        EVP_PKEY_free(key);
    } else if (loading->count == loading->cap) {
        EVP_PKEY_free(key);
        return stir_fail(err, STIR_E_TOO_BIG, "the JWK Set has more than %zu keys", loading->cap);
    } else {
        loading->keys[loading->count++] = key;
    }
    return STIR_OK;
}

/* RFC 7517 section 5: what is not understood, or not usable, is left out; err says why the last one was. */
static enum stir_code add_jwk_set(struct loading *loading, const json_t *keys, struct stir_error *err)
{
    enum stir_code code = stir_fail(err, STIR_E_KEY, "the JWK Set has no key");
    for (size_t i = 0; i < json_array_size(keys) && !(loading->first && loading->count); i++) {
        code = add_jwk(loading, json_array_get(keys, i), err);
        if (code == STIR_E_NOMEM || code == STIR_E_TOO_BIG) {
            return code;
        }
    }
    return loading->count ? STIR_OK : code;
}

/* A JWK, or a JWK Set. */
static enum stir_code load_jwk(struct loading *loading, const struct stir_buf *file, struct stir_error *err)
{
    json_t *root = NULL;
    enum stir_code code = stir_json_parse_object(&root, file->ptr, file->len, "the key", err);
    if (code != STIR_OK) {
        return code == STIR_E_NOMEM ? code : stir_fail_prefix(err, STIR_E_KEY, "a JWK file");
    }
    const json_t *keys = json_object_get(root, "keys");
    code = keys ? add_jwk_set(loading, keys, err) : add_jwk(loading, root, err);
    json_decref(root);
    return code == STIR_E_TOO_BIG ? STIR_E_KEY : code;
}

/* Other formats do not say what a key is for. */
static enum stir_code load_other(struct loading *loading, const char *uri, const struct stir_buf *file,
                                 struct stir_error *err)
{
    enum stir_code code = load_store(&loading->keys[0], uri, file, loading->want_private, err);
    loading->count = code == STIR_OK;
    return code;
}

static enum stir_code load_file(struct loading *loading, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, KEY_FILE_MAX, err);
    if (code == STIR_E_TOO_BIG) {
        code = stir_fail(err, STIR_E_KEY, "%s: larger than any key file", path);
    }
    if (code == STIR_OK) {
        size_t blank = file.len ? strspn(file.ptr, " \t\r\n") : 0;
        if (blank == file.len) {
            code = stir_fail(err, STIR_E_KEY, "the file is empty");
        } else if (file.ptr[blank] == '{') {
            code = load_jwk(loading, &file, err);
        } else {
            code = load_other(loading, NULL, &file, err);
        }
        if (code != STIR_OK) {
            (void)stir_fail_prefix(err, code, "%s", path);
        }
    }
    stir_buf_cleanse(&file);
    return code;
}

/* "pkcs11:...", but not "file:..." and not the name of a file that has a colon in it. */
static bool is_store_uri(const char *uri)
{
    size_t scheme = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return scheme > 0 && uri[scheme] == ':' && access(uri, F_OK) != 0;
}

static enum stir_code load_uri(struct loading *loading, const char *uri, struct stir_error *err)
{
    enum stir_code code = load_other(loading, uri, NULL, err);
    if (code != STIR_OK && strncmp(uri, "pkcs11:", 7) == 0) {
        EVP_PKEY *key = NULL;
        enum stir_curve curve;
        code = stir_key_from_engine(&key, uri, loading->want_private, err);
        if (code == STIR_OK && (code = stir_key_curve(&curve, key, err)) != STIR_OK) {
            EVP_PKEY_free(key);
        } else if (code == STIR_OK) {
            loading->keys[loading->count++] = key;
        }
    }
    return code == STIR_OK ? code : stir_fail_prefix(err, code, "key store"); /* a URI may hold a PIN */
}

static enum stir_code load(struct loading *loading, const char *uri, struct stir_error *err)
{
    if (strncmp(uri, "file:", 5) == 0 && access(uri, F_OK) != 0) {
        return load_file(loading, uri + 5, err); /* "///path" is a path too */
    }
    return is_store_uri(uri) ? load_uri(loading, uri, err) : load_file(loading, uri, err);
}

enum stir_code stir_key_load(EVP_PKEY **out, const char *uri, bool want_private, enum stir_key_use use,
                             struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    struct loading loading = {.want_private = want_private, .use = use, .first = true, .keys = &key, .cap = 1};
    enum stir_code code = load(&loading, uri, err);
    if (code == STIR_OK) {
        *out = key;
    }
    return code;
}

enum stir_code stir_keys_load(EVP_PKEY **out, size_t cap, size_t *count, const char *uri, bool want_private,
                              enum stir_key_use use, struct stir_error *err)
{
    struct loading loading = {.want_private = want_private, .use = use, .keys = out, .cap = cap};
    enum stir_code code = load(&loading, uri, err);
    if (code == STIR_OK) {
        *count = loading.count;
        return STIR_OK;
    }
    for (size_t i = 0; i < loading.count; i++) {
        EVP_PKEY_free(out[i]);
    }
    return code;
}

enum stir_code stir_key_to_pem(char **out, const EVP_PKEY *key, bool with_private, struct stir_error *err)
{
    enum stir_curve curve;
    char *data = NULL;
    enum stir_code code = stir_key_curve(&curve, key, err);
    if (code != STIR_OK) {
        return code;
    }
    if (with_private && !stir_key_has_private(key)) {
        return stir_fail(err, STIR_E_KEY, "there is no private half to write");
    }
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio || (with_private ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                              : PEM_write_bio_PUBKEY(bio, key)) != 1) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "the key could not be written as PEM");
    } else {
        size_t len = (size_t)BIO_get_mem_data(bio, &data);
        char *text = malloc(len + 1);
        if (text) {
            memcpy(text, data, len);
            text[len] = '\0';
            *out = text;
        } else {
            code = stir_fail(err, STIR_E_NOMEM, "out of memory");
        }
    }
    BIO_free(bio);
    ERR_clear_error(); /* what the encoder got over */
    return code;
}
