/* SPDX-License-Identifier: MIT */
#include "client/sidecar/policy/policy.h"

#include "client/sidecar/policy/fail.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const treatments[SC_TREATMENT_COUNT] = {
    [SC_TREAT_TAG] = "tag", [SC_TREAT_DELIVER] = "deliver", [SC_TREAT_REJECT] = "reject"};

const char *sc_treatment_name(enum sc_treatment treatment)
{
    return treatments[treatment];
}

static void policy_read_way(struct sc_direction *out, const struct sc_way *way)
{
    static const enum smpp_alphabet alphabets[] = {[SC_ALPHABET_GSM7] = SMPP_GSM7,
                                                   [SC_ALPHABET_LATIN1] = SMPP_LATIN1,
                                                   [SC_ALPHABET_ASCII] = SMPP_ASCII,
                                                   [SC_ALPHABET_UTF8] = SMPP_UTF8};
    out->action = (enum sc_action)way->action;
    out->settings = (struct smpp_text_settings){.data_coding_0 = alphabets[way->alphabet],
                                                .data_coding_1 = alphabets[way->alphabet_1],
                                                .packed = way->packed};
}

static void policy_read_verdicts(enum sc_treatment out[STIR_VERDICT_COUNT], const char *list,
                                 enum sc_treatment treatment)
{
    char item[64];
    for (size_t pos = 0; stir_conf_next(list, &pos, item, sizeof(item));) {
        for (int i = 0; i < STIR_VERDICT_COUNT; i++) {
            if (strcmp(item, stir_verdict_name((enum stir_verdict)i)) == 0) {
                out[i] = treatment;
            }
        }
    }
}

/* If segments are not held until the message is complete, their text is only remembered. That delays nothing, and a
 * signing sidecar before this one may hold the last segment for [sign] timeout_ms. */
enum { REMEMBERED = 5 };

static void policy_read_join(struct smpp_join_limits *out, const struct sc_config *config)
{
    size_t messages = (size_t)config->join_messages, of_peer = (size_t)config->join_messages_per_peer;
    *out = (struct smpp_join_limits){
        .all = {messages, messages * UINT8_MAX, (size_t)config->join_bytes},
        .peer = {of_peer, of_peer * UINT8_MAX, (size_t)config->join_bytes_per_peer},
        .timeout_ms = (uint64_t)config->join_timeout_ms * (config->join_hold == SC_HOLD_ALWAYS ? 1 : REMEMBERED),
    };
}

static void policy_read_values(struct sc_policy *out, const struct sc_config *config)
{
    policy_read_way(&out->ways[SC_ESME], &config->submit);
    policy_read_way(&out->ways[SC_PEER], &config->deliver);
    stir_conf_numbering(&config->numbering, &out->addressing.numbering);
    policy_read_join(&out->join, config);
    out->strict = config->join_strict;
    out->hold = (enum sc_hold_mode)config->join_hold;
    out->operations_max = (size_t)config->cps_max_in_flight;
    out->repeat_max = (unsigned)config->repeat_max;
    out->sign.mode = (enum sc_sign_mode)config->sign_mode;
    out->sign.on_failure = (enum sc_forward)config->sign_on_failure;
    out->sign.outside = (enum sc_forward)config->sign_outside;
    out->sign.reject_status = config->status.sign_reject;
    out->sign.timeout_ms = (uint32_t)config->sign_timeout_ms;
    out->sign.ttl_s = (uint32_t)config->sign_ttl_s;
    out->sign.ussd_waits = config->sign_ussd_waits;
    out->sign.life_s = (uint32_t)config->sign_life_s;
    out->sign.scheduled_life_s = (uint32_t)config->sign_scheduled_life_s;
    out->sign.replace = (enum sc_replace)config->sign_replace;
    out->sign.find = config->keys_find;
    /* no PASSporT may be published later for a rejected message */
    bool spools = config->spool_file[0] && config->sign_on_failure == SC_FORWARD;
    out->sign.spooling = spools ? CPS_SPOOL_ON_FAILURE : CPS_SPOOL_NEVER;
    out->verify.wait_ms = (uint32_t)config->verify_wait_ms;
    out->verify.ussd_waits = config->verify_ussd_waits;
    out->verify.grace_ms = (uint32_t)config->verify_grace_ms;
    out->verify.reject_status = config->status.verify_reject;
    out->verify.replace = (enum sc_replace)config->verify_replace;
    out->verify.tags[SC_TAG_VERDICT] = config->tag.verdict;
    out->verify.tags[SC_TAG_SIGNER] = config->tag.signer;
    policy_read_verdicts(out->verify.treatments, config->verify_deliver, SC_TREAT_DELIVER);
    policy_read_verdicts(out->verify.treatments, config->verify_reject, SC_TREAT_REJECT);
    out->verify.only_tags = true;
    for (int i = 0; i < STIR_VERDICT_COUNT; i++) {
        out->verify.only_tags &= out->verify.treatments[i] == SC_TREAT_TAG;
    }
    out->verify.adaptive = config->verify_adaptive == SC_ADAPTIVE_AUTO
                               ? out->verify.treatments[STIR_NO_PASSPORT] != SC_TREAT_REJECT
                               : config->verify_adaptive == SC_ADAPTIVE_YES;
    out->log_numbers = config->log_numbers;
    out->log_exempt = config->log_exempt;
    out->spool_max = (uint64_t)config->spool_messages;
}

