/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/part.h"

#include "client/sidecar/filter/filter_core.h"

#include <stdlib.h>

struct sc_part *sc_part_new(struct sc_held *held, bool verify)
{
    struct sc_part *part = calloc(1, sizeof(*part));
    if (part) {
        part->held = held;
        part->verify = verify;
        held->own = part;
    }
    return part;
}

void sc_parts_free(struct sc_part *parts)
{
    while (parts) {
        struct sc_part *next = parts->next;
        if (parts->slot) {
            sc_repeat_release(parts->item->core, parts->slot);
        }
        free(parts->note);
        free(parts);
        parts = next;
    }
}

bool sc_parts_released(const struct sc_part *parts)
{
    while (parts && !parts->released) {
        parts = parts->next;
    }
    return parts != NULL;
}

struct sc_part **sc_parts_end(struct sc_part **parts)
{
    while (*parts) {
        parts = &(*parts)->next;
    }
    return parts;
}

struct sc_held *sc_parts_held(const struct sc_part *parts)
{
    while (parts && !parts->held) {
        parts = parts->next;
    }
    return parts ? parts->held : NULL;
}

size_t sc_parts_count(const struct sc_part *parts)
{
    size_t count = 0;
    for (; parts; parts = parts->next) {
        count += parts->held != NULL;
    }
    return count;
}

void sc_parts_reorder(const struct sc_part *parts)
{
    struct sc_held *items[UINT8_MAX + 1];
    size_t count = 0;
    for (; parts && count < sizeof(items) / sizeof(items[0]); parts = parts->next) {
        if (parts->held) {
            items[count++] = parts->held;
        }
    }
    if (count > 1) {
        sc_held_reorder(items, count);
    }
}
