/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"
#include "cps/base/mailbox.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * HTTPS requests that the server itself makes: for certificates, revocation lists, and PASSporTs that are forwarded to
 * peers. One thread runs them all, so that no worker's loop waits for name resolution or for another server.
 *
 * A URL can come from a stranger's token (x5u). common/net/https.h says what keeps it from being used against the
 * server's own network; with `public_only`, connections to addresses of special purpose are refused
 * (common/net/public_address.h), and kept-alive connections are not shared with other requests.
 */
struct cpsd_fetcher;
struct cpsd_fetch;

#define CPSD_FETCH_FIELDS 4

/* Each queue has transfers of its own, so that strangers who make this server fetch certificates do not delay other
 * requests. In each queue, a host has a share of the transfers and of the places to wait. */
enum cpsd_fetch_queue {
    CPSD_FETCH_CERTS,       /* certificates at URLs that a stranger may have chosen */
    CPSD_FETCH_KNOWN_CERTS, /* certificates at URLs whose certificate was good before */
    CPSD_FETCH_LISTS,       /* revocation lists, and lists of roots */
    CPSD_FETCH_PEERS,       /* PASSporTs that are forwarded */
    CPSD_FETCH_QUEUES,
};

struct cpsd_fetch_request {
    enum cpsd_fetch_queue queue;
    const char *url;                       /* https */
    const char *method;                    /* NULL: GET, or POST with a body */
    const char *fields[CPSD_FETCH_FIELDS]; /* like "Content-Type: application/json"; up to the first NULL */
    struct stir_view body;
    size_t max_bytes;    /* of the answer's body; a larger one is STIR_E_TOO_BIG */
    unsigned timeout_ms; /* for the transfer, from its start; also the longest time that it waits to be started */
    bool public_only;    /* refuse addresses of special purpose with STIR_E_X5U */
    const char *ca_file; /* authorities for the host's certificate, PEM; NULL or "": the system's */
};

struct cpsd_fetch_result {
    struct stir_error error; /* code STIR_OK: there was an answer, of any status. STIR_E_X5U (the address is not
                                allowed), STIR_E_CONNECT, STIR_E_TLS, STIR_E_TIMEOUT, STIR_E_TOO_BIG, STIR_E_PROTOCOL,
                                STIR_E_NOMEM, STIR_E_UNAVAILABLE (not started in time, or the fetcher stops). The text
                                is for the operator only: it has names and addresses of the own network */
    bool connected;          /* a TCP connection to the host was made */
    int status;
    struct stir_view body;
    const char *content_type; /* without parameters, in lower case; "": not said */
    int64_t max_age_s;        /* how long it may be kept (Cache-Control, Age); -1: not said */
    int64_t retry_after_s;    /* 0: not said */
};

/* Called once; the result is valid during the call. */
typedef void cpsd_fetch_done(void *arg, const struct cpsd_fetch_result *result);

/* Starts the thread; one per process. at_once is the number of transfers of CPSD_FETCH_CERTS that run at the same time,
 * an eighth of them to one host; 16 times that number may wait, a quarter of them for one host. The sizes of the other
 * queues are computed from it (fetch_queue.c). STIR_E_NOMEM, STIR_E_UNAVAILABLE (libcurl cannot be initialized). */
enum stir_code cpsd_fetcher_new(struct cpsd_fetcher **out, unsigned at_once, struct stir_error *err) STIR_MUST_CHECK;

/* Ends all requests with STIR_E_UNAVAILABLE and joins the thread. Requests with a mailbox must be cancelled before. */
void cpsd_fetcher_free(struct cpsd_fetcher *fetcher);

/*
 * Begins a request; everything in it is copied. `done` is called on the mailbox's loop, or with mailbox NULL on the
 * fetcher's thread, where it must not block and may call cpsd_fetch. *out (out may be NULL) can be given to
 * cpsd_fetch_cancel until done is called. STIR_E_NOMEM, STIR_E_UNAVAILABLE (too many requests are waiting, in all or
 * for this host); then done is not called. Any thread.
 */
enum stir_code cpsd_fetch(struct cpsd_fetch **out, struct cpsd_fetcher *fetcher, struct cpsd_mailbox *mailbox,
                          const struct cpsd_fetch_request *request, cpsd_fetch_done *done, void *arg,
                          struct stir_error *err) STIR_MUST_CHECK;

/* Cancels a request before its `done` was called: it will not be called. On the mailbox's loop; not for requests
 * without a mailbox. */
void cpsd_fetch_cancel(struct cpsd_fetch *fetch);
