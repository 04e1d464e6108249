#pragma once

#include "client/smpp/text/text.h"
#include "client/smpp/udh.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Joins the segments of messages, which arrive in any order and on any bind of a peer. It does no I/O and is not
 * thread-safe; the caller passes a monotonic clock in ms. If segments are forwarded at once, the joiner keeps their
 * text until the last one completes the body; if they are held, the caller finds them again by its tokens. Each message
 * is one block of memory.
 *
 * A message is identified by its peer, both addresses, reference, kind of reference and total; two totals with one
 * reference are two messages. Segments may have different alphabets, because senders choose the shortest for each.
 * References repeat, because there are few. A segment that arrives again with the same text is a duplicate. A segment
 * whose number was used by another text belongs to another message: two messages share the reference then, and later
 * segments cannot be assigned to either. Neither is joined, because the result might be a text that nobody wrote: the
 * joiner gives up the older message, and joins nothing with this reference until the timeout.
 *
 * The number of messages, segments and octets of memory is limited, in total and per peer, and so is the time. A
 * segment over a limit is not joined, and is forwarded unverified.
 */
struct smpp_join_bounds {
    size_t messages;
    size_t segments;
    size_t octets;
};

struct smpp_join_limits {
    struct smpp_join_bounds all;
    struct smpp_join_bounds peer;
    uint64_t timeout_ms; /* since the last segment of a message arrived */
};

#define SMPP_JOIN_LIMITS_DEFAULT                                                                                       \
    {                                                                                                                  \
        .all = {100000, 300000, 256UL << 20}, .peer = {20000, 60000, 64UL << 20}, .timeout_ms = 10000                  \
    }

/* The usage of one peer. Owned by the caller: initially zero, and not moved while the joiner keeps its messages. */
struct smpp_join_peer {
    struct smpp_join_bounds held;
};

#define SMPP_JOIN_ADDRESS_MAX 255

struct smpp_join_key {
    struct smpp_join_peer *peer;
    struct stir_view orig; /* any text that identifies the sender, up to SMPP_JOIN_ADDRESS_MAX octets */
    struct stir_view dest;
    struct smpp_place place;
};

enum smpp_join_result {
    SMPP_JOIN_HELD,      /* kept; other segments are missing */
    SMPP_JOIN_COMPLETE,  /* `message` is complete */
    SMPP_JOIN_DUPLICATE, /* the same segment arrived before; `held` points to its token, which the caller may
                          * replace (the connection of the first one may be closed) */
    SMPP_JOIN_CONTESTED, /* two messages share one reference: not kept. `message`, if not NULL, is the older one,
                          * which is given up */
    SMPP_JOIN_OVER,      /* over a limit or out of memory: not kept. `message`, if not NULL, holds the earlier segments
                          * of the message, which is given up */
};

struct smpp_joined; /* a message that left the joiner; the caller frees it */

struct smpp_join_outcome {
    enum smpp_join_result result;
    struct smpp_joined *message;
    void **held;                    /* valid until the next call */
    const struct smpp_joined *kept; /* the message that the segment was added to, while it is incomplete: the joiner's,
                                     * valid until the next call */
};

struct smpp_join;

/* Makes a joiner. Copies limits. STIR_E_NOMEM: *out is untouched. smpp_join_free drops kept messages and their tokens:
 * take them out before (smpp_join_take). */
enum stir_code smpp_join_new(struct smpp_join **out, const struct smpp_join_limits *limits) STIR_MUST_CHECK;
void smpp_join_free(struct smpp_join *join);

/* Sets the limits for segments that arrive from now on (after a reload). */
void smpp_join_set_limits(struct smpp_join *join, const struct smpp_join_limits *limits);

/* Adds a segment and copies its text. The token, which may be NULL, is returned with the message. A segment with a
 * total of 1 is complete at once. */
struct smpp_join_outcome smpp_join_add(struct smpp_join *join, const struct smpp_join_key *key,
                                       const struct smpp_part *part, void *token, uint64_t now_ms);

/* Tells whether segments of this message are kept. */
bool smpp_join_knows(struct smpp_join *join, const struct smpp_join_key *key);

/* Takes out the message that has waited longest for a segment, if its timeout has passed; NULL: none. */
struct smpp_joined *smpp_join_expire(struct smpp_join *join, uint64_t now_ms);

/* Returns the time in ms until smpp_join_expire should be called; 0: now; UINT64_MAX if nothing is kept. */
uint64_t smpp_join_next_ms(const struct smpp_join *join, uint64_t now_ms);

/* Takes out the oldest, incomplete message of a peer, or of any peer for NULL, when it leaves; NULL: none. */
struct smpp_joined *smpp_join_take(struct smpp_join *join, const struct smpp_join_peer *peer);

/* Returns the total usage. */
struct smpp_join_bounds smpp_join_held(const struct smpp_join *join);

/* Returns the number of segments that the message has in total. */
unsigned smpp_joined_total(const struct smpp_joined *message);

/* Return the number of segments that arrived, and the peer of the message. The peer must outlive its messages. */
unsigned smpp_joined_count(const struct smpp_joined *message);
struct smpp_join_peer *smpp_joined_peer(const struct smpp_joined *message);
bool smpp_joined_is_complete(const struct smpp_joined *message);

/* Gets a segment of a message that left the joiner; *part is a view into the message. False, with both untouched, if
 * the segment never arrived. part and token may be NULL. */
bool smpp_joined_segment(const struct smpp_joined *message, unsigned number, struct smpp_part *part, void **token);

/* Gets all segments that arrived, in order, for smpp_body_make: views into the message. Returns their number. */
size_t smpp_joined_parts(const struct smpp_joined *message, struct smpp_part parts[UINT8_MAX]);

void smpp_joined_free(struct smpp_joined *message);
