#include "cps/certs.h"

#include "common/x5c.h"
#include "cps/certs_table.h"

#include <stdlib.h>
#include <string.h>

#define JUDGED_S 60      /* a verdict: ends of validity, stale lists and the like show within it */
#define CONDEMNED_S 10   /* a bad one */
#define LEAST_KEEP_S 5   /* whatever the server says: those who waited have to get at it */
#define X5C_KEEP_S 86400 /* what a token brought with it */

struct cpsd_certs {
    struct cpsd_fetcher *fetcher;
    uv_mutex_t lock; /* of everything below */
    struct cpsd_certs_table table;
    struct cpsd_certs_dir dir;
    struct cpsd_certs_stats stats;
};

/* A fetch under way; its entry stays meanwhile. */
struct fetch {
    struct cpsd_certs *certs;
    struct cpsd_certs_entry *entry;
    struct cpsd_trusted *trusted; /* that of who came first: mostly that of the others, too */
    int64_t now;
    int64_t keep_s, keep_max_s, negative_s;
};

enum stir_code cpsd_certs_new(struct cpsd_certs **out, struct cpsd_fetcher *fetcher, size_t entries,
                              struct stir_error *err)
{
    struct cpsd_certs *certs = calloc(1, sizeof(*certs));
    if (!certs || !cpsd_certs_table_init(&certs->table, entries) || uv_mutex_init(&certs->lock) < 0) {
        if (certs) {
            cpsd_certs_table_clear(&certs->table);
        }
        free(certs);
        return stir_fail(err, STIR_E_NOMEM, "the cache of certificates");
    }
    certs->fetcher = fetcher;
    *out = certs;
    return STIR_OK;
}

void cpsd_certs_free(struct cpsd_certs *certs)
{
    if (certs) {
        cpsd_certs_table_clear(&certs->table);
        cpsd_certs_dir_clear(&certs->dir);
        uv_mutex_destroy(&certs->lock);
        free(certs);
    }
}

enum stir_code cpsd_certs_load_dir(struct cpsd_certs *certs, const char *path, size_t *count, struct stir_error *err)
{
    struct cpsd_certs_dir dir = {0};
    enum stir_code code = path[0] ? cpsd_certs_dir_read(&dir, path, err) : STIR_OK;
    if (code != STIR_OK) {
        return code;
    }
    if (count) {
        *count = dir.count;
    }
    uv_mutex_lock(&certs->lock);
    struct cpsd_certs_dir old = certs->dir;
    certs->dir = dir;
    for (int list = 0; list < CPSD_CERTS_LISTS; list++) {
        for (struct cpsd_certs_entry *entry = certs->table.newest[list], *next; entry; entry = next) {
            next = entry->older;
            if (entry->from_dir || entry->state == CPSD_CERTS_BAD) {
                cpsd_certs_table_drop(&certs->table, entry);
            }
        }
    }
    uv_mutex_unlock(&certs->lock);
    cpsd_certs_dir_clear(&old);
    return STIR_OK;
}

/* ---- verdicts ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Under the lock. */
static void judge(struct cpsd_certs *certs, struct cpsd_certs_entry *entry, const struct cpsd_trusted *trusted,
                  int64_t now, enum stir_code code, const struct stir_error *error)
{
    entry->generation = trusted ? trusted->generation : 0;
    entry->error = *error;
    entry->error.code = code;
    entry->judged_until = code == STIR_OK ? least(now + JUDGED_S, entry->chain->not_after) : now + CONDEMNED_S;
    certs->stats.verifications++;
    cpsd_certs_table_move(&certs->table, entry, code == STIR_OK ? CPSD_CERTS_GOOD : CPSD_CERTS_OTHERS);
}

static bool is_judged(const struct cpsd_certs_entry *entry, const struct cpsd_trusted *trusted, int64_t now)
{
    return entry->generation != 0 && trusted && entry->generation == trusted->generation && now <= entry->judged_until;
}

static enum cpsd_certs_found give(struct stir_chain **out, const struct cpsd_certs_entry *entry, struct stir_error *err)
{
    if (entry->error.code == STIR_OK) {
        *out = stir_chain_ref(entry->chain);
        return CPSD_CERTS_FOUND;
    }
    if (err) {
        *err = entry->error;
    }
    return CPSD_CERTS_FAILED;
}

