/* SPDX-License-Identifier: MIT */
#include "client/lib/box/opened.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_S                                                                                                        \
    60 /* least time that an entry is kept, so that a late one gets the verdict "stale", not "no-passport" */

#define ENTRY_OF(node, member) ((struct cps_entry *)(void *)((char *)(node)-offsetof(struct cps_entry, member)))

struct cps_entry *cps_entry_new(const char *id, const struct cps_listed *listed, struct stir_passport *passport,
                                struct cps_chain *x5c, const struct cps_error *x5c_error)
{
    struct cps_entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        return NULL;
    }
    entry->passport = passport;
    entry->x5c = x5c;
    if (x5c_error) {
        entry->proof.known = CPS_PROVED_CREDENTIALS;
        entry->proof.failed = x5c_error->code;
        entry->proof.text = strdup(x5c_error->text);
    }
    memcpy(entry->id, id, CPS_ID_LEN);
    entry->listed = *listed;
    atomic_init(&entry->gone, listed->taken);
    pthread_mutex_init(&entry->lock, NULL);
    atomic_init(&entry->refs, 1);
    return entry;
}

struct cps_entry *cps_entry_ref(struct cps_entry *entry)
{
    atomic_fetch_add(&entry->refs, 1);
    return entry;
}

void cps_entry_unref(struct cps_entry *entry)
{
    if (entry && atomic_fetch_sub(&entry->refs, 1) == 1) {
        cps_proof_clear(&entry->proof);
        stir_passport_free(entry->passport);
        cps_chain_unref(entry->x5c);
        pthread_mutex_destroy(&entry->lock);
        free(entry);
    }
}

bool cps_entries_init(struct cps_entries *entries, const struct cps_options *options)
{
    *entries = (struct cps_entries){.options = options};
    if (stir_map_init(&entries->by_id) && stir_map_init(&entries->by_orig) && stir_map_init(&entries->by_digest)) {
        return true;
    }
    cps_entries_free(entries);
    return false;
}

static void entries_drop(struct cps_entries *entries, struct cps_entry *entry)
{
    stir_map_remove(&entries->by_id, &entry->by_id);
    stir_map_remove(&entries->by_orig, &entry->by_orig);
    stir_map_remove(&entries->by_digest, &entry->by_digest);
    *entry->shelf_link = entry->next_shelved;
    if (entry->next_shelved) {
        entry->next_shelved->shelf_link = entry->shelf_link;
    }
    *(entry->older ? &entry->older->newer : &entries->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &entries->newest) = entry->older;
    assert(entries->count > 0 && entries->octets >= entry->octets);
    entries->count--;
    entries->octets -= entry->octets;
    cps_entry_unref(entry);
}

void cps_entries_free(struct cps_entries *entries)
{
    while (entries->oldest) {
        entries_drop(entries, entries->oldest);
    }
    stir_map_free(&entries->by_id);
    stir_map_free(&entries->by_orig);
    stir_map_free(&entries->by_digest);
}

static uint64_t entry_id_hash(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id)
{
    uintptr_t place = (uintptr_t)shelf;
    return stir_map_hash(&entries->by_id, id, CPS_ID_LEN, &place, sizeof(place));
}

static uint64_t entry_orig_hash(const struct cps_entries *entries, const struct cps_shelf *shelf,
                                const struct stir_identity *orig)
{
    uintptr_t place = (uintptr_t)shelf;
    return stir_map_hash(&entries->by_orig, orig->text, orig->len, &place, sizeof(place));
}

/* Hashes box, orig and digest: one text may go to many boxes. */
static uint64_t entry_digest_hash(const struct cps_entries *entries, const struct cps_shelf *shelf,
                                  const struct stir_identity *orig, const char *digest)
{
    uintptr_t place = (uintptr_t)shelf;
    char who[sizeof(place) + STIR_IDENTITY_MAX];
    memcpy(who, &place, sizeof(place));
    memcpy(who + sizeof(place), orig->text, orig->len);
    return stir_map_hash(&entries->by_digest, who, sizeof(place) + orig->len, digest ? digest : "",
                         digest ? strlen(digest) : 0);
}

/* Returns until when an entry is of use: while it is fresh, and at least LEAST_S. */
static int64_t entry_useful_until(const struct cps_options *options, int64_t iat, int64_t now)
{
    int64_t issued = iat < now + options->clock_skew_s ? iat : now + options->clock_skew_s;
    int64_t until = issued + options->max_age_s + options->clock_skew_s;
    return until > now + LEAST_S ? until : now + LEAST_S;
}

