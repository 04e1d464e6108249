#pragma once

#include "common/log.h"
#include "cps/fetch.h"
#include "cps/trusted.h"

/*
 * Revocation lists that are fetched ([trust] crl_urls): at start, every crl_refresh_s, and again after a minute where
 * that failed. The last good text of each stays in use until a newer good one is there; a list that grows stale
 * meanwhile is treated as crl_policy says. Main thread only.
 */
#define CPSD_CRL_URLS_MAX 16

struct cpsd_crls;

/* Called when a list came that differs from the one in use: builds the trust anew with cpsd_crls_texts and puts it into
 * use. If it fails, the text is thrown away and err is logged. */
typedef enum stir_code cpsd_crls_changed(void *arg, struct stir_error *err);

/* Nothing is fetched before cpsd_crls_use. log is read at each use. STIR_E_NOMEM. */
enum stir_code cpsd_crls_new(struct cpsd_crls **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                             const struct stir_log *log, cpsd_crls_changed *changed, void *arg,
                             struct stir_error *err) STIR_MUST_CHECK;

/* This configuration's URLs from now on; texts of those that stay are kept. New ones are fetched soon. STIR_E_NOMEM:
 * nothing is changed. */
enum stir_code cpsd_crls_use(struct cpsd_crls *crls, const struct cpsd_config *config,
                             struct stir_error *err) STIR_MUST_CHECK;

/* The texts that are there for the URLs of a configuration; valid until the loop goes on. Returns how many. crls may be
 * NULL. */
size_t cpsd_crls_texts(const struct cpsd_crls *crls, const struct cpsd_config *config,
                       struct cpsd_crl_text out[CPSD_CRL_URLS_MAX]);

/* Ends what is under way and closes the handles, so that the loop can end. */
void cpsd_crls_stop(struct cpsd_crls *crls);

/* After the loop has ended. NULL is fine. */
void cpsd_crls_free(struct cpsd_crls *crls);

/* Each URL is https and there are not too many. STIR_E_CONFIG. */
enum stir_code cpsd_crls_check(const struct cpsd_config *config, struct stir_error *err) STIR_MUST_CHECK;
