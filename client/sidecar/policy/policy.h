#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/policy/cps_service.h"
#include "client/sidecar/policy/recipients.h"
#include "client/sidecar/relay/held_message.h"
#include "client/smpp/address.h"
#include "client/smpp/join.h"
#include "common/passport/verdict.h"

/*
 * What a configuration comes to for the filter: copies, opened keys. It never changes; a reload makes a new one, while
 * what is under way goes on with the one that it began with.
 */
enum sc_treatment { /* of a judged message, by its verdict */
                    SC_TREAT_TAG,
                    SC_TREAT_DELIVER,
                    SC_TREAT_REJECT,
                    SC_TREATMENT_COUNT,
};

/* "tag", "deliver", "reject". */
const char *sc_treatment_name(enum sc_treatment treatment);

enum sc_tag_kind { /* index of verify.tags */
                   SC_TAG_VERDICT,
                   SC_TAG_SIGNER,
                   SC_TAGS,
};

struct sc_direction {
    enum sc_action action;
    struct smpp_text_settings settings;
};

struct sc_policy {
    unsigned refs;
    struct sc_direction ways[SC_LEG_COUNT];
    struct smpp_addressing addressing;
    struct smpp_join_limits join;
    enum sc_hold_mode hold;
    bool strict; /* segments wait until the whole message's PASSporT is published */
    size_t operations_max;
    unsigned repeat_max; /* how often a message passes again after its connection was lost */

    struct sc_service *service;       /* NULL: nothing is signed or verified */
    struct cps_tenants *tenants;      /* NULL unless something is signed */
    struct sc_recipients *recipients; /* likewise, or if no directory is given */
    struct sc_recipients *keys;       /* our private ones; NULL unless something is verified */

    struct {
        enum sc_sign_mode mode;
        enum sc_forward on_failure;
        enum sc_forward outside;
        uint32_t reject_status;
        uint32_t timeout_ms;
        uint32_t ttl_s;
        uint32_t life_s, scheduled_life_s;
        bool ussd_waits;
        enum sc_replace replace;
        enum cps_spooling spooling;
        bool find; /* keys of destinations that have none in recipients */
    } sign;
    struct {
        uint32_t wait_ms, grace_ms;
        bool ussd_waits;
        enum sc_treatment treatments[STIR_VERDICT_COUNT];
        uint32_t reject_status;
        enum sc_replace replace;
        uint16_t tags[SC_TAGS]; /* of the TLVs that are ours: whatever else has them is removed */
        bool only_tags;         /* no verdict is delivered without a tag or rejected, so no message may be refused */
        char *text_prefix;      /* "": none */
        bool adaptive;
        char *adaptive_file; /* "": none */
    } verify;

    char *domain;          /* of alphanumeric senders; "": they are not signed */
    uint64_t spool_max;    /* PASSporTs that may wait in the spool */
    char *judged;          /* where the record of judged messages goes; "": nowhere */
    char *signed_;         /* where that of signed ones goes */
    char *number_key_file; /* of the hashes that stand for numbers there; "": none */
    bool log_numbers;      /* in clear */
    bool log_exempt;       /* what is neither judged nor signed has a line in the record, too */
};

/* before: the policy in use, or NULL; services: the list of those in use. STIR_E_CONFIG, STIR_E_IO name the key or the
 * file; STIR_E_NOMEM. */
enum stir_code sc_policy_new(struct sc_policy **out, const struct sc_config *config, const struct sc_policy *before,
                             struct sc_service **services, const struct stir_log *log,
                             struct stir_error *err) STIR_MUST_CHECK;
struct sc_policy *sc_policy_ref(struct sc_policy *policy);
void sc_policy_unref(struct sc_policy *policy);
