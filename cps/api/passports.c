/* SPDX-License-Identifier: MIT */
#include "cps/api/passports.h"

#include "cps/api/cursor.h"
#include "cps/api/passports_rules.h"
#include "cps/api/spc_path.h"
#include "cps/api/store_problem.h"
#include "cps/base/partners.h"
#include "cps/http/problem.h"
#include "cps/http/route.h"

/* ---- the path ---- */

static bool passports_read_identity(struct cpsd_request *request, struct stir_identity *out, struct stir_view segment,
                                    const char *what)
{
    struct stir_error err = {0};
    if (stir_identity_from_path(out, segment.ptr, segment.len, (unsigned)request->service->config->numbers_max_digits,
                                &err) == STIR_OK) {
        return true;
    }
    (void)stir_fail_prefix(&err, err.code, "%s", what);
    cpsd_problem(request, 400, "the path does not name a destination and an originator", err.text, 0, NULL);
    return false;
}

bool cpsd_passports_path(struct cpsd_request *request)
{
    static const char with_spc[] = "/passports/{spc}/";
    struct stir_error err = {0};
    size_t at = 0;
    if (strncmp(request->route->pattern, with_spc, sizeof(with_spc) - 1) == 0) {
        if (cpsd_spc_from_path(request->spc, request->segment[at++], &err) != STIR_OK) {
            cpsd_problem(request, 400, "the path does not name a provider", err.text, 0, NULL);
            return false;
        }
    }
    request->has_dest = passports_read_identity(request, &request->dest, request->segment[at], "destination");
    request->has_orig =
        request->has_dest && passports_read_identity(request, &request->orig, request->segment[at + 1], "originator");
    return request->has_orig;
}

/* ---- retrieve ---- */

struct retrieve_state {
    struct stir_identity box;
    int64_t after_us;
    bool own_only;     /* the caller is a partner: show only what the path's provider published itself */
    bool is_continued; /* with ?after=: the rest of a list, which may be empty */
};
CPSD_STATE_FITS(struct retrieve_state);

static void retrieve_done(void *arg, const struct cpsd_store_result *result);

static void retrieve_list(struct cpsd_request *request, const struct cpsd_claim *claim)
{
    const struct retrieve_state *state = (const void *)request->state;
    const struct cpsd_config *config = request->service->config;
    cpsd_store_list(request->service->store, &state->box, state->after_us, (size_t)config->list_max_entries,
                    (size_t)config->list_max_bytes, claim, retrieve_done, request);
}

static bool retrieve_shows(const struct retrieve_state *state, const struct cpsd_entry *entry)
{
    return !state->own_only || cpsd_passports_id_is_own(entry->id);
}

/* Writes the entries that the caller may see and returns their number. They were checked when they were published:
 * base64url and dots, nothing to escape. */
static size_t retrieve_render(struct stir_buf *body, const struct retrieve_state *state,
                              const struct cpsd_store_result *result)
{
    size_t shown = 0;
    stir_buf_puts(body, "{\"passports\":[");
    for (size_t i = 0; i < result->count; i++) {
        if (retrieve_shows(state, &result->entries[i])) {
            stir_buf_puts(body, shown++ ? ",\"" : "\"");
            stir_buf_put(body, result->entries[i].envelope.ptr, result->entries[i].envelope.len);
            stir_buf_put(body, "\"", 1);
        }
    }
    stir_buf_puts(body, "]}");
    return shown;
}

/* Writes the link to the rest of a list that was cut (RFC 8288). */
static void retrieve_render_link(struct stir_buf *link, const struct cpsd_request *request, int64_t last_us)
{
    char cursor[CPSD_CURSOR_TEXT + 1], dest[3 * STIR_IDENTITY_MAX + 1], orig[3 * STIR_IDENTITY_MAX + 1];
    cpsd_cursor_text(cursor, last_us);
    (void)stir_identity_to_path(dest, &request->dest);
    (void)stir_identity_to_path(orig, &request->orig);
    stir_buf_printf(link, "<%s/passports/", request->service->config->public_url);
    if (cpsd_passports_has_spc(request)) {
        char spc[3 * STIR_SPC_MAX + 1];
        cpsd_spc_to_path(spc, request->spc);
        stir_buf_printf(link, "%s/", spc);
    }
    stir_buf_printf(link, "%s/%s?after=%s>; rel=\"next\"", dest, orig, cursor);
}

