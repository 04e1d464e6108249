/* SPDX-License-Identifier: MIT */
#include "cps/auth/cert_cache_internal.h"

#include <assert.h>
#include <string.h>

/* Finding chains: in the cache, in the directory, or by a fetch that requests wait for. */
#define RENEW_S 10 /* a cached chain is fetched again at most once in this time */

static void lookup_add_wait(struct cpsd_cert_entry *entry, struct cpsd_cert_wait *wait)
{
    wait->next = entry->waits;
    wait->link = &entry->waits;
    if (wait->next) {
        wait->next->link = &wait->next;
    }
    entry->waits = wait;
}

/* Returns a new reference to a chain from the directory: the one at the URL, or the wanted one with the TNAuthList at
 * the URL. NULL: the directory has none, or one that cannot be read. */
static struct stir_chain *lookup_find_in_dir(const struct cpsd_cert_dir *dir, const struct cpsd_cert_wanted *wanted)
{
    struct stir_chain *chain = NULL;
    const struct cpsd_cert_file *file = cpsd_cert_dir_find(dir, wanted->url);
    if (file && !wanted->list_of && file->chain) {
        return stir_chain_ref(file->chain);
    }
    if (file && wanted->list_of && !file->chain &&
        stir_chain_with_list(&chain, wanted->list_of, wanted->list_index, file->list.ptr, file->list.len, NULL) ==
            STIR_OK) {
        return chain;
    }
    return NULL;
}

/* Puts what the directory has for a URL into the cache. Returns NULL if it has nothing. Under the lock. */
static struct cpsd_cert_entry *lookup_from_dir(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                                               const struct cpsd_cert_wanted *wanted, int64_t now)
{
    struct stir_chain *chain = lookup_find_in_dir(&certs->dir, wanted);
    if (!chain) {
        return NULL;
    }
    entry = entry ? entry : cpsd_cert_table_add(&certs->table, wanted->key.ptr, wanted->key.len);
    if (entry) {
        cpsd_cert_entry_put(certs, entry, chain, now, 0, 0);
        entry->until = INT64_MAX; /* until the directory is read again */
        entry->from_dir = true;
    } else {
        stir_chain_unref(chain);
    }
    return entry;
}

enum cpsd_cert_found cpsd_cert_lookup(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                      const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                                      struct stir_error *err)
{
    struct stir_view key = wanted->key;
    struct stir_chain *unjudged = NULL;
    struct cpsd_cert_wait *wait = ask->wait;
    enum cpsd_cert_found found = CPSD_CERT_LATER;
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = cpsd_cert_table_find(&certs->table, key.ptr, key.len);
    /* An answer with no-store is for requests that asked before it came, so each has its place in the order. */
    if (!wait->since) {
        wait->since = ++certs->moments;
    }
    /* Is there an answer already, or a fetch in progress? */
    bool kept = entry && (!entry->once_from || wait->since < entry->once_from);
    bool usable = kept && entry->state != CPSD_CERT_FETCHING && ask->now <= entry->until;
    bool coming = entry && !usable && cpsd_cert_entry_is_awaited(entry);
    struct cpsd_cert_entry *good = usable ? entry : NULL;
    if (!coming && !good) {
        good = lookup_from_dir(certs, entry, wanted, ask->now);
    }
    if (good) {
        found = cpsd_cert_entry_look(certs, good, out, &unjudged, ask, err);
    } else if (!coming &&
               (!cpsd_cert_may_work(entry, ask, err) || cpsd_cert_fetch(certs, &entry, wanted, ask, err) != STIR_OK)) {
        found = CPSD_CERT_FAILED;
    } else {
        lookup_add_wait(entry, wait);
    }
    uv_mutex_unlock(&certs->lock);
    return unjudged ? cpsd_cert_verify(certs, out, unjudged, key, ask, err) : found;
}

bool cpsd_cert_list_key(struct cpsd_cert_list_key *key, const struct stir_chain *chain, size_t i)
{
    key->octets[0] = '@';
    return stir_chain_list_key(key->octets + 1, chain, i);
}