/* Returns the path of a state file, which the caller frees: the configured one, or `name` in systemd's
 * StateDirectory. */
static char *policy_copy_state_file(const char *configured, const char *name)
{
    const char *state = getenv("STATE_DIRECTORY");
    char *path = NULL;
    if (configured[0] || !state || !state[0]) {
        return strdup(configured);
    }
    return asprintf(&path, "%.*s/%s", (int)strcspn(state, ":"), state, name) < 0 ? NULL : path;
}

/* Copies the prefix without the quotes that keep spaces at its ends in a configuration file. */
static char *policy_copy_prefix(const char *text)
{
    size_t n = strlen(text);
    bool quoted = n >= 2 && text[0] == '"' && text[n - 1] == '"';
    return quoted ? strndup(text + 1, n - 2) : strdup(text);
}

static enum stir_code policy_copy_texts(struct sc_policy *out, const struct sc_config *config, struct stir_error *err)
{
    bool domain = config->alphanumeric == SC_ALPHANUMERIC_DOMAIN;
    out->domain = strdup(domain ? config->alphanumeric_domain : "");
    out->judged = strdup(config->log_judged);
    out->signed_ = strdup(config->log_signed);
    out->number_key_file = policy_copy_state_file(config->log_number_key_file, "number-key");
    out->verify.text_prefix = policy_copy_prefix(config->verify_text_prefix);
    out->verify.adaptive_file = policy_copy_state_file(config->verify_adaptive_file, "senders");
    out->addressing.alphanumeric_domain = out->domain;
    bool good = out->domain && out->judged && out->signed_ && out->number_key_file && out->verify.text_prefix &&
                out->verify.adaptive_file;
    return good ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory");
}

static bool policy_has_action(const struct sc_policy *policy, enum sc_action action)
{
    return policy->ways[SC_ESME].action == action || policy->ways[SC_PEER].action == action;
}

/* Checks that the settings that an action needs are set. */
static enum stir_code policy_check_needs(const struct sc_policy *policy, const struct sc_config *config,
                                         struct stir_error *err)
{
    const char *lists = config->trust_list_files[0] ? config->trust_list_files : config->trust_list_urls;
    const char *roots = config->trust_roots[0] ? config->trust_roots : lists;
    const struct {
        enum sc_action action;
        const char *value;
        const char *key;
    } needs[] = {
        {SC_SIGN, config->cps_url, "action = sign needs [cps] url"},
        {SC_SIGN, config->tenants_dir, "action = sign needs [tenants] dir"},
        {SC_SIGN, config->keys_find ? "found" : config->keys_recipients_dir,
         "action = sign needs [keys] recipients_dir, or find = yes"},
        {SC_SIGN, config->keys_find ? roots : "pinned",
         "[keys] find = yes needs [trust] roots, list_files or list_urls"},
        {SC_VERIFY, config->cps_url, "action = verify needs [cps] url"},
        {SC_VERIFY, roots, "action = verify needs [trust] roots, list_files or list_urls"},
        {SC_VERIFY, config->keys_dir, "action = verify needs [keys] dir"},
    };
    /* an action that is not used needs nothing */
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (policy_has_action(policy, needs[i].action) && !needs[i].value[0]) {
            return stir_fail(err, STIR_E_CONFIG, "%s", needs[i].key);
        }
    }
    return STIR_OK;
}

