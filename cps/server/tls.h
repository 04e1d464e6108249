/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "cps/auth/client_cert.h"
#include "cps/base/config.h"
#include "cps/server/tls_tickets.h"

#include <openssl/ssl.h>

/*
 * The server's certificate and key. They are read and checked as a whole before they are used, so that a reload with a
 * wrong file changes nothing.
 */
struct cpsd_credential;

/* Reads both files of the configuration. STIR_E_IO, STIR_E_CERT, STIR_E_KEY (the key does not belong to the
 * certificate); err names the file. */
enum stir_code cpsd_credential_load(struct cpsd_credential **out, const struct cpsd_config *config,
                                    struct stir_error *err) STIR_MUST_CHECK;
void cpsd_credential_free(struct cpsd_credential *credential);

/* Returns the notAfter of the certificate, seconds since the epoch; 0: it cannot be read. */
int64_t cpsd_credential_end(const struct cpsd_credential *credential);

/* Puts the credential into a context: handshakes from now on use it. Only on the context's own thread. STIR_E_CERT. */
enum stir_code cpsd_credential_apply(const struct cpsd_credential *credential, SSL_CTX *ctx,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* Sets what this server demands of TLS (RFC 9325): 1.2 or later, the groups of common/net/tls_policy.h, no
 * renegotiation, http/1.1 in ALPN, and session tickets under keys that all workers share. `tickets` must outlive ctx.
 * STIR_E_CRYPTO.
 */
enum stir_code cpsd_tls_harden(SSL_CTX *ctx, struct cpsd_tls_tickets *tickets, struct stir_error *err) STIR_MUST_CHECK;

/*
 * Client certificates (tls_client.c). A handshake accepts any certificate whose key the client holds. The certificate
 * is verified with each request (cps/auth/client_cert.h), so that the answer can say what is wrong with it. A session
 * ticket carries the chain, so that a resumed session has the same certificate, which is verified anew.
 */

/* Prepares a context for client certificates. Called once per context. STIR_E_CRYPTO. */
enum stir_code cpsd_tls_client_setup(SSL_CTX *ctx, struct stir_error *err) STIR_MUST_CHECK;

/* Sets whether handshakes from now on ask for a certificate. Only on the context's own thread. */
void cpsd_tls_client_ask(SSL_CTX *ctx, enum cpsd_ask_certificates ask);

/* Reads the certificate that the client showed in its finished handshake; none if it was not asked. */
void cpsd_tls_client_read(struct cpsd_client_cert *cert, SSL *ssl);
