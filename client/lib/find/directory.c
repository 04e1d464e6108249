/* SPDX-License-Identifier: MIT */
#include "client/lib/find/directory.h"

#include "client/lib/find/key_lookup.h"
#include "client/lib/find/pinned_keys.h"
#include "client/lib/net/task.h"
#include "common/base/map.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNSAID_KEEP_S 300 /* keeps an answer without Cache-Control */
#define FAULTY_KEEP_S 30  /* keeps an answer with a bad record: its certificate may have been out of reach */
#define LEAST_KEEP_S 5    /* keeps any answer, so that the tasks that waited for it can read it */
#define SEARCHES_MAX 256  /* under way at one time */
#define SEARCH_AGAIN_S 1  /* pause after a failure on our side */

/* The newest record of an issuer that was seen for a destination. Only the first octets of a long issuer name count. */
struct seen {
    char iss[STIR_TN_MAX + 8];
    enum cps_target_scope scope;
    int64_t iat;
};

struct entry {
    struct stir_map_node node; /* first: a node is its entry */
    struct entry *newer, *older;
    struct stir_identity dest;
    bool searching;
    struct cps_targets *targets;       /* as the last good search found them; NULL: none yet */
    int64_t until;                     /* targets and error are valid until then, by the handle's clock */
    struct cps_error error;            /* CPS_OK: targets are the answer */
    struct seen seen[CPS_RECORDS_MAX]; /* the newest records */
    size_t seen_count, seen_next;
};

struct cps_directory {
    struct cps *cps;
    pthread_mutex_t lock;
    struct stir_map map;
    struct entry *newest, *oldest; /* by last use */
    unsigned searches;
    struct cps_waiters waiters;
};

enum cps_code cps_directory_new(struct cps_directory **out, struct cps *cps, struct cps_error *err)
{
    struct cps_directory *directory = calloc(1, sizeof(*directory));
    if (!directory || !stir_map_init(&directory->map)) {
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

static void directory_unlink_entry(struct cps_directory *directory, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &directory->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &directory->oldest) = entry->newer;
}

static void directory_link_newest(struct cps_directory *directory, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = directory->newest;
    *(directory->newest ? &directory->newest->newer : &directory->oldest) = entry;
    directory->newest = entry;
}

static void directory_drop_entry(struct cps_directory *directory, struct entry *entry)
{
    directory_unlink_entry(directory, entry);
    stir_map_remove(&directory->map, &entry->node);
    cps_targets_unref(entry->targets);
    free(entry);
}

void cps_directory_free(struct cps_directory *directory)
{
    if (!directory) {
        return;
    }
    while (directory->newest) {
        directory_drop_entry(directory, directory->newest);
    }
    stir_map_free(&directory->map);
    pthread_mutex_destroy(&directory->lock);
    free(directory);
}

static struct entry *directory_find_entry(struct cps_directory *directory, const struct stir_identity *dest)
{
    uint64_t hash = stir_map_hash(&directory->map, dest->text, dest->len, NULL, 0);
    for (struct stir_map_node *node = stir_map_first(&directory->map, hash); node; node = stir_map_next(node)) {
        struct entry *entry = (struct entry *)node;
        if (stir_identity_equal(&entry->dest, dest)) {
            directory_unlink_entry(directory, entry);
            directory_link_newest(directory, entry);
            return entry;
        }
    }
    return NULL;
}

static struct entry *directory_add_entry(struct cps_directory *directory, const struct stir_identity *dest)
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
            directory_drop_entry(directory, old);
        }
    }
    stir_map_put(&directory->map, &entry->node, stir_map_hash(&directory->map, dest->text, dest->len, NULL, 0));
    directory_link_newest(directory, entry);
    return entry;
}

/* ---- cached records ---- */

/* Returns true if at least one of the records has not expired and has a current key. targets may be NULL. */
static bool directory_any_is_good(const struct cps_targets *targets, int64_t now)
{
    for (size_t i = 0; targets && i < targets->count; i++) {
        if (cps_target_is_good(targets->items[i], now)) {
            return true;
        }
    }
    return false;
}

/* ---- results of searches ---- */

static int64_t directory_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void directory_keep(struct cps_directory *directory, struct entry *entry, struct cps_targets *targets,
                           int64_t max_age_s)
{
    int64_t now = cps_now(directory->cps);
    int64_t seconds = directory_min(max_age_s < 0 ? UNSAID_KEEP_S : max_age_s, directory->cps->options.key_max_age_s);
    cps_targets_unref(entry->targets);
    entry->targets = targets;
    entry->error = (struct cps_error){0};
    entry->until = now + (seconds > LEAST_KEEP_S ? seconds : LEAST_KEEP_S);
}

/* Keeps the failure of a search. It says nothing against the records that are known, which are signed and good until
 * they expire: an attacker between us and the CPS can neither take them away nor replace them by older ones. */
