/* SPDX-License-Identifier: MIT */
#include "cps/server/setup.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define LONGEST_LIFE_MS 259200000u /* 72 h, whatever ttl_max_s says, as that key can be reloaded */

struct cpsd_setup *cpsd_setup_ref(struct cpsd_setup *setup)
{
    unsigned before = atomic_fetch_add_explicit(&setup->refs, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return setup;
}

void cpsd_setup_unref(struct cpsd_setup *setup)
{
    if (setup && atomic_fetch_sub_explicit(&setup->refs, 1, memory_order_acq_rel) == 1) {
        cpsd_config_clear(&setup->config);
        cpsd_credential_free(setup->credential);
        cpsd_trusted_unref(setup->trusted);
        cpsd_trusted_unref(setup->trusted_first);
        stir_trust_files_clear(&setup->trust_files);
        cpsd_auth_rules_free(setup->auth);
        cpsd_peers_unref(setup->peers);
        OPENSSL_cleanse(setup->dummy_secret, sizeof(setup->dummy_secret));
        free(setup);
    }
}

void cpsd_warn_of_root(void *arg, const char *text)
{
    stir_log_plain(arg, STIR_LOG_WARNING, "[trust] %s", text);
}

/* Reads the trust that the configuration names, together with the lists that were fetched already. */
static enum stir_code setup_load_trust(struct cpsd_setup *setup, const struct cpsd_root_lists *root_lists,
                                       const struct cpsd_crls *crls, const struct stir_log *log, struct stir_error *err)
{
    struct stir_trust_text texts[CPSD_CRLS_MAX], roots[CPSD_ROOT_LISTS_MAX];
    const struct stir_trust_warn warn = {.say = cpsd_warn_of_root, .arg = (void *)(uintptr_t)log};
    enum stir_code code = cpsd_trusted_files(&setup->trust_files, &setup->config, err);
    if (code != STIR_OK) {
        return code;
    }
    const struct cpsd_trusted_spec spec = {.config = &setup->config,
                                           .files = &setup->trust_files,
                                           .root_lists = roots,
                                           .root_list_count = cpsd_root_lists_texts(root_lists, &setup->config, roots),
                                           .crls = texts,
                                           .crl_count = cpsd_crls_texts(crls, &setup->config, false, texts),
                                           .read_crl_files = true,
                                           .warn = &warn};
    return cpsd_trusted_load(&setup->trusted, &spec, err);
}

/* Loads every file that the configuration names. What was loaded before a failure belongs to the setup. */
static enum stir_code setup_load(struct cpsd_setup *setup, const struct cpsd_root_lists *root_lists,
                                 const struct cpsd_crls *crls, const struct stir_log *log, struct stir_error *err)
{
    enum stir_code code = cpsd_crls_check(&setup->config, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_root_lists_check(&setup->config, err);
    if (code != STIR_OK) {
        return code;
    }
    if (setup->config.listen[0]) {
        code = cpsd_credential_load(&setup->credential, &setup->config, err);
        if (code != STIR_OK) {
            return code;
        }
    }
    code = setup_load_trust(setup, root_lists, crls, log, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_auth_rules_new(&setup->auth, &setup->config, err);
    return code == STIR_OK ? cpsd_peers_load(&setup->peers, &setup->config, err) : code;
}

enum stir_code cpsd_setup_new(struct cpsd_setup **out, struct cpsd_config *config,
                              const struct cpsd_root_lists *root_lists, const struct cpsd_crls *crls,
                              const struct stir_log *log, struct stir_error *err)
{
    struct cpsd_setup *setup = calloc(1, sizeof(*setup));
    if (!setup) {
        cpsd_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the configuration");
    }
    setup->config = *config;
    *config = (struct cpsd_config){0};
    atomic_init(&setup->refs, 1);
    enum stir_code code = setup_load(setup, root_lists, crls, log, err);
    if (code != STIR_OK) {
        /* an operator looks for the key, not for the file that it names */
        stir_conf_name_key(err, &setup->config, cpsd_config_table, cpsd_config_count);
        cpsd_setup_unref(setup);
        return stir_conf_fault(err, code);
    }
    *out = setup;
    return STIR_OK;
}

void cpsd_log_setup(struct stir_log *log, const struct cpsd_config *config)
{
    log->fd = 2;
    log->level = (enum stir_log_level)config->log_level;
    log->format = (enum stir_log_format)config->log_format;
    log->alike_per_s = (unsigned)config->log_alike_per_s;
}

static void setup_log_outdated(void *arg, const char *text)
{
    stir_log_plain(arg, STIR_LOG_WARNING, "configuration: %s", text);
}

void cpsd_warn_of_outdated(struct stir_log *log, const struct cpsd_config *config)
{
    stir_conf_outdated(config, cpsd_config_table, cpsd_config_count, setup_log_outdated, log);
}

struct cpsd_store_config cpsd_store_config(const struct cpsd_config *config, struct stir_log *log)
{
    return (struct cpsd_store_config){.url = config->store_url,
                                      .box_limit = (unsigned)config->box_limit,
                                      .box_share = (unsigned)config->box_share,
                                      .memory_limit_bytes = (unsigned long)config->memory_limit_bytes,
                                      .timeout_ms = (unsigned)config->store_timeout_ms,
                                      .max_ttl_ms = LONGEST_LIFE_MS,
                                      .replicas = cpsd_config_replicas(config),
                                      .log = log};
}
