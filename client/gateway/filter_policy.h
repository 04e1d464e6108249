#pragma once

#include "client/gateway/config.h"
#include "client/gateway/filter_service.h"
#include "client/gateway/held.h"
#include "client/gateway/recipients.h"
#include "client/smpp/address.h"
#include "client/smpp/join.h"
#include "common/verdict.h"

/*
 * What a configuration comes to for the filter: copies, opened keys. It never changes; a reload makes a new one, while
 * what is under way goes on with the one that it began with.
 */
enum gw_treatment { /* of a judged message, by its verdict */
                    GW_TREAT_TAG,
                    GW_TREAT_DELIVER,
                    GW_TREAT_REJECT,
                    GW_TREATMENT_COUNT,
};

/* "tag", "deliver", "reject". */
const char *gw_treatment_name(enum gw_treatment treatment);

struct gw_direction {
    enum gw_action action;
    struct smpp_text_settings settings;
};

struct gw_policy {
    unsigned refs;
    struct gw_direction ways[GW_LEG_COUNT];
    struct smpp_addressing addressing;
    struct smpp_join_limits join;
    bool strict; /* segments wait until the whole message's PASSporT is published */
    size_t operations_max;

    struct gw_service *service;       /* NULL: nothing is signed or verified */
    struct cps_tenants *tenants;      /* NULL unless something is signed */
    struct gw_recipients *recipients; /* likewise, or if no directory is given */
    struct gw_recipients *keys;       /* our private ones; NULL unless something is verified */

    struct {
        enum gw_sign_mode mode;
        enum gw_forward on_failure;
        enum gw_forward outside;
        uint32_t reject_status;
        uint32_t timeout_ms;
        uint32_t ttl_s;
        enum cps_spooling spooling;
        bool find; /* keys of destinations that have none in recipients */
    } sign;
    struct {
        uint32_t wait_ms, grace_ms;
        enum gw_treatment treatments[STIR_VERDICT_COUNT];
        uint32_t reject_status;
        uint16_t verdict_tag;
        uint16_t signer_tag;
        char *text_prefix; /* "": none */
    } verify;

    char *domain;     /* of alphanumeric senders; "": they are not signed */
    char *judged;     /* where the record of judged messages goes; "": nowhere */
    bool log_numbers; /* in clear */
};

/* before: the policy in use, or NULL; services: the list of those in use. STIR_E_CONFIG, STIR_E_IO name the key or the
 * file; STIR_E_NOMEM. */
enum stir_code gw_policy_new(struct gw_policy **out, const struct gw_config *config, const struct gw_policy *before,
                             struct gw_service **services, const struct stir_log *log,
                             struct stir_error *err) STIR_MUST_CHECK;
struct gw_policy *gw_policy_ref(struct gw_policy *policy);
void gw_policy_unref(struct gw_policy *policy);
