#include "client/lib/directory.h"

#include "client/lib/finding.h"
#include "client/lib/map.h"
#include "client/lib/pinned.h"
#include "client/lib/task.h"

#include <stdlib.h>
#include <string.h>

#define UNSAID_KEEP_S 300 /* an answer without Cache-Control */
#define LEAST_KEEP_S 5    /* whatever it says: those who waited for it have to get at it */
#define SEARCHES_MAX 256  /* under way */
#define SEARCH_AGAIN_S 1  /* after a failure of ours */

struct entry {
    struct cps_map_node node; /* first: a node is its entry */
    struct entry *newer, *older;
    struct stir_identity dest;
    bool searching;
    struct cps_target *target; /* the newest that was seen; NULL: none yet */
    int64_t until;             /* neither it nor the error is good after this, by the handle's clock */
    struct cps_error error;    /* CPS_OK: target is what there is */
};

struct cps_directory {
    struct cps *cps;
    pthread_mutex_t lock;
    struct cps_map map;
    struct entry *newest, *oldest; /* by last use */
    unsigned searches;
    struct cps_waiters waiters;
};

enum cps_code cps_directory_new(struct cps_directory **out, struct cps *cps, struct cps_error *err)
{
    struct cps_directory *directory = calloc(1, sizeof(*directory));
    if (!directory || !cps_map_init(&directory->map)) {
        free(directory);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    directory->cps = cps;
    directory->waiters.kind = CPS_WAITING_KEYS;
    pthread_mutex_init(&directory->lock, NULL);
    *out = directory;
    return CPS_OK;
}

/* ---- entries, under the lock ---- */

static void unlink_entry(struct cps_directory *directory, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &directory->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &directory->oldest) = entry->newer;
}

static void link_newest(struct cps_directory *directory, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = directory->newest;
    *(directory->newest ? &directory->newest->newer : &directory->oldest) = entry;
    directory->newest = entry;
}

static void drop(struct cps_directory *directory, struct entry *entry)
{
    unlink_entry(directory, entry);
    cps_map_remove(&directory->map, &entry->node);
    cps_target_unref(entry->target);
    free(entry);
}

void cps_directory_free(struct cps_directory *directory)
{
    if (!directory) {
        return;
    }
    while (directory->newest) {
        drop(directory, directory->newest);
    }
    cps_map_free(&directory->map);
    pthread_mutex_destroy(&directory->lock);
    free(directory);
}

static struct entry *find(struct cps_directory *directory, const struct stir_identity *dest)
{
    uint64_t hash = cps_map_hash(&directory->map, dest->text, dest->len, NULL, 0);
    for (struct cps_map_node *node = cps_map_first(&directory->map, hash); node; node = cps_map_next(node)) {
        struct entry *entry = (struct entry *)node;
        if (stir_identity_equal(&entry->dest, dest)) {
            unlink_entry(directory, entry);
            link_newest(directory, entry);
            return entry;
        }
    }
    return NULL;
}

static struct entry *add(struct cps_directory *directory, const struct stir_identity *dest)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        return NULL;
    }
    entry->dest = *dest;
    for (struct entry *old = directory->oldest, *next;
         old && directory->map.count >= directory->cps->options.key_cache_max; old = next) {
        next = old->newer;
        if (!old->searching) {
            drop(directory, old);
        }
    }
    cps_map_put(&directory->map, &entry->node, cps_map_hash(&directory->map, dest->text, dest->len, NULL, 0));
    link_newest(directory, entry);
    return entry;
}

/* ---- what is known ---- */

/* A record that has not ended, with a key that is current. */
static bool is_good(const struct cps_target *target, int64_t now)
{
    const struct cps_key *keys[CPS_RECORD_KEYS];
    return target && now < target->record->exp && cps_target_keys(target, now, keys) > 0;
}

/* CPS_FOUND_LATER: nothing that is good any more. */
static enum cps_found use(const struct entry *entry, struct cps_target **out, int64_t now, struct cps_error *err)
{
    if (now > entry->until) {
        return CPS_FOUND_LATER;
    }
    if (entry->error.code != CPS_OK) {
        *err = entry->error;
        return CPS_FOUND_NOT;
    }
    if (!is_good(entry->target, now)) {
        return CPS_FOUND_LATER;
    }
    *out = cps_target_ref(entry->target);
    return CPS_FOUND;
}

static enum cps_code begin_search(struct cps_directory *directory, struct entry *entry,
                                  const struct stir_identity *dest, struct cps_error *err)
{
    bool fresh = !entry;
    if (directory->searches >= SEARCHES_MAX) {
        return cps_fail(err, CPS_E_BUSY, "%d key records are being looked for, the limit", SEARCHES_MAX);
    }
    entry = fresh ? add(directory, dest) : entry;
    if (!entry) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    enum cps_code code = cps_finding_start(directory->cps, dest, entry, err);
    if (code != CPS_OK) {
        if (fresh) {
            drop(directory, entry);
        }
        return code;
    }
    entry->searching = true;
    directory->searches++;
    return CPS_OK;
}

