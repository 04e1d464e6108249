/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "common/base/error.h"

/* Copies an error of libcps about a file or an option that the configuration names. Returns STIR_E_CONFIG, or
 * STIR_E_NOMEM. */
static inline enum stir_code sc_fail_cps(struct stir_error *err, const struct cps_error *cause)
{
    enum stir_code code = cause->code == CPS_E_NOMEM ? STIR_E_NOMEM : STIR_E_CONFIG;
    return stir_fail(err, code, "%s", cause->text);
}
