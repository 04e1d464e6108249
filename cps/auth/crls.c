#include "cps/auth/crls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define FETCH_MS 30000
#define RETRY_MS 60000
#define LOOK_MS 500 /* how often it is looked whether one is due */
#define NAME_MAX_OCTETS 4096

/* What tells that a file has changed. */
struct stamp {
    int64_t mtime_s;
    long mtime_ns;
    off_t size;
    ino_t inode;
};

struct source {
    struct cpsd_crls *crls;
    char *name; /* URL, or path */
    bool is_url;
    struct stamp stamp; /* of the file as it was looked at last */
    int64_t good_at;
    uint64_t failures;
    char *text; /* the last good one; NULL: none yet */
    size_t len;
    int64_t until;            /* its earliest nextUpdate */
    bool tried;               /* the first attempt has ended */
    struct cpsd_fetch *fetch; /* under way */
    uint64_t due_ms;
};

struct cpsd_crls {
    uv_loop_t *loop;
    struct cpsd_fetcher *fetcher;
    const struct stir_log *log;
    cpsd_crls_changed *changed;
    void *arg;
    struct cpsd_mailbox mailbox;
    uv_timer_t timer;
    struct source *sources[CPSD_CRLS_MAX];
    size_t count;
    uint64_t refresh_ms;
    char *ca_file;
};

static void source_free(struct source *source)
{
    if (source) {
        if (source->fetch) {
            cpsd_fetch_cancel(source->fetch);
        }
        free(source->name);
        free(source->text);
        free(source);
    }
}

/* ---- fetching ---- */

/* A new text is in use only if the trust can be built with it. */
static enum stir_code take_text(struct source *source, struct stir_view body, struct stir_error *err)
{
    char *old = source->text, *text = malloc(body.len + 1);
    size_t old_len = source->len;
    if (!text) {
        return stir_fail(err, STIR_E_NOMEM, "revocation list");
    }
    memcpy(text, body.ptr, body.len);
    source->text = text;
    source->len = body.len;
    enum stir_code code = source->crls->changed(source->crls->arg, err);
    if (code != STIR_OK) {
        source->text = old;
        source->len = old_len;
        old = text;
    } else {
        source->until = stir_crls_until(body.ptr, body.len);
    }
    free(old);
    return code;
}

/* A list came: takes it into use if it is another one. */
static enum stir_code take_list(struct source *source, struct stir_view list, struct stir_error *err)
{
    if (!source->text || source->len != list.len || memcmp(source->text, list.ptr, list.len) != 0) {
        enum stir_code code = take_text(source, list, err);
        if (code != STIR_OK) {
            return code;
        }
        stir_log_plain(source->crls->log, STIR_LOG_NOTICE, "revocation list %s: a new one is in use", source->name);
    }
    source->good_at = (int64_t)time(NULL);
    return STIR_OK;
}

static enum stir_code take_answer(struct source *source, const struct cpsd_fetch_result *result, struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        *err = result->error;
        return result->error.code;
    }
    if (result->status != 200 || result->body.len == 0) {
        return stir_fail(err, STIR_E_PROTOCOL, "the server answered %d with %zu octets", result->status,
                         result->body.len);
    }
    return take_list(source, result->body, err);
}

bool cpsd_crls_are_awaited(const struct cpsd_crls *crls)
{
    bool awaited = false;
    for (size_t i = 0; crls && i < crls->count; i++) {
        const struct source *source = crls->sources[i];
        awaited |= source->is_url && !source->text && !source->tried;
    }
    return awaited;
}

/* When the source is looked at next. */
static void settle(struct source *source, enum stir_code code, const struct stir_error *err)
{
    struct cpsd_crls *crls = source->crls;
    uint64_t wait_ms = crls->refresh_ms;
    source->tried = true;
    if (code != STIR_OK) {
        source->failures++;
        wait_ms = wait_ms < RETRY_MS ? wait_ms : RETRY_MS;
        stir_log_plain(crls->log, STIR_LOG_WARNING, "revocation list %s: %s: %s", source->name,
                       source->text ? "the previous one stays in use" : "no list is in use yet", err->text);
    }
    source->due_ms = uv_now(crls->loop) + wait_ms;
}

/* The first attempt of a source has ended. */
static void first_ended(struct cpsd_crls *crls)
{
    struct stir_error err = {0};
    if (!cpsd_crls_are_awaited(crls) && crls->changed(crls->arg, &err) != STIR_OK) {
        stir_log_plain(crls->log, STIR_LOG_ERROR, "revocation lists: %s", err.text);
    }
}

static void fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct source *source = arg;
    struct stir_error err = {0};
    source->fetch = NULL;
    bool first = !source->text && !source->tried;
    enum stir_code code = take_answer(source, result, &err);
    settle(source, code, &err);
    if (first) {
        first_ended(source->crls);
    }
}

/* ---- files ---- */

