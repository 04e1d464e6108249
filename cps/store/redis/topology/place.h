#pragma once

#include "cps/store/redis/wire/redis_url.h"

/*
 * Which servers a URL names, and what they are to each other:
 *
 *     redis://, redis+unix://                               one server (cps/store/redis/wire/redis_url.h)
 *     redis+cluster://[[user]:password@]host[:port],...     a cluster: any of its nodes, by any of which it is found
 *     redis+sentinel://[[user]:password@]host[:port],.../name[/db]
 *                                                           whichever server these Sentinels call the primary of
 * `name`; the password is for both, Sentinels may have none
 */
#define CPSD_REDIS_SEEDS_MAX 32
#define CPSD_REDIS_SENTINEL_PORT 26379

struct cpsd_redis_place {
    enum {
        CPSD_REDIS_SINGLE,
        CPSD_REDIS_CLUSTER,
        CPSD_REDIS_SENTINEL,
    } kind;
    struct cpsd_redis_address seed[CPSD_REDIS_SEEDS_MAX]; /* the server, nodes, Sentinels */
    size_t seeds;
    char name[128]; /* of the primary, for Sentinels */
};

/* STIR_E_CONFIG, STIR_E_NOMEM. *out is filled on success only; clear it with cpsd_redis_place_clear. */
enum stir_code cpsd_redis_place_parse(struct cpsd_redis_place *out, const char *url,
                                      struct stir_error *err) STIR_MUST_CHECK;
void cpsd_redis_place_clear(struct cpsd_redis_place *place);

/* For people; never the password. */
void cpsd_redis_place_name(const struct cpsd_redis_place *place, char *out, size_t size);
