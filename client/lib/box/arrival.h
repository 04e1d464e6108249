#pragma once

#include "client/lib/box/opened.h"
#include "client/lib/context/message.h"

/*
 * Messages that have arrived, and which PASSporTs of a box say something about them. A PASSporT is evidence about one
 * message only: the one whose text it has, or else at most one that it fits in all but the text. Not thread-safe: the
 * boxes' lock is over it.
 */
struct cps_arrival {
    const struct cps_checked *message; /* one destination */
    const char *const *digests;        /* what a PASSporT with its text may have as msgi */
    size_t digest_count;               /* 0: it has no body */
    int64_t at_ms;                     /* when it arrived (monotonic) */
    bool announced;                    /* cps_announce was called for it */
    bool explained;                    /* a PASSporT fits it, or was blamed on it; guarded by the boxes' lock */
    struct cps_arrival *next, **link;  /* private: those at one box */
};

struct cps_arrivals {
    struct cps_arrival *first;
};

/* A PASSporT is signed before its message arrives; the clocks of signer and verifier may be apart by this. */
#define CPS_CLOCKS_APART_S 5

void cps_arrivals_add(struct cps_arrivals *arrivals, struct cps_arrival *arrival);
void cps_arrivals_remove(struct cps_arrival *arrival); /* not being there is fine */

/* True if a PASSporT is from the message's sender, and its text is the message's: its msgi is one of the digests, or
 * neither has one. */
bool cps_arrival_fits(const struct cps_arrival *arrival, const struct stir_passport *passport);

/* True if the PASSporT says nothing of a text while the message has one. */
bool cps_arrival_is_loose(const struct cps_arrival *arrival, const struct stir_passport *passport);

/* Marks an entry as accounted for if it fits one of the messages, and these as explained. */
void cps_arrivals_account(struct cps_arrivals *arrivals, struct cps_entry *entry);

/* Returns how many messages from the same sender beside this one are waiting for a PASSporT that nobody has seen yet,
 * and may be of one that was issued at iat. */
size_t cps_arrivals_count_unexplained(const struct cps_arrivals *arrivals, const struct cps_arrival *arrival,
                                      int64_t iat);

/* True if the envelope had reached the CPS before the message reached us. first_read: the plain read that first came to
 * the end of the box after the message had arrived. Where the CPS does not say how old an envelope is, one of such a
 * read counts as older than the message if it was signed before. iat: of its PASSporT. */
bool cps_arrival_is_after(const struct cps_arrival *arrival, const struct cps_listed *listed, int64_t iat,
                          uint64_t first_read);

/* True if an entry that does not fit may be evidence against the message: unused, accounted for by no other message,
 * and older than it. */
bool cps_arrival_may_blame(const struct cps_arrival *arrival, const struct cps_entry *entry, uint64_t first_read);

/* The name under which evidence remembers a message. Never empty, shorter than STIR_MSGI_MAX. */
const char *cps_arrival_name(const struct cps_arrival *arrival);

/*
 * What envelopes held that open but hold no PASSporT that could be read: the last few of a box.
 */
#define CPS_BROKEN_MAX 16

struct cps_broken {
    char id[CPS_ID_LEN + 1];
    struct cps_error error;    /* what is wrong with it */
    bool has_orig;             /* its sender could be read all the same */
    struct stir_identity orig; /* as it says */
    char msgi[STIR_MSGI_MAX];  /* as it says; "": not readable */
    int64_t iat;               /* as it says; 0: not readable */
    struct cps_listed listed;
    char blamed[STIR_MSGI_MAX]; /* as in an entry */
    int64_t until;              /* of no use after it, by the handle's clock */
};

struct cps_brokens {
    struct cps_broken *items; /* NULL: there were none; freed by the owner */
    size_t count, next;
};

/* Takes a copy; without memory it is forgotten. */
void cps_brokens_add(struct cps_brokens *brokens, const struct cps_broken *broken);

/* Finds one that may be this message's, and blames it on the message. NULL: none, or no more than `others`, which is
 * how many other messages they may belong to. */
const struct cps_broken *cps_brokens_blame(struct cps_brokens *brokens, const struct cps_arrival *arrival,
                                           uint64_t first_read, size_t others, int64_t now);
