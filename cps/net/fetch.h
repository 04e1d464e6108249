#pragma once

#include "common/base/error.h"
#include "common/base/view.h"
#include "cps/base/mailbox.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * HTTPS requests that the server itself makes: certificates, revocation lists, PASSporTs handed on to peers. One thread
 * drives them all, so that no worker's loop ever waits for a name to be resolved or a server to answer.
 *
 * What an URL comes from a stranger's token may not be turned against the server's own network: https only, verified
 * TLS 1.2 or later, no redirect, no proxy, no kept-alive connection between those of different rules, and with
 * `public_only` no address of special purpose (common/net/public_address.h). The address is judged where it is
 * connected to, after resolution: a name that resolves differently each time does not slip through.
 */
struct cpsd_fetcher;
struct cpsd_fetch;

#define CPSD_FETCH_FIELDS 4

/* Each has transfers of its own, so that strangers who make this server fetch certificates delay nothing else. In each,
 * a host has a share of the transfers and of the places to wait. */
enum cpsd_fetch_queue {
    CPSD_FETCH_CERTS,       /* of URLs that a stranger may have chosen */
    CPSD_FETCH_KNOWN_CERTS, /* of URLs whose certificate was good before */
    CPSD_FETCH_LISTS,       /* revocation lists, and lists of roots */
    CPSD_FETCH_PEERS,       /* PASSporTs that are handed on */
    CPSD_FETCH_QUEUES,
};

struct cpsd_fetch_request {
    enum cpsd_fetch_queue queue;
    const char *url;                       /* https */
    const char *method;                    /* NULL: GET, or POST with a body */
    const char *fields[CPSD_FETCH_FIELDS]; /* "Content-Type: application/json"; up to the first NULL */
    struct stir_view body;
    size_t max_bytes;    /* of the answer's body; beyond it STIR_E_TOO_BIG */
    unsigned timeout_ms; /* for the transfer, from its start on; it waits for its turn no longer than that either */
    bool public_only;    /* refuse addresses of special purpose: STIR_E_X5U */
    const char *ca_file; /* whom to trust; NULL or "": the system's authorities */
};

struct cpsd_fetch_result {
    struct stir_error error; /* code STIR_OK: there was an answer, of any status. STIR_E_X5U (the address is not
                                allowed), STIR_E_CONNECT, STIR_E_TLS, STIR_E_TIMEOUT, STIR_E_TOO_BIG, STIR_E_PROTOCOL,
                                STIR_E_NOMEM, STIR_E_UNAVAILABLE (it had no turn in time, or the fetcher stops). The
                                text is for the operator: it tells of names and addresses in the own network */
    bool connected;          /* there was a TCP connection to the host */
    int status;
    struct stir_view body;
    const char *content_type; /* without parameters, lower case; "": the server does not say */
    int64_t max_age_s;        /* how long it may be kept (Cache-Control, Age); -1: the server does not say */
    int64_t retry_after_s;    /* 0: the server does not say */
};

/* Called once; the result is valid during the call. */
typedef void cpsd_fetch_done(void *arg, const struct cpsd_fetch_result *result);

/* Starts the thread. at_once: transfers of CPSD_FETCH_CERTS that run beside each other, an eighth of them to one host;
 * 16 times as many wait, a quarter of them for one host. The other queues follow from it (fetch_queue.c). One a
 * process. STIR_E_NOMEM, STIR_E_CONFIG (libcurl cannot do what is needed). */
enum stir_code cpsd_fetcher_new(struct cpsd_fetcher **out, unsigned at_once, struct stir_error *err) STIR_MUST_CHECK;

/* Ends what is under way with STIR_E_UNAVAILABLE and joins the thread. Fetches with a mailbox must be cancelled before.
 */
void cpsd_fetcher_free(struct cpsd_fetcher *fetcher);

/*
 * Begins a fetch; everything in request is copied. `done` is called on the mailbox's loop, or with mailbox NULL on the
 * fetcher's thread, where it must not wait for anything and may call cpsd_fetch. *out (out may be NULL) serves to
 * cancel it until done is called. STIR_E_NOMEM, STIR_E_UNAVAILABLE (too many are waiting, in all or for this host);
 * then done is not called. Any thread.
 */
enum stir_code cpsd_fetch(struct cpsd_fetch **out, struct cpsd_fetcher *fetcher, struct cpsd_mailbox *mailbox,
                          const struct cpsd_fetch_request *request, cpsd_fetch_done *done, void *arg,
                          struct stir_error *err) STIR_MUST_CHECK;

/* On the mailbox's loop, before done was called: it will not be called. Not for fetches without a mailbox. */
void cpsd_fetch_cancel(struct cpsd_fetch *fetch);
