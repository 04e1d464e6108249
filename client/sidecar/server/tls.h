#pragma once

#include "client/sidecar/policy/config.h"
#include "common/base/buf.h"
#include "common/base/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* TLS 1.2 and 1.3 on memory: ciphertext in, plaintext out and the other way round; the link moves the octets. */

/* For ESMEs, from [listen]: *out is NULL where no certificate is set. STIR_E_CERT, STIR_E_KEY, STIR_E_CRYPTO; err names
 * the file. Freed with SSL_CTX_free. */
enum stir_code sc_tls_server(SSL_CTX **out, const struct sc_config *config, struct stir_error *err) STIR_MUST_CHECK;

/* For the peer, from [peer]: *out is NULL where tls is off. */
enum stir_code sc_tls_client(SSL_CTX **out, const struct sc_config *config, struct stir_error *err) STIR_MUST_CHECK;

struct sc_tls;

/* One connection. name: whom the certificate of the other side, then a server, is to name; NULL: we are the server.
 * STIR_E_NOMEM. */
enum stir_code sc_tls_new(struct sc_tls **out, SSL_CTX *ctx, const char *name, struct stir_error *err) STIR_MUST_CHECK;
void sc_tls_free(struct sc_tls *tls);

/* Ciphertext that came; plaintext is appended to `plain`, what is to be sent (handshake) to `cipher`. *ended is set
 * when the other side has ended TLS in order. STIR_E_TLS says why it is over; an alert may still be in `cipher`. */
enum stir_code sc_tls_take(struct sc_tls *tls, const void *data, size_t n, struct stir_buf *plain,
                           struct stir_buf *cipher, bool *ended, struct stir_error *err) STIR_MUST_CHECK;

/* The client's first word. */
enum stir_code sc_tls_start(struct sc_tls *tls, struct stir_buf *cipher, struct stir_error *err) STIR_MUST_CHECK;

/* The handshake is done. */
bool sc_tls_ready(const struct sc_tls *tls);

/* Plaintext that is to be sent, after the handshake: its ciphertext is appended to `cipher`. */
enum stir_code sc_tls_seal(struct sc_tls *tls, const void *data, size_t n, struct stir_buf *cipher,
                           struct stir_error *err) STIR_MUST_CHECK;

/* Our last word. */
void sc_tls_end(struct sc_tls *tls, struct stir_buf *cipher);
