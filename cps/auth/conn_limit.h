/* SPDX-License-Identifier: MIT */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Counts what each client network has open in this process: connections ([limits] connections_by_address) and TLS
 * handshakes in progress (handshakes_by_address). A network is an IPv6 /64 or a single IPv4 address. Thread-safe.
 */
struct cpsd_conn_limit;

/* Returns a new set of counters, or NULL without memory or randomness. */
struct cpsd_conn_limit *cpsd_conn_limit_new(void);
void cpsd_conn_limit_free(struct cpsd_conn_limit *limit); /* NULL is fine */

/* Counts one more for the network of `address`, unless its count has reached `most` (0: no limit). An all-zero address,
 * as a unix socket has it, is counted but never refused. Returns false if it was not counted: the limit is reached, or
 * memory ran out. Each true needs one cpsd_conn_limit_release. */
bool cpsd_conn_limit_acquire(struct cpsd_conn_limit *limit, const struct in6_addr *address, uint64_t most);

/* Takes back what cpsd_conn_limit_acquire counted for the network of `address`. */
void cpsd_conn_limit_release(struct cpsd_conn_limit *limit, const struct in6_addr *address);
