/* SPDX-License-Identifier: MIT */
#include "client/lib/box/arrival.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cps_arrivals_add(struct cps_arrivals *arrivals, struct cps_arrival *arrival)
{
    arrival->next = arrivals->first;
    arrival->link = &arrivals->first;
    if (arrivals->first) {
        arrivals->first->link = &arrival->next;
    }
    arrivals->first = arrival;
}

void cps_arrivals_remove(struct cps_arrival *arrival)
{
    if (!arrival->link) {
        return;
    }
    *arrival->link = arrival->next;
    if (arrival->next) {
        arrival->next->link = arrival->link;
    }
    arrival->link = NULL;
}

static bool arrival_has_text(const struct cps_arrival *arrival, const char *msgi)
{
    for (size_t i = 0; i < arrival->digest_count; i++) {
        if (strcmp(arrival->digests[i], msgi) == 0) {
            return true;
        }
    }
    return false;
}

bool cps_arrival_fits(const struct cps_arrival *arrival, const struct stir_passport *passport)
{
    if (!stir_identity_equal(&arrival->message->orig, &passport->orig)) {
        return false;
    }
    return passport->msgi ? arrival_has_text(arrival, passport->msgi) : arrival->digest_count == 0;
}

bool cps_arrival_is_loose(const struct cps_arrival *arrival, const struct stir_passport *passport)
{
    return !passport->msgi && arrival->digest_count;
}

void cps_arrivals_account(struct cps_arrivals *arrivals, struct cps_entry *entry)
{
    for (struct cps_arrival *arrival = arrivals->first; arrival; arrival = arrival->next) {
        if (cps_arrival_fits(arrival, entry->passport)) {
            entry->accounted = true;
            arrival->explained = true;
        }
    }
}

size_t cps_arrivals_count_unexplained(const struct cps_arrivals *arrivals, const struct cps_arrival *arrival,
                                      int64_t iat)
{
    size_t count = 0;
    for (const struct cps_arrival *other = arrivals->first; other; other = other->next) {
        count += !other->explained && strcmp(cps_arrival_name(other), cps_arrival_name(arrival)) != 0 &&
                 stir_identity_equal(&other->message->orig, &arrival->message->orig) &&
                 other->message->arrived + CPS_CLOCKS_APART_S >= iat;
    }
    return count;
}

bool cps_arrival_is_after(const struct cps_arrival *arrival, const struct cps_listed *listed, int64_t iat,
                          uint64_t first_read)
{
    if (listed->by_ms < arrival->at_ms) {
        return true;
    }
    return !listed->exact && listed->read && listed->read <= first_read && iat <= arrival->message->arrived;
}

const char *cps_arrival_name(const struct cps_arrival *arrival)
{
    return arrival->digest_count ? arrival->digests[0] : "no body";
}

/* Returns true if evidence is not used yet, or is about this message: the same message may be sent again. */
static bool arrival_is_free_for(const char *blamed, const struct cps_arrival *arrival)
{
    return !blamed[0] || strcmp(blamed, cps_arrival_name(arrival)) == 0;
}

bool cps_arrival_may_blame(const struct cps_arrival *arrival, const struct cps_entry *entry, uint64_t first_read)
{
    return !atomic_load(&entry->gone) && !atomic_load(&entry->used_at) && !entry->accounted &&
           arrival_is_free_for(entry->blamed, arrival) &&
           cps_arrival_is_after(arrival, &entry->listed, entry->passport->iat, first_read);
}

void cps_brokens_add(struct cps_brokens *brokens, const struct cps_broken *broken)
{
    if (!brokens->items) {
        brokens->items = calloc(CPS_BROKEN_MAX, sizeof(*brokens->items));
    }
    if (brokens->items) {
        brokens->items[brokens->next] = *broken;
        brokens->next = (brokens->next + 1) % CPS_BROKEN_MAX;
        brokens->count = brokens->count < CPS_BROKEN_MAX ? brokens->count + 1 : CPS_BROKEN_MAX;
    }
}

/* Returns true if nothing that can be read of it shows that it is not the message's. */
static bool arrival_may_be_of(const struct cps_broken *broken, const struct cps_arrival *arrival)
{
    return (!broken->has_orig || stir_identity_equal(&broken->orig, &arrival->message->orig)) &&
           (!broken->msgi[0] || !arrival->digest_count || arrival_has_text(arrival, broken->msgi));
}

const struct cps_broken *cps_brokens_blame(struct cps_brokens *brokens, const struct cps_arrival *arrival,
                                           uint64_t first_read, size_t others, int64_t now)
{
    struct cps_broken *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < brokens->count; i++) {
        struct cps_broken *broken = &brokens->items[i];
        if (broken->until >= now && !broken->listed.taken && arrival_is_free_for(broken->blamed, arrival) &&
            arrival_may_be_of(broken, arrival) &&
            cps_arrival_is_after(arrival, &broken->listed, broken->iat, first_read)) {
            found = found && found->blamed[0] ? found : broken;
            count++;
        }
    }
    if (!found || (!found->blamed[0] && count <= others)) {
        return NULL;
    }
    (void)snprintf(found->blamed, sizeof(found->blamed), "%s", cps_arrival_name(arrival));
    return found;
}
