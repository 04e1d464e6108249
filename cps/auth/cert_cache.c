/* SPDX-License-Identifier: MIT */
#include "cps/auth/cert_cache.h"

#include "cps/auth/cert_cache_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * The cache as its callers see it. Calls go one way: cert_cache.c -> cert_x5c.c -> cert_lookup.c -> cert_fetch.c ->
 * cert_verdict.c -> cert_table.c.
 */

enum stir_code cpsd_cert_cache_new(struct cpsd_cert_cache **out, struct cpsd_fetcher *fetcher, size_t entries,
                                   const struct stir_log *log, struct stir_error *err)
{
    struct cpsd_cert_cache *certs = calloc(1, sizeof(*certs));
    if (!certs || !cpsd_cert_table_init(&certs->table, entries) || uv_mutex_init(&certs->lock) < 0) {
        if (certs) {
            cpsd_cert_table_clear(&certs->table);
        }
        free(certs);
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the certificate cache");
    }
    certs->fetcher = fetcher;
    certs->log = log;
    *out = certs;
    return STIR_OK;
}

void cpsd_cert_cache_free(struct cpsd_cert_cache *certs)
{
    if (certs) {
        cpsd_cert_table_clear(&certs->table);
        cpsd_cert_dir_clear(&certs->dir);
        uv_mutex_destroy(&certs->lock);
        free(certs);
    }
}

enum stir_code cpsd_cert_cache_load_dir(struct cpsd_cert_cache *certs, const char *path, size_t *count,
                                        struct stir_error *err)
{
    struct cpsd_cert_dir dir = {0};
    enum stir_code code = path[0] ? cpsd_cert_dir_read(&dir, path, err) : STIR_OK;
    if (code != STIR_OK) {
        return code;
    }
    if (count) {
        *count = dir.count;
    }
    uv_mutex_lock(&certs->lock);
    /* entries that the old directory filled, and failures that the new one may settle, are looked up again */
    struct cpsd_cert_dir old = certs->dir;
    certs->dir = dir;
    for (int list = 0; list < CPSD_CERT_LISTS; list++) {
        for (struct cpsd_cert_entry *entry = certs->table.newest[list], *next; entry; entry = next) {
            next = entry->older;
            if (entry->from_dir || entry->state == CPSD_CERT_BAD) {
                cpsd_cert_table_drop(&certs->table, entry);
            }
        }
    }
    uv_mutex_unlock(&certs->lock);
    cpsd_cert_dir_clear(&old);
    return STIR_OK;
}

enum cpsd_cert_found cpsd_cert_cache_renew(struct cpsd_cert_cache *certs, const struct stir_chain *tried,
                                           const char *url, const struct cpsd_trusted *trusted, int64_t now,
                                           const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                           struct stir_error *err)
{
    struct stir_error failure = {0};
    const struct cpsd_cert_query ask = {.trusted = trusted, .now = now, .rules = rules, .wait = wait};
    if (!url || !cpsd_cert_is_chain_fault(err->code)) {
        return CPSD_CERT_FAILED;
    }
    enum cpsd_cert_found found = cpsd_cert_lookup_renew(certs, tried, url, &ask, &failure);
    if (found == CPSD_CERT_FAILED && failure.code != STIR_OK) {
        /* The signature may be good by the current certificate, which is not known: this failure is the one that
         * counts. */
        (void)stir_fail(err, failure.code,
                        "not verified with the cached certificate, and the current one cannot be fetched: %s",
                        failure.text);
    }
    return found;
}

enum cpsd_cert_found cpsd_cert_cache_get(struct cpsd_cert_cache *certs, struct stir_chain **out, const char *url,
                                         const struct cpsd_trusted *trusted, int64_t now,
                                         const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                         struct stir_error *err)
{
    struct stir_chain *chain = NULL;
    struct stir_error cause = {0}, failure = {0};
    const struct cpsd_cert_query ask = {.trusted = trusted, .now = now, .rules = rules, .wait = wait};
    const struct cpsd_cert_wanted wanted = {.key = stir_view_str(url), .url = url};
    wait->unproved = false;
    enum cpsd_cert_found found = cpsd_cert_lookup(certs, &chain, &wanted, &ask, &cause);
    if (found == CPSD_CERT_FAILED && cpsd_cert_is_chain_fault(cause.code) &&
        cpsd_cert_lookup_renew(certs, NULL, url, &ask, &failure) == CPSD_CERT_LATER) {
        return CPSD_CERT_LATER; /* a revoked certificate, say, may have been replaced at its URL */
    }
    if (found == CPSD_CERT_FAILED && err) {
        *err = cause;
    }
    return found == CPSD_CERT_FOUND ? cpsd_cert_complete(certs, out, chain, &ask, err) : found;
}

void cpsd_cert_cache_leave(struct cpsd_cert_cache *certs, struct cpsd_cert_wait *wait)
{
    uv_mutex_lock(&certs->lock);
    if (wait->link) {
        *wait->link = wait->next;
        if (wait->next) {
            wait->next->link = wait->link;
        }
        wait->link = NULL;
    } else if (wait->mailbox) {
        (void)cpsd_mailbox_recall(wait->mailbox, &wait->notice);
    }
    uv_mutex_unlock(&certs->lock);
}

enum cpsd_cert_found cpsd_cert_cache_with_list(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                               struct stir_chain *chain, const struct cpsd_trusted *trusted,
                                               int64_t now, const struct cpsd_cert_rules *rules,
                                               struct cpsd_cert_wait *wait, struct stir_error *err)
{
    const struct cpsd_cert_query ask = {.trusted = trusted, .now = now, .rules = rules, .wait = wait};
    wait->unproved = false;
    wait->lacks = chain->list_urls[0] ? 0 : -1; /* the leaf's comes first; each answer says which comes next */
    return cpsd_cert_complete(certs, out, stir_chain_ref(chain), &ask, err);
}

/* The TNAuthLists that completed the chain are known as good, too. Under the lock. */
static void cache_prove_lists(struct cpsd_cert_cache *certs, const struct stir_chain *chain)
{
    struct cpsd_cert_list_key key;
    for (size_t i = 0; i < chain->count; i++) {
        bool may_have_been_added = i == 0 || chain->lists[i].count || chain->lists[i].skipped;
        if (may_have_been_added && cpsd_cert_list_key(&key, chain, i)) {
            cpsd_cert_entry_prove(certs, cpsd_cert_table_find(&certs->table, key.octets, sizeof(key.octets)), chain);
        }
    }
}

void cpsd_cert_cache_prove(struct cpsd_cert_cache *certs, const struct stir_chain *chain, const char *url,
                           const json_t *x5c, const struct cpsd_cert_wait *wait)
{
    if (!wait->unproved) {
        return;
    }
    uv_mutex_lock(&certs->lock);
    cache_prove_lists(certs, chain);
    if (url) {
        cpsd_cert_entry_prove(certs, cpsd_cert_table_find(&certs->table, url, strlen(url)), chain);
    }
    uv_mutex_unlock(&certs->lock);
    if (!url) {
        cpsd_cert_x5c_prove(certs, chain, x5c);
    }
}

void cpsd_cert_cache_stats(struct cpsd_cert_cache *certs, struct cpsd_cert_cache_stats *out)
{
    uv_mutex_lock(&certs->lock);
    *out = certs->stats;
    out->good = certs->table.count[CPSD_CERT_GOOD];
    out->held = out->good + certs->table.count[CPSD_CERT_OTHERS];
    uv_mutex_unlock(&certs->lock);
}
