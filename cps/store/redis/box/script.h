/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/conn.h"
#include "cps/store/store.h"

/*
 * What runs inside Redis: one script per operation, one key per box or record, one round trip per request. layout.h
 * describes the layout of a box.
 *
 * An operation with a claim has the claim's key as its second key, and the lifetime of the claim in milliseconds as its
 * last argument. If the claim was taken before, the answer is the status CPSD_REDIS_REPLAYED and nothing was done. In a
 * cluster the two keys are in different slots, so the claim is taken by CPSD_REDIS_ONCE first. Each token bucket has a
 * key of its own; the bucket of a box is in the slot of the box.
 */
#define CPSD_REDIS_REPLAYED "REPLAYED"

/* Arguments -> answer of each script. */
enum cpsd_redis_script {
    /* id, envelope, ttl_ms, box_limit, form, publish, the publisher as in a row, the share of one publisher, "1"
     * for a ring or "0" -> {0 stored, now_us, purged, dropped, left}, {1 known, now_us, 0, 0, left}, or {2
     * full | 4 the publisher has its share | 5 too many taken ones are remembered, now_us, purged, free_us, left}.
     * known: it is there, or remembered as taken. free_us: when room is likely. left: -1 */
    CPSD_REDIS_PUT,
    /* As PUT. One key for each bucket follows the claim's key; for each bucket, the microseconds per token, the burst
     * and the cost follow the arguments. left: the tokens of the emptiest bucket. Also -> {3 too few tokens, now_us, 0,
     * wait_us, which bucket} */
    CPSD_REDIS_PUT_LIMITED,
    CPSD_REDIS_LIST, /* after_us, count, octets -> {now_us, more, {row, ...}} */
    CPSD_REDIS_GET,  /* id -> {now_us[, row]} */
    /* id, "1" to remember an id that is not there or "0", the number of taken ones that are shown, the number that are
     * remembered to their expiry -> {1 taken | 0 not there | 2 was taken before, now_us} */
    CPSD_REDIS_REMOVE,
    CPSD_REDIS_ONCE,   /* of a claim: ttl_ms -> {0, now_us} */
    CPSD_REDIS_KEEP,   /* text, ttl_ms, order -> {0 kept | 1 the same | 2 refused, now_us} */
    CPSD_REDIS_LOOK,   /* -> {now_us[, expires_us, text]} */
    CPSD_REDIS_DROP,   /* -> {1 dropped | 0 not there, now_us} */
    CPSD_REDIS_FORGET, /* ids, concatenated -> {0, now_us} */
    CPSD_REDIS_EMPTY,  /* the latest arrival or 0 for now, the largest number of rows -> {now_us, more, ids} */
    CPSD_REDIS_OWE, /* of a bucket: microseconds per token, burst, cost, longest debt in microseconds -> {0, now_us} */
    CPSD_REDIS_SCRIPTS,
};

/* The texts, made from the files in lua/ by embed_lua.cmake. */
extern const char *const cpsd_redis_script_texts[CPSD_REDIS_SCRIPTS];

/* Writes a script's name in EVALSHA: the SHA-1 of its text in hexadecimal, with a NUL. */
void cpsd_redis_script_sha(enum cpsd_redis_script script, char out[CPSD_REDIS_SHA_TEXT + 1]);
