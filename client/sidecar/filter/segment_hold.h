#pragma once

#include "client/sidecar/filter/part.h"

#include <stdint.h>

/* Limits the time that a held part waits for the rest of its message, as [join] hold = window says. Returns false if
 * out of memory. */
bool sc_hold_add(struct sc_filter_core *core, struct sc_part *part);

/* Ends that limit; does nothing for a part without one. */
void sc_hold_remove(struct sc_filter_core *core, struct sc_part *part);

/* Forwards a held part before its message is complete. Its text is still used to verify or sign the message. */
void sc_hold_release(struct sc_filter_core *core, struct sc_part *part);

/* Notes traffic on a connection. Called for each message before it is looked at. */
void sc_hold_heard(struct sc_filter_core *core, const struct sc_held *held);

bool sc_hold_init(struct sc_filter_core *core);
void sc_hold_free(struct sc_filter_core *core);

/* Forwards segments whose connection was quiet for SC_HOLD_QUIET_MS. */
void sc_hold_expire(struct sc_filter_core *core);

/* Returns when that is due next, in the loop's time in ms; UINT64_MAX: never. */
uint64_t sc_hold_due(const struct sc_filter_core *core);
