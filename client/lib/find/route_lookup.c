/* SPDX-License-Identifier: MIT */
/* Which CPS a destination has, by its key records and by the configuration. */
#include "client/lib/find/directory.h"
#include "client/lib/find/route_configured.h"

enum cps_code cps_route_to(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                           const struct cps_target *target, struct cps_error *err)
{
    struct cps_targets *known = NULL;
    struct cps_route *route = NULL;
    if (dest && !target && cps->options.route_by_record) {
        known = cps_directory_known(cps->directory, dest);
        target = cps_targets_for_reading(known);
    }
    enum cps_code code = cps_route_by_table(&route, cps, dest, err);
    if (code == CPS_OK && !route && target && target->route) {
        route = cps_route_ref(target->route);
    }
    cps_targets_unref(known);
    if (code == CPS_OK && !route) {
        code = cps_route_by_default(&route, cps, err);
    }
    if (code == CPS_OK) {
        *out = route;
    }
    return code;
}

enum cps_code cps_route_to_holder(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                  const struct cps_target *target, struct cps_error *err)
{
    /* The number table speaks for the provider, a record of the number or its range for the holder. */
    if (target && target->record && target->scope != CPS_SCOPE_PROVIDER && target->route) {
        *out = cps_route_ref(target->route);
        return CPS_OK;
    }
    return cps_route_to(out, cps, dest, target, err);
}
