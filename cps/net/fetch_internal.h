/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/net/https.h"
#include "cps/net/fetch.h"

/* One request: shared by fetch.c, which runs it, and fetch_queue.c, where it waits. */
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
    /* the transfer: used by the fetcher's thread only */
    CURL *easy;
    struct stir_buf in;
    size_t head_octets;
    bool refused; /* the host's address is not a public one */
    char error_text[CURL_ERROR_SIZE];
    struct stir_https_answer answer;
    struct cpsd_fetch_result result;
    struct cpsd_fetch *next, **link; /* in the list of its host's waiting requests, or in that of the active ones */
    /* protected by the fetcher's lock */
    struct cpsd_fetch_host *host; /* while it waits or is being transferred */
    uint64_t late_ns;             /* when it has waited too long: uv_hrtime */
    bool waiting;                 /* in a queue */
    bool finished;                /* has its result */
    bool abandoned;               /* cancelled while it was being transferred */
};
