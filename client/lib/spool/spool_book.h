#pragma once

#include "client/lib/spool/spool_retry.h"
#include "client/lib/spool/spool_sqlite.h"
#include "common/base/map.h"

/*
 * What is known of entries and not in the file yet: results that wait to be written down, and, while the file cannot be
 * written, which entries are being published. A full disk stops neither publishing nor knowing what was published. Used
 * by the spool's thread alone; bounded by the number of entries in the file.
 */
struct cps_spool_outcome {
    struct stir_map_node node; /* first: a node is its outcome; by id */
    struct cps_spool_outcome *before, *after;
    enum cps_spool_fate fate; /* once it is known */
    bool under_way;           /* it is not: the entry is being published */
    bool elsewhere;           /* at a CPS that a key record names */
    uint8_t id[CPS_SPOOL_ID];
    int64_t due_ms, loan;
    unsigned tries;
    size_t len;
    char dest[]; /* "": the entry is damaged */
};

struct cps_spool_book {
    struct stir_map map;
    struct cps_spool_outcome *first, *last; /* those whose fate is known, in that order */
    size_t known;                           /* their number */
    size_t published, octets;               /* of these, published ones, and their octets */
};

/* False: out of memory. */
bool cps_spool_book_init(struct cps_spool_book *book);
void cps_spool_book_free(struct cps_spool_book *book);

/* NULL: nothing is known of this entry that the file does not say. */
struct cps_spool_outcome *cps_spool_book_find(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID]);

/* Notes that an entry which was not lent is being published. False: out of memory, or it is already. */
bool cps_spool_book_begin(struct cps_spool_book *book, const struct cps_spool_entry *entry);

/* Notes the fate of an entry. Without memory it is not noted: the entry is tried again, which is harmless. */
void cps_spool_book_note(struct cps_spool_book *book, const struct cps_spool_entry *entry, enum cps_spool_fate fate);

/* Forgets the first `count` of those whose fate is known: they were written down. */
void cps_spool_book_drop(struct cps_spool_book *book, size_t count);

/* Fills `out` with what the file needs of an outcome. */
void cps_spool_outcome_entry(struct cps_spool_entry *out, const struct cps_spool_outcome *outcome);

/* Whether an entry that is in the file, and due there, may be tried now. */
bool cps_spool_book_allows(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID], int64_t now_ms);
