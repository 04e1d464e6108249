/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/cert.h"
#include "common/cert/x5u.h"
#include "cps/auth/trusted.h"
#include "cps/base/metrics.h"
#include "cps/net/fetch.h"

#include <jansson.h>

/*
 * Certificate chains that tokens name by URL (x5u) or carry with them (x5c): one cache for all workers. A chain is
 * verified once per generation of the trust and once a minute, not once per token. One fetch serves all requests that
 * wait for it, and failures are remembered for a while too.
 *
 * Bounded: chains that are known as good have one list, and everything else has another. A chain is known as good once
 * a signature has verified with it (cpsd_cert_cache_prove), and by those of its certificates that lead to the root:
 * nobody can push chains out with certificates of others, with certificates appended to them, or with many URLs.
 * Thread-safe.
 */
struct cpsd_cert_cache;

#define CPSD_CERT_WAITS_MAX                                                                                            \
    8 /* fetches that one request may wait for: a chain, its TNAuthLists, and those of a later chain */

/* How to fetch, by the configuration in use. Read only during the call. */
struct cpsd_cert_rules {
    const char *ca_file;
    unsigned timeout_ms;
    bool allow_private; /* also addresses outside the public Internet: for tests */
    bool fetch;         /* false: only the directory is used */
    const struct stir_x5u_rules
        *urls;          /* which URLs of TNAuthLists may be fetched; NULL: any https on the usual ports */
    int64_t keep_s;     /* seconds to keep a chain, unless the host says otherwise */
    int64_t keep_max_s; /* seconds at most, whatever the host says */
    int64_t negative_s; /* seconds to remember a failure */
};

/* A request that waits for a fetch. Embedded by the caller, zeroed. */
struct cpsd_cert_wait {
    struct cpsd_notice notice; /* first; the caller sets `arrived`, which is called once it may ask again */
    struct cpsd_mailbox *mailbox;
    /* Called before anything is fetched, or a chain verified, that is not known as good. False refuses it. Must not
     * call the cache. NULL: never refused. */
    bool (*may_work)(struct cpsd_cert_wait *wait);
    /* private */
    bool unproved;  /* the chain that it was given is not known as good yet */
    int lacks;      /* of the chain that it was given: the certificate whose TNAuthList has to be fetched; -1: none */
    uint64_t since; /* the moment of the first question, in the cache's order */
    struct cpsd_cert_wait *next, **link;
};

enum cpsd_cert_found {
    CPSD_CERT_FOUND,
    CPSD_CERT_FAILED, /* err says why */
    CPSD_CERT_LATER,
};

/* Makes an empty cache. entries: the size of each of the two lists. `fetcher` and `log` (NULL: none)
 * stay the caller's. */
enum stir_code cpsd_cert_cache_new(struct cpsd_cert_cache **out, struct cpsd_fetcher *fetcher, size_t entries,
                                   const struct stir_log *log, struct stir_error *err) STIR_MUST_CHECK;

/* Frees the cache, after the fetcher was freed and no request waits. */
void cpsd_cert_cache_free(struct cpsd_cert_cache *certs);

/* Reads every file of a directory into the cache, in place of the files read before: certificate chains, and
 * TNAuthLists by reference as a host would serve them (DER). Each is there for the URL whose SHA-256 in hexadecimal
 * (and ".pem") it is named after, or for each URL whose last segment is its name. All or nothing: STIR_E_IO,
 * STIR_E_CERT (the file is named), STIR_E_TOO_BIG, STIR_E_NOMEM. dir "": no directory. *count (may be NULL): files. */
enum stir_code cpsd_cert_cache_load_dir(struct cpsd_cert_cache *certs, const char *dir, size_t *count,
                                        struct stir_error *err) STIR_MUST_CHECK;

