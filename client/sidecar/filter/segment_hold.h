#pragma once

#include "client/sidecar/filter/part.h"

#include <stdint.h>

/* Lets a part that is held wait for the rest of its message no longer than [join] hold = window allows. False: out of
 * memory. */
bool sc_hold_add(struct sc_filter_core *core, struct sc_part *part);

/* Ends that; does nothing for a part that is not there. */
void sc_hold_remove(struct sc_filter_core *core, struct sc_part *part);

/* Forwards a held part before its message is complete. Its text still counts. */
void sc_hold_release(struct sc_filter_core *core, struct sc_part *part);

/* To be called for each message that comes, before it is dealt with. */
void sc_hold_heard(struct sc_filter_core *core, const struct sc_held *held);

bool sc_hold_init(struct sc_filter_core *core);
void sc_hold_free(struct sc_filter_core *core);
void sc_hold_expire(struct sc_filter_core *core);
uint64_t sc_hold_due(const struct sc_filter_core *core);
