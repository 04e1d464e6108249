#pragma once

#include "cps/store/redis/wire/conn.h"
#include "cps/store/store.h"

/*
 * What runs inside Redis: one script an operation, one key a box or a record, one round trip a request. The layout of a
 * box is described in layout.h.
 *
 * A claim is a second key, and its life in milliseconds the last argument; where it was taken before, the answer is the
 * status CPSD_REDIS_REPLAYED and nothing was done. In a cluster, where the two keys are in different slots, the claim
 * is taken by CPSD_REDIS_ONCE first. Buckets have keys of their own: the one of a box in its slot.
 */
#define CPSD_REDIS_REPLAYED "REPLAYED"

enum cpsd_redis_script {
    /* id, envelope, ttl_ms, box_limit, form, publish, the publisher as in a row, how many of one publisher may be
     * there, "1" for a ring or "0" -> {0 stored, now_us, purged, dropped, left}, {1 known, now_us, 0, 0, left}, or {2
     * full | 4 the publisher has its share | 5 too many are known as taken, now_us, purged, free_us, left}. left: -1 */
    CPSD_REDIS_PUT,
    /* As PUT, after the claim's key one for each bucket, and after all others for each bucket the microseconds that a
     * token takes to come, how many it holds, how many are taken; left: what the emptiest of them still has -> also {3
     * too few tokens, now_us, 0, wait_us, which} */
    CPSD_REDIS_PUT_LIMITED,
    CPSD_REDIS_LIST, /* after_us, count, octets -> {now_us, more, {row, ...}} */
    CPSD_REDIS_GET,  /* id -> {now_us[, row]} */
    /* id, "1" to remember one that is not there or "0", how many that were taken are shown, of how many it is
     * remembered for long -> {1 taken | 0 not there | 2 was taken before, now_us} */
    CPSD_REDIS_REMOVE,
    CPSD_REDIS_ONCE,   /* of a claim: ttl_ms -> {0, now_us} */
    CPSD_REDIS_KEEP,   /* text, ttl_ms, order -> {0 kept | 1 the same | 2 refused, now_us} */
    CPSD_REDIS_LOOK,   /* -> {now_us[, expires_us, text]} */
    CPSD_REDIS_DROP,   /* -> {1 dropped | 0 not there, now_us} */
    CPSD_REDIS_FORGET, /* ids, one after the other -> {0, now_us} */
    CPSD_REDIS_EMPTY,  /* arrived until then or 0 for now, at most N rows -> {now_us, more, the ids} */
    CPSD_REDIS_OWE,    /* of a bucket: microseconds a token, burst, cost, longest debt in microseconds -> {0, now_us} */
    CPSD_REDIS_SCRIPTS,
};

/* The texts, made from the files in lua/ by embed_lua.cmake. */
extern const char *const cpsd_redis_script_texts[CPSD_REDIS_SCRIPTS];

/* Writes a script's name in EVALSHA: the SHA-1 of its text in hexadecimal, with a NUL. */
void cpsd_redis_script_sha(enum cpsd_redis_script script, char out[CPSD_REDIS_SHA_TEXT + 1]);
