#pragma once

#include "common/base/error.h"
#include "cps/auth/client_cert.h"
#include "cps/base/config.h"
#include "cps/server/tls_tickets.h"

#include <openssl/ssl.h>

/*
 * The server's certificate and key: read and checked as a whole before anything uses them, so that a reload with a
 * wrong file changes nothing.
 */
struct cpsd_credential;

/* STIR_E_IO, STIR_E_CERT, STIR_E_KEY (they do not belong together); err names the file. */
enum stir_code cpsd_credential_load(struct cpsd_credential **out, const struct cpsd_config *config,
                                    struct stir_error *err) STIR_MUST_CHECK;
void cpsd_credential_free(struct cpsd_credential *credential);

/* When its certificate is no longer valid, seconds since the epoch; 0: its time cannot be read. */
int64_t cpsd_credential_end(const struct cpsd_credential *credential);

/* Puts it into a context: handshakes from now on show it. Only on the context's own thread. */
enum stir_code cpsd_credential_apply(const struct cpsd_credential *credential, SSL_CTX *ctx,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* Sets what a server here demands of TLS (RFC 9325): 1.2 or later, the groups of common/net/tls_policy.h, no
 * renegotiation, http/1.1 in ALPN, and session tickets under keys that all workers share. `tickets` must outlive ctx.
 * STIR_E_CRYPTO.
 */
enum stir_code cpsd_tls_harden(SSL_CTX *ctx, struct cpsd_tls_tickets *tickets, struct stir_error *err) STIR_MUST_CHECK;

/*
 * Client certificates (server_tls_client.c). A handshake takes any certificate whose key the client holds; what it is
 * worth is judged with each request (cps/auth/client_cert.h), so that the answer can say what is wrong with it. A
 * ticket carries the chain along, so that a resumed session has the same certificate, which is judged anew.
 */

/* Once for a context. */
enum stir_code cpsd_tls_client_setup(SSL_CTX *ctx, struct stir_error *err) STIR_MUST_CHECK;

/* Handshakes from now on ask for a certificate, or do not. Only on the context's own thread. */
void cpsd_tls_client_ask(SSL_CTX *ctx, enum cpsd_ask_certificates ask);

/* Reads what the client showed in a handshake that is finished; nothing if it was not asked. */
void cpsd_tls_client_read(struct cpsd_client_cert *cert, SSL *ssl);
