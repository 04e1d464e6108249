/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/expectation.h"

#include "common/base/siphash.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 4, /* entries of a bucket */
    SHARE_ONE = 65536,
    SHARE_STEPS = 32, /* number of messages over which the share of a route is averaged */
    COUNT_MAX = 255,
};

/* What is known about a sender on a route, or about a route. */
struct known {
    uint64_t key;        /* 0: the entry is empty */
    uint32_t passport_s; /* when its last PASSporT was seen; 0: never */
    uint32_t waited_s;   /* sender: when one was last waited for in vain. route: until when probes of new senders were
                          * spent, */
    uint32_t probed_s;   /* the same for senders known not to sign */
    uint32_t share;      /* route: share of its messages with a PASSporT, in units of 1/SHARE_ONE */
    uint32_t count;      /* sender: futile waits since the last PASSporT; route: messages */
};

struct sc_expect {
    struct stir_siphash_key secret;
    struct known routes[SC_EXPECT_ROUTES];
    struct known senders[SC_EXPECT_SENDERS];
    bool changed; /* something was learned since it was loaded or copied */
};

struct sc_expect *sc_expect_new(void)
{
    struct sc_expect *expect = calloc(1, sizeof(*expect));
    if (expect && stir_siphash_key_new(&expect->secret) != 0) {
        free(expect);
        return NULL;
    }
    return expect;
}

struct sc_expect *sc_expect_take_copy(struct sc_expect *expect)
{
    struct sc_expect *copy = malloc(sizeof(*copy));
    if (copy) {
        memcpy(copy, expect, sizeof(*copy));
        expect->changed = false;
    }
    return copy;
}

void sc_expect_free(struct sc_expect *expect)
{
    free(expect);
}

/* ---- tables ---- */

static uint64_t expect_route_key(const struct sc_expect *expect, const char *route)
{
    uint64_t key = stir_siphash(&expect->secret, route, strlen(route));
    return key ? key : 1;
}

static uint64_t expect_sender_key(const struct sc_expect *expect, uint64_t route, const char *orig)
{
    const uint64_t parts[] = {route, stir_siphash(&expect->secret, orig, strlen(orig))};
    uint64_t key = stir_siphash(&expect->secret, parts, sizeof(parts));
    return key ? key : 1;
}

static struct known *expect_bucket(struct known *table, size_t size, uint64_t key)
{
    return &table[key % (size / WAYS) * WAYS];
}

static struct known *expect_find(struct known *table, size_t size, uint64_t key)
{
    struct known *set = expect_bucket(table, size, key);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

/* Returns how much an entry is worth: an empty one is replaced first, then one without a PASSporT, then the oldest. */
static uint64_t expect_entry_worth(const struct known *known)
{
    return known->key == 0 ? 0 : (uint64_t)known->passport_s << 32 | known->waited_s;
}

static struct known *expect_find_or_add(struct known *table, size_t size, uint64_t key)
{
    struct known *found = expect_find(table, size, key);
    if (found) {
        return found;
    }
    struct known *set = expect_bucket(table, size, key), *least = set;
    for (size_t i = 1; i < WAYS; i++) {
        least = expect_entry_worth(&set[i]) < expect_entry_worth(least) ? &set[i] : least;
    }
    *least = (struct known){.key = key};
    return least;
}

/* ---- asking ---- */

/* Returns true if a span has passed. A clock that was set back counts as passed. */
static bool expect_is_past(uint32_t then_s, int64_t now_s, int64_t span_s)
{
    return now_s < (int64_t)then_s || now_s - (int64_t)then_s >= span_s;
}

static bool expect_is_recent(const struct known *known, int64_t now_s)
{
    return known && known->passport_s && !expect_is_past(known->passport_s, now_s, SC_EXPECT_RECENT_S);
}

/* Takes a probe from a token bucket: `burst` probes at once, then one per span_s. *spent_s is the time at which the
 * bucket is full again. If it lies too far ahead, the clock was set back, and the bucket is full. Returns false if
 * there is no probe left. */
static enum sc_expected expect_probe(uint32_t *spent_s, int64_t now_s, int64_t burst, int64_t span_s)
{
    int64_t spent = (int64_t)*spent_s;
    if (spent < now_s || spent > now_s + burst * span_s) {
        spent = now_s;
    }
    if (spent > now_s + (burst - 1) * span_s) {
        return SC_EXPECT_NOTHING;
    }
    *spent_s = (uint32_t)(spent + span_s);
    return SC_EXPECT_PROBE;
}

enum sc_expected sc_expect_ask(struct sc_expect *expect, const char *route_name, const char *orig, int64_t now_s)
{
    uint64_t key = expect_route_key(expect, route_name);
    const struct known *sender = expect_find(expect->senders, SC_EXPECT_SENDERS, expect_sender_key(expect, key, orig));
    struct known *route = expect_find_or_add(expect->routes, SC_EXPECT_ROUTES, key);
    uint32_t misses = sender ? sender->count : 0;
    if (expect_is_recent(sender, now_s) && misses < SC_EXPECT_MISSES_SIGNER) {
        return SC_EXPECT_PASSPORT;
    }
    if (misses >= SC_EXPECT_MISSES) {
        return expect_probe(&route->probed_s, now_s, 1, SC_EXPECT_KNOWN_S);
    }
    bool usual = expect_is_recent(route, now_s) && route->share >= SHARE_ONE / SC_EXPECT_USUAL;
    return usual ? SC_EXPECT_PASSPORT : expect_probe(&route->waited_s, now_s, SC_EXPECT_PROBES, SC_EXPECT_NEW_S);
}

/* ---- learning ---- */

void sc_expect_saw(struct sc_expect *expect, const char *route_name, const char *orig, bool passport, bool waited,
                   int64_t now_s)
{
    uint64_t key = expect_route_key(expect, route_name), of_sender = expect_sender_key(expect, key, orig);
    struct known *route = expect_find_or_add(expect->routes, SC_EXPECT_ROUTES, key);
    /* the first messages of a route are averaged by their number */
    uint32_t steps = route->count < SHARE_STEPS ? route->count + 1 : SHARE_STEPS;
    route->share -= route->share / steps;
    route->share += passport ? SHARE_ONE / steps : 0;
    route->count += route->count < COUNT_MAX;
    expect->changed = true;
    if (passport) {
        struct known *sender = expect_find_or_add(expect->senders, SC_EXPECT_SENDERS, of_sender);
        sender->passport_s = route->passport_s = (uint32_t)now_s;
        sender->count = 0;
    } else if (waited) {
        struct known *sender = expect_find_or_add(expect->senders, SC_EXPECT_SENDERS, of_sender);
        sender->waited_s = (uint32_t)now_s;
        sender->count += sender->count < COUNT_MAX;
    }
}

bool sc_expect_is_changed(const struct sc_expect *expect)
{
    return expect->changed;
}

/* ---- the file: magic, key, entries with their kind, SHA-256 of all before it; numbers with the lowest octet first
 * ---- */

static const char magic[8] = {'c', 'p', 's', 'e', 'x', 'p', '0', '1'};

enum {
    OF_ROUTE = 1,
    OF_SENDER = 2,
    ENTRY_OCTETS = 1 + 8 + 5 * 4,
    HEAD_OCTETS = sizeof(magic) + 16,
};

static void expect_put_number(struct stir_buf *out, uint64_t number, size_t octets)
{
    uint8_t text[8];
    for (size_t i = 0; i < octets; i++) {
        text[i] = (uint8_t)(number >> 8 * i);
    }
    stir_buf_put(out, text, octets);
}

static uint64_t expect_take_number(const uint8_t **at, size_t octets)
{
    uint64_t number = 0;
    for (size_t i = 0; i < octets; i++) {
        number |= (uint64_t)(*at)[i] << 8 * i;
    }
    *at += octets;
    return number;
}

static void expect_save_table(struct stir_buf *out, uint8_t kind, const struct known *table, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const struct known *known = &table[i];
        const uint32_t fields[] = {known->passport_s, known->waited_s, known->probed_s, known->share, known->count};
        if (known->key) {
            expect_put_number(out, kind, 1);
            expect_put_number(out, known->key, 8);
            for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
                expect_put_number(out, fields[k], 4);
            }
        }
    }
}

