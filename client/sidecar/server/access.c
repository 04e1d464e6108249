/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/access.h"

#include "common/base/conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NETWORKS_MAX = 4096, BUCKETS_MIN = 64, MAPPED = 96 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---- networks ---- */

/* Reads "/24"; without it all bits count. */
static bool network_read_bits(unsigned *out, const char *text, unsigned max)
{
    char *end = NULL;
    if (*text == '\0') {
        *out = max;
        return true;
    }
    unsigned long bits = text[1] >= '0' && text[1] <= '9' ? strtoul(text + 1, &end, 10) : max + 1;
    if (bits > max || *end) {
        return false;
    }
    *out = (unsigned)bits;
    return true;
}

static bool network_has_host_bits(const struct sc_network *network)
{
    for (unsigned bit = network->bits; bit < 128; bit++) {
        if (network->address[bit / 8] & 0x80 >> bit % 8) {
            return true;
        }
    }
    return false;
}

static enum stir_code network_read(struct sc_network *out, const char *item, struct stir_error *err)
{
    char host[64];
    size_t n = strcspn(item, "/");
    bool good = n < sizeof(host);
    struct sc_network network = {.bits = 0};
    /* an IPv4 network is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that one comparison serves both families */
    if (good) {
        memcpy(host, item, n);
        host[n] = '\0';
        if (inet_pton(AF_INET6, host, network.address) == 1) {
            good = network_read_bits(&network.bits, item + n, 128);
        } else {
            memcpy(network.address, mapped, sizeof(mapped));
            good = inet_pton(AF_INET, host, network.address + sizeof(mapped)) == 1 &&
                   network_read_bits(&network.bits, item + n, 32);
            network.bits += MAPPED;
        }
    }
    if (!good) {
        return stir_fail(err, STIR_E_CONFIG, "[listen] allow: \"%s\" is neither a network nor an address", item);
    }
    /* 10.0.0.1/8 may stand for 10.0.0.0/8 or for 10.0.0.1: the operator must decide */
    if (network_has_host_bits(&network)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "[listen] allow: %s has address bits set after its prefix; use the network address", item);
    }
    *out = network;
    return STIR_OK;
}

enum stir_code sc_allow_read(struct sc_allow *out, const char *list, struct stir_error *err)
{
    struct sc_allow allow = {0};
    enum stir_code code = STIR_OK;
    char item[128];
    for (size_t pos = 0; code == STIR_OK && stir_conf_next(list, &pos, item, sizeof(item));) {
        struct sc_network network = {0};
        struct sc_network *grown =
            allow.count < NETWORKS_MAX ? realloc(allow.networks, (allow.count + 1) * sizeof(*grown)) : NULL;
        if (!grown) {
            code = stir_fail(err, STIR_E_NOMEM, "[listen] allow");
            break;
        }
        allow.networks = grown;
        code = network_read(&network, item, err);
        allow.networks[allow.count++] = network;
    }
    if (code != STIR_OK) {
        sc_allow_clear(&allow);
        return code;
    }
    *out = allow;
    return STIR_OK;
}

void sc_allow_clear(struct sc_allow *allow)
{
    free(allow->networks);
    *allow = (struct sc_allow){0};
}

static bool address_raw(uint8_t out[16], const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + sizeof(mapped), &in->sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        memcpy(out, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

static bool network_contains(const struct sc_network *network, const uint8_t raw[16])
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    bool ipv4 = memcmp(raw, mapped, sizeof(mapped)) == 0;
    if (ipv4 && network->bits < MAPPED) { /* ::/0 allows IPv6 only */
        return false;
    }
    return memcmp(network->address, raw, whole) == 0 &&
           (rest == 0 || ((network->address[whole] ^ raw[whole]) & (0xff00 >> rest & 0xff)) == 0);
}

bool sc_allow_has(const struct sc_allow *allow, const struct sockaddr *address)
{
    uint8_t raw[16];
    bool known = address_raw(raw, address);
    for (size_t i = 0; known && i < allow->count; i++) {
        if (network_contains(&allow->networks[i], raw)) {
            return true;
        }
    }
    return false;
}

static void address_raw_text(char out[SC_ADDRESS_MAX + 1], bool known, const uint8_t raw[16])
{
    bool ipv4 = known && memcmp(raw, mapped, sizeof(mapped)) == 0;
    if (!known || !inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? raw + sizeof(mapped) : raw, out, SC_ADDRESS_MAX + 1)) {
        (void)snprintf(out, SC_ADDRESS_MAX + 1, "?");
    }
}

