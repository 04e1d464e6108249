#pragma once

#include "client/cps.h"
#include "client/gateway/tenants_numbers.h"
#include "client/smpp/address.h"
#include "common/conf.h"

/*
 * Who may be signed for: one file NAME.conf a tenant in a directory. A bind's system_id chooses the tenant; its key
 * signs for the numbers and names that it lists, and for no others.
 */
struct gw_tenant {
    struct cps_signer *signer;
    struct gw_numbers numbers;
    char (*names)[STIR_IDENTITY_MAX + 1]; /* alphanumeric senders, as identities; sorted */
    size_t name_count;
    struct gw_tenant *next;
};

struct gw_tenants;

struct gw_tenants_how {
    const struct smpp_addressing *addressing; /* what a name is as an identity */
    bool with_chain;                          /* envelopes carry the chain */
};

/* The keys of such a file. */
extern const struct stir_conf_key gw_tenant_table[];
extern const size_t gw_tenant_count;

/* Reads all of a directory; dot files and other endings are passed over. Each key is opened, and must belong to its
 * certificate. STIR_E_CONFIG, STIR_E_IO and what cps_signer_open says, with the file's name. *out is untouched on
 * failure. */
enum stir_code gw_tenants_load(struct gw_tenants **out, const char *dir, const struct gw_tenants_how *how,
                               struct stir_error *err) STIR_MUST_CHECK;
void gw_tenants_free(struct gw_tenants *tenants);
size_t gw_tenants_size(const struct gw_tenants *tenants);

/* NULL: nobody has this system_id. */
const struct gw_tenant *gw_tenants_find(const struct gw_tenants *tenants, const char *system_id);

/* Is it one of the tenant's? */
bool gw_tenant_owns(const struct gw_tenant *tenant, const struct stir_identity *orig);
