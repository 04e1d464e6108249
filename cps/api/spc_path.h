/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"
#include "common/cert/tnauthlist.h"
#include "common/number/identity.h"

/*
 * A service provider code (SPC) in the path of a request: /passports/{spc}/..., /feed/{spc}, /keys/spc:{spc}. Pure
 * functions, thread-safe.
 */

/* Reads an SPC from a segment of a path, percent-decoded: 1 to STIR_SPC_MAX visible ASCII characters except the comma,
 * which no code in a certificate contains. Writes it to out in upper case, because "554a" and "554A" are one provider;
 * out holds STIR_SPC_MAX + 1. STIR_E_URI. */
enum stir_code cpsd_spc_from_path(char *out, struct stir_view segment, struct stir_error *err) STIR_MUST_CHECK;

/* Writes an SPC percent-encoded, as one segment of a path; out holds 3 * STIR_SPC_MAX + 1. */
void cpsd_spc_to_path(char *out, const char *spc);

/* Writes the identity "spc:CODE", which stands for the provider itself; the code is in upper case. */
#define CPSD_SPC_SCHEME "spc:"
void cpsd_spc_identity(struct stir_identity *out, const char *spc);