static enum stir_code policy_open_tenants(struct sc_policy *out, const struct sc_config *config, struct stir_error *err)
{
    const struct cps_tenants_options options = {.size = sizeof(options),
                                                .alphanumeric_domain = out->domain,
                                                .with_chain = config->sign_with_chain};
    struct cps_error cause = {0};
    enum cps_code code = cps_tenants_new(&out->tenants, &options, &cause);
    if (code == CPS_OK) {
        code = cps_tenants_load(out->tenants, config->tenants_dir, &cause);
    }
    if (code == CPS_E_IO && access(config->tenants_dir, R_OK | X_OK) != 0) {
        return stir_fail(err, STIR_E_IO, "%s", cause.text);
    }
    return code == CPS_OK ? STIR_OK : sc_fail_cps(err, &cause);
}

static enum stir_code policy_open_files(struct sc_policy *out, const struct sc_config *config, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    if (policy_has_action(out, SC_SIGN)) {
        code = policy_open_tenants(out, config, err);
        if (code == STIR_OK && config->keys_recipients_dir[0]) {
            code = sc_recipients_load(&out->recipients, config->keys_recipients_dir, false, err);
        }
    }
    if (code == STIR_OK && policy_has_action(out, SC_VERIFY)) {
        code = sc_recipients_load(&out->keys, config->keys_dir, true, err);
    }
    return code;
}

static enum stir_code policy_set_up(struct sc_policy *policy, const struct sc_config *config,
                                    const struct sc_policy *before, struct sc_service **services,
                                    const struct stir_log *log, struct stir_error *err)
{
    policy_read_values(policy, config);
    enum stir_code code = policy_copy_texts(policy, config, err);
    if (code == STIR_OK) {
        code = policy_check_needs(policy, config, err);
    }
    if (code == STIR_OK) {
        code = policy_open_files(policy, config, err);
    }
    /* also if nothing is signed any more, because PASSporTs may wait in the spool */
    if (code == STIR_OK && config->cps_url[0]) {
        code = sc_service_open(&policy->service, config, before ? before->service : NULL, services, log, err);
        if (code == STIR_OK && !before && config->trust_crl_urls[0]) {
            sc_service_await_lists(policy->service);
        }
    }
    return code;
}

enum stir_code sc_policy_new(struct sc_policy **out, const struct sc_config *config, const struct sc_policy *before,
                             struct sc_service **services, const struct stir_log *log, struct stir_error *err)
{
    struct sc_policy *policy = calloc(1, sizeof(*policy));
    if (!policy) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    policy->refs = 1;
    enum stir_code code = policy_set_up(policy, config, before, services, log, err);
    if (code != STIR_OK) {
        stir_conf_name_key(err, config, sc_config_table, sc_config_count);
        sc_policy_unref(policy);
        return code;
    }
    *out = policy;
    return STIR_OK;
}

struct sc_policy *sc_policy_ref(struct sc_policy *policy)
{
    policy->refs++;
    return policy;
}

void sc_policy_unref(struct sc_policy *policy)
{
    assert(!policy || policy->refs > 0);
    if (!policy || --policy->refs > 0) {
        return;
    }
    sc_service_unref(policy->service);
    cps_tenants_free(policy->tenants);
    sc_recipients_free(policy->recipients);
    sc_recipients_free(policy->keys);
    free(policy->verify.text_prefix);
    free(policy->verify.adaptive_file);
    free(policy->domain);
    free(policy->judged);
    free(policy->signed_);
    free(policy->number_key_file);
    free(policy);
}
