/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/log.h"
#include "common/cert/trust_list.h"
#include "cps/auth/trusted.h"
#include "cps/net/fetch.h"

/*
 * Signed lists of roots while the server runs ([trust] list_files and list_urls): read or fetched at start, every
 * list_refresh_s, and again a minute after a failure (refreshed_lists.h). The certificate of a list's signer is taken
 * from list_signer_roots, or fetched from the list's x5u; as an attacker may have written that, only https and public
 * addresses are allowed. The last good list of each name stays in force until there is a newer good one, at most
 * list_grace_s after its exp. Its sequence never falls. Main thread only, whose loop serves no request.
 */
struct cpsd_root_lists;

/* Called when a list came into force or went out of it: must build the trust anew with cpsd_root_lists_texts and put it
 * into use. If that fails, the previous list stays and err is logged. */
typedef enum stir_code cpsd_root_lists_changed(void *arg, struct stir_error *err);

/* Nothing is read before cpsd_root_lists_use. log is read at each use. STIR_E_NOMEM. */
enum stir_code cpsd_root_lists_new(struct cpsd_root_lists **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                                   const struct stir_log *log, cpsd_root_lists_changed *changed, void *arg,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Uses this configuration's names from now on. Lists of names that were configured before are kept, unless
 * list_signer_roots changed. STIR_E_NOMEM, STIR_E_IO, STIR_E_TOO_BIG; then nothing has changed. */
enum stir_code cpsd_root_lists_use(struct cpsd_root_lists *lists, const struct cpsd_config *config,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Returns the number of lists in force for the names of a configuration; their texts are PEM and valid until the loop
 * runs again. lists may be NULL. */
size_t cpsd_root_lists_texts(const struct cpsd_root_lists *lists, const struct cpsd_config *config,
                             struct stir_trust_text out[CPSD_ROOT_LISTS_MAX]);

/* The state of one list. */
struct cpsd_root_list_status {
    const char *name; /* path or URL */
    bool in_force;
    int64_t good_at;   /* when a good one was last read or fetched, seconds since the epoch; 0: never */
    int64_t exp;       /* of the list in force; 0: none is in force */
    uint64_t failures; /* since the list was configured */
};

/* Fills in the state of the list with this index; returns false beyond the last one. The name is valid until the loop
 * runs again.
 */
bool cpsd_root_lists_status(const struct cpsd_root_lists *lists, size_t i, struct cpsd_root_list_status *out);

/* Ends fetches and closes the handles, so that the loop can end. NULL is fine. */
void cpsd_root_lists_stop(struct cpsd_root_lists *lists);

/* Frees the rest after the loop has ended. NULL is fine. */
void cpsd_root_lists_free(struct cpsd_root_lists *lists);

/* Checks that each URL is https, that there are not too many names, and that list_signer_roots is set. STIR_E_CONFIG.
 */
enum stir_code cpsd_root_lists_check(const struct cpsd_config *config, struct stir_error *err) STIR_MUST_CHECK;

/* For cpsd -t: makes the same checks, and reads each list of list_files. Its signature is checked if list_signer_roots
 * has its signer's certificate, as nothing is fetched. What stir_trust_list_read returns; err names the file. */
enum stir_code cpsd_root_lists_check_files(const struct cpsd_config *config, struct stir_error *err) STIR_MUST_CHECK;
