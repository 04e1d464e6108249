/* SPDX-License-Identifier: MIT */
#include "cps/store/token_bucket.h"

#include "common/base/siphash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 4096 /* a power of two */

struct node {
    struct node *next;
    int64_t full_us; /* when the bucket will be full again */
    char name[];     /* scope, '\n', name */
};

struct cpsd_buckets {
    pthread_mutex_t lock;
    struct stir_siphash_key key;
    size_t count, max;
    size_t sweep; /* the chain that is cleared next when there is no room */
    struct node *chain[CHAINS];
};

struct cpsd_buckets *cpsd_buckets_new(size_t max)
{
    struct cpsd_buckets *buckets = calloc(1, sizeof(*buckets));
    if (!buckets || stir_siphash_key_new(&buckets->key) < 0) {
        free(buckets);
        return NULL;
    }
    buckets->max = max;
    (void)pthread_mutex_init(&buckets->lock, NULL);
    return buckets;
}

void cpsd_buckets_free(struct cpsd_buckets *buckets)
{
    if (!buckets) {
        return;
    }
    for (size_t i = 0; i < CHAINS; i++) {
        for (struct node *node = buckets->chain[i], *next; node; node = next) {
            next = node->next;
            free(node);
        }
    }
    (void)pthread_mutex_destroy(&buckets->lock);
    free(buckets);
}

/* Drops buckets that are full again. If a whole round finds none, drops all buckets of the next chains. */
static void bucket_make_room(struct cpsd_buckets *buckets, int64_t now_us)
{
    for (size_t turn = 0; turn < 2 * CHAINS && buckets->count >= buckets->max; turn++) {
        struct node **link = &buckets->chain[buckets->sweep++ % CHAINS];
        while (*link) {
            struct node *node = *link;
            if (node->full_us <= now_us || turn >= CHAINS) {
                *link = node->next;
                buckets->count--;
                free(node);
            } else {
                link = &node->next;
            }
        }
    }
}

/* Returns the node of a bucket, made full if it is not there yet; NULL without memory. */
static struct node *bucket_find(struct cpsd_buckets *buckets, const char *scope, const char *name, int64_t now_us)
{
    /* the key: scope, newline, name */
    char text[512];
    size_t scope_len = strnlen(scope, sizeof(text) - CPSD_BUCKET_NAME - 2), name_len = strnlen(name, CPSD_BUCKET_NAME);
    size_t n = scope_len + 1 + name_len;
    memcpy(text, scope, scope_len);
    text[scope_len] = '\n';
    memcpy(text + scope_len + 1, name, name_len);
    text[n] = '\0';
    size_t at = stir_siphash(&buckets->key, text, n) % CHAINS;
    for (struct node *node = buckets->chain[at]; node; node = node->next) {
        if (strcmp(node->name, text) == 0) {
            return node;
        }
    }
    /* a bucket that is not there is full */
    if (buckets->count >= buckets->max) {
        bucket_make_room(buckets, now_us);
    }
    struct node *node = malloc(sizeof(*node) + n + 1);
    if (node) {
        node->full_us = now_us;
        memcpy(node->name, text, n + 1);
        node->next = buckets->chain[at];
        buckets->chain[at] = node;
        buckets->count++;
    }
    return node;
}

static int64_t bucket_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct cpsd_spent cpsd_buckets_spend(struct cpsd_buckets *buckets, const struct cpsd_spend *spend, const char *scope,
                                     int64_t now_us)
{
    struct cpsd_spent spent = {.left = INT64_MAX};
    int64_t full_us[CPSD_BUCKETS_MAX];
    (void)pthread_mutex_lock(&buckets->lock);
    /* first compute what each bucket would be, and whether one has too few tokens */
    for (size_t i = 0; i < spend->count; i++) {
        const struct cpsd_bucket *bucket = &spend->bucket[i];
        const struct node *node = bucket_find(buckets, bucket->name[0] ? "" : scope, bucket->name, now_us);
        int64_t token_us = cpsd_bucket_token_us(bucket), price_us = token_us * bucket->cost;
        int64_t from_us = bucket_later(now_us, node ? node->full_us : 0);
        int64_t credit_us = now_us + token_us * bucket->burst - from_us;
        full_us[i] = from_us + price_us;
        if (credit_us < price_us && price_us - credit_us > spent.wait_us) {
            spent.refused = true;
            spent.which = (unsigned)i + 1;
            spent.wait_us = price_us - credit_us;
        } else if ((credit_us - price_us) / token_us < spent.left) {
            spent.left = (credit_us - price_us) / token_us;
        }
    }
    /* then take from all of them */
    for (size_t i = 0; i < spend->count && !spent.refused; i++) {
        struct node *node = bucket_find(buckets, spend->bucket[i].name[0] ? "" : scope, spend->bucket[i].name, now_us);
        if (node) {
            node->full_us = full_us[i];
        }
    }
    (void)pthread_mutex_unlock(&buckets->lock);
    return spent;
}

void cpsd_buckets_give_back(struct cpsd_buckets *buckets, const struct cpsd_spend *spend, const char *scope,
                            int64_t now_us)
{
    (void)pthread_mutex_lock(&buckets->lock);
    for (size_t i = 0; i < spend->count; i++) {
        const struct cpsd_bucket *bucket = &spend->bucket[i];
        struct node *node = bucket_find(buckets, bucket->name[0] ? "" : scope, bucket->name, now_us);
        if (node) {
            node->full_us = bucket_later(now_us, node->full_us - cpsd_bucket_token_us(bucket) * bucket->cost);
        }
    }
    (void)pthread_mutex_unlock(&buckets->lock);
}

void cpsd_buckets_owe(struct cpsd_buckets *buckets, const struct cpsd_bucket *bucket, int64_t now_us)
{
    int64_t token_us = cpsd_bucket_token_us(bucket);
    int64_t most_us = now_us + token_us * bucket->burst + CPSD_DEBT_US;
    (void)pthread_mutex_lock(&buckets->lock);
    struct node *node = bucket_find(buckets, "", bucket->name, now_us);
    if (node) {
        int64_t full_us = bucket_later(now_us, node->full_us) + token_us * bucket->cost;
        node->full_us = full_us < most_us ? full_us : most_us;
    }
    (void)pthread_mutex_unlock(&buckets->lock);
}
