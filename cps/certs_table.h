#pragma once

#include "common/siphash.h"
#include "cps/certs.h"

/* The cache's entries: a hash table, and two lists by last use. Private to cps/certs*.c, under their lock. */
enum cpsd_certs_state {
    CPSD_CERTS_FETCHING, /* stays until the fetch has ended */
    CPSD_CERTS_READY,    /* has a chain */
    CPSD_CERTS_BAD,      /* has an error */
};

enum cpsd_certs_list {
    CPSD_CERTS_OTHERS,
    CPSD_CERTS_GOOD, /* chains that were verified */
    CPSD_CERTS_LISTS,
};

struct cpsd_certs_entry {
    struct cpsd_certs_entry *next, **link; /* of equal hash */
    struct cpsd_certs_entry *newer, *older;
    enum cpsd_certs_list list;
    enum cpsd_certs_state state;
    struct stir_chain *chain;
    int64_t until;      /* it is good, in seconds since the epoch */
    int64_t fetched_at; /* when the chain came */
    bool from_dir;
    uint64_t generation;     /* of the trust material that `error` is a verdict by; 0: none */
    int64_t judged_until;    /* the verdict is good */
    struct stir_error error; /* READY: the verdict; BAD: why */
    struct cpsd_certs_wait *waits;
    size_t key_len;
    char key[]; /* a URL; or '#' and a digest, which no URL begins with */
};

struct cpsd_certs_table {
    struct stir_siphash_key secret;
    struct cpsd_certs_entry **buckets;
    size_t mask;
    size_t limit; /* of each list */
    size_t count[CPSD_CERTS_LISTS];
    struct cpsd_certs_entry *newest[CPSD_CERTS_LISTS], *oldest[CPSD_CERTS_LISTS];
};

bool cpsd_certs_table_init(struct cpsd_certs_table *table, size_t limit); /* false: out of memory */
void cpsd_certs_table_clear(struct cpsd_certs_table *table);

/* The entry, which becomes the newest of its list; NULL. */
struct cpsd_certs_entry *cpsd_certs_table_find(struct cpsd_certs_table *table, const void *key, size_t n);

/* A new one among the others, BAD, until 0; the oldest makes room for it. NULL: out of memory. */
struct cpsd_certs_entry *cpsd_certs_table_add(struct cpsd_certs_table *table, const void *key, size_t n);

/* To a list, as its newest; the oldest makes room. */
void cpsd_certs_table_move(struct cpsd_certs_table *table, struct cpsd_certs_entry *entry, enum cpsd_certs_list list);
void cpsd_certs_table_drop(struct cpsd_certs_table *table, struct cpsd_certs_entry *entry);

/* A directory that was read: chains by file name. Immutable. */
struct cpsd_certs_dir {
    struct cpsd_certs_file {
        char *name;
        struct stir_chain *chain;
    } * files; /* sorted by name */
    size_t count;
};
enum stir_code cpsd_certs_dir_read(struct cpsd_certs_dir *out, const char *path,
                                   struct stir_error *err) STIR_MUST_CHECK;
void cpsd_certs_dir_clear(struct cpsd_certs_dir *dir);

/* The chain for a URL, borrowed; NULL. */
struct stir_chain *cpsd_certs_dir_find(const struct cpsd_certs_dir *dir, const char *url);
