/* SPDX-License-Identifier: MIT */
#include "cps/auth/root_lists.h"

#include "common/cert/trust_list_state.h"
#include "common/cert/x5u.h"
#include "cps/auth/auth_rules.h"
#include "cps/auth/refreshed_lists.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SIGNER_FETCH_MS 30000

struct root_list {
    struct cpsd_refreshed_list list; /* first */
    struct stir_trust_list current;  /* in force if it has roots */
    int64_t sequence;                /* the highest that was in force */
    bool expiry_logged;
    bool restored;           /* list_state_dir was looked into for what an earlier process saved */
    struct saving *saving;   /* in progress */
    struct stir_buf waiting; /* a list while its signer's certificate is being fetched */
};

struct cpsd_root_lists {
    struct cpsd_refreshed_lists lists; /* first */
    cpsd_root_lists_changed *changed;
    void *arg;
    struct stir_buf signer_roots;
    struct cpsd_auth_rules *auth; /* which ports x5u may have, and whether private addresses are allowed */
    int64_t grace_s;
    char *state_dir;   /* "": nothing is kept */
    char *x5u_ca_file; /* of the hosts that x5u names, as for tokens */
};

/* A list that a thread of libuv's pool writes to list_state_dir. */
struct saving {
    uv_work_t work;
    struct root_list *root; /* NULL: it was freed meanwhile */
    const struct stir_log *log;
    char *dir, *name;
    struct stir_buf signer_roots, text, x5u_certs;
    int64_t sequence, now;
    enum stir_code code;
    struct stir_error err;
};

static struct cpsd_root_lists *root_list_owner(const struct root_list *root)
{
    return (struct cpsd_root_lists *)root->list.lists;
}

static struct stir_trust_list_state root_list_state(const struct root_list *root)
{
    const struct cpsd_root_lists *lists = root_list_owner(root);
    return (struct stir_trust_list_state){.dir = lists->state_dir,
                                          .name = root->list.name,
                                          .signer_roots = stir_view(lists->signer_roots.ptr, lists->signer_roots.len)};
}

/* ---- one list ---- */

/* Puts a verified list into force and takes it over. The list before stays if the trust cannot be built with it. */
static enum stir_code root_list_put_in_force(struct root_list *root, struct stir_trust_list *list,
                                             struct stir_error *err)
{
    const struct cpsd_root_lists *lists = root_list_owner(root);
    struct stir_trust_list before = root->current;
    bool same =
        before.roots && before.roots_len == list->roots_len && memcmp(before.roots, list->roots, list->roots_len) == 0;
    root->current = *list;
    *list = (struct stir_trust_list){0};
    enum stir_code code = same ? STIR_OK : lists->changed(lists->arg, err);
    if (code != STIR_OK) {
        stir_trust_list_clear(&root->current);
        root->current = before;
        return code;
    }
    stir_trust_list_clear(&before);
    root->sequence = root->current.sequence;
    root->expiry_logged = false;
    if (!same) {
        stir_log_plain(root->list.lists->log, STIR_LOG_NOTICE, "list of roots %s: sequence %lld is in use",
                       root->list.name, (long long)root->sequence);
    }
    return STIR_OK;
}

/* ---- list_state_dir: what a later process finds ---- */

static void saving_free(struct saving *saving)
{
    stir_buf_free(&saving->signer_roots);
    stir_buf_free(&saving->text);
    stir_buf_free(&saving->x5u_certs);
    free(saving->dir);
    free(saving->name);
    free(saving);
}

/* On a thread of libuv's pool. */
static void saving_work(uv_work_t *work)
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

static void saving_done(uv_work_t *work, int status)
{
    struct saving *saving = work->data;
    if (status == 0 && saving->code != STIR_OK) {
        stir_log_plain(saving->log, STIR_LOG_WARNING,
                       "list of roots %s: cannot save it in list_state_dir, so it is not available after a restart: %s",
                       saving->name, saving->err.text);
    }
    if (saving->root) {
        saving->root->saving = NULL;
    }
    saving_free(saving);
}

