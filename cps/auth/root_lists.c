#include "cps/auth/root_lists.h"

#include "common/cert/trust_list_state.h"
#include "common/cert/x5u.h"
#include "cps/auth/auth_rules.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define FETCH_MS 30000
#define RETRY_MS 60000
#define TICK_MS 500 /* how often due lists and expired ones are looked for */
#define NAME_OCTETS 4096

struct source {
    struct cpsd_root_lists *lists;
    char *name; /* URL, or path */
    bool is_url;
    struct stir_trust_list current; /* in force if it has roots */
    int64_t sequence;               /* the highest that was in force */
    bool expiry_logged;
    bool restored;           /* what an earlier process saved was looked for */
    struct saving *saving;   /* under way */
    struct stir_buf waiting; /* a list whose signer's certificate is being fetched */
    int64_t good_at;
    uint64_t failures;
    struct cpsd_fetch *fetch; /* under way: of the list or of its signer's certificate */
    uint64_t due_ms;
};

struct cpsd_root_lists {
    uv_loop_t *loop;
    struct cpsd_fetcher *fetcher;
    const struct stir_log *log;
    cpsd_root_lists_changed *changed;
    void *arg;
    struct cpsd_mailbox mailbox;
    uv_timer_t timer;
    struct source *sources[CPSD_ROOT_LISTS_MAX];
    size_t count;
    struct stir_buf signer_roots;
    struct cpsd_auth_rules *auth; /* which ports x5u may have, and whether private addresses are allowed */
    uint64_t refresh_ms;
    int64_t grace_s;
    char *ca_file;     /* of the servers of lists */
    char *state_dir;   /* "": nothing is kept */
    char *x5u_ca_file; /* of those that x5u names, as for tokens */
};

/* A list that a thread of libuv's writes to list_state_dir. */
struct saving {
    uv_work_t work;
    struct source *source; /* NULL: it is gone */
    const struct stir_log *log;
    char *dir, *name;
    struct stir_buf signer_roots, text, x5u_certs;
    int64_t sequence, now;
    enum stir_code code;
    struct stir_error err;
};

static void source_free(struct source *source)
{
    if (source) {
        if (source->saving) {
            source->saving->source = NULL;
        }
        if (source->fetch) {
            cpsd_fetch_cancel(source->fetch);
        }
        stir_trust_list_clear(&source->current);
        stir_buf_free(&source->waiting);
        free(source->name);
        free(source);
    }
}

/* ---- one list ---- */

/* Sets when the source is looked at next. */
static void settle(struct source *source, enum stir_code code, const struct stir_error *err)
{
    struct cpsd_root_lists *lists = source->lists;
    uint64_t wait_ms = lists->refresh_ms;
    if (code != STIR_OK) {
        source->failures++;
        wait_ms = wait_ms < RETRY_MS ? wait_ms : RETRY_MS;
        stir_log_plain(lists->log, STIR_LOG_WARNING, "list of roots %s: %s: %s", source->name,
                       source->current.roots ? "the previous one stays in use" : "no list is in use yet", err->text);
    } else {
        source->good_at = (int64_t)time(NULL);
    }
    source->due_ms = uv_now(lists->loop) + wait_ms;
}

/* Puts a verified list into force; takes it over. The one before stays if the trust cannot be built. */
static enum stir_code take_list(struct source *source, struct stir_trust_list *list, struct stir_error *err)
{
    struct stir_trust_list before = source->current;
    bool same =
        before.roots && before.roots_len == list->roots_len && memcmp(before.roots, list->roots, list->roots_len) == 0;
    source->current = *list;
    *list = (struct stir_trust_list){0};
    enum stir_code code = same ? STIR_OK : source->lists->changed(source->lists->arg, err);
    if (code != STIR_OK) {
        stir_trust_list_clear(&source->current);
        source->current = before;
        return code;
    }
    stir_trust_list_clear(&before);
    source->sequence = source->current.sequence;
    source->expiry_logged = false;
    if (!same) {
        stir_log_plain(source->lists->log, STIR_LOG_NOTICE, "list of roots %s: sequence %lld is in use", source->name,
                       (long long)source->sequence);
    }
    return STIR_OK;
}

/* ---- what a later process finds ---- */

