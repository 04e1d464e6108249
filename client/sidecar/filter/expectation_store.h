/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/item.h"
#include "common/passport/verdict.h"

/* Returns true if a message from orig shall wait for its PASSporT. */
bool sc_expect_passport(struct sc_filter_core *core, enum sc_leg from, const char *system_id, const char *orig);

/* Learns from the verdict of an item. */
void sc_expect_learn(struct sc_filter_core *core, const struct sc_item *item, enum stir_verdict verdict);

/* Starts to learn, and reads the file, if the policy asks for it. Does nothing after the first time. */
void sc_expect_open(struct sc_filter_core *core);

/* Begins to write the file if something has changed. Returns true if so; core->saving is set until it is written. */
bool sc_expect_begin_save(struct sc_filter_core *core);

/* Writes the file when that is due. */
void sc_expect_expire(struct sc_filter_core *core);

/* Returns when that is due next, in the loop's time in ms; UINT64_MAX: never. */
uint64_t sc_expect_due(const struct sc_filter_core *core);
