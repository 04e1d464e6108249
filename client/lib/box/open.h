/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/context/key.h"
#include "common/jose/envelope.h"

/* Decrypts an envelope with the first key that fits; *index becomes its index. The caller clears *out with
 * stir_opened_clear. Codes as cps_open. */
enum cps_code cps_open_with(struct stir_opened *out, size_t *index, const char *envelope, size_t len,
                            const struct cps_key *const *keys, size_t key_count, struct cps_error *err) STIR_MUST_CHECK;
