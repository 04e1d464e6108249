/* SPDX-License-Identifier: MIT */
#include "cps/api/feed.h"
#include "cps/api/feed_entry.h"
#include "cps/auth/trusted.h"

#include <stdlib.h>
#include <string.h>

struct cpsd_feeding {
    struct cpsd_store *store;
    _Atomic uint64_t *missed;
    struct stir_identity box;
    uint8_t id[CPSD_ID_OCTETS];
    int64_t ttl_ms;
    unsigned limit;
    size_t len;
    char text[]; /* the destination, a line feed, the envelope */
};

/* Writes the box of the provider that the number table gives the destination to; false if there is none. */
static bool feeding_box(struct stir_identity *box, const struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct stir_numtable_row row;
    const struct stir_numtable *numbers = service->trusted ? service->trusted->numbers : NULL;
    if (!service->config->feeds || !numbers || request->dest.kind != STIR_IDENTITY_TN ||
        !stir_numtable_find(numbers, request->dest.text, &row)) {
        return false;
    }
    cpsd_feed_box(box, row.spc);
    return true;
}

struct cpsd_feeding *cpsd_feeding_begin(const struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS],
                                        struct stir_view envelope, int64_t ttl_ms)
{
    const struct cpsd_service *service = request->service;
    struct stir_identity box;
    if (!feeding_box(&box, request)) {
        return NULL;
    }
    size_t len = request->dest.len + 1 + envelope.len;
    struct cpsd_feeding *feeding = malloc(sizeof(*feeding) + len);
    if (!feeding) {
        cpsd_count(&service->metrics->feed_missed, 1);
        return NULL;
    }
    /* a copy: the request may be answered and gone before the entry is in the feed */
    feeding->store = service->store;
    feeding->missed = &service->metrics->feed_missed;
    feeding->box = box;
    feeding->limit = (unsigned)service->config->feed_limit;
    memcpy(feeding->id, id, sizeof(feeding->id));
    feeding->ttl_ms = ttl_ms;
    feeding->len = len;
    memcpy(feeding->text, request->dest.text, request->dest.len);
    feeding->text[request->dest.len] = '\n';
    memcpy(feeding->text + request->dest.len + 1, envelope.ptr, envelope.len);
    return feeding;
}

static void feeding_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_feeding *feeding = arg;
    if (result->code != STIR_OK) {
        cpsd_count(feeding->missed, 1);
    }
    free(feeding);
}

void cpsd_feeding_end(struct cpsd_feeding *feeding, bool stored)
{
    if (!feeding || !stored) {
        free(feeding);
        return;
    }
    const struct cpsd_put put = {.id = feeding->id,
                                 .envelope = stir_view(feeding->text, feeding->len),
                                 .ttl_ms = feeding->ttl_ms,
                                 .ring = feeding->limit};
    cpsd_store_publish(feeding->store, &feeding->box, &put, feeding_done, feeding);
}

static void feeding_forgotten(void *arg, const struct cpsd_store_result *result)
{
    (void)arg, (void)result;
}

void cpsd_feed_forget(const struct cpsd_request *request, struct stir_view ids)
{
    struct stir_identity box;
    if (ids.len && feeding_box(&box, request)) {
        cpsd_store_forget(request->service->store, &box, ids, feeding_forgotten, NULL);
    }
}
