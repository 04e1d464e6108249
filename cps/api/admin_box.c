#include "cps/api/admin.h"
#include "cps/api/ppts.h"
#include "cps/api/ppts_common.h"
#include "cps/http/problem.h"

#include <inttypes.h>

/* A box as the operator sees it: what is really in it, without dummies and without contents. */
#define ENTRIES 10000
#define OCTETS ((size_t)8 << 20)
#define BODY_LIMIT (4u << 20)

static void put_entry(struct stir_buf *body, const struct cpsd_entry *entry)
{
    char id[CPSD_ID_TEXT];
    cpsd_ppts_id_text(id, entry->id);
    stir_buf_printf(body,
                    "{\"id\":\"%.*s\",\"arrived_us\":%" PRId64 ",\"expires_us\":%" PRId64
                    ",\"octets\":%zu,\"taken\":%s}",
                    (int)sizeof(id), id, entry->arrival_us, entry->expires_us, entry->envelope.len,
                    entry->taken ? "true" : "false");
}

static void listed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct stir_buf body = {.limit = BODY_LIMIT};
    size_t octets = 0;
    if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    stir_buf_printf(&body, "{\"now_us\":%" PRId64 ",\"envelopes\":[", result->now_us);
    for (size_t i = 0; i < result->count; i++) {
        stir_buf_puts(&body, i ? "," : "");
        put_entry(&body, &result->entries[i]);
        octets += result->entries[i].envelope.len;
    }
    stir_buf_printf(&body, "],\"octets\":%zu,\"more\":%s}", octets, result->more ? "true" : "false");
    if (stir_buf_state(&body) == STIR_OK) {
        struct cpsd_response response = {.status = 200,
                                         .content_type = "application/json",
                                         .body = stir_view(body.ptr, body.len)};
        cpsd_response_field(&response, "Cache-Control", "no-store");
        cpsd_respond(request, &response);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&body);
}

void cpsd_admin_box(struct cpsd_request *request)
{
    cpsd_store_list(request->service->store, &request->dest, 0, ENTRIES, OCTETS, NULL, listed, request);
}
