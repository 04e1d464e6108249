/* SPDX-License-Identifier: MIT */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The keys of TLS session tickets (RFC 5077 section 4; RFC 8446 section 4.6.1). All workers share them, so that a
 * client may resume its session at any worker. A key encrypts new tickets for CPSD_TLS_TICKET_KEY_S seconds and
 * decrypts old ones for as long again; then it is wiped, and nobody can read the sessions of its time any more, even
 * with the process in hand.
 */
#define CPSD_TLS_TICKET_KEY_S 43200u /* 12 h */

struct cpsd_tls_tickets;

/* Returns new keys, or NULL without memory or randomness. `now_s` returns the time in seconds by a clock that never
 * goes back; NULL: CLOCK_BOOTTIME. Must be freed after every context that uses the keys. */
struct cpsd_tls_tickets *cpsd_tls_tickets_new(uint64_t (*now_s)(void *arg), void *arg);
void cpsd_tls_tickets_free(struct cpsd_tls_tickets *tickets);

/* Replaces the keys whose time is over. Handshakes do so as well; a timer calls this so that old keys are wiped while
 * there are no handshakes. Thread-safe. */
void cpsd_tls_tickets_rotate(struct cpsd_tls_tickets *tickets);

/* Lets a context use these keys. Returns false if OpenSSL cannot. */
bool cpsd_tls_tickets_use(struct cpsd_tls_tickets *tickets, SSL_CTX *ctx);