/* Saves the list that has come into force. If the one before is still being written, this one is saved with the next
 * refresh. */
static void root_list_save(struct root_list *root, struct stir_view x5u_certs)
{
    const struct cpsd_root_lists *lists = root_list_owner(root);
    if (!lists->state_dir[0] || root->saving) {
        return;
    }
    struct saving *saving = calloc(1, sizeof(*saving));
    if (!saving) {
        return;
    }
    /* the thread works on copies: the list may be replaced or freed meanwhile */
    saving->work.data = saving;
    saving->root = root;
    saving->log = lists->lists.log;
    saving->dir = strdup(lists->state_dir);
    saving->name = strdup(root->list.name);
    saving->sequence = root->sequence;
    saving->now = (int64_t)time(NULL);
    stir_buf_put(&saving->signer_roots, lists->signer_roots.ptr, lists->signer_roots.len);
    stir_buf_put(&saving->text, root->waiting.ptr, root->waiting.len);
    stir_buf_put(&saving->x5u_certs, x5u_certs.ptr ? x5u_certs.ptr : "", x5u_certs.len);
    bool good = saving->dir && saving->name && stir_buf_state(&saving->signer_roots) == STIR_OK &&
                stir_buf_state(&saving->text) == STIR_OK && stir_buf_state(&saving->x5u_certs) == STIR_OK;
    if (!good || uv_queue_work(lists->lists.loop, &saving->work, saving_work, saving_done) != 0) {
        saving_free(saving);
        return;
    }
    root->saving = saving;
}

/* Puts the list into force that an earlier process saved. Its sequence counts even if the list does not. */
static void root_list_restore(struct cpsd_refreshed_list *list)
{
    struct root_list *root = (struct root_list *)list;
    const struct cpsd_root_lists *lists = root_list_owner(root);
    struct stir_trust_list saved = {0};
    struct stir_error err = {0};
    int64_t sequence = 0;
    if (root->restored || !lists->state_dir[0]) {
        return;
    }
    root->restored = true;
    const struct stir_trust_list_state state = root_list_state(root);
    enum stir_code code =
        stir_trust_list_state_load(&saved, &sequence, &state, (int64_t)time(NULL), lists->grace_s, &err);
    code = code == STIR_OK ? root_list_put_in_force(root, &saved, &err) : code;
    /* An old list cannot be replayed after a restart. */
    root->sequence = sequence > root->sequence ? sequence : root->sequence;
    if (code != STIR_OK && code != STIR_E_NOT_FOUND) {
        stir_log_plain(list->lists->log, STIR_LOG_WARNING,
                       "list of roots %s: the copy saved in list_state_dir is not used: %s", list->name, err.text);
    }
    stir_trust_list_clear(&saved);
}

/* ---- verifying ---- */

static void root_list_warn(void *arg, const char *text)
{
    const struct root_list *root = arg;
    stir_log_plain(root->list.lists->log, STIR_LOG_WARNING, "list of roots %s: %s", root->list.name, text);
}

static enum stir_code root_list_fetch_signer(struct root_list *root, const char *x5u, struct stir_error *err);

/* Verifies root->waiting, with the certificates that its x5u served or without them yet. STIR_OK with root->list.fetch
 * set: its signer's certificate is being fetched. */
static enum stir_code root_list_verify(struct root_list *root, struct stir_view x5u_certs, struct stir_error *err)
{
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_trust_list list = {0};
    const struct cpsd_root_lists *lists = root_list_owner(root);
    const struct stir_trust_warn warn = {.say = root_list_warn, .arg = root};
    const struct stir_trust_list_spec spec = {.text = stir_view(root->waiting.ptr, root->waiting.len),
                                              .signer_roots =
                                                  stir_view(lists->signer_roots.ptr, lists->signer_roots.len),
                                              .x5u_certs = x5u_certs,
                                              .now = (int64_t)time(NULL),
                                              .grace_s = lists->grace_s,
                                              .least_sequence = root->sequence,
                                              .warn = &warn};
    /* none of the known certificates signed it: the one at the list's x5u may have (ATIS-1000084) */
    enum stir_code code = stir_trust_list_read(&list, x5u, &spec, err);
    if (code == STIR_E_X5U_FETCH && !x5u_certs.len) {
        return root_list_fetch_signer(root, x5u, err);
    }
    code = code == STIR_OK ? root_list_put_in_force(root, &list, err) : code;
    if (code == STIR_OK) {
        root_list_save(root, x5u_certs);
    }
    stir_trust_list_clear(&list);
    return code;
}

