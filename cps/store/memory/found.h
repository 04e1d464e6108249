/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/memory/shard.h"

/*
 * The result of a list, a get or a look of the memory store: entries, and references to their values, which keep them
 * valid without the shard's lock until the completion has read them.
 */
#define CPSD_FOUND_FEW 32 /* entries without an allocation */

struct cpsd_found {
    struct cpsd_entry few[CPSD_FOUND_FEW], *entries;
    struct cpsd_blob *few_blobs[CPSD_FOUND_FEW], **blobs;
    size_t count, cap, octets;
    bool failed;
};

void cpsd_found_init(struct cpsd_found *found);
void cpsd_found_free(struct cpsd_found *found); /* releases the references */

/* Adds an item that is shown. Without memory it sets `failed` and adds nothing. */
void cpsd_found_add(struct cpsd_found *found, const struct cpsd_item *item);
