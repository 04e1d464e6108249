/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/tls.h"

#include "common/net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { RECORD = 16384 };

struct sc_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by the SSL */
};

/* ---- settings ---- */

static enum stir_code tls_use_certificate(SSL_CTX *ctx, const char *chain, const char *key, struct stir_error *err)
{
    struct stir_tls_credential credential = {0};
    enum stir_code code = stir_tls_credential_load(&credential, chain, key, err);
    if (code == STIR_OK) {
        code = stir_tls_credential_apply(&credential, ctx, err);
    }
    stir_tls_credential_clear(&credential);
    return code;
}

static enum stir_code tls_new_context(SSL_CTX **out, const SSL_METHOD *method, struct stir_error *err)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx || SSL_CTX_set_num_tickets(ctx, 0) != 1) {
        SSL_CTX_free(ctx);
        return stir_fail_openssl(err, STIR_E_CRYPTO, "TLS settings");
    }
    enum stir_code code = stir_tls_policy_apply(ctx, err);
    if (code != STIR_OK) {
        SSL_CTX_free(ctx);
        return code;
    }
    /* no session resumption: a bind lasts for hours, and ticket keys would have to be rotated */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    *out = ctx;
    return STIR_OK;
}

static enum stir_code tls_done(SSL_CTX **out, SSL_CTX *ctx, enum stir_code code)
{
    ERR_clear_error();
    if (code != STIR_OK) {
        SSL_CTX_free(ctx);
        return code;
    }
    *out = ctx;
    return STIR_OK;
}

enum stir_code sc_tls_server(SSL_CTX **out, const struct sc_config *config, struct stir_error *err)
{
    SSL_CTX *ctx = NULL;
    if (!config->listen_certificate[0]) {
        *out = NULL;
        return STIR_OK;
    }
    enum stir_code code = tls_new_context(&ctx, TLS_server_method(), err);
    if (code == STIR_OK) {
        code = tls_use_certificate(ctx, config->listen_certificate, config->listen_private_key, err);
    }
    if (code == STIR_OK && config->listen_client_ca[0]) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(config->listen_client_ca);
        if (!names || SSL_CTX_load_verify_locations(ctx, config->listen_client_ca, NULL) != 1) {
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            code = stir_fail_openssl(err, STIR_E_CERT, "%s: no PEM certificates found", config->listen_client_ca);
        } else {
            SSL_CTX_set_client_CA_list(ctx, names);
            SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
            (void)SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"cps-smpp", 8);
        }
    }
    return tls_done(out, ctx, code);
}

enum stir_code sc_tls_client(SSL_CTX **out, const struct sc_config *config, struct stir_error *err)
{
    SSL_CTX *ctx = NULL;
    if (!config->peer_tls) {
        *out = NULL;
        return STIR_OK;
    }
    enum stir_code code = tls_new_context(&ctx, TLS_client_method(), err);
    if (code == STIR_OK && config->peer_certificate[0]) {
        code = tls_use_certificate(ctx, config->peer_certificate, config->peer_private_key, err);
    }
    if (code == STIR_OK && config->peer_ca[0] && SSL_CTX_load_verify_locations(ctx, config->peer_ca, NULL) != 1) {
        code = stir_fail_openssl(err, STIR_E_CERT, "%s: no PEM certificates found", config->peer_ca);
    } else if (code == STIR_OK && !config->peer_ca[0] && SSL_CTX_set_default_verify_paths(ctx) != 1) {
        code = stir_fail_openssl(err, STIR_E_CERT, "the system's authorities");
    }
    if (code == STIR_OK) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    }
    return tls_done(out, ctx, code);
}

/* ---- a connection ---- */

