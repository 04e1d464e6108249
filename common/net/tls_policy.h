/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Returns the groups that TLS may use here for the key exchange, in the syntax of SSL_CTX_set1_groups_list:
 * X25519MLKEM768 where OpenSSL has it (3.5 and later), X25519, P-256 and P-384. OpenSSL's own default includes
 * ffdhe8192 (RFC 7919), where one handshake costs over a hundred times the processor time of one with X25519: a
 * stranger could use that against a server, and a server against a client. The string is static.
 */
const char *stir_tls_groups(void);
