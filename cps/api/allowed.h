/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * Whether a request is allowed: the policy of its route's action, and of what it asks for besides (to wait, to leave
 * out dummies). Asked once before the handler runs, and again while the request waits or streams. Used on the worker's
 * loop.
 */
#define CPSD_JUDGE_AGAIN_MS 15000 /* a waiting or streaming request is judged again after this time at the latest */

/* Asks the policy for everything that the request asks for, and remembers when that was done. The route, the
 * destination and the caller are known. STIR_OK, or STIR_E_UNAUTHORIZED or STIR_E_FORBIDDEN with a text for the
 * problem's detail. */
enum stir_code cpsd_request_allowed(struct cpsd_request *request, struct stir_error *err) STIR_MUST_CHECK;

/*
 * Judges the caller of a waiting or streaming request again: its certificate, which may have been revoked or have
 * expired, and the policy. Does nothing and returns true if roots, revocation lists, number table and policy are still
 * the same and the last judgement is less than CPSD_JUDGE_AGAIN_MS ago. Returns false if the caller must not be given
 * anything more.
 */
bool cpsd_request_still_allowed(struct cpsd_request *request);
