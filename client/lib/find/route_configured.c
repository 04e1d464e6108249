/* SPDX-License-Identifier: MIT */
/* Which CPS the configuration names for a destination: the number table, or cps_url. */
#include "client/lib/find/route_configured.h"

#include "common/number/numtable.h"

enum cps_code cps_route_by_table(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                 struct cps_error *err)
{
    struct stir_numtable_row row;
    if (!dest || dest->kind != STIR_IDENTITY_TN || !cps->numbers ||
        !stir_numtable_find(cps->numbers, dest->text, &row) || !row.cps_url) {
        return CPS_OK;
    }
    enum cps_code code = cps_route_get(out, cps->routes, row.cps_url, false, CPS_E_CONFIG, err);
    return code == CPS_OK ? CPS_OK : cps_fail_prefix(err, code, "numbers_file: the URL of a CPS");
}

enum cps_code cps_route_by_default(struct cps_route **out, struct cps *cps, struct cps_error *err)
{
    if (!cps->route) {
        return cps_fail(err, CPS_E_CONFIG, "no CPS is configured (cps_url)%s",
                        cps->numbers ? ", and the number table names none for this number" : "");
    }
    *out = cps_route_ref(cps->route);
    return CPS_OK;
}

enum cps_code cps_route_to_directory(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                     struct cps_error *err)
{
    struct cps_route *route = NULL;
    enum cps_code code = cps_route_by_table(&route, cps, dest, err);
    if (code == CPS_OK && !route) {
        code = cps_route_by_default(&route, cps, err);
    }
    if (code == CPS_OK) {
        *out = route;
    }
    return code;
}
