/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/policy/cps_service.h"
#include "client/sidecar/policy/recipients.h"
#include "client/sidecar/relay/held_message.h"
#include "client/smpp/address.h"
#include "client/smpp/join.h"
#include "common/passport/verdict.h"

/*
 * The configuration in the form that the filter uses: copied settings and loaded keys. A policy never changes. A reload
 * makes a new one, and messages in progress keep the one that they began with.
 */
enum sc_treatment { /* what is done with a verified message, by its verdict */
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
    unsigned repeat_max; /* how often a message may pass again after its connection was lost */

    struct sc_service *service;       /* NULL: nothing is signed or verified */
    struct cps_tenants *tenants;      /* NULL unless something is signed */
    struct sc_recipients *recipients; /* public keys; NULL likewise, or without a directory */
    struct sc_recipients *keys;       /* our private keys; NULL unless something is verified */

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
        bool find; /* look for key records of destinations without a key in recipients */
    } sign;
    struct {
        uint32_t wait_ms, grace_ms;
        bool ussd_waits;
        enum sc_treatment treatments[STIR_VERDICT_COUNT];
        uint32_t reject_status;
        enum sc_replace replace;
        uint16_t tags[SC_TAGS]; /* of our TLVs; they are removed from arriving messages */
        bool only_tags;         /* every verdict is tagged, so no message may be refused */
        char *text_prefix;      /* "": none */
        bool adaptive;
        char *adaptive_file; /* "": none */
    } verify;

    char *domain;          /* of alphanumeric senders; "": they are not signed */
    uint64_t spool_max;    /* PASSporTs that may wait in the spool */
    char *judged;          /* where the record of judged messages goes; "": nowhere */
    char *signed_;         /* the same for signed messages */
    char *number_key_file; /* key of the hashes of numbers in the records; "": none */
    bool log_numbers;      /* write numbers in clear */
    bool log_exempt;       /* also write lines for PDUs that are neither verified nor signed */
};

/* Makes a policy from a configuration. before: the policy in use, or NULL; services: the list of the services in use.
 * STIR_E_CONFIG and STIR_E_IO name the key or the file; STIR_E_NOMEM. */
enum stir_code sc_policy_new(struct sc_policy **out, const struct sc_config *config, const struct sc_policy *before,
                             struct sc_service **services, const struct stir_log *log,
                             struct stir_error *err) STIR_MUST_CHECK;
struct sc_policy *sc_policy_ref(struct sc_policy *policy);
void sc_policy_unref(struct sc_policy *policy);