static void root_list_signer_fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct root_list *root = arg;
    struct stir_error err = {0};
    root->list.fetch = NULL;
    enum stir_code code = cpsd_refreshed_check_answer(result, &err);
    code = code == STIR_OK ? root_list_verify(root, result->body, &err)
                           : stir_fail_prefix(&err, code, "the certificate of its signer (x5u)");
    stir_buf_free(&root->waiting);
    cpsd_refreshed_list_end(&root->list, code, &err);
}

/* The list's author chose the URL, so the rules for the x5u of tokens apply: https, and public addresses only. */
static enum stir_code root_list_fetch_signer(struct root_list *root, const char *x5u, struct stir_error *err)
{
    struct cpsd_root_lists *lists = root_list_owner(root);
    struct stir_x5u_rules rules = lists->auth->x5u;
    rules.host_count = 0; /* x5u_hosts names the hosts of publishers, not that of the STI-PA */
    enum stir_code code = stir_x5u_check(&rules, x5u, err);
    if (code != STIR_OK) {
        return code;
    }
    const struct cpsd_fetch_request request = {.queue = CPSD_FETCH_LISTS,
                                               .url = x5u,
                                               .max_bytes = STIR_CHAIN_OCTETS,
                                               .timeout_ms = SIGNER_FETCH_MS,
                                               .public_only = !lists->auth->certs.allow_private,
                                               .ca_file = lists->x5u_ca_file};
    code = cpsd_fetch(&root->list.fetch, lists->lists.fetcher, &lists->lists.mailbox, &request,
                      root_list_signer_fetched, root, err);
    if (code != STIR_OK) {
        root->list.fetch = NULL;
    }
    return code;
}

static enum stir_code root_list_take(struct cpsd_refreshed_list *list, struct stir_view text, struct stir_error *err)
{
    struct root_list *root = (struct root_list *)list;
    stir_buf_free(&root->waiting);
    root->waiting = (struct stir_buf){.limit = STIR_TRUST_LIST_OCTETS};
    stir_buf_put(&root->waiting, text.ptr, text.len);
    enum stir_code code = stir_buf_state(&root->waiting);
    code = code == STIR_OK ? root_list_verify(root, stir_view("", 0), err)
                           : stir_fail(err, code, "cannot keep the list in memory");
    if (code != STIR_OK || !list->fetch) {
        stir_buf_free(&root->waiting);
    }
    return code;
}

/* ---- expiry ---- */

/* An expired list stays in force for list_grace_s; then its roots are dropped. */
static void root_list_check_expiry(struct cpsd_refreshed_list *list)
{
    struct root_list *root = (struct root_list *)list;
    const struct cpsd_root_lists *lists = root_list_owner(root);
    struct stir_error err = {0};
    if (!root->current.roots) {
        return;
    }
    enum stir_list_age age = stir_list_age(root->current.exp, lists->grace_s, (int64_t)time(NULL));
    /* first a warning that gives time to act, then the roots are dropped */
    if (age == STIR_LIST_EXPIRED) {
        stir_log_plain(list->lists->log, STIR_LOG_ERROR,
                       "list of roots %s: expired, and list_grace_s has passed without a newer one: its roots are no "
                       "longer trusted",
                       list->name);
        stir_trust_list_clear(&root->current);
        if (lists->changed(lists->arg, &err) != STIR_OK) {
            stir_log_plain(list->lists->log, STIR_LOG_ERROR, "list of roots %s: cannot take its roots out of use: %s",
                           list->name, err.text);
        }
    } else if (age == STIR_LIST_IN_GRACE && !root->expiry_logged) {
        root->expiry_logged = true;
        stir_log_plain(list->lists->log, STIR_LOG_WARNING,
                       "list of roots %s: expired; it stays in force for list_grace_s (%lld s) after its exp; find out "
                       "why no newer list arrives",
                       list->name, (long long)lists->grace_s);
    }
}

