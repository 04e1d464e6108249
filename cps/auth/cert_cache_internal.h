/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/auth/cert_table.h"

#define CPSD_CERT_BAD_S 10 /* how long a bad verdict holds, and an x5c that cannot be read */

/* Private to cps/auth/cert_*.c. */
struct cpsd_cert_cache {
    struct cpsd_fetcher *fetcher;
    const struct stir_log *log;
    uv_mutex_t lock; /* of everything below */
    struct cpsd_cert_table table;
    struct cpsd_cert_dir dir;
    struct cpsd_cert_cache_stats stats;
    uint64_t moments; /* counts requests and answers, to know which came first */
};

/* What one request asks with; see cpsd_cert_cache_get. */
struct cpsd_cert_query {
    const struct cpsd_trusted *trusted;
    int64_t now;
    const struct cpsd_cert_rules *rules;
    struct cpsd_cert_wait *wait;
};

/* What is looked up or fetched, under which key. */
struct cpsd_cert_wanted {
    struct stir_view key;
    const char *url;
    struct stir_chain *list_of; /* NULL: a chain; else a TNAuthList of this one */
    size_t list_index;          /* of which certificate */
    bool renew;                 /* the entry's chain stays in use meanwhile */
};

/* ---- cert_verdict.c: verdicts on chains ---- */

/* The result of verifying a chain, and which of its certificates lead to a root. */
struct cpsd_cert_verdict {
    enum stir_code code;
    struct stir_error error;
    struct stir_chain_used used;
    uint8_t id[CPSD_CERT_ID]; /* SHA-256 of the certificates that were used */
};

/* Verifies a chain. Takes about a millisecond, so it is not called under the lock. */
void cpsd_cert_verdict_make(struct cpsd_cert_verdict *out, const struct cpsd_trusted *trusted,
                            const struct stir_chain *chain, int64_t now);

/* Stores a verdict in the entry of the chain. Under the lock. */
void cpsd_cert_entry_judge(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                           const struct cpsd_trusted *trusted, int64_t now, const struct cpsd_cert_verdict *verdict);

/* Returns true if the request may have a chain verified or something fetched for this entry (NULL: a new one). Entries
 * that are known as good are not limited. Otherwise sets *err (may be NULL), STIR_E_UNAVAILABLE. Under the lock. */
bool cpsd_cert_may_work(const struct cpsd_cert_entry *entry, const struct cpsd_cert_query *ask, struct stir_error *err);

/* Reads an entry. CPSD_CERT_LATER: it has no valid verdict; *unjudged is its chain, a new reference, to be passed to
 * cpsd_cert_verify. Under the lock. */
enum cpsd_cert_found cpsd_cert_entry_look(struct cpsd_cert_cache *certs, const struct cpsd_cert_entry *entry,
                                          struct stir_chain **out, struct stir_chain **unjudged,
                                          const struct cpsd_cert_query *ask, struct stir_error *err);

/* Verifies the chain of the entry with this key and stores the verdict. Takes over the reference to the chain. Takes
 * the lock. */
enum cpsd_cert_found cpsd_cert_verify(struct cpsd_cert_cache *certs, struct stir_chain **out, struct stir_chain *chain,
                                      struct stir_view key, const struct cpsd_cert_query *ask, struct stir_error *err);

/* Moves the entry to the chains that are known as good, if its chain is this one and has a good verdict: from now on
 * only chains with which a signature has verified can push it out. entry may be NULL. Under the lock. */
void cpsd_cert_entry_prove(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                           const struct stir_chain *chain);

/* Returns true if both chains are there and have the same certificates. */
bool cpsd_cert_is_same_chain(const struct stir_chain *a, const struct stir_chain *b);

/* Puts a chain into an entry for `seconds`, and takes the reference over. seconds 0: it must not be kept (RFC 9111
 * section 5.2.2.5, no-store); it then serves only requests that asked before the moment `once_from`. Under the lock. */
void cpsd_cert_entry_put(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, struct stir_chain *chain,
                         int64_t now, int64_t seconds, uint64_t once_from);

/* ---- cert_fetch.c ---- */

/* Begins a fetch into *entry: a new one (NULL), one that is out of date, or one that is renewed. STIR_E_X5U_FETCH,
 * STIR_E_X5U, STIR_E_UNAVAILABLE, STIR_E_NOMEM. Under the lock. */
enum stir_code cpsd_cert_fetch(struct cpsd_cert_cache *certs, struct cpsd_cert_entry **entry,
                               const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                               struct stir_error *err);

/* ---- cert_lookup.c ---- */

/* Finds what is wanted in the cache or the directory, or begins a fetch and lets the request wait. Takes the lock. */
enum cpsd_cert_found cpsd_cert_lookup(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                      const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                                      struct stir_error *err);

/* Adds the TNAuthLists by reference that a good chain lacks, the first of which wait->lacks names. Takes over the
 * reference to the chain. Takes the lock. */
enum cpsd_cert_found cpsd_cert_complete(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                        struct stir_chain *chain, const struct cpsd_cert_query *ask,
                                        struct stir_error *err);

/* Looks for a later chain at a URL than `tried` (NULL: than one that was not trusted). *failure says why the URL could
 * not be fetched, if it was tried. Takes the lock. */
enum cpsd_cert_found cpsd_cert_lookup_renew(struct cpsd_cert_cache *certs, const struct stir_chain *tried,
                                            const char *url, const struct cpsd_cert_query *ask,
                                            struct stir_error *failure);

/* Returns true for faults that a later chain at the same URL may not have. */
bool cpsd_cert_is_chain_fault(enum stir_code code);

/* The key of a chain that has the TNAuthList of certificate i. Returns false if SHA-256 fails. */
struct cpsd_cert_list_key {
    uint8_t octets[1 + STIR_CHAIN_LIST_KEY];
};
bool cpsd_cert_list_key(struct cpsd_cert_list_key *key, const struct stir_chain *chain, size_t i);

/* ---- cert_x5c.c ---- */

/* As cpsd_cert_cache_prove, for an x5c. Takes the lock. */
void cpsd_cert_x5c_prove(struct cpsd_cert_cache *certs, const struct stir_chain *chain, const json_t *x5c);
