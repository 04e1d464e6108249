#pragma once

#include "client/lib/box/arrival.h"
#include "client/lib/box/opened.h"
#include "client/lib/box/sealed.h"
#include "client/lib/box/unexplained.h"
#include "client/lib/net/task.h"

/*
 * What is remembered of the boxes that were read: how far, and what was in them. A box here is that of a destination as
 * seen with one set of keys. Thread-safe: one lock is over all of it.
 *
 * Reads belong to the box, not to who asked for them: one plain read and one waiting read can be under way. Whoever is
 * awake when an answer comes takes it, and all who wait for the box are woken; each opens what it needs to find its own
 * PASSporT, and what it opened all have. Who has lost interest leaves.
 */
struct cps_boxes;
struct cps_box;

enum cps_read_kind { CPS_READ_PLAIN, CPS_READ_WAIT, CPS_READ_KINDS };

struct cps_read {
    struct cps_transfer transfer;
    /* private to box.c */
    struct cps_box *box;
    enum cps_read_kind kind;
    uint64_t number; /* plain reads are counted */
    uint64_t stamp;  /* which cursor it went on from */
    bool with_cursor;
    bool ready;
    bool taken;
    int64_t begun_ms;
};

enum cps_code cps_boxes_new(struct cps_boxes **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
void cps_boxes_free(struct cps_boxes *boxes); /* after the transport has ended */

/* The box of a destination for a set of keys (their digest), for a message that arrived there; the task is woken for
 * what happens there until it leaves. *next_read is the number that the next plain read will have. CPS_E_NOMEM. */
enum cps_code cps_box_enter(struct cps_box **out, struct cps_boxes *boxes, const uint8_t keys[32],
                            struct cps_arrival *arrival, struct cps_task *task, uint64_t *next_read,
                            struct cps_error *err) STIR_MUST_CHECK;

/* passed: it needs no PASSporT any more. A message that nothing explains is remembered: see unexplained.h. */
void cps_box_leave(struct cps_box *box, struct cps_arrival *arrival, bool passed, struct cps_task *task);

/* Remembers a message of which the text is not known. */
void cps_boxes_announce(struct cps_boxes *boxes, const struct stir_identity *orig, const struct stir_identity *dest);

/* PASSporTs that were issued up to this time, by the handle's clock, are no evidence of changed texts. */
void cps_boxes_set_evidence_since(struct cps_boxes *boxes, int64_t since);

/* Begins a read unless one of its kind is under way: CPS_OK either way. wait_ms: for a waiting one. *again_ms: it was
 * not begun, because the last ones came back at once with nothing; try at that time. 0 otherwise. */
enum cps_code cps_box_read(struct cps_box *box, enum cps_read_kind kind, uint32_t wait_ms, int64_t *again_ms,
                           struct cps_error *err) STIR_MUST_CHECK;

/* An answer that has come, for the caller to read, or NULL. Its envelopes go to cps_box_seal, then it is given back
 * with cps_box_done: its cursor (NULL on failure), how many envelopes were not known before, what it came to. */
struct cps_read *cps_box_take(struct cps_box *box);
void cps_box_done(struct cps_read *read, const char *cursor, size_t fresh, const struct cps_error *outcome);

/* True if a plain read with this or a later number came to the end of the box, or failed: *outcome tells, and *number
 * becomes the read's. */
bool cps_box_outcome(struct cps_box *box, uint64_t *number, struct cps_error *outcome);

/* Keeps the envelopes that a read's answer lists, if they are not known yet, to be opened, and takes their text over;
 * *fresh counts them. CPS_E_NOMEM. */
enum cps_code cps_box_seal(const struct cps_read *read, struct cps_envelopes *listing, size_t *fresh,
                           struct cps_error *err) STIR_MUST_CHECK;

/* An envelope for the caller to open, or NULL: while something is looked for the newest; else the oldest, where there
 * are more than may be kept. It is given back with cps_box_opened: done with, or to be opened later after all. */
struct cps_sealed *cps_box_unseal(struct cps_box *box, bool looking);
void cps_box_opened(struct cps_box *box, struct cps_sealed *sealed, bool done);

/* To be called after cps_box_opened, once for several: wakes the others who wait for the box. True: others are opening
 * envelopes of it and will wake this task. */
bool cps_box_tell(struct cps_box *box, struct cps_task *task, bool opened);

/* An envelope was found not to be ours. */
void cps_box_not_ours(struct cps_box *box, const char *id);

/* Takes over an entry; a second one for the same envelope is dropped. */
void cps_box_add(struct cps_box *box, struct cps_entry *entry);

/* Keeps what an envelope held that is no PASSporT. */
void cps_box_add_broken(struct cps_box *box, const struct cps_broken *broken);

/* True if an entry that does not fit a message may be evidence against it. None is as long as the box has had to forget
 * entries that were of use: one of them could be this one, which is read again. first_read: as in arrival.h. */
bool cps_box_may_blame(struct cps_box *box, const struct cps_arrival *arrival, const struct cps_entry *entry,
                       uint64_t first_read);

/* Notes that a message is known to have passed with this entry's text: none with it is evidence about another. */
void cps_box_account(struct cps_box *box, const struct cps_entry *entry);

/* Of `suspects`, which are good but for their text, chooses one that is evidence against a message, and blames it on
 * the message. There is one only if there are more of them than other messages that they may belong to. NULL: none is.
 */
struct cps_entry *cps_box_blame(struct cps_box *box, struct cps_arrival *arrival, const struct cps_candidates *suspects,
                                uint64_t first_read);

/* Finds something that is no PASSporT and may be the message's, and blames it on the message: *out is a copy. */
bool cps_box_blame_broken(struct cps_box *box, struct cps_arrival *arrival, uint64_t first_read,
                          struct cps_broken *out);

/* Held while PASSporTs are matched to a message: two messages never share one. Returns a number for this match, never
 * 0. */
uint64_t cps_box_begin_match(struct cps_box *box);
void cps_box_end_match(struct cps_box *box);

/* As cps_entries_collect; *seen becomes the number of the last entry there is. CPS_E_NOMEM. */
enum cps_code cps_box_collect(struct cps_box *box, struct cps_candidates *out, const struct stir_identity *orig,
                              const char *const *digests, size_t count, uint64_t *seen,
                              struct cps_error *err) STIR_MUST_CHECK;
