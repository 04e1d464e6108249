#include "client/sidecar/policy/policy.h"

#include "client/sidecar/policy/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const treatments[GW_TREATMENT_COUNT] = {
    [GW_TREAT_TAG] = "tag", [GW_TREAT_DELIVER] = "deliver", [GW_TREAT_REJECT] = "reject"};

const char *gw_treatment_name(enum gw_treatment treatment)
{
    return treatments[treatment];
}

static void read_way(struct gw_direction *out, const struct gw_way *way)
{
    static const enum smpp_alphabet alphabets[] = {[GW_ALPHABET_GSM7] = SMPP_GSM7,
                                                   [GW_ALPHABET_LATIN1] = SMPP_LATIN1,
                                                   [GW_ALPHABET_ASCII] = SMPP_ASCII,
                                                   [GW_ALPHABET_UTF8] = SMPP_UTF8};
    out->action = (enum gw_action)way->action;
    out->settings = (struct smpp_text_settings){.data_coding_0 = alphabets[way->alphabet],
                                                .data_coding_1 = alphabets[way->alphabet_1],
                                                .packed = way->packed};
}

static void read_verdicts(enum gw_treatment out[STIR_VERDICT_COUNT], const char *list, enum gw_treatment treatment)
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

/* Where segments are not held until the message is complete, they are only remembered. That costs no time, and a
 * sidecar before us may hold the last one for [sign] timeout_ms. */
enum { REMEMBERED = 5 };

static void read_join(struct smpp_join_limits *out, const struct gw_config *config)
{
    size_t messages = (size_t)config->join_messages, of_peer = (size_t)config->join_messages_per_peer;
    *out = (struct smpp_join_limits){
        .all = {messages, messages * UINT8_MAX, (size_t)config->join_bytes},
        .peer = {of_peer, of_peer * UINT8_MAX, (size_t)config->join_bytes_per_peer},
        .timeout_ms = (uint64_t)config->join_timeout_ms * (config->join_hold == GW_HOLD_ALWAYS ? 1 : REMEMBERED),
    };
}

static void read_values(struct gw_policy *out, const struct gw_config *config)
{
    read_way(&out->ways[GW_ESME], &config->submit);
    read_way(&out->ways[GW_PEER], &config->deliver);
    stir_conf_numbering(&config->numbering, &out->addressing.numbering);
    read_join(&out->join, config);
    out->strict = config->join_strict;
    out->hold = (enum gw_hold_mode)config->join_hold;
    out->operations_max = (size_t)config->cps_max_in_flight;
    out->repeat_max = (unsigned)config->repeat_max;
    out->sign.mode = (enum gw_sign_mode)config->sign_mode;
    out->sign.on_failure = (enum gw_forward)config->sign_on_failure;
    out->sign.outside = (enum gw_forward)config->sign_outside;
    out->sign.reject_status = config->status.sign_reject;
    out->sign.timeout_ms = (uint32_t)config->sign_timeout_ms;
    out->sign.ttl_s = (uint32_t)config->sign_ttl_s;
    out->sign.ussd_waits = config->sign_ussd_waits;
    out->sign.life_s = (uint32_t)config->sign_life_s;
    out->sign.scheduled_life_s = (uint32_t)config->sign_scheduled_life_s;
    out->sign.replace = (enum gw_replace)config->sign_replace;
    out->sign.find = config->keys_find;
    /* what is rejected is not to be vouched for later */
    bool spools = config->spool_file[0] && config->sign_on_failure == GW_FORWARD;
    out->sign.spooling = spools ? CPS_SPOOL_ON_FAILURE : CPS_SPOOL_NEVER;
    out->verify.wait_ms = (uint32_t)config->verify_wait_ms;
    out->verify.ussd_waits = config->verify_ussd_waits;
    out->verify.grace_ms = (uint32_t)config->verify_grace_ms;
    out->verify.reject_status = config->status.verify_reject;
    out->verify.replace = (enum gw_replace)config->verify_replace;
    out->verify.tags[GW_TAG_VERDICT] = config->tag.verdict;
    out->verify.tags[GW_TAG_SIGNER] = config->tag.signer;
    read_verdicts(out->verify.treatments, config->verify_deliver, GW_TREAT_DELIVER);
    read_verdicts(out->verify.treatments, config->verify_reject, GW_TREAT_REJECT);
    out->verify.only_tags = true;
    for (int i = 0; i < STIR_VERDICT_COUNT; i++) {
        out->verify.only_tags &= out->verify.treatments[i] == GW_TREAT_TAG;
    }
    out->verify.adaptive = config->verify_adaptive == GW_ADAPTIVE_AUTO
                               ? out->verify.treatments[STIR_NO_PASSPORT] != GW_TREAT_REJECT
                               : config->verify_adaptive == GW_ADAPTIVE_YES;
    out->log_numbers = config->log_numbers;
    out->log_exempt = config->log_exempt;
    out->spool_max = (uint64_t)config->spool_messages;
}

/* The path of a file of our own: `name` in systemd's StateDirectory unless another one is configured. */
static char *copy_state_file(const char *configured, const char *name)
{
    const char *state = getenv("STATE_DIRECTORY");
    char *path = NULL;
    if (configured[0] || !state || !state[0]) {
        return strdup(configured);
    }
    return asprintf(&path, "%.*s/%s", (int)strcspn(state, ":"), state, name) < 0 ? NULL : path;
}

