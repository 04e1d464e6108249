/* SPDX-License-Identifier: MIT */
#include "common/jose/key_load.h"

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/jose/json.h"
#include "common/jose/key_engine.h"
#include "common/jose/point.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536 /* a JWK Set of many keys fits */
#define STORE_OBJECTS 64   /* objects of one store that are looked at */

/* Checks a key from a file, which may be anything: the curve, the point, and that the halves belong together.
 * Parameters that are written out instead of named are refused (RFC 5480 section 2.1.1). */
static enum stir_code key_check_loaded(EVP_PKEY *key, bool is_private, struct stir_error *err)
{
    struct stir_point point;
    int explicit_parameters = 0;
    enum stir_code code = stir_point_of(&point, key, err);
    if (code == STIR_OK &&
        EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters) == 1 &&
        explicit_parameters) {
        code = stir_fail(
            err, STIR_E_KEY,
            "the curve's parameters are written out; only named curves are accepted (RFC 5480 section 2.1.1)");
    }
    if (code == STIR_OK) {
        code = stir_point_check(&point, err);
    }
    if (code != STIR_OK || !is_private) {
        return code;
    }
    /* Only now the costly check that private and public half belong together. */
    ERR_clear_error();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (!ctx || EVP_PKEY_check(ctx) != 1) {
        code = stir_fail_openssl(err, STIR_E_KEY, "the private half does not belong to the public one");
    }
    EVP_PKEY_CTX_free(ctx);
    return code;
}

/* Refuses a passphrase: servers have no terminal, and a tool that waits for one blocks a script. */
static int key_refuse_passphrase(char *buf, int size, int writing, void *asked)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

/* Returns the key of one object of a store if it is usable; otherwise NULL, with the reason in err. */
static EVP_PKEY *key_from_store_info(const OSSL_STORE_INFO *info, bool want_private, bool is_file,
                                     struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    int type = OSSL_STORE_INFO_get_type(info);
    if (type == OSSL_STORE_INFO_PKEY) {
        key = OSSL_STORE_INFO_get1_PKEY(info);
    } else if (type == OSSL_STORE_INFO_PUBKEY && !want_private) {
        key = OSSL_STORE_INFO_get1_PUBKEY(info);
    } else if (type == OSSL_STORE_INFO_PUBKEY) {
        (void)stir_fail(err, STIR_E_KEY, "it is a public key, and a private key is needed");
    }
    /* a token keeps its private keys to itself: only those of files can be checked */
    enum stir_curve curve;
    if (key && (is_file ? key_check_loaded(key, type == OSSL_STORE_INFO_PKEY, err)
                        : stir_key_curve(&curve, key, err)) != STIR_OK) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/* Takes the first usable key of a store and closes the store. NULL is a store that could not be opened. */
static enum stir_code key_take_from_store(EVP_PKEY **out, OSSL_STORE_CTX *store, bool want_private, bool is_file,
                                          const bool *asked, struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    struct stir_error reason = {.code = STIR_E_KEY, .text = "no key in it"};
    if (!store) {
        return stir_fail_openssl(err, STIR_E_KEY, "cannot be opened");
    }
    /* A store can hold certificates and several keys: the first usable key is taken. */
    for (int i = 0; !key && i < STORE_OBJECTS && !OSSL_STORE_eof(store); i++) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info) {
            key = key_from_store_info(info, want_private, is_file, &reason);
            OSSL_STORE_INFO_free(info);
        }
    }
    (void)OSSL_STORE_close(store);
    ERR_clear_error();
    if (!key && *asked) {
        return stir_fail(err, STIR_E_KEY,
                         "the key is encrypted, and passphrases are not supported: store it without one");
    }
    if (!key) {
        return stir_fail(err, STIR_E_KEY, "%s", reason.text);
    }
    *out = key;
    return STIR_OK;
}

/* Opens a store by URI, or from the octets of a file if `file` is not NULL. */
static enum stir_code key_load_store(EVP_PKEY **out, const char *uri, const struct stir_buf *file, bool want_private,
                                     struct stir_error *err)
{
    bool asked = false;
    enum stir_code code = STIR_E_NOMEM;
    ERR_clear_error();
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(key_refuse_passphrase, 0);
    BIO *bio = file ? BIO_new_mem_buf(file->ptr, (int)file->len) : NULL;
    if (!ui || (file && !bio)) {
        (void)stir_fail_openssl(err, code, "out of memory");
    } else {
        OSSL_STORE_CTX *store = file ? OSSL_STORE_attach(bio, "file", NULL, NULL, ui, &asked, NULL, NULL, NULL)
                                     : OSSL_STORE_open_ex(uri, NULL, NULL, ui, &asked, NULL, NULL, NULL);
        code = key_take_from_store(out, store, want_private, file != NULL, &asked, err);
    }
    BIO_free(bio);
    UI_destroy_method(ui);
    return code;
}

/* The keys to load, and the keys that were found. */
struct loading {
    bool want_private;
    enum stir_key_use use;
    bool first; /* one key is enough */
    EVP_PKEY **keys;
    size_t cap, count;
};