/* A chain that has no verdict: outside the lock it gets one. Takes over the reference. */
static enum cpsd_certs_found verify(struct cpsd_certs *certs, struct stir_chain **out, struct stir_chain *chain,
                                    const void *key, size_t n, const struct cpsd_trusted *trusted, int64_t now,
                                    struct stir_error *err)
{
    struct stir_error error = {0};
    enum stir_code code = cpsd_trusted_verify(trusted, chain, now, &error);
    uv_mutex_lock(&certs->lock);
    struct cpsd_certs_entry *entry = cpsd_certs_table_find(&certs->table, key, n);
    if (entry && entry->state == CPSD_CERTS_READY && entry->chain == chain) {
        judge(certs, entry, trusted, now, code, &error);
    }
    uv_mutex_unlock(&certs->lock);
    if (code == STIR_OK) {
        *out = chain;
        return CPSD_CERTS_FOUND;
    }
    stir_chain_unref(chain);
    if (err) {
        *err = error;
        err->code = code;
    }
    return CPSD_CERTS_FAILED;
}

/* ---- what comes in ---- */

/* Under the lock: everybody who waits is told. */
static void wake(struct cpsd_certs_entry *entry)
{
    while (entry->waits) {
        struct cpsd_certs_wait *wait = entry->waits;
        entry->waits = wait->next;
        if (wait->next) {
            wait->next->link = &entry->waits;
        }
        wait->link = NULL;
        cpsd_port_send(wait->port, &wait->notice);
    }
}

static void put_chain(struct cpsd_certs_entry *entry, struct stir_chain *chain, int64_t now, int64_t seconds)
{
    stir_chain_unref(entry->chain);
    entry->chain = chain;
    entry->state = CPSD_CERTS_READY;
    entry->generation = 0;
    entry->fetched_at = now;
    entry->until = now + seconds;
    if (chain->not_after > now) {
        entry->until = least(entry->until, chain->not_after);
    }
    if (entry->until < now + LEAST_KEEP_S) {
        entry->until = now + LEAST_KEEP_S;
    }
}

/* A host that is away for a while does not take its certificates with it: revocation lists say what is revoked. */
static void put_failure(struct cpsd_certs *certs, struct cpsd_certs_entry *entry, const struct fetch *fetch,
                        const struct stir_error *error)
{
    certs->stats.failures++;
    entry->until = fetch->now + (fetch->negative_s > LEAST_KEEP_S ? fetch->negative_s : LEAST_KEEP_S);
    if (entry->chain && error->code == STIR_E_X5U_FETCH && entry->fetched_at + fetch->keep_max_s > fetch->now) {
        entry->state = CPSD_CERTS_READY;
        return;
    }
    stir_chain_unref(entry->chain);
    entry->chain = NULL;
    entry->state = CPSD_CERTS_BAD;
    entry->error = *error;
    cpsd_certs_table_move(&certs->table, entry, CPSD_CERTS_OTHERS);
}

static enum stir_code read_answer(struct stir_chain **out, const struct cpsd_fetch_result *result,
                                  struct stir_error *err)
{
    enum stir_code code = result->error.code;
    if (code == STIR_OK && result->status != 200) {
        return stir_fail(err, STIR_E_X5U_FETCH, "x5u: the server answered %d", result->status);
    }
    if (code != STIR_OK) {
        bool kept = code == STIR_E_X5U || code == STIR_E_NOMEM || code == STIR_E_UNAVAILABLE;
        return stir_fail(err, kept ? code : STIR_E_X5U_FETCH, "x5u: %s", result->error.text);
    }
    code = stir_chain_parse(out, result->body.ptr, result->body.len, err);
    return code == STIR_OK ? code : stir_fail_prefix(err, code == STIR_E_NOMEM ? code : STIR_E_CERT, "x5u");
}