static void saving_free(struct saving *saving)
{
    stir_buf_free(&saving->signer_roots);
    stir_buf_free(&saving->text);
    stir_buf_free(&saving->x5u_certs);
    free(saving->dir);
    free(saving->name);
    free(saving);
}

/* On a thread of libuv's. */
static void save(uv_work_t *work)
{
    struct saving *saving = work->data;
    const struct stir_trust_list_state state = {.dir = saving->dir,
                                                .name = saving->name,
                                                .signer_roots =
                                                    stir_view(saving->signer_roots.ptr, saving->signer_roots.len)};
    saving->code = stir_trust_list_state_save(&state, stir_view(saving->text.ptr, saving->text.len),
                                              stir_view(saving->x5u_certs.ptr, saving->x5u_certs.len), saving->sequence,
                                              saving->now, &saving->err);
}

static void saved(uv_work_t *work, int status)
{
    struct saving *saving = work->data;
    if (status == 0 && saving->code != STIR_OK) {
        stir_log_plain(saving->log, STIR_LOG_WARNING,
                       "list of roots %s: not saved in list_state_dir, so a restart begins without it: %s",
                       saving->name, saving->err.text);
    }
    if (saving->source) {
        saving->source->saving = NULL;
    }
    saving_free(saving);
}

/* Saves the list that has come into force. If the one before is still being written, this one is saved after the next
 * refresh. */
static void begin_save(struct source *source, struct stir_view x5u_certs)
{
    const struct cpsd_root_lists *lists = source->lists;
    if (!lists->state_dir[0] || source->saving) {
        return;
    }
    struct saving *saving = calloc(1, sizeof(*saving));
    if (!saving) {
        return;
    }
    saving->work.data = saving;
    saving->source = source;
    saving->log = lists->log;
    saving->dir = strdup(lists->state_dir);
    saving->name = strdup(source->name);
    saving->sequence = source->sequence;
    saving->now = (int64_t)time(NULL);
    stir_buf_put(&saving->signer_roots, lists->signer_roots.ptr, lists->signer_roots.len);
    stir_buf_put(&saving->text, source->waiting.ptr, source->waiting.len);
    stir_buf_put(&saving->x5u_certs, x5u_certs.ptr ? x5u_certs.ptr : "", x5u_certs.len);
    bool good = saving->dir && saving->name && stir_buf_state(&saving->signer_roots) == STIR_OK &&
                stir_buf_state(&saving->text) == STIR_OK && stir_buf_state(&saving->x5u_certs) == STIR_OK;
    if (!good || uv_queue_work(lists->loop, &saving->work, save, saved) != 0) {
        saving_free(saving);
        return;
    }
    source->saving = saving;
}

/* Puts the list into force that an earlier process saved. Its sequence counts even if the list does not. */
static void restore(struct source *source)
{
    const struct cpsd_root_lists *lists = source->lists;
    struct stir_trust_list list = {0};
    struct stir_error err = {0};
    int64_t sequence = 0;
    const struct stir_trust_list_state state = {.dir = lists->state_dir,
                                                .name = source->name,
                                                .signer_roots =
                                                    stir_view(lists->signer_roots.ptr, lists->signer_roots.len)};
    if (source->restored || !lists->state_dir[0]) {
        return;
    }
    source->restored = true;
    enum stir_code code =
        stir_trust_list_state_load(&list, &sequence, &state, (int64_t)time(NULL), lists->grace_s, &err);
    code = code == STIR_OK ? take_list(source, &list, &err) : code;
    source->sequence = sequence > source->sequence ? sequence : source->sequence;
    if (code != STIR_OK && code != STIR_E_NOT_FOUND) {
        stir_log_plain(lists->log, STIR_LOG_WARNING, "list of roots %s: what list_state_dir has is not used: %s",
                       source->name, err.text);
    }
    stir_trust_list_clear(&list);
}

static void warn_of_item(void *arg, const char *text)
{
    const struct source *source = arg;
    stir_log_plain(source->lists->log, STIR_LOG_WARNING, "list of roots %s: %s", source->name, text);
}

static enum stir_code fetch_signer(struct source *source, const char *x5u, struct stir_error *err);

/* Reads source->waiting with what x5u served, or without it yet. STIR_OK with source->fetch set: its signer's
 * certificate is being fetched. */
