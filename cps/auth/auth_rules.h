/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/x5u.h"
#include "cps/auth/cert_cache.h"
#include "cps/base/config.h"

/*
 * The section [auth] made ready for use. Made once per configuration, immutable, and owned by what holds the
 * configuration.
 */
struct cpsd_auth_rules {
    char **aud; /* names of this CPS; without one no token is accepted */
    size_t aud_count;
    char **hosts;
    size_t host_count;
    uint16_t *ports;
    struct stir_x5u_rules x5u;
    struct cpsd_cert_rules certs;
    int64_t max_age_s, skew_s;
};

/* Makes the rules of a configuration, which must outlive them. STIR_E_CONFIG: err names the key. STIR_E_NOMEM. */
enum stir_code cpsd_auth_rules_new(struct cpsd_auth_rules **out, const struct cpsd_config *config,
                                   struct stir_error *err) STIR_MUST_CHECK;
void cpsd_auth_rules_free(struct cpsd_auth_rules *rules);
