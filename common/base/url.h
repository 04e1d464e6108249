/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"

#include <stdint.h>

/*
 * The only URLs that the programs connect to: https://host[:port][/path], printable ASCII, no userinfo, query or
 * fragment. The allowed characters are so few that no two readers can disagree about the host. Thread-safe.
 */
#define STIR_URL_MAX 1024

struct stir_url {
    struct stir_view host; /* as written, an IPv6 literal with its brackets */
    uint16_t port;         /* 443 where none is written */
    struct stir_view path; /* "" or from '/' on */
};

/* Splits a URL into views of it. `code` is what a failure is (STIR_E_X5U, STIR_E_CONFIG). *out is untouched then. */
enum stir_code stir_url_parse(struct stir_url *out, const char *url, size_t n, enum stir_code code,
                              struct stir_error *err) STIR_MUST_CHECK;
