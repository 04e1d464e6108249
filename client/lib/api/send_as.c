/* SPDX-License-Identifier: MIT */
/* Signing and sending for a tenant: the calls that take a table of tenants and a name in the place of a signer. */
#include "client/cps.h"

enum cps_code cps_sign_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                          const struct cps_message *message, char **passport, size_t *len, struct cps_error *err)
{
    struct cps_signer *signer = NULL;
    enum cps_code code = cps_tenants_signer(tenants, tenant, &signer, err);
    if (code == CPS_OK) {
        code = cps_sign(cps, signer, message, passport, len, err);
    }
    cps_signer_free(signer);
    return code;
}

enum cps_code cps_send_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                          const struct cps_message *message, const struct cps_recipient *recipients,
                          size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling, struct cps_sent *out,
                          struct cps_error *err)
{
    struct cps_signer *signer = NULL;
    struct cps_error failure = {0};
    enum cps_code code = cps_tenants_signer(tenants, tenant, &signer, &failure);
    if (code == CPS_OK) {
        code = cps_send_with_spool(cps, signer, message, recipients, recipient_count, ttl_s, spooling, out, err);
    } else {
        if (out) {
            *out = (struct cps_sent){.error = failure};
        }
        if (err) {
            *err = failure;
        }
    }
    cps_signer_free(signer);
    return code;
}
