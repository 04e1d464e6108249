#pragma once

#include "common/base/error.h"

#include <stdbool.h>

/*
 * Where Redis is and who we are there, from a URL:
 *
 *     redis://[user[:password]@]host[:port][/db]      (a password alone: redis://:password@host)
 *     redis+unix://[user:password@]/path[?db=n]
 *
 * User, password and path may be percent-encoded. Errors name the part that is wrong and never quote the URL.
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

/* STIR_E_CONFIG, STIR_E_NOMEM. *out is filled on success only; clear it with cpsd_redis_address_clear. */
enum stir_code cpsd_redis_address_parse(struct cpsd_redis_address *out, const char *url,
                                        struct stir_error *err) STIR_MUST_CHECK;
void cpsd_redis_address_clear(struct cpsd_redis_address *address);

/* "host:port", "[::1]:port" or the path, for people; never the password. */
void cpsd_redis_address_name(const struct cpsd_redis_address *address, char *out, size_t size);
