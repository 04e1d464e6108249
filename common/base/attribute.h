/* SPDX-License-Identifier: MIT */
#pragma once

/* Contracts that the compiler checks. */
#define STIR_MUST_CHECK __attribute__((warn_unused_result))
#define STIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