static enum stir_code read_list(struct source *source, struct stir_view x5u_certs, struct stir_error *err)
{
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_trust_list list = {0};
    const struct cpsd_root_lists *lists = source->lists;
    const struct stir_trust_warn warn = {.say = warn_of_item, .arg = source};
    const struct stir_trust_list_spec spec = {.text = stir_view(source->waiting.ptr, source->waiting.len),
                                              .signer_roots =
                                                  stir_view(lists->signer_roots.ptr, lists->signer_roots.len),
                                              .x5u_certs = x5u_certs,
                                              .now = (int64_t)time(NULL),
                                              .grace_s = lists->grace_s,
                                              .least_sequence = source->sequence,
                                              .warn = &warn};
    enum stir_code code = stir_trust_list_read(&list, x5u, &spec, err);
    if (code == STIR_E_X5U_FETCH && !x5u_certs.len) {
        return fetch_signer(source, x5u, err);
    }
    code = code == STIR_OK ? take_list(source, &list, err) : code;
    if (code == STIR_OK) {
        begin_save(source, x5u_certs);
    }
    stir_trust_list_clear(&list);
    return code;
}

/* A list came, from a file or a server. */
static void list_came(struct source *source, struct stir_view text)
{
    struct stir_error err = {0};
    stir_buf_free(&source->waiting);
    source->waiting = (struct stir_buf){.limit = STIR_TRUST_LIST_OCTETS};
    stir_buf_put(&source->waiting, text.ptr, text.len);
    enum stir_code code = stir_buf_state(&source->waiting);
    code = code == STIR_OK ? read_list(source, stir_view("", 0), &err) : stir_fail(&err, code, "the list");
    if (code != STIR_OK || !source->fetch) {
        stir_buf_free(&source->waiting);
        settle(source, code, &err);
    }
}

/* ---- fetching ---- */

static enum stir_code check_answer(const struct cpsd_fetch_result *result, const char *what, struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        *err = result->error;
        return stir_fail_prefix(err, result->error.code, "%s", what);
    }
    if (result->status != 200 || result->body.len == 0) {
        return stir_fail(err, STIR_E_PROTOCOL, "%s: the server answered %d with %zu octets", what, result->status,
                         result->body.len);
    }
    return STIR_OK;
}

static void signer_fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct source *source = arg;
    struct stir_error err = {0};
    source->fetch = NULL;
    enum stir_code code = check_answer(result, "the certificate of its signer (x5u)", &err);
    code = code == STIR_OK ? read_list(source, result->body, &err) : code;
    stir_buf_free(&source->waiting);
    settle(source, code, &err);
}

static enum stir_code fetch_signer(struct source *source, const char *x5u, struct stir_error *err)
{
    struct cpsd_root_lists *lists = source->lists;
    struct stir_x5u_rules rules = lists->auth->x5u;
    rules.host_count = 0; /* x5u_hosts names the hosts of publishers, not that of the STI-PA */
    enum stir_code code = stir_x5u_check(&rules, x5u, err);
    if (code != STIR_OK) {
        return code;
    }
    const struct cpsd_fetch_request request = {.queue = CPSD_FETCH_LISTS,
                                               .url = x5u,
                                               .max_bytes = STIR_CHAIN_OCTETS,
                                               .timeout_ms = FETCH_MS,
                                               .public_only = !lists->auth->certs.allow_private,
                                               .ca_file = lists->x5u_ca_file};
    return cpsd_fetch(&source->fetch, lists->fetcher, &lists->mailbox, &request, signer_fetched, source, err);
}

static void list_fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct source *source = arg;
    struct stir_error err = {0};
    source->fetch = NULL;
    if (check_answer(result, "the list", &err) == STIR_OK) {
        list_came(source, result->body);
    } else {
        settle(source, err.code, &err);
    }
}

static void fetch_list(struct source *source)
{
    struct cpsd_root_lists *lists = source->lists;
    struct stir_error err = {0};
    const struct cpsd_fetch_request request = {.queue = CPSD_FETCH_LISTS,
                                               .url = source->name,
                                               .max_bytes = STIR_TRUST_LIST_OCTETS,
                                               .timeout_ms = FETCH_MS,
                                               .ca_file = lists->ca_file};
    if (cpsd_fetch(&source->fetch, lists->fetcher, &lists->mailbox, &request, list_fetched, source, &err) != STIR_OK) {
        source->fetch = NULL;
        settle(source, err.code, &err);
    }
}