enum stir_code sc_expect_save(const struct sc_expect *expect, struct stir_buf *out)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t from = out->len;
    stir_buf_put(out, magic, sizeof(magic));
    expect_put_number(out, expect->secret.k0, 8);
    expect_put_number(out, expect->secret.k1, 8);
    expect_save_table(out, OF_ROUTE, expect->routes, SC_EXPECT_ROUTES);
    expect_save_table(out, OF_SENDER, expect->senders, SC_EXPECT_SENDERS);
    if (stir_buf_state(out) == STIR_OK) {
        (void)SHA256((const unsigned char *)out->ptr + from, out->len - from, digest);
        stir_buf_put(out, digest, sizeof(digest));
    }
    return stir_buf_state(out);
}

enum stir_code sc_expect_load(struct sc_expect *expect, const void *data, size_t len, struct stir_error *err)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    const uint8_t *at = data;
    /* check everything before anything is taken over */
    if (len < HEAD_OCTETS + sizeof(digest) || (len - HEAD_OCTETS - sizeof(digest)) % ENTRY_OCTETS != 0 ||
        memcmp(data, magic, sizeof(magic)) != 0) {
        return stir_fail(err, STIR_E_IO, "the file was not written by this version of cps-smpp");
    }
    const uint8_t *end = at + len - sizeof(digest);
    if (!SHA256(at, len - sizeof(digest), digest) || memcmp(digest, end, sizeof(digest)) != 0) {
        return stir_fail(err, STIR_E_IO, "the file is damaged: wrong checksum");
    }
    /* the hashes of senders and routes are of use only with their key */
    memset(expect->routes, 0, sizeof(expect->routes));
    memset(expect->senders, 0, sizeof(expect->senders));
    at += sizeof(magic);
    expect->secret.k0 = expect_take_number(&at, 8);
    expect->secret.k1 = expect_take_number(&at, 8);
    while (at < end) {
        uint8_t kind = (uint8_t)expect_take_number(&at, 1);
        uint64_t key = expect_take_number(&at, 8);
        struct known *known = kind == OF_ROUTE ? expect_find_or_add(expect->routes, SC_EXPECT_ROUTES, key)
                                               : expect_find_or_add(expect->senders, SC_EXPECT_SENDERS, key);
        known->passport_s = (uint32_t)expect_take_number(&at, 4);
        known->waited_s = (uint32_t)expect_take_number(&at, 4);
        known->probed_s = (uint32_t)expect_take_number(&at, 4);
        known->share = (uint32_t)expect_take_number(&at, 4);
        known->count = (uint32_t)expect_take_number(&at, 4);
        /* later arithmetic relies on these bounds */
        known->share = known->share <= SHARE_ONE ? known->share : SHARE_ONE;
        known->count = known->count <= COUNT_MAX ? known->count : COUNT_MAX;
    }
    expect->changed = false;
    return STIR_OK;
}
