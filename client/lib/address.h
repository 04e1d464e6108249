#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* True if an address is one of the open Internet's: not loopback, private, shared, link-local, multicast, reserved or
 * otherwise of special purpose (RFC 6890 and its registries), neither itself nor as an IPv4 address inside an IPv6 one
 * (mapped, NAT64). Other families are not. */
bool cps_address_is_public(const struct sockaddr *address, socklen_t len);
