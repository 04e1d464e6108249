/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/box.h"
#include "client/lib/context/key.h"

/* Opens an envelope of a box with one of the keys, and puts its PASSporT into the box, or what is wrong with it. An
 * envelope that no key opens is remembered as not ours, which is not a failure. CPS_E_NOMEM. */
enum cps_code cps_unseal(struct cps *cps, struct cps_box *box, const struct cps_keys *keys,
                         const struct cps_sealed *sealed, struct cps_error *err) STIR_MUST_CHECK;
