/* SPDX-License-Identifier: MIT */
#include "client/lib/box/sealed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool cps_sealeds_init(struct cps_sealeds *all)
{
    all->octets = 0;
    return stir_map_init(&all->by_id);
}

void cps_sealeds_free(struct cps_sealeds *all)
{
    stir_map_free(&all->by_id);
}

static uint64_t sealed_id_hash(const struct cps_sealeds *all, const struct cps_pile *pile, const char *id)
{
    char key[CPS_ID_LEN + sizeof(uintptr_t)];
    uintptr_t place = (uintptr_t)pile;
    memcpy(key, id, CPS_ID_LEN);
    memcpy(key + CPS_ID_LEN, &place, sizeof(place));
    return stir_map_hash(&all->by_id, key, sizeof(key), NULL, 0);
}

static size_t sealed_octets_of(const struct cps_sealed *sealed)
{
    return sizeof(*sealed) + sealed->envelope.len + 1;
}

/* Puts an envelope on its pile as the newest one. */
static void sealed_push_newest(struct cps_sealeds *all, struct cps_sealed *sealed)
{
    struct cps_pile *pile = sealed->pile;
    sealed->newer = NULL;
    sealed->older = pile->newest;
    *(pile->newest ? &pile->newest->newer : &pile->oldest) = sealed;
    pile->newest = sealed;
    pile->count++;
    all->octets += sealed_octets_of(sealed);
}

bool cps_sealed_add(struct cps_sealeds *all, struct cps_pile *pile, struct cps_envelope *envelope,
                    const struct cps_listed *listed, int64_t until)
{
    struct cps_sealed *sealed = calloc(1, sizeof(*sealed));
    if (!sealed) {
        return false;
    }
    sealed->pile = pile;
    sealed->listed = *listed;
    sealed->until = until;
    sealed->envelope = *envelope;
    envelope->text = NULL;
    stir_map_put(&all->by_id, &sealed->by_id, sealed_id_hash(all, pile, sealed->envelope.id));
    sealed_push_newest(all, sealed);
    return true;
}

bool cps_sealed_has(const struct cps_sealeds *all, const struct cps_pile *pile, const char *id)
{
    const struct stir_map_node *node = stir_map_first(&all->by_id, sealed_id_hash(all, pile, id));
    for (; node; node = stir_map_next(node)) {
        const struct cps_sealed *sealed = (const struct cps_sealed *)node;
        if (sealed->pile == pile && strcmp(sealed->envelope.id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void sealed_unlink_newest(struct cps_pile *pile)
{
    pile->newest = pile->newest->older;
    *(pile->newest ? &pile->newest->newer : &pile->oldest) = NULL;
}

static void sealed_unlink_oldest(struct cps_pile *pile)
{
    pile->oldest = pile->oldest->newer;
    *(pile->oldest ? &pile->oldest->older : &pile->newest) = NULL;
}

struct cps_sealed *cps_sealed_take(struct cps_sealeds *all, struct cps_pile *pile, bool newest)
{
    struct cps_sealed *sealed = newest ? pile->newest : pile->oldest;
    if (sealed) {
        (newest ? sealed_unlink_newest : sealed_unlink_oldest)(pile);
        assert(pile->count > 0 && all->octets >= sealed_octets_of(sealed));
        pile->count--;
        all->octets -= sealed_octets_of(sealed);
    }
    return sealed;
}

void cps_sealed_free(struct cps_sealeds *all, struct cps_sealed *sealed)
{
    stir_map_remove(&all->by_id, &sealed->by_id);
    free(sealed->envelope.text);
    free(sealed);
}

void cps_sealed_put_back(struct cps_sealeds *all, struct cps_sealed *sealed)
{
    sealed_push_newest(all, sealed);
}

void cps_sealed_trim(struct cps_sealeds *all, struct cps_pile *pile, int64_t now)
{
    while (pile->oldest && pile->oldest->until < now) {
        cps_sealed_free(all, cps_sealed_take(all, pile, false));
    }
}

void cps_sealed_forget(struct cps_sealeds *all, struct cps_pile *pile)
{
    for (struct cps_sealed *sealed; (sealed = cps_sealed_take(all, pile, true));) {
        cps_sealed_free(all, sealed);
    }
}
