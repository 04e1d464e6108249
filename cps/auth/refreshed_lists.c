/* SPDX-License-Identifier: MIT */
#include "cps/auth/refreshed_lists.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FETCH_MS 30000
#define TICK_MS 500 /* how often the lists are looked at */

static int64_t refreshed_now_ms(const struct cpsd_refreshed_lists *lists)
{
    return (int64_t)uv_now(lists->loop);
}

static void refreshed_list_free(struct cpsd_refreshed_list *list)
{
    if (list->fetch) {
        cpsd_fetch_cancel(list->fetch);
    }
    list->lists->kind->clear(list);
    free(list->name);
    free(list);
}

/* ---- one list ---- */

void cpsd_refreshed_list_end(struct cpsd_refreshed_list *list, enum stir_code code, const struct stir_error *err)
{
    const struct cpsd_refreshed_lists *lists = list->lists;
    bool first = !list->refresh.tried;
    assert(!list->fetch);
    stir_list_refresh_end(&list->refresh, code == STIR_OK, refreshed_now_ms(lists), (int64_t)time(NULL),
                          lists->every_ms);
    if (code != STIR_OK) {
        stir_log_plain(lists->log, STIR_LOG_WARNING, "%s %s: %s: %s", lists->kind->name, list->name,
                       lists->kind->in_force(list) ? "the previous one stays in use" : "no list is in use yet",
                       err->text);
    }
    if (lists->kind->ended) {
        lists->kind->ended(list, first);
    }
}

/* A list was read or fetched. */
static void refreshed_list_came(struct cpsd_refreshed_list *list, struct stir_view text)
{
    struct stir_error err = {0};
    enum stir_code code = list->lists->kind->take(list, text, &err);
    if (code != STIR_OK || !list->fetch) {
        cpsd_refreshed_list_end(list, code, &err);
    }
}

enum stir_code cpsd_refreshed_check_answer(const struct cpsd_fetch_result *result, struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        *err = result->error;
        return result->error.code;
    }
    if (result->status != 200 || result->body.len == 0) {
        return stir_fail(err, STIR_E_PROTOCOL, "the server answered %d with %zu octets", result->status,
                         result->body.len);
    }
    return STIR_OK;
}

static void refreshed_list_fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct cpsd_refreshed_list *list = arg;
    struct stir_error err = {0};
    list->fetch = NULL;
    enum stir_code code = cpsd_refreshed_check_answer(result, &err);
    if (code != STIR_OK) {
        cpsd_refreshed_list_end(list, code, &err);
        return;
    }
    refreshed_list_came(list, result->body);
}

static void refreshed_list_fetch(struct cpsd_refreshed_list *list)
{
    struct cpsd_refreshed_lists *lists = list->lists;
    struct stir_error err = {0};
    const struct cpsd_fetch_request request = {.queue = CPSD_FETCH_LISTS,
                                               .url = list->name,
                                               .max_bytes = lists->kind->max_octets,
                                               .timeout_ms = FETCH_MS,
                                               .ca_file = lists->ca_file};
    enum stir_code code =
        cpsd_fetch(&list->fetch, lists->fetcher, &lists->mailbox, &request, refreshed_list_fetched, list, &err);
    if (code != STIR_OK) {
        list->fetch = NULL;
        cpsd_refreshed_list_end(list, code, &err);
    }
}

/* Reads a file, or only finds that it has not changed. */
static void refreshed_list_read(struct cpsd_refreshed_list *list)
{
    const struct cpsd_refreshed_kind *kind = list->lists->kind;
    struct stir_buf text = {.limit = kind->max_octets};
    struct stir_error err = {0};
    struct stir_file_stamp stamp;
    enum stir_code code = stir_file_stamp_read(&stamp, list->name, &err);
    bool same = code == STIR_OK && kind->unless_changed && stir_file_stamp_equal(&stamp, &list->stamp);
    if (code == STIR_OK && !same) {
        code = stir_read_file(&text, list->name, text.limit, &err);
    }
    if (code != STIR_OK || same) {
        cpsd_refreshed_list_end(list, code, &err);
        return;
    }
    /* The stamp counts only once the list is in use: a bad file is read again, and logged again. */
    uint64_t failures = list->refresh.failures;
    refreshed_list_came(list, stir_view(text.ptr ? text.ptr : "", text.len));
    if (list->refresh.failures == failures) {
        list->stamp = stamp;
    }
    stir_buf_free(&text);
}

/* ---- the schedule ---- */

static void refreshed_on_timer(uv_timer_t *timer)
{
    struct cpsd_refreshed_lists *lists = timer->data;
    for (size_t i = 0; i < lists->count; i++) {
        struct cpsd_refreshed_list *list = lists->all[i];
        if (lists->kind->before) {
            lists->kind->before(list);
        }
        if (!list->fetch && stir_list_refresh_is_due(&list->refresh, refreshed_now_ms(lists))) {
            list->is_url ? refreshed_list_fetch(list) : refreshed_list_read(list);
        }
        if (lists->kind->after) {
            lists->kind->after(list);
        }
    }
}

