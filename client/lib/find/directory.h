#pragma once

#include "client/lib/find/dest_record.h"
#include "client/lib/verify/certcache.h"

/*
 * Destinations as they were found: pinned ones, and those whose key records a CPS handed out, once they are verified.
 * One fetch serves all who wait for it; failures are remembered for a while. A record that is still good outlives a
 * failure to get it anew: no answer, or a record of the same issuer that is not good. A record is never used once a
 * newer one of the same issuer was seen. Thread-safe.
 */
struct cps_directory;

enum cps_code cps_directory_new(struct cps_directory **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_directory_free(struct cps_directory *directory); /* after the transport has ended; NULL is fine */

/* The records of a destination; *out is a new reference, with at least one key that is current. CPS_FOUND_LATER: they
 * are being looked for, and the task (NULL: nobody) is woken when they were found or not, until cps_directory_leave.
 * CPS_FOUND_NOT: what cps_find_keys says. */
enum cps_found cps_directory_get(struct cps_directory *directory, struct cps_targets **out,
                                 const struct stir_identity *dest, struct cps_task *task,
                                 struct cps_error *err) STIR_MUST_CHECK;
void cps_directory_leave(struct cps_directory *directory, struct cps_task *task);

/* What is known now, without looking for it: a new reference, or NULL. */
struct cps_targets *cps_directory_known(struct cps_directory *directory, const struct stir_identity *dest);
