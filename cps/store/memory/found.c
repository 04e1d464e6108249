/* SPDX-License-Identifier: MIT */
#include "cps/store/memory/found.h"

#include <stdlib.h>
#include <string.h>

void cpsd_found_init(struct cpsd_found *found)
{
    found->entries = found->few;
    found->blobs = found->few_blobs;
    found->count = 0;
    found->cap = CPSD_FOUND_FEW;
    found->octets = 0;
    found->failed = false;
}

void cpsd_found_free(struct cpsd_found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        cpsd_blob_unref(found->blobs[i]);
    }
    if (found->entries != found->few) {
        free(found->entries);
    }
    if (found->blobs != found->few_blobs) {
        free(found->blobs);
    }
}

static void *found_grown_array(const void *few, void *now, size_t size, size_t count)
{
    void *grown = realloc(now == few ? NULL : now, 2 * (count < CPSD_FOUND_FEW ? CPSD_FOUND_FEW : count) * size);
    if (grown && now == few) {
        memcpy(grown, few, count * size);
    }
    return grown;
}

static bool found_grow(struct cpsd_found *found)
{
    struct cpsd_entry *entries = found_grown_array(found->few, found->entries, sizeof(struct cpsd_entry), found->cap);
    if (entries) {
        found->entries = entries;
    }
    struct cpsd_blob **blobs =
        found_grown_array(found->few_blobs, found->blobs, sizeof(struct cpsd_blob *), found->cap);
    if (blobs) {
        found->blobs = blobs;
    }
    found->failed = !entries || !blobs;
    found->cap *= 2;
    return !found->failed;
}

void cpsd_found_add(struct cpsd_found *found, const struct cpsd_item *item)
{
    if (found->count == found->cap && !found_grow(found)) {
        return;
    }
    struct cpsd_entry *entry = &found->entries[found->count];
    memcpy(entry->id, item->id, sizeof(entry->id));
    entry->arrival_us = item->arrival_us;
    entry->expires_us = item->shown_until_us;
    entry->taken = item->taken;
    entry->envelope = stir_view(item->blob->data, item->blob->len);
    entry->publisher = cpsd_blob_publisher(item->blob);
    found->blobs[found->count++] = cpsd_blob_ref(item->blob);
    found->octets += item->blob->len;
}
