/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if an address, 4 or 16 octets in network order, is one of the open Internet's: not loopback, private, shared,
 * link-local, multicast, reserved or otherwise of special purpose (RFC 6890 and its registries), neither itself nor as
 * an IPv4 address inside an IPv6 one (mapped, NAT64). Anything of another length is not. Thread-safe. */
bool stir_address_is_public(const uint8_t *octets, size_t n);
