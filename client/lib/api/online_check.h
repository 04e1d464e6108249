/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/sign/signer.h"

/* Checks over the network, for `cps-smpp -t --online`. They block and must not be called on the I/O thread. */

/* Fetches the chain at the signer's x5u, as a verifier would, and compares it with the signer's own. Returns CPS_OK
 * also for a signer without x5u. CPS_E_CERT: the URL serves another certificate; otherwise what fetching fails with. */
enum cps_code cps_online_x5u(struct cps *cps, const struct cps_signer *signer, struct cps_error *err) STIR_MUST_CHECK;

/* Does the same for the certificate of the handle's credential and its auth_x5u; CPS_OK without a credential. */
enum cps_code cps_online_auth_x5u(struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Checks that the CPS can be reached and accepts the handle's credential, by listing the box of a number that nobody
 * has. CPS_E_FORBIDDEN counts as success: the credential is good, and the box is its holder's. Otherwise returns what
 * cps_retrieve fails with. */
enum cps_code cps_online_retrieve(struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Checks that the CPS lets the handle publish, with an envelope that nobody can open, kept for one second in the box of
 * one of the signer's numbers. Returns CPS_OK for a signer without numbers, otherwise what cps_send returns. */
enum cps_code cps_online_publish(struct cps *cps, const struct cps_signer *signer,
                                 struct cps_error *err) STIR_MUST_CHECK;
