#include "cps/net/fetch_internal.h"

#include "common/base/http_field.h"
#include "common/net/public_address.h"
#include "common/net/tls_policy.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_MAX 32768 /* octets of an answer's head */

static uv_once_t curl_once = UV_ONCE_INIT;
static CURLcode curl_once_result;

static void global_init(void)
{
    curl_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum stir_code cpsd_curl_once(struct stir_error *err)
{
    uv_once(&curl_once, global_init);
    return curl_once_result == CURLE_OK
               ? STIR_OK
               : stir_fail(err, STIR_E_CONFIG, "libcurl: %s", curl_easy_strerror(curl_once_result));
}

bool cpsd_curl_copy(struct cpsd_fetch *fetch, const struct cpsd_fetch_request *request)
{
    fetch->url = strdup(request->url);
    fetch->method = request->method ? strdup(request->method) : NULL;
    fetch->ca_file = request->ca_file && request->ca_file[0] ? strdup(request->ca_file) : NULL;
    fetch->body = request->body.len ? malloc(request->body.len) : NULL;
    bool good = fetch->url && (fetch->method || !request->method) &&
                (fetch->ca_file || !request->ca_file || !request->ca_file[0]) && (fetch->body || !request->body.len);
    if (good && request->body.len) {
        memcpy(fetch->body, request->body.ptr, request->body.len);
        fetch->body_len = request->body.len;
    }
    fetch->headers = curl_slist_append(NULL, "Expect:");
    good = good && fetch->headers;
    for (size_t i = 0; good && i < CPSD_FETCH_FIELDS && request->fields[i]; i++) {
        good = curl_slist_append(fetch->headers, request->fields[i]) != NULL;
    }
    return good;
}

static bool is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        return stir_address_is_public((const uint8_t *)&in->sin_addr, 4);
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    return address->sa_family == AF_INET6 && stir_address_is_public(in6->sin6_addr.s6_addr, 16);
}

/* Judges the very address that is connected to, after resolution. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct cpsd_fetch *fetch = arg;
    if (purpose != CURLSOCKTYPE_IPCXN) {
        return CURL_SOCKET_BAD;
    }
    if (fetch->public_only && !is_public(&address->addr)) {
        fetch->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct cpsd_fetch *fetch = arg;
    stir_buf_put(&fetch->in, data, size * count);
    return fetch->in.failed ? 0 : size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    struct cpsd_fetch *fetch = arg;
    (void)data;
    fetch->head_bytes += size * count;
    return fetch->head_bytes > HEAD_MAX ? 0 : size * count;
}

static bool set_request(const struct cpsd_fetch *fetch, CURL *easy)
{
    bool good = curl_easy_setopt(easy, CURLOPT_URL, fetch->url) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers) == CURLE_OK;
    if (fetch->body) {
        good &= curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, fetch->body) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body_len) == CURLE_OK;
    }
    if (fetch->method) {
        good &= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, fetch->method) == CURLE_OK;
    }
    return good;
}

/* What an answer may be, and where it goes. */
static bool set_limits(struct cpsd_fetch *fetch, CURL *easy)
{
    fetch->in.limit = fetch->max_bytes;
    bool good = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)fetch->timeout_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->timeout_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->max_bytes) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->curl_said) == CURLE_OK;
    return good;
}

static bool set_security(struct cpsd_fetch *fetch, CURL *easy)
{
    bool good = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSL_EC_CURVES, stir_tls_groups()) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "cpsd/" CPS_VERSION) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch) == CURLE_OK;
    if (fetch->ca_file) {
        good &= curl_easy_setopt(easy, CURLOPT_CAINFO, fetch->ca_file) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (fetch->public_only) {
        /* addresses are judged when a connection is made: never one that was made under other rules */
        good &= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
    }
    return good;
}

bool cpsd_curl_prepare(struct cpsd_fetch *fetch)
{
    return set_request(fetch, fetch->easy) && set_limits(fetch, fetch->easy) && set_security(fetch, fetch->easy);
}

static enum stir_code code_of(CURLcode result)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return STIR_E_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return STIR_E_TLS;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP_RETURNED_ERROR:
        return STIR_E_PROTOCOL;
    case CURLE_OUT_OF_MEMORY:
        return STIR_E_NOMEM;
    default:
        return STIR_E_CONNECT;
    }
}

static void conclude_failure(struct cpsd_fetch *fetch, CURLcode result)
{
    struct stir_error *err = &fetch->result.error;
    if (fetch->refused) {
        (void)stir_fail(err, STIR_E_X5U, "the host's address is not one of the public Internet");
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        (void)stir_fail(err, STIR_E_TIMEOUT, "no complete answer in time: %s", fetch->curl_said);
    } else if (result == CURLE_WRITE_ERROR || result == CURLE_FILESIZE_EXCEEDED) {
        (void)stir_fail(err, STIR_E_TOO_BIG, "the answer is larger than %zu octets", fetch->max_bytes);
    } else {
        (void)stir_fail(err, code_of(result), "%s",
                        fetch->curl_said[0] ? fetch->curl_said : curl_easy_strerror(result));
    }
}

static int64_t seconds_of(CURL *easy, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return -1;
    }
    return stir_header_seconds(header->value, strlen(header->value));
}

static int64_t max_age_of(CURL *easy)
{
    struct curl_header *header;
    int64_t age = seconds_of(easy, "Age");
    int64_t least = -1;
    size_t lines = 1;
    for (size_t i = 0; i < lines && i < 16; i++) {
        if (curl_easy_header(easy, "Cache-Control", i, CURLH_HEADER, -1, &header) != CURLHE_OK) {
            break;
        }
        lines = header->amount;
        int64_t seconds = stir_max_age(header->value, strlen(header->value), age > 0 ? age : 0);
        if (seconds >= 0 && (least < 0 || seconds < least)) {
            least = seconds;
        }
    }
    return least;
}

void cpsd_curl_conclude(struct cpsd_fetch *fetch, CURLcode result)
{
    curl_off_t connect_us = 0, ready_us = 0; /* the former is 0 on a connection that is used again */
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    fetch->result.connected = connect_us > 0 || ready_us > 0;
    if (result != CURLE_OK) {
        conclude_failure(fetch, result);
        return;
    }
    long status = 0;
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    int64_t retry = seconds_of(fetch->easy, "Retry-After");
    fetch->result.status = (int)status;
    fetch->result.body = stir_view(fetch->in.ptr ? fetch->in.ptr : "", fetch->in.len);
    struct curl_header *type;
    if (curl_easy_header(fetch->easy, "Content-Type", 0, CURLH_HEADER, -1, &type) == CURLHE_OK) {
        stir_content_type(fetch->content_type, sizeof(fetch->content_type), type->value);
    }
    fetch->result.max_age_s = max_age_of(fetch->easy);
    fetch->result.retry_after_s = retry > 0 ? retry : 0;
}
