#include "client/lib/net/transport_curl.h"

#include "common/base/http_field.h"
#include "common/net/public_address.h"
#include "common/net/tls_policy.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_once_result;

static void global_init(void)
{
    curl_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum cps_code cps_curl_once(struct cps_error *err)
{
    pthread_once(&curl_once, global_init);
    if (curl_once_result != CURLE_OK) {
        return cps_fail(err, CPS_E_UNAVAILABLE, "libcurl: %s", curl_easy_strerror(curl_once_result));
    }
    return CPS_OK;
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

/* The check is made on the very address that is connected to, after resolution: a name that resolves differently each
 * time cannot slip through. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct cps_transfer *transfer = arg;
    if (purpose != CURLSOCKTYPE_IPCXN) {
        return CURL_SOCKET_BAD;
    }
    if (transfer->public_only && !is_public(&address->addr)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct cps_transfer *transfer = arg;
    stir_buf_put(&transfer->response.body, data, size * count);
    return transfer->response.body.failed ? 0 : size * count;
}

/* One header line as libcurl passes it. Values that matter later (Cache-Control, Age) are read through curl_easy_header
 * at the end, when all lines are known. */
static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    static const char location[] = "location:";
    struct cps_response *response = &((struct cps_transfer *)arg)->response;
    size_t n = size * count;
    const size_t name = sizeof(location) - 1;
    if (n > name && strncasecmp(data, location, name) == 0) {
        size_t from = name;
        size_t to = n;
        while (from < to && (data[from] == ' ' || data[from] == '\t')) {
            from++;
        }
        while (to > from && (data[to - 1] == '\r' || data[to - 1] == '\n' || data[to - 1] == ' ')) {
            to--;
        }
        if (to - from < sizeof(response->location) && !memchr(data + from, '\0', to - from)) {
            memcpy(response->location, data + from, to - from);
            response->location[to - from] = '\0';
            cps_tame(response->location);
        }
    }
    return n;
}

static bool add_header(struct cps_transfer *transfer, const char *name, const char *value)
{
    struct stir_buf line = {0};
    if (!value) {
        return true;
    }
    stir_buf_puts(&line, name);
    stir_buf_puts(&line, value);
    struct curl_slist *longer =
        stir_buf_state(&line) == STIR_OK ? curl_slist_append(transfer->headers, line.ptr) : NULL;
    stir_buf_free(&line);
    if (!longer) {
        return false;
    }
    transfer->headers = longer;
    return true;
}

static bool add_headers(struct cps_transfer *transfer)
{
    const struct cps_request *request = &transfer->request;
    char wait[32];
    (void)snprintf(wait, sizeof(wait), "wait=%u", request->prefer_wait_s);
    return add_header(transfer, "Expect:", "") && add_header(transfer, "Accept: ", request->accept) &&
           add_header(transfer, "Content-Type: ", request->body ? request->content_type : NULL) &&
           add_header(transfer, "Authorization: ", request->authorization) &&
           add_header(transfer, "Prefer: ", request->prefer_wait_s ? wait : NULL);
}

/* What every transfer has, whoever it is for. */
static bool set_common(struct cps_transfer *transfer, CURL *easy, const struct cps_transport_config *config)
{
    const struct cps_request *request = &transfer->request;
    bool good = true;
    good &= curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSL_EC_CURVES, stir_tls_groups()) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "libcps/" CPS_VERSION) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->attempt_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->response_max) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error_text) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK;
    if (request->method) {
        good &= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    }
    if (request->body) {
        good &= curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) == CURLE_OK;
    }
    return good;
}

/* Whom to believe and as whom to appear. */
static bool set_trust(struct cps_transfer *transfer, CURL *easy, const struct cps_transport_config *config)
{
    bool certificate = transfer->request.lane == CPS_LANE_CERTIFICATE;
    bool list = transfer->request.lane == CPS_LANE_LIST;
    const char *ca_file = certificate ? config->x5u_ca_file : list ? config->crl_ca_file : config->tls_ca_file;
    bool good = true;
    if (ca_file) {
        good &= curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (certificate || list) {
        /* never the connection that leads to the CPS: the address filter looks at new ones only */
        good &= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
    } else if (config->tls_cert_file) {
        good &= curl_easy_setopt(easy, CURLOPT_SSLCERT, config->tls_cert_file) == CURLE_OK;
        good &= curl_easy_setopt(easy, CURLOPT_SSLKEY, config->tls_key_file) == CURLE_OK;
    }
    transfer->public_only = transfer->request.public_only || (certificate && !config->x5u_allow_private);
    return good;
}

bool cps_curl_prepare(struct cps_transfer *transfer, CURL *easy, const struct cps_transport_config *config)
{
    transfer->response.max_age_s = -1;
    transfer->response.body.limit = transfer->request.response_max;
    return set_common(transfer, easy, config) && set_trust(transfer, easy, config) && add_headers(transfer) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, (struct curl_slist *)transfer->headers) == CURLE_OK;
}

static enum cps_code code_of(CURLcode result, bool connected)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return connected ? CPS_E_TIMEOUT : CPS_E_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return CPS_E_TLS;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_PARTIAL_FILE:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP_RETURNED_ERROR:
        return CPS_E_PROTOCOL;
    case CURLE_OUT_OF_MEMORY:
        return CPS_E_NOMEM;
    default:
        return CPS_E_CONNECT;
    }
}

static void fail_transfer(struct cps_transfer *transfer, CURL *easy, CURLcode result)
{
    struct cps_error *err = &transfer->response.error;
    curl_off_t handshake = 0;
    long connects = 1;
    (void)curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
    (void)curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
    const char *said = transfer->error_text[0] ? transfer->error_text : curl_easy_strerror(result);
    if (transfer->refused) {
        (void)cps_fail(err, CPS_E_X5U, "the host's address is not one of the public Internet");
    } else if (result == CURLE_WRITE_ERROR || result == CURLE_FILESIZE_EXCEEDED) {
        (void)cps_fail(err, CPS_E_PROTOCOL, "the answer is larger than %zu octets", transfer->request.response_max);
    } else {
        (void)cps_fail(err, code_of(result, handshake > 0 || connects == 0), "%s", said);
    }
}

static void read_headers(struct cps_response *response, CURL *easy)
{
    struct curl_header *header;
    int64_t age = 0;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        int64_t seconds = stir_header_seconds(header->value, strlen(header->value));
        response->retry_after_s = seconds > 0 ? (unsigned)seconds : 0;
    }
    if (curl_easy_header(easy, "Age", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        age = stir_header_seconds(header->value, strlen(header->value));
        age = age > 0 ? age : 0;
    }
    if (curl_easy_header(easy, "Content-Type", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        stir_content_type(response->content_type, sizeof(response->content_type), header->value);
    }
    size_t lines = 1;
    for (size_t i = 0; i < lines && i < 16; i++) {
        if (curl_easy_header(easy, "Cache-Control", i, CURLH_HEADER, -1, &header) != CURLHE_OK) {
            break;
        }
        lines = header->amount;
        int64_t seconds = stir_max_age(header->value, strlen(header->value), age);
        if (seconds >= 0 && (response->max_age_s < 0 || seconds < response->max_age_s)) {
            response->max_age_s = seconds;
        }
    }
}

void cps_curl_conclude(struct cps_transfer *transfer, CURL *easy, CURLcode result)
{
    struct cps_response *response = &transfer->response;
    long status = 0;
    if (result != CURLE_OK) {
        fail_transfer(transfer, easy, result);
        return;
    }
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    response->error.http_status = (int)status;
    read_headers(response, easy);
}
