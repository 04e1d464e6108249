/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>

/*
 * The address and the credentials of a Redis server, parsed from a URL:
 *
 *     redis://[user[:password]@]host[:port][/db]      (a password alone: redis://:password@host)
 *     redis+unix://[user:password@]/path[?db=n]
 *
 * User, password and path may be percent-encoded. Error texts name the wrong part and
 * never quote the URL, which may hold a password.
 */
#define CPSD_REDIS_PORT 6379

struct cpsd_redis_address {
    bool local;     /* a unix socket */
    char host[256]; /* a name or an address, without brackets */
    unsigned port;
    char path[108]; /* of the unix socket, as sockaddr_un has room for */
    unsigned db;
    char *user;     /* NULL: the default user */
    char *password; /* NULL: no AUTH */
};

/* Parses a URL. *out is set on success only; free it with cpsd_redis_address_clear. Errors: STIR_E_CONFIG,
 * STIR_E_NOMEM. */
enum stir_code cpsd_redis_address_parse(struct cpsd_redis_address *out, const char *url,
                                        struct stir_error *err) STIR_MUST_CHECK;
void cpsd_redis_address_clear(struct cpsd_redis_address *address);

/* Writes "host:port", "[::1]:port" or the path for log lines; never the password. */
void cpsd_redis_address_name(const struct cpsd_redis_address *address, char *out, size_t size);
