/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/base/caller.h"

/*
 * The providers that may retrieve what another provider published under its own code (ATIS-1000105): [atis] partners.
 * Pure functions, thread-safe.
 */

/* Checks the list: service provider codes, or "*" alone for every provider. STIR_E_CONFIG names the item. */
enum stir_code cpsd_partners_check(const char *partners, struct stir_error *err) STIR_MUST_CHECK;

/* True if the list is "*". */
bool cpsd_partners_any(const char *partners);

/* True if the caller is authenticated and is one of the partners. A token acts for one code, a client certificate for
 * each code that it names. A certificate that names no code is never a partner's. */
bool cpsd_partners_have(const char *partners, const struct cpsd_caller *caller);
