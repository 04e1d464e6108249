#pragma once

#include "client/lib/errors.h"
#include "common/view.h"

#include <stdint.h>

/*
 * The only URLs that libcps connects to: https://host[:port][/path], printable ASCII, no userinfo, query or fragment.
 * The characters are so few that no two readers can disagree on what the host is.
 */
#define CPS_URL_MAX 1024

struct cps_url {
    struct stir_view host; /* as written, an IPv6 literal with its brackets */
    uint16_t port;         /* 443 where none is written */
    struct stir_view path; /* "" or from '/' on */
};

/* Splits a URL into views of it. `code` is what a failure is (CPS_E_X5U, CPS_E_CONFIG). */
enum cps_code cps_url_parse(struct cps_url *out, const char *url, size_t n, enum cps_code code,
                            struct cps_error *err) STIR_MUST_CHECK;
