#pragma once

#include "client/gateway/held.h"
#include "common/error.h"

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

/* Binds by system_id. */
struct gw_tally_item;
struct gw_tally {
    struct gw_tally_item **buckets;
    size_t bucket_count;
    size_t items; /* different system_ids */
    size_t total; /* binds */
};

/* Counts a bind unless there are `max` of that system_id (0: no limit), or memory is out. */
bool gw_tally_add(struct gw_tally *tally, const char *system_id, uint64_t max);
void gw_tally_remove(struct gw_tally *tally, const char *system_id);
void gw_tally_clear(struct gw_tally *tally);
