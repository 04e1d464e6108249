/* SPDX-License-Identifier: MIT */
#include "cps/auth/cert_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool cpsd_cert_table_init(struct cpsd_cert_table *table, size_t limit)
{
    size_t size = 16;
    while (size < 2 * limit) {
        size *= 2;
    }
    *table = (struct cpsd_cert_table){.limit = limit, .mask = size - 1};
    table->buckets = calloc(size, sizeof(struct cpsd_cert_entry *));
    table->by_id = calloc(size, sizeof(struct cpsd_cert_entry *));
    return table->buckets && table->by_id && stir_siphash_key_new(&table->secret) == 0;
}

static void cert_table_free_entry(struct cpsd_cert_entry *entry)
{
    stir_chain_unref(entry->chain);
    free(entry->texts);
    free(entry);
}

void cpsd_cert_table_clear(struct cpsd_cert_table *table)
{
    for (int list = 0; list < CPSD_CERT_LISTS; list++) {
        for (struct cpsd_cert_entry *entry = table->newest[list], *older; entry; entry = older) {
            older = entry->older;
            cert_table_free_entry(entry);
        }
    }
    free(table->buckets);
    free(table->by_id);
    table->buckets = table->by_id = NULL;
}

/* ---- the index of good chains by their certificates ---- */

static struct cpsd_cert_entry **cert_table_id_bucket(struct cpsd_cert_table *table, const uint8_t id[CPSD_CERT_ID])
{
    return &table->by_id[stir_siphash(&table->secret, id, CPSD_CERT_ID) & table->mask];
}

static void cert_table_link_id(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry)
{
    struct cpsd_cert_entry **bucket = cert_table_id_bucket(table, entry->id);
    entry->same = *bucket;
    entry->same_link = bucket;
    if (entry->same) {
        entry->same->same_link = &entry->same;
    }
    *bucket = entry;
}

static void cert_table_unlink_id(struct cpsd_cert_entry *entry)
{
    *entry->same_link = entry->same;
    if (entry->same) {
        entry->same->same_link = entry->same_link;
    }
}

void cpsd_cert_table_identify(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry,
                              const uint8_t id[CPSD_CERT_ID])
{
    if (entry->list == CPSD_CERT_GOOD) {
        cert_table_unlink_id(entry);
    }
    memcpy(entry->id, id, CPSD_CERT_ID);
    if (entry->list == CPSD_CERT_GOOD) {
        cert_table_link_id(table, entry);
    }
}

/* Returns the least recently used good entry of this chain if it has as many as it may; otherwise NULL. */
static struct cpsd_cert_entry *cert_table_surplus(struct cpsd_cert_table *table, const uint8_t id[CPSD_CERT_ID])
{
    struct cpsd_cert_entry *last = NULL;
    size_t count = 0;
    for (struct cpsd_cert_entry *entry = *cert_table_id_bucket(table, id); entry; entry = entry->same) {
        if (memcmp(entry->id, id, CPSD_CERT_ID) == 0) {
            last = entry; /* each use moves an entry to the front */
            count++;
        }
    }
    return count >= CPSD_CERT_OF_CHAIN ? last : NULL;
}

/* ---- lists ---- */

static void cert_table_unlist(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry)
{
    assert(entry->newer ? entry->newer->older == entry : table->newest[entry->list] == entry);
    assert(entry->older ? entry->older->newer == entry : table->oldest[entry->list] == entry);
    assert(table->count[entry->list] > 0);
    *(entry->newer ? &entry->newer->older : &table->newest[entry->list]) = entry->older;
    *(entry->older ? &entry->older->newer : &table->oldest[entry->list]) = entry->newer;
    table->count[entry->list]--;
    if (entry->list == CPSD_CERT_GOOD) {
        cert_table_unlink_id(entry);
    }
}

static void cert_table_enlist(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry, enum cpsd_cert_list list)
{
    entry->list = list;
    entry->newer = NULL;
    entry->older = table->newest[list];
    *(table->newest[list] ? &table->newest[list]->newer : &table->oldest[list]) = entry;
    table->newest[list] = entry;
    table->count[list]++;
    if (list == CPSD_CERT_GOOD) {
        cert_table_link_id(table, entry);
    }
}

/* Drops the oldest entries of a list until there is room for one more. Entries with a fetch in progress stay; the
 * fetcher bounds their number. */
static void cert_table_make_room(struct cpsd_cert_table *table, enum cpsd_cert_list list)
{
    struct cpsd_cert_entry *entry = table->oldest[list];
    while (entry && table->count[list] >= table->limit) {
        struct cpsd_cert_entry *newer = entry->newer;
        if (!cpsd_cert_entry_is_awaited(entry)) {
            cpsd_cert_table_drop(table, entry);
        }
        entry = newer;
    }
}

void cpsd_cert_table_move(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry, enum cpsd_cert_list list)
{
    if (entry->list == list && table->newest[list] == entry) {
        return;
    }
    cert_table_unlist(table, entry);
    struct cpsd_cert_entry *other = list == CPSD_CERT_GOOD ? cert_table_surplus(table, entry->id) : NULL;
    if (other) {
        cpsd_cert_table_move(table, other, CPSD_CERT_OTHERS);
    }
    cert_table_make_room(table, list);
    cert_table_enlist(table, entry, list);
}

/* ---- the hash table ---- */

struct cpsd_cert_entry *cpsd_cert_table_find(struct cpsd_cert_table *table, const void *key, size_t n)
{
    struct cpsd_cert_entry *entry = table->buckets[stir_siphash(&table->secret, key, n) & table->mask];
    while (entry && (entry->key_len != n || memcmp(entry->key, key, n) != 0)) {
        entry = entry->next;
    }
    if (entry) {
        cpsd_cert_table_move(table, entry, entry->list);
    }
    return entry;
}

struct cpsd_cert_entry *cpsd_cert_table_add(struct cpsd_cert_table *table, const void *key, size_t n)
{
    struct cpsd_cert_entry *entry = calloc(1, sizeof(*entry) + n + 1);
    if (!entry) {
        return NULL;
    }
    memcpy(entry->key, key, n);
    entry->key_len = n;
    entry->state = CPSD_CERT_BAD;
    cert_table_make_room(table, CPSD_CERT_OTHERS);
    cert_table_enlist(table, entry, CPSD_CERT_OTHERS);
    struct cpsd_cert_entry **bucket = &table->buckets[stir_siphash(&table->secret, key, n) & table->mask];
    entry->next = *bucket;
    entry->link = bucket;
    if (entry->next) {
        entry->next->link = &entry->next;
    }
    *bucket = entry;
    return entry;
}

void cpsd_cert_table_drop(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry)
{
    assert(!entry->waits);
    cert_table_unlist(table, entry);
    *entry->link = entry->next;
    if (entry->next) {
        entry->next->link = entry->link;
    }
    cert_table_free_entry(entry);
}
