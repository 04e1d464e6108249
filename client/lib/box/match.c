/* SPDX-License-Identifier: MIT */
#include "client/lib/box/match.h"

#include "client/lib/verify/used_passports.h"
#include "common/cert/x509.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

bool cps_vouch_note_signer(struct cps_entry *entry)
{
    unsigned char *der = NULL;
    struct stir_buf text = {0};
    const struct stir_chain *chain = entry->proof.chain->chain;
    int len = i2d_X509_NAME(X509_get_subject_name(chain->certs[0]), &der);
    if (len > 0) {
        stir_buf_put(&text, (const char *)der, (size_t)len);
    }
    OPENSSL_free(der);
    stir_chain_authority(&text, chain);
    entry->vouches =
        len > 0 && stir_buf_state(&text) == STIR_OK && SHA256((const unsigned char *)text.ptr, text.len, entry->signer);
    stir_buf_free(&text);
    return entry->vouches;
}

static bool match_is_spent(const struct cps_entry *entry)
{
    return atomic_load(&entry->gone) || atomic_load(&entry->used_at);
}

/* Finds a used entry that makes room for an unused one, when the list is full; NULL: none. */
static struct cps_vouch *match_find_place(struct cps_vouches *vouches, const struct cps_entry *entry)
{
    for (size_t i = 0; !match_is_spent(entry) && i < vouches->count; i++) {
        if (match_is_spent(vouches->items[i].entry)) {
            return &vouches->items[i];
        }
    }
    return NULL;
}

static bool match_make_room(struct cps_vouches *vouches)
{
    if (vouches->count < vouches->cap) {
        return true;
    }
    size_t cap = vouches->cap ? vouches->cap * 2 : 4;
    struct cps_vouch *items = realloc(vouches->items, cap * sizeof(*items));
    if (items) {
        vouches->items = items;
        vouches->cap = cap;
    }
    return items != NULL;
}

/* Returns true if the PASSporT is in the list: of several envelopes with it, the first one counts. */
static bool match_has_entry(const struct cps_vouches *vouches, const struct stir_passport *passport)
{
    for (size_t i = 0; i < vouches->count; i++) {
        const struct stir_passport *other = vouches->items[i].entry->passport;
        if (other->token_len == passport->token_len &&
            memcmp(other->token, passport->token, passport->token_len) == 0) {
            return true;
        }
    }
    return false;
}

enum cps_code cps_vouches_add(struct cps_vouches *vouches, struct cps_entry *entry, struct cps_error *err)
{
    struct cps_vouch *place = NULL;
    if (match_has_entry(vouches, entry->passport)) {
        return CPS_OK;
    }
    if (vouches->count == CPS_VOUCHES_MAX) {
        place = match_find_place(vouches, entry);
        if (!place) {
            return CPS_OK;
        }
        cps_entry_unref(place->entry);
    } else if (match_make_room(vouches)) {
        place = &vouches->items[vouches->count++];
    } else {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    pthread_mutex_lock(&entry->lock);
    *place = (struct cps_vouch){.entry = cps_entry_ref(entry)};
    memcpy(place->signer, entry->signer, sizeof(place->signer));
    pthread_mutex_unlock(&entry->lock);
    return CPS_OK;
}

void cps_vouches_clear(struct cps_vouches *vouches)
{
    for (size_t i = 0; i < vouches->count; i++) {
        cps_entry_unref(vouches->items[i].entry);
    }
    free(vouches->items);
    *vouches = (struct cps_vouches){0};
}

void cps_vouches_drop(struct cps_vouches *vouches, size_t group)
{
    size_t kept = 0;
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == group) {
            cps_entry_unref(vouches->items[i].entry);
        } else {
            vouches->items[kept++] = vouches->items[i];
        }
    }
    vouches->count = kept;
}

/* ---- groups ---- */

static int64_t match_iat_of(const struct cps_vouch *vouch)
{
    return vouch->entry->passport->iat;
}

static bool match_is_same_signer(const struct cps_vouch *a, const struct cps_vouch *b)
{
    return memcmp(a->signer, b->signer, sizeof(a->signer)) == 0;
}

