/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <openssl/ssl.h>

/*
 * TLS contexts of the daemons: the policy and the certificate with its key. Files are read and checked as a whole
 * before anything uses them, so that a reload with a wrong file changes nothing.
 */

/* A certificate with the certificates that its peer needs to verify it, and its private key. All are owned. */
struct stir_tls_credential {
    X509 *leaf;
    STACK_OF(X509) * chain; /* in the order of the file, without the leaf */
    EVP_PKEY *key;
};

/* Reads a PEM certificate chain, leaf first, and a PEM private key, of at most 65,536 octets each. Nobody is asked for
 * a passphrase: a daemon has no terminal, so an encrypted key is refused. STIR_E_IO, STIR_E_TOO_BIG, STIR_E_CERT,
 * STIR_E_KEY (not a key, or not that of the certificate), STIR_E_NOMEM; err names the file. *out is cleared with
 * stir_tls_credential_clear and untouched on failure. */
enum stir_code stir_tls_credential_load(struct stir_tls_credential *out, const char *certificate_path,
                                        const char *key_path, struct stir_error *err) STIR_MUST_CHECK;
void stir_tls_credential_clear(struct stir_tls_credential *credential);

/* Makes handshakes of the context show the credential from now on. The context takes references of its own. Call it on
 * the thread that uses the context. STIR_E_CERT. */
enum stir_code stir_tls_credential_apply(const struct stir_tls_credential *credential, SSL_CTX *ctx,
                                         struct stir_error *err) STIR_MUST_CHECK;

/* Sets what every TLS connection of a daemon demands (RFC 9325): TLS 1.2 or later, key exchange with the groups of
 * common/net/tls_policy.h, AEAD ciphers, no renegotiation and no compression. Idle connections hold no record buffers,
 * and encrypted files are refused instead of asking for a passphrase. STIR_E_CRYPTO. */
enum stir_code stir_tls_policy_apply(SSL_CTX *ctx, struct stir_error *err) STIR_MUST_CHECK;
