/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/arrival.h"
#include "client/lib/box/opened.h"
#include "client/lib/box/sealed.h"
#include "client/lib/box/unexplained.h"
#include "client/lib/net/task.h"

/*
 * The boxes that were read: the cursor of each, and what was in it. A box here is the box of a destination as seen with
 * one set of keys. Thread-safe: one lock guards all boxes.
 *
 * Reads belong to the box, not to the task that asked for them: at most one plain and one waiting read are under way.
 * The first task that runs after an answer takes it, and all tasks that wait for the box are woken. Each opens the
 * envelopes that it needs to find its own PASSporT, and what it has opened, all of them can use. A task that needs the
 * box no longer leaves it.
 */
struct cps_boxes;
struct cps_box;

enum cps_read_kind { CPS_READ_PLAIN, CPS_READ_WAIT, CPS_READ_KINDS };

struct cps_read {
    struct cps_transfer transfer;
    /* private to box.c */
    struct cps_box *box;
    enum cps_read_kind kind;
    uint64_t number; /* of this plain read, in sequence */
    uint64_t stamp;  /* of the cursor from which it has continued */
    bool with_cursor;
    bool ready;
    bool taken;
    int64_t begun_ms;
};

/* Makes an empty set of boxes. CPS_E_NOMEM. */
enum cps_code cps_boxes_new(struct cps_boxes **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_boxes_free(struct cps_boxes *boxes); /* after the transport has ended */

/* Enters the box of a destination, as seen with a set of keys (their digest), for a message that arrived there. The
 * task is woken for every event in the box until it leaves. *next_read is the number of the next plain read.
 * CPS_E_NOMEM. */
enum cps_code cps_box_enter(struct cps_box **out, struct cps_boxes *boxes, const uint8_t keys[32],
                            struct cps_arrival *arrival, struct cps_task *task, uint64_t *next_read,
                            struct cps_error *err) STIR_MUST_CHECK;

/* Leaves the box. passed: the message has found its PASSporT. A message that no PASSporT explains is remembered, see
 * unexplained.h. */
void cps_box_leave(struct cps_box *box, struct cps_arrival *arrival, bool passed, struct cps_task *task);

/* Remembers a message whose text is not known: cps_announce. */
void cps_boxes_announce(struct cps_boxes *boxes, const struct stir_identity *orig, const struct stir_identity *dest);

/* Sets the time, by the handle's clock, up to which PASSporTs are not evidence of changed texts. */
void cps_boxes_set_evidence_since(struct cps_boxes *boxes, int64_t since);

/* Begins a read, unless one of its kind is under way; CPS_OK either way. wait_ms: how long the CPS may wait, for a
 * waiting read. *again_ms becomes 0, or if the read was not begun because the last ones returned at once with nothing,
 * the time to try again (monotonic). */
enum cps_code cps_box_read(struct cps_box *box, enum cps_read_kind kind, uint32_t wait_ms, int64_t *again_ms,
                           struct cps_error *err) STIR_MUST_CHECK;

/* Takes an answer that has arrived and was not taken yet, or returns NULL. The caller passes its envelopes to
 * cps_box_seal and gives it back with cps_box_done: with its cursor (NULL on failure), the number of envelopes that
 * were new, and the outcome. */
struct cps_read *cps_box_take(struct cps_box *box);
void cps_box_done(struct cps_read *read, const char *cursor, size_t fresh, const struct cps_error *outcome);

/* Returns true if a plain read with this or a later number has come to the end of the box, or has failed; then *outcome
 * is its result and *number its number. */
bool cps_box_outcome(struct cps_box *box, uint64_t *number, struct cps_error *outcome);

/* Keeps the new envelopes of an answer, to be opened later, and takes over their text. *fresh becomes their number.
 * CPS_E_NOMEM. */
enum cps_code cps_box_seal(const struct cps_read *read, struct cps_envelopes *listing, size_t *fresh,
                           struct cps_error *err) STIR_MUST_CHECK;

/* Returns an envelope for the caller to open: the newest while a PASSporT is looked for, otherwise the oldest if there
 * are more than may be kept; NULL if there is none. The caller gives it back with cps_box_opened. done: it was opened;
 * otherwise it is kept to be opened later. */
struct cps_sealed *cps_box_unseal(struct cps_box *box, bool looking);
void cps_box_opened(struct cps_box *box, struct cps_sealed *sealed, bool done);

/* Called after one or several cps_box_opened: wakes the other tasks that wait for the box. Returns true if other tasks
 * are opening envelopes of the box and will wake this one. */
bool cps_box_tell(struct cps_box *box, struct cps_task *task, bool opened);

/* Remembers that no key of ours opens an envelope. */
void cps_box_not_ours(struct cps_box *box, const char *id);

/* Adds an entry, whose reference it takes over; a second one for the same envelope is dropped. */
void cps_box_add(struct cps_box *box, struct cps_entry *entry);

/* Keeps what is known about an envelope that opened but held no PASSporT. */
void cps_box_add_broken(struct cps_box *box, const struct cps_broken *broken);

/* Returns true if an entry that does not fit a message may be evidence against it. None is for a while after the box
 * had to forget useful entries: this one may be one of those, read again. first_read: as in arrival.h. */
bool cps_box_may_blame(struct cps_box *box, const struct cps_arrival *arrival, const struct cps_entry *entry,
                       uint64_t first_read);

/* Notes that a message with this entry's text has passed, so that no entry with this text is evidence about another. */
void cps_box_account(struct cps_box *box, const struct cps_entry *entry);

/* Chooses, of `suspects`, which are good but for their text, one that is evidence against a message, and marks it so.
 * There is one only if there are more suspects than other messages to which they may belong. Returns NULL otherwise. */
struct cps_entry *cps_box_blame(struct cps_box *box, struct cps_arrival *arrival, const struct cps_candidates *suspects,
                                uint64_t first_read);

/* Finds a broken PASSporT that may be the message's, makes it evidence against the message, and copies it to *out.
 * Returns false if there is none. */
bool cps_box_blame_broken(struct cps_box *box, struct cps_arrival *arrival, uint64_t first_read,
                          struct cps_broken *out);

/* Begin and end matching PASSporTs to a message, under a lock of its own, so that two messages never share one. Begin
 * returns a number for this match, never 0. */
uint64_t cps_box_begin_match(struct cps_box *box);
void cps_box_end_match(struct cps_box *box);

/* Collects entries as cps_entries_collect does; *seen becomes the number of the last entry. CPS_E_NOMEM. */
enum cps_code cps_box_collect(struct cps_box *box, struct cps_candidates *out, const struct stir_identity *orig,
                              const char *const *digests, size_t count, uint64_t *seen,
                              struct cps_error *err) STIR_MUST_CHECK;