/* Compares by iat, then by token: an order that is the same on all hosts. */
static int match_compare_iat(const void *a, const void *b)
{
    const struct cps_vouch *x = a, *y = b;
    int64_t difference = match_iat_of(x) - match_iat_of(y);
    return difference ? (difference > 0) - (difference < 0)
                      : strcmp(x->entry->passport->token, y->entry->passport->token);
}

static uint64_t match_use_of(const struct cps_vouch *vouch)
{
    return atomic_load(&vouch->entry->use);
}

/* Returns true if the same message has used up both. */
static bool match_is_same_use(const struct cps_vouch *a, const struct cps_vouch *b)
{
    return match_use_of(a) && match_use_of(a) == match_use_of(b);
}

/* Returns true if both may belong to one message: neither was issued after the other one was used, and they were not
 * used by two messages. */
static bool match_may_share(const struct cps_vouch *a, const struct cps_vouch *b)
{
    int64_t used_a = atomic_load(&a->entry->used_at), used_b = atomic_load(&b->entry->used_at);
    return (!used_a || match_iat_of(b) <= used_a) && (!used_b || match_iat_of(a) <= used_b) &&
           (!match_use_of(a) || !match_use_of(b) || match_use_of(a) == match_use_of(b));
}

static bool match_group_has_signer(const struct cps_vouches *vouches, size_t group, const struct cps_vouch *of)
{
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == group && match_is_same_signer(&vouches->items[i], of)) {
            return true;
        }
    }
    return false;
}

/* Finds the signer with the most PASSporTs: each of them belongs to another message, so each begins a group. */
static const struct cps_vouch *match_find_main_signer(const struct cps_vouches *vouches)
{
    const struct cps_vouch *best = &vouches->items[0];
    size_t most = 0;
    for (size_t i = 0; i < vouches->count && most <= vouches->count / 2; i++) {
        size_t count = 0;
        for (size_t j = 0; j < vouches->count; j++) {
            count += match_is_same_signer(&vouches->items[i], &vouches->items[j]);
        }
        if (count > most) {
            most = count;
            best = &vouches->items[i];
        }
    }
    return best;
}

static uint64_t match_distance(const struct cps_vouch *a, const struct cps_vouch *b)
{
    return (uint64_t)llabs((long long)(match_iat_of(a) - match_iat_of(b)));
}

/* Returns true if a group has no PASSporT of the signers of `which` and of those that were used together with it. */
static bool match_group_has_room(const struct cps_vouches *vouches, size_t group, size_t which)
{
    for (size_t i = which; i < vouches->count; i++) {
        bool together = i == which || match_is_same_use(&vouches->items[which], &vouches->items[i]);
        if (together && match_group_has_signer(vouches, group, &vouches->items[i])) {
            return false;
        }
    }
    return true;
}

/* Sets the group of `which` and of those that were used together with it. */
static void match_set_group(struct cps_vouches *vouches, size_t which, size_t group)
{
    for (size_t i = 0; i < vouches->count; i++) {
        if (i == which || match_is_same_use(&vouches->items[which], &vouches->items[i])) {
            vouches->items[i].group = group;
        }
    }
}

/* Puts a PASSporT of another signer into the group nearest in iat that has none of this signer, or into a new group. */
static void match_join_nearest(struct cps_vouches *vouches, size_t which, const struct cps_vouch *main_signer)
{
    const struct cps_vouch *vouch = &vouches->items[which], *nearest = NULL;
    for (size_t i = 0; i < vouches->count; i++) {
        const struct cps_vouch *seed = &vouches->items[i];
        if (match_is_same_signer(seed, main_signer) && match_may_share(seed, vouch) &&
            (!nearest || match_distance(seed, vouch) < match_distance(nearest, vouch)) &&
            match_group_has_room(vouches, seed->group, which)) {
            nearest = seed;
        }
    }
    match_set_group(vouches, which, nearest ? nearest->group : which);
}

void cps_vouches_group(struct cps_vouches *vouches)
{
    if (!vouches->count) {
        return;
    }
    qsort(vouches->items, vouches->count, sizeof(*vouches->items), match_compare_iat);
    const struct cps_vouch main_signer = *match_find_main_signer(vouches);
    for (size_t i = 0; i < vouches->count; i++) {
        vouches->items[i].group = SIZE_MAX;
    }
    for (size_t i = 0; i < vouches->count; i++) {
        if (match_is_same_signer(&vouches->items[i], &main_signer)) {
            match_set_group(vouches, i, i);
        }
    }
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == SIZE_MAX) {
            match_join_nearest(vouches, i, &main_signer);
        }
    }
}

