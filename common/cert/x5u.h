/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The industry's rules for the URL of a certificate (ATIS-1000074, ATIS-1000080), and the directory that replaces the
 * network. The address of the host is checked when connecting: common/net/public_address.h. Thread-safe.
 */
struct stir_x5u_rules {
    const uint16_t *ports;
    size_t port_count;        /* 0: 443 and 8443 */
    const char *const *hosts; /* "cert.example.org", or "*.example.org" for the names below that one */
    size_t host_count;        /* 0: any */
};

/* True for an https URL with a host, without white space or controls, of at most 2048 octets: what may stand in x5u.
 * stir_x5u_check adds the rules for URLs that are fetched (port, userinfo, address). */
bool stir_x5u_is_https(const char *url);

/* STIR_E_X5U: not https, a port or a host that is not allowed, userinfo, query, fragment. */
enum stir_code stir_x5u_check(const struct stir_x5u_rules *rules, const char *url,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Reads what the directory has for a URL that was checked: the file named by the SHA-256 of the URL in hexadecimal and
 * ".pem", or else by the last segment of its path. At most STIR_CHAIN_FILE_OCTETS. STIR_E_X5U_FETCH, STIR_E_NOMEM. */
enum stir_code stir_x5u_read_dir(struct stir_buf *out, const char *dir, const char *url,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* The names that a URL's file has in such a directory. False: SHA-256 failed; the last segment is no harmless name. */
#define STIR_X5U_HASHED_NAME 69 /* 64 digits, ".pem" and a NUL */
bool stir_x5u_hashed_name(char out[STIR_X5U_HASHED_NAME], const char *url);
bool stir_x5u_plain_name(char *out, size_t cap, const char *url);