/* ---- configuration ---- */

static struct cpsd_refreshed_list *refreshed_find(struct cpsd_refreshed_list *const *all, size_t count,
                                                  const char *name, bool is_url)
{
    for (size_t i = 0; i < count; i++) {
        if (all[i]->is_url == is_url && strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

struct cpsd_refreshed_list *cpsd_refreshed_lists_find(const struct cpsd_refreshed_lists *lists, const char *name,
                                                      bool is_url)
{
    return refreshed_find(lists->all, lists->count, name, is_url);
}

static struct cpsd_refreshed_list *refreshed_list_new(struct cpsd_refreshed_lists *lists, const char *name, bool is_url)
{
    struct cpsd_refreshed_list *list = calloc(1, lists->kind->size);
    char *copy = strdup(name);
    if (!list || !copy) {
        free(list);
        free(copy);
        return NULL;
    }
    list->lists = lists;
    list->name = copy;
    list->is_url = is_url;
    list->refresh.due_ms = refreshed_now_ms(lists);
    return list;
}

enum stir_code cpsd_refreshed_set_add(struct cpsd_refreshed_set *set, struct cpsd_refreshed_lists *lists,
                                      const char *names, bool is_url, bool keep, struct stir_error *err)
{
    char name[CPSD_REFRESHED_NAME];
    size_t pos = 0;
    while (stir_conf_next(names, &pos, name, sizeof(name))) {
        if (refreshed_find(set->all, set->count, name, is_url)) {
            continue; /* named twice */
        }
        if (set->count == CPSD_REFRESHED_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust]: more than %d lists", CPSD_REFRESHED_MAX);
        }
        struct cpsd_refreshed_list *list = keep ? cpsd_refreshed_lists_find(lists, name, is_url) : NULL;
        list = list ? list : refreshed_list_new(lists, name, is_url);
        if (!list) {
            return stir_fail(err, STIR_E_NOMEM, "out of memory for %s %s", lists->kind->name, name);
        }
        set->all[set->count++] = list;
    }
    return STIR_OK;
}

static bool refreshed_is_among(const struct cpsd_refreshed_list *list, struct cpsd_refreshed_list *const *all,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (all[i] == list) {
            return true;
        }
    }
    return false;
}

/* Frees the lists of `all` that are not among `kept`. */
static void refreshed_free_others(struct cpsd_refreshed_list *const *all, size_t count,
                                  struct cpsd_refreshed_list *const *kept, size_t kept_count)
{
    for (size_t i = 0; i < count; i++) {
        if (!refreshed_is_among(all[i], kept, kept_count)) {
            refreshed_list_free(all[i]);
        }
    }
}

void cpsd_refreshed_set_abandon(const struct cpsd_refreshed_set *set, const struct cpsd_refreshed_lists *lists)
{
    refreshed_free_others(set->all, set->count, lists->all, lists->count);
}

void cpsd_refreshed_lists_use(struct cpsd_refreshed_lists *lists, const struct cpsd_refreshed_set *set,
                              int64_t every_ms, char *ca_file)
{
    refreshed_free_others(lists->all, lists->count, set->all, set->count);
    memcpy(lists->all, set->all, sizeof(lists->all));
    lists->count = set->count;
    lists->every_ms = every_ms;
    free(lists->ca_file);
    lists->ca_file = ca_file;
    /* the timer runs only while there is something to look at */
    if (lists->count) {
        (void)uv_timer_start(&lists->timer, refreshed_on_timer, 0, TICK_MS);
    } else {
        (void)uv_timer_stop(&lists->timer);
    }
}

/* ---- life ---- */

enum stir_code cpsd_refreshed_lists_open(struct cpsd_refreshed_lists *lists, const struct cpsd_refreshed_kind *kind,
                                         uv_loop_t *loop, struct cpsd_fetcher *fetcher, const struct stir_log *log,
                                         struct stir_error *err)
{
    *lists = (struct cpsd_refreshed_lists){.kind = kind, .loop = loop, .fetcher = fetcher, .log = log};
    enum stir_code code = cpsd_mailbox_open(&lists->mailbox, loop, err);
    if (code != STIR_OK) {
        return code;
    }
    (void)uv_timer_init(loop, &lists->timer); /* cannot fail */
    lists->timer.data = lists;
    return STIR_OK;
}

void cpsd_refreshed_lists_stop(struct cpsd_refreshed_lists *lists)
{
    for (size_t i = 0; i < lists->count; i++) {
        refreshed_list_free(lists->all[i]);
    }
    lists->count = 0;
    uv_close((uv_handle_t *)&lists->timer, NULL);
    cpsd_mailbox_close(&lists->mailbox, NULL, NULL);
}

void cpsd_refreshed_lists_clear(struct cpsd_refreshed_lists *lists)
{
    for (size_t i = 0; i < lists->count; i++) {
        refreshed_list_free(lists->all[i]);
    }
    lists->count = 0;
    free(lists->ca_file);
    lists->ca_file = NULL;
}
