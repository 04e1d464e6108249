/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/spool/spool_retry.h"
#include "client/lib/spool/spool_sqlite.h"
#include "common/base/map.h"

/*
 * What is known about entries but not in the file yet: results that have to be written, and, while the file cannot be
 * written, which entries are being published. So a full disk stops neither publishing nor remembering what was
 * published. Used by the spool's thread only; limited by the number of entries in the file.
 */
struct cps_spool_outcome {
    struct stir_map_node node; /* first: a node is its outcome; by id */
    struct cps_spool_outcome *before, *after;
    enum cps_spool_fate fate; /* the result, unless under_way */
    bool under_way;           /* the entry is being published */
    bool elsewhere;           /* it goes to a CPS that a key record names */
    uint8_t id[CPS_SPOOL_ID];
    int64_t due_ms, loan;
    unsigned tries;
    size_t len;
    char dest[]; /* "": the entry is damaged */
};

struct cps_spool_book {
    struct stir_map map;
    struct cps_spool_outcome *first, *last; /* outcomes whose fate is known, in the order in which it became known */
    size_t known;                           /* number of these */
    size_t published, octets;               /* number of published ones among these, and their octets */
};

/* Makes an empty book. Returns false if out of memory. */
bool cps_spool_book_init(struct cps_spool_book *book);
void cps_spool_book_free(struct cps_spool_book *book);

/* Returns what is known about an entry beyond the file; NULL: nothing. */
struct cps_spool_outcome *cps_spool_book_find(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID]);

/* Notes that an entry without a loan is being published. Returns false if it is already, or if out of memory. */
bool cps_spool_book_begin(struct cps_spool_book *book, const struct cps_spool_entry *entry);

/* Notes the fate of an entry. Without memory it is lost, and the entry is tried again, which is harmless. */
void cps_spool_book_note(struct cps_spool_book *book, const struct cps_spool_entry *entry, enum cps_spool_fate fate);

/* Forgets the first `count` outcomes whose fate is known, after they were written to the file. */
void cps_spool_book_drop(struct cps_spool_book *book, size_t count);

/* Fills `out` with what is written to the file. */
void cps_spool_outcome_entry(struct cps_spool_entry *out, const struct cps_spool_outcome *outcome);

/* Returns true if an entry that is due according to the file may be tried now. */
bool cps_spool_book_allows(const struct cps_spool_book *book, const uint8_t id[CPS_SPOOL_ID], int64_t now_ms);