static void read_file(struct source *source)
{
    struct stir_buf text = {.limit = STIR_TRUST_LIST_OCTETS};
    struct stir_error err = {0};
    enum stir_code code = stir_read_file(&text, source->name, text.limit, &err);
    if (code == STIR_OK) {
        list_came(source, stir_view(text.ptr ? text.ptr : "", text.len));
    } else {
        settle(source, code, &err);
    }
    stir_buf_free(&text);
}

/* ---- the schedule ---- */

/* An expired list stays in force for the grace; then its roots are dropped. */
static void check_expiry(struct source *source)
{
    struct cpsd_root_lists *lists = source->lists;
    int64_t now = (int64_t)time(NULL);
    struct stir_error err = {0};
    if (!source->current.roots || now <= source->current.exp) {
        return;
    }
    if (now - lists->grace_s > source->current.exp) {
        stir_log_plain(lists->log, STIR_LOG_ERROR,
                       "list of roots %s: expired, and list_grace_s has passed without a newer one: its roots are no "
                       "longer trusted",
                       source->name);
        stir_trust_list_clear(&source->current);
        if (lists->changed(lists->arg, &err) != STIR_OK) {
            stir_log_plain(lists->log, STIR_LOG_ERROR, "list of roots %s: %s", source->name, err.text);
        }
    } else if (!source->expiry_logged) {
        source->expiry_logged = true;
        stir_log_plain(lists->log, STIR_LOG_WARNING,
                       "list of roots %s: expired; it stays in force for list_grace_s (%lld s) after its exp: look for "
                       "why no newer list arrives",
                       source->name, (long long)lists->grace_s);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct cpsd_root_lists *lists = timer->data;
    for (size_t i = 0; i < lists->count; i++) {
        struct source *source = lists->sources[i];
        restore(source);
        if (!source->fetch && uv_now(lists->loop) >= source->due_ms) {
            source->is_url ? fetch_list(source) : read_file(source);
        }
        check_expiry(source);
    }
}

/* ---- configuration ---- */

/* The file has to hold a root, or no list could ever be verified. */
static enum stir_code check_signer_roots(const char *path, struct stir_error *err)
{
    struct stir_buf pem = {0};
    struct stir_trust *trust = NULL;
    enum stir_code code = stir_read_file(&pem, path, STIR_ROOTS_OCTETS, err);
    if (code == STIR_OK) {
        code = stir_trust_new(&trust, pem.ptr ? pem.ptr : "", pem.len, err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "[trust] list_signer_roots: %s", path);
    }
    stir_trust_unref(trust);
    stir_buf_cleanse(&pem);
    return code;
}

enum stir_code cpsd_root_lists_check_files(const struct cpsd_config *config, struct stir_error *err)
{
    char name[NAME_OCTETS];
    size_t pos = 0;
    struct stir_buf roots = {0};
    enum stir_code code = cpsd_root_lists_check(config, err);
    if (code == STIR_OK && config->trust_list_signer_roots[0]) {
        code = stir_read_file(&roots, config->trust_list_signer_roots, STIR_ROOTS_OCTETS, err);
    }
    while (code == STIR_OK && stir_conf_next(config->trust_list_files, &pos, name, sizeof(name))) {
        const struct stir_trust_list_state state = {.name = name, .signer_roots = stir_view(roots.ptr, roots.len)};
        code = stir_trust_list_check_file(&state, (int64_t)time(NULL), config->trust_list_grace_s, err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "[trust] list_files");
    }
    stir_buf_free(&roots);
    return code;
}

enum stir_code cpsd_root_lists_check(const struct cpsd_config *config, struct stir_error *err)
{
    char name[NAME_OCTETS];
    size_t pos = 0, count = 0;
    while (stir_conf_next(config->trust_list_urls, &pos, name, sizeof(name))) {
        count++;
        if (strncasecmp(name, "https://", 8) != 0) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] list_urls: %s is not https", name);
        }
    }
    for (pos = 0; stir_conf_next(config->trust_list_files, &pos, name, sizeof(name));) {
        count++;
    }
    if (count > CPSD_ROOT_LISTS_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "[trust] list_files and list_urls: more than %d lists",
                         CPSD_ROOT_LISTS_MAX);
    }
    if (count && !config->trust_list_signer_roots[0]) {
        return stir_fail(err, STIR_E_CONFIG,
                         "[trust] list_files and list_urls need list_signer_roots, the root of the lists' signer");
    }
    return count ? check_signer_roots(config->trust_list_signer_roots, err) : STIR_OK;
}

