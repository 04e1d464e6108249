#pragma once

/*
 * What runs inside Redis: one script an operation, one key a box or a record, one round trip a request. The layout of a
 * box is described beside the scripts.
 *
 * A claim is a second key, and its life in milliseconds the last argument; where it was taken before, the answer is the
 * status CPSD_REDIS_REPLAYED and nothing was done. Buckets have keys of their own: the one of a box in its slot.
 */
#define CPSD_REDIS_REPLAYED "REPLAYED"

enum cpsd_redis_script {
    CPSD_REDIS_PUT, /* id, envelope, ttl_ms, box_limit, form, publish -> {0 stored | 1 known | 2 full, now_us, purged[,
                     * free_us]}
                     */
    /* As PUT, behind the claim's key one for each bucket, and behind publish for each the microseconds that a token
     * takes to come, how many it holds, how many are taken -> {0 | 1 | 2 as above, now_us, purged, free_us or 0, left}
     * or {3 too few tokens, now_us, 0, wait_us, which} */
    CPSD_REDIS_PUT_LIMITED,
    CPSD_REDIS_LIST,   /* after_us, count, octets -> {now_us, more, {row, ...}} */
    CPSD_REDIS_GET,    /* id -> {now_us[, row]} */
    CPSD_REDIS_REMOVE, /* id -> {1 taken | 0 not there, now_us} */
    CPSD_REDIS_ONCE,   /* -> {0, now_us} */
    CPSD_REDIS_KEEP,   /* text, ttl_ms, order -> {0 kept | 1 the same | 2 refused, now_us} */
    CPSD_REDIS_LOOK,   /* -> {now_us[, expires_us, text]} */
    CPSD_REDIS_DROP,   /* -> {1 dropped | 0 not there, now_us} */
    CPSD_REDIS_OWE,    /* of a bucket: microseconds a token, burst, cost, longest debt in microseconds -> {0, now_us} */
    CPSD_REDIS_SCRIPTS,
};

/* A row: arrival_us and expires_us in so many octets each, most significant first, the id, the form, then the envelope:
 * as it came, or packed (common/jwe_pack.h), which takes a third less of Redis' memory. */
#define CPSD_REDIS_TIME_OCTETS 7
#define CPSD_REDIS_ROW_HEAD (2 * CPSD_REDIS_TIME_OCTETS + 16 + 1)
#define CPSD_REDIS_PLAIN 'E'
#define CPSD_REDIS_PACKED 'P'

const char *cpsd_redis_script_text(enum cpsd_redis_script script);

/* A script's name in EVALSHA: the SHA-1 of its text. */
#define CPSD_REDIS_SHA_TEXT 40
void cpsd_redis_script_sha(enum cpsd_redis_script script, char out[CPSD_REDIS_SHA_TEXT + 1]);