static enum stir_code stamp_of(struct stamp *out, const char *path, struct stir_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return stir_fail(err, STIR_E_IO, "%s", strerror(errno));
    }
    *out = (struct stamp){.mtime_s = about.st_mtim.tv_sec,
                          .mtime_ns = about.st_mtim.tv_nsec,
                          .size = about.st_size,
                          .inode = about.st_ino};
    return STIR_OK;
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
    return a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->size == b->size && a->inode == b->inode;
}

/* Reads a file that changed since it was looked at. */
static void look_at_file(struct source *source)
{
    struct stir_buf list = {.limit = STIR_CRLS_OCTETS};
    struct stir_error err = {0};
    struct stamp stamp;
    enum stir_code code = stamp_of(&stamp, source->name, &err);
    if (code == STIR_OK && !stamp_equal(&stamp, &source->stamp)) {
        code = stir_read_file(&list, source->name, list.limit, &err);
        code = code == STIR_OK ? take_list(source, stir_view(list.ptr ? list.ptr : "", list.len), &err) : code;
        source->stamp = code == STIR_OK ? stamp : source->stamp;
    } else if (code == STIR_OK) {
        source->good_at = (int64_t)time(NULL);
    }
    stir_buf_free(&list);
    settle(source, code, &err);
}

/* ---- the schedule ---- */

static void begin_fetch(struct source *source)
{
    struct cpsd_crls *crls = source->crls;
    struct stir_error err = {0};
    const struct cpsd_fetch_request request = {.queue = CPSD_FETCH_LISTS,
                                               .url = source->name,
                                               .max_bytes = STIR_CRLS_OCTETS,
                                               .timeout_ms = FETCH_MS,
                                               .ca_file = crls->ca_file};
    if (cpsd_fetch(&source->fetch, crls->fetcher, &crls->mailbox, &request, fetched, source, &err) != STIR_OK) {
        source->fetch = NULL;
        bool first = !source->text && !source->tried;
        settle(source, err.code, &err);
        if (first) {
            first_ended(crls);
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct cpsd_crls *crls = timer->data;
    for (size_t i = 0; i < crls->count; i++) {
        struct source *source = crls->sources[i];
        if (!source->fetch && uv_now(crls->loop) >= source->due_ms) {
            source->is_url ? begin_fetch(source) : look_at_file(source);
        }
    }
}

/* ---- configuration ---- */

enum stir_code cpsd_crls_check(const struct cpsd_config *config, struct stir_error *err)
{
    char name[NAME_MAX_OCTETS];
    size_t pos = 0, count = 0;
    while (stir_conf_next(config->trust_crl_urls, &pos, name, sizeof(name))) {
        if (strncasecmp(name, "https://", 8) != 0) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_urls: %s is not https", name);
        }
        if (++count > CPSD_CRL_URLS_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_urls: more than %d", CPSD_CRL_URLS_MAX);
        }
    }
    for (pos = 0, count = 0; stir_conf_next(config->trust_crl_files, &pos, name, sizeof(name));) {
        if (++count > CPSD_CRL_FILES_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_files: more than %d", CPSD_CRL_FILES_MAX);
        }
    }
    return STIR_OK;
}

static struct source *find(struct source *const *sources, size_t count, const char *name, bool is_url)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i]->is_url == is_url && strcmp(sources[i]->name, name) == 0) {
            return sources[i];
        }
    }
    return NULL;
}

static struct source *source_new(struct cpsd_crls *crls, const char *name, bool is_url)
{
    struct source *source = calloc(1, sizeof(*source));
    char *copy = strdup(name);
    if (!source || !copy) {
        free(source);
        free(copy);
        return NULL;
    }
    source->crls = crls;
    source->name = copy;
    source->is_url = is_url;
    return source;
}

static bool is_among(const struct source *source, struct source *const *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i] == source) {
            return true;
        }
    }
    return false;
}

/* Those of one list that are not in the other. */
static void free_others(struct source *const *sources, size_t count, struct source *const *kept, size_t kept_count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_among(sources[i], kept, kept_count)) {
            source_free(sources[i]);
        }
    }
}

/* The sources under construction for a configuration. */
struct collection {
    struct source *sources[CPSD_CRLS_MAX];
    size_t count;
};

/* Adds the sources of a list of URLs: those that there are, and new ones. False: out of memory. */
static bool collect_urls(struct cpsd_crls *crls, const char *urls, struct collection *out)
{
    char url[NAME_MAX_OCTETS];
    size_t pos = 0;
    while (out->count < CPSD_CRLS_MAX && stir_conf_next(urls, &pos, url, sizeof(url))) {
        if (find(out->sources, out->count, url, true)) {
            continue; /* named twice */
        }
        struct source *known = find(crls->sources, crls->count, url, true);
        struct source *source = known ? known : source_new(crls, url, true);
        if (!source) {
            return false;
        }
        out->sources[out->count++] = source;
    }
    return true;
}

