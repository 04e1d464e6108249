#pragma once

#include "client/lib/certcache.h"
#include "client/lib/target.h"

/*
 * Destinations as they were found: pinned ones, and those whose key records a CPS handed out, once they are verified.
 * One fetch serves all who wait for it; failures are remembered for a while; a record that is still good outlives a
 * failure to get it anew, and one that is older than the one known never takes its place. Thread-safe.
 */
struct cps_directory;

enum cps_code cps_directory_new(struct cps_directory **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_directory_free(struct cps_directory *directory); /* after the transport has ended; NULL is fine */

/* The target of a destination; *out is a new reference, with at least one key that is current. CPS_FOUND_LATER: it is
 * being looked for, and the task (NULL: nobody) is woken when it was found or not, until cps_directory_leave.
 * CPS_FOUND_NOT: what cps_find_keys says. */
enum cps_found cps_directory_get(struct cps_directory *directory, struct cps_target **out,
                                 const struct stir_identity *dest, struct cps_task *task,
                                 struct cps_error *err) STIR_MUST_CHECK;
void cps_directory_leave(struct cps_directory *directory, struct cps_task *task);

/* What is known now, without looking for it: a new reference, or NULL. */
struct cps_target *cps_directory_known(struct cps_directory *directory, const struct stir_identity *dest);

/* For finding.c: the end of a search. target NULL: it failed, with this error. Takes the reference over. max_age_s: for
 * how long the answer may be kept, -1: it did not say. */
void cps_directory_settle(struct cps_directory *directory, void *entry, struct cps_target *target, int64_t max_age_s,
                          const struct cps_error *error);