static bool root_list_in_force(const struct cpsd_refreshed_list *list)
{
    return ((const struct root_list *)list)->current.roots != NULL;
}

static void root_list_clear(struct cpsd_refreshed_list *list)
{
    struct root_list *root = (struct root_list *)list;
    if (root->saving) {
        root->saving->root = NULL;
    }
    stir_trust_list_clear(&root->current);
    stir_buf_free(&root->waiting);
}

static const struct cpsd_refreshed_kind root_list_kind = {.name = "list of roots",
                                                          .size = sizeof(struct root_list),
                                                          .max_octets = STIR_TRUST_LIST_OCTETS,
                                                          .take = root_list_take,
                                                          .in_force = root_list_in_force,
                                                          .before = root_list_restore,
                                                          .after = root_list_check_expiry,
                                                          .clear = root_list_clear};

/* ---- configuration ---- */

/* Checks that the file holds a root: without one no list could ever be verified. */
static enum stir_code root_lists_check_signer_roots(const char *path, struct stir_error *err)
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
    char name[CPSD_REFRESHED_NAME];
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
    char name[CPSD_REFRESHED_NAME];
    size_t pos = 0, count = 0;
    while (stir_conf_next(config->trust_list_urls, &pos, name, sizeof(name))) {
        count++;
        if (strncasecmp(name, "https://", 8) != 0) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] list_urls: %s is not an https URL", name);
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
        return stir_fail(
            err, STIR_E_CONFIG,
            "[trust] list_files and list_urls need list_signer_roots; set it to the root certificates of the "
            "lists' signer");
    }
    return count ? root_lists_check_signer_roots(config->trust_list_signer_roots, err) : STIR_OK;
}

/* What a configuration replaces, while it is being made. */
struct next_lists {
    struct cpsd_refreshed_set set;
    struct stir_buf signer_roots;
    struct cpsd_auth_rules *auth;
    char *ca_file, *x5u_ca_file, *state_dir;
};

static enum stir_code next_lists_make(struct next_lists *next, struct cpsd_root_lists *lists,
                                      const struct cpsd_config *config, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    next->ca_file = strdup(config->trust_crl_ca_file);
    next->x5u_ca_file = strdup(config->auth_x5u_ca_file);
    next->state_dir = strdup(config->trust_list_state_dir);
    if (!next->ca_file || !next->x5u_ca_file || !next->state_dir) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for lists of roots");
    }
    if (config->trust_list_signer_roots[0]) {
        code = stir_read_file(&next->signer_roots, config->trust_list_signer_roots, STIR_ROOTS_OCTETS, err);
    }
    if (code != STIR_OK) {
        return code;
    }
    /* Lists that other signers signed are not kept. */
    bool keep = next->signer_roots.len == lists->signer_roots.len &&
                (next->signer_roots.len == 0 ||
                 memcmp(next->signer_roots.ptr, lists->signer_roots.ptr, next->signer_roots.len) == 0);
    code = cpsd_auth_rules_new(&next->auth, config, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_refreshed_set_add(&next->set, &lists->lists, config->trust_list_urls, true, keep, err);
    return code == STIR_OK
               ? cpsd_refreshed_set_add(&next->set, &lists->lists, config->trust_list_files, false, keep, err)
               : code;
}

/* Frees what belongs to a configuration besides the lists themselves. */
static void root_lists_clear_config(struct cpsd_root_lists *lists)
{
    stir_buf_free(&lists->signer_roots);
    cpsd_auth_rules_free(lists->auth);
    free(lists->x5u_ca_file);
    free(lists->state_dir);
}

