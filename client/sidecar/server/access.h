/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Which addresses may connect, and how many binds or handshakes one name may have. One thread. */

/* A list of networks. */
struct sc_network {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;       /* length of the prefix in bits, of these 128 */
};

struct sc_allow {
    struct sc_network *networks;
    size_t count;
};

/* Reads a configuration LIST of networks and addresses ("192.0.2.0/24, 2001:db8::1"). STIR_E_CONFIG names the item
 * that is not valid, or has address bits set after its prefix; STIR_E_NOMEM. *out is filled on success only. */
enum stir_code sc_allow_read(struct sc_allow *out, const char *list, struct stir_error *err) STIR_MUST_CHECK;
void sc_allow_clear(struct sc_allow *allow);

/* Returns true if the address is in one of the networks. An IPv4-mapped IPv6 address counts as its IPv4 address. */
bool sc_allow_has(const struct sc_allow *allow, const struct sockaddr *address);

/* Writes an address as text, without port; an IPv4-mapped IPv6 address as IPv4, "?" for other families. */
void sc_address_text(char out[SC_ADDRESS_MAX + 1], const struct sockaddr *address);

/* Writes the network of an address as text: the IPv4 address itself, or the /64 of an IPv6 address. */
void sc_network_text(char out[SC_ADDRESS_MAX + 1], const struct sockaddr *address);

/* Counts binds or connections by a name of up to SC_SYSTEM_ID_MAX characters: a system_id or a network. */
struct sc_tally_item;
struct sc_tally {
    struct sc_tally_item **buckets;
    size_t bucket_count;
    size_t items; /* different names */
    size_t total; /* of all names */
};

/* Counts one more of a name. Returns false if there are `max` of it already (0: no limit), or if out of memory. */
bool sc_tally_add(struct sc_tally *tally, const char *name, uint64_t max);
void sc_tally_remove(struct sc_tally *tally, const char *name);
void sc_tally_clear(struct sc_tally *tally);
