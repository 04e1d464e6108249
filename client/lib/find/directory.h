/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/find/dest_record.h"
#include "client/lib/verify/certcache.h"

/*
 * The directory: a cache of the key records of destinations, verified, and the pinned keys. One search serves all
 * operations that need its result. Failures are remembered for a while. A record that is still good stays in use when
 * it cannot be renewed: no answer, or a bad record of the same issuer. A record is never used once a newer one of the
 * same issuer was seen. Thread-safe.
 */
struct cps_directory;

/* Makes an empty directory. CPS_E_NOMEM. */
enum cps_code cps_directory_new(struct cps_directory **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_directory_free(struct cps_directory *directory); /* after the transport has ended; NULL is fine */

/* Gets the records of a destination. CPS_FOUND: *out is a new reference, with at least one current key.
 * CPS_FOUND_LATER: a search is under way, and the task (NULL: none) is woken when it ends, until cps_directory_leave.
 * CPS_FOUND_NOT: err is filled as by cps_find_keys. */
enum cps_found cps_directory_get(struct cps_directory *directory, struct cps_targets **out,
                                 const struct stir_identity *dest, struct cps_task *task,
                                 struct cps_error *err) STIR_MUST_CHECK;

/* Stops waking a task; does nothing if it does not wait. */
void cps_directory_leave(struct cps_directory *directory, struct cps_task *task);

/* Returns the good records that are cached, without searching: a new reference, or NULL. */
struct cps_targets *cps_directory_known(struct cps_directory *directory, const struct stir_identity *dest);
