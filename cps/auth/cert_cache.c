#include "cps/auth/cert_cache.h"

#include "cps/auth/cert_cache_internal.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define JUDGED_S 60 /* a verdict: ends of validity, stale lists and the like show within it */
#define RENEW_S 10  /* a URL is asked again for a chain that is cached at most once in this time */

enum stir_code cpsd_cert_cache_new(struct cpsd_cert_cache **out, struct cpsd_fetcher *fetcher, size_t entries,
                                   const struct stir_log *log, struct stir_error *err)
{
    struct cpsd_cert_cache *certs = calloc(1, sizeof(*certs));
    if (!certs || !cpsd_cert_table_init(&certs->table, entries) || uv_mutex_init(&certs->lock) < 0) {
        if (certs) {
            cpsd_cert_table_clear(&certs->table);
        }
        free(certs);
        return stir_fail(err, STIR_E_NOMEM, "the cache of certificates");
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

/* ---- verdicts ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* SHA-256 over those of the certificates that were used. */
static enum stir_code identify(uint8_t id[CPSD_CERT_ID], const struct stir_chain *chain,
                               const struct stir_chain_used *used, struct stir_error *err)
{
    uint8_t digests[STIR_CHAIN_MAX][EVP_MAX_MD_SIZE] = {{0}};
    bool good = true;
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
        out->code = identify(out->id, chain, &out->used, &out->error);
    }
}

void cpsd_cert_entry_judge(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                           const struct cpsd_trusted *trusted, int64_t now, const struct cpsd_cert_verdict *verdict)
{
    bool good = verdict->code == STIR_OK;
    entry->generation = trusted ? trusted->generation : 0;
    entry->error = verdict->error;
    entry->error.code = verdict->code;
    entry->judged_until = good ? least(now + JUDGED_S, entry->chain->not_after) : now + CPSD_CERT_CONDEMNED_S;
    entry->used = verdict->used;
    certs->stats.verifications++;
    cpsd_cert_table_identify(&certs->table, entry, verdict->id);
    cpsd_cert_table_move(&certs->table, entry, good ? entry->list : CPSD_CERT_OTHERS);
}

static bool is_judged(const struct cpsd_cert_entry *entry, const struct cpsd_trusted *trusted, int64_t now)
{
    return entry->generation != 0 && trusted && entry->generation == trusted->generation && now <= entry->judged_until;
}

bool cpsd_cert_may_work(const struct cpsd_cert_entry *entry, const struct cpsd_cert_query *ask, struct stir_error *err)
{
    struct cpsd_cert_wait *wait = ask->wait;
    if ((entry && entry->list == CPSD_CERT_GOOD) || !wait->may_work || wait->may_work(wait)) {
        return true;
    }
    (void)stir_fail(err, STIR_E_UNAVAILABLE, "more certificates that are not known as good than the limit allows");
    return false;
}

enum cpsd_cert_found cpsd_cert_entry_look(struct cpsd_cert_cache *certs, const struct cpsd_cert_entry *entry,
                                          struct stir_chain **out, struct stir_chain **unjudged,
                                          const struct cpsd_cert_query *ask, struct stir_error *err)
{
    ask->wait->unproved |= entry->list != CPSD_CERT_GOOD;
    if (entry->state == CPSD_CERT_READY && !is_judged(entry, ask->trusted, ask->now)) {
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

/* ---- getting ---- */

static void add_wait(struct cpsd_cert_entry *entry, struct cpsd_cert_wait *wait)
{
    wait->next = entry->waits;
    wait->link = &entry->waits;
    if (wait->next) {
        wait->next->link = &wait->next;
    }
    entry->waits = wait;
}

/* A chain that the directory has, or the wanted one with a TNAuthList that the directory has, as a new reference. NULL:
 * it has none, or one that cannot be read. */
static struct stir_chain *find_in_dir(const struct cpsd_cert_dir *dir, const struct cpsd_cert_wanted *wanted)
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

/* What the directory has for a URL comes into the cache; NULL: nothing. Under the lock. */
static struct cpsd_cert_entry *from_dir(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                                        const struct cpsd_cert_wanted *wanted, int64_t now)
{
    struct stir_chain *chain = find_in_dir(&certs->dir, wanted);
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

/* What the cache has under a key, or a fetch of it. */
static enum cpsd_cert_found get(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                                struct stir_error *err)
{
    struct stir_view key = wanted->key;
    struct stir_chain *unjudged = NULL;
    struct cpsd_cert_wait *wait = ask->wait;
    enum cpsd_cert_found found = CPSD_CERT_LATER;
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = cpsd_cert_table_find(&certs->table, key.ptr, key.len);
    if (!wait->since) {
        wait->since = ++certs->moments;
    }
    bool kept = entry && (!entry->once_from || wait->since < entry->once_from);
    bool usable = kept && entry->state != CPSD_CERT_FETCHING && ask->now <= entry->until;
    bool coming = entry && !usable && cpsd_cert_entry_is_awaited(entry);
    struct cpsd_cert_entry *good = usable ? entry : NULL;
    if (!coming && !good) {
        good = from_dir(certs, entry, wanted, ask->now);
    }
    if (good) {
        found = cpsd_cert_entry_look(certs, good, out, &unjudged, ask, err);
    } else if (!coming &&
               (!cpsd_cert_may_work(entry, ask, err) || cpsd_cert_fetch(certs, &entry, wanted, ask, err) != STIR_OK)) {
        found = CPSD_CERT_FAILED;
    } else {
        add_wait(entry, wait);
    }
    uv_mutex_unlock(&certs->lock);
    return unjudged ? cpsd_cert_verify(certs, out, unjudged, key, ask, err) : found;
}

/* What a chain with the TNAuthList of certificate i is known by. */
struct list_key {
    uint8_t octets[1 + STIR_CHAIN_LIST_KEY];
};

static bool key_of_list(struct list_key *key, const struct stir_chain *chain, size_t i)
{
    key->octets[0] = '@';
    return stir_chain_list_key(key->octets + 1, chain, i);
}

/* The chain with one more TNAuthList: that of certificate i. */
static enum cpsd_cert_found get_list(struct cpsd_cert_cache *certs, struct stir_chain **out, struct stir_chain *chain,
                                     size_t i, const struct cpsd_cert_query *ask, struct stir_error *err)
{
    static const struct stir_x5u_rules usual = {.port_count = 0};
    struct list_key key;
    if (!key_of_list(&key, chain, i)) {
        (void)stir_fail_openssl(err, STIR_E_CRYPTO, "SHA-256 failed");
        return CPSD_CERT_FAILED;
    }
    if (stir_x5u_check(ask->rules->urls ? ask->rules->urls : &usual, chain->list_urls[i], err) != STIR_OK) {
        (void)stir_fail_prefix(err, STIR_E_X5U, "TNAuthList");
        return CPSD_CERT_FAILED;
    }
    const struct cpsd_cert_wanted wanted = {.key = stir_view((const char *)key.octets, sizeof(key.octets)),
                                            .url = chain->list_urls[i],
                                            .list_of = chain,
                                            .list_index = i};
    return get(certs, out, &wanted, ask, err);
}

enum cpsd_cert_found cpsd_cert_complete(struct cpsd_cert_cache *certs, struct stir_chain **out,
                                        struct stir_chain *chain, const struct cpsd_cert_query *ask,
                                        struct stir_error *err)
{
    enum cpsd_cert_found found = CPSD_CERT_FOUND;
    /* As a rule each round adds one list. */
    for (size_t i = 0; found == CPSD_CERT_FOUND && ask->wait->lacks >= 0; i++) {
        struct stir_chain *more = NULL;
        size_t lacks = (size_t)ask->wait->lacks;
        if (i == STIR_CHAIN_MAX) {
            (void)stir_fail(err, STIR_E_UNAVAILABLE, "TNAuthList: the certificates were judged anew meanwhile");
            found = CPSD_CERT_FAILED;
        } else {
            found = get_list(certs, &more, chain, lacks, ask, err);
        }
        stir_chain_unref(chain);
        chain = more;
    }
    if (found == CPSD_CERT_FOUND) {
        *out = chain;
    }
    return found;
}

/* ---- renewing ---- */

/* True for faults that a later chain at the same URL may not have. */
static bool is_of_chain(enum stir_code code)
{
    return code == STIR_E_SIGNATURE || code == STIR_E_KEY || (code >= STIR_E_CERT && code <= STIR_E_CERT_CONSTRAINT);
}

/* Finds out what is known of a later chain than `tried` (NULL: than one that was not trusted). *again: nothing, and the
 * URL may be asked. Under the lock. */
static enum cpsd_cert_found look_for_later(const struct cpsd_cert_entry *entry, const struct stir_chain *tried,
                                           int64_t now, bool *again, struct stir_error *failure)
{
    *again = false;
    if (!entry || entry->from_dir) {
        return CPSD_CERT_FAILED; /* it made room for others, or whoever runs the server reads the directory again */
    }
    if (cpsd_cert_entry_is_awaited(entry)) {
        return CPSD_CERT_LATER;
    }
    if (entry->state == CPSD_CERT_BAD || (tried && !cpsd_cert_is_same_chain(entry->chain, tried))) {
        return CPSD_CERT_FOUND; /* cpsd_cert_cache_get tells */
    }
    *again = now < entry->asked || now - entry->asked >= RENEW_S;
    *failure = entry->renewal;
    return CPSD_CERT_FAILED;
}

static enum cpsd_cert_found renew(struct cpsd_cert_cache *certs, const struct stir_chain *tried, const char *url,
                                  const struct cpsd_cert_query *ask, struct stir_error *failure)
{
    const struct cpsd_cert_wanted wanted = {.key = stir_view_str(url), .url = url, .renew = true};
    bool again;
    *failure = (struct stir_error){0};
    if (!ask->rules->fetch) {
        return CPSD_CERT_FAILED;
    }
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = cpsd_cert_table_find(&certs->table, url, strlen(url));
    enum cpsd_cert_found found = look_for_later(entry, tried, ask->now, &again, failure);
    if (again && cpsd_cert_may_work(entry, ask, NULL) &&
        cpsd_cert_fetch(certs, &entry, &wanted, ask, failure) == STIR_OK) {
        found = CPSD_CERT_LATER;
    }
    if (found == CPSD_CERT_LATER) {
        add_wait(entry, ask->wait);
    }
    uv_mutex_unlock(&certs->lock);
    return found;
}

enum cpsd_cert_found cpsd_cert_cache_renew(struct cpsd_cert_cache *certs, const struct stir_chain *tried,
                                           const char *url, const struct cpsd_trusted *trusted, int64_t now,
                                           const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                           struct stir_error *err)
{
    struct stir_error failure = {0};
    const struct cpsd_cert_query ask = {.trusted = trusted, .now = now, .rules = rules, .wait = wait};
    if (!url || !is_of_chain(err->code)) {
        return CPSD_CERT_FAILED;
    }
    enum cpsd_cert_found found = renew(certs, tried, url, &ask, &failure);
    if (found == CPSD_CERT_FAILED && failure.code != STIR_OK) {
        /* Nobody knows what the certificate is now. */
        (void)stir_fail(err, failure.code, "not verified with the certificate that was cached; the current one: %s",
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
    enum cpsd_cert_found found = get(certs, &chain, &wanted, &ask, &cause);
    if (found == CPSD_CERT_FAILED && is_of_chain(cause.code) &&
        renew(certs, NULL, url, &ask, &failure) == CPSD_CERT_LATER) {
        return CPSD_CERT_LATER; /* a certificate that was revoked, say, has been replaced at its URL */
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
    wait->lacks = chain->list_urls[0] ? 0 : -1; /* the leaf's comes first; the answer tells which comes next */
    return cpsd_cert_complete(certs, out, stir_chain_ref(chain), &ask, err);
}

/* What was fetched to complete the chain is known as good, too. Under the lock. */
static void prove_lists(struct cpsd_cert_cache *certs, const struct stir_chain *chain)
{
    struct list_key key;
    for (size_t i = 0; i < chain->count; i++) {
        bool may_have_been_added = i == 0 || chain->lists[i].count || chain->lists[i].skipped;
        if (may_have_been_added && key_of_list(&key, chain, i)) {
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
    prove_lists(certs, chain);
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
