#include "client/lib/certcache.h"

#include "client/lib/map.h"
#include "client/lib/task.h"
#include "common/x5u.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define DIR_KEEP_S 60     /* what was read from the directory */
#define UNSAID_KEEP_S 300 /* an answer without Cache-Control */
#define LEAST_KEEP_S 5    /* whatever it says: those who waited for it have to get at it */
#define FETCHES_MAX 256   /* under way or queued */
#define EXPIRED_KEEP_S 60 /* a chain whose validity is over: it may still serve for what was signed before */

enum state {
    FETCHING,
    READY,
    FAILED,
};

struct entry {
    struct cps_map_node node; /* first: a node is its entry */
    struct entry *newer, *older;
    enum state state;
    struct cps_chain *chain;
    int64_t until; /* no longer good after it, by the handle's clock */
    struct cps_error error;
    size_t key_len;
    char key[]; /* the URL; or '#' and the digest of a chain, which no URL begins with */
};

struct cps_certcache {
    struct cps *cps;
    pthread_mutex_t lock;
    struct cps_map map;
    struct entry *newest, *oldest; /* by last use */
    unsigned fetches;
    struct cps_waiters waiters;
};

struct fetch {
    struct cps_transfer transfer;
    struct cps_certcache *cache;
    struct entry *entry; /* stays while it is FETCHING */
};

