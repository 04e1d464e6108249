#pragma once

#include "cps/auth/cert_table.h"

#define CPSD_CERT_CONDEMNED_S 10 /* a verdict that is bad, and x5c that cannot be read */

/* Shared by cps/certs*.c and by nobody else. */
struct cpsd_cert_cache {
    struct cpsd_fetcher *fetcher;
    const struct stir_log *log;
    uv_mutex_t lock; /* of everything below */
    struct cpsd_cert_table table;
    struct cpsd_cert_dir dir;
    struct cpsd_cert_cache_stats stats;
    uint64_t moments; /* counts what comes first: requests, and answers */
};

/* What one request asks with. */
struct cpsd_cert_query {
    const struct cpsd_trusted *trusted;
    int64_t now;
    const struct cpsd_cert_rules *rules;
    struct cpsd_cert_wait *wait;
};

/* What is fetched, for which key. */
struct cpsd_cert_wanted {
    struct stir_view key;
    const char *url;
    struct stir_chain *list_of; /* NULL: a chain; else a TNAuthList of this one */
    size_t list_index;          /* of which certificate */
    bool renew;                 /* the entry's chain stays in use meanwhile */
};

/* ---- verdicts ---- */

/* The result of verifying a chain, and by which of its certificates it leads to a root. */
struct cpsd_cert_verdict {
    enum stir_code code;
    struct stir_error error;
    struct stir_chain_used used;
    uint8_t id[CPSD_CERT_ID]; /* of the certificates that were used */
};

/* Verifies. Takes about a millisecond: not under the lock. */
void cpsd_cert_verdict_make(struct cpsd_cert_verdict *out, const struct cpsd_trusted *trusted,
                            const struct stir_chain *chain, int64_t now);

/* Remembers a verdict. Under the lock. */
void cpsd_cert_entry_judge(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                           const struct cpsd_trusted *trusted, int64_t now, const struct cpsd_cert_verdict *verdict);

/* True if the request may have a chain verified or something fetched for this entry (NULL: for a new one): what was
 * good before is not limited. Else *err says so. Under the lock. */
bool cpsd_cert_may_work(const struct cpsd_cert_entry *entry, const struct cpsd_cert_query *ask, struct stir_error *err);

/* What an entry amounts to. CPSD_CERT_LATER: *unjudged is its chain, which needs a verdict. Under the lock. */
enum cpsd_cert_found cpsd_cert_entry_look(struct cpsd_cert_cache *certs, const struct cpsd_cert_entry *entry,
                                          struct stir_chain **out, struct stir_chain **unjudged,
                                          const struct cpsd_cert_query *ask, struct stir_error *err);

/* Verifies a chain that has no verdict, outside the lock. Takes over the reference. */
enum cpsd_cert_found cpsd_cert_verify(struct cpsd_cert_cache *certs, struct stir_chain **out, struct stir_chain *chain,
                                      struct stir_view key, const struct cpsd_cert_query *ask, struct stir_error *err);

/* A chain that is good but for TNAuthLists that are elsewhere, the first of which wait->lacks tells: one that has them.
 * Takes over the reference. */
enum cpsd_cert_found cpsd_cert_complete(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                        struct stir_chain *chain, const struct cpsd_cert_query *ask,
                                        struct stir_error *err);

/* The entry's chain is this one, and good: from now on it makes room for nobody who cannot sign with it. Under the
 * lock.
 */
void cpsd_cert_entry_prove(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                           const struct stir_chain *chain);

/* certs_x5c.c: the same for what x5c brought. Takes the lock. */
void cpsd_cert_x5c_prove(struct cpsd_cert_cache *certs, const struct stir_chain *chain, const json_t *x5c);

/* ---- fetching ---- */

/* True if both are there and have the same certificates. */
bool cpsd_cert_is_same_chain(const struct stir_chain *a, const struct stir_chain *b);

/* Puts a chain into an entry. seconds 0: it may not be kept (RFC 9111 section 5.2.2.5: no-store), which serves those
 * who were here before `once_from`, and no others. Under the lock. */
void cpsd_cert_entry_put(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, struct stir_chain *chain,
                         int64_t now, int64_t seconds, uint64_t once_from);

/* Begins a fetch into an entry: a new one, one whose time is over, or one that is renewed. Under the lock. */
enum stir_code cpsd_cert_fetch(struct cpsd_cert_cache *certs, struct cpsd_cert_entry **entry,
                               const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                               struct stir_error *err);
