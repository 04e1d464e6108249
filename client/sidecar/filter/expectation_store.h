#pragma once

#include "client/sidecar/filter/item.h"
#include "common/passport/verdict.h"

/* Whether a message from orig is to wait for its PASSporT. */
bool sc_expect_passport(struct sc_filter_core *core, enum sc_leg from, const char *system_id, const char *orig);

/* Takes in the verdict of an item. */
void sc_expect_learn(struct sc_filter_core *core, const struct sc_item *item, enum stir_verdict verdict);

/* Reads the file where the policy asks for it, once. */
void sc_expect_open(struct sc_filter_core *core);

/* Writes it, if there is something new; true: core->saving until that is done. */
bool sc_expect_begin_save(struct sc_filter_core *core);
void sc_expect_expire(struct sc_filter_core *core);
uint64_t sc_expect_due(const struct sc_filter_core *core);
