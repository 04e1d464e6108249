/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"

/*
 * All faults of a configuration. A check that finds a fault records it and continues, so that an operator sees all
 * faults at once. A zeroed one is empty.
 */
struct stir_faults {
    struct stir_error first; /* the first fault; its code is STIR_OK before the first */
    struct stir_buf lines;   /* every fault, a line each, as far as there is room */
    size_t count;
    const char *prefix; /* NULL, or what is put before the text of each fault, followed by ": " */
};

/* Records a fault, unless the same text is recorded already. */
void stir_faults_add(struct stir_faults *faults, enum stir_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Records what `err` says, if `code` is not STIR_OK. */
void stir_faults_take(struct stir_faults *faults, enum stir_code code, const struct stir_error *err);

/* Returns the code of the first fault, whose text goes to err; STIR_OK without a fault. */
enum stir_code stir_faults_code(const struct stir_faults *faults, struct stir_error *err) STIR_MUST_CHECK;

void stir_faults_clear(struct stir_faults *faults);