/* Quotes around it keep the spaces at its ends, which a configuration file does not. */
static char *copy_prefix(const char *text)
{
    size_t n = strlen(text);
    bool quoted = n >= 2 && text[0] == '"' && text[n - 1] == '"';
    return quoted ? strndup(text + 1, n - 2) : strdup(text);
}

static enum stir_code copy_texts(struct gw_policy *out, const struct gw_config *config, struct stir_error *err)
{
    bool domain = config->alphanumeric == GW_ALPHANUMERIC_DOMAIN;
    out->domain = strdup(domain ? config->alphanumeric_domain : "");
    out->judged = strdup(config->log_judged);
    out->signed_ = strdup(config->log_signed);
    out->number_key_file = copy_state_file(config->log_number_key_file, "number-key");
    out->verify.text_prefix = copy_prefix(config->verify_text_prefix);
    out->verify.adaptive_file = copy_state_file(config->verify_adaptive_file, "senders");
    out->addressing.alphanumeric_domain = out->domain;
    bool good = out->domain && out->judged && out->signed_ && out->number_key_file && out->verify.text_prefix &&
                out->verify.adaptive_file;
    return good ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory");
}

static bool has_action(const struct gw_policy *policy, enum gw_action action)
{
    return policy->ways[GW_ESME].action == action || policy->ways[GW_PEER].action == action;
}

/* What an action cannot do without. */
static enum stir_code check_needs(const struct gw_policy *policy, const struct gw_config *config,
                                  struct stir_error *err)
{
    const char *lists = config->trust_list_files[0] ? config->trust_list_files : config->trust_list_urls;
    const char *roots = config->trust_roots[0] ? config->trust_roots : lists;
    const struct {
        enum gw_action action;
        const char *value;
        const char *key;
    } needs[] = {
        {GW_SIGN, config->cps_url, "action = sign needs [cps] url"},
        {GW_SIGN, config->tenants_dir, "action = sign needs [tenants] dir"},
        {GW_SIGN, config->keys_find ? "found" : config->keys_recipients_dir,
         "action = sign needs [keys] recipients_dir, or find = yes"},
        {GW_SIGN, config->keys_find ? roots : "pinned",
         "[keys] find = yes needs [trust] roots, list_files or list_urls"},
        {GW_VERIFY, config->cps_url, "action = verify needs [cps] url"},
        {GW_VERIFY, roots, "action = verify needs [trust] roots, list_files or list_urls"},
        {GW_VERIFY, config->keys_dir, "action = verify needs [keys] dir"},
    };
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (has_action(policy, needs[i].action) && !needs[i].value[0]) {
            return stir_fail(err, STIR_E_CONFIG, "%s", needs[i].key);
        }
    }
    return STIR_OK;
}

static enum stir_code open_tenants(struct gw_policy *out, const struct gw_config *config, struct stir_error *err)
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
    return code == CPS_OK ? STIR_OK : gw_fail_cps(err, &cause);
}

static enum stir_code open_files(struct gw_policy *out, const struct gw_config *config, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    if (has_action(out, GW_SIGN)) {
        code = open_tenants(out, config, err);
        if (code == STIR_OK && config->keys_recipients_dir[0]) {
            code = gw_recipients_load(&out->recipients, config->keys_recipients_dir, false, err);
        }
    }
    if (code == STIR_OK && has_action(out, GW_VERIFY)) {
        code = gw_recipients_load(&out->keys, config->keys_dir, true, err);
    }
    return code;
}

static enum stir_code set_up(struct gw_policy *policy, const struct gw_config *config, const struct gw_policy *before,
                             struct gw_service **services, const struct stir_log *log, struct stir_error *err)
{
    read_values(policy, config);
    enum stir_code code = copy_texts(policy, config, err);
    if (code == STIR_OK) {
        code = check_needs(policy, config, err);
    }
    if (code == STIR_OK) {
        code = open_files(policy, config, err);
    }
    /* with a url also where nothing is signed any more: for what waits in the spool */
    if (code == STIR_OK && config->cps_url[0]) {
        code = gw_service_open(&policy->service, config, before ? before->service : NULL, services, log, err);
        if (code == STIR_OK && !before && config->trust_crl_urls[0]) {
            gw_service_await_lists(policy->service);
        }
    }
    return code;
}

enum stir_code gw_policy_new(struct gw_policy **out, const struct gw_config *config, const struct gw_policy *before,
                             struct gw_service **services, const struct stir_log *log, struct stir_error *err)
{
    struct gw_policy *policy = calloc(1, sizeof(*policy));
    if (!policy) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    policy->refs = 1;
    enum stir_code code = set_up(policy, config, before, services, log, err);
    if (code != STIR_OK) {
        stir_conf_name_key(err, config, gw_config_table, gw_config_count);
        gw_policy_unref(policy);
        return code;
    }
    *out = policy;
    return STIR_OK;
}

struct gw_policy *gw_policy_ref(struct gw_policy *policy)
{
    policy->refs++;
    return policy;
}

void gw_policy_unref(struct gw_policy *policy)
{
    if (!policy || --policy->refs > 0) {
        return;
    }
    gw_service_unref(policy->service);
    cps_tenants_free(policy->tenants);
    gw_recipients_free(policy->recipients);
    gw_recipients_free(policy->keys);
    free(policy->verify.text_prefix);
    free(policy->verify.adaptive_file);
    free(policy->domain);
    free(policy->judged);
    free(policy->signed_);
    free(policy->number_key_file);
    free(policy);
}
