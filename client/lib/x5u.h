#pragma once

#include "client/lib/handle.h"
#include "common/buf.h"

/* The industry's rules for the URL of a certificate, and the directory that stands in for the network. */

/* CPS_E_X5U: not https, a port that is not allowed, userinfo, query, fragment. */
enum cps_code cps_x5u_check(const struct cps_options *options, const char *url, struct cps_error *err) STIR_MUST_CHECK;

/* Reads what the directory has for a URL that was checked. CPS_E_X5U_FETCH. */
enum cps_code cps_x5u_read_dir(struct stir_buf *out, const char *dir, const char *url,
                               struct cps_error *err) STIR_MUST_CHECK;