/* Adds the sources of a list of files, read anew. */
static enum stir_code collect_files(struct cpsd_crls *crls, const char *paths, struct collection *out,
                                    struct stir_error *err)
{
    char path[NAME_MAX_OCTETS];
    size_t pos = 0;
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && out->count < CPSD_CRLS_MAX && stir_conf_next(paths, &pos, path, sizeof(path))) {
        struct stir_buf list = {.limit = STIR_CRLS_OCTETS};
        if (find(out->sources, out->count, path, false)) {
            continue; /* named twice */
        }
        struct source *source = source_new(crls, path, false);
        if (!source) {
            return stir_fail(err, STIR_E_NOMEM, "revocation lists");
        }
        out->sources[out->count++] = source;
        code = stamp_of(&source->stamp, path, err);
        code = code == STIR_OK ? stir_read_file(&list, path, list.limit, err) : code;
        source->good_at = (int64_t)time(NULL);
        source->due_ms = uv_now(crls->loop) + crls->refresh_ms;
        source->until = stir_crls_until(list.ptr ? list.ptr : "", list.len);
        source->text = stir_buf_steal(&list, &source->len);
        stir_buf_free(&list);
    }
    return code;
}

enum stir_code cpsd_crls_use(struct cpsd_crls *crls, const struct cpsd_config *config, struct stir_error *err)
{
    struct collection all = {.sources = {NULL}};
    char *ca_file = strdup(config->trust_crl_ca_file);
    uint64_t refresh_ms = crls->refresh_ms;
    crls->refresh_ms = (uint64_t)config->trust_crl_refresh_s * 1000;
    enum stir_code code = ca_file && collect_urls(crls, config->trust_crl_urls, &all)
                              ? STIR_OK
                              : stir_fail(err, STIR_E_NOMEM, "revocation lists");
    if (code == STIR_OK) {
        code = collect_files(crls, config->trust_crl_files, &all, err);
    }
    if (code != STIR_OK) {
        free_others(all.sources, all.count, crls->sources, crls->count);
        free(ca_file);
        crls->refresh_ms = refresh_ms;
        return code;
    }
    free_others(crls->sources, crls->count, all.sources, all.count);
    free(crls->ca_file);
    crls->ca_file = ca_file;
    crls->count = all.count;
    memcpy(crls->sources, all.sources, sizeof(all.sources));
    for (size_t i = 0; i < all.count; i++) {
        all.sources[i]->due_ms = all.sources[i]->text ? all.sources[i]->due_ms : uv_now(crls->loop);
    }
    (void)uv_timer_start(&crls->timer, on_timer, 0, LOOK_MS);
    if (all.count == 0) {
        (void)uv_timer_stop(&crls->timer);
    }
    return STIR_OK;
}

size_t cpsd_crls_texts(const struct cpsd_crls *crls, const struct cpsd_config *config, bool files,
                       struct stir_trust_text out[CPSD_CRLS_MAX])
{
    char name[NAME_MAX_OCTETS];
    size_t count = 0;
    for (int is_url = 1; crls && is_url >= !files; is_url--) {
        const char *names = is_url ? config->trust_crl_urls : config->trust_crl_files;
        size_t pos = 0;
        while (count < CPSD_CRLS_MAX && stir_conf_next(names, &pos, name, sizeof(name))) {
            const struct source *source = find(crls->sources, crls->count, name, is_url);
            if (source && source->text) {
                out[count++] = (struct stir_trust_text){.name = source->name, .octets = {source->text, source->len}};
            }
        }
    }
    return count;
}

bool cpsd_crls_status(const struct cpsd_crls *crls, size_t i, struct cpsd_crl_status *out)
{
    if (!crls || i >= crls->count) {
        return false;
    }
    const struct source *source = crls->sources[i];
    *out = (struct cpsd_crl_status){.name = source->name,
                                    .is_url = source->is_url,
                                    .good_at = source->good_at,
                                    .until = source->text ? source->until : 0,
                                    .failures = source->failures};
    return true;
}

/* ---- life ---- */

enum stir_code cpsd_crls_new(struct cpsd_crls **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                             const struct stir_log *log, cpsd_crls_changed *changed, void *arg, struct stir_error *err)
{
    struct cpsd_crls *crls = calloc(1, sizeof(*crls));
    if (!crls) {
        return stir_fail(err, STIR_E_NOMEM, "revocation lists");
    }
    *crls = (struct cpsd_crls){.loop = loop, .fetcher = fetcher, .log = log, .changed = changed, .arg = arg};
    enum stir_code code = cpsd_mailbox_open(&crls->mailbox, loop, err);
    if (code != STIR_OK) {
        free(crls);
        return code;
    }
    (void)uv_timer_init(loop, &crls->timer); /* cannot fail */
    crls->timer.data = crls;
    *out = crls;
    return STIR_OK;
}

void cpsd_crls_stop(struct cpsd_crls *crls)
{
    if (!crls) {
        return;
    }
    for (size_t i = 0; i < crls->count; i++) {
        source_free(crls->sources[i]);
    }
    crls->count = 0;
    uv_close((uv_handle_t *)&crls->timer, NULL);
    cpsd_mailbox_close(&crls->mailbox, NULL, NULL);
}

void cpsd_crls_free(struct cpsd_crls *crls)
{
    if (crls) {
        for (size_t i = 0; i < crls->count; i++) {
            source_free(crls->sources[i]);
        }
        free(crls->ca_file);
        free(crls);
    }
}
