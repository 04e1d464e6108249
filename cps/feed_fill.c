#include "cps/feed.h"
#include "cps/feed_common.h"

#include <stdlib.h>
#include <string.h>

struct cpsd_feeding {
    struct cpsd_store *store;
    _Atomic uint64_t *missed;
    struct stir_identity box;
    uint8_t id[CPSD_ID_OCTETS];
    int64_t ttl_ms;
    size_t len;
    char text[]; /* the destination, a line feed, the envelope */
};

struct cpsd_feeding *cpsd_feeding_begin(const struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS],
                                        struct stir_view envelope, int64_t ttl_ms)
{
    const struct cpsd_service *service = request->service;
    struct stir_numtable_row row;
    const struct stir_numtable *numbers = service->trusted ? service->trusted->numbers : NULL;
    if (!service->config->feeds || !numbers || request->dest.kind != STIR_IDENTITY_TN ||
        !stir_numtable_find(numbers, request->dest.text, &row)) {
        return NULL;
    }
    size_t len = request->dest.len + 1 + envelope.len;
    struct cpsd_feeding *feeding = malloc(sizeof(*feeding) + len);
    if (!feeding) {
        cpsd_count(&service->metrics->feed_missed, 1);
        return NULL;
    }
    feeding->store = service->store;
    feeding->missed = &service->metrics->feed_missed;
    cpsd_feed_box(&feeding->box, row.spc);
    memcpy(feeding->id, id, sizeof(feeding->id));
    feeding->ttl_ms = ttl_ms;
    feeding->len = len;
    memcpy(feeding->text, request->dest.text, request->dest.len);
    feeding->text[request->dest.len] = '\n';
    memcpy(feeding->text + request->dest.len + 1, envelope.ptr, envelope.len);
    return feeding;
}

static void fed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_feeding *feeding = arg;
    if (result->code != STIR_OK) {
        cpsd_count(feeding->missed, 1);
    }
    free(feeding);
}

void cpsd_feeding_end(struct cpsd_feeding *feeding, bool stored)
{
    if (feeding && stored) {
        cpsd_store_put(feeding->store, &feeding->box, feeding->id, stir_view(feeding->text, feeding->len),
                       feeding->ttl_ms, NULL, fed, feeding);
    } else {
        free(feeding);
    }
}