enum cps_found cps_directory_get(struct cps_directory *directory, struct cps_target **out,
                                 const struct stir_identity *dest, struct cps_task *task, struct cps_error *err)
{
    struct cps *cps = directory->cps;
    enum cps_found found = CPS_FOUND_LATER;
    struct cps_target *pinned = cps_pinned_find(cps->pinned, dest);
    if (pinned) {
        *out = pinned;
        return CPS_FOUND;
    }
    if (dest->kind != STIR_IDENTITY_TN) {
        (void)cps_fail(err, CPS_E_NOT_FOUND, "key records are for telephone numbers, and no key is pinned");
        return CPS_FOUND_NOT;
    }
    pthread_mutex_lock(&directory->lock);
    struct entry *entry = find(directory, dest);
    if (entry && !entry->searching) {
        found = use(entry, out, cps_now(cps), err);
    }
    if (found == CPS_FOUND_LATER) {
        bool coming = entry && entry->searching;
        if (!coming && begin_search(directory, entry, dest, err) != CPS_OK) {
            found = CPS_FOUND_NOT;
        } else if (task) {
            cps_waiters_add(&directory->waiters, task);
        }
    }
    pthread_mutex_unlock(&directory->lock);
    return found;
}

void cps_directory_leave(struct cps_directory *directory, struct cps_task *task)
{
    pthread_mutex_lock(&directory->lock);
    cps_waiters_remove(CPS_WAITING_KEYS, task);
    pthread_mutex_unlock(&directory->lock);
}

struct cps_target *cps_directory_known(struct cps_directory *directory, const struct stir_identity *dest)
{
    struct cps_target *target = NULL;
    pthread_mutex_lock(&directory->lock);
    struct entry *entry = find(directory, dest);
    if (entry && is_good(entry->target, cps_now(directory->cps))) {
        target = cps_target_ref(entry->target);
    }
    pthread_mutex_unlock(&directory->lock);
    return target;
}

/* ---- what was found ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void keep(struct cps_directory *directory, struct entry *entry, struct cps_target *target, int64_t max_age_s)
{
    int64_t now = cps_now(directory->cps);
    int64_t seconds = least(max_age_s < 0 ? UNSAID_KEEP_S : max_age_s, directory->cps->options.key_max_age_s);
    cps_target_unref(entry->target);
    entry->target = target;
    entry->error = (struct cps_error){0};
    entry->until = now + (seconds > LEAST_KEEP_S ? seconds : LEAST_KEEP_S);
}

/* A search that failed says nothing against the record that is known, which speaks for itself until it ends: nobody who
 * stands between can take it away, nor put an older one in its place. */
static void keep_failure(struct cps_directory *directory, struct entry *entry, const struct cps_error *error)
{
    struct cps *cps = directory->cps;
    bool ours = error->code == CPS_E_NOMEM || error->code == CPS_E_CLOSED || error->code == CPS_E_BUSY;
    bool good = is_good(entry->target, cps_now(cps));
    entry->error = good ? (struct cps_error){0} : *error;
    entry->until = cps_now(cps) + (ours ? SEARCH_AGAIN_S : cps->options.key_negative_s);
    cps_log(cps, error->code == CPS_E_NOT_FOUND && !good ? CPS_LOG_INFO : CPS_LOG_WARNING, "a key record: %s%s",
            error->text, good ? "; the one that is known is used on" : "");
}

static bool is_older(const struct cps_target *target, const struct cps_target *than)
{
    return than && strcmp(target->record->iss, than->record->iss) == 0 && target->record->iat < than->record->iat;
}

void cps_directory_settle(struct cps_directory *directory, void *arg, struct cps_target *target, int64_t max_age_s,
                          const struct cps_error *error)
{
    const struct cps_key *keys[CPS_RECORD_KEYS];
    struct entry *entry = arg;
    struct cps_error err = error ? *error : (struct cps_error){0};
    pthread_mutex_lock(&directory->lock);
    if (target && is_older(target, entry->target)) {
        (void)cps_fail(&err, CPS_E_STALE, "the CPS's key record is older than one that it had before");
    } else if (target && !cps_target_keys(target, cps_now(directory->cps), keys)) {
        (void)cps_fail(&err, CPS_E_KEY, "no key of the key record is current");
    }
    if (target && err.code == CPS_OK) {
        keep(directory, entry, target, max_age_s);
    } else {
        cps_target_unref(target);
        keep_failure(directory, entry, &err);
    }
    entry->searching = false;
    directory->searches--;
    cps_waiters_wake(&directory->waiters);
    pthread_mutex_unlock(&directory->lock);
}