static struct source *find(struct source *const *sources, size_t count, const char *name, bool is_url)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i] && sources[i]->is_url == is_url && strcmp(sources[i]->name, name) == 0) {
            return sources[i];
        }
    }
    return NULL;
}

static struct source *source_new(struct cpsd_root_lists *lists, const char *name, bool is_url)
{
    struct source *source = calloc(1, sizeof(*source));
    char *copy = strdup(name);
    if (!source || !copy) {
        free(source);
        free(copy);
        return NULL;
    }
    source->lists = lists;
    source->name = copy;
    source->is_url = is_url;
    source->due_ms = uv_now(lists->loop);
    return source;
}

/* Everything that a configuration replaces, while it is being made. */
struct next_lists {
    struct source *sources[CPSD_ROOT_LISTS_MAX];
    size_t count;
    struct stir_buf signer_roots;
    struct cpsd_auth_rules *auth;
    char *ca_file, *x5u_ca_file, *state_dir;
};

static enum stir_code collect(struct next_lists *next, struct cpsd_root_lists *lists, const char *names, bool is_url,
                              bool keep, struct stir_error *err)
{
    char name[NAME_OCTETS];
    size_t pos = 0;
    while (next->count < CPSD_ROOT_LISTS_MAX && stir_conf_next(names, &pos, name, sizeof(name))) {
        if (find(next->sources, next->count, name, is_url)) {
            continue; /* named twice */
        }
        struct source *known = keep ? find(lists->sources, lists->count, name, is_url) : NULL;
        next->sources[next->count] = known ? known : source_new(lists, name, is_url);
        if (!next->sources[next->count]) {
            return stir_fail(err, STIR_E_NOMEM, "lists of roots");
        }
        next->count++;
    }
    return STIR_OK;
}

static enum stir_code make_next(struct next_lists *next, struct cpsd_root_lists *lists,
                                const struct cpsd_config *config, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    if (config->trust_list_signer_roots[0]) {
        code = stir_read_file(&next->signer_roots, config->trust_list_signer_roots, STIR_ROOTS_OCTETS, err);
    }
    bool keep = next->signer_roots.len == lists->signer_roots.len &&
                (next->signer_roots.len == 0 ||
                 memcmp(next->signer_roots.ptr, lists->signer_roots.ptr, next->signer_roots.len) == 0);
    code = code == STIR_OK ? cpsd_auth_rules_new(&next->auth, config, err) : code;
    code = code == STIR_OK ? collect(next, lists, config->trust_list_urls, true, keep, err) : code;
    code = code == STIR_OK ? collect(next, lists, config->trust_list_files, false, keep, err) : code;
    next->ca_file = strdup(config->trust_crl_ca_file);
    next->x5u_ca_file = strdup(config->auth_x5u_ca_file);
    next->state_dir = strdup(config->trust_list_state_dir);
    bool copied = next->ca_file && next->x5u_ca_file && next->state_dir;
    return code == STIR_OK && !copied ? stir_fail(err, STIR_E_NOMEM, "lists of roots") : code;
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

/* Frees the sources of the first set that are not in the other. */
static void free_others(struct source *const *sources, size_t count, struct source *const *kept, size_t kept_count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_among(sources[i], kept, kept_count)) {
            source_free(sources[i]);
        }
    }
}

