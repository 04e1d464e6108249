#include "client/sidecar/filter/filter_internal.h"

#include <stdlib.h>

struct gw_part *gw_part_new(struct gw_held *held, bool verify)
{
    struct gw_part *part = calloc(1, sizeof(*part));
    if (part) {
        part->held = held;
        part->verify = verify;
        held->own = part;
    }
    return part;
}

void gw_parts_free(struct gw_part *parts)
{
    while (parts) {
        struct gw_part *next = parts->next;
        if (parts->slot) {
            gw_repeat_release(parts->item->core, parts->slot);
        }
        free(parts->note);
        free(parts);
        parts = next;
    }
}

bool gw_parts_released(const struct gw_part *parts)
{
    while (parts && !parts->released) {
        parts = parts->next;
    }
    return parts != NULL;
}

struct gw_part **gw_parts_end(struct gw_part **parts)
{
    while (*parts) {
        parts = &(*parts)->next;
    }
    return parts;
}

struct gw_held *gw_parts_held(const struct gw_part *parts)
{
    while (parts && !parts->held) {
        parts = parts->next;
    }
    return parts ? parts->held : NULL;
}

size_t gw_parts_count(const struct gw_part *parts)
{
    size_t count = 0;
    for (; parts; parts = parts->next) {
        count += parts->held != NULL;
    }
    return count;
}

void gw_parts_reorder(const struct gw_part *parts)
{
    struct gw_held *items[UINT8_MAX + 1];
    size_t count = 0;
    for (; parts && count < sizeof(items) / sizeof(items[0]); parts = parts->next) {
        if (parts->held) {
            items[count++] = parts->held;
        }
    }
    if (count > 1) {
        gw_held_reorder(items, count);
    }
}
