/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Token buckets: each admits `per_s` tokens per second in the long run and `burst` at once (generic cell rate
 * algorithm: the state of a bucket is one time, at which it will be full again). For buckets that several servers
 * share, a Redis script has the same arithmetic (redis/box/lua/part_spend.lua).
 */
#define CPSD_BUCKETS_MAX 4
#define CPSD_BUCKET_NAME 80
#define CPSD_BUCKET_DEST "dest:"

struct cpsd_bucket {
    char name[CPSD_BUCKET_NAME]; /* "spc:1234", "pair:...", "net:192.0.2.1", "dest:12155551212"; "" for the box's own */
    uint32_t per_s;              /* 1 or more */
    uint32_t burst;              /* 1 or more */
    uint32_t cost;               /* tokens, 1 .. burst */
};

/* The buckets from which one request takes tokens, from all of them or from none. */
struct cpsd_spend {
    struct cpsd_bucket bucket[CPSD_BUCKETS_MAX];
    size_t count;
};

struct cpsd_spent {
    bool refused;
    unsigned which;  /* refused: the bucket with the longest wait, from 1 */
    int64_t wait_us; /* refused: the time until it has enough tokens */
    int64_t left;    /* admitted: the tokens of the emptiest bucket */
};

struct cpsd_buckets;

/* Makes a set of at most `max` buckets in this process; buckets that are full again are dropped first. Returns NULL
 * without memory. All functions are thread-safe. */
struct cpsd_buckets *cpsd_buckets_new(size_t max);
void cpsd_buckets_free(struct cpsd_buckets *buckets);

/* Takes tokens from all buckets, or from none if one has too few. `scope` is the box, which names the buckets whose
 * name is empty. */
struct cpsd_spent cpsd_buckets_spend(struct cpsd_buckets *buckets, const struct cpsd_spend *spend, const char *scope,
                                     int64_t now_us);

/* Gives back what an admitted cpsd_buckets_spend with the same arguments took. No bucket exceeds its burst. */
void cpsd_buckets_give_back(struct cpsd_buckets *buckets, const struct cpsd_spend *spend, const char *scope,
                            int64_t now_us);

/* Takes bucket->cost tokens from the bucket of that name even if it has too few. The debt is at most the tokens of
 * CPSD_DEBT_US. */
#define CPSD_DEBT_US (INT64_C(3600) * 1000000)
void cpsd_buckets_owe(struct cpsd_buckets *buckets, const struct cpsd_bucket *bucket, int64_t now_us);

/* Returns the microseconds in which one token is added. */
static inline int64_t cpsd_bucket_token_us(const struct cpsd_bucket *bucket)
{
    return (1000000 + bucket->per_s / 2) / bucket->per_s;
}
