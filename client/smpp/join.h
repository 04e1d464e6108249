/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/text/text.h"
#include "client/smpp/udh.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Joins the segments of messages: they come in any order and on any of a peer's binds. No I/O, no clock of its own
 * (the caller passes one that does not go back, in ms), not thread-safe. Where segments are forwarded at once, it
 * remembers their text until the last one makes the body known; where they wait, the caller's tokens lead back to
 * what it holds. All that it keeps of a message is one block of memory.
 *
 * A message is known by its peer, both addresses, reference, kind of reference and total: two totals under one
 * reference are two messages. Its segments may have different alphabets, as senders choose the shortest for each.
 * References are few and come again. So a segment that comes again with the same text is a duplicate, while one whose
 * place is taken by another text belongs to another message: two are open under one reference, and of the segments that
 * follow nobody knows to which they belong. Neither is joined, or a text might come out that nobody wrote. The older
 * one is given up, and until the timeout has passed nothing under that reference is joined.
 *
 * Bounded in messages, segments and octets (of memory), in all and for each peer, and in time: what does not fit is
 * not joined, and goes on unverified.
 */
struct smpp_join_bounds {
    size_t messages;
    size_t segments;
    size_t octets;
};

struct smpp_join_limits {
    struct smpp_join_bounds all;
    struct smpp_join_bounds peer;
    uint64_t timeout_ms; /* from the last segment of a message that came */
};

#define SMPP_JOIN_LIMITS_DEFAULT                                                                                       \
    {                                                                                                                  \
        .all = {100000, 300000, 256UL << 20}, .peer = {20000, 60000, 64UL << 20}, .timeout_ms = 10000                  \
    }

/* What is kept of one peer's messages. The caller's, zero at first; stays where it is until nothing is kept. */
struct smpp_join_peer {
    struct smpp_join_bounds held;
};

#define SMPP_JOIN_ADDRESS_MAX 255

struct smpp_join_key {
    struct smpp_join_peer *peer;
    struct stir_view orig; /* any text that is one sender's, up to SMPP_JOIN_ADDRESS_MAX octets */
    struct stir_view dest;
    struct smpp_place place;
};

enum smpp_join_result {
    SMPP_JOIN_HELD,      /* kept; others are still to come */
    SMPP_JOIN_COMPLETE,  /* `message` is whole */
    SMPP_JOIN_DUPLICATE, /* the same segment is there already; `held` is where its token lies, which the caller may
                          * replace (the first one's connection may be gone) */
    SMPP_JOIN_CONTESTED, /* two messages are open under one reference: not kept. `message`, if not NULL, is the older
                          * one, given up now */
    SMPP_JOIN_OVER,      /* over a bound or out of memory: not kept. `message`, if not NULL, are the segments kept of
                          * its message until now, given up */
};

struct smpp_joined; /* a message that left the joiner: the caller's, to free */

struct smpp_join_outcome {
    enum smpp_join_result result;
    struct smpp_joined *message;
    void **held;                    /* valid until the next call */
    const struct smpp_joined *kept; /* the message that the segment was added to, while it is incomplete: the joiner's,
                                     * valid until the next call */
};

struct smpp_join;

/* STIR_E_NOMEM. limits are copied; *out untouched on failure. Freeing drops what is kept, tokens and all: take it out
 * before (smpp_join_take). */
enum stir_code smpp_join_new(struct smpp_join **out, const struct smpp_join_limits *limits) STIR_MUST_CHECK;
void smpp_join_free(struct smpp_join *join);

/* New limits for what comes from now on (a reload). */
void smpp_join_set_limits(struct smpp_join *join, const struct smpp_join_limits *limits);

/* Adds a segment; its text is copied. The token, which may be NULL, comes back with the message. A place of total 1 is
 * complete at once. */
struct smpp_join_outcome smpp_join_add(struct smpp_join *join, const struct smpp_join_key *key,
                                       const struct smpp_part *part, void *token, uint64_t now_ms);

/* Whether segments of this message are kept. */
bool smpp_join_knows(struct smpp_join *join, const struct smpp_join_key *key);

/* Takes out the message that has waited longest for its next segment, if its time has ended; NULL: no more. */
struct smpp_joined *smpp_join_expire(struct smpp_join *join, uint64_t now_ms);

/* In how many ms smpp_join_expire is to be called next; 0: now; UINT64_MAX if nothing is kept. */
uint64_t smpp_join_next_ms(const struct smpp_join *join, uint64_t now_ms);

/* The oldest message of a peer, of any for NULL, incomplete (the peer goes, the program stops); NULL: no more. */
struct smpp_joined *smpp_join_take(struct smpp_join *join, const struct smpp_join_peer *peer);

/* What is kept, in all. */
struct smpp_join_bounds smpp_join_held(const struct smpp_join *join);

/* The segments of a message that left the joiner: false, out untouched, for one that never came. part (into the
 * message's memory) and token may be NULL. */
unsigned smpp_joined_total(const struct smpp_joined *message);

/* Returns the number of segments that came, and whose they are, which the key of the segments said: the owner of the
 * joiner frees a peer after the messages that left the joiner for it. */
unsigned smpp_joined_count(const struct smpp_joined *message);
struct smpp_join_peer *smpp_joined_peer(const struct smpp_joined *message);
bool smpp_joined_is_complete(const struct smpp_joined *message);
bool smpp_joined_segment(const struct smpp_joined *message, unsigned number, struct smpp_part *part, void **token);

/* All segments that came, in order, for smpp_body_make: views into the message's memory. Returns their number. */
size_t smpp_joined_parts(const struct smpp_joined *message, struct smpp_part parts[UINT8_MAX]);

void smpp_joined_free(struct smpp_joined *message);
