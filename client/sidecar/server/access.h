#pragma once

#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Who may connect, and how often a system_id may be bound. One thread. */

/* A list of networks. */
struct gw_network {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;       /* of these */
};

struct gw_allow {
    struct gw_network *networks;
    size_t count;
};

/* Reads a configuration LIST of networks and addresses ("192.0.2.0/24, 2001:db8::1"). STIR_E_CONFIG names the item that
 * is none, or has address bits behind its prefix; STIR_E_NOMEM. *out is filled on success only. */
enum stir_code gw_allow_read(struct gw_allow *out, const char *list, struct stir_error *err) STIR_MUST_CHECK;
void gw_allow_clear(struct gw_allow *allow);

/* True if the address is in one of the networks; an IPv4 address inside an IPv6 one is that IPv4 address. */
bool gw_allow_has(const struct gw_allow *allow, const struct sockaddr *address);

/* The address as text, without port: an IPv4 one also where the socket is an IPv6 one. "?" for other families. */
void gw_address_text(char out[GW_ADDRESS_MAX + 1], const struct sockaddr *address);

/* The network of an address as text: an IPv4 address, or the /64 of an IPv6 one. */
void gw_network_text(char out[GW_ADDRESS_MAX + 1], const struct sockaddr *address);

/* Numbers of binds or connections by a name of up to GW_SYSTEM_ID_MAX characters: a system_id, a network. */
struct gw_tally_item;
struct gw_tally {
    struct gw_tally_item **buckets;
    size_t bucket_count;
    size_t items; /* different names */
    size_t total; /* of all names */
};

/* Counts one more unless there are `max` of that name (0: no limit), or memory is out. */
bool gw_tally_add(struct gw_tally *tally, const char *name, uint64_t max);
void gw_tally_remove(struct gw_tally *tally, const char *name);
void gw_tally_clear(struct gw_tally *tally);
