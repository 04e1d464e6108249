/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/policy/config.h"
#include "common/base/buf.h"
#include "common/base/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* TLS 1.2 and 1.3 without sockets: ciphertext in, plaintext out, and the reverse. The link moves the octets. */

/* Makes the context for ESMEs from [listen]; *out is NULL if no certificate is set. The caller frees it with
 * SSL_CTX_free. STIR_E_CERT, STIR_E_KEY, STIR_E_CRYPTO; err names the file. */
enum stir_code sc_tls_server(SSL_CTX **out, const struct sc_config *config, struct stir_error *err) STIR_MUST_CHECK;

/* The same for the peer from [peer]; *out is NULL if tls is off. */
enum stir_code sc_tls_client(SSL_CTX **out, const struct sc_config *config, struct stir_error *err) STIR_MUST_CHECK;

struct sc_tls;

/* Makes the state of one connection. name: the name that the server's certificate must contain; NULL: we are the
 * server. STIR_E_NOMEM. */
enum stir_code sc_tls_new(struct sc_tls **out, SSL_CTX *ctx, const char *name, struct stir_error *err) STIR_MUST_CHECK;
void sc_tls_free(struct sc_tls *tls);

/* Takes received ciphertext. Appends plaintext to `plain`, and octets to send (handshake, alerts) to `cipher`. Sets
 * *ended when the other side has closed TLS in order (RFC 8446 6.1). STIR_E_TLS says why the connection has failed; an
 * alert may still be in `cipher`. */
enum stir_code sc_tls_take(struct sc_tls *tls, const void *data, size_t n, struct stir_buf *plain,
                           struct stir_buf *cipher, bool *ended, struct stir_error *err) STIR_MUST_CHECK;

/* Begins the handshake as a client: appends the ClientHello to `cipher`. */
enum stir_code sc_tls_start(struct sc_tls *tls, struct stir_buf *cipher, struct stir_error *err) STIR_MUST_CHECK;

/* Returns true when the handshake is done. */
bool sc_tls_ready(const struct sc_tls *tls);

/* Encrypts plaintext after the handshake and appends the records to `cipher`. */
enum stir_code sc_tls_seal(struct sc_tls *tls, const void *data, size_t n, struct stir_buf *cipher,
                           struct stir_error *err) STIR_MUST_CHECK;

/* Appends close_notify to `cipher` (RFC 8446 6.1). */
void sc_tls_end(struct sc_tls *tls, struct stir_buf *cipher);
