/* SPDX-License-Identifier: MIT */
#include "client/lib/net/cps_http.h"

#include "common/jose/json.h"
#include "common/jose/jwe.h"
#include "common/passport/keyrecord.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WAIT_MAX_S 300                                                           /* of one waiting request */
#define RECORDS_OCTETS ((size_t)CPS_RECORDS_MAX * (STIR_KEYRECORD_MAX + 4) + 64) /* an answer with all key records */

/* Appends text with all but the unreserved characters escaped (RFC 3986 section 2.3). */
static void cps_http_put_escaped(struct stir_buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain) {
            stir_buf_put(out, text, 1);
        } else {
            stir_buf_printf(out, "%%%02X", c);
        }
    }
}

static void cps_http_put_box(struct stir_buf *url, const struct stir_identity *dest)
{
    char segment[3 * STIR_IDENTITY_MAX + 1];
    (void)stir_identity_to_path(segment, dest);
    stir_buf_printf(url, "/cps/%s/ppts", segment);
}

static enum cps_code cps_http_end_path(struct cps_request *out, struct stir_buf *url, struct cps_error *err)
{
    out->path = stir_buf_steal(url, NULL);
    stir_buf_free(url);
    return out->path ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

enum cps_code cps_ask_publish(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                              const char *envelope, size_t len, uint32_t ttl_s, struct cps_error *err)
{
    struct stir_buf url = {0};
    if (len == 0 || len > STIR_JWE_MAX) {
        return cps_fail(err, CPS_E_TOO_BIG, "the envelope has %zu octets; it must have 1 to %d", len, STIR_JWE_MAX);
    }
    cps_http_put_box(&url, dest);
    if (ttl_s) {
        stir_buf_printf(&url, "?ttl=%u", ttl_s);
    }
    *out = (struct cps_request){
        .lane = CPS_LANE_SERVICE,
        .credential = true,
        .action = STIR_TOKEN_PUBLISH,
        .dest = *dest,
        .content_type = "application/passport",
        .accept = "application/problem+json",
        .body_len = len,
        .response_max = 65536,
        .timeout_ms = cps->options.request_timeout_ms,
    };
    enum cps_code code = cps_http_end_path(out, &url, err);
    if (code != CPS_OK) {
        return code;
    }
    /* The caller's envelope is needed only during the call, the request's for as long as it is sent. */
    out->body = malloc(len);
    if (!out->body) {
        free(out->path);
        out->path = NULL;
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    memcpy(out->body, envelope, len);
    return CPS_OK;
}

enum cps_code cps_ask_retrieve(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                               const char *after, uint32_t wait_ms, struct cps_error *err)
{
    struct stir_buf url = {0};
    unsigned wait_s = wait_ms / 1000 + (wait_ms % 1000 ? 1 : 0);
    wait_s = wait_s > WAIT_MAX_S ? WAIT_MAX_S : wait_s;
    cps_http_put_box(&url, dest);
    /* With claims the listing has to say what other hosts took. */
    bool holder = cps->options.holder || cps->options.claim;
    stir_buf_puts(&url, holder ? "?dummies=no" : "");
    if (after && after[0]) {
        stir_buf_puts(&url, holder ? "&after=" : "?after=");
        cps_http_put_escaped(&url, after);
    }
    *out = (struct cps_request){
        .lane = wait_s ? CPS_LANE_WAIT : CPS_LANE_SERVICE,
        .credential = true,
        .action = STIR_TOKEN_RETRIEVE,
        .dest = *dest,
        .accept = "application/json",
        .prefer_wait_s = wait_s,
        .response_max = cps->options.max_response_octets,
        .timeout_ms = cps->options.request_timeout_ms + wait_s * 1000,
    };
    return cps_http_end_path(out, &url, err);
}

/* Makes a DELETE of a box or of an envelope in it; takes over url. */
static enum cps_code cps_http_ask_delete(struct cps_request *out, const struct cps *cps,
                                         const struct stir_identity *dest, struct stir_buf *url, struct cps_error *err)
{
    *out = (struct cps_request){
        .lane = CPS_LANE_SERVICE,
        .method = "DELETE",
        .credential = true,
        .action = STIR_TOKEN_DELETE,
        .dest = *dest,
        .once = true, /* a second server would find gone what the first one has deleted */
        .accept = "application/problem+json",
        .response_max = 65536,
        .timeout_ms = cps->options.request_timeout_ms,
    };
    return cps_http_end_path(out, url, err);
}

enum cps_code cps_ask_remove(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                             const char *id, struct cps_error *err)
{
    struct stir_buf url = {0};
    cps_http_put_box(&url, dest);
    stir_buf_puts(&url, "/");
    cps_http_put_escaped(&url, id);
    stir_buf_puts(&url, "?claim=yes");
    return cps_http_ask_delete(out, cps, dest, &url, err);
}

enum cps_code cps_ask_empty(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                            struct cps_error *err)
{
    struct stir_buf url = {0};
    cps_http_put_box(&url, dest);
    return cps_http_ask_delete(out, cps, dest, &url, err);
}

enum cps_code cps_ask_health(struct cps_request *out, const struct cps *cps, struct cps_error *err)
{
    struct stir_buf url = {0};
    stir_buf_puts(&url, "/health");
    *out = (struct cps_request){
        .lane = CPS_LANE_SERVICE,
        .even_away = true,
        .accept = "application/json",
        .response_max = 65536,
        .timeout_ms = cps->options.request_timeout_ms,
    };
    return cps_http_end_path(out, &url, err);
}

enum cps_code cps_ask_keys(struct cps_request *out, const struct cps *cps, const char *subject,
                           const struct stir_identity *dest, const char *record, size_t len, struct cps_error *err)
{
    struct stir_buf url = {0};
    if (record && (len == 0 || len > STIR_KEYRECORD_MAX)) {
        return cps_fail(err, CPS_E_TOO_BIG, "the key record has %zu octets; it must have 1 to %d", len,
                        STIR_KEYRECORD_MAX);
    }
    stir_buf_puts(&url, "/keys/");
    cps_http_put_escaped(&url, subject);
    *out = (struct cps_request){
        .lane = CPS_LANE_SERVICE,
        .content_type = "application/jwt",
        .accept = record ? "application/problem+json" : "application/json",
        .method = record ? "PUT" : NULL,
        .credential = true,
        .action = record ? STIR_TOKEN_KEYS : STIR_TOKEN_RETRIEVE,
        .body_len = record ? len : 0,
        .response_max = record ? 65536 : RECORDS_OCTETS,
        .timeout_ms = cps->options.request_timeout_ms,
    };
    /* A token for a provider's record names no destination. */
    if (dest) {
        out->dest = *dest;
    }
    enum cps_code code = cps_http_end_path(out, &url, err);
    if (code != CPS_OK || !record) {
        return code;
    }
    out->body = malloc(len);
    if (!out->body) {
        free(out->path);
        out->path = NULL;
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    memcpy(out->body, record, len);
    return CPS_OK;
}

static enum cps_code cps_http_status_code(int status)
{
    switch (status) {
    case 401:
        return CPS_E_UNAUTHORIZED;
    case 403:
        return CPS_E_FORBIDDEN;
    case 408:
        return CPS_E_TIMEOUT;
    case 429:
        return CPS_E_BOX_FULL;
    default:
        if (status >= 500) {
            return CPS_E_UNAVAILABLE;
        }
        return status >= 400 ? CPS_E_REFUSED : CPS_E_PROTOCOL;
    }
}

enum cps_code cps_answer_status(const struct cps_response *response, struct cps_error *err)
{
    json_t *problem = NULL;
    const char *title = NULL;
    const char *detail = NULL;
    if (response->error.code != CPS_OK) {
        if (err) {
            *err = response->error;
        }
        return response->error.code;
    }
    if (response->status >= 200 && response->status < 300) {
        return CPS_OK;
    }
    /* RFC 9457: the problem's title and detail say more than its status. */
    if (response->body.len &&
        stir_json_parse_object(&problem, response->body.ptr, response->body.len, "the problem", NULL) == STIR_OK) {
        title = json_string_value(json_object_get(problem, "title"));
        detail = json_string_value(json_object_get(problem, "detail"));
    }
    enum cps_code code = cps_http_status_code(response->status);
    (void)cps_fail(err, code, "the CPS answered %d%s%.60s%s%.160s", response->status, title ? ": " : "",
                   title ? title : "", detail ? ": " : "", detail ? detail : "");
    if (err) {
        err->http_status = response->status;
        err->retry_after_s = response->retry_after_s;
    }
    json_decref(problem);
    return code;
}

static bool cps_http_is_id(const char *text)
{
    size_t n = 0;
    for (; text[n] && n <= CPS_ID_LEN; n++) {
        char c = text[n];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_')) {
            return false;
        }
    }
    return n == CPS_ID_LEN;
}

static enum cps_code cps_http_read_item(struct cps_envelope *out, const json_t *item, struct cps_error *err)
{
    const json_t *ppt = json_object_get(item, "ppt");
    const json_t *age = json_object_get(item, "age_ms");
    const char *id = json_string_value(json_object_get(item, "id"));
    if (!id || !cps_http_is_id(id) || !json_is_string(ppt) || json_string_length(ppt) == 0 ||
        json_string_length(ppt) > STIR_JWE_MAX) {
        return cps_fail(err, CPS_E_PROTOCOL, "the CPS's listing has an entry without a valid id or ppt");
    }
    memcpy(out->id, id, CPS_ID_LEN + 1);
    out->taken = json_is_true(json_object_get(item, "taken"));
    out->age_ms = json_is_integer(age) && json_integer_value(age) >= 0 ? json_integer_value(age) : -1;
    out->len = json_string_length(ppt);
    out->text = strndup(json_string_value(ppt), out->len);
    return out->text ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

static enum cps_code cps_http_read_listing(struct cps_envelopes *out, const json_t *root, struct cps_error *err)
{
    const json_t *ppts = json_object_get(root, "ppts");
    const char *cursor = json_string_value(json_object_get(root, "cursor"));
    size_t count = json_array_size(ppts);
    if (!json_is_array(ppts) || count > CPS_ENVELOPES_MAX || !cursor || strlen(cursor) > CPS_CURSOR_MAX) {
        return cps_fail(err, CPS_E_PROTOCOL, "the CPS's listing lacks ppts or a valid cursor");
    }
    out->items = calloc(count ? count : 1, sizeof(*out->items));
    out->cursor = strdup(cursor);
    if (!out->items || !out->cursor) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        enum cps_code code = cps_http_read_item(&out->items[i], json_array_get(ppts, i), err);
        if (code != CPS_OK) {
            return code;
        }
    }
    return CPS_OK;
}

enum cps_code cps_answer_listing(struct cps_envelopes *out, const struct cps_response *response, struct cps_error *err)
{
    struct cps_envelopes listing = {0};
    struct stir_error cause = {0};
    json_t *root = NULL;
    enum cps_code code = cps_answer_status(response, err);
    if (code != CPS_OK) {
        return code;
    }
    enum stir_code parsed = stir_json_parse_object(&root, response->body.ptr ? response->body.ptr : "",
                                                   response->body.len, "the CPS's listing", &cause);
    /* A listing is read whole or not at all: its cursor stands for everything in it. */
    if (parsed == STIR_OK) {
        code = cps_http_read_listing(&listing, root, err);
    } else {
        code = parsed == STIR_E_NOMEM ? CPS_E_NOMEM : CPS_E_PROTOCOL;
        (void)cps_fail(err, code, "%s", cause.text);
    }
    json_decref(root);
    if (code != CPS_OK) {
        cps_envelopes_clear(&listing);
        return code;
    }
    *out = listing;
    return CPS_OK;
}
