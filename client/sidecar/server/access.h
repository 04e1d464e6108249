#pragma once

#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Who may connect, and how often a system_id may be bound. One thread. */

/* A list of networks. */
struct sc_network {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;       /* of these */
};

struct sc_allow {
    struct sc_network *networks;
    size_t count;
};

/* Reads a configuration LIST of networks and addresses ("192.0.2.0/24, 2001:db8::1"). STIR_E_CONFIG names the item that
 * is none, or has address bits behind its prefix; STIR_E_NOMEM. *out is filled on success only. */
enum stir_code sc_allow_read(struct sc_allow *out, const char *list, struct stir_error *err) STIR_MUST_CHECK;
void sc_allow_clear(struct sc_allow *allow);

/* True if the address is in one of the networks; an IPv4 address inside an IPv6 one is that IPv4 address. */
bool sc_allow_has(const struct sc_allow *allow, const struct sockaddr *address);

/* The address as text, without port: an IPv4 one also where the socket is an IPv6 one. "?" for other families. */
void sc_address_text(char out[SC_ADDRESS_MAX + 1], const struct sockaddr *address);

/* The network of an address as text: an IPv4 address, or the /64 of an IPv6 one. */
void sc_network_text(char out[SC_ADDRESS_MAX + 1], const struct sockaddr *address);

/* Numbers of binds or connections by a name of up to SC_SYSTEM_ID_MAX characters: a system_id, a network. */
struct sc_tally_item;
struct sc_tally {
    struct sc_tally_item **buckets;
    size_t bucket_count;
    size_t items; /* different names */
    size_t total; /* of all names */
};

/* Counts one more unless there are `max` of that name (0: no limit), or memory is out. */
bool sc_tally_add(struct sc_tally *tally, const char *name, uint64_t max);
void sc_tally_remove(struct sc_tally *tally, const char *name);
void sc_tally_clear(struct sc_tally *tally);
