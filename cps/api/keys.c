#include "cps/api/keys.h"

#include "common/jose/b64.h"
#include "common/passport/keyrecord.h"
#include "cps/api/keys_common.h"
#include "cps/api/passports_box.h"
#include "cps/api/ppts_common.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"

#include <openssl/sha.h>
#include <stdio.h>

#define SPC_SCHEME "spc:"
#define BLOCK_SCHEME "block:"

void cpsd_keys_name_spc(struct stir_identity *out, const char *spc)
{
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    out->len = (unsigned)snprintf(out->text, sizeof(out->text), SPC_SCHEME "%.*s", STIR_SPC_MAX, spc);
    stir_spc_normalize(out->text + strlen(SPC_SCHEME));
}

void cpsd_keys_name_block(struct stir_identity *out, const struct stir_identity *tn)
{
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    out->len = (unsigned)snprintf(out->text, sizeof(out->text), BLOCK_SCHEME "%.*s", STIR_TN_MAX, tn->text);
}

void cpsd_keys_etag(char out[CPSD_KEYS_ETAG], struct stir_view text)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)text.ptr, text.len, digest);
    out[0] = '"';
    size_t n = 1 + stir_b64url_encode(out + 1, digest, 16);
    out[n] = '"';
    out[n + 1] = '\0';
}

/* ---- the path ---- */

/* "spc%3A709J" and "spc:709J" alike. */
static struct stir_view without_scheme(struct stir_view segment)
{
    static const char *const schemes[] = {"spc:", "spc%3A", "spc%3a"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i]);
        if (segment.len > n && memcmp(segment.ptr, schemes[i], n) == 0) {
            return stir_view(segment.ptr + n, segment.len - n);
        }
    }
    return stir_view(NULL, 0);
}

/* Digits that may be a short code or a provider's: what is put tells. */
static bool record_is_for_spc(const struct cpsd_request *request, const char *spc)
{
    struct stir_keyrecord *record = NULL;
    bool is = request->method == CPSD_PUT &&
              stir_keyrecord_parse(&record, request->body.ptr, request->body.len, NULL) == STIR_OK &&
              stir_tnauth_has_spc(&record->claims, spc);
    stir_keyrecord_free(record);
    return is;
}

bool cpsd_keys_path(struct cpsd_request *request)
{
    const struct cpsd_config *config = request->service->config;
    struct stir_view segment = request->segment[0], code = without_scheme(segment);
    struct stir_error err = {0};
    char spc[STIR_SPC_MAX + 1];
    bool is_spc = cpsd_passports_spc(spc, code.len ? code : segment, &err) == STIR_OK && !strchr(spc, ':');
    bool is_tn = !code.len &&
                 stir_identity_from_path(&request->dest, segment.ptr, segment.len, (unsigned)config->numbers_max_digits,
                                         &err) == STIR_OK &&
                 request->dest.kind == STIR_IDENTITY_TN;
    if (is_tn && is_spc && request->dest.len <= config->numbers_short_code_digits && record_is_for_spc(request, spc)) {
        is_tn = false;
    }
    if (!is_tn && !is_spc) {
        cpsd_problem(request, 400, "the path does not name a number or a provider",
                     "key records are for numbers, and for service provider codes (spc:CODE)", 0, NULL);
        return false;
    }
    if (!is_tn) {
        cpsd_keys_name_spc(&request->dest, spc);
    }
    request->has_dest = true;
    return true;
}

/* ---- get ---- */

#define NONE_MATCH_MAX 255
#define RECORDS_MAX 8 /* in one answer */

struct get_state {
    bool all;                            /* the answer is the list of all records */
    unsigned next;                       /* of the names that records may be kept under */
    unsigned count;                      /* records in `body` */
    int64_t left_s;                      /* until the first of them ends */
    struct stir_buf body;                /* what is to be answered so far */
    char none_match[NONE_MATCH_MAX + 1]; /* If-None-Match; a longer one is as good as none */
};
CPSD_STATE_FITS(struct get_state);

/* The names of the records that cover a subject, the most specific first; false: there is no further one. A name of no
 * record is harmless: nothing is kept under it. */
static bool name_record(struct stir_identity *out, const struct cpsd_request *request, unsigned which)
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
        cpsd_keys_name_spc(out, tn ? row.spc : "");
        return true;
    case 3:
        /* digits that are no number here may be a code: the one record of that name covers no number */
        cpsd_keys_name_spc(out, request->dest.text);
        return state->count == 0 && request->dest.len <= STIR_SPC_MAX;
    default:
        return false;
    }
}

/* Without weak comparison's subtleties: our tags are strong, so a W/ before one changes nothing (RFC 9110 13.1.2). */
static bool names_tag(struct stir_view field, const char *tag)
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

static void answer_records(struct cpsd_request *request)
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
    struct stir_view body = stir_view(state->body.ptr, state->body.len);
    cpsd_keys_etag(etag, body);
    (void)snprintf(cache, sizeof(cache), "public, max-age=%lld",
                   (long long)(state->left_s < most_s ? state->left_s : most_s));
    struct cpsd_response response = {.status = 304};
    if (!names_tag(stir_view_str(state->none_match), etag)) {
        response = (struct cpsd_response){.status = 200,
                                          .content_type = state->all ? "application/json" : CPSD_KEYS_TYPE,
                                          .body = body};
    }
    cpsd_response_field(&response, "ETag", etag);
    cpsd_response_field(&response, "Cache-Control", cache);
    cpsd_response_field(&response, "Vary", "Accept");
    struct stir_buf octets = state->body; /* the state is gone with the answer */
    cpsd_respond(request, &response);
    stir_buf_free(&octets);
}

static void looked(void *arg, const struct cpsd_store_result *result);

static void look(struct cpsd_request *request)
{
    struct get_state *state = (void *)request->state;
    struct stir_identity name;
    bool first = state->next == 0;
    if (state->count < RECORDS_MAX && name_record(&name, request, state->next++)) {
        cpsd_store_look(request->service->store, &name, first ? cpsd_request_claim(request) : NULL, looked, request);
    } else if (state->count) {
        answer_records(request);
    } else {
        stir_buf_free(&state->body);
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND), "no key record was put for this subject", 0, NULL);
    }
}

/* A record is a compact JWS: no character of it needs an escape in JSON. */
static void take_record(struct get_state *state, const struct cpsd_store_result *result)
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

static void looked(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct get_state *state = (void *)request->state;
    bool found = result->code == STIR_OK && result->count;
    if (found) {
        take_record(state, result);
    }
    if (found && !state->all) {
        answer_records(request);
    } else if (found || result->code == STIR_E_NOT_FOUND) {
        look(request);
    } else {
        stir_buf_free(&state->body);
        cpsd_ppts_store_problem(request, result);
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
    look(request);
}
