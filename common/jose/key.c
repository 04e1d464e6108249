/* SPDX-License-Identifier: MIT */
#include "common/jose/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum stir_code stir_key_generate(EVP_PKEY **out, enum stir_curve curve, struct stir_error *err)
{
    ERR_clear_error();
    EVP_PKEY *key = curve == STIR_CURVE_P256 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
                                             : EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    if (!key) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot generate a key");
    }
    ERR_clear_error(); /* errors from which OpenSSL has recovered */
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

enum stir_code stir_key_to_pem(char **out, const EVP_PKEY *key, bool with_private, struct stir_error *err)
{
    enum stir_curve curve;
    char *data = NULL;
    enum stir_code code = stir_key_curve(&curve, key, err);
    if (code != STIR_OK) {
        return code;
    }
    if (with_private && !stir_key_has_private(key)) {
        return stir_fail(err, STIR_E_KEY, "the key has no private half to write");
    }
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio || (with_private ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                              : PEM_write_bio_PUBKEY(bio, key)) != 1) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot write the key as PEM");
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
    ERR_clear_error(); /* errors from which the encoder has recovered */
    return code;
}