enum stir_code cpsd_root_lists_use(struct cpsd_root_lists *lists, const struct cpsd_config *config,
                                   struct stir_error *err)
{
    struct next_lists next = {.count = 0};
    enum stir_code code = make_next(&next, lists, config, err);
    if (code != STIR_OK) {
        free_others(next.sources, next.count, lists->sources, lists->count);
        stir_buf_free(&next.signer_roots);
        cpsd_auth_rules_free(next.auth);
        free(next.ca_file);
        free(next.x5u_ca_file);
        free(next.state_dir);
        return code;
    }
    free_others(lists->sources, lists->count, next.sources, next.count);
    stir_buf_free(&lists->signer_roots);
    cpsd_auth_rules_free(lists->auth);
    free(lists->ca_file);
    free(lists->x5u_ca_file);
    free(lists->state_dir);
    memcpy(lists->sources, next.sources, sizeof(next.sources));
    lists->count = next.count;
    lists->signer_roots = next.signer_roots;
    lists->auth = next.auth;
    lists->ca_file = next.ca_file;
    lists->x5u_ca_file = next.x5u_ca_file;
    lists->state_dir = next.state_dir;
    lists->refresh_ms = (uint64_t)config->trust_list_refresh_s * 1000;
    lists->grace_s = config->trust_list_grace_s;
    for (size_t i = 0; i < lists->count; i++) {
        if (!lists->sources[i]->is_url && !lists->sources[i]->fetch) {
            lists->sources[i]->due_ms = uv_now(lists->loop); /* a reload reads files anew */
        }
    }
    (void)uv_timer_start(&lists->timer, on_timer, 0, TICK_MS);
    if (lists->count == 0) {
        (void)uv_timer_stop(&lists->timer);
    }
    return STIR_OK;
}

size_t cpsd_root_lists_texts(const struct cpsd_root_lists *lists, const struct cpsd_config *config,
                             struct stir_trust_text out[CPSD_ROOT_LISTS_MAX])
{
    char name[NAME_OCTETS];
    size_t count = 0;
    for (int is_url = 1; lists && is_url >= 0; is_url--) {
        const char *names = is_url ? config->trust_list_urls : config->trust_list_files;
        size_t pos = 0;
        while (count < CPSD_ROOT_LISTS_MAX && stir_conf_next(names, &pos, name, sizeof(name))) {
            const struct source *source = find(lists->sources, lists->count, name, is_url);
            if (source && source->current.roots) {
                out[count++] = (struct stir_trust_text){.name = source->name,
                                                        .octets = {source->current.roots, source->current.roots_len}};
            }
        }
    }
    return count;
}

bool cpsd_root_lists_status(const struct cpsd_root_lists *lists, size_t i, struct cpsd_root_list_status *out)
{
    if (!lists || i >= lists->count) {
        return false;
    }
    const struct source *source = lists->sources[i];
    *out = (struct cpsd_root_list_status){.name = source->name,
                                          .in_force = source->current.roots != NULL,
                                          .good_at = source->good_at,
                                          .exp = source->current.roots ? source->current.exp : 0,
                                          .failures = source->failures};
    return true;
}

/* ---- life ---- */

enum stir_code cpsd_root_lists_new(struct cpsd_root_lists **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                                   const struct stir_log *log, cpsd_root_lists_changed *changed, void *arg,
                                   struct stir_error *err)
{
    struct cpsd_root_lists *lists = calloc(1, sizeof(*lists));
    if (!lists) {
        return stir_fail(err, STIR_E_NOMEM, "lists of roots");
    }
    *lists = (struct cpsd_root_lists){.loop = loop, .fetcher = fetcher, .log = log, .changed = changed, .arg = arg};
    enum stir_code code = cpsd_mailbox_open(&lists->mailbox, loop, err);
    if (code != STIR_OK) {
        free(lists);
        return code;
    }
    (void)uv_timer_init(loop, &lists->timer); /* cannot fail */
    lists->timer.data = lists;
    *out = lists;
    return STIR_OK;
}

void cpsd_root_lists_stop(struct cpsd_root_lists *lists)
{
    if (!lists) {
        return;
    }
    for (size_t i = 0; i < lists->count; i++) {
        source_free(lists->sources[i]);
    }
    lists->count = 0;
    uv_close((uv_handle_t *)&lists->timer, NULL);
    cpsd_mailbox_close(&lists->mailbox, NULL, NULL);
}

void cpsd_root_lists_free(struct cpsd_root_lists *lists)
{
    if (lists) {
        for (size_t i = 0; i < lists->count; i++) {
            source_free(lists->sources[i]);
        }
        stir_buf_free(&lists->signer_roots);
        cpsd_auth_rules_free(lists->auth);
        free(lists->ca_file);
        free(lists->x5u_ca_file);
        free(lists->state_dir);
        free(lists);
    }
}
