/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"
#include "common/base/view.h"

#include <jansson.h>

/*
 * The value of a SIP Identity header field (RFC 8224 section 4.1): TOKEN;info=<URL>;alg=ES256;ppt="msg". The token is a
 * PASSporT in full form, or in compact form its signature alone ("..SIGNATURE").
 */
#define CTL_IDENTITY_PARAM 2048 /* octets of a parameter's value and a NUL */

struct ctl_identity_header {
    struct stir_buf token; /* without the white space of folded lines */
    bool compact;
    char info[CTL_IDENTITY_PARAM]; /* "": the parameter is absent; so are the others */
    char alg[32];
    char ppt[64];
};

/* Returns true if the text is such a value, with or without the name of the field before it. No token, JSON or PEM
 * looks like it. */
bool ctl_identity_is_header(struct stir_view text);

/* Reads it. STIR_E_PASSPORT names the fault of its syntax; STIR_E_NOMEM. *out is cleared with ctl_identity_clear, also
 * after a failure. */
enum stir_code ctl_identity_read(struct ctl_identity_header *out, struct stir_view text,
                                 struct stir_error *err) STIR_MUST_CHECK;
void ctl_identity_clear(struct ctl_identity_header *header);

/* Compares the parameters with the header of the PASSporT in full form: info is its x5u, alg its alg, ppt its ppt
 * (RFC 8224 section 4.1). Writes what differs into `faults`, one sentence for each; nothing if all agree. */
void ctl_identity_compare(json_t *faults, const struct ctl_identity_header *header);
