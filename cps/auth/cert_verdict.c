/* SPDX-License-Identifier: MIT */
#include "cps/auth/cert_cache_internal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

/* Verdicts on the chains in the cache: making, remembering and reading them. Below everything else of the cache but the
 * table. */
#define VERDICT_GOOD_S 60 /* a good verdict: ends of validity, stale lists and the like show within it */
#define LEAST_KEEP_S 5    /* a chain that may be kept */
#define ONCE_KEEP_S 5     /* one that may not be kept: for the requests that were waiting when it came */

static int64_t verdict_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool cpsd_cert_is_same_chain(const struct stir_chain *a, const struct stir_chain *b)
{
    bool same = a && b && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = X509_cmp(a->certs[i], b->certs[i]) == 0;
    }
    return same;
}

/* Writes the SHA-256 over the certificates that lead to the root. */
static enum stir_code verdict_identify(uint8_t id[CPSD_CERT_ID], const struct stir_chain *chain,
                                       const struct stir_chain_used *used, struct stir_error *err)
{
    uint8_t digests[STIR_CHAIN_MAX][EVP_MAX_MD_SIZE] = {{0}};
    bool good = true;
    assert(used->count <= STIR_CHAIN_MAX);
    for (size_t i = 0; good && i < used->count; i++) {
        good = X509_digest(chain->certs[used->index[i]], EVP_sha256(), digests[i], NULL) == 1;
    }
    good = good && EVP_Digest(digests, sizeof(digests), id, NULL, EVP_sha256(), NULL) == 1;
    return good ? STIR_OK : stir_fail_openssl(err, STIR_E_CRYPTO, "SHA-256 failed");
}

void cpsd_cert_verdict_make(struct cpsd_cert_verdict *out, const struct cpsd_trusted *trusted,
                            const struct stir_chain *chain, int64_t now)
{
    *out = (struct cpsd_cert_verdict){.code = STIR_OK, .used = {.lacks = -1}};
    out->code = cpsd_trusted_verify_path(trusted, chain, now, &out->used, &out->error);
    if (out->code == STIR_OK) {
        out->code = verdict_identify(out->id, chain, &out->used, &out->error);
    }
}

void cpsd_cert_entry_judge(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                           const struct cpsd_trusted *trusted, int64_t now, const struct cpsd_cert_verdict *verdict)
{
    bool good = verdict->code == STIR_OK;
    assert(entry->state == CPSD_CERT_READY && entry->chain);
    entry->generation = trusted ? trusted->generation : 0;
    entry->error = verdict->error;
    entry->error.code = verdict->code;
    entry->judged_until = good ? verdict_earlier(now + VERDICT_GOOD_S, entry->chain->not_after) : now + CPSD_CERT_BAD_S;
    entry->used = verdict->used;
    certs->stats.verifications++;
    cpsd_cert_table_identify(&certs->table, entry, verdict->id);
    cpsd_cert_table_move(&certs->table, entry, good ? entry->list : CPSD_CERT_OTHERS);
}

/* Returns true if the entry has a verdict by this trust that is still valid. */
static bool verdict_holds(const struct cpsd_cert_entry *entry, const struct cpsd_trusted *trusted, int64_t now)
{
    return entry->generation != 0 && trusted && entry->generation == trusted->generation && now <= entry->judged_until;
}

bool cpsd_cert_may_work(const struct cpsd_cert_entry *entry, const struct cpsd_cert_query *ask, struct stir_error *err)
{
    struct cpsd_cert_wait *wait = ask->wait;
    if ((entry && entry->list == CPSD_CERT_GOOD) || !wait->may_work || wait->may_work(wait)) {
        return true;
    }
    (void)stir_fail(err, STIR_E_UNAVAILABLE,
                    "the limit on certificates that are not known as good is reached ([limits] chains_by_address); try "
                    "again later");
    return false;
}

enum cpsd_cert_found cpsd_cert_entry_look(struct cpsd_cert_cache *certs, const struct cpsd_cert_entry *entry,
                                          struct stir_chain **out, struct stir_chain **unjudged,
                                          const struct cpsd_cert_query *ask, struct stir_error *err)
{
    ask->wait->unproved |= entry->list != CPSD_CERT_GOOD;
    /* a chain without a valid verdict: the caller makes one, outside the lock, if the limits allow */
    if (entry->state == CPSD_CERT_READY && !verdict_holds(entry, ask->trusted, ask->now)) {
        if (!cpsd_cert_may_work(entry, ask, err)) {
            return CPSD_CERT_FAILED;
        }
        *unjudged = stir_chain_ref(entry->chain);
        return CPSD_CERT_LATER;
    }
    certs->stats.hits++;
    if (entry->error.code == STIR_OK) {
        ask->wait->lacks = entry->used.lacks;
        *out = stir_chain_ref(entry->chain);
        return CPSD_CERT_FOUND;
    }
    if (err) {
        *err = entry->error;
    }
    return CPSD_CERT_FAILED;
}

enum cpsd_cert_found cpsd_cert_verify(struct cpsd_cert_cache *certs, struct stir_chain **out, struct stir_chain *chain,
                                      struct stir_view key, const struct cpsd_cert_query *ask, struct stir_error *err)
{
    struct cpsd_cert_verdict verdict;
    cpsd_cert_verdict_make(&verdict, ask->trusted, chain, ask->now);
    /* The entry may have got another chain, or have gone, while the lock was not held. */
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = cpsd_cert_table_find(&certs->table, key.ptr, key.len);
    if (entry && entry->state == CPSD_CERT_READY && entry->chain == chain) {
        cpsd_cert_entry_judge(certs, entry, ask->trusted, ask->now, &verdict);
    }
    uv_mutex_unlock(&certs->lock);
    if (verdict.code == STIR_OK) {
        ask->wait->lacks = verdict.used.lacks;
        *out = chain;
        return CPSD_CERT_FOUND;
    }
    stir_chain_unref(chain);
    if (err) {
        *err = verdict.error;
        err->code = verdict.code;
    }
    return CPSD_CERT_FAILED;
}

void cpsd_cert_entry_prove(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, const struct stir_chain *chain)
{
    if (entry && entry->state == CPSD_CERT_READY && entry->generation && entry->error.code == STIR_OK &&
        cpsd_cert_is_same_chain(entry->chain, chain)) {
        cpsd_cert_table_move(&certs->table, entry, CPSD_CERT_GOOD);
    }
}

void cpsd_cert_entry_put(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, struct stir_chain *chain,
                         int64_t now, int64_t seconds, uint64_t once_from)
{
    if (!cpsd_cert_is_same_chain(entry->chain, chain)) {
        cpsd_cert_table_move(&certs->table, entry, CPSD_CERT_OTHERS); /* no signature has verified with this one yet */
    }
    /* the chain has no verdict yet: generation 0 */
    stir_chain_unref(entry->chain);
    entry->chain = chain;
    entry->state = CPSD_CERT_READY;
    entry->renewing = false;
    entry->renewal = (struct stir_error){0};
    entry->generation = 0;
    entry->fetched_at = now;
    /* RFC 9111 5.2.2.5: an answer with no-store serves only the requests that were waiting for it */
    entry->once_from = seconds > 0 ? 0 : once_from;
    entry->until = now + (seconds > 0 ? seconds : ONCE_KEEP_S);
    if (chain->not_after > now) {
        entry->until = verdict_earlier(entry->until, chain->not_after);
    }
    if (entry->until < now + LEAST_KEEP_S) {
        entry->until = now + LEAST_KEEP_S;
    }
}
