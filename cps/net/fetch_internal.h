#pragma once

#include "common/base/buf.h"
#include "cps/net/fetch.h"

#include <curl/curl.h>

/* Between fetch.c, the thread, and fetch_curl.c, which knows libcurl's settings. */
struct cpsd_fetch {
    struct cpsd_notice notice; /* first: a notice is its fetch */
    struct cpsd_fetcher *fetcher;
    struct cpsd_mailbox *mailbox;
    cpsd_fetch_done *done;
    void *arg;
    /* the request, copied */
    char *url, *method, *ca_file, *body;
    size_t body_len, max_bytes;
    struct curl_slist *headers;
    bool public_only;
    unsigned timeout_ms;
    enum cpsd_fetch_queue queue;
    /* under way: the fetcher's thread's own */
    CURL *easy;
    struct stir_buf in;
    size_t head_bytes;
    bool refused; /* an address was */
    char curl_said[CURL_ERROR_SIZE];
    char content_type[64];
    struct cpsd_fetch_result result;
    struct cpsd_fetch *next, **link; /* of its host's that wait, or among the active */
    /* under the fetcher's lock */
    struct cpsd_fetch_host *host; /* while it waits or is being transferred */
    uint64_t late_ns;             /* when it has waited too long for its turn: uv_hrtime */
    bool waiting, finished, abandoned;
};

/* Initializes libcurl once in the process. STIR_E_CONFIG. */
enum stir_code cpsd_curl_once(struct stir_error *err) STIR_MUST_CHECK;

/* Copies headers and body. False: out of memory. */
bool cpsd_curl_copy(struct cpsd_fetch *fetch, const struct cpsd_fetch_request *request);

/* Sets the easy handle up. False: out of memory, or libcurl lacks what is needed. */
bool cpsd_curl_prepare(struct cpsd_fetch *fetch);

/* Fills the result. */
void cpsd_curl_conclude(struct cpsd_fetch *fetch, CURLcode result);
