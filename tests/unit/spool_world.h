/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <sqlite3.h>
#include <time.h>

/* What tests of the spool share: a CPS with the habits that a test wants, handles with a spool, a look into the file.
 */
#define SPOOL_SEEN 8192

struct spool_world {
    struct peer peer; /* first: the peer's answer is given it */
    struct world world;
    char ca_file[96], file[96];
    struct cps_options options;
    pthread_mutex_t lock;
    /* habits */
    int status;       /* status of the answer; 0: 201, or 200 for a known envelope */
    const char *more; /* header lines of that answer */
    const char *box;  /* only requests for this box are answered so; NULL: all */
    atomic_uint delay_ms;
    /* what it has seen */
    struct {
        char target[96];
        char id[CPS_ID_LEN + 1];
        int status;
        int64_t at_ms;
    } seen[SPOOL_SEEN];
    size_t seen_count;
    unsigned open, most_open;
    atomic_bool away; /* also answers 503 to GET /health */
};

static inline int64_t spool_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void spool_sleep(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static inline bool spool_stored(const struct spool_world *spool, const char *id)
{
    for (size_t i = 0; i < spool->seen_count; i++) {
        if (spool->seen[i].status == 201 && strcmp(spool->seen[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static inline int spool_status(const struct spool_world *spool, const char *target, const char *id)
{
    if (spool->status && (!spool->box || strstr(target, spool->box))) {
        return spool->status;
    }
    return spool_stored(spool, id) ? 200 : 201;
}

static inline void spool_answer(struct peer *peer, const struct peer_request *request, struct stir_buf *out)
{
    struct spool_world *spool = (struct spool_world *)peer;
    char id[CPS_ID_LEN + 1] = "";
    if (strncmp(request->target, "/health", 7) == 0) {
        peer_reply(out, atomic_load(&spool->away) ? 503 : 200, "application/json", NULL, "{}");
        return;
    }
    pthread_mutex_lock(&spool->lock);
    spool->open++;
    spool->most_open = spool->open > spool->most_open ? spool->open : spool->most_open;
    pthread_mutex_unlock(&spool->lock);
    for (unsigned ms = 0; ms < atomic_load(&spool->delay_ms) && !atomic_load(&peer->stopping); ms += 5) {
        spool_sleep(5);
    }
    UNIT_CHECK(cps_envelope_id(id, request->body, request->body_len, NULL) == CPS_OK, "id");
    pthread_mutex_lock(&spool->lock);
    int status = spool_status(spool, request->target, id);
    if (spool->seen_count < SPOOL_SEEN) {
        size_t i = spool->seen_count++;
        (void)snprintf(spool->seen[i].target, sizeof(spool->seen[i].target), "%.90s", request->target);
        memcpy(spool->seen[i].id, id, sizeof(id));
        spool->seen[i].status = status;
        spool->seen[i].at_ms = spool_ms();
    }
    spool->open--;
    peer_reply(out, status, "application/problem+json", status < 300 ? NULL : spool->more, "{}");
    pthread_mutex_unlock(&spool->lock);
}

/* Sets the answers from now on, and forgets what was seen. */
static inline void spool_habit(struct spool_world *spool, int status, const char *more, const char *box)
{
    pthread_mutex_lock(&spool->lock);
    spool->status = status;
    spool->more = more;
    spool->box = box;
    pthread_mutex_unlock(&spool->lock);
}

static inline size_t spool_count(struct spool_world *spool, int status)
{
    size_t n = 0;
    pthread_mutex_lock(&spool->lock);
    for (size_t i = 0; i < spool->seen_count; i++) {
        n += status == 0 || spool->seen[i].status == status;
    }
    pthread_mutex_unlock(&spool->lock);
    return n;
}

/* A world whose CPS is cps_url; `options` has what the test wants of its handles, which it makes with spool_handle. */
static inline void spool_begin_away(struct spool_world *spool, struct cps_options options)
{
    world_begin(&spool->world, NULL);
    world_path(spool->ca_file, &spool->world, "tls-root.pem");
    world_path(spool->file, &spool->world, "spool");
    options.size = sizeof(options);
    options.trust_file = spool->world.trust;
    options.x5u_dir = spool->world.x5u_dir;
    options.now = world_now;
    options.spool_file = spool->file;
    options.spool_retry_min_ms = options.spool_retry_min_ms ? options.spool_retry_min_ms : 5;
    options.spool_retry_max_ms = options.spool_retry_max_ms ? options.spool_retry_max_ms : 40;
    spool->options = options;
}

/* The same with a CPS. */
static inline void spool_begin(struct spool_world *spool, struct cps_options options)
{
    *spool = (struct spool_world){0};
    pthread_mutex_init(&spool->lock, NULL);
    spool_begin_away(spool, options);
    peer_start(&spool->peer, spool->ca_file, spool_answer, NULL);
    spool->options.tls_ca_file = spool->ca_file;
    spool->options.cps_url = spool->peer.url;
}

static inline struct cps *spool_handle(struct spool_world *spool)
{
    return world_handle(&spool->options);
}

static inline void spool_end(struct spool_world *spool)
{
    peer_stop(&spool->peer);
    pthread_mutex_destroy(&spool->lock);
    world_end(&spool->world);
}

/* Makes an envelope that differs from all others. The caller frees it with free. */
static inline char *spool_envelope(struct spool_world *spool)
{
    struct cps_envelopes sealed = {0};
    struct cps_error err = {0};
    const struct cps_key *key = spool->world.box_public;
    char *passport = world_sign(&spool->world, "hello", 0);
    CODE_IS(cps_seal(spool->world.cps, passport, strlen(passport), NULL, &key, 1, &sealed, &err), CPS_OK, err);
    char *text = sealed.count ? strdup(sealed.items[0].text) : NULL;
    if (!text) {
        CU_FAIL_FATAL("no envelope");
    }
    cps_envelopes_clear(&sealed);
    cps_text_free(passport);
    return text;
}

/* Puts a new envelope into the spool. */
static inline enum cps_code spool_put(struct spool_world *spool, struct cps *cps, const char *dest, uint32_t ttl_s,
                                      struct cps_error *err)
{
    char *envelope = spool_envelope(spool);
    enum cps_code code = cps_spool_put(cps, dest, envelope, strlen(envelope), ttl_s, 0, err);
    free(envelope);
    return code;
}

static inline struct cps_spool_stats spool_stats(const struct cps *cps)
{
    struct cps_spool_stats stats = {0};
    struct cps_error err = {0};
    CODE_IS(cps_spool_stats(cps, &stats, &err), CPS_OK, err);
    return stats;
}

/* Waits until nothing is queued, or until the event that the test names. Returns false after a minute. */
static inline bool spool_drained(const struct cps *cps)
{
    for (int i = 0; i < 12000; i++) {
        if (spool_stats(cps).queued == 0) {
            return true;
        }
        spool_sleep(5);
    }
    return false;
}

#define SPOOL_UNTIL(condition)                                                                                         \
    do {                                                                                                               \
        int64_t spool_until_ms = spool_ms() + 60000;                                                                   \
        while (!(condition) && spool_ms() < spool_until_ms) {                                                          \
            spool_sleep(5);                                                                                            \
        }                                                                                                              \
        UNIT_CHECK((condition), "in vain: %s", #condition);                                                            \
    } while (0)

/* Runs SQL on the file from outside the library. Returns the first column of the last row; -1 if there is none. */
static inline int64_t spool_sql(const struct spool_world *spool, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    const char *rest = sql;
    int64_t value = -1;
    int rc = sqlite3_open_v2(spool->file, &db, SQLITE_OPEN_READWRITE, NULL);
    (void)sqlite3_busy_timeout(db, 5000);
    while (rc == SQLITE_OK && *rest) {
        rc = sqlite3_prepare_v2(db, rest, -1, &statement, &rest);
        while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
            value = sqlite3_column_int64(statement, 0);
        }
        rc = rc == SQLITE_OK ? sqlite3_finalize(statement) : rc;
    }
    UNIT_CHECK(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    (void)sqlite3_close(db);
    return value;
}