static void retrieve_answer(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct stir_buf body = {0}, link = {.limit = 8192};
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    size_t shown = retrieve_render(&body, (const void *)request->state, result);
    cpsd_response_field(&response, "Cache-Control", "no-store");
    if (result->more) {
        retrieve_render_link(&link, request, result->entries[result->count - 1].arrival_us);
        cpsd_response_field(&response, "Link", stir_buf_state(&link) == STIR_OK ? link.ptr : "");
    }
    if (stir_buf_state(&body) == STIR_OK && stir_buf_state(&link) == STIR_OK) {
        cpsd_count(&request->service->metrics->envelopes, shown);
        response.body = stir_view(body.ptr, body.len);
        cpsd_respond(request, &response);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&body);
    stir_buf_free(&link);
}

static bool retrieve_shows_any(const struct retrieve_state *state, const struct cpsd_store_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        if (retrieve_shows(state, &result->entries[i])) {
            return true;
        }
    }
    return false;
}

static void retrieve_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct retrieve_state *state = (void *)request->state;
    /* four reasons not to answer with this part: the store failed, its clock was set back, the caller may see nothing
     * of this part but there is another, and there is nothing at all */
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
    } else if (state->after_us > result->now_us) {
        state->after_us = 0; /* the store's clock was set back: list everything again rather than miss something */
        retrieve_list(request, NULL);
    } else if (!retrieve_shows_any(state, result) && result->more) {
        state->after_us =
            result->entries[result->count - 1].arrival_us; /* nothing for this caller in this part: read the next one */
        retrieve_list(request, NULL);
    } else if (!retrieve_shows_any(state, result) && !state->is_continued) {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NO_PASSPORT),
                     "no PASSporT was published for this destination and originator, or it has expired", 0, NULL);
    } else {
        retrieve_answer(request, result);
    }
}

/* ATIS-1000105: the provider that the path names may retrieve everything from it, a partner only what that provider
 * published itself, whatever the policy is. Returns false after answering 401 or 403. */
static bool retrieve_allowed(struct cpsd_request *request)
{
    const struct cpsd_caller *caller = &request->caller;
    struct retrieve_state *state = (void *)request->state;
    if (!cpsd_passports_has_spc(request)) {
        return true;
    }
    if (!cpsd_caller_authenticated(caller)) {
        cpsd_problem(request, 401, stir_strerror(STIR_E_UNAUTHORIZED),
                     "to retrieve for a provider, show a token or certificate of that provider or of a partner", 0,
                     NULL);
        return false;
    }
    /* a token acts for the one code that it names, a client certificate for all codes in it */
    bool is_provider = caller->kind == CPSD_TOKEN ? stir_spc_equal(caller->spc, request->spc)
                                                  : stir_tnauth_has_spc(&caller->chain->tnauth, request->spc);
    state->own_only = !is_provider;
    if (!is_provider && !cpsd_partners_have(request->service->config->atis_partners, caller)) {
        cpsd_problem(request, 403, stir_strerror(STIR_E_FORBIDDEN),
                     "the credential does not belong to the provider in the path, nor to a partner of this server "
                     "([atis] partners)",
                     0, NULL);
        return false;
    }
    return true;
}

void cpsd_passports_retrieve(struct cpsd_request *request)
{
    struct retrieve_state *state = (void *)request->state;
    struct stir_view text;
    if (!retrieve_allowed(request)) {
        return;
    }
    state->is_continued = cpsd_http_query(request->query, "after", &text);
    if (!cpsd_cursor_after(request, stir_view(NULL, 0), &state->after_us)) {
        return;
    }
    cpsd_passports_box(&state->box, request->spc, &request->dest, &request->orig);
    retrieve_list(request, cpsd_request_claim(request));
}
