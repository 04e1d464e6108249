/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Addresses that a daemon listens on, as its configuration writes them. */
enum { STIR_LISTEN_ADDRESSES_MAX = 8 }; /* of one item */

struct stir_listen_addresses {
    struct {
        struct sockaddr_storage address;
        socklen_t len;
    } at[STIR_LISTEN_ADDRESSES_MAX];
    size_t count;
    bool any; /* "*": its IPv6 address must not take the IPv4 one along (IPV6_V6ONLY) */
};

/* Finds the addresses of "192.0.2.1:443", "[2001:db8::1]:443", "*:443" (0.0.0.0 and, where the machine has IPv6, [::]),
 * "host.example:443" (all addresses that the system's resolver knows; this can take a while), and "unix:/path".
 * STIR_E_CONFIG. Not for an event loop. *out is untouched on failure. */
enum stir_code stir_listen_addresses_find(struct stir_listen_addresses *out, const char *text,
                                          struct stir_error *err) STIR_MUST_CHECK;
