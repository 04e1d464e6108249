/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/base/caller.h"
#include "cps/store/store.h"

/*
 * The publisher of an envelope, as the store keeps it with the envelope: 8 octets that identify the publisher, then the
 * SPC for which the publisher acted. All callers without a verified credential are one publisher, with no octets.
 */

/* Writes the identity of the caller into `room` and sets *out to a view of it. The 8 octets are a digest of what the
 * caller's certificate has authority over (its TNAuthList, or without one its subjectAltName): every certificate of one
 * authority, and every SPC that one certificate names, is the same publisher. Of a long list only the first entries and
 * their number count. STIR_E_NOMEM. */
enum stir_code cpsd_publisher_of(struct stir_view *out, uint8_t room[CPSD_PUBLISHER_MAX],
                                 const struct cpsd_caller *caller) STIR_MUST_CHECK;

/* Writes the publisher's name: "spc:CODE", or "cert:" and the 8 octets in hexadecimal for one without an SPC; "" for
 * callers without a verified credential. */
#define CPSD_PUBLISHER_NAME (sizeof("spc:") + STIR_TN_MAX)
void cpsd_publisher_name(char out[CPSD_PUBLISHER_NAME], struct stir_view publisher);
