/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"

#include "client/lib/api/online_check.h"
#include "client/lib/sign/tenants_check.h"
#include "client/sidecar/filter/filter_core.h"
#include "common/base/conf.h"
#include "common/base/directory.h"
#include "common/base/file.h"
#include "common/base/file_access.h"
#include "common/cert/trust_list_state.h"
#include "common/cert/trust_load.h"

#include "client/sidecar/policy/fail.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What `cps-smpp -t` checks beyond the configuration itself: the files and servers that it names. */

/* Checks the signed lists in files. Nothing is fetched: a signature can be checked only if list_signer_roots
 * contains the certificate of the list's signer. */
static enum stir_code check_list_files(const struct sc_config *config, struct stir_error *err)
{
    char name[4096];
    size_t pos = 0;
    struct stir_buf roots = {0};
    enum stir_code code = STIR_OK;
    if (config->trust_list_signer_roots[0]) {
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

static void check_take_uncovered(void *arg, const char *text)
{
    stir_faults_add(arg, STIR_E_CONFIG, "[tenants] dir: %s", text);
}

static const char *check_tenant_name(const struct cps_tenants *tenants, const struct cps_signer *signer)
{
    for (size_t i = 0; i < tenants->table.count; i++) {
        if (tenants->table.entries[i].signer == signer) {
            return tenants->table.entries[i].name;
        }
    }
    return "?";
}

/* Checks that the CPS accepts a signed PASSporT, or, if nothing is signed, the credential. */
static void check_credential(const struct sc_config *config, const struct sc_policy *policy,
                             const struct cps_signer *signer, struct stir_faults *faults)
{
    struct cps_error err = {0};
    struct cps *cps = policy->service->cps;
    if (signer) {
        if (cps_online_publish(cps, signer, &err) != CPS_OK) {
            stir_faults_add(faults, STIR_E_CONFIG, "[cps] url: publishing for tenant %s failed: %s",
                            check_tenant_name(policy->tenants, signer), err.text);
        }
    } else if (cps_health(cps, NULL, &err) != CPS_OK) {
        stir_faults_add(faults, STIR_E_CONFIG, "[cps] url: the CPS is unhealthy: %s", err.text);
    } else if ((config->cps_auth_certificate[0] || config->cps_certificate[0]) &&
               cps_online_retrieve(cps, &err) != CPS_OK) {
        stir_faults_add(faults, STIR_E_CONFIG, "[cps] url: reading a box with the credential failed: %s", err.text);
    }
}

/* Checks over the network that the chains of the tenants and of the credential are at their x5u, and that the CPS
 * accepts the credential. */
static void check_online(const struct sc_config *config, const struct sc_policy *policy, struct stir_faults *faults)
{
    struct cps_error err = {0};
    struct cps *cps = policy->service->cps;
    const struct cps_signer *last = NULL;
    for (size_t i = 0; policy->tenants && i < policy->tenants->table.count; i++) {
        const struct cps_signer *signer = policy->tenants->table.entries[i].signer;
        if (signer != last && cps_online_x5u(cps, signer, &err) != CPS_OK) {
            stir_faults_add(faults, STIR_E_CONFIG, "tenant %s: x5u: %s", check_tenant_name(policy->tenants, signer),
                            err.text);
        }
        last = signer;
    }
    if (cps_online_auth_x5u(cps, &err) != CPS_OK) {
        stir_faults_add(faults, STIR_E_CONFIG, "[cps] auth_x5u: %s", err.text);
    }
    check_credential(config, policy, last, faults);
}

/* Makes a policy from the configuration, without the files that would be written: spool, replay memory, kept lists. */
static void check_policy(const struct sc_config *config, bool online, struct stir_faults *faults)
{
    char none[] = "";
    struct sc_service *services = NULL;
    struct sc_policy *policy = NULL;
    struct stir_error err = {0};
    struct sc_config checked = *config; /* its texts belong to the original configuration */
    checked.spool_file = none;
    checked.trust_list_state_dir = none;
    if (checked.trust_replay == SC_REPLAY_SQLITE) {
        checked.trust_replay = SC_REPLAY_MEMORY;
        checked.trust_replay_file = none;
    }
    struct stir_log silence = {.fd = -1, .level = STIR_LOG_ERROR};
    enum stir_code code = sc_policy_new(&policy, &checked, NULL, &services, &silence, &err);
    stir_faults_take(faults, stir_conf_fault(&err, code), &err);
    if (code == STIR_OK && policy->tenants) {
        cps_tenants_check(policy->tenants, policy->service->cps, check_take_uncovered, faults);
    }
    if (code == STIR_OK && online && policy->service && policy->service->cps) {
        check_online(config, policy, faults);
    }
    sc_policy_unref(policy);
}

static enum stir_code check_secret(void *arg, const char *path, const char *name, struct stir_error *err)
{
    (void)name, (void)err;
    stir_path_check_secret(arg, "[keys] dir", path);
    return STIR_OK;
}

static void check_tenant_key(void *arg, const char *path)
{
    stir_path_check_secret(arg, "[tenants] dir: key", path);
}

static void check_secrets(const struct sc_config *config, struct stir_faults *faults)
{
    stir_path_check_secret(faults, "[listen] private_key", config->listen_private_key);
    stir_path_check_secret(faults, "[peer] private_key", config->peer_private_key);
    stir_path_check_secret(faults, "[cps] private_key", config->cps_private_key);
    stir_path_check_secret(faults, "[cps] auth_private_key", config->cps_auth_private_key);
    stir_path_check_secret(faults, "[log] number_key_file", config->log_number_key_file);
    if (config->keys_dir[0]) {
        (void)!stir_directory_each(config->keys_dir, check_secret, faults,
                                   NULL); /* check_policy reports other faults */
    }
    if (config->tenants_dir[0]) {
        cps_tenants_keys(config->tenants_dir, check_tenant_key, faults);
    }
}

static bool check_config_has(const struct sc_config *config, enum sc_action action)
{
    return config->submit.action == (int)action || config->deliver.action == (int)action;
}

/* Words the fault as check_policy does, so that a fault that both find is reported once. */
static void check_take(struct stir_faults *faults, const struct sc_config *config, enum stir_code code,
                       struct stir_error *err)
{
    if (code != STIR_OK) {
        stir_conf_name_key(err, config, sc_config_table, sc_config_count);
        stir_faults_take(faults, stir_conf_fault(err, code), err);
    }
}

/* The state while a directory of tenants is read. */
struct tenants_check {
    struct cps_tenants_options options;
    const struct sc_config *config;
    struct stir_faults *faults;
};

/* Loads each file by itself, so that the faults of all files are found. */
static enum stir_code check_tenant_file(void *arg, const char *path, const char *name, struct stir_error *err)
{
    const struct tenants_check *check = arg;
    const char *dot = strrchr(name, '.');
    struct cps_tenants *tenants = NULL;
    struct cps_error cause = {0};
    (void)err;
    if (!dot || strcmp(dot, ".conf") != 0) {
        return STIR_OK;
    }
    if (cps_tenants_new(&tenants, &check->options, &cause) != CPS_OK ||
        cps_tenants_load(tenants, path, &cause) != CPS_OK) {
        struct stir_error fault = {0};
        check_take(check->faults, check->config, sc_fail_cps(&fault, &cause), &fault);
    }
    cps_tenants_free(tenants);
    return STIR_OK;
}

static void check_tenants(const struct sc_config *config, struct stir_faults *faults)
{
    struct tenants_check check = {.config = config, .faults = faults};
    bool named = config->alphanumeric == SC_ALPHANUMERIC_DOMAIN;
    check.options = (struct cps_tenants_options){.size = sizeof(check.options),
                                                 .alphanumeric_domain = named ? config->alphanumeric_domain : "",
                                                 .with_chain = config->sign_with_chain};
    if (check_config_has(config, SC_SIGN) && config->tenants_dir[0]) {
        (void)!stir_directory_each(config->tenants_dir, check_tenant_file, &check,
                                   NULL); /* check_policy reports other faults */
    }
}

/* Checks a file that lies in systemd's StateDirectory unless the configuration names another one. */
static void check_state(const struct sc_config *config, struct stir_faults *faults, const char *name, const char *path)
{
    const char *state = getenv("STATE_DIRECTORY");
    char directory[PATH_MAX];
    if (path[0]) {
        stir_path_check_append(faults, name, path);
    } else if (state && state[0] && check_config_has(config, SC_VERIFY)) {
        (void)snprintf(directory, sizeof(directory), "%.*s", (int)strcspn(state, ":"), state);
        stir_path_check_directory(faults, name, directory);
    }
}

static void check_paths(const struct sc_config *config, struct stir_faults *faults)
{
    stir_path_check_append(faults, "[log] file", config->log_file);
    if (config->log_judged[0] && strcmp(config->log_judged, "-") != 0) {
        stir_path_check_append(faults, "[log] judged", config->log_judged);
    }
    if (config->log_signed[0] && strcmp(config->log_signed, "-") != 0) {
        stir_path_check_append(faults, "[log] signed", config->log_signed);
    }
    stir_path_check_directory(faults, "[trust] list_state_dir", config->trust_list_state_dir);
    stir_path_check_readable(faults, "[trust] x5u_dir", config->trust_x5u_dir); /* read again for each certificate */
    check_state(config, faults, "[repeat] file", config->repeat_file);
    check_state(config, faults, "[verify] adaptive_file", config->verify_adaptive_file);
    check_state(config, faults, "[log] number_key_file", config->log_number_key_file);
    if (check_config_has(config, SC_SIGN)) {
        stir_path_check_database(faults, "[spool] file", config->spool_file);
    }
    if (check_config_has(config, SC_VERIFY) && config->trust_replay == SC_REPLAY_SQLITE) {
        stir_path_check_database(faults, "[trust] replay_file", config->trust_replay_file);
    }
}

static void check_recipients(const struct sc_config *config, struct stir_faults *faults)
{
    const struct {
        const char *dir;
        bool is_ours;
    } all[] = {{check_config_has(config, SC_SIGN) ? config->keys_recipients_dir : "", false},
               {check_config_has(config, SC_VERIFY) ? config->keys_dir : "", true}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct sc_recipients *read = NULL;
        struct stir_error err = {0};
        if (all[i].dir[0]) {
            check_take(faults, config, sc_recipients_load(&read, all[i].dir, all[i].is_ours, &err), &err);
            sc_recipients_free(read);
        }
    }
}

void sc_filter_check(const struct sc_config *config, bool online, struct stir_faults *faults)
{
    struct stir_error err = {0};
    check_tenants(config, faults);
    check_recipients(config, faults);
    check_policy(config, online, faults);
    stir_faults_take(faults, stir_conf_fault(&err, check_list_files(config, &err)), &err);
    check_paths(config, faults);
    if (!config->keys_allow_readable) {
        check_secrets(config, faults);
    }
}
