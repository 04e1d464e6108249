/* SPDX-License-Identifier: MIT */
#include "common/net/tls_context.h"

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/net/tls_policy.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define PEM_FILE_MAX 65536

void stir_tls_credential_clear(struct stir_tls_credential *credential)
{
    X509_free(credential->leaf);
    sk_X509_pop_free(credential->chain, X509_free);
    EVP_PKEY_free(credential->key);
    *credential = (struct stir_tls_credential){0};
}

/* OpenSSL would ask for a passphrase on the terminal, which a daemon does not have. */
static int tls_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return 0;
}

static enum stir_code tls_read_chain(struct stir_tls_credential *credential, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, PEM_FILE_MAX, err);
    if (code != STIR_OK) {
        return code;
    }
    BIO *bio = BIO_new_mem_buf(file.ptr, (int)file.len);
    credential->chain = sk_X509_new_null();
    for (X509 *cert; bio && (cert = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL));) {
        if (!credential->leaf) {
            credential->leaf = cert;
        } else if (!sk_X509_push(credential->chain, cert)) {
            X509_free(cert);
        }
    }
    /* the end of the file shows as "no start line"; any other error is a damaged block */
    if (!credential->leaf || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        code = stir_fail_openssl(err, STIR_E_CERT, "%s: not a PEM certificate chain", path);
    }
    ERR_clear_error();
    BIO_free(bio);
    stir_buf_free(&file);
    return code;
}

static enum stir_code tls_read_key(struct stir_tls_credential *credential, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, PEM_FILE_MAX, err);
    BIO *bio = code == STIR_OK ? BIO_new_mem_buf(file.ptr, (int)file.len) : NULL;
    credential->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL) : NULL;
    if (code == STIR_OK && !credential->key) {
        code = stir_fail_openssl(err, STIR_E_KEY, "%s: not a PEM private key without a passphrase", path);
    }
    BIO_free(bio);
    stir_buf_cleanse(&file);
    return code;
}

enum stir_code stir_tls_credential_load(struct stir_tls_credential *out, const char *certificate_path,
                                        const char *key_path, struct stir_error *err)
{
    struct stir_tls_credential credential = {0};
    ERR_clear_error();
    enum stir_code code = tls_read_chain(&credential, certificate_path, err);
    if (code == STIR_OK) {
        code = tls_read_key(&credential, key_path, err);
    }
    if (code == STIR_OK && X509_check_private_key(credential.leaf, credential.key) != 1) {
        code = stir_fail_openssl(err, STIR_E_KEY, "%s does not belong to the certificate in %s", key_path,
                                 certificate_path);
    }
    if (code != STIR_OK) {
        stir_tls_credential_clear(&credential);
        return code;
    }
    *out = credential;
    return STIR_OK;
}

enum stir_code stir_tls_credential_apply(const struct stir_tls_credential *credential, SSL_CTX *ctx,
                                         struct stir_error *err)
{
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(ctx, credential->leaf, credential->key, credential->chain, 1) != 1) {
        return stir_fail_openssl(err, STIR_E_CERT, "the certificate cannot be used for TLS");
    }
    return STIR_OK;
}

enum stir_code stir_tls_policy_apply(SSL_CTX *ctx, struct stir_error *err)
{
    ERR_clear_error();
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, stir_tls_groups()) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot set the TLS versions, groups and ciphers");
    }
    SSL_CTX_set_default_passwd_cb(ctx, tls_no_passphrase);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* an idle connection holds no record buffers */
    return STIR_OK;
}
