/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/certcache.h"

#include "client/lib/net/task.h"
#include "common/base/map.h"
#include "common/cert/pem.h"
#include "common/cert/x5c.h"
#include "common/cert/x5u.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define DIR_KEEP_S 60     /* keeps a file of x5u_dir */
#define UNSAID_KEEP_S 300 /* keeps an answer without Cache-Control */
#define LEAST_KEEP_S 5    /* keeps any answer that may be cached, so that a burst of messages fetches it once */
#define ONCE_KEEP_S 5     /* keeps an answer that must not be cached, for the tasks that already waited for it */
#define FETCHES_MAX 256   /* under way or queued */
#define EXPIRED_KEEP_S 60 /* keeps an expired chain, which may still serve for what was signed before */
#define RENEW_S 10        /* least time between two fetches of a URL whose chain is cached */

enum state {
    FETCHING,
    READY,
    FAILED,
};

struct entry {
    struct stir_map_node node; /* first: a node is its entry */
    struct entry *newer, *older;
    enum state state;
    struct cps_chain *chain;
    int64_t until;          /* valid until then, by the handle's clock */
    uint64_t once_from;     /* 0, or the answer must not be cached: only tasks from before this moment get it */
    int64_t asked;          /* when the URL was last fetched, by the handle's clock */
    bool renewing;          /* READY, and being fetched again */
    struct cps_error error; /* FAILED: why; READY: why it could not be fetched again */
    size_t key_len;
    char key[]; /* the URL; or a character that no URL begins with and a digest: '#' for a chain in DER, '%' for an x5c,
                   '@' for a chain with one fetched TNAuthList */
};

struct cps_certcache {
    struct cps *cps;
    pthread_mutex_t lock;
    struct stir_map map;
    struct entry *newest, *oldest; /* by last use */
    unsigned fetches;
    uint64_t moments; /* a logical clock, to order tasks that ask and answers that arrive */
    struct cps_waiters waiters;
};

struct fetch {
    struct cps_transfer transfer;
    struct cps_certcache *cache;
    struct entry *entry;     /* stays while it is FETCHING or being renewed */
    struct cps_chain *chain; /* NULL: fetches a chain; else a TNAuthList of this chain, */
    int list_index;          /* that of this certificate */
};