/*
 * Finds the chain at a URL that stir_x5u_check has accepted, verified by `trusted` as of `now` (seconds since the
 * epoch); *out is a new reference. CPSD_CERT_LATER: it is being fetched; wait->notice.arrived is called on the
 * mailbox's loop unless cpsd_cert_cache_leave comes first. A TNAuthList by reference (RFC 8226 section 10.1) is fetched
 * likewise, once the chain is known to be good, the leaf's and those of authorities on the path to its root.
 * CPSD_CERT_FAILED: STIR_E_X5U, STIR_E_X5U_FETCH (the host has no such certificate), STIR_E_CONNECT or STIR_E_TIMEOUT
 * (the host is away, see cpsd_cert_host_is_away), STIR_E_CERT and what cpsd_trusted_verify returns, STIR_E_UNAVAILABLE
 * (also what wait->may_work refused), STIR_E_NOMEM. The text is fit for a stranger; what names resolve to is told to
 * the log alone.
 */
enum cpsd_cert_found cpsd_cert_cache_get(struct cpsd_cert_cache *certs, struct stir_chain **out, const char *url,
                                         const struct cpsd_trusted *trusted, int64_t now,
                                         const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                         struct stir_error *err) STIR_MUST_CHECK;

/*
 * Asks for a later chain at a URL than `tried`, with which a signature failed with *err: the certificate may have been
 * changed since it was cached. CPSD_CERT_FOUND: another chain is there now; call cpsd_cert_cache_get. CPSD_CERT_LATER:
 * it is being fetched, and the wait is told as by cpsd_cert_cache_get; `tried` stays in use meanwhile.
 * CPSD_CERT_FAILED: *err says why. It is left as it was if the chain is the same, if the URL was asked within the last
 * 10 s, if url is NULL (an x5c), or if the fault is not one of the chain; otherwise it says why the chain could not be
 * fetched again.
 */
enum cpsd_cert_found cpsd_cert_cache_renew(struct cpsd_cert_cache *certs, const struct stir_chain *tried,
                                           const char *url, const struct cpsd_trusted *trusted, int64_t now,
                                           const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                           struct stir_error *err) STIR_MUST_CHECK;

/* Ends a wait: wait->notice.arrived will not be called. Does nothing if the request does not wait. */
void cpsd_cert_cache_leave(struct cpsd_cert_cache *certs, struct cpsd_cert_wait *wait);

/* Returns true if a failure of cpsd_cert_cache_get says nothing about the token: the certificate's host cannot be
 * reached, is too slow, or answers 429 or 5xx. The publisher may try again once negative_s has passed. */
bool cpsd_cert_host_is_away(enum stir_code code);

/* As cpsd_cert_cache_get, for a chain that a token carries with it. CPSD_CERT_LATER: its TNAuthList is being fetched.
 */
enum cpsd_cert_found cpsd_cert_cache_get_x5c(struct cpsd_cert_cache *certs, struct stir_chain **out, const json_t *x5c,
                                             const struct cpsd_trusted *trusted, int64_t now,
                                             const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                             struct stir_error *err) STIR_MUST_CHECK;

/* The same for a chain that is verified, and has no TNAuthList or names where it is: one that has it. A chain without
 * such a name is returned as it is. */
enum cpsd_cert_found cpsd_cert_cache_with_list(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                               struct stir_chain *chain, const struct cpsd_trusted *trusted,
                                               int64_t now, const struct cpsd_cert_rules *rules,
                                               struct cpsd_cert_wait *wait, struct stir_error *err) STIR_MUST_CHECK;

/* A signature has verified with the chain that `wait` was given for a URL, or for x5c with url NULL, or that a client's
 * TLS handshake proved (both NULL): the chain is known as good from now on. Costs nothing if it was so before. */
void cpsd_cert_cache_prove(struct cpsd_cert_cache *certs, const struct stir_chain *chain, const char *url,
                           const json_t *x5c, const struct cpsd_cert_wait *wait);

/* Fills in the counters for /metrics. */
void cpsd_cert_cache_stats(struct cpsd_cert_cache *certs, struct cpsd_cert_cache_stats *out);
