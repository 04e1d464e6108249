/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"
#include "common/number/identity.h"
#include "common/passport/msgi.h"

/* The digests of another text that the body can be read as, by enum stir_msgi_alg. */
struct cps_checked_reading {
    char name[CPS_READING_NAME];
    char msgi[STIR_MSGI_SHA512 + 1][STIR_MSGI_MAX];
};

/* A message as the caller gave it, with its identities in canonical form. */
struct cps_checked {
    struct stir_identity orig;
    struct stir_identity *dest;
    size_t dest_count;
    const void *body; /* the caller's, or our copy; NULL: none */
    size_t body_len;
    int64_t iat;
    int64_t arrived; /* when it arrived, by the handle's clock; 0: now */
    void *owned_body;
    struct cps_checked_reading *readings;
    size_t reading_count;
};

/* Checks a message and copies what is needed of it; digests its readings. keep: copies the body too, because it is
 * needed after the call. CPS_E_INVAL, CPS_E_TN, CPS_E_URI name the member; CPS_E_NOMEM. On failure there is nothing to
 * clear. */
enum cps_code cps_message_check(struct cps_checked *out, const struct cps *cps, const struct cps_message *message,
                                bool keep, struct cps_error *err) STIR_MUST_CHECK;

/* Overwrites and frees what cps_message_check has made. */
void cps_checked_clear(struct cps_checked *message);

/* Reads one destination with the numbering of the handle. CPS_E_INVAL, CPS_E_TN, CPS_E_URI. */
enum cps_code cps_dest_check(struct stir_identity *out, const struct cps *cps, const char *dest,
                             struct cps_error *err) STIR_MUST_CHECK;
