/* SPDX-License-Identifier: MIT */
#include "client/lib/net/transport_curl.h"

#include "common/net/https.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum cps_code cps_curl_once(struct cps_error *err)
{
    struct stir_error cause = {0};
    enum stir_code code = stir_https_init(&cause);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

static bool curl_add_fields(struct cps_transfer *transfer)
{
    const struct cps_request *request = &transfer->request;
    char wait[32];
    (void)snprintf(wait, sizeof(wait), "wait=%u", request->prefer_wait_s);
    const struct {
        const char *name, *value; /* NULL: no such field */
    } fields[] = {
        {"Expect", ""},
        {"Accept", request->accept},
        {"Content-Type", request->body ? request->content_type : NULL},
        {"Authorization", request->authorization},
        {"Prefer", request->prefer_wait_s ? wait : NULL},
    };
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].value && !stir_https_add_field(&list, fields[i].name, fields[i].value)) {
            curl_slist_free_all(list);
            return false;
        }
    }
    transfer->headers = list;
    return true;
}

bool cps_curl_prepare(struct cps_transfer *transfer, CURL *easy, const struct cps_transport_config *config)
{
    _Static_assert(sizeof(transfer->error_text) >= CURL_ERROR_SIZE, "libcurl's text does not fit");
    const struct cps_request *request = &transfer->request;
    bool certificate = request->lane == CPS_LANE_CERTIFICATE, list = request->lane == CPS_LANE_LIST;
    assert(!transfer->headers);
    transfer->response.max_age_s = -1;
    if (!curl_add_fields(transfer)) {
        return false;
    }
    /* a host that a PASSporT names is checked, and never gets the credential or a connection that leads to the CPS */
    transfer->public_only = request->public_only || (certificate && !config->x5u_allow_private);
    bool with_credential = !certificate && !list && config->tls_cert_file;
    const struct stir_https_request settings = {
        .url = request->url,
        .method = request->method,
        .body = request->body,
        .body_len = request->body_len,
        .fields = transfer->headers,
        .user_agent = "libcps/" CPS_VERSION,
        .ca_file = certificate ? config->x5u_ca_file
                   : list      ? config->crl_ca_file
                               : config->tls_ca_file,
        .certificate = with_credential ? config->tls_cert_file : NULL,
        .private_key = with_credential ? config->tls_key_file : NULL,
        .answer_max = request->response_max,
        .timeout_ms = transfer->attempt_ms,
        .connect_timeout_ms = config->connect_timeout_ms,
        .own_connection = certificate || list,
        .answer = &transfer->response.body,
        .refused = transfer->public_only ? &transfer->refused : NULL,
        .error_text = transfer->error_text,
        .owner = transfer,
    };
    return stir_https_prepare(easy, &settings);
}

/* Returns the code of a failed transfer. A timeout before the connection was made counts as no connection. */
static enum cps_code curl_code(CURL *easy, CURLcode result)
{
    curl_off_t handshake_us = 0;
    long connects = 1;
    (void)curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    (void)curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
    bool connected = handshake_us > 0 || connects == 0; /* a new connection, or a kept-alive one */
    enum stir_code code = stir_https_code(result);
    if (code == STIR_E_TIMEOUT && !connected) {
        return CPS_E_CONNECT;
    }
    return code == STIR_E_TOO_BIG ? CPS_E_PROTOCOL : cps_of_stir(code);
}

static void curl_fail(struct cps_transfer *transfer, CURL *easy, CURLcode result)
{
    struct cps_error *err = &transfer->response.error;
    const char *text = transfer->error_text[0] ? transfer->error_text : curl_easy_strerror(result);
    if (transfer->refused) {
        (void)cps_fail(err, CPS_E_X5U, "the host's address is not one of the public Internet");
    } else if (stir_https_code(result) == STIR_E_TOO_BIG) {
        (void)cps_fail(err, CPS_E_PROTOCOL, "the answer is larger than %zu octets", transfer->request.response_max);
    } else {
        (void)cps_fail(err, curl_code(easy, result), "%s", text);
    }
}

void cps_curl_conclude(struct cps_transfer *transfer, CURL *easy, CURLcode result)
{
    struct cps_response *response = &transfer->response;
    struct stir_https_answer answer;
    if (result != CURLE_OK) {
        curl_fail(transfer, easy, result);
        return;
    }
    stir_https_read_answer(easy, &answer);
    response->status = answer.status;
    response->error.http_status = answer.status;
    response->retry_after_s = (unsigned)answer.retry_after_s;
    response->max_age_s = answer.max_age_s;
    _Static_assert(sizeof(response->content_type) == sizeof(answer.content_type), "one is cut");
    memcpy(response->content_type, answer.content_type, sizeof(answer.content_type));
    const char *location = stir_https_field(easy, "Location");
    if (location && strlen(location) < sizeof(response->location)) {
        memcpy(response->location, location, strlen(location) + 1);
        cps_tame(response->location);
    }
}
