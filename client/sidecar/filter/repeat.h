#pragma once

#include "client/sidecar/filter/part.h"
#include "client/sidecar/filter/repeat_sent.h"
#include "client/sidecar/policy/config.h"
#include "common/base/error.h"

/* Opens [repeat] file and restores the records of the previous process. STIR_E_IO, STIR_E_CONFIG. */
enum stir_code sc_repeat_open(struct sc_filter_core *core, const struct sc_config *config,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Notes that the PASSporT of these parts, which belong to an item, is going to be looked for. */
void sc_repeat_intend(struct sc_filter_core *core, struct sc_part *parts);

/* Returns why "replayed" proves nothing about the message of these parts: it may have used up its PASSporT itself when
 * it arrived before, without its sender knowing. *losses is how often it was sent again, this time included. Removes
 * the records of the parts. */
enum sc_again sc_repeat_judged_again(struct sc_filter_core *core, const struct sc_part *parts, unsigned *losses);