enum cps_code cps_certcache_new(struct cps_certcache **out, struct cps *cps, struct cps_error *err)
{
    struct cps_certcache *cache = calloc(1, sizeof(*cache));
    if (!cache || !stir_map_init(&cache->map)) {
        free(cache);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    cache->cps = cps;
    cache->waiters.kind = CPS_WAITING_CERTIFICATE;
    pthread_mutex_init(&cache->lock, NULL);
    *out = cache;
    return CPS_OK;
}

/* ---- entries, under the lock ---- */

static void certcache_unlink_entry(struct cps_certcache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void certcache_link_newest(struct cps_certcache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void certcache_drop_entry(struct cps_certcache *cache, struct entry *entry)
{
    certcache_unlink_entry(cache, entry);
    stir_map_remove(&cache->map, &entry->node);
    cps_chain_unref(entry->chain);
    free(entry);
}

static struct entry *certcache_find_entry(struct cps_certcache *cache, const void *key, size_t n)
{
    uint64_t hash = stir_map_hash(&cache->map, key, n, NULL, 0);
    for (struct stir_map_node *node = stir_map_first(&cache->map, hash); node; node = stir_map_next(node)) {
        struct entry *entry = (struct entry *)node;
        if (entry->key_len == n && memcmp(entry->key, key, n) == 0) {
            certcache_unlink_entry(cache, entry);
            certcache_link_newest(cache, entry);
            return entry;
        }
    }
    return NULL;
}

static bool certcache_is_awaited(const struct entry *entry)
{
    return entry->state == FETCHING || entry->renewing;
}

static struct entry *certcache_add_entry(struct cps_certcache *cache, const void *key, size_t n)
{
    struct entry *entry = calloc(1, sizeof(*entry) + n + 1);
    if (!entry) {
        return NULL;
    }
    memcpy(entry->key, key, n);
    entry->key_len = n;
    for (struct entry *old = cache->oldest, *next; old && cache->map.count >= cache->cps->options.x5u_cache_max;
         old = next) {
        next = old->newer;
        if (!certcache_is_awaited(old)) {
            certcache_drop_entry(cache, old);
        }
    }
    stir_map_put(&cache->map, &entry->node, stir_map_hash(&cache->map, key, n, NULL, 0));
    certcache_link_newest(cache, entry);
    return entry;
}

/* Reads an entry that is not FETCHING. Returns CPS_FOUND_LATER if it has to be fetched again. An answer that must not
 * be stored (RFC 9111 section 5.2.2.5: no-store) serves only the tasks that were under way when it arrived. */
static enum cps_found certcache_use_entry(struct cps_certcache *cache, const struct entry *entry,
                                          const struct cps_task *task, struct cps_chain **out, struct cps_error *err)
{
    bool kept = !entry->once_from || (task && task->certificates_since < entry->once_from);
    if (cps_now(cache->cps) > entry->until || !kept) {
        return CPS_FOUND_LATER;
    }
    if (entry->state == READY) {
        *out = cps_chain_ref(entry->chain);
        return CPS_FOUND;
    }
    if (err) {
        *err = entry->error;
    }
    return CPS_FOUND_NOT;
}

void cps_certcache_free(struct cps_certcache *cache)
{
    if (!cache) {
        return;
    }
    while (cache->newest) {
        certcache_drop_entry(cache, cache->newest);
    }
    stir_map_free(&cache->map);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* ---- answers ---- */

/* Parses a chain. local: it is from x5u_dir, not from the network. */
static enum cps_code certcache_parse_chain(struct cps_chain **out, const struct stir_buf *pem, bool local,
                                           struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_chain *chain = NULL;
    const char *text = pem->ptr ? pem->ptr : "";
    enum stir_code code = stir_chain_parse_answer(&chain, local, text, pem->len, &cause);
    if (code == STIR_E_TOO_BIG) {
        code = STIR_E_CERT; /* the limit is the certificate's, not the token's */
        cause.code = code;
    }
    if (code != STIR_OK) {
        return cps_fail_prefix(err, cps_fail_stir(err, code, &cause), "x5u");
    }
    return cps_chain_wrap(out, chain, err);
}

static int64_t certcache_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns until when a chain is kept that may be cached for `seconds`. */
static int64_t certcache_keep_until(const struct cps *cps, const struct cps_chain *chain, int64_t seconds)
{
    int64_t now = cps_now(cps);
    int64_t until = now + certcache_min(seconds, cps->options.x5u_max_age_s);
    if (chain->chain->not_after > now) {
        until = certcache_min(until, chain->chain->not_after);
    } else {
        until = certcache_min(until, now + EXPIRED_KEEP_S);
    }
    return until > now + LEAST_KEEP_S ? until : now + LEAST_KEEP_S;
}

/* Returns true if two chains have the same certificates, whether a TNAuthList came with them or was fetched. */
static bool certcache_same_certs(const struct cps_chain *a, const struct cps_chain *b)
{
    bool same = a->chain->count == b->chain->count;
    for (size_t i = 0; same && i < a->chain->count; i++) {
        same = X509_cmp(a->chain->certs[i], b->chain->certs[i]) == 0;
    }
    return same;
}

/* Puts a chain, whose reference it takes over, into an entry, whatever was in it. seconds 0: it must not be cached. If
 * the chain has not changed, the old object stays, with what was verified about it. Under the lock. */
static void certcache_settle_chain(struct cps_certcache *cache, struct entry *entry, struct cps_chain *chain,
                                   int64_t seconds)
{
    if (entry->chain && certcache_same_certs(entry->chain, chain)) {
        cps_chain_unref(chain);
    } else {
        cps_chain_unref(entry->chain);
        entry->chain = chain;
    }
    entry->state = READY;
    entry->renewing = false;
    entry->error = (struct cps_error){0};
    entry->once_from = seconds > 0 ? 0 : ++cache->moments;
    entry->until =
        seconds > 0 ? certcache_keep_until(cache->cps, entry->chain, seconds) : cps_now(cache->cps) + ONCE_KEEP_S;
}

/* Puts a failure into an entry. A chain that was only being renewed stays: an attacker who makes us fetch it again
 * while its host fails must not take it away. */
static void certcache_settle_failure(struct cps_certcache *cache, struct entry *entry, const struct cps_error *error)
{
    bool ours = error->code == CPS_E_NOMEM || error->code == CPS_E_CLOSED;
    if (entry->renewing) {
        entry->renewing = false;
        entry->error = *error;
        return;
    }
    cps_chain_unref(entry->chain);
    entry->chain = NULL;
    entry->state = FAILED;
    entry->once_from = 0;
    entry->error = *error;
    entry->until = cps_now(cache->cps) + (ours ? 1 : cache->cps->options.x5u_negative_s);
}

static enum cps_code certcache_read_answer(struct cps_chain **out, const struct cps_response *response,
                                           struct cps_error *err)
{
    enum cps_code code = response->error.code;
    if (code == CPS_OK && response->status != 200) {
        return cps_fail(err, CPS_E_X5U_FETCH, "x5u: the server answered %d", response->status);
    }
    if (code != CPS_OK) {
        bool kept = code == CPS_E_X5U || code == CPS_E_NOMEM || code == CPS_E_CLOSED;
        return cps_fail(err, kept ? code : CPS_E_X5U_FETCH, "x5u: %s", response->error.text);
    }
    return certcache_parse_chain(out, &response->body, false, err);
}

/* Makes a copy of the chain with a TNAuthList for its certificate i. */
static enum cps_code certcache_add_list(struct cps_chain **out, const struct cps_chain *chain, int i,
                                        const struct stir_buf *der, struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_chain *completed = NULL;
    enum stir_code code =
        stir_chain_with_list(&completed, chain->chain, (size_t)i, der->ptr ? der->ptr : "", der->len, &cause);
    return code == STIR_OK ? cps_chain_wrap(out, completed, err) : cps_fail_stir(err, code, &cause);
}

static enum cps_code certcache_read_list(struct cps_chain **out, const struct fetch *fetch,
                                         const struct cps_response *response, struct cps_error *err)
{
    enum cps_code code = response->error.code;
    if (code != CPS_OK) {
        bool kept = code == CPS_E_X5U || code == CPS_E_NOMEM || code == CPS_E_CLOSED;
        return cps_fail(err, kept ? code : CPS_E_X5U_FETCH, "TNAuthList: %s", response->error.text);
    }
    if (response->status != 200) {
        return cps_fail(err, CPS_E_X5U_FETCH, "TNAuthList: the server answered %d", response->status);
    }
    if (strcmp(response->content_type, STIR_TN_LIST_TYPE) != 0) {
        return cps_fail(err, CPS_E_X5U_FETCH, "TNAuthList: the answer is of type \"%s\", not " STIR_TN_LIST_TYPE,
                        response->content_type);
    }
    return certcache_add_list(out, fetch->chain, fetch->list_index, &response->body, err);
}

/* Logs a fetch. A private key at a public URL is an emergency of its owner, so it is logged as an error. */
static void certcache_log_fetched(const struct cps_certcache *cache, const struct cps_transfer *transfer,
                                  enum cps_code code, const struct cps_error *error)
{
    const struct stir_buf *body = &transfer->response.body;
    enum cps_log_level level = code == CPS_OK ? CPS_LOG_DEBUG : CPS_LOG_INFO;
    if (code != CPS_OK && body->ptr && stir_pem_has_private_key(body->ptr, body->len)) {
        level = CPS_LOG_ERROR;
    }
    cps_log(cache->cps, level, "certificate %s: %s", transfer->request.url, code == CPS_OK ? "fetched" : error->text);
}

static void certcache_fetch_free(struct fetch *fetch)
{
    if (fetch) {
        cps_transfer_clear(&fetch->transfer);
        cps_chain_unref(fetch->chain);
        free(fetch);
    }
}

/* On the I/O thread. */
static void certcache_fetch_done(struct cps_transfer *transfer)
{
    struct fetch *fetch = transfer->arg;
    struct cps_certcache *cache = fetch->cache;
    struct cps_chain *chain = NULL;
    struct cps_error error = {0};
    enum cps_code code = fetch->chain ? certcache_read_list(&chain, fetch, &transfer->response, &error)
                                      : certcache_read_answer(&chain, &transfer->response, &error);
    int64_t seconds = transfer->response.max_age_s >= 0 ? transfer->response.max_age_s : UNSAID_KEEP_S;
    certcache_log_fetched(cache, transfer, code, &error);
    pthread_mutex_lock(&cache->lock);
    if (code == CPS_OK) {
        certcache_settle_chain(cache, fetch->entry, chain, seconds);
    } else {
        certcache_settle_failure(cache, fetch->entry, &error);
    }
    cache->fetches--;
    cps_waiters_wake(&cache->waiters);
    pthread_mutex_unlock(&cache->lock);
    certcache_fetch_free(fetch);
}

/* What is fetched, and under which key it is kept. */
struct wanted {
    struct stir_view key;
    const char *url;
    struct cps_chain *list_of; /* NULL: a chain; else a TNAuthList of this one */
    int list_index;            /* of which certificate */
};

static struct fetch *certcache_make_fetch(struct cps_certcache *cache, const struct wanted *wanted)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    struct cps_chain *list_of = wanted->list_of;
    char *copy = strdup(wanted->url);
    if (!fetch || !copy) {
        free(fetch);
        free(copy);
        return NULL;
    }
    fetch->cache = cache;
    fetch->chain = cps_chain_ref(list_of);
    fetch->list_index = wanted->list_index;
    fetch->transfer.done = certcache_fetch_done;
    fetch->transfer.arg = fetch;
    fetch->transfer.request = (struct cps_request){
        .lane = CPS_LANE_CERTIFICATE,
        .url = copy,
        .accept =
            list_of ? STIR_TN_LIST_TYPE : "application/pem-certificate-chain, application/pkix-cert;q=0.8, */*;q=0.5",
        .response_max = list_of ? STIR_TN_LIST_OCTETS : STIR_CHAIN_OCTETS,
        .timeout_ms = cache->cps->options.x5u_timeout_ms,
    };
    return fetch;
}

static struct wanted certcache_wanted_chain(const char *url)
{
    return (struct wanted){.key = stir_view_str(url), .url = url};
}

/* Begins a fetch into an entry: a new one (NULL), an outdated one, or one that is renewed. Under the lock. */
static enum cps_code certcache_begin_fetch(struct cps_certcache *cache, struct entry *entry,
                                           const struct wanted *wanted, bool renew, struct cps_error *err)
{
    if (cache->fetches >= FETCHES_MAX) {
        return cps_fail(err, CPS_E_X5U_FETCH, "x5u: %d certificates are being fetched, which is the limit",
                        FETCHES_MAX);
    }
    /* Entry and request first: once submitted, a fetch cannot be taken back. */
    struct fetch *fetch = certcache_make_fetch(cache, wanted);
    entry = fetch && !entry ? certcache_add_entry(cache, wanted->key.ptr, wanted->key.len) : entry;
    if (!fetch || !entry) {
        certcache_fetch_free(fetch);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    fetch->entry = entry;
    enum cps_code code = cps_transport_submit(cache->cps->transport, &fetch->transfer, err);
    if (code != CPS_OK) {
        if (!renew) {
            certcache_drop_entry(cache, entry);
        }
        certcache_fetch_free(fetch);
        return code;
    }
    if (!renew) {
        cps_chain_unref(entry->chain);
        entry->chain = NULL;
        entry->state = FETCHING;
    }
    entry->renewing = renew;
    entry->asked = cps_now(cache->cps);
    cache->fetches++;
    return CPS_OK;
}

/* Gets what is cached under a key, else joins or begins its fetch. */
static enum cps_found certcache_get_from_net(struct cps_certcache *cache, struct cps_chain **out,
                                             const struct wanted *wanted, struct cps_task *task, struct cps_error *err)
{
    enum cps_found found = CPS_FOUND_LATER;
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = certcache_find_entry(cache, wanted->key.ptr, wanted->key.len);
    if (!task->certificates_since) {
        task->certificates_since = ++cache->moments;
    }
    if (entry && entry->state != FETCHING) {
        found = certcache_use_entry(cache, entry, task, out, err);
    }
    if (found == CPS_FOUND_LATER) {
        bool coming = entry && certcache_is_awaited(entry);
        if (!coming && certcache_begin_fetch(cache, entry, wanted, false, err) != CPS_OK) {
            found = CPS_FOUND_NOT;
        } else {
            cps_waiters_add(&cache->waiters, task);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

/* Looks up what is cached under a key, without fetching. Returns true with a new reference in *out. */
static bool certcache_look_up(struct cps_certcache *cache, const void *key, size_t n, struct cps_chain **out)
{
    bool found = false;
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = certcache_find_entry(cache, key, n);
    if (entry && entry->state == READY) {
        found = certcache_use_entry(cache, entry, NULL, out, NULL) == CPS_FOUND;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

static void certcache_keep(struct cps_certcache *cache, const void *key, size_t n, struct cps_chain *chain,
                           int64_t seconds)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = certcache_find_entry(cache, key, n);
    entry = entry ? entry : certcache_add_entry(cache, key, n);
    if (entry) {
        certcache_settle_chain(cache, entry, cps_chain_ref(chain), seconds);
        entry->asked = cps_now(cache->cps);
    }
    pthread_mutex_unlock(&cache->lock);
}

static enum cps_code certcache_read_from_dir(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                             struct cps_error *err)
{
    struct stir_buf pem = {0};
    struct stir_error cause = {0};
    enum stir_code read = stir_x5u_read_dir(&pem, cache->cps->options.x5u_dir, url, &cause);
    enum cps_code code =
        read == STIR_OK ? certcache_parse_chain(out, &pem, true, err) : cps_fail_stir(err, read, &cause);
    if (code == CPS_OK) {
        certcache_keep(cache, url, strlen(url), *out, DIR_KEEP_S);
    }
    stir_buf_free(&pem);
    return code;
}

static enum cps_code certcache_get_from_dir(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                            struct cps_error *err)
{
    return certcache_look_up(cache, url, strlen(url), out) ? CPS_OK : certcache_read_from_dir(cache, out, url, err);
}

/* ---- renewing ---- */

/* Looks for a newer chain in the cache. Sets *ask if the cache cannot tell and the URL may be fetched. Under the lock.
 */
static enum cps_found certcache_look_for_later(struct cps_certcache *cache, struct entry *entry,
                                               const struct cps_chain *tried, bool *ask, struct cps_error *err)
{
    int64_t now = cps_now(cache->cps);
    *ask = false;
    if (!entry) {
        return CPS_FOUND_NOT; /* it had to make room, so `tried` was fetched recently */
    }
    if (entry->state == FAILED || (entry->state == READY && !certcache_same_certs(entry->chain, tried))) {
        return CPS_FOUND; /* cps_certcache_get returns it */
    }
    if (certcache_is_awaited(entry)) {
        return CPS_FOUND_LATER;
    }
    *ask = now < entry->asked || now - entry->asked >= RENEW_S;
    *err = entry->error;
    return CPS_FOUND_NOT;
}

/* Looks for a newer chain in x5u_dir. */
static enum cps_found certcache_renew_from_dir(struct cps_certcache *cache, const struct cps_chain *tried,
                                               const char *url, struct cps_error *err)
{
    struct cps_chain *chain = NULL, *kept = NULL;
    if (certcache_read_from_dir(cache, &chain, url, err) != CPS_OK) {
        return CPS_FOUND_NOT;
    }
    bool other = !certcache_look_up(cache, url, strlen(url), &kept) || !certcache_same_certs(kept, tried);
    cps_chain_unref(chain);
    cps_chain_unref(kept);
    return other ? CPS_FOUND : CPS_FOUND_NOT;
}

enum cps_found cps_certcache_renew(struct cps_certcache *cache, const struct cps_chain *tried, const char *url,
                                   struct cps_task *task, struct cps_error *err)
{
    const struct wanted wanted = certcache_wanted_chain(url);
    bool ask;
    bool in_dir = cache->cps->options.x5u_dir != NULL;
    *err = (struct cps_error){0};
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = certcache_find_entry(cache, url, strlen(url));
    enum cps_found found = certcache_look_for_later(cache, entry, tried, &ask, err);
    if (ask && in_dir) {
        entry->asked = cps_now(cache->cps); /* also counts if the file cannot be read */
    } else if (ask && certcache_begin_fetch(cache, entry, &wanted, true, err) == CPS_OK) {
        found = CPS_FOUND_LATER;
    }
    if (found == CPS_FOUND_LATER) {
        cps_waiters_add(&cache->waiters, task);
    }
    pthread_mutex_unlock(&cache->lock);
    return ask && in_dir ? certcache_renew_from_dir(cache, tried, url, err) : found;
}

static enum cps_code certcache_check_url(const struct cps_certcache *cache, const char *url, struct cps_error *err)
{
    const struct cps_options *options = &cache->cps->options;
    const struct stir_x5u_rules rules = {.ports = options->x5u_ports, .port_count = options->x5u_port_count};
    struct stir_error cause = {0};
    enum stir_code code = stir_x5u_check(&rules, url, &cause);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

/* Adds a TNAuthList from x5u_dir, which takes the place of the network. */
static enum cps_code certcache_list_from_dir(struct cps_certcache *cache, struct cps_chain **out,
                                             const struct wanted *wanted, struct cps_error *err)
{
    struct stir_buf der = {0};
    struct stir_error cause = {0};
    struct stir_view key = wanted->key;
    if (certcache_look_up(cache, key.ptr, key.len, out)) {
        return CPS_OK;
    }
    enum stir_code read = stir_x5u_read_dir(&der, cache->cps->options.x5u_dir, wanted->url, &cause);
    enum cps_code code = read == STIR_OK ? certcache_add_list(out, wanted->list_of, wanted->list_index, &der, err)
                                         : cps_fail_stir(err, read, &cause);
    stir_buf_free(&der);
    if (code != CPS_OK) {
        return cps_fail_prefix(err, code, "TNAuthList");
    }
    certcache_keep(cache, key.ptr, key.len, *out, DIR_KEEP_S);
    return CPS_OK;
}

/* Adds the TNAuthList of one certificate to a chain (RFC 8226 section 10.1). */
static enum cps_found certcache_add_one_list(struct cps_certcache *cache, struct cps_chain **out,
                                             struct cps_chain *chain, int index, struct cps_task *task,
                                             struct cps_error *err)
{
    uint8_t key[1 + STIR_CHAIN_LIST_KEY] = {'@'};
    const char *url = chain->chain->list_urls[index];
    if (certcache_check_url(cache, url, err) != CPS_OK) {
        return CPS_FOUND_NOT;
    }
    if (!stir_chain_list_key(key + 1, chain->chain, (size_t)index)) {
        (void)cps_fail(err, CPS_E_CRYPTO, "SHA-256 failed");
        return CPS_FOUND_NOT;
    }
    const struct wanted wanted = {.key = stir_view((const char *)key, sizeof(key)),
                                  .url = url,
                                  .list_of = chain,
                                  .list_index = index};
    if (cache->cps->options.x5u_dir) {
        return certcache_list_from_dir(cache, out, &wanted, err) == CPS_OK ? CPS_FOUND : CPS_FOUND_NOT;
    }
    return certcache_get_from_net(cache, out, &wanted, task, err);
}

enum cps_found cps_certcache_complete(struct cps_certcache *cache, struct cps_chain **chain, struct cps_task *task,
                                      struct cps_error *err)
{
    enum cps_found found = CPS_FOUND;
    /* Each round adds one list. */
    for (size_t i = 0; found == CPS_FOUND && i < STIR_CHAIN_MAX && stir_chain_lacks_lists((*chain)->chain); i++) {
        struct cps_chain *completed = NULL;
        int index = -1;
        /* An unknown signer must not make us fetch URLs: the chain has to lead to a root first, through the certificate
         * whose list is fetched. */
        int64_t at = certcache_min(cps_now(cache->cps), (*chain)->chain->not_after);
        if (cps_chain_lacks(*chain, cache->cps->trust, at, &index, NULL) != CPS_OK || index < 0) {
            return CPS_FOUND; /* judging the chain will give the reason */
        }
        found = certcache_add_one_list(cache, &completed, *chain, index, task, err);
        if (found == CPS_FOUND) {
            cps_chain_unref(*chain);
            *chain = completed;
        }
    }
    return found;
}

enum cps_found cps_certcache_get(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                 struct cps_task *task, struct cps_error *err)
{
    struct cps_chain *chain = NULL;
    enum cps_found found = CPS_FOUND_NOT;
    if (certcache_check_url(cache, url, err) != CPS_OK) {
        return CPS_FOUND_NOT;
    }
    if (cache->cps->options.x5u_dir) {
        found = certcache_get_from_dir(cache, &chain, url, err) == CPS_OK ? CPS_FOUND : CPS_FOUND_NOT;
    } else {
        const struct wanted wanted = certcache_wanted_chain(url);
        found = certcache_get_from_net(cache, &chain, &wanted, task, err);
    }
    if (found == CPS_FOUND) {
        found = cps_certcache_complete(cache, &chain, task, err);
    }
    if (found == CPS_FOUND) {
        *out = chain;
    } else {
        cps_chain_unref(chain);
    }
    return found;
}

void cps_certcache_leave(struct cps_certcache *cache, struct cps_task *task)
{
    pthread_mutex_lock(&cache->lock);
    cps_waiters_remove(CPS_WAITING_CERTIFICATE, task);
    pthread_mutex_unlock(&cache->lock);
}

/* Makes the cache key of a chain in DER: '#' and a digest of its certificates' digests. */
static bool certcache_chain_key(char key[1 + SHA256_DIGEST_LENGTH], const struct stir_view *certs, size_t count)
{
    uint8_t digests[STIR_CHAIN_MAX][SHA256_DIGEST_LENGTH];
    for (size_t i = 0; i < count; i++) {
        if (!SHA256((const unsigned char *)certs[i].ptr, certs[i].len, digests[i])) {
            return false;
        }
    }
    key[0] = '#';
    return SHA256(digests[0], count * SHA256_DIGEST_LENGTH, (unsigned char *)key + 1) != NULL;
}

enum cps_code cps_certcache_from_der(struct cps_certcache *cache, struct cps_chain **out, const struct stir_view *certs,
                                     size_t count, struct cps_error *err)
{
    char key[1 + SHA256_DIGEST_LENGTH];
    struct stir_error cause = {0};
    struct stir_chain *chain = NULL;
    if (count == 0 || count > STIR_CHAIN_MAX) {
        return cps_fail(err, CPS_E_CERT, "x5c has %zu certificates; it must have 1 to %d", count, STIR_CHAIN_MAX);
    }
    /* The same chain is parsed and verified once, in whatever envelope it comes. */
    if (!certcache_chain_key(key, certs, count)) {
        return cps_fail(err, CPS_E_CRYPTO, "SHA-256 failed");
    }
    if (certcache_look_up(cache, key, sizeof(key), out)) {
        return CPS_OK;
    }
    enum stir_code parsed = stir_chain_from_der(&chain, certs, count, &cause);
    if (parsed != STIR_OK) {
        parsed = parsed == STIR_E_TOO_BIG ? STIR_E_CERT : parsed;
        cause.code = parsed;
        return cps_fail_prefix(err, cps_fail_stir(err, parsed, &cause), "x5c");
    }
    enum cps_code code = cps_chain_wrap(out, chain, err);
    if (code == CPS_OK) {
        certcache_keep(cache, key, sizeof(key), *out, cache->cps->options.x5u_max_age_s);
    }
    return code;
}

enum cps_code cps_certcache_from_x5c(struct cps_certcache *cache, struct cps_chain **out, const json_t *x5c,
                                     struct cps_error *err)
{
    char key[1 + SHA256_DIGEST_LENGTH] = {'%'};
    struct stir_error cause = {0};
    struct stir_chain *chain = NULL;
    enum stir_code parsed = stir_x5c_digest((uint8_t *)key + 1, x5c, &cause);
    if (parsed == STIR_OK && certcache_look_up(cache, key, sizeof(key), out)) {
        return CPS_OK;
    }
    parsed = parsed == STIR_OK ? stir_x5c_parse(&chain, x5c, &cause) : parsed;
    if (parsed != STIR_OK) {
        parsed = parsed == STIR_E_TOO_BIG ? STIR_E_CERT : parsed; /* the limit is the certificate's, not the token's */
        cause.code = parsed;
        return cps_fail_stir(err, parsed, &cause);
    }
    enum cps_code code = cps_chain_wrap(out, chain, err);
    if (code == CPS_OK) {
        certcache_keep(cache, key, sizeof(key), *out, cache->cps->options.x5u_max_age_s);
    }
    return code;
}
