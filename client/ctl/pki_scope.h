/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"
#include "common/cert/claim_constraints.h"
#include "common/cert/tnauthlist.h"

/* What `cpsctl pki` lets a certificate speak for and its PASSporTs say. Failures are recorded in ctl. */

/* --spc, --tn and --range; cleared with stir_tnauth_clear in any case. */
enum ctl_exit ctl_scope_tnauth(struct ctl *ctl, struct stir_tnauth *out);

/* --uri as a list with NULL at the end, freed with free(); NULL without --uri. The texts stay the arguments'. */
enum ctl_exit ctl_scope_uris(struct ctl *ctl, const char ***out);

/* --must-include, --must-exclude and --permit; cleared with stir_claims_clear in any case. */
enum ctl_exit ctl_scope_claims(struct ctl *ctl, struct stir_claims *out);
bool ctl_scope_has_claims(const struct stir_claims *claims);

/* --server-name as subjectAltName has it: "DNS:localhost,IP:127.0.0.1". */
enum ctl_exit ctl_scope_server(struct ctl *ctl, struct stir_buf *out);
