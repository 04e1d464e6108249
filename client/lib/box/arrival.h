/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/opened.h"
#include "client/lib/context/message.h"

/*
 * Messages that have arrived, and which PASSporTs of a box are evidence about them. A PASSporT is evidence about one
 * message only: the one whose text it has, or at most one other that it fits in everything but the text. Not
 * thread-safe: the boxes' lock guards it.
 */
struct cps_arrival {
    const struct cps_checked *message; /* one destination */
    const char *const *digests;        /* the values of msgi that stand for its text */
    size_t digest_count;               /* 0: it has no body */
    int64_t at_ms;                     /* when it arrived (monotonic) */
    bool announced;                    /* cps_announce was called for it */
    bool explained;                    /* a PASSporT fits it, or is evidence against it; guarded by the boxes' lock */
    struct cps_arrival *next, **link;  /* private: those at one box */
};

struct cps_arrivals {
    struct cps_arrival *first;
};

/* A PASSporT is signed before its message arrives, but the signer's clock may be ahead of ours by this. */
#define CPS_CLOCKS_APART_S 5

/* Adds a message to those at a box, and removes it; removing one that is not there does nothing. */
void cps_arrivals_add(struct cps_arrivals *arrivals, struct cps_arrival *arrival);
void cps_arrivals_remove(struct cps_arrival *arrival);

/* Returns true if a PASSporT is from the message's sender and has its text: its msgi is one of the digests, or there
 * are neither msgi nor digests. */
bool cps_arrival_fits(const struct cps_arrival *arrival, const struct stir_passport *passport);

/* Returns true if the PASSporT has no msgi while the message has a text. */
bool cps_arrival_is_loose(const struct cps_arrival *arrival, const struct stir_passport *passport);

/* Marks an entry as accounted for if it fits one of the messages, and those messages as explained. */
void cps_arrivals_account(struct cps_arrivals *arrivals, struct cps_entry *entry);

/* Returns the number of other messages from the same sender that still wait for their PASSporT, and to which one issued
 * at iat may belong. */
size_t cps_arrivals_count_unexplained(const struct cps_arrivals *arrivals, const struct cps_arrival *arrival,
                                      int64_t iat);

/* Returns true if the envelope was at the CPS before the message arrived here. first_read: the first plain read that
 * came to the end of the box after that. If the CPS does not give an envelope's age, one from that read counts as older
 * if it was signed before the message arrived. iat: of its PASSporT. */
bool cps_arrival_is_after(const struct cps_arrival *arrival, const struct cps_listed *listed, int64_t iat,
                          uint64_t first_read);

/* Returns true if an entry that does not fit may be evidence against the message: it is unused, belongs to no other
 * message, and was at the CPS before the message arrived. */
bool cps_arrival_may_blame(const struct cps_arrival *arrival, const struct cps_entry *entry, uint64_t first_read);

/* Returns the name by which evidence refers to a message; never empty, shorter than STIR_MSGI_MAX. */
const char *cps_arrival_name(const struct cps_arrival *arrival);

/*
 * The last few envelopes of a box that opened but did not hold a readable PASSporT.
 */
#define CPS_BROKEN_MAX 16

struct cps_broken {
    char id[CPS_ID_LEN + 1];
    struct cps_error error;    /* why it is not a PASSporT */
    bool has_orig;             /* its sender could be read, though */
    struct stir_identity orig; /* its sender, not verified */
    char msgi[STIR_MSGI_MAX];  /* its digest, not verified; "": not readable */
    int64_t iat;               /* its time of issue, not verified; 0: not readable */
    struct cps_listed listed;
    char blamed[STIR_MSGI_MAX]; /* as in struct cps_entry */
    int64_t until;              /* of no use after this, by the handle's clock */
};

struct cps_brokens {
    struct cps_broken *items; /* NULL: there were none; freed by the owner */
    size_t count, next;
};

/* Keeps a copy, in the place of the oldest. Without memory it is lost. */
void cps_brokens_add(struct cps_brokens *brokens, const struct cps_broken *broken);

/* Finds one that may be this message's, and makes it evidence against the message. Returns NULL if there is none, or if
 * there are no more than `others`, the number of other messages to which they may belong. */
const struct cps_broken *cps_brokens_blame(struct cps_brokens *brokens, const struct cps_arrival *arrival,
                                           uint64_t first_read, size_t others, int64_t now);