/* ---- using up a group ---- */

/* Returns true if used PASSporTs are remembered at all. */
static bool match_remembers(const struct cps *cps)
{
    return cps->replay || cps->options.claim;
}

static bool match_is_used(const struct cps_vouches *vouches, size_t group)
{
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == group && match_is_spent(vouches->items[i].entry)) {
            return true;
        }
    }
    return false;
}

bool cps_vouches_has_unused(struct cps_vouches *vouches)
{
    cps_vouches_group(vouches);
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == i && !match_is_used(vouches, i)) {
            return true;
        }
    }
    return false;
}

static void match_mark_used(struct cps *cps, struct cps_entry *entry)
{
    int64_t unused = 0;
    (void)atomic_compare_exchange_strong(&entry->used_at, &unused, cps_now(cps));
}

static void match_mark_group(struct cps *cps, struct cps_vouches *vouches, size_t group, uint64_t use)
{
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == group) {
            match_mark_used(cps, vouches->items[i].entry);
            atomic_store(&vouches->items[i].entry->use, use);
        }
    }
}

/* Gives back the members of a group before `end`. */
static void match_give_back(struct cps *cps, const struct cps_vouches *vouches, size_t group, size_t end,
                            const struct stir_identity *dest)
{
    for (size_t i = 0; i < end; i++) {
        if (vouches->items[i].group == group) {
            cps_used_undo(cps, vouches->items[i].entry->passport, dest);
        }
    }
}

/* Claims all members of a group, in the order that is the same everywhere: of several processes that know different
 * members, one gets all and the others none. */
static enum cps_code match_claim_group(struct cps *cps, const struct cps_vouches *vouches, size_t group,
                                       const struct stir_identity *dest, struct cps_error *err)
{
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group != group) {
            continue;
        }
        enum cps_code code = cps_used_claim(cps, vouches->items[i].entry->passport, dest, err);
        if (code == CPS_E_REPLAYED) {
            match_mark_used(cps, vouches->items[i].entry); /* another process passed it */
        }
        if (code != CPS_OK) {
            match_give_back(cps, vouches, group, i, dest);
            return code;
        }
    }
    return CPS_OK;
}

/* Uses up a group. That a group is used because one member is, is not recorded: with one more PASSporT the groups may
 * change. What was used up together is recorded, and stays one group. */
static enum cps_code match_use_group(struct cps *cps, struct cps_vouches *vouches, size_t group, uint64_t use,
                                     const struct stir_identity *dest, struct cps_error *err)
{
    enum cps_code code = match_is_used(vouches, group) ? cps_fail(err, CPS_E_REPLAYED, "the PASSporT was used before")
                                                       : match_claim_group(cps, vouches, group, dest, err);
    if (code == CPS_OK && match_remembers(cps)) {
        match_mark_group(cps, vouches, group, use);
    }
    return code;
}

enum cps_code cps_match(struct cps *cps, struct cps_box *box, struct cps_vouches *vouches,
                        const struct stir_identity *dest, size_t *group, struct cps_error *err)
{
    enum cps_code code = CPS_E_REPLAYED;
    uint64_t use = cps_box_begin_match(box);
    cps_vouches_group(vouches);
    for (size_t i = 0; i < vouches->count && code == CPS_E_REPLAYED; i++) {
        /* the number of a group is the index of its first member */
        if (vouches->items[i].group == i) {
            *group = i;
            code = match_use_group(cps, vouches, i, use, dest, err);
        }
    }
    cps_box_end_match(box);
    return code;
}

void cps_match_undo(struct cps *cps, struct cps_vouches *vouches, size_t group, const struct stir_identity *dest)
{
    match_give_back(cps, vouches, group, vouches->count, dest);
    for (size_t i = 0; i < vouches->count; i++) {
        if (vouches->items[i].group == group) {
            atomic_store(&vouches->items[i].entry->used_at, 0);
            atomic_store(&vouches->items[i].entry->use, 0);
        }
    }
}
