#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Token buckets: each lets through `per_s` requests a second in the long run and `burst` at once (generic cell rate
 * algorithm: a bucket is one moment, the one at which it will be full again). The same arithmetic is in Redis' script
 * (store_redis_script.c) for buckets that several servers share.
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

/* What one request takes from each of several buckets, or from none. */
struct cpsd_spend {
    struct cpsd_bucket bucket[CPSD_BUCKETS_MAX];
    size_t count;
};

struct cpsd_spent {
    bool refused;
    unsigned which;  /* refused: the bucket that lacks most, from 1 */
    int64_t wait_us; /* refused: when it will have enough */
    int64_t left;    /* let through: what the emptiest one still has */
};

struct cpsd_buckets;

/* Buckets in this process, at most `max` of them at a time; those that are full again are forgotten first. NULL: out of
 * memory. Thread-safe. */
struct cpsd_buckets *cpsd_buckets_new(size_t max);
void cpsd_buckets_free(struct cpsd_buckets *buckets);

/* Takes from all buckets, or, if one lacks tokens, from none. `scope` stands for the box in the name of a bucket that
 * has none ("" elsewhere). */
struct cpsd_spent cpsd_buckets_spend(struct cpsd_buckets *buckets, const struct cpsd_spend *spend, const char *scope,
                                     int64_t now_us);

/* Gives back what cpsd_buckets_spend took with the same arguments, where it was let through. No bucket gets fuller than
 * full. */
void cpsd_buckets_give_back(struct cpsd_buckets *buckets, const struct cpsd_spend *spend, const char *scope,
                            int64_t now_us);

/* Takes bucket->cost tokens from a bucket of that name whether it has them or not; it is short of them for at most
 * CPSD_DEBT_US. */
#define CPSD_DEBT_US (INT64_C(3600) * 1000000)
void cpsd_buckets_owe(struct cpsd_buckets *buckets, const struct cpsd_bucket *bucket, int64_t now_us);

/* Time that one token takes to come. */
static inline int64_t cpsd_bucket_token_us(const struct cpsd_bucket *bucket)
{
    return (1000000 + bucket->per_s / 2) / bucket->per_s;
}