/* Finds the chain with one more TNAuthList, that of certificate i. */
static enum cpsd_cert_found lookup_list(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                        struct stir_chain *chain, size_t i, const struct cpsd_cert_query *ask,
                                        struct stir_error *err)
{
    static const struct stir_x5u_rules any_https = {.port_count = 0};
    struct cpsd_cert_list_key key;
    if (!cpsd_cert_list_key(&key, chain, i)) {
        (void)stir_fail_openssl(err, STIR_E_CRYPTO, "SHA-256 failed");
        return CPSD_CERT_FAILED;
    }
    if (stir_x5u_check(ask->rules->urls ? ask->rules->urls : &any_https, chain->list_urls[i], err) != STIR_OK) {
        (void)stir_fail_prefix(err, STIR_E_X5U, "TNAuthList");
        return CPSD_CERT_FAILED;
    }
    const struct cpsd_cert_wanted wanted = {.key = stir_view((const char *)key.octets, sizeof(key.octets)),
                                            .url = chain->list_urls[i],
                                            .list_of = chain,
                                            .list_index = i};
    return cpsd_cert_lookup(certs, out, &wanted, ask, err);
}

enum cpsd_cert_found cpsd_cert_complete(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                        struct stir_chain *chain, const struct cpsd_cert_query *ask,
                                        struct stir_error *err)
{
    enum cpsd_cert_found found = CPSD_CERT_FOUND;
    /* Each round adds one list, unless the trust has changed meanwhile and another certificate is used. */
    for (size_t i = 0; found == CPSD_CERT_FOUND && ask->wait->lacks >= 0; i++) {
        struct stir_chain *more = NULL;
        size_t lacks = (size_t)ask->wait->lacks;
        if (i == STIR_CHAIN_MAX) {
            (void)stir_fail(err, STIR_E_UNAVAILABLE,
                            "TNAuthList: the trust changed while it was being fetched; try again");
            found = CPSD_CERT_FAILED;
        } else {
            found = lookup_list(certs, &more, chain, lacks, ask, err);
        }
        stir_chain_unref(chain);
        chain = more;
    }
    if (found == CPSD_CERT_FOUND) {
        *out = chain;
    }
    return found;
}

bool cpsd_cert_is_chain_fault(enum stir_code code)
{
    return code == STIR_E_SIGNATURE || code == STIR_E_KEY || (code >= STIR_E_CERT && code <= STIR_E_CERT_CONSTRAINT);
}

/* Finds out whether a later chain than `tried` is known (NULL: than one that was not trusted). Sets *again if none is
 * and the URL may be fetched. *failure: why the last renewal failed. Under the lock. */
static enum cpsd_cert_found lookup_later(const struct cpsd_cert_entry *entry, const struct stir_chain *tried,
                                         int64_t now, bool *again, struct stir_error *failure)
{
    *again = false;
    if (!entry || entry->from_dir) {
        return CPSD_CERT_FAILED; /* it made room for others, or it comes from the directory, which only a reload reads
                                    again */
    }
    if (cpsd_cert_entry_is_awaited(entry)) {
        return CPSD_CERT_LATER;
    }
    if (entry->state == CPSD_CERT_BAD || (tried && !cpsd_cert_is_same_chain(entry->chain, tried))) {
        return CPSD_CERT_FOUND; /* cpsd_cert_cache_get returns it, or says why not */
    }
    *again = now < entry->asked || now - entry->asked >= RENEW_S;
    *failure = entry->renewal;
    return CPSD_CERT_FAILED;
}

enum cpsd_cert_found cpsd_cert_lookup_renew(struct cpsd_cert_cache *certs, const struct stir_chain *tried,
                                            const char *url, const struct cpsd_cert_query *ask,
                                            struct stir_error *failure)
{
    const struct cpsd_cert_wanted wanted = {.key = stir_view_str(url), .url = url, .renew = true};
    bool again;
    *failure = (struct stir_error){0};
    if (!ask->rules->fetch) {
        return CPSD_CERT_FAILED;
    }
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = cpsd_cert_table_find(&certs->table, url, strlen(url));
    enum cpsd_cert_found found = lookup_later(entry, tried, ask->now, &again, failure);
    if (again && cpsd_cert_may_work(entry, ask, NULL) &&
        cpsd_cert_fetch(certs, &entry, &wanted, ask, failure) == STIR_OK) {
        found = CPSD_CERT_LATER;
    }
    if (found == CPSD_CERT_LATER) {
        lookup_add_wait(entry, ask->wait);
    }
    uv_mutex_unlock(&certs->lock);
    return found;
}
