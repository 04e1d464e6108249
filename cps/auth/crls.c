/* SPDX-License-Identifier: MIT */
#include "cps/auth/crls.h"

#include "cps/auth/refreshed_lists.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct crl {
    struct cpsd_refreshed_list list; /* first */
    char *text;                      /* the last good one; NULL: none yet */
    size_t len;
    int64_t until; /* its earliest nextUpdate, seconds since the epoch */
};

struct cpsd_crls {
    struct cpsd_refreshed_lists lists; /* first */
    cpsd_crls_changed *changed;
    void *arg;
};

/* ---- one list ---- */

/* Replaces the text if the trust can be built with the new one; otherwise the text before stays. */
static enum stir_code crl_replace_text(struct crl *crl, struct stir_view body, struct stir_error *err)
{
    const struct cpsd_crls *crls = (const struct cpsd_crls *)crl->list.lists;
    char *old = crl->text, *text = malloc(body.len + 1);
    size_t old_len = crl->len;
    if (!text) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for a revocation list");
    }
    memcpy(text, body.ptr, body.len);
    crl->text = text;
    crl->len = body.len;
    enum stir_code code = crls->changed(crls->arg, err);
    if (code != STIR_OK) {
        crl->text = old;
        crl->len = old_len;
        free(text);
        return code;
    }
    crl->until = stir_crls_until(body.ptr, body.len);
    free(old);
    return STIR_OK;
}

static enum stir_code crl_take(struct cpsd_refreshed_list *list, struct stir_view text, struct stir_error *err)
{
    struct crl *crl = (struct crl *)list;
    if (crl->text && crl->len == text.len && memcmp(crl->text, text.ptr, text.len) == 0) {
        return STIR_OK;
    }
    enum stir_code code = crl_replace_text(crl, text, err);
    if (code == STIR_OK) {
        stir_log_plain(list->lists->log, STIR_LOG_NOTICE, "revocation list %s: a new one is in use", list->name);
    }
    return code;
}

static bool crl_in_force(const struct cpsd_refreshed_list *list)
{
    return ((const struct crl *)list)->text != NULL;
}

bool cpsd_crls_are_awaited(const struct cpsd_crls *crls)
{
    bool awaited = false;
    for (size_t i = 0; crls && i < crls->lists.count; i++) {
        const struct cpsd_refreshed_list *list = crls->lists.all[i];
        awaited |= list->is_url && !crl_in_force(list) && !list->refresh.tried;
    }
    return awaited;
}

/* After the first attempt of the last URL that was awaited, well or not, the trust is built with what there is. */
static void crl_ended(struct cpsd_refreshed_list *list, bool first)
{
    const struct cpsd_crls *crls = (const struct cpsd_crls *)list->lists;
    struct stir_error err = {0};
    if (first && list->is_url && !cpsd_crls_are_awaited(crls) && crls->changed(crls->arg, &err) != STIR_OK) {
        stir_log_plain(list->lists->log, STIR_LOG_ERROR, "revocation lists: cannot be put into use: %s", err.text);
    }
}

static void crl_clear(struct cpsd_refreshed_list *list)
{
    free(((struct crl *)list)->text);
}

static const struct cpsd_refreshed_kind crl_kind = {.name = "revocation list",
                                                    .size = sizeof(struct crl),
                                                    .max_octets = STIR_CRLS_OCTETS,
                                                    .unless_changed = true,
                                                    .take = crl_take,
                                                    .in_force = crl_in_force,
                                                    .ended = crl_ended,
                                                    .clear = crl_clear};

/* ---- configuration ---- */

enum stir_code cpsd_crls_check(const struct cpsd_config *config, struct stir_error *err)
{
    char name[CPSD_REFRESHED_NAME];
    size_t pos = 0, count = 0;
    while (stir_conf_next(config->trust_crl_urls, &pos, name, sizeof(name))) {
        if (strncasecmp(name, "https://", 8) != 0) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_urls: %s is not an https URL", name);
        }
        if (++count > CPSD_CRL_URLS_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_urls: more than %d URLs", CPSD_CRL_URLS_MAX);
        }
    }
    for (pos = 0, count = 0; stir_conf_next(config->trust_crl_files, &pos, name, sizeof(name));) {
        if (++count > CPSD_CRL_FILES_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_files: more than %d files", CPSD_CRL_FILES_MAX);
        }
    }
    return STIR_OK;
}

