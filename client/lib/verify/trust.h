/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"

/*
 * What the handle judges certificates by: roots and revocation lists. The lists of crl_files and crl_urls are read
 * again every crl_refresh_s by a thread of its own, which builds a new stir_trust and puts it in the place of the old
 * one. A list that cannot be read or is no good leaves the one before in force. Thread-safe.
 */
struct cps_trust;

/* Reads the files that the options name and builds the first trust. *out is NULL if they name no roots. CPS_E_CONFIG,
 * CPS_E_IO, CPS_E_CERT, CPS_E_CERT_UNTRUSTED, CPS_E_CRL, CPS_E_TOO_BIG, CPS_E_NOMEM; err names the file. */
enum cps_code cps_trust_open(struct cps_trust **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Starts the thread if there are lists to refresh; the handle's transport must be there. CPS_E_UNAVAILABLE. */
enum cps_code cps_trust_start(struct cps_trust *trust, struct cps_error *err) STIR_MUST_CHECK;

/* Begins no more fetches. Called before the transport ends. NULL is fine. */
void cps_trust_stop(struct cps_trust *trust);

/* Joins the thread and frees everything. Called after the transport has ended. NULL is fine. */
void cps_trust_free(struct cps_trust *trust);

/* Returns a new reference to the trust in force, and the number of its generation, which grows with each change. */
struct stir_trust *cps_trust_hold(struct cps_trust *trust, uint64_t *generation);

/* Returns true if every list of roots is in force: if not, a certificate that leads to no root may be good. */
bool cps_trust_is_complete(struct cps_trust *trust);

/* Returns the number of the generation in force; 0 for NULL. */
uint64_t cps_trust_generation(const struct cps_trust *trust);

/* Reads and fetches every list now and waits for it. The first failure is returned; lists that failed stay as they
 * were. CPS_E_CLOSED. */
enum cps_code cps_trust_refresh(struct cps_trust *trust, struct cps_error *err) STIR_MUST_CHECK;
