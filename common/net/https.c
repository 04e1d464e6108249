/* SPDX-License-Identifier: MIT */
#include "common/net/https.h"

#include "common/base/http_field.h"
#include "common/net/public_address.h"
#include "common/net/tls_policy.h"

#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#define CACHE_CONTROL_LINES 16 /* lines of Cache-Control that are read */

static pthread_once_t https_once = PTHREAD_ONCE_INIT;
static CURLcode https_once_result;

static void https_init_once(void)
{
    https_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum stir_code stir_https_init(struct stir_error *err)
{
    (void)pthread_once(&https_once, https_init_once);
    if (https_once_result != CURLE_OK) {
        return stir_fail(err, STIR_E_UNAVAILABLE, "cannot initialize libcurl: %s",
                         curl_easy_strerror(https_once_result));
    }
    return STIR_OK;
}

bool stir_https_add_field(struct curl_slist **fields, const char *name, const char *value)
{
    struct stir_buf line = {0};
    stir_buf_printf(&line, "%s:%s%s", name, *value ? " " : "", value);
    struct curl_slist *longer = stir_buf_state(&line) == STIR_OK ? curl_slist_append(*fields, line.ptr) : NULL;
    stir_buf_cleanse(&line); /* it may be an Authorization */
    if (!longer) {
        return false;
    }
    *fields = longer;
    return true;
}

/* ---- callbacks of a transfer ---- */

static bool https_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        return stir_address_is_public((const uint8_t *)&in->sin_addr, 4);
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    return address->sa_family == AF_INET6 && stir_address_is_public(in6->sin6_addr.s6_addr, 16);
}

/* Opens the socket of a connection, unless its address may not be connected to. */
static curl_socket_t https_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    bool *refused = arg;
    if (purpose != CURLSOCKTYPE_IPCXN) {
        return CURL_SOCKET_BAD;
    }
    if (refused && !https_is_public(&address->addr)) {
        *refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t https_take_body(char *data, size_t size, size_t count, void *arg)
{
    struct stir_buf *answer = arg;
    stir_buf_put(answer, data, size * count);
    return answer->failed ? 0 : size * count; /* 0 ends the transfer with CURLE_WRITE_ERROR */
}

static size_t https_count_head(char *data, size_t size, size_t count, void *arg)
{
    size_t *octets = arg;
    (void)data;
    *octets += size * count;
    return *octets > STIR_HTTPS_HEAD_MAX ? 0 : size * count;
}

/* ---- settings ---- */

/* What holds for every request, whatever it is for. */
static bool https_set_policy(CURL *easy)
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
    return good;
}

static bool https_set_request(CURL *easy, const struct stir_https_request *request)
{
    bool good = curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_USERAGENT, request->user_agent) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->fields) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PRIVATE, request->owner) == CURLE_OK;
    if (request->body) {
        good &= curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) == CURLE_OK;
    }
    if (request->method) {
        good &= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    }
    return good;
}

/* Sets how long the transfer may take, how large the answer may be, and where it is written. */
static bool https_set_bounds(CURL *easy, const struct stir_https_request *request)
{
    request->answer->limit = request->answer_max;
    bool good = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->answer_max) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, https_take_body) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, request->answer) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error_text) == CURLE_OK;
    if (request->head_octets) {
        good &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, https_count_head) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, request->head_octets) == CURLE_OK;
    }
    return good;
}

/* Sets whom to trust, as whom to appear, and which connections may be used. */
static bool https_set_peer(CURL *easy, const struct stir_https_request *request)
{
    bool good = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, https_open_socket) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request->refused) == CURLE_OK;
    if (request->ca_file) {
        good &= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (request->certificate) {
        good &= curl_easy_setopt(easy, CURLOPT_SSLCERT, request->certificate) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_SSLKEY, request->private_key) == CURLE_OK;
    }
    /* addresses are checked when a connection is made: do not use one that was made under other rules */
    if (request->own_connection) {
        good &= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
    }
    return good;
}

bool stir_https_prepare(CURL *easy, const struct stir_https_request *request)
{
    assert(request->url && request->answer && request->error_text);
    return https_set_policy(easy) && https_set_request(easy, request) && https_set_bounds(easy, request) &&
           https_set_peer(easy, request);
}

/* ---- the result ---- */

enum stir_code stir_https_code(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return STIR_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return STIR_E_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return STIR_E_TLS;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PARTIAL_FILE:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP_RETURNED_ERROR:
        return STIR_E_PROTOCOL;
    case CURLE_WRITE_ERROR: /* a callback refused data */
    case CURLE_FILESIZE_EXCEEDED:
        return STIR_E_TOO_BIG;
    case CURLE_OUT_OF_MEMORY:
        return STIR_E_NOMEM;
    default:
        return STIR_E_CONNECT;
    }
}

bool stir_https_connected(CURL *easy)
{
    curl_off_t connect_us = 0, ready_us = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_us); /* 0 on a kept-alive connection */
    (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return connect_us > 0 || ready_us > 0;
}

const char *stir_https_field(CURL *easy, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* Returns the number of seconds that a field holds, or -1 without the field or a valid number. */
static int64_t https_seconds(CURL *easy, const char *name)
{
    const char *value = stir_https_field(easy, name);
    return value ? stir_header_seconds(value, strlen(value)) : -1;
}

/* Returns the shortest max-age of all Cache-Control lines, less the Age (RFC 9111 section 4.2.3); -1 without one. */
static int64_t https_max_age(CURL *easy)
{
    struct curl_header *header;
    int64_t age_s = https_seconds(easy, "Age");
    int64_t least_s = -1;
    size_t lines = 1;
    for (size_t i = 0; i < lines && i < CACHE_CONTROL_LINES; i++) {
        if (curl_easy_header(easy, "Cache-Control", i, CURLH_HEADER, -1, &header) != CURLHE_OK) {
            break;
        }
        lines = header->amount;
        int64_t seconds = stir_max_age(header->value, strlen(header->value), age_s > 0 ? age_s : 0);
        if (seconds >= 0 && (least_s < 0 || seconds < least_s)) {
            least_s = seconds;
        }
    }
    return least_s;
}

void stir_https_read_answer(CURL *easy, struct stir_https_answer *out)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    int64_t retry_s = https_seconds(easy, "Retry-After");
    *out = (struct stir_https_answer){.status = (int)status,
                                      .max_age_s = https_max_age(easy),
                                      .retry_after_s = retry_s > 0 ? retry_s : 0};
    const char *type = stir_https_field(easy, "Content-Type");
    if (type) {
        stir_content_type(out->content_type, sizeof(out->content_type), type);
    }
}
