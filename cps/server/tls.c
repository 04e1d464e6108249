/* SPDX-License-Identifier: MIT */
#include "cps/server/tls.h"

#include "common/base/buf.h"
#include "common/cert/x509.h"
#include "common/net/tls_policy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define PEM_FILE_MAX 65536

struct cpsd_credential {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

void cpsd_credential_free(struct cpsd_credential *credential)
{
    if (credential) {
        X509_free(credential->leaf);
        sk_X509_pop_free(credential->chain, X509_free);
        EVP_PKEY_free(credential->key);
        free(credential);
    }
}

int64_t cpsd_credential_end(const struct cpsd_credential *credential)
{
    int64_t end = 0;
    return stir_x509_time(&end, X509_get0_notAfter(credential->leaf), NULL) == STIR_OK ? end : 0;
}

/* A key with a passphrase is refused: no operator is there to type it when the service starts. */
static int credential_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return 0;
}

static enum stir_code credential_read_chain(struct cpsd_credential *credential, const char *path,
                                            struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, PEM_FILE_MAX, err);
    BIO *bio = code == STIR_OK ? BIO_new_mem_buf(file.ptr, (int)file.len) : NULL;
    credential->chain = sk_X509_new_null();
    for (X509 *cert; bio && (cert = PEM_read_bio_X509(bio, NULL, credential_no_passphrase, NULL));) {
        if (!credential->leaf) {
            credential->leaf = cert;
        } else if (!sk_X509_push(credential->chain, cert)) {
            X509_free(cert);
        }
    }
    /* reading ends with "no start line" after the last certificate; any other error is a damaged one */
    unsigned long end = ERR_peek_last_error();
    if (code == STIR_OK && (!credential->leaf || ERR_GET_REASON(end) != PEM_R_NO_START_LINE)) {
        code = stir_fail_openssl(
            err, STIR_E_CERT,
            "cannot read the certificate chain in %s: it must be PEM; convert DER with \"openssl x509 -inform DER\"",
            path);
    }
    ERR_clear_error();
    BIO_free(bio);
    stir_buf_free(&file);
    return code;
}

static enum stir_code credential_read_key(struct cpsd_credential *credential, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, PEM_FILE_MAX, err);
    BIO *bio = code == STIR_OK ? BIO_new_mem_buf(file.ptr, (int)file.len) : NULL;
    credential->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, credential_no_passphrase, NULL) : NULL;
    if (code == STIR_OK && !credential->key) {
        code = stir_fail_openssl(
            err, STIR_E_KEY,
            "cannot read the private key in %s: it must be PEM without a passphrase; remove one with \"openssl pkey\"",
            path);
    }
    BIO_free(bio);
    stir_buf_cleanse(&file);
    return code;
}

enum stir_code cpsd_credential_load(struct cpsd_credential **out, const struct cpsd_config *config,
                                    struct stir_error *err)
{
    struct cpsd_credential *credential = calloc(1, sizeof(*credential));
    if (!credential) {
        return stir_fail(err, STIR_E_NOMEM, "certificate");
    }
    ERR_clear_error();
    enum stir_code code = credential_read_chain(credential, config->certificate, err);
    if (code == STIR_OK) {
        code = credential_read_key(credential, config->private_key, err);
    }
    if (code == STIR_OK && X509_check_private_key(credential->leaf, credential->key) != 1) {
        code = stir_fail_openssl(err, STIR_E_KEY, "%s does not belong to the certificate in %s", config->private_key,
                                 config->certificate);
    }
    if (code != STIR_OK) {
        cpsd_credential_free(credential);
        return code;
    }
    *out = credential;
    return STIR_OK;
}

enum stir_code cpsd_credential_apply(const struct cpsd_credential *credential, SSL_CTX *ctx, struct stir_error *err)
{
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(ctx, credential->leaf, credential->key, credential->chain, 1) != 1) {
        return stir_fail_openssl(err, STIR_E_CERT, "OpenSSL does not accept the certificate for TLS");
    }
    return STIR_OK;
}

/* ALPN (RFC 7301): http/1.1 or an alert. */
static int tls_select_http11(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                             unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum stir_code cpsd_tls_harden(SSL_CTX *ctx, struct cpsd_tls_tickets *tickets, struct stir_error *err)
{
    /* RFC 9325 sections 3.1, 3.3, 3.5 and 4.2 */
    ERR_clear_error();
    bool ok = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set1_groups_list(ctx, stir_tls_groups()) == 1 && cpsd_tls_tickets_use(tickets, ctx) &&
              SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* an idle connection holds no record buffers */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, tls_select_http11, NULL);
    return ok ? STIR_OK : stir_fail_openssl(err, STIR_E_CRYPTO, "OpenSSL does not accept the TLS settings");
}
