#pragma once

#include "common/cert.h"
#include "cps/fetch.h"
#include "cps/metrics.h"
#include "cps/trusted.h"

#include <jansson.h>

/*
 * Certificate chains that tokens name by URL (x5u) or carry with them (x5c): one cache for all workers. A chain is
 * verified once for each generation of the trust material and once a minute, not once a token. One fetch serves all who
 * wait for it; failures are remembered for a while too. Bounded: chains that were good, and everything else, have a
 * list each, so that nobody can push the former out with URLs of his own. Thread-safe.
 */
struct cpsd_certs;

/* How to fetch, by the configuration in use. Read during the call only. */
struct cpsd_certs_rules {
    const char *ca_file;
    unsigned timeout_ms;
    bool allow_private; /* addresses of special purpose too: for tests */
    bool fetch;         /* false: only what the directory has */
    int64_t keep_s;     /* a chain, unless the server says otherwise */
    int64_t keep_max_s; /* whatever the server says */
    int64_t negative_s; /* a failure */
};

/* Who waits for a fetch; embedded by the caller, zeroed. */
struct cpsd_certs_wait {
    struct cpsd_notice notice; /* first; `arrived` is the caller's: the answer is there, ask again */
    struct cpsd_port *port;
    /* private */
    struct cpsd_certs_wait *next, **link;
};

enum cpsd_certs_found {
    CPSD_CERTS_FOUND,
    CPSD_CERTS_FAILED, /* err says why */
    CPSD_CERTS_LATER,
};

/* entries: chains that were good, and as many others, that are remembered. `fetcher` stays the caller's. */
enum stir_code cpsd_certs_new(struct cpsd_certs **out, struct cpsd_fetcher *fetcher, size_t entries,
                              struct stir_error *err) STIR_MUST_CHECK;

/* After the fetcher was freed, and nobody waits. */
void cpsd_certs_free(struct cpsd_certs *certs);

/* Reads every file of a directory into the cache, in place of what was read before: each is there for the URL whose
 * SHA-256 in hexadecimal (and ".pem") it is named after, or for each URL whose last segment is its name. All or
 * nothing: STIR_E_IO, STIR_E_CERT (the file is named), STIR_E_TOO_BIG, STIR_E_NOMEM. dir "": none. *count (may be
 * NULL): files. */
enum stir_code cpsd_certs_load_dir(struct cpsd_certs *certs, const char *dir, size_t *count,
                                   struct stir_error *err) STIR_MUST_CHECK;

/*
 * The chain at a URL that stir_x5u_check has passed, verified by `trusted` as of `now` (seconds since the epoch); *out
 * is a new reference. CPSD_CERTS_LATER: it is being fetched; wait->notice.arrived is called on the port's loop unless
 * cpsd_certs_leave comes first. CPSD_CERTS_FAILED: STIR_E_X5U, STIR_E_X5U_FETCH, STIR_E_CERT and what
 * cpsd_trusted_verify returns, STIR_E_UNAVAILABLE, STIR_E_NOMEM.
 */
enum cpsd_certs_found cpsd_certs_get(struct cpsd_certs *certs, struct stir_chain **out, const char *url,
                                     const struct cpsd_trusted *trusted, int64_t now,
                                     const struct cpsd_certs_rules *rules, struct cpsd_certs_wait *wait,
                                     struct stir_error *err) STIR_MUST_CHECK;
void cpsd_certs_leave(struct cpsd_certs *certs, struct cpsd_certs_wait *wait); /* fine if it does not wait */

/* The same for a chain that a token has with it. */
enum cpsd_certs_found cpsd_certs_get_x5c(struct cpsd_certs *certs, struct stir_chain **out, const json_t *x5c,
                                         const struct cpsd_trusted *trusted, int64_t now,
                                         struct stir_error *err) STIR_MUST_CHECK;

/* For /metrics. */
void cpsd_certs_stats(struct cpsd_certs *certs, struct cpsd_certs_stats *out);