static void directory_keep_failure(struct cps_directory *directory, struct entry *entry, const struct cps_error *error)
{
    struct cps *cps = directory->cps;
    bool ours = error->code == CPS_E_NOMEM || error->code == CPS_E_CLOSED || error->code == CPS_E_BUSY ||
                error->code == CPS_E_AWAY;
    bool good = directory_any_is_good(entry->targets, cps_now(cps));
    entry->error = good ? (struct cps_error){0} : *error;
    entry->until = cps_now(cps) + (ours ? SEARCH_AGAIN_S : cps->options.key_negative_s);
    bool usual = error->code == CPS_E_AWAY || (error->code == CPS_E_NOT_FOUND && !good);
    cps_log(cps, usual ? CPS_LOG_INFO : CPS_LOG_WARNING, "key records: %s%s", error->text,
            good ? "; the known ones stay in use" : "");
}

static bool directory_seen_matches(const struct seen *seen, const struct stir_keyrecord *record,
                                   enum cps_target_scope scope)
{
    return seen->scope == scope && strncmp(seen->iss, record->iss, sizeof(seen->iss) - 1) == 0;
}

/* Remembers the iat of a record. Returns false if its issuer has had a newer one: a rollback. */
static bool directory_note_newest(struct entry *entry, const struct cps_target *target)
{
    struct seen *seen = NULL;
    for (size_t i = 0; i < entry->seen_count && !seen; i++) {
        seen = directory_seen_matches(&entry->seen[i], target->record, target->scope) ? &entry->seen[i] : NULL;
    }
    if (seen && target->record->iat < seen->iat) {
        return false;
    }
    if (!seen) {
        seen = &entry->seen[entry->seen_next];
        entry->seen_next = (entry->seen_next + 1) % CPS_RECORDS_MAX;
        entry->seen_count += entry->seen_count < CPS_RECORDS_MAX;
        *seen = (struct seen){.scope = target->scope};
        (void)snprintf(seen->iss, sizeof(seen->iss), "%s", target->record->iss);
    }
    seen->iat = target->record->iat;
    return true;
}

/* Adds a target, whose reference it takes over. Of two records of the same issuer the newer one is kept. */
static void directory_merge_target(struct cps_targets *into, struct cps_target *target)
{
    for (size_t i = 0; i < into->count; i++) {
        struct cps_target *other = into->items[i];
        if (other->scope == target->scope && strcmp(other->record->iss, target->record->iss) == 0) {
            bool newer = target->record->iat > other->record->iat;
            into->items[i] = newer ? target : other;
            cps_target_unref(newer ? other : target);
            return;
        }
    }
    cps_targets_add(into, target);
}

/* Returns the cached record of the same issuer if it is good, else NULL. */
static struct cps_target *directory_known_target(const struct entry *entry, const struct stir_keyrecord *record,
                                                 enum cps_target_scope scope, int64_t now)
{
    for (size_t i = 0; entry->targets && i < entry->targets->count; i++) {
        struct cps_target *target = entry->targets->items[i];
        if (target->scope == scope && strcmp(target->record->iss, record->iss) == 0) {
            return cps_target_is_good(target, now) ? target : NULL;
        }
    }
    return NULL;
}

/* Takes one record of an answer. If it is bad or too old, the cached one of its issuer stays. */
static void directory_take_record(struct cps_directory *directory, struct entry *entry, struct cps_targets *into,
                                  struct cps_verified *verified, struct cps_error *err)
{
    int64_t now = cps_now(directory->cps);
    struct cps_target *target = verified->target;
    const struct stir_keyrecord *record = target ? target->record : verified->record;
    struct cps_error why = {0};
    if (target && !directory_note_newest(entry, target)) {
        (void)cps_fail(&why, CPS_E_STALE,
                       "the CPS's key record is older than one of the same issuer that it had before");
    } else if (target && !cps_target_is_good(target, now)) {
        (void)cps_fail(&why, CPS_E_KEY, "the key record has no current key");
    }
    /* The new record counts, else the known one of the same issuer. */
    struct cps_target *known = record ? directory_known_target(entry, record, verified->scope, now) : NULL;
    if (target && why.code == CPS_OK) {
        directory_merge_target(into, cps_target_ref(target));
    } else if (known) {
        directory_merge_target(into, cps_target_ref(known));
    }
    if (why.code != CPS_OK) {
        cps_log(directory->cps, CPS_LOG_WARNING, "the key record of %s is not used: %s", target->signer, why.text);
        *err = err->code == CPS_OK ? why : *err;
    }
    cps_target_unref(target);
    stir_keyrecord_free(verified->record);
}