void sc_address_text(char out[SC_ADDRESS_MAX + 1], const struct sockaddr *address)
{
    uint8_t raw[16];
    address_raw_text(out, address_raw(raw, address), raw);
}

void sc_network_text(char out[SC_ADDRESS_MAX + 1], const struct sockaddr *address)
{
    uint8_t raw[16];
    bool known = address_raw(raw, address);
    if (known && memcmp(raw, mapped, sizeof(mapped)) != 0) {
        memset(raw + 8, 0, 8);
    }
    address_raw_text(out, known, raw);
}

/* ---- tallies ---- */

struct sc_tally_item {
    struct sc_tally_item *next;
    uint64_t count;
    char name[SC_SYSTEM_ID_MAX + 1];
};

static size_t tally_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return (size_t)(hash ^ hash >> 32);
}

/* Returns the place where the item is linked, or would be linked. */
static struct sc_tally_item **tally_find(const struct sc_tally *tally, const char *name)
{
    struct sc_tally_item **at = &tally->buckets[tally_hash(name) & (tally->bucket_count - 1)];
    while (*at && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static bool allow_grow(struct sc_tally *tally)
{
    size_t count = tally->bucket_count ? tally->bucket_count * 2 : BUCKETS_MIN;
    struct sc_tally larger = {.buckets = calloc(count, sizeof(struct sc_tally_item *)), .bucket_count = count};
    if (!larger.buckets) {
        return false;
    }
    for (size_t i = 0; i < tally->bucket_count; i++) {
        for (struct sc_tally_item *item = tally->buckets[i]; item;) {
            struct sc_tally_item *next = item->next;
            struct sc_tally_item **at = tally_find(&larger, item->name);
            item->next = NULL;
            *at = item;
            item = next;
        }
    }
    free(tally->buckets);
    tally->buckets = larger.buckets;
    tally->bucket_count = count;
    return true;
}

bool sc_tally_add(struct sc_tally *tally, const char *name, uint64_t max)
{
    if (tally->items >= tally->bucket_count && !allow_grow(tally)) {
        return false;
    }
    struct sc_tally_item **at = tally_find(tally, name);
    if (!*at) {
        struct sc_tally_item *item = calloc(1, sizeof(*item));
        if (!item) {
            return false;
        }
        (void)snprintf(item->name, sizeof(item->name), "%s", name);
        *at = item;
        tally->items++;
    }
    if (max && (*at)->count >= max) {
        return false;
    }
    (*at)->count++;
    tally->total++;
    return true;
}

void sc_tally_remove(struct sc_tally *tally, const char *name)
{
    struct sc_tally_item **at = tally->bucket_count ? tally_find(tally, name) : NULL;
    if (at && *at) {
        tally->total--;
        if (--(*at)->count == 0) {
            struct sc_tally_item *item = *at;
            *at = item->next;
            free(item);
            tally->items--;
        }
    }
}

void sc_tally_clear(struct sc_tally *tally)
{
    for (size_t i = 0; i < tally->bucket_count; i++) {
        for (struct sc_tally_item *item = tally->buckets[i]; item;) {
            struct sc_tally_item *next = item->next;
            free(item);
            item = next;
        }
    }
    free(tally->buckets);
    *tally = (struct sc_tally){0};
}