static bool tls_expect_name(SSL *ssl, const char *name)
{
    unsigned char raw[16];
    if (inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum stir_code sc_tls_new(struct sc_tls **out, SSL_CTX *ctx, const char *name, struct stir_error *err)
{
    struct sc_tls *tls = calloc(1, sizeof(*tls));
    ERR_clear_error();
    if (tls) {
        tls->ssl = SSL_new(ctx);
        tls->in = BIO_new(BIO_s_mem());
        tls->out = BIO_new(BIO_s_mem());
    }
    /* without the name check (RFC 9525 6) any certificate of the authority would do, so its failure is fatal, too */
    if (!tls || !tls->ssl || !tls->in || !tls->out || (name && !tls_expect_name(tls->ssl, name))) {
        if (tls) {
            BIO_free(tls->in);
            BIO_free(tls->out);
            SSL_free(tls->ssl);
            free(tls);
        }
        return stir_fail_openssl(err, STIR_E_NOMEM, "TLS connection");
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out); /* the SSL owns both from now on */
    if (name) {
        SSL_set_connect_state(tls->ssl);
    } else {
        SSL_set_accept_state(tls->ssl);
    }
    *out = tls;
    return STIR_OK;
}

void sc_tls_free(struct sc_tls *tls)
{
    if (tls) {
        SSL_free(tls->ssl);
        free(tls);
    }
}

bool sc_tls_ready(const struct sc_tls *tls)
{
    return SSL_is_init_finished(tls->ssl) == 1;
}

static void tls_collect(struct sc_tls *tls, struct stir_buf *cipher)
{
    char *data = NULL;
    long n = BIO_get_mem_data(tls->out, &data);
    if (n > 0) {
        stir_buf_put(cipher, data, (size_t)n);
        (void)BIO_reset(tls->out);
    }
}

/* Says why the handshake or the connection failed: the certificate of the other side, or the error of OpenSSL. */
static enum stir_code tls_explain(struct sc_tls *tls, struct stir_error *err)
{
    long verify = SSL_get_verify_result(tls->ssl);
    if (verify != X509_V_OK) {
        ERR_clear_error();
        return stir_fail(err, STIR_E_TLS, "its certificate is not accepted: %s", X509_verify_cert_error_string(verify));
    }
    return stir_fail_openssl(err, STIR_E_TLS, "TLS");
}

static enum stir_code tls_handshake(struct sc_tls *tls, struct stir_error *err)
{
    int done = sc_tls_ready(tls) ? 1 : SSL_do_handshake(tls->ssl);
    if (done == 1 || SSL_get_error(tls->ssl, done) == SSL_ERROR_WANT_READ) {
        return STIR_OK;
    }
    return tls_explain(tls, err);
}

enum stir_code sc_tls_start(struct sc_tls *tls, struct stir_buf *cipher, struct stir_error *err)
{
    ERR_clear_error();
    enum stir_code code = tls_handshake(tls, err);
    tls_collect(tls, cipher);
    ERR_clear_error();
    return code;
}

static enum stir_code tls_read_plain(struct sc_tls *tls, struct stir_buf *plain, bool *ended, struct stir_error *err)
{
    for (;;) {
        char record[RECORD];
        size_t n = 0;
        if (SSL_read_ex(tls->ssl, record, sizeof(record), &n) == 1) {
            stir_buf_put(plain, record, n);
            continue;
        }
        switch (SSL_get_error(tls->ssl, 0)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return STIR_OK;
        case SSL_ERROR_ZERO_RETURN:
            *ended = true;
            return STIR_OK;
        default:
            return tls_explain(tls, err);
        }
    }
}

enum stir_code sc_tls_take(struct sc_tls *tls, const void *data, size_t n, struct stir_buf *plain,
                           struct stir_buf *cipher, bool *ended, struct stir_error *err)
{
    ERR_clear_error();
    if (BIO_write(tls->in, data, (int)n) != (int)n) {
        return stir_fail_openssl(err, STIR_E_NOMEM, "TLS");
    }
    enum stir_code code = tls_handshake(tls, err);
    if (code == STIR_OK && sc_tls_ready(tls)) {
        code = tls_read_plain(tls, plain, ended, err);
    }
    tls_collect(tls, cipher);
    ERR_clear_error();
    if (code == STIR_OK && (stir_buf_state(plain) != STIR_OK || stir_buf_state(cipher) != STIR_OK)) {
        code = stir_fail(err, STIR_E_NOMEM, "TLS");
    }
    return code;
}

enum stir_code sc_tls_seal(struct sc_tls *tls, const void *data, size_t n, struct stir_buf *cipher,
                           struct stir_error *err)
{
    size_t written = 0;
    ERR_clear_error();
    for (size_t at = 0; at < n; at += written) {
        if (SSL_write_ex(tls->ssl, (const char *)data + at, n - at, &written) != 1) {
            return tls_explain(tls, err);
        }
    }
    tls_collect(tls, cipher);
    ERR_clear_error();
    return stir_buf_state(cipher);
}

void sc_tls_end(struct sc_tls *tls, struct stir_buf *cipher)
{
    ERR_clear_error();
    if (sc_tls_ready(tls)) {
        (void)SSL_shutdown(tls->ssl);
    }
    tls_collect(tls, cipher);
    ERR_clear_error();
}
