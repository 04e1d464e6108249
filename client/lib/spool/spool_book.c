/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_book.h"

#include <stdlib.h>
#include <string.h>

bool cps_spool_book_init(struct cps_spool_book *book)
{
    *book = (struct cps_spool_book){0};
    return stir_map_init(&book->map);
}

static uint64_t spool_book_id_hash(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID])
{
    return stir_map_hash(&book->map, id, CPS_SPOOL_ID, NULL, 0);
}

struct cps_spool_outcome *cps_spool_book_find(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID])
{
    struct stir_map_node *node = stir_map_first(&book->map, spool_book_id_hash(book, id));
    while (node && memcmp(((struct cps_spool_outcome *)node)->id, id, CPS_SPOOL_ID) != 0) {
        node = stir_map_next(node);
    }
    return (struct cps_spool_outcome *)node;
}

/* ---- the list of those whose fate is known ---- */

static void spool_book_list_add(struct cps_spool_book *book, struct cps_spool_outcome *outcome)
{
    bool published = outcome->fate == CPS_FATE_PUBLISHED;
    outcome->after = NULL;
    outcome->before = book->last;
    *(book->last ? &book->last->after : &book->first) = outcome;
    book->last = outcome;
    book->known++;
    book->published += published;
    book->octets += published ? outcome->len : 0;
}

static void spool_book_list_remove(struct cps_spool_book *book, struct cps_spool_outcome *outcome)
{
    bool published = outcome->fate == CPS_FATE_PUBLISHED;
    *(outcome->before ? &outcome->before->after : &book->first) = outcome->after;
    *(outcome->after ? &outcome->after->before : &book->last) = outcome->before;
    book->known--;
    book->published -= published;
    book->octets -= published ? outcome->len : 0;
}

static struct cps_spool_outcome *spool_book_add(struct cps_spool_book *book, const struct cps_spool_entry *entry)
{
    size_t size = strlen(entry->dest) + 1;
    struct cps_spool_outcome *outcome = calloc(1, sizeof(*outcome) + size);
    if (outcome) {
        memcpy(outcome->id, entry->id, CPS_SPOOL_ID);
        memcpy(outcome->dest, entry->dest, size);
        outcome->len = entry->len;
        outcome->elsewhere = entry->cps[0] != '\0';
        stir_map_put(&book->map, &outcome->node, spool_book_id_hash(book, entry->id));
    }
    return outcome;
}

static void spool_outcome_set(struct cps_spool_outcome *outcome, const struct cps_spool_entry *entry, bool under_way)
{
    outcome->under_way = under_way;
    outcome->due_ms = entry->due_ms;
    outcome->loan = entry->loan;
    outcome->tries = entry->tries;
}

bool cps_spool_book_begin(struct cps_spool_book *book, const struct cps_spool_entry *entry)
{
    struct cps_spool_outcome *outcome = cps_spool_book_find(book, entry->id);
    if (outcome && outcome->under_way) {
        return false;
    }
    if (outcome) {
        spool_book_list_remove(book, outcome);
    } else {
        outcome = spool_book_add(book, entry);
    }
    if (outcome) {
        spool_outcome_set(outcome, entry, true);
    }
    return outcome != NULL;
}

void cps_spool_book_note(struct cps_spool_book *book, const struct cps_spool_entry *entry, enum cps_spool_fate fate)
{
    struct cps_spool_outcome *outcome = cps_spool_book_find(book, entry->id);
    if (outcome && !outcome->under_way) {
        spool_book_list_remove(book, outcome);
    } else if (!outcome) {
        outcome = spool_book_add(book, entry);
    }
    if (outcome) {
        spool_outcome_set(outcome, entry, false);
        outcome->fate = fate;
        spool_book_list_add(book, outcome);
    }
}

void cps_spool_book_drop(struct cps_spool_book *book, size_t count)
{
    for (; count && book->first; count--) {
        struct cps_spool_outcome *outcome = book->first;
        spool_book_list_remove(book, outcome);
        stir_map_remove(&book->map, &outcome->node);
        free(outcome);
    }
}

void cps_spool_book_free(struct cps_spool_book *book)
{
    for (size_t i = 0; book->map.buckets && i < book->map.size; i++) {
        while (book->map.buckets[i]) {
            struct stir_map_node *node = book->map.buckets[i];
            stir_map_remove(&book->map, node);
            free(node);
        }
    }
    stir_map_free(&book->map);
}

/* ---- what it says ---- */

void cps_spool_outcome_entry(struct cps_spool_entry *out, const struct cps_spool_outcome *outcome)
{
    *out = (struct cps_spool_entry){.len = outcome->len,
                                    .due_ms = outcome->due_ms,
                                    .tries = outcome->tries,
                                    .loan = outcome->loan};
    memcpy(out->id, outcome->id, CPS_SPOOL_ID);
    memcpy(out->dest, outcome->dest, strlen(outcome->dest) + 1);
}

bool cps_spool_book_allows(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID], int64_t now_ms)
{
    const struct cps_spool_outcome *outcome = cps_spool_book_find(book, id);
    if (!outcome) {
        return true;
    }
    return !outcome->under_way && outcome->fate != CPS_FATE_PUBLISHED && outcome->fate != CPS_FATE_REFUSED &&
           outcome->dest[0] && outcome->due_ms <= now_ms;
}