/* On the fetcher's thread. */
static void fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct fetch *fetch = arg;
    struct cpsd_certs *certs = fetch->certs;
    struct stir_chain *chain = NULL;
    struct stir_error error = {0}, verdict = {0};
    enum stir_code code = read_answer(&chain, result, &error);
    enum stir_code judged = code == STIR_OK ? cpsd_trusted_verify(fetch->trusted, chain, fetch->now, &verdict) : code;
    int64_t seconds = result->max_age_s >= 0 ? least(result->max_age_s, fetch->keep_max_s) : fetch->keep_s;
    uv_mutex_lock(&certs->lock);
    if (code == STIR_OK) {
        put_chain(fetch->entry, chain, fetch->now, seconds);
        judge(certs, fetch->entry, fetch->trusted, fetch->now, judged, &verdict);
    } else {
        put_failure(certs, fetch->entry, fetch, &error);
    }
    wake(fetch->entry);
    uv_mutex_unlock(&certs->lock);
    cpsd_trusted_unref(fetch->trusted);
    free(fetch);
}

/* ---- getting ---- */

/* Begins a fetch into an entry, a new one or one whose time is over. Under the lock. */
static enum stir_code begin_fetch(struct cpsd_certs *certs, struct cpsd_certs_entry **entry, const char *url,
                                  const struct cpsd_trusted *trusted, int64_t now, const struct cpsd_certs_rules *rules,
                                  struct stir_error *err)
{
    if (!rules->fetch) {
        return stir_fail(err, STIR_E_X5U_FETCH, "x5u: certificates are not fetched, and the directory lacks this one");
    }
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    struct cpsd_certs_entry *into = *entry;
    if (fetch && !into) {
        into = cpsd_certs_table_add(&certs->table, url, strlen(url));
    }
    if (!fetch || !into) {
        free(fetch);
        return stir_fail(err, STIR_E_NOMEM, "a certificate");
    }
    *fetch = (struct fetch){.certs = certs,
                            .entry = into,
                            .trusted = cpsd_trusted_ref((struct cpsd_trusted *)(uintptr_t)trusted),
                            .now = now,
                            .keep_s = rules->keep_s,
                            .keep_max_s = rules->keep_max_s,
                            .negative_s = rules->negative_s};
    const struct cpsd_fetch_request request = {
        .url = url,
        .fields = {"Accept: application/pem-certificate-chain, application/pkix-cert;q=0.8, */*;q=0.5"},
        .max_bytes = STIR_CHAIN_OCTETS,
        .timeout_ms = rules->timeout_ms,
        .public_only = !rules->allow_private,
        .ca_file = rules->ca_file};
    enum stir_code code = cpsd_fetch(NULL, certs->fetcher, NULL, &request, fetched, fetch, err);
    if (code != STIR_OK) {
        cpsd_trusted_unref(fetch->trusted);
        free(fetch);
        return code;
    }
    into->state = CPSD_CERTS_FETCHING;
    certs->stats.fetches++;
    *entry = into;
    return STIR_OK;
}

static void add_wait(struct cpsd_certs_entry *entry, struct cpsd_certs_wait *wait)
{
    wait->next = entry->waits;
    wait->link = &entry->waits;
    if (wait->next) {
        wait->next->link = &wait->next;
    }
    entry->waits = wait;
}

/* What the directory has for a URL comes into the cache; NULL: nothing. Under the lock. */
static struct cpsd_certs_entry *from_dir(struct cpsd_certs *certs, struct cpsd_certs_entry *entry, const char *url,
                                         int64_t now)
{
    struct stir_chain *chain = cpsd_certs_dir_find(&certs->dir, url);
    if (!chain) {
        return NULL;
    }
    entry = entry ? entry : cpsd_certs_table_add(&certs->table, url, strlen(url));
    if (entry) {
        put_chain(entry, stir_chain_ref(chain), now, 0);
        entry->until = INT64_MAX; /* until the directory is read again */
        entry->from_dir = true;
    }
    return entry;
}

/* What an entry amounts to. CPSD_CERTS_LATER with *unjudged set: its chain needs a verdict. Under the lock. */
static enum cpsd_certs_found look(struct cpsd_certs *certs, const struct cpsd_certs_entry *entry,
                                  struct stir_chain **out, struct stir_chain **unjudged,
                                  const struct cpsd_trusted *trusted, int64_t now, struct stir_error *err)
{
    if (entry->state == CPSD_CERTS_READY && !is_judged(entry, trusted, now)) {
        *unjudged = stir_chain_ref(entry->chain);
        return CPSD_CERTS_LATER;
    }
    certs->stats.hits++;
    return give(out, entry, err);
}

