/* SPDX-License-Identifier: MIT */
#include "common/base/url.h"
#include "cps/auth/auth_internal.h"
#include "cps/http/problem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- what is told to the client ---- */

/* 403: the credential is valid for something else. 503: it cannot be judged now, for example because the certificate's
 * host cannot be reached. 401: it is not valid. */
static int refuse_status(enum stir_code code)
{
    switch (cpsd_status_of(code)) {
    case 403:
        return 403;
    case 503:
        return 503;
    default:
        return 401;
    }
}

/* Writes the WWW-Authenticate field (RFC 6750 section 3). Returns NULL if the answer has none. */
static const char *refuse_challenge(char *out, size_t cap, int status, const char *text)
{
    int n = snprintf(out, cap, "Bearer error=\"%s\", error_description=\"",
                     status == 403 ? "insufficient_scope" : "invalid_token");
    size_t used = n < 0 || (size_t)n >= cap ? cap - 2 : (size_t)n;
    for (; *text && used < cap - 2; text++) {
        bool plain = *text >= ' ' && *text < 0x7f && *text != '"' && *text != '\\'; /* RFC 6750 section 3 */
        out[used++] = plain ? *text : '\'';
    }
    out[used++] = '"';
    out[used] = '\0';
    return status == 503 ? NULL : out;
}

/* ---- what is told to the operator ---- */

/* Returns the label of cpsd_tokens_refused_total for a failure. */
static enum cpsd_token_refused refuse_reason(enum stir_code code)
{
    static const struct {
        enum stir_code code;
        enum cpsd_token_refused reason;
    } reasons[] = {
        {STIR_E_ALG, CPSD_TOKEN_ALG},
        {STIR_E_UNAUTHORIZED, CPSD_TOKEN_AUD},
        {STIR_E_FORBIDDEN, CPSD_TOKEN_ACTION},
        {STIR_E_STALE, CPSD_TOKEN_STALE},
        {STIR_E_FUTURE, CPSD_TOKEN_FUTURE},
        {STIR_E_ORIG_MISMATCH, CPSD_TOKEN_PATH},
        {STIR_E_DEST_MISMATCH, CPSD_TOKEN_PATH},
        {STIR_E_MSGI_MISMATCH, CPSD_TOKEN_DIGEST},
        {STIR_E_X5U, CPSD_TOKEN_X5U},
        {STIR_E_X5U_FETCH, CPSD_TOKEN_FETCH},
        {STIR_E_CONNECT, CPSD_TOKEN_FETCH},
        {STIR_E_TIMEOUT, CPSD_TOKEN_FETCH},
        {STIR_E_CERT, CPSD_TOKEN_CERT},
        {STIR_E_KEY, CPSD_TOKEN_CERT},
        {STIR_E_CERT_TIME, CPSD_TOKEN_CERT},
        {STIR_E_CERT_UNTRUSTED, CPSD_TOKEN_UNTRUSTED},
        {STIR_E_CERT_REVOKED, CPSD_TOKEN_REVOKED},
        {STIR_E_CRL, CPSD_TOKEN_REVOKED},
        {STIR_E_CERT_SCOPE, CPSD_TOKEN_SCOPE},
        {STIR_E_SIGNATURE, CPSD_TOKEN_SIGNATURE},
        {STIR_E_REPLAYED, CPSD_TOKEN_REPLAYED},
        {STIR_E_UNAVAILABLE, CPSD_TOKEN_UNAVAILABLE},
        {STIR_E_NOMEM, CPSD_TOKEN_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].code == code) {
            return reasons[i].reason;
        }
    }
    return CPSD_TOKEN_MALFORMED;
}

/* Returns iss for the log, unless it is a telephone number: those are not logged. */
static const char *refuse_shown_iss(const struct cpsd_auth *auth)
{
    const char *iss = auth && auth->parsed ? auth->token.iss : NULL;
    bool number = iss && strlen(iss) > 6 && strspn(iss, "0123456789*#+") == strlen(iss);
    return number ? "a number" : iss;
}

/* Logs why the credential was refused, with what an operator needs to find its sender. */
static void refuse_log(const struct cpsd_request *request, const struct stir_error *err)
{
    const struct cpsd_auth *auth = request->auth;
    char address[INET6_ADDRSTRLEN] = "", host[256] = "";
    struct stir_url url;
    const char *x5u = auth && auth->parsed ? auth->token.x5u : NULL;
    if (x5u && stir_url_parse(&url, x5u, strlen(x5u), STIR_E_X5U, NULL) == STIR_OK) {
        (void)snprintf(host, sizeof(host), "%.*s", (int)url.host.len, url.host.ptr);
    }
    (void)inet_ntop(AF_INET6, &request->caller.address, address, sizeof(address));
    const struct stir_log_field fields[] = {
        {"reason", cpsd_token_refused_names[refuse_reason(err->code)]},
        {"detail", err->text},
        {"route", request->route ? request->route->pattern : NULL},
        {"client", strcmp(address, "::") == 0 ? NULL : address},
        {"iss", refuse_shown_iss(auth)},
        {"x5u_host", host[0] ? host : NULL},
    };
    stir_log_limited(request->service->log, "credential refused", STIR_LOG_NOTICE, fields,
                     sizeof(fields) / sizeof(fields[0]), "credential refused");
}

/* Returns the seconds for Retry-After; 0: none. A failed fetch is remembered for negative_s seconds, so an earlier
 * attempt would get the same answer. */
static unsigned refuse_retry_after(const struct cpsd_request *request, int status, enum stir_code code)
{
    if (status != 503) {
        return 0;
    }
    return cpsd_cert_host_is_away(code) ? (unsigned)request->service->auth->certs.negative_s : 1;
}

void cpsd_auth_refuse(struct cpsd_request *request, const struct stir_error *err)
{
    char challenge[512];
    int status = refuse_status(err->code);
    cpsd_count(&request->service->metrics->tokens_refused[refuse_reason(err->code)], 1);
    refuse_log(request, err);
    const char *title = stir_strerror(status == 403   ? STIR_E_FORBIDDEN
                                      : status == 503 ? STIR_E_UNAVAILABLE
                                                      : STIR_E_UNAUTHORIZED);
    cpsd_problem_challenge(request, status, title, err->text, refuse_retry_after(request, status, err->code),
                           refuse_challenge(challenge, sizeof(challenge), status, err->text));
}

void cpsd_auth_replayed(struct cpsd_request *request)
{
    struct stir_error err = {0};
    (void)stir_fail(&err, STIR_E_REPLAYED,
                    "the token was used before; make a new one for each request, with a jti of its own");
    cpsd_auth_refuse(request, &err);
}
