#pragma once

#include "common/error.h"
#include "cps/config.h"

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

/* Puts it into a context: handshakes from now on show it. Only on the context's own thread. */
enum stir_code cpsd_credential_apply(const struct cpsd_credential *credential, SSL_CTX *ctx,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* What a server here demands of TLS (RFC 9325): 1.2 or later, no renegotiation, http/1.1 in ALPN, tickets under keys
 * that all workers share so that a resumption may reach any of them. */
#define CPSD_TICKET_KEYS 80
enum stir_code cpsd_tls_harden(SSL_CTX *ctx, const unsigned char ticket_keys[CPSD_TICKET_KEYS],
                               struct stir_error *err) STIR_MUST_CHECK;