/* Reads a file of the configuration. The trust of this configuration was built with it already. */
static enum stir_code crl_read_first(struct crl *crl, int64_t every_ms, struct stir_error *err)
{
    struct cpsd_refreshed_list *list = &crl->list;
    struct stir_buf text = {.limit = STIR_CRLS_OCTETS};
    enum stir_code code = stir_file_stamp_read(&list->stamp, list->name, err);
    code = code == STIR_OK ? stir_read_file(&text, list->name, text.limit, err) : code;
    if (code != STIR_OK) {
        stir_buf_free(&text);
        return code;
    }
    list->refresh.good_at = (int64_t)time(NULL);
    list->refresh.due_ms = (int64_t)uv_now(list->lists->loop) + every_ms;
    crl->until = stir_crls_until(text.ptr ? text.ptr : "", text.len);
    crl->text = stir_buf_steal(&text, &crl->len);
    stir_buf_free(&text);
    return STIR_OK;
}

/* Collects the lists of a configuration. Texts of URLs are kept; files are read again, so that a bad one is a fault of
 * the configuration. */
static enum stir_code crls_collect(struct cpsd_refreshed_set *set, struct cpsd_crls *crls,
                                   const struct cpsd_config *config, int64_t every_ms, struct stir_error *err)
{
    enum stir_code code = cpsd_refreshed_set_add(set, &crls->lists, config->trust_crl_urls, true, true, err);
    if (code != STIR_OK) {
        return code;
    }
    size_t urls = set->count;
    code = cpsd_refreshed_set_add(set, &crls->lists, config->trust_crl_files, false, false, err);
    for (size_t i = urls; code == STIR_OK && i < set->count; i++) {
        code = crl_read_first((struct crl *)set->all[i], every_ms, err);
    }
    return code;
}

enum stir_code cpsd_crls_use(struct cpsd_crls *crls, const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_refreshed_set set = {.count = 0};
    int64_t every_ms = config->trust_crl_refresh_s * 1000;
    char *ca_file = strdup(config->trust_crl_ca_file);
    enum stir_code code = ca_file ? crls_collect(&set, crls, config, every_ms, err)
                                  : stir_fail(err, STIR_E_NOMEM, "out of memory for revocation lists");
    if (code != STIR_OK) {
        cpsd_refreshed_set_abandon(&set, &crls->lists);
        free(ca_file);
        return code;
    }
    /* a URL without a text is tried at once: it is new, or its server or ca_file may have been corrected */
    for (size_t i = 0; i < set.count; i++) {
        if (!crl_in_force(set.all[i])) {
            set.all[i]->refresh.due_ms = (int64_t)uv_now(crls->lists.loop);
        }
    }
    cpsd_refreshed_lists_use(&crls->lists, &set, every_ms, ca_file);
    return STIR_OK;
}

size_t cpsd_crls_texts(const struct cpsd_crls *crls, const struct cpsd_config *config, bool files,
                       struct stir_trust_text out[CPSD_CRLS_MAX])
{
    char name[CPSD_REFRESHED_NAME];
    size_t count = 0;
    for (int is_url = 1; crls && is_url >= !files; is_url--) {
        const char *names = is_url ? config->trust_crl_urls : config->trust_crl_files;
        size_t pos = 0;
        while (count < CPSD_CRLS_MAX && stir_conf_next(names, &pos, name, sizeof(name))) {
            const struct crl *crl = (const struct crl *)cpsd_refreshed_lists_find(&crls->lists, name, is_url);
            if (crl && crl->text) {
                out[count++] = (struct stir_trust_text){.name = crl->list.name, .octets = {crl->text, crl->len}};
            }
        }
    }
    return count;
}

bool cpsd_crls_status(const struct cpsd_crls *crls, size_t i, struct cpsd_crl_status *out)
{
    if (!crls || i >= crls->lists.count) {
        return false;
    }
    const struct crl *crl = (const struct crl *)crls->lists.all[i];
    *out = (struct cpsd_crl_status){.name = crl->list.name,
                                    .is_url = crl->list.is_url,
                                    .good_at = crl->list.refresh.good_at,
                                    .until = crl->text ? crl->until : 0,
                                    .failures = crl->list.refresh.failures};
    return true;
}

/* ---- life ---- */

enum stir_code cpsd_crls_new(struct cpsd_crls **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                             const struct stir_log *log, cpsd_crls_changed *changed, void *arg, struct stir_error *err)
{
    struct cpsd_crls *crls = calloc(1, sizeof(*crls));
    if (!crls) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for revocation lists");
    }
    enum stir_code code = cpsd_refreshed_lists_open(&crls->lists, &crl_kind, loop, fetcher, log, err);
    if (code != STIR_OK) {
        free(crls);
        return code;
    }
    crls->changed = changed;
    crls->arg = arg;
    *out = crls;
    return STIR_OK;
}

void cpsd_crls_stop(struct cpsd_crls *crls)
{
    if (crls) {
        cpsd_refreshed_lists_stop(&crls->lists);
    }
}

void cpsd_crls_free(struct cpsd_crls *crls)
{
    if (crls) {
        cpsd_refreshed_lists_clear(&crls->lists);
        free(crls);
    }
}
