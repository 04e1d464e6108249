#pragma once

#include "client/lib/box/box.h"
#include "client/lib/context/key.h"

/* Opens an envelope of a box with one of the keys, and puts what is in it into the box: a PASSporT, or what is wrong
 * with it. One that cannot be opened is not ours, which the box remembers: that is no error. CPS_E_NOMEM. */
enum cps_code cps_unseal(struct cps *cps, struct cps_box *box, const struct cps_keys *keys,
                         const struct cps_sealed *sealed, struct cps_error *err) STIR_MUST_CHECK;
