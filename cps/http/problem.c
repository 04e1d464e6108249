/* SPDX-License-Identifier: MIT */
#include "cps/http/problem.h"

#include "common/jose/json.h"
#include "cps/http/route.h"

#include <stdio.h>

int cpsd_status_of(enum stir_code code)
{
    switch (code) {
    case STIR_OK:
        return 200;
    case STIR_E_INVAL:
    case STIR_E_USAGE:
    case STIR_E_UTF8:
    case STIR_E_TN:
    case STIR_E_URI:
        return 400;
    case STIR_E_TOO_BIG:
        return 413;
    case STIR_E_NOT_FOUND:
        return 404;
    case STIR_E_BASE64:
    case STIR_E_JSON:
    case STIR_E_KEY:
    case STIR_E_ALG:
    case STIR_E_CRIT:
    case STIR_E_JWE:
        return 422;
    case STIR_E_UNAUTHORIZED:
    case STIR_E_JWS:
    case STIR_E_SIGNATURE:
    case STIR_E_STALE:
    case STIR_E_FUTURE:
    case STIR_E_REPLAYED:
    case STIR_E_CERT:
    case STIR_E_CERT_TIME:
    case STIR_E_CERT_UNTRUSTED:
    case STIR_E_CERT_REVOKED:
    case STIR_E_CRL:
    case STIR_E_X5U:
    case STIR_E_X5U_FETCH:
        return 401;
    case STIR_E_FORBIDDEN:
    case STIR_E_CERT_SCOPE:
    case STIR_E_CERT_CONSTRAINT:
    case STIR_E_ORIG_MISMATCH:
    case STIR_E_DEST_MISMATCH:
        return 403;
    case STIR_E_BOX_FULL:
        return 429;
    case STIR_E_UNAVAILABLE:
    case STIR_E_CONNECT:
    case STIR_E_TIMEOUT:
    case STIR_E_NOMEM:
        return 503;
    case STIR_E_CRYPTO:
    case STIR_E_IO:
    case STIR_E_CONFIG:
    case STIR_E_DECRYPT:
    case STIR_E_PLAINTEXT:
    case STIR_E_PASSPORT:
    case STIR_E_PPT:
    case STIR_E_MSGI:
    case STIR_E_MSGI_MISMATCH:
    case STIR_E_NO_PASSPORT:
    case STIR_E_TLS:
    case STIR_E_PROTOCOL:
    case STIR_E_REFUSED:
    case STIR_CODE_COUNT:
        break;
    }
    return 500;
}

static void problem_put_body(struct stir_buf *out, int status, const char *title, const char *detail, bool atis)
{
    stir_buf_puts(out, "{\"status\":");
    stir_buf_printf(out, "%d,\"title\":", status);
    stir_json_quote(out, title, strlen(title));
    if (atis) {
        stir_buf_puts(out, ",\"error\":");
        stir_json_quote(out, title, strlen(title));
    }
    if (detail && *detail) {
        stir_buf_puts(out, ",\"detail\":");
        stir_json_quote(out, detail, strlen(detail));
    }
    stir_buf_puts(out, "}");
}

void cpsd_problem_body(struct stir_buf *out, int status, const char *title, const char *detail)
{
    problem_put_body(out, status, title, detail, true);
}

/* Returns true for the ATIS interface, where ATIS-1000096 demands a member "error". The path is read only if no route
 * was found: later it may be gone. */
static bool problem_is_atis(const struct cpsd_request *request)
{
    static const char prefix[] = "/passports/";
    const size_t n = sizeof(prefix) - 1;
    if (request->route) {
        return strncmp(request->route->pattern, prefix, n) == 0;
    }
    return request->path.len >= n && memcmp(request->path.ptr, prefix, n) == 0;
}

void cpsd_problem_put(struct stir_buf *out, const struct cpsd_request *request, int status, const char *title,
                      const char *detail)
{
    problem_put_body(out, status, title, detail, problem_is_atis(request));
}

static void problem_respond(struct cpsd_request *request, int status, const char *title, const char *detail,
                            unsigned retry_after_s, const char *allow, const char *challenge)
{
    char retry[16];
    struct stir_buf body = {.limit = 2048};
    problem_put_body(&body, status, title, detail, problem_is_atis(request));
    struct cpsd_response response = {.status = status, .content_type = "application/problem+json"};
    response.body = stir_view(body.ptr, body.len);
    if (retry_after_s) {
        (void)snprintf(retry, sizeof(retry), "%u", retry_after_s);
        cpsd_response_field(&response, "Retry-After", retry);
    }
    if (allow) {
        cpsd_response_field(&response, "Allow", allow);
    }
    if (challenge) {
        cpsd_response_field(&response, "WWW-Authenticate", challenge);
    }
    cpsd_respond(request, &response);
    stir_buf_free(&body);
}

void cpsd_problem(struct cpsd_request *request, int status, const char *title, const char *detail,
                  unsigned retry_after_s, const char *allow)
{
    problem_respond(request, status, title, detail, retry_after_s, allow, status == 401 ? "Bearer" : NULL);
}

void cpsd_problem_challenge(struct cpsd_request *request, int status, const char *title, const char *detail,
                            unsigned retry_after_s, const char *challenge)
{
    problem_respond(request, status, title, detail, retry_after_s, NULL, challenge);
}

void cpsd_problem_error(struct cpsd_request *request, const struct stir_error *err)
{
    int status = cpsd_status_of(err->code);
    cpsd_problem(request, status, stir_strerror(err->code), err->text, status == 503 ? 1 : 0, NULL);
}
