#pragma once

#include "common/base/siphash.h"
#include "cps/auth/cert_cache.h"

/* The cache's entries: a hash table, and two lists by last use. Private to cps/certs*.c, under their lock. */
enum cpsd_cert_state {
    CPSD_CERT_FETCHING, /* stays until the fetch has ended */
    CPSD_CERT_READY,    /* has a chain */
    CPSD_CERT_BAD,      /* has an error */
};

enum cpsd_cert_list {
    CPSD_CERT_OTHERS,
    CPSD_CERT_GOOD, /* chains that were verified, and a signature with each */
    CPSD_CERT_LISTS,
};

#define CPSD_CERT_ID 32      /* SHA-256 */
#define CPSD_CERT_OF_CHAIN 4 /* entries of one chain among the good ones */

struct cpsd_cert_entry {
    struct cpsd_cert_entry *next, **link; /* of equal hash */
    struct cpsd_cert_entry *newer, *older;
    enum cpsd_cert_list list;
    enum cpsd_cert_state state;
    struct stir_chain *chain;
    int64_t until;      /* it is good, in seconds since the epoch */
    uint64_t once_from; /* 0, or the answer may not be kept: only requests that were here before this moment get it */
    int64_t fetched_at; /* when the chain came */
    int64_t asked;      /* when the URL was asked last, in seconds since the epoch */
    bool renewing;      /* READY, and being fetched again */
    bool from_dir;
    uint64_t generation;                       /* of the trust material that `error` is a verdict by; 0: none */
    int64_t judged_until;                      /* the verdict is good */
    struct stir_error error;                   /* READY: the verdict; BAD: why */
    struct stir_chain_used used;               /* by the verdict, if that is good */
    uint8_t id[CPSD_CERT_ID];                  /* of these certificates */
    struct cpsd_cert_entry *same, **same_link; /* GOOD: of equal hash of id */
    uint8_t (*texts)[32];                      /* x5c: SHA-256 of each certificate's text */
    size_t text_count;
    struct stir_error renewal; /* why the chain could not be fetched again, the last time */
    struct cpsd_cert_wait *waits;
    size_t key_len;
    /* A URL; '@' and the digest of a chain and one of its places: with the TNAuthList of that one; '?' and the digest
     * of an x5c, '#' and that of its leaf's text: see certs_x5c.c. */
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

/* True while a fetch is under way that ends in this entry: the entry must stay. */
static inline bool cpsd_cert_entry_is_awaited(const struct cpsd_cert_entry *entry)
{
    return entry->state == CPSD_CERT_FETCHING || entry->renewing;
}

bool cpsd_cert_table_init(struct cpsd_cert_table *table, size_t limit); /* false: out of memory */
void cpsd_cert_table_clear(struct cpsd_cert_table *table);

/* The entry, which becomes the newest of its list; NULL. */
struct cpsd_cert_entry *cpsd_cert_table_find(struct cpsd_cert_table *table, const void *key, size_t n);

/* A new one among the others, BAD, until 0; the oldest makes room for it. NULL: out of memory. */
struct cpsd_cert_entry *cpsd_cert_table_add(struct cpsd_cert_table *table, const void *key, size_t n);

/* To a list, as its newest; the oldest makes room. Of one chain there are at most CPSD_CERT_OF_CHAIN among the good
 * ones: the one that was used least recently goes to the others. */
void cpsd_cert_table_move(struct cpsd_cert_table *table, struct cpsd_cert_entry *entry, enum cpsd_cert_list list);

/* Sets what the entry's chain is known by. */
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

/* The file for a URL; NULL. */
const struct cpsd_cert_file *cpsd_cert_dir_find(const struct cpsd_cert_dir *dir, const char *url);
