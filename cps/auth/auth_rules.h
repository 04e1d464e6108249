#pragma once

#include "common/cert/x5u.h"
#include "cps/auth/cert_cache.h"
#include "cps/base/config.h"

/*
 * What [auth] says, made ready for use: read once a configuration, immutable, owned by what holds the configuration.
 */
struct cpsd_auth_rules {
    char **aud; /* names of this CPS; none: no token is accepted */
    size_t aud_count;
    char **hosts;
    size_t host_count;
    uint16_t *ports;
    struct stir_x5u_rules x5u;
    struct cpsd_cert_rules certs;
    int64_t max_age_s, skew_s;
};

/* config must outlive it. STIR_E_CONFIG names the key, STIR_E_NOMEM. */
enum stir_code cpsd_auth_rules_new(struct cpsd_auth_rules **out, const struct cpsd_config *config,
                                   struct stir_error *err) STIR_MUST_CHECK;
void cpsd_auth_rules_free(struct cpsd_auth_rules *rules);