enum cps_code cps_certcache_new(struct cps_certcache **out, struct cps *cps, struct cps_error *err)
{
    struct cps_certcache *cache = calloc(1, sizeof(*cache));
    if (!cache || !cps_map_init(&cache->map)) {
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

static void unlink_entry(struct cps_certcache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct cps_certcache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void drop(struct cps_certcache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    cps_map_remove(&cache->map, &entry->node);
    cps_chain_unref(entry->chain);
    free(entry);
}

static struct entry *find(struct cps_certcache *cache, const void *key, size_t n)
{
    uint64_t hash = cps_map_hash(&cache->map, key, n, NULL, 0);
    for (struct cps_map_node *node = cps_map_first(&cache->map, hash); node; node = cps_map_next(node)) {
        struct entry *entry = (struct entry *)node;
        if (entry->key_len == n && memcmp(entry->key, key, n) == 0) {
            unlink_entry(cache, entry);
            link_newest(cache, entry);
            return entry;
        }
    }
    return NULL;
}

static struct entry *add(struct cps_certcache *cache, const void *key, size_t n)
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
        if (old->state != FETCHING) {
            drop(cache, old);
        }
    }
    cps_map_put(&cache->map, &entry->node, cps_map_hash(&cache->map, key, n, NULL, 0));
    link_newest(cache, entry);
    return entry;
}

/* What an entry that is not FETCHING amounts to now; CPS_FOUND_LATER: nothing any more. */
static enum cps_found use(struct cps_certcache *cache, struct entry *entry, struct cps_chain **out,
                          struct cps_error *err)
{
    if (cps_now(cache->cps) > entry->until) {
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
        drop(cache, cache->newest);
    }
    cps_map_free(&cache->map);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* ---- what comes in ---- */

static enum cps_code parse_chain(struct cps_chain **out, const struct stir_buf *pem, struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_chain *chain = NULL;
    enum stir_code code = stir_chain_parse(&chain, pem->ptr ? pem->ptr : "", pem->len, &cause);
    if (code == STIR_E_TOO_BIG) {
        code = STIR_E_CERT; /* of the certificate, not of the token */
        cause.code = code;
    }
    if (code != STIR_OK) {
        return cps_fail_prefix(err, cps_fail_stir(err, code, &cause), "x5u");
    }
    return cps_chain_wrap(out, chain, err);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until when a chain is kept that may be used for `seconds`. */
static int64_t keep_until(const struct cps *cps, const struct cps_chain *chain, int64_t seconds)
{
    int64_t now = cps_now(cps);
    int64_t until = now + least(seconds, cps->options.x5u_max_age_s);
    if (chain->chain->not_after > now) {
        until = least(until, chain->chain->not_after);
    } else {
        until = least(until, now + EXPIRED_KEEP_S);
    }
    return until > now + LEAST_KEEP_S ? until : now + LEAST_KEEP_S;
}

/* What an entry has from now on, whatever was in it; takes over the reference. Under the lock. */
static void settle_chain(struct cps_certcache *cache, struct entry *entry, struct cps_chain *chain, int64_t seconds)
{
    cps_chain_unref(entry->chain);
    entry->chain = chain;
    entry->state = READY;
    entry->until = keep_until(cache->cps, chain, seconds);
}

static void settle_failure(struct cps_certcache *cache, struct entry *entry, const struct cps_error *error)
{
    bool ours = error->code == CPS_E_NOMEM || error->code == CPS_E_CLOSED;
    cps_chain_unref(entry->chain);
    entry->chain = NULL;
    entry->state = FAILED;
    entry->error = *error;
    entry->until = cps_now(cache->cps) + (ours ? 1 : cache->cps->options.x5u_negative_s);
}

static enum cps_code read_answer(struct cps_chain **out, const struct cps_response *response, struct cps_error *err)
{
    enum cps_code code = response->error.code;
    if (code == CPS_OK && response->status != 200) {
        return cps_fail(err, CPS_E_X5U_FETCH, "x5u: the server answered %d", response->status);
    }
    if (code != CPS_OK) {
        bool kept = code == CPS_E_X5U || code == CPS_E_NOMEM || code == CPS_E_CLOSED;
        return cps_fail(err, kept ? code : CPS_E_X5U_FETCH, "x5u: %s", response->error.text);
    }
    return parse_chain(out, &response->body, err);
}

/* On the I/O thread. */
static void fetched(struct cps_transfer *transfer)
{
    struct fetch *fetch = transfer->arg;
    struct cps_certcache *cache = fetch->cache;
    struct cps_chain *chain = NULL;
    struct cps_error error = {0};
    enum cps_code code = read_answer(&chain, &transfer->response, &error);
    int64_t seconds = transfer->response.max_age_s >= 0 ? transfer->response.max_age_s : UNSAID_KEEP_S;
    cps_log(cache->cps, code == CPS_OK ? CPS_LOG_DEBUG : CPS_LOG_INFO, "certificate %s: %s", transfer->request.url,
            code == CPS_OK ? "fetched" : error.text);
    pthread_mutex_lock(&cache->lock);
    if (code == CPS_OK) {
        settle_chain(cache, fetch->entry, chain, seconds);
    } else {
        settle_failure(cache, fetch->entry, &error);
    }
    cache->fetches--;
    cps_waiters_wake(&cache->waiters);
    pthread_mutex_unlock(&cache->lock);
    cps_transfer_clear(transfer);
    free(fetch);
}

static struct fetch *make_fetch(struct cps_certcache *cache, const char *url)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    char *copy = strdup(url);
    if (!fetch || !copy) {
        free(fetch);
        free(copy);
        return NULL;
    }
    fetch->cache = cache;
    fetch->transfer.done = fetched;
    fetch->transfer.arg = fetch;
    fetch->transfer.request = (struct cps_request){
        .lane = CPS_LANE_CERTIFICATE,
        .url = copy,
        .accept = "application/pem-certificate-chain, application/pkix-cert;q=0.8, */*;q=0.5",
        .response_max = STIR_CHAIN_OCTETS,
        .timeout_ms = cache->cps->options.x5u_timeout_ms,
    };
    return fetch;
}

/* Begins a fetch into an entry, a new one or one whose time is over. Under the lock. */
static enum cps_code begin_fetch(struct cps_certcache *cache, struct entry *entry, const char *url,
                                 struct cps_error *err)
{
    if (cache->fetches >= FETCHES_MAX) {
        return cps_fail(err, CPS_E_X5U_FETCH, "x5u: %d certificates are being fetched, the limit", FETCHES_MAX);
    }
    struct fetch *fetch = make_fetch(cache, url);
    entry = fetch && !entry ? add(cache, url, strlen(url)) : entry;
    if (!fetch || !entry) {
        if (fetch) {
            cps_transfer_clear(&fetch->transfer);
        }
        free(fetch);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    fetch->entry = entry;
    enum cps_code code = cps_transport_submit(cache->cps->transport, &fetch->transfer, err);
    if (code != CPS_OK) {
        drop(cache, entry);
        cps_transfer_clear(&fetch->transfer);
        free(fetch);
        return code;
    }
    cps_chain_unref(entry->chain);
    entry->chain = NULL;
    entry->state = FETCHING;
    cache->fetches++;
    return CPS_OK;
}

static enum cps_found get_from_net(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                   struct cps_task *task, struct cps_error *err)
{
    enum cps_found found = CPS_FOUND_LATER;
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, url, strlen(url));
    if (entry && entry->state != FETCHING) {
        found = use(cache, entry, out, err);
    }
    if (found == CPS_FOUND_LATER) {
        bool coming = entry && entry->state == FETCHING;
        if (!coming && begin_fetch(cache, entry, url, err) != CPS_OK) {
            found = CPS_FOUND_NOT;
        } else {
            cps_waiters_add(&cache->waiters, task);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

/* What is in the cache, without waiting. */
static bool look_up(struct cps_certcache *cache, const void *key, size_t n, struct cps_chain **out)
{
    bool found = false;
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key, n);
    if (entry && entry->state == READY) {
        found = use(cache, entry, out, NULL) == CPS_FOUND;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

static void keep(struct cps_certcache *cache, const void *key, size_t n, struct cps_chain *chain, int64_t seconds)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key, n);
    entry = entry ? entry : add(cache, key, n);
    if (entry) {
        settle_chain(cache, entry, cps_chain_ref(chain), seconds);
    }
    pthread_mutex_unlock(&cache->lock);
}

static enum cps_code get_from_dir(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                  struct cps_error *err)
{
    struct stir_buf pem = {0};
    struct stir_error cause = {0};
    if (look_up(cache, url, strlen(url), out)) {
        return CPS_OK;
    }
    enum stir_code read = stir_x5u_read_dir(&pem, cache->cps->options.x5u_dir, url, &cause);
    enum cps_code code = read == STIR_OK ? parse_chain(out, &pem, err) : cps_fail_stir(err, read, &cause);
    if (code == CPS_OK) {
        keep(cache, url, strlen(url), *out, DIR_KEEP_S);
    }
    stir_buf_free(&pem);
    return code;
}

enum cps_found cps_certcache_get(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                 struct cps_task *task, struct cps_error *err)
{
    const struct cps_options *options = &cache->cps->options;
    const struct stir_x5u_rules rules = {.ports = options->x5u_ports, .port_count = options->x5u_port_count};
    struct stir_error cause = {0};
    enum stir_code code = stir_x5u_check(&rules, url, &cause);
    if (code != STIR_OK) {
        (void)cps_fail_stir(err, code, &cause);
        return CPS_FOUND_NOT;
    }
    if (options->x5u_dir) {
        return get_from_dir(cache, out, url, err) == CPS_OK ? CPS_FOUND : CPS_FOUND_NOT;
    }
    return get_from_net(cache, out, url, task, err);
}

void cps_certcache_leave(struct cps_certcache *cache, struct cps_task *task)
{
    pthread_mutex_lock(&cache->lock);
    cps_waiters_remove(CPS_WAITING_CERTIFICATE, task);
    pthread_mutex_unlock(&cache->lock);
}

/* '#' and a digest of the certificates' digests. */
static bool chain_key(char key[1 + SHA256_DIGEST_LENGTH], const struct stir_view *certs, size_t count)
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
        return cps_fail(err, CPS_E_CERT, "x5c has %zu certificates, not 1 to %d", count, STIR_CHAIN_MAX);
    }
    if (!chain_key(key, certs, count)) {
        return cps_fail(err, CPS_E_CRYPTO, "SHA-256 failed");
    }
    if (look_up(cache, key, sizeof(key), out)) {
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
        keep(cache, key, sizeof(key), *out, cache->cps->options.x5u_max_age_s);
    }
    return code;
}
