/* Which CPS a destination has. */
#include "client/lib/find/directory.h"
#include "client/lib/find/route.h"
#include "common/number/numtable.h"

/* The number table's. *out stays NULL if it has none. */
static enum cps_code by_table(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                              struct cps_error *err)
{
    struct stir_numtable_row row;
    if (!dest || dest->kind != STIR_IDENTITY_TN || !cps->numbers ||
        !stir_numtable_find(cps->numbers, dest->text, &row) || !row.cps_url) {
        return CPS_OK;
    }
    enum cps_code code = cps_route_get(out, cps->routes, row.cps_url, false, CPS_E_CONFIG, err);
    return code == CPS_OK ? CPS_OK : cps_fail_prefix(err, code, "numbers_file: a CPS's URL");
}

static enum cps_code by_default(struct cps_route **out, struct cps *cps, struct cps_error *err)
{
    if (!cps->route) {
        return cps_fail(err, CPS_E_CONFIG, "no CPS is configured (cps_url)%s",
                        cps->numbers ? ", and the number table names none" : "");
    }
    *out = cps_route_ref(cps->route);
    return CPS_OK;
}

enum cps_code cps_route_to(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                           const struct cps_target *target, struct cps_error *err)
{
    struct cps_targets *known = NULL;
    struct cps_route *route = NULL;
    if (dest && !target && cps->options.route_by_record) {
        known = cps_directory_known(cps->directory, dest);
        target = cps_targets_for_reading(known);
    }
    enum cps_code code = by_table(&route, cps, dest, err);
    if (code == CPS_OK && !route && target && target->route) {
        route = cps_route_ref(target->route);
    }
    cps_targets_unref(known);
    if (code == CPS_OK && !route) {
        code = by_default(&route, cps, err);
    }
    if (code == CPS_OK) {
        *out = route;
    }
    return code;
}

enum cps_code cps_route_to_holder(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                  const struct cps_target *target, struct cps_error *err)
{
    /* the number table speaks for the provider, a number's own record for its holder */
    if (target && target->record && target->scope != CPS_SCOPE_PROVIDER && target->route) {
        *out = cps_route_ref(target->route);
        return CPS_OK;
    }
    return cps_route_to(out, cps, dest, target, err);
}

enum cps_code cps_route_to_directory(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                     struct cps_error *err)
{
    struct cps_route *route = NULL;
    enum cps_code code = by_table(&route, cps, dest, err);
    if (code == CPS_OK && !route) {
        code = by_default(&route, cps, err);
    }
    if (code == CPS_OK) {
        *out = route;
    }
    return code;
}
