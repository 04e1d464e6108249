/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/box.h"

/*
 * Groups the PASSporTs that belong to one message. A message may have PASSporTs of several signers (RFC 8816 section
 * 5), and each signer signs a message once. So of the PASSporTs for the same sender, destination and text, a group has
 * at most one of each signer, with the least distance in iat. A message that passes uses up a group.
 *
 * What one message has used up stays one group, even if PASSporTs that arrive later would fit better: the message has
 * passed, and each PASSporT lets at most one message pass.
 *
 * A PASSporT that was issued after another one was used belongs to another message, so the two are never in one group.
 * One that was issued before, but arrives late, joins the group and does not let a copy of the message pass.
 */
struct cps_vouch {
    struct cps_entry *entry; /* verified; a reference */
    uint8_t signer[32];
    size_t group;
};

struct cps_vouches {
    struct cps_vouch *items; /* in order of iat once they are grouped */
    size_t count, cap;
};

#define CPS_VOUCHES_MAX 256 /* for one message; used ones make room for others */

/* Notes the signer of an entry that was just verified: a digest of the certificate's subject and authority, which stay
 * the same when a certificate is renewed. Under the entry's lock. Returns false if out of memory. */
bool cps_vouch_note_signer(struct cps_entry *entry);

/* Adds a good entry, with a reference of its own, unless the same PASSporT is in the list. CPS_E_NOMEM. */
enum cps_code cps_vouches_add(struct cps_vouches *vouches, struct cps_entry *entry,
                              struct cps_error *err) STIR_MUST_CHECK;

/* Gives back all entries. */
void cps_vouches_clear(struct cps_vouches *vouches);

/* Groups the list, and returns true if a group is not known to be used. Must not be called while one is being claimed.
 */
bool cps_vouches_has_unused(struct cps_vouches *vouches);

/* Removes a group from the list. */
void cps_vouches_drop(struct cps_vouches *vouches, size_t group);

/* Sorts the list by iat and sets the groups. */
void cps_vouches_group(struct cps_vouches *vouches);

/* Uses up one group at a destination; *group becomes that group. CPS_E_REPLAYED: all are used, and *group is the last
 * one; otherwise what the replay memory returns. A group is used up whole or not at all. */
enum cps_code cps_match(struct cps *cps, struct cps_box *box, struct cps_vouches *vouches,
                        const struct stir_identity *dest, size_t *group, struct cps_error *err) STIR_MUST_CHECK;

/* Gives a group back, because the message did not pass after all. */
void cps_match_undo(struct cps *cps, struct cps_vouches *vouches, size_t group, const struct stir_identity *dest);
