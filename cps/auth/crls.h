/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/log.h"
#include "cps/auth/trusted.h"
#include "cps/net/fetch.h"

/*
 * Revocation lists while the server runs: those of [trust] crl_urls are fetched at start, every crl_refresh_s, and
 * again a minute after a failure; those of crl_files are read again when the file has changed (refreshed_lists.h). The
 * last good text of each stays in use until there is a newer good one; a list that becomes stale meanwhile is treated
 * as crl_policy says. Main thread only, whose loop serves no request.
 */
struct cpsd_crls;

/* Called when a list differs from the one in use: must build the trust anew with cpsd_crls_texts and put it into use.
 * If that fails, the new text is dropped and err is logged. */
typedef enum stir_code cpsd_crls_changed(void *arg, struct stir_error *err);

/* Nothing is fetched before cpsd_crls_use. log is read at each use. STIR_E_NOMEM. */
enum stir_code cpsd_crls_new(struct cpsd_crls **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                             const struct stir_log *log, cpsd_crls_changed *changed, void *arg,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Uses this configuration's files and URLs from now on. Texts of URLs that were configured before are kept, files are
 * read, new URLs are fetched soon. STIR_E_NOMEM, STIR_E_IO, STIR_E_TOO_BIG; then nothing has changed. */
enum stir_code cpsd_crls_use(struct cpsd_crls *crls, const struct cpsd_config *config,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Returns true until the first fetch of each URL that is new in the configuration has ended. `changed` is called once
 * the last of them has ended, well or not. crls may be NULL. */
bool cpsd_crls_are_awaited(const struct cpsd_crls *crls);

/* Returns the number of texts that are there for the URLs of a configuration and, with files, for its files; valid
 * until the loop runs again. crls may be NULL. */
size_t cpsd_crls_texts(const struct cpsd_crls *crls, const struct cpsd_config *config, bool files,
                       struct stir_trust_text out[CPSD_CRLS_MAX]);

/* The state of one list. */
struct cpsd_crl_status {
    const char *name; /* path or URL */
    bool is_url;
    int64_t good_at;   /* when a good one was last read or fetched, seconds since the epoch; 0: never */
    int64_t until;     /* the earliest nextUpdate of the list in use, seconds since the epoch; 0: none is in use */
    uint64_t failures; /* since the list was configured */
};

/* Fills in the state of the list with this index; returns false beyond the last one. For metrics; the name is valid
 * until the loop runs again. */
bool cpsd_crls_status(const struct cpsd_crls *crls, size_t i, struct cpsd_crl_status *out);

/* Ends fetches and closes the handles, so that the loop can end. NULL is fine. */
void cpsd_crls_stop(struct cpsd_crls *crls);

/* Frees the rest after the loop has ended. NULL is fine. */
void cpsd_crls_free(struct cpsd_crls *crls);

/* Checks that each URL is https and that there are not too many URLs and files. STIR_E_CONFIG. */
enum stir_code cpsd_crls_check(const struct cpsd_config *config, struct stir_error *err) STIR_MUST_CHECK;
