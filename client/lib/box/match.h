#pragma once

#include "client/lib/box/box.h"

/*
 * Which PASSporTs belong to one message. Those that vouch for the same sender, destination and text are of as many
 * messages as one signer has signed at most: a message may have PASSporTs of several signers (RFC 8816 section 5), and
 * one signer signs each message once. So they are put into groups that have each signer once, those of one group being
 * as near in iat as can be; a message that passes uses a group up.
 *
 * What one message has used up stays one group, although PASSporTs that come later might fit it better: the message has
 * passed, and each of them lets at most one message pass.
 *
 * One that was issued after another one passed was not the same message's: such two are never in one group. One that
 * arrives late, but was issued before, is, and does not let a copy of the message pass.
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

#define CPS_VOUCHES_MAX 256 /* for one message; of more, those that were used are left out */

/* Notes who signed an entry that was just verified: a digest of the certificate's subject and of what it speaks for,
 * which stay when a certificate is renewed. Under the entry's lock. False: out of memory. */
bool cps_vouch_note_signer(struct cps_entry *entry);

/* Adds an entry that vouches, with a reference of its own, unless the same PASSporT is there. CPS_E_NOMEM. */
enum cps_code cps_vouches_add(struct cps_vouches *vouches, struct cps_entry *entry,
                              struct cps_error *err) STIR_MUST_CHECK;
void cps_vouches_clear(struct cps_vouches *vouches);

/* Groups them. True if one group is not known to be used. Not while a group is being claimed. */
bool cps_vouches_has_unused(struct cps_vouches *vouches);

/* Takes a group out of the list. */
void cps_vouches_drop(struct cps_vouches *vouches, size_t group);

/* Sorts, and sets the groups. */
void cps_vouches_group(struct cps_vouches *vouches);

/* Uses one group up at a destination: *group is which. CPS_OK, CPS_E_REPLAYED (all are used, *group is the last one),
 * or what the replay memory returns. Nothing is left half used. */
enum cps_code cps_match(struct cps *cps, struct cps_box *box, struct cps_vouches *vouches,
                        const struct stir_identity *dest, size_t *group, struct cps_error *err) STIR_MUST_CHECK;

/* Gives a group back: the message did not pass after all. */
void cps_match_undo(struct cps *cps, struct cps_vouches *vouches, size_t group, const struct stir_identity *dest);
