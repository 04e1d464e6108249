/* SPDX-License-Identifier: MIT */
#include "cps/server/server.h"

#include "common/base/file_access.h"
#include "cps/api/dummy.h"
#include "cps/auth/crls.h"
#include "cps/auth/root_lists.h"
#include "cps/server/server_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>

/* cpsd -t: checks the files and addresses that the configuration names. The configuration itself was checked when it
 * was read. */

static void check_warn_of_root(void *arg, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "cpsd: warning: [trust] %s\n", text);
}

static enum stir_code check_trusted(const struct cpsd_config *config, struct stir_error *err)
{
    const struct stir_trust_warn warn = {.say = check_warn_of_root};
    struct stir_trust_files files;
    struct cpsd_trusted *trusted = NULL;
    const struct cpsd_trusted_spec spec = {.config = config, .files = &files, .read_crl_files = true, .warn = &warn};
    enum stir_code code = cpsd_trusted_files(&files, config, err);
    code = code == STIR_OK ? cpsd_trusted_load(&trusted, &spec, err) : code;
    cpsd_trusted_unref(trusted);
    stir_trust_files_clear(&files);
    return code;
}

static enum stir_code check_auth(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_auth_rules *rules = NULL;
    struct cpsd_cert_cache *certs = NULL;
    enum stir_code code = cpsd_auth_rules_new(&rules, config, err);
    code = code == STIR_OK ? cpsd_cert_cache_new(&certs, NULL, 1, NULL, err) : code;
    code = code == STIR_OK ? cpsd_cert_cache_load_dir(certs, config->auth_x5u_dir, NULL, err) : code;
    cpsd_cert_cache_free(certs);
    cpsd_auth_rules_free(rules);
    return code;
}

static enum stir_code check_dummies(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_dummies *dummies = NULL;
    uint8_t secret[CPSD_DUMMY_SECRET];
    enum stir_code code = cpsd_dummy_secret(secret, config, err);
    code = code == STIR_OK ? cpsd_dummies_new(&dummies, secret, config, err) : code;
    OPENSSL_cleanse(secret, sizeof(secret));
    cpsd_dummies_free(dummies);
    return code;
}

static enum stir_code check_backend(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_backend *backend = NULL;
    const struct cpsd_store_config store = cpsd_store_config(config, NULL);
    enum stir_code code = cpsd_backend_new(&backend, &store, err);
    cpsd_backend_free(backend);
    return code;
}

static enum stir_code check_credential(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_credential *credential = NULL;
    enum stir_code code = config->listen[0] ? cpsd_credential_load(&credential, config, err) : STIR_OK;
    cpsd_credential_free(credential);
    return code;
}

static enum stir_code check_peers(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_peers *peers = NULL;
    enum stir_code code = cpsd_peers_load(&peers, config, err);
    cpsd_peers_unref(peers);
    return code;
}

/* Checks that the service's account may read and write its files, and that other accounts cannot read its keys. */
static void check_paths(const struct cpsd_config *config, struct stir_faults *faults)
{
    stir_path_check_append(faults, "[log] file", config->log_file);
    stir_path_check_directory(faults, "[trust] list_state_dir", config->trust_list_state_dir);
    /* libcurl reads these only when something is fetched, which is too late to find out */
    stir_path_check_readable(faults, "[auth] x5u_ca_file", config->auth_x5u_ca_file);
    stir_path_check_readable(faults, "[trust] crl_ca_file", config->trust_crl_ca_file);
    stir_path_check_readable(faults, "[atis] ca_file", config->atis_ca_file);
    if (!config->keys_allow_readable) {
        stir_path_check_secret(faults, "[server] private_key", config->private_key);
        stir_path_check_secret(faults, "[atis] private_key", config->atis_private_key);
        stir_path_check_secret(faults, "[dummies] secret_file", config->dummies_secret_file);
    }
}

void cpsd_server_check(const struct cpsd_config *config, struct stir_faults *faults)
{
    static enum stir_code (*const checks[])(const struct cpsd_config *config, struct stir_error *err) = {
        cpsd_listen_check, cpsd_crls_check, cpsd_root_lists_check_files,
        check_credential,  check_trusted,   check_auth,
        check_peers,       check_dummies,   check_backend};
    struct stir_log log = {0};
    cpsd_log_setup(&log, config);
    cpsd_warn_of_outdated(&log, config);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct stir_error err = {0};
        enum stir_code code = checks[i](config, &err);
        stir_conf_name_key(&err, config, cpsd_config_table, cpsd_config_count);
        stir_faults_take(faults, stir_conf_fault(&err, code), &err);
    }
    check_paths(config, faults);
}
