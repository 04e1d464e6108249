/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/place.h"

#include "common/base/buf.h"
#include "common/base/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX 16384

void cpsd_redis_place_clear(struct cpsd_redis_place *place)
{
    for (size_t i = 0; i < place->seeds; i++) {
        cpsd_redis_address_clear(&place->seed[i]);
    }
    *place = (struct cpsd_redis_place){0};
}

void cpsd_redis_place_name(const struct cpsd_redis_place *place, char *out, size_t size)
{
    char where[300];
    cpsd_redis_address_name(&place->seed[0], where, sizeof(where));
    switch (place->kind) {
    case CPSD_REDIS_SINGLE:
        (void)snprintf(out, size, "Redis at %s, database %u", where, place->seed[0].db);
        break;
    case CPSD_REDIS_CLUSTER:
        (void)snprintf(out, size, "the Redis cluster around %s", where);
        break;
    case CPSD_REDIS_SENTINEL:
        (void)snprintf(out, size, "the Redis primary %s of the Sentinel at %s, database %u", place->name, where,
                       place->seed[0].db);
        break;
    }
}

/* Parses one host of the list, as the URL of a single server. */
static enum stir_code place_parse_seed(struct cpsd_redis_address *out, struct stir_view info, struct stir_view host,
                                       unsigned port, struct stir_error *err)
{
    struct stir_buf url = {.limit = URL_MAX};
    stir_buf_puts(&url, "redis://");
    stir_buf_put(&url, info.ptr, info.len);
    stir_buf_put(&url, host.ptr, host.len);
    /* add the default port unless a colon outside of brackets shows that there is one */
    const char *bracket = host.len ? memrchr(host.ptr, ']', host.len) : NULL;
    size_t from = bracket ? (size_t)(bracket - host.ptr) : 0;
    if (host.len && !memchr(host.ptr + from, ':', host.len - from)) {
        stir_buf_printf(&url, ":%u", port);
    }
    enum stir_code code = stir_buf_state(&url);
    code = code ? stir_fail(err, code, "the store's URL: a host name is too long") : STIR_OK;
    if (code == STIR_OK) {
        code = cpsd_redis_address_parse(out, url.ptr, err);
    }
    stir_buf_cleanse(&url);
    return code;
}

static enum stir_code place_parse_seeds(struct cpsd_redis_place *out, struct stir_view list, unsigned port,
                                        struct stir_error *err)
{
    const char *at = list.len ? memrchr(list.ptr, '@', list.len) : NULL;
    struct stir_view info = at ? stir_view(list.ptr, (size_t)(at + 1 - list.ptr)) : stir_view("", 0);
    const char *host = list.ptr + info.len, *end = list.ptr + list.len;
    /* user and password stand once, before the first host, and count for all of them */
    for (;;) {
        const char *comma = memchr(host, ',', (size_t)(end - host));
        struct stir_view one = stir_view(host, (size_t)((comma ? comma : end) - host));
        if (out->seeds == CPSD_REDIS_SEEDS_MAX) {
            return stir_fail(err, STIR_E_CONFIG,
                             "the store's URL: more than %d hosts; a few are enough to find the others",
                             CPSD_REDIS_SEEDS_MAX);
        }
        enum stir_code code = place_parse_seed(&out->seed[out->seeds], info, one, port, err);
        if (code) {
            return code;
        }
        out->seeds++;
        if (!comma) {
            return STIR_OK;
        }
        host = comma + 1;
    }
}

/* Parses the text after the Sentinels: name, or name/db. */
static enum stir_code place_parse_name(struct cpsd_redis_place *out, struct stir_view path, struct stir_error *err)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const char *slash = path.len ? memchr(path.ptr, '/', path.len) : NULL;
    size_t n = slash ? (size_t)(slash - path.ptr) : path.len;
    if (n == 0 || n >= sizeof(out->name)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "the store's URL must end in /NAME, the name of the Sentinel primary, of at most %zu octets",
                         sizeof(out->name) - 1);
    }
    memcpy(out->name, path.ptr, n);
    out->name[n] = '\0';
    if (strspn(out->name, good) != n) {
        return stir_fail(
            err, STIR_E_CONFIG,
            "the store's URL: the name of the Sentinel primary has a character other than letters, digits and .-_");
    }
    /* the database is the primary's; Sentinels have none */
    char *end = NULL;
    unsigned long db = slash ? strtoul(slash + 1, &end, 10) : 0;
    if (slash && (slash[1] < '0' || slash[1] > '9' || *end || db > 65535)) {
        return stir_fail(
            err, STIR_E_CONFIG,
            "the store's URL: the text after the name of the Sentinel primary is not a database number (0 to 65535)");
    }
    for (size_t i = 0; i < out->seeds; i++) {
        out->seed[i].db = (unsigned)db;
    }
    return STIR_OK;
}

static enum stir_code place_parse_many(struct cpsd_redis_place *out, struct stir_view rest, struct stir_error *err)
{
    bool sentinel = out->kind == CPSD_REDIS_SENTINEL;
    const char *slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
    struct stir_view list = stir_view(rest.ptr, slash ? (size_t)(slash - rest.ptr) : rest.len);
    enum stir_code code = place_parse_seeds(out, list, sentinel ? CPSD_REDIS_SENTINEL_PORT : CPSD_REDIS_PORT, err);
    struct stir_view path = slash ? stir_view(slash + 1, rest.len - list.len - 1) : stir_view("", 0);
    if (code == STIR_OK && sentinel) {
        code = place_parse_name(out, path, err);
    } else if (code == STIR_OK && path.len) {
        code = stir_fail(err, STIR_E_CONFIG,
                         "the store's URL: unexpected text after the hosts; a cluster has no databases");
    }
    return code;
}

enum stir_code cpsd_redis_place_parse(struct cpsd_redis_place *out, const char *url, struct stir_error *err)
{
    static const char cluster[] = "redis+cluster://", sentinel[] = "redis+sentinel://";
    struct cpsd_redis_place place = {.kind = CPSD_REDIS_SINGLE};
    enum stir_code code;
    if (strncmp(url, "redis+cluster:", 14) == 0 || strncmp(url, "redis+sentinel:", 15) == 0) {
        bool is_cluster = url[6] == 'c';
        size_t n = is_cluster ? sizeof(cluster) - 1 : sizeof(sentinel) - 1;
        place.kind = is_cluster ? CPSD_REDIS_CLUSTER : CPSD_REDIS_SENTINEL;
        if (strncmp(url, is_cluster ? cluster : sentinel, n) != 0) {
            return stir_fail(err, STIR_E_CONFIG, "the store's URL: write two slashes after the scheme");
        }
        code = place_parse_many(&place, stir_view_str(url + n), err);
    } else {
        code = cpsd_redis_address_parse(&place.seed[0], url, err);
        place.seeds = code == STIR_OK;
    }
    if (code) {
        cpsd_redis_place_clear(&place);
        return code;
    }
    *out = place;
    return STIR_OK;
}
