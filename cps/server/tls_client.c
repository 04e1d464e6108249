/* SPDX-License-Identifier: MIT */
#include "cps/server/tls.h"

#include <openssl/err.h>

#define CHAIN_MAX 20480 /* octets of a client's chain in the handshake */

/* Accepts every chain: it is verified with each request. */
static int client_take_any(X509_STORE_CTX *store, void *arg)
{
    (void)store, (void)arg;
    return 1;
}

static void client_put_certificate(struct stir_buf *out, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    if (n > 0) {
        stir_buf_put(out, der, (size_t)n);
    }
    OPENSSL_free(der);
}

/* Appends the chain as the client sent it, leaf first. */
static void client_put_chain(struct stir_buf *out, SSL *ssl)
{
    STACK_OF(X509) *others = SSL_get_peer_cert_chain(ssl); /* without the leaf on a server */
    client_put_certificate(out, SSL_get0_peer_certificate(ssl));
    for (int i = 0; i < sk_X509_num(others); i++) {
        client_put_certificate(out, sk_X509_value(others, i));
    }
}

/* Puts the chain into a new ticket: OpenSSL itself keeps only the leaf. A resumed session has its ticket's chain
 * already. */
static int client_fill_ticket(SSL *ssl, void *arg)
{
    struct stir_buf chain = {0};
    (void)arg;
    if (!SSL_session_reused(ssl) && SSL_get0_peer_certificate(ssl)) {
        client_put_chain(&chain, ssl);
        if (stir_buf_state(&chain) == STIR_OK) {
            (void)SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), chain.ptr, chain.len);
        }
        stir_buf_free(&chain);
    }
    return 1;
}

static bool client_has_chain(SSL_SESSION *session)
{
    void *data = NULL;
    size_t len = 0;
    return SSL_SESSION_get0_ticket_appdata(session, &data, &len) == 1 && len > 0;
}

/* Decides whether a ticket is used. A session without a certificate is not resumed where one is required, and one that
 * lost its chain is not resumed at all. */
static SSL_TICKET_RETURN client_open_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
                                            SSL_TICKET_STATUS status, void *arg)
{
    (void)name, (void)name_len, (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    bool shown = SSL_SESSION_get0_peer(session) != NULL;
    bool required = SSL_get_verify_mode(ssl) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (shown ? !client_has_chain(session) : required) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

enum stir_code cpsd_tls_client_setup(SSL_CTX *ctx, struct stir_error *err)
{
    static const unsigned char name[] = "cpsd";
    ERR_clear_error();
    /* sessions are kept in tickets only */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_verify_callback(ctx, client_take_any, NULL);
    SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
    if (SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) != 1 ||
        SSL_CTX_set_session_ticket_cb(ctx, client_fill_ticket, client_open_ticket, NULL) != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "OpenSSL does not accept the settings for client certificates");
    }
    return STIR_OK;
}

void cpsd_tls_client_ask(SSL_CTX *ctx, enum cpsd_ask_certificates ask)
{
    static const int modes[] = {
        [CPSD_ASK_NO] = SSL_VERIFY_NONE,
        [CPSD_ASK_OPTIONAL] = SSL_VERIFY_PEER,
        [CPSD_ASK_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    SSL_CTX_set_verify(ctx, modes[ask], NULL);
}

void cpsd_tls_client_read(struct cpsd_client_cert *cert, SSL *ssl)
{
    struct stir_buf chain = {0};
    void *kept = NULL;
    size_t kept_len = 0;
    cpsd_client_cert_clear(cert);
    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE || !SSL_get0_peer_certificate(ssl)) {
        return;
    }
    /* a full handshake has the chain; a resumed one has it in its ticket */
    if (!SSL_session_reused(ssl)) {
        client_put_chain(&chain, ssl);
        if (stir_buf_state(&chain) == STIR_OK) {
            cpsd_client_cert_read(cert, chain.ptr, chain.len);
        }
    } else if (SSL_SESSION_get0_ticket_appdata(SSL_get0_session(ssl), &kept, &kept_len) == 1 && kept_len) {
        cpsd_client_cert_read(cert, kept, kept_len);
    }
    if (!cpsd_client_cert_is_there(cert)) {
        cpsd_client_cert_refuse(cert, "the client certificate could not be read");
    }
    stir_buf_free(&chain);
}