enum cpsd_certs_found cpsd_certs_get(struct cpsd_certs *certs, struct stir_chain **out, const char *url,
                                     const struct cpsd_trusted *trusted, int64_t now,
                                     const struct cpsd_certs_rules *rules, struct cpsd_certs_wait *wait,
                                     struct stir_error *err)
{
    size_t n = strlen(url);
    struct stir_chain *unjudged = NULL;
    enum cpsd_certs_found found = CPSD_CERTS_LATER;
    uv_mutex_lock(&certs->lock);
    struct cpsd_certs_entry *entry = cpsd_certs_table_find(&certs->table, url, n);
    bool coming = entry && entry->state == CPSD_CERTS_FETCHING;
    struct cpsd_certs_entry *good = entry && !coming && now <= entry->until ? entry : NULL;
    if (!coming && !good) {
        good = from_dir(certs, entry, url, now);
    }
    if (good) {
        found = look(certs, good, out, &unjudged, trusted, now, err);
    } else if (!coming && begin_fetch(certs, &entry, url, trusted, now, rules, err) != STIR_OK) {
        found = CPSD_CERTS_FAILED;
    } else {
        add_wait(entry, wait);
    }
    uv_mutex_unlock(&certs->lock);
    return unjudged ? verify(certs, out, unjudged, url, n, trusted, now, err) : found;
}

void cpsd_certs_leave(struct cpsd_certs *certs, struct cpsd_certs_wait *wait)
{
    uv_mutex_lock(&certs->lock);
    if (wait->link) {
        *wait->link = wait->next;
        if (wait->next) {
            wait->next->link = wait->link;
        }
        wait->link = NULL;
    } else if (wait->port) {
        (void)cpsd_port_recall(wait->port, &wait->notice);
    }
    uv_mutex_unlock(&certs->lock);
}

/* Reads what the token brought and puts it under its key, with an error if it cannot be read. */
static struct stir_chain *keep_x5c(struct cpsd_certs *certs, const void *key, size_t n, const json_t *x5c, int64_t now,
                                   struct stir_error *err)
{
    struct stir_chain *chain = NULL;
    struct stir_error error = {0};
    enum stir_code code = stir_x5c_parse(&chain, x5c, &error);
    uv_mutex_lock(&certs->lock);
    struct cpsd_certs_entry *entry = cpsd_certs_table_find(&certs->table, key, n);
    entry = entry ? entry : cpsd_certs_table_add(&certs->table, key, n);
    if (entry && chain) {
        put_chain(entry, stir_chain_ref(chain), now, X5C_KEEP_S);
    } else if (entry) {
        entry->error = error;
        entry->error.code = code;
        entry->until = now + CONDEMNED_S;
    }
    uv_mutex_unlock(&certs->lock);
    if (!chain && err) {
        *err = error;
    }
    return chain;
}

enum cpsd_certs_found cpsd_certs_get_x5c(struct cpsd_certs *certs, struct stir_chain **out, const json_t *x5c,
                                         const struct cpsd_trusted *trusted, int64_t now, struct stir_error *err)
{
    uint8_t key[1 + 32] = {'#'};
    struct stir_chain *unjudged = NULL;
    enum cpsd_certs_found found = CPSD_CERTS_LATER;
    if (stir_x5c_digest(key + 1, x5c, err) != STIR_OK) {
        return CPSD_CERTS_FAILED;
    }
    uv_mutex_lock(&certs->lock);
    struct cpsd_certs_entry *entry = cpsd_certs_table_find(&certs->table, key, sizeof(key));
    if (entry && now <= entry->until) {
        found = look(certs, entry, out, &unjudged, trusted, now, err);
    }
    uv_mutex_unlock(&certs->lock);
    if (found != CPSD_CERTS_LATER) {
        return found;
    }
    if (!unjudged) {
        unjudged = keep_x5c(certs, key, sizeof(key), x5c, now, err);
    }
    return unjudged ? verify(certs, out, unjudged, key, sizeof(key), trusted, now, err) : CPSD_CERTS_FAILED;
}

void cpsd_certs_stats(struct cpsd_certs *certs, struct cpsd_certs_stats *out)
{
    uv_mutex_lock(&certs->lock);
    *out = certs->stats;
    out->held = certs->table.count[CPSD_CERTS_GOOD] + certs->table.count[CPSD_CERTS_OTHERS];
    uv_mutex_unlock(&certs->lock);
}
