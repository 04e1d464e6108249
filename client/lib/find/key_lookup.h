#pragma once

#include "client/lib/find/directory.h"

/* Looks for a destination's record in the background: asks the directory, gets the certificate, verifies; then calls
 * cps_directory_settle with `entry`, once, on the I/O thread. With a failure, never. CPS_E_CONFIG, CPS_E_NOMEM,
 * CPS_E_CLOSED, CPS_E_UNAVAILABLE. */
enum cps_code cps_finding_start(struct cps *cps, const struct stir_identity *dest, void *entry,
                                struct cps_error *err) STIR_MUST_CHECK;