/* Ends a search: keeps its result in the entry and wakes all tasks that wait for it. */
static void directory_settle(struct cps *cps, void *arg, const struct cps_lookup_result *result)
{
    struct cps_directory *directory = cps->directory;
    struct entry *entry = arg;
    struct cps_error err = *result->error;
    int64_t max_age_s = result->max_age_s;
    struct cps_targets *targets = cps_targets_new();
    /* Take over every record, also without memory to keep it. */
    pthread_mutex_lock(&directory->lock);
    if (!targets) {
        (void)cps_fail(&err, CPS_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < result->count; i++) {
        if (targets) {
            directory_take_record(directory, entry, targets, &result->records[i], &err);
        } else {
            cps_target_unref(result->records[i].target);
            stir_keyrecord_free(result->records[i].record);
        }
    }
    if (directory_any_is_good(targets, cps_now(directory->cps))) {
        directory_keep(directory, entry, targets,
                       err.code == CPS_OK ? max_age_s
                                          : directory_min(max_age_s < 0 ? UNSAID_KEEP_S : max_age_s, FAULTY_KEEP_S));
    } else {
        cps_targets_unref(targets);
        directory_keep_failure(directory, entry, &err);
    }
    assert(entry->searching && directory->searches > 0);
    entry->searching = false;
    directory->searches--;
    cps_waiters_wake(&directory->waiters);
    pthread_mutex_unlock(&directory->lock);
}

/* ---- looking up ---- */

/* Reads a cached answer. Returns CPS_FOUND_LATER if it has to be searched again. */
static enum cps_found directory_use_entry(const struct entry *entry, struct cps_targets **out, int64_t now,
                                          struct cps_error *err)
{
    if (now > entry->until) {
        return CPS_FOUND_LATER;
    }
    if (entry->error.code != CPS_OK) {
        *err = entry->error;
        return CPS_FOUND_NOT;
    }
    if (!directory_any_is_good(entry->targets, now)) {
        return CPS_FOUND_LATER;
    }
    *out = cps_targets_ref(entry->targets);
    return CPS_FOUND;
}

static enum cps_code directory_begin_search(struct cps_directory *directory, struct entry *entry,
                                            const struct stir_identity *dest, struct cps_error *err)
{
    bool fresh = !entry;
    if (directory->searches >= SEARCHES_MAX) {
        return cps_fail(err, CPS_E_BUSY, "%d searches for key records are under way, which is the limit", SEARCHES_MAX);
    }
    entry = fresh ? directory_add_entry(directory, dest) : entry;
    if (!entry) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    enum cps_code code = cps_key_lookup_start(directory->cps, dest, directory_settle, entry, err);
    if (code != CPS_OK) {
        if (fresh) {
            directory_drop_entry(directory, entry);
        }
        return code;
    }
    entry->searching = true;
    directory->searches++;
    return CPS_OK;
}

/* Wraps pinned keys, which are the only target of their destination. */
static enum cps_found directory_use_pinned(struct cps_targets **out, struct cps_target *pinned, struct cps_error *err)
{
    struct cps_targets *targets = cps_targets_new();
    if (!targets) {
        cps_target_unref(pinned);
        (void)cps_fail(err, CPS_E_NOMEM, "out of memory");
        return CPS_FOUND_NOT;
    }
    cps_targets_add(targets, pinned);
    *out = targets;
    return CPS_FOUND;
}

enum cps_found cps_directory_get(struct cps_directory *directory, struct cps_targets **out,
                                 const struct stir_identity *dest, struct cps_task *task, struct cps_error *err)
{
    struct cps *cps = directory->cps;
    enum cps_found found = CPS_FOUND_LATER;
    struct cps_target *pinned = cps_pinned_find(cps->pinned, dest);
    if (pinned) {
        return directory_use_pinned(out, pinned, err);
    }
    if (dest->kind != STIR_IDENTITY_TN) {
        (void)cps_fail(err, CPS_E_NOT_FOUND,
                       "no key is pinned for this destination, and only telephone numbers have key records");
        return CPS_FOUND_NOT;
    }
    /* Use what is cached, else join the search that is under way, else begin one. */
    pthread_mutex_lock(&directory->lock);
    struct entry *entry = directory_find_entry(directory, dest);
    if (entry && !entry->searching) {
        found = directory_use_entry(entry, out, cps_now(cps), err);
    }
    if (found == CPS_FOUND_LATER) {
        bool coming = entry && entry->searching;
        if (!coming && directory_begin_search(directory, entry, dest, err) != CPS_OK) {
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

struct cps_targets *cps_directory_known(struct cps_directory *directory, const struct stir_identity *dest)
{
    struct cps_targets *targets = NULL;
    pthread_mutex_lock(&directory->lock);
    struct entry *entry = directory_find_entry(directory, dest);
    if (entry && directory_any_is_good(entry->targets, cps_now(directory->cps))) {
        targets = cps_targets_ref(entry->targets);
    }
    pthread_mutex_unlock(&directory->lock);
    return targets;
}