void cps_entries_add(struct cps_entries *entries, struct cps_shelf *shelf, struct cps_entry *entry, int64_t now)
{
    const struct stir_passport *passport = entry->passport;
    entry->shelf = shelf;
    entry->number = ++entries->last_number;
    entry->until = entry_useful_until(entries->options, passport->iat, now);
    /* an estimate: the token, its parsed form and what they point to */
    entry->octets =
        sizeof(*entry) + sizeof(*passport) + 6 * passport->token_len + passport->dest_count * sizeof(*passport->dest);
    stir_map_put(&entries->by_id, &entry->by_id, entry_id_hash(entries, shelf, entry->id));
    stir_map_put(&entries->by_orig, &entry->by_orig, entry_orig_hash(entries, shelf, &passport->orig));
    stir_map_put(&entries->by_digest, &entry->by_digest,
                 entry_digest_hash(entries, shelf, &passport->orig, passport->msgi));
    entry->next_shelved = shelf->first;
    entry->shelf_link = &shelf->first;
    if (shelf->first) {
        shelf->first->shelf_link = &entry->next_shelved;
    }
    shelf->first = entry;
    entry->older = entries->newest;
    *(entries->newest ? &entries->newest->newer : &entries->oldest) = entry;
    entries->newest = entry;
    entries->count++;
    entries->octets += entry->octets;
}

struct cps_entry *cps_entries_find(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id)
{
    struct stir_map_node *node = stir_map_first(&entries->by_id, entry_id_hash(entries, shelf, id));
    for (; node; node = stir_map_next(node)) {
        struct cps_entry *entry = ENTRY_OF(node, by_id);
        if (entry->shelf == shelf && strcmp(entry->id, id) == 0) {
            return entry;
        }
    }
    return NULL;
}

bool cps_entries_has(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id)
{
    return cps_entries_find(entries, shelf, id) != NULL;
}

void cps_entries_trim(struct cps_entries *entries, unsigned slack, int64_t now, void (*lost)(struct cps_shelf *shelf))
{
    size_t max_count = (size_t)entries->options->box_entry_max * slack;
    size_t max_octets = (size_t)entries->options->box_octets_max * slack;
    for (struct cps_entry *oldest = entries->oldest, *next; oldest; oldest = next) {
        next = oldest->newer;
        bool useful = oldest->until >= now;
        if (useful && entries->count <= max_count && entries->octets <= max_octets) {
            break;
        }
        if (useful) {
            lost(oldest->shelf);
        }
        entries_drop(entries, oldest);
    }
}

void cps_entries_forget(struct cps_entries *entries, struct cps_shelf *shelf)
{
    for (struct cps_entry *entry = shelf->first, *next; entry; entry = next) {
        next = entry->next_shelved;
        entries_drop(entries, entry);
    }
}

void cps_candidates_clear(struct cps_candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++) {
        cps_entry_unref(candidates->items[i]);
    }
    free(candidates->items);
    *candidates = (struct cps_candidates){0};
}

static bool candidates_add(struct cps_candidates *out, struct cps_entry *entry)
{
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 8;
        struct cps_entry **items = realloc(out->items, cap * sizeof(struct cps_entry *));
        if (!items) {
            return false;
        }
        out->items = items;
        out->cap = cap;
    }
    out->items[out->count++] = cps_entry_ref(entry);
    return true;
}

static bool entry_is_from(const struct cps_entry *entry, const struct cps_shelf *shelf,
                          const struct stir_identity *orig, uint64_t seen)
{
    return entry->shelf == shelf && entry->number > seen && stir_identity_equal(&entry->passport->orig, orig);
}

static bool entry_has_digest(const struct cps_entry *entry, const char *digest)
{
    const char *msgi = entry->passport->msgi;
    return msgi && digest ? strcmp(msgi, digest) == 0 : !msgi && !digest;
}

bool cps_entries_collect(const struct cps_entries *entries, const struct cps_shelf *shelf, struct cps_candidates *out,
                         const struct stir_identity *orig, const char *const *digests, size_t count, uint64_t seen)
{
    struct stir_map_node *node =
        count ? NULL : stir_map_first(&entries->by_orig, entry_orig_hash(entries, shelf, orig));
    for (; node; node = stir_map_next(node)) {
        struct cps_entry *entry = ENTRY_OF(node, by_orig);
        if (entry_is_from(entry, shelf, orig, seen) && !candidates_add(out, entry)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        node = stir_map_first(&entries->by_digest, entry_digest_hash(entries, shelf, orig, digests[i]));
        for (; node; node = stir_map_next(node)) {
            struct cps_entry *entry = ENTRY_OF(node, by_digest);
            if (entry_is_from(entry, shelf, orig, seen) && entry_has_digest(entry, digests[i]) &&
                !candidates_add(out, entry)) {
                return false;
            }
        }
    }
    return true;
}
