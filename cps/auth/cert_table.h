/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/siphash.h"
#include "cps/auth/cert_cache.h"

/* The entries of the certificate cache: a hash table, and two lists by last use. Private to cps/auth/cert_*.c, under
 * the lock of the cache. */
enum cpsd_cert_state {
    CPSD_CERT_FETCHING, /* stays until the fetch has ended */
    CPSD_CERT_READY,    /* has a chain */
    CPSD_CERT_BAD,      /* has an error */
};

enum cpsd_cert_list {
    CPSD_CERT_OTHERS,
    CPSD_CERT_GOOD, /* chains that were verified, and with which a signature has verified */
    CPSD_CERT_LISTS,
};

#define CPSD_CERT_ID 32      /* SHA-256 */
#define CPSD_CERT_OF_CHAIN 4 /* entries of one chain in CPSD_CERT_GOOD */

struct cpsd_cert_entry {
    struct cpsd_cert_entry *next, **link; /* of equal hash */
    struct cpsd_cert_entry *newer, *older;
    enum cpsd_cert_list list;
    enum cpsd_cert_state state;
    struct stir_chain *chain;
    int64_t until;      /* when it is out of date, seconds since the epoch */
    uint64_t once_from; /* not 0: the answer must not be kept, so only requests from before this moment get it */
    int64_t fetched_at; /* when the chain came */
    int64_t asked;      /* when the URL was fetched last, seconds since the epoch */
    bool renewing;      /* READY, and being fetched again */
    bool from_dir;
    uint64_t generation;                       /* of the trust by which `error` is a verdict; 0: no verdict */
    int64_t judged_until;                      /* when the verdict is out of date, seconds since the epoch */
    struct stir_error error;                   /* READY: the verdict; BAD: why */
    struct stir_chain_used used;               /* the certificates that lead to the root, after a good verdict */
    uint8_t id[CPSD_CERT_ID];                  /* SHA-256 of these certificates */
    struct cpsd_cert_entry *same, **same_link; /* GOOD: of equal hash of id */
    uint8_t (*texts)[32];                      /* x5c: SHA-256 of each certificate's text */
    size_t text_count;
    struct stir_error renewal; /* why the last attempt to fetch the chain again failed */
    struct cpsd_cert_wait *waits;
    size_t key_len;
    /* One of: a URL; '@' and the digest of a chain and an index, for the chain with the TNAuthList of that certificate;
     * '?' and the digest of an x5c; '#' and the digest of its leaf's text (see cert_x5c.c). */
    char key[];
};

struct cpsd_cert_table {
    struct stir_siphash_key secret;
    struct cpsd_cert_entry **buckets;
    struct cpsd_cert_entry **by_id; /* the good ones */
    size_t mask;
    size_t limit; /* of each list */
    size_t count[CPSD_CERT_LISTS];
    struct cpsd_cert_entry *newest[CPSD_CERT_LISTS], *oldest[CPSD_CERT_LISTS];
};

/* Returns true while a fetch is in progress that ends in this entry: the entry must stay. */
static inline bool cpsd_cert_entry_is_awaited(const struct cpsd_cert_entry *entry)
{
    return entry->state == CPSD_CERT_FETCHING || entry->renewing;
}

bool cpsd_cert_table_init(struct cpsd_cert_table *table, size_t limit); /* false: out of memory */
void cpsd_cert_table_clear(struct cpsd_cert_table *table);

/* Returns the entry with this key, which becomes the newest of its list, or NULL. */
struct cpsd_cert_entry *cpsd_cert_table_find(struct cpsd_cert_table *table, const void *key, size_t n);

/* Adds an entry to CPSD_CERT_OTHERS, BAD and out of date; the oldest makes room. Returns NULL without memory. */
struct cpsd_cert_entry *cpsd_cert_table_add(struct cpsd_cert_table *table, const void *key, size_t n);

/* Moves an entry to a list, as its newest; the oldest makes room. One chain has at most CPSD_CERT_OF_CHAIN entries in
 * CPSD_CERT_GOOD; the least recently used one is moved to CPSD_CERT_OTHERS. */
void cpsd_cert_table_move(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry, enum cpsd_cert_list list);

/* Sets the entry's id. */
void cpsd_cert_table_identify(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry,
                              const uint8_t id[CPSD_CERT_ID]);
void cpsd_cert_table_drop(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry);

/* A directory that was read: chains and TNAuthLists by file name. Immutable. */
struct cpsd_cert_dir {
    struct cpsd_cert_file {
        char *name;
        struct stir_chain *chain; /* NULL: the file is a TNAuthList */
        struct stir_buf list;     /* its DER */
    } * files;                    /* sorted by name */
    size_t count;
};
enum stir_code cpsd_cert_dir_read(struct cpsd_cert_dir *out, const char *path, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_cert_dir_clear(struct cpsd_cert_dir *dir);

/* Returns the file for a URL, or NULL. */
const struct cpsd_cert_file *cpsd_cert_dir_find(const struct cpsd_cert_dir *dir, const char *url);