static bool key_set_has(const struct loading *loading, const EVP_PKEY *key)
{
    for (size_t i = 0; i < loading->count; i++) {
        if (stir_key_same_public(loading->keys[i], key)) {
            return true;
        }
    }
    return false;
}

static enum stir_code key_add_jwk(struct loading *loading, const json_t *jwk, struct stir_error *err)
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
    if (key_set_has(loading, key)) {
        EVP_PKEY_free(key);
    } else if (loading->count == loading->cap) {
        EVP_PKEY_free(key);
        return stir_fail(err, STIR_E_TOO_BIG, "the JWK Set has more than %zu keys", loading->cap);
    } else {
        loading->keys[loading->count++] = key;
    }
    return STIR_OK;
}

/* RFC 7517 section 5: a key that is not understood or not usable is ignored; err says why the last one was. */
static enum stir_code key_add_jwk_set(struct loading *loading, const json_t *keys, struct stir_error *err)
{
    enum stir_code code = stir_fail(err, STIR_E_KEY, "the JWK Set has no key");
    for (size_t i = 0; i < json_array_size(keys) && !(loading->first && loading->count); i++) {
        code = key_add_jwk(loading, json_array_get(keys, i), err);
        if (code == STIR_E_NOMEM || code == STIR_E_TOO_BIG) {
            return code;
        }
    }
    return loading->count ? STIR_OK : code;
}

/* A JWK, or a JWK Set. */
static enum stir_code key_load_jwk(struct loading *loading, const struct stir_buf *file, struct stir_error *err)
{
    json_t *root = NULL;
    enum stir_code code = stir_json_parse_object(&root, file->ptr, file->len, "the key", err);
    if (code != STIR_OK) {
        return code == STIR_E_NOMEM ? code : stir_fail_prefix(err, STIR_E_KEY, "a JWK file");
    }
    const json_t *keys = json_object_get(root, "keys");
    code = keys ? key_add_jwk_set(loading, keys, err) : key_add_jwk(loading, root, err);
    json_decref(root);
    return code == STIR_E_TOO_BIG ? STIR_E_KEY : code;
}

/* Other formats do not say what a key is for. */
static enum stir_code key_load_other(struct loading *loading, const char *uri, const struct stir_buf *file,
                                     struct stir_error *err)
{
    enum stir_code code = key_load_store(&loading->keys[0], uri, file, loading->want_private, err);
    loading->count = code == STIR_OK;
    return code;
}

static enum stir_code key_load_file(struct loading *loading, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, KEY_FILE_MAX, err);
    if (code == STIR_E_TOO_BIG) {
        code = stir_fail(err, STIR_E_KEY, "%s: the file is too large for a key", path);
    }
    if (code == STIR_OK) {
        size_t blank = file.len ? strspn(file.ptr, " \t\r\n") : 0;
        if (blank == file.len) {
            code = stir_fail(err, STIR_E_KEY, "the file is empty");
        } else if (file.ptr[blank] == '{') {
            code = key_load_jwk(loading, &file, err);
        } else {
            code = key_load_other(loading, NULL, &file, err);
        }
        if (code != STIR_OK) {
            (void)stir_fail_prefix(err, code, "%s", path);
        }
    }
    stir_buf_cleanse(&file);
    return code;
}

/* "pkcs11:...", but not "file:..." and not the name of a file that has a colon in it. */
static bool key_is_store_uri(const char *uri)
{
    size_t scheme = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return scheme > 0 && uri[scheme] == ':' && access(uri, F_OK) != 0;
}

static enum stir_code key_load_uri(struct loading *loading, const char *uri, struct stir_error *err)
{
    enum stir_code code = key_load_other(loading, uri, NULL, err);
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

static enum stir_code key_load_any(struct loading *loading, const char *uri, struct stir_error *err)
{
    if (strncmp(uri, "file:", 5) == 0 && access(uri, F_OK) != 0) {
        return key_load_file(loading, uri + 5, err); /* "///path" is a path too */
    }
    return key_is_store_uri(uri) ? key_load_uri(loading, uri, err) : key_load_file(loading, uri, err);
}

enum stir_code stir_key_load(EVP_PKEY **out, const char *uri, bool want_private, enum stir_key_use use,
                             struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    struct loading loading = {.want_private = want_private, .use = use, .first = true, .keys = &key, .cap = 1};
    enum stir_code code = key_load_any(&loading, uri, err);
    if (code == STIR_OK) {
        *out = key;
    }
    return code;
}

enum stir_code stir_keys_load(EVP_PKEY **out, size_t cap, size_t *count, const char *uri, bool want_private,
                              enum stir_key_use use, struct stir_error *err)
{
    struct loading loading = {.want_private = want_private, .use = use, .keys = out, .cap = cap};
    enum stir_code code = key_load_any(&loading, uri, err);
    if (code == STIR_OK) {
        *count = loading.count;
        return STIR_OK;
    }
    for (size_t i = 0; i < loading.count; i++) {
        EVP_PKEY_free(out[i]);
    }
    return code;
}
