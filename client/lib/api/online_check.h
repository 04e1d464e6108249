#pragma once

#include "client/lib/sign/signer.h"

/* Checks that ask others, for `cps-smpp -t --online`. They block; not for the I/O thread. */

/* Fetches the chain at the signer's x5u, as a verifier would, and compares it with the signer's own. CPS_E_CERT: it is
 * another one; what fetching fails with. A signer without x5u is fine. */
enum cps_code cps_online_x5u(struct cps *cps, const struct cps_signer *signer, struct cps_error *err) STIR_MUST_CHECK;

/* Does the same for the certificate of the handle's credential and its auth_x5u. A handle without credential is fine.
 */
enum cps_code cps_online_auth_x5u(struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Lists the box of a number that nobody has, with the credential of the handle: the CPS can be reached and accepts the
 * credential. A CPS that accepts it and gives that box only to its holder (CPS_E_FORBIDDEN) is fine. Otherwise what
 * cps_retrieve fails with. */
enum cps_code cps_online_retrieve(struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Publishes an envelope that nobody can open, for one second, in the box of a number of the signer's: the CPS can be
 * reached and takes the credential of the handle. What cps_send fails with. A signer without numbers is fine. */
enum cps_code cps_online_publish(struct cps *cps, const struct cps_signer *signer,
                                 struct cps_error *err) STIR_MUST_CHECK;
