/* SPDX-License-Identifier: MIT */
#include "common/base/log_writer.h"
#include "common/net/sd_notify.h"
#include "cps/server/server_state.h"

#include <assert.h>
#include <string.h>

static void reload_log_change(void *arg, const struct stir_conf_key *key)
{
    stir_log_plain(arg, STIR_LOG_NOTICE, "reload: [%s] %s changed%s", key->section, key->name,
                   key->reloadable ? "" : "; it needs a restart, until then the old value stays in use");
}

/* Logs every fault of a configuration that has more than one; the caller logs a single one. */
static void reload_log_faults(const struct cpsd_server *server)
{
    const struct stir_faults *faults = server->overrides ? server->overrides->faults : NULL;
    const char *line = faults && faults->count > 1 && faults->lines.ptr ? faults->lines.ptr : "";
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        stir_log_plain(&server->log, STIR_LOG_ERROR, "reload: %.*s", (int)(end - line), line);
    }
}

/* Reads the configuration file again and all that it names, without putting anything into use. */
static enum stir_code reload_read(const struct cpsd_server *server, struct cpsd_setup **out, struct stir_error *err)
{
    struct cpsd_config config = {0};
    struct cpsd_setup *setup = NULL;
    enum stir_code code = cpsd_config_load(&config, server->path, server->overrides, err);
    if (code != STIR_OK) {
        reload_log_faults(server);
        return code;
    }
    stir_conf_diff(&server->setup->config, &config, cpsd_config_table, cpsd_config_count, reload_log_change,
                   (void *)(uintptr_t)&server->log);
    code = cpsd_setup_new(&setup, &config, server->root_lists, server->crls, &server->log, err);
    if (code != STIR_OK) {
        return code;
    }
    assert(setup);
    memcpy(setup->dummy_secret, server->setup->dummy_secret, CPSD_DUMMY_SECRET);
    *out = setup;
    return STIR_OK;
}

/* Puts into use what the main thread and its shared parts have of a setup. Each step changes all or nothing; the log
 * file is opened first, as reload_failed can take that back. */
static enum stir_code reload_apply(struct cpsd_server *server, const struct cpsd_setup *setup, struct stir_error *err)
{
    const struct cpsd_config *config = &setup->config;
    enum stir_code code = cpsd_cert_cache_load_dir(server->certs, config->auth_x5u_dir, NULL, err);
    if (code != STIR_OK) {
        stir_conf_name_key(err, config, cpsd_config_table, cpsd_config_count);
        return code;
    }
    code = stir_log_writer_open(server->log.writer, config->log_file, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_crls_use(server->crls, config, err);
    return code == STIR_OK ? cpsd_root_lists_use(server->root_lists, config, err) : code;
}

static void reload_failed(struct cpsd_server *server, const struct stir_error *err)
{
    /* The new log file may be open already. If the old one cannot be opened again the new one stays in use. */
    (void)!stir_log_writer_open(server->log.writer, server->setup->config.log_file, NULL);
    stir_reloads_note(&server->reloads, false);
    stir_log_plain(&server->log, STIR_LOG_ERROR, "reload: failed, the previous configuration stays in use: %s",
                   err->text);
    (void)stir_notify("READY=1\nSTATUS=The last reload failed; the previous configuration stays in use");
}

void cpsd_reload(struct cpsd_server *server)
{
    struct cpsd_setup *setup = NULL;
    struct stir_error err = {0};
    (void)stir_notify_reloading();
    enum stir_code code = reload_read(server, &setup, &err);
    code = code == STIR_OK ? reload_apply(server, setup, &err) : code;
    if (code != STIR_OK) {
        cpsd_setup_unref(setup);
        reload_failed(server, &err);
        return;
    }
    cpsd_log_setup(&server->log, &setup->config);
    cpsd_warn_of_outdated(&server->log, &setup->config);
    cpsd_trust_update_choose(server, setup);
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_RELOAD, setup);
    }
    cpsd_setup_unref(server->setup);
    server->setup = setup;
    stir_reloads_note(&server->reloads, true);
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "reload: configuration and certificate are in use");
    (void)stir_notify("READY=1\nSTATUS=Reloaded");
}
