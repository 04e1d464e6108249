#pragma once

#include "client/lib/handle.h"
#include "common/identity.h"
#include "common/msgi.h"

/* A message as a caller gave it, its identities in canonical form. */
struct cps_checked {
    struct stir_identity orig;
    struct stir_identity *dest;
    size_t dest_count;
    const void *body; /* the caller's, or our copy; NULL: none */
    size_t body_len;
    int64_t iat;
    void *owned_body;
};

/* Reads a message. keep: the body is copied too, because it is needed after the call. CPS_E_INVAL, CPS_E_TN, CPS_E_URI
 * name the member, CPS_E_NOMEM. On failure there is nothing to clear. */
enum cps_code cps_message_check(struct cps_checked *out, const struct cps *cps, const struct cps_message *message,
                                bool keep, struct cps_error *err) STIR_MUST_CHECK;
void cps_checked_clear(struct cps_checked *message);

/* Reads one destination. */
enum cps_code cps_dest_check(struct stir_identity *out, const struct cps *cps, const char *dest,
                             struct cps_error *err) STIR_MUST_CHECK;
