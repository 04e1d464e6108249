/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/redis_url.h"

/*
 * The servers that a URL names, and how they belong together:
 *
 *     redis://, redis+unix://                               one server (cps/store/redis/wire/redis_url.h)
 *     redis+cluster://[[user]:password@]host[:port],...     a cluster: some of its nodes, through which the others are
 * found redis+sentinel://[[user]:password@]host[:port],.../name[/db] the server that these Sentinels report as the
 * primary called `name`. The password is for the server and for the Sentinels; Sentinels without one are accepted.
 */
#define CPSD_REDIS_SEEDS_MAX 32
#define CPSD_REDIS_SENTINEL_PORT 26379

struct cpsd_redis_place {
    enum {
        CPSD_REDIS_SINGLE,
        CPSD_REDIS_CLUSTER,
        CPSD_REDIS_SENTINEL,
    } kind;
    struct cpsd_redis_address seed[CPSD_REDIS_SEEDS_MAX]; /* the server, or nodes, or Sentinels */
    size_t seeds;
    char name[128]; /* of the primary, for Sentinels */
};

/* Parses a URL. *out is set on success only; free it with cpsd_redis_place_clear. Errors: STIR_E_CONFIG, STIR_E_NOMEM.
 */
enum stir_code cpsd_redis_place_parse(struct cpsd_redis_place *out, const char *url,
                                      struct stir_error *err) STIR_MUST_CHECK;
void cpsd_redis_place_clear(struct cpsd_redis_place *place);

/* Writes a description for log lines; never the password. */
void cpsd_redis_place_name(const struct cpsd_redis_place *place, char *out, size_t size);