enum stir_code cpsd_root_lists_use(struct cpsd_root_lists *lists, const struct cpsd_config *config,
                                   struct stir_error *err)
{
    struct next_lists next = {.set = {.count = 0}};
    enum stir_code code = next_lists_make(&next, lists, config, err);
    if (code != STIR_OK) {
        cpsd_refreshed_set_abandon(&next.set, &lists->lists);
        stir_buf_free(&next.signer_roots);
        cpsd_auth_rules_free(next.auth);
        free(next.ca_file);
        free(next.x5u_ca_file);
        free(next.state_dir);
        return code;
    }
    root_lists_clear_config(lists);
    lists->signer_roots = next.signer_roots;
    lists->auth = next.auth;
    lists->x5u_ca_file = next.x5u_ca_file;
    lists->state_dir = next.state_dir;
    lists->grace_s = config->trust_list_grace_s;
    /* a reload reads files again; a URL keeps its time */
    for (size_t i = 0; i < next.set.count; i++) {
        if (!next.set.all[i]->is_url && !next.set.all[i]->fetch) {
            next.set.all[i]->refresh.due_ms = (int64_t)uv_now(lists->lists.loop);
        }
    }
    cpsd_refreshed_lists_use(&lists->lists, &next.set, config->trust_list_refresh_s * 1000, next.ca_file);
    return STIR_OK;
}

size_t cpsd_root_lists_texts(const struct cpsd_root_lists *lists, const struct cpsd_config *config,
                             struct stir_trust_text out[CPSD_ROOT_LISTS_MAX])
{
    char name[CPSD_REFRESHED_NAME];
    size_t count = 0;
    for (int is_url = 1; lists && is_url >= 0; is_url--) {
        const char *names = is_url ? config->trust_list_urls : config->trust_list_files;
        size_t pos = 0;
        while (count < CPSD_ROOT_LISTS_MAX && stir_conf_next(names, &pos, name, sizeof(name))) {
            const struct root_list *root =
                (const struct root_list *)cpsd_refreshed_lists_find(&lists->lists, name, is_url);
            if (root && root->current.roots) {
                out[count++] = (struct stir_trust_text){.name = root->list.name,
                                                        .octets = {root->current.roots, root->current.roots_len}};
            }
        }
    }
    return count;
}

bool cpsd_root_lists_status(const struct cpsd_root_lists *lists, size_t i, struct cpsd_root_list_status *out)
{
    if (!lists || i >= lists->lists.count) {
        return false;
    }
    const struct root_list *root = (const struct root_list *)lists->lists.all[i];
    *out = (struct cpsd_root_list_status){.name = root->list.name,
                                          .in_force = root->current.roots != NULL,
                                          .good_at = root->list.refresh.good_at,
                                          .exp = root->current.roots ? root->current.exp : 0,
                                          .failures = root->list.refresh.failures};
    return true;
}

/* ---- life ---- */

enum stir_code cpsd_root_lists_new(struct cpsd_root_lists **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                                   const struct stir_log *log, cpsd_root_lists_changed *changed, void *arg,
                                   struct stir_error *err)
{
    struct cpsd_root_lists *lists = calloc(1, sizeof(*lists));
    if (!lists) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for lists of roots");
    }
    enum stir_code code = cpsd_refreshed_lists_open(&lists->lists, &root_list_kind, loop, fetcher, log, err);
    if (code != STIR_OK) {
        free(lists);
        return code;
    }
    lists->changed = changed;
    lists->arg = arg;
    *out = lists;
    return STIR_OK;
}

void cpsd_root_lists_stop(struct cpsd_root_lists *lists)
{
    if (lists) {
        cpsd_refreshed_lists_stop(&lists->lists);
    }
}

void cpsd_root_lists_free(struct cpsd_root_lists *lists)
{
    if (lists) {
        cpsd_refreshed_lists_clear(&lists->lists);
        root_lists_clear_config(lists);
        free(lists);
    }
}
