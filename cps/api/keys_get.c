/* SPDX-License-Identifier: MIT */
#include "cps/api/keys.h"

#include "cps/api/key_names.h"
#include "cps/api/spc_path.h"
#include "cps/api/store_problem.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"

#include <assert.h>
#include <stdio.h>

#define NONE_MATCH_MAX 255
#define RECORDS_MAX 8 /* records in one answer */

struct get_state {
    bool all;                            /* the answer lists all records */
    unsigned next;                       /* index of the name to look up next (keys_get_name) */
    unsigned count;                      /* records in `body` */
    int64_t left_s;                      /* seconds until the first of them expires */
    struct stir_buf body;                /* the answer so far */
    char none_match[NONE_MATCH_MAX + 1]; /* If-None-Match; a longer one is ignored */
};
CPSD_STATE_FITS(struct get_state);

/* Writes the name of a record that may cover the subject, by its index: the most specific one first. Returns false if
 * there is no such name. A name without a record does no harm: the store finds nothing under it. */
static bool keys_get_name(struct stir_identity *out, const struct cpsd_request *request, unsigned which)
{
    const struct get_state *state = (const void *)request->state;
    const struct cpsd_trusted *trusted = request->service->trusted;
    struct stir_numtable_row row;
    bool tn = request->dest.kind == STIR_IDENTITY_TN;
    switch (which) {
    case 0:
        *out = request->dest;
        return true;
    case 1:
        cpsd_keys_name_block(out, &request->dest);
        return tn;
    case 2:
        tn = trusted && trusted->numbers && stir_numtable_find(trusted->numbers, request->dest.text, &row);
        cpsd_spc_identity(out, tn ? row.spc : "");
        return true;
    case 3:
        /* without a record so far, the digits may be a code rather than a number */
        cpsd_spc_identity(out, request->dest.text);
        return state->count == 0 && request->dest.len <= STIR_SPC_MAX;
    default:
        return false;
    }
}

/* RFC 9110 section 13.1.2: "*", or a list of tags. The comparison is weak, so a W/ before a tag makes no difference. */
static bool keys_get_has_tag(struct stir_view field, const char *tag)
{
    size_t n = strlen(tag);
    if (stir_view_is(field, "*")) {
        return true;
    }
    for (size_t i = 0; i + n <= field.len; i++) {
        if (memcmp(field.ptr + i, tag, n) == 0) {
            return true;
        }
    }
    return false;
}

static void keys_get_answer(struct cpsd_request *request)
{
    struct get_state *state = (void *)request->state;
    int64_t most_s = request->service->config->keys_max_age_s;
    char etag[CPSD_KEYS_ETAG], cache[64];
    stir_buf_puts(&state->body, state->all ? "]}" : "");
    if (stir_buf_state(&state->body) != STIR_OK) {
        stir_buf_free(&state->body);
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
        return;
    }
    /* readers may keep the answer until its first record expires, at most max_age_s */
    struct stir_view body = stir_view(state->body.ptr, state->body.len);
    cpsd_keys_etag(etag, body);
    (void)snprintf(cache, sizeof(cache), "public, max-age=%lld",
                   (long long)(state->left_s < most_s ? state->left_s : most_s));
    /* RFC 9110 section 15.4.5: a 304 has the same fields as the 200 */
    struct cpsd_response response = {.status = 304};
    if (!keys_get_has_tag(stir_view_str(state->none_match), etag)) {
        response = (struct cpsd_response){.status = 200,
                                          .content_type = state->all ? "application/json" : CPSD_KEYS_TYPE,
                                          .body = body};
    }
    cpsd_response_field(&response, "ETag", etag);
    cpsd_response_field(&response, "Cache-Control", cache);
    cpsd_response_field(&response, "Vary", "Accept");
    struct stir_buf octets = state->body; /* the answer frees the request, and the state with it */
    cpsd_respond(request, &response);
    stir_buf_free(&octets);
}

static void keys_get_looked_up(void *arg, const struct cpsd_store_result *result);

static void keys_get_look_up(struct cpsd_request *request)
{
    struct get_state *state = (void *)request->state;
    struct stir_identity name;
    bool first = state->next == 0;
    if (state->count < RECORDS_MAX && keys_get_name(&name, request, state->next++)) {
        cpsd_store_look(request->service->store, &name, first ? cpsd_request_claim(request) : NULL, keys_get_looked_up,
                        request);
    } else if (state->count) {
        keys_get_answer(request);
    } else {
        stir_buf_free(&state->body);
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND), "there is no key record for this subject", 0, NULL);
    }
}

/* Appends a record. It is a compact JWS: base64url and dots, nothing to escape in JSON. */
static void keys_get_add_record(struct get_state *state, const struct cpsd_store_result *result)
{
    struct stir_view record = result->entries[0].envelope;
    int64_t left_s = (result->entries[0].expires_us - result->now_us) / 1000000;
    left_s = left_s < 0 ? 0 : left_s;
    state->left_s = state->count && state->left_s < left_s ? state->left_s : left_s;
    stir_buf_puts(&state->body, !state->all ? "" : state->count ? ",\"" : "{\"records\":[\"");
    stir_buf_put(&state->body, record.ptr, record.len);
    stir_buf_puts(&state->body, state->all ? "\"" : "");
    state->count++;
}

static void keys_get_looked_up(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct get_state *state = (void *)request->state;
    bool found = result->code == STIR_OK && result->count;
    if (found) {
        keys_get_add_record(state, result);
    }
    if (found && !state->all) {
        keys_get_answer(request);
    } else if (found || result->code == STIR_E_NOT_FOUND) {
        keys_get_look_up(request);
    } else {
        stir_buf_free(&state->body);
        cpsd_store_problem(request, result);
    }
}

void cpsd_keys_get(struct cpsd_request *request)
{
    struct get_state *state = (void *)request->state;
    struct stir_view field = request->fields[CPSD_IF_NONE_MATCH], text;
    if (field.len <= NONE_MATCH_MAX && field.len) {
        memcpy(state->none_match, field.ptr, field.len);
    }
    state->all = cpsd_http_item(request->fields[CPSD_ACCEPT], "application/json", &text);
    keys_get_look_up(request);
}
