#pragma once

#include "client/cps.h"
#include "common/error.h"

/* Calls `take` with every regular file of a directory, but for dot files, in the order of their names; the first
 * failure ends it. STIR_E_IO names the directory; STIR_E_NOMEM. */
enum stir_code gw_directory_each(const char *dir,
                                 enum stir_code (*take)(void *arg, const char *path, const char *name,
                                                        struct stir_error *err),
                                 void *arg, struct stir_error *err) STIR_MUST_CHECK;

/* Hands on what libcps says of a file or an option that the configuration names. */
static inline enum stir_code gw_fail_cps(struct stir_error *err, const struct cps_error *cause)
{
    enum stir_code code = cause->code == CPS_E_NOMEM ? STIR_E_NOMEM : STIR_E_CONFIG;
    return stir_fail(err, code, "%s", cause->text);
}
