/* SPDX-License-Identifier: MIT */
#include "cps/server/server_state.h"

#include <assert.h>
#include <stdio.h>

/* Keeps the workers' trust up to date while revocation lists and lists of roots change. */
#define STATUS_MS 500 /* how often the state of the lists is copied for /metrics and /ready */

static void trust_update_replace(struct cpsd_server *server, struct cpsd_trusted *trusted)
{
    cpsd_trusted_unref(server->trusted);
    server->trusted = cpsd_trusted_ref(trusted);
}

void cpsd_trust_update_choose(struct cpsd_server *server, struct cpsd_setup *setup)
{
    /* With crl_policy = required, a certificate without a current list is refused. Until a URL that is new was fetched
     * that would refuse everybody, so the previous trust stays in use. */
    server->trust_waits = setup->config.trust_crl_policy == STIR_CRL_REQUIRED && server->trusted->trust &&
                          setup->trusted->trust && cpsd_crls_are_awaited(server->crls);
    if (!server->trust_waits) {
        trust_update_replace(server, setup->trusted);
        return;
    }
    setup->trusted_first = cpsd_trusted_ref(server->trusted);
    stir_log_plain(&server->log, STIR_LOG_NOTICE,
                   "reload: the previous roots and revocation lists stay in use until the new crl_urls have been "
                   "fetched");
}

/* Builds the trust anew after a list has changed, from the same files of roots and the same number table, and sends it
 * to the workers. */
static enum stir_code trust_update_rebuild(struct cpsd_server *server, const struct stir_trust_warn *warn,
                                           struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    struct stir_trust_text texts[CPSD_CRLS_MAX], roots[CPSD_ROOT_LISTS_MAX];
    struct cpsd_trusted *trusted = NULL;
    const struct cpsd_trusted_spec spec = {.config = config,
                                           .files = &server->setup->trust_files,
                                           .warn = warn,
                                           .root_lists = roots,
                                           .root_list_count = cpsd_root_lists_texts(server->root_lists, config, roots),
                                           .crls = texts,
                                           .crl_count = cpsd_crls_texts(server->crls, config, true, texts),
                                           .numbers = server->setup->trusted->numbers};
    enum stir_code code = cpsd_trusted_load(&trusted, &spec, err);
    if (code != STIR_OK) {
        return code;
    }
    /* While lists of a reload are awaited the build only shows that this list can be used. */
    if (!server->trust_waits || !cpsd_crls_are_awaited(server->crls)) {
        server->trust_waits = false;
        trust_update_replace(server, trusted);
        for (size_t i = 0; i < server->worker_count; i++) {
            cpsd_worker_trust(&server->workers[i], trusted);
        }
    }
    cpsd_trusted_unref(trusted);
    return STIR_OK;
}

static enum stir_code trust_update_on_crl(void *arg, struct stir_error *err)
{
    return trust_update_rebuild(arg, NULL, err);
}

/* Roots of the new list that cannot be used are logged. */
static enum stir_code trust_update_on_root_list(void *arg, struct stir_error *err)
{
    struct cpsd_server *server = arg;
    const struct stir_trust_warn warn = {.say = cpsd_warn_of_root, .arg = &server->log};
    return trust_update_rebuild(server, &warn, err);
}

/* ---- the state of the lists ---- */

static void trust_update_name(struct cpsd_trust_status_entry *out, const char *kind, const char *name)
{
    *out = (struct cpsd_trust_status_entry){.kind = kind};
    (void)snprintf(out->name, sizeof(out->name), "%s", name);
}

/* Copies the state of all lists to where the workers read it. */
static void trust_update_on_status(uv_timer_t *timer)
{
    struct cpsd_server *server = timer->data;
    struct cpsd_trust_status_entry entries[CPSD_CRLS_MAX + CPSD_ROOT_LISTS_MAX];
    struct cpsd_crl_status crl;
    struct cpsd_root_list_status list;
    size_t count = 0;
    for (size_t i = 0; cpsd_crls_status(server->crls, i, &crl); i++) {
        struct cpsd_trust_status_entry *entry = &entries[count++];
        trust_update_name(entry, "crl", crl.name);
        entry->in_force = crl.good_at != 0;
        entry->good_at = crl.good_at;
        entry->exp = crl.until;
        entry->failures = crl.failures;
    }
    for (size_t i = 0; cpsd_root_lists_status(server->root_lists, i, &list); i++) {
        struct cpsd_trust_status_entry *entry = &entries[count++];
        trust_update_name(entry, "roots", list.name);
        entry->in_force = list.in_force;
        entry->good_at = list.good_at;
        entry->exp = list.exp;
        entry->failures = list.failures;
    }
    assert(count <= sizeof(entries) / sizeof(entries[0]));
    cpsd_trust_status_put(server->trust_status, entries, count);
}

enum stir_code cpsd_trust_update_start(struct cpsd_server *server, struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    (void)uv_timer_init(&server->loop, &server->status_timer); /* cannot fail */
    server->status_timer.data = server;
    (void)uv_timer_start(&server->status_timer, trust_update_on_status, 0, STATUS_MS);
    enum stir_code code =
        cpsd_crls_new(&server->crls, &server->loop, server->fetcher, &server->log, trust_update_on_crl, server, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_root_lists_new(&server->root_lists, &server->loop, server->fetcher, &server->log,
                               trust_update_on_root_list, server, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_crls_use(server->crls, config, err);
    return code == STIR_OK ? cpsd_root_lists_use(server->root_lists, config, err) : code;
}

void cpsd_trust_update_stop(struct cpsd_server *server)
{
    uv_close((uv_handle_t *)&server->status_timer, NULL);
    cpsd_crls_stop(server->crls);
    cpsd_root_lists_stop(server->root_lists);
}
