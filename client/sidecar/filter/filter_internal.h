#pragma once

#include "client/sidecar/filter/cps_operation.h"
#include "client/sidecar/filter/expectation.h"
#include "client/sidecar/filter/filter.h"
#include "client/sidecar/filter/health.h"
#include "client/sidecar/filter/message_log.h"
#include "client/sidecar/filter/message_log_line.h"
#include "client/sidecar/filter/repeat_file.h"
#include "client/sidecar/filter/sign_outcomes.h"
#include "client/sidecar/filter/tag.h"
#include "common/base/map.h"

/* What the files of the filter share. All of it belongs to the loop's thread. */

enum {
    SC_STOP_MS = 1500,      /* at a stop, what is undecided is decided within it */
    SC_CLOSE_MS = 2000,     /* and what is being published then still may */
    SC_HOLD_QUIET_MS = 200, /* [join] hold = window: segments are forwarded when their connection brought nothing for
                             * this time, */
    SC_HOLD_MAX_MS = 600,   /* or when they are held this long */
    SC_REPEAT_MS = 300000,  /* how long it is remembered that a message lost its connection */
    SC_REPEATS_MAX = 10000, /* and how many */
    SC_ANSWERED_MS = 10000, /* how long an answer may not have been read yet when its connection ends */
    SC_SENT_MAX = 50000,    /* not answered; as many that were answered just now; as many that may be sent again */
    SC_PRINT = 32,
};

/* A message that is held: a whole one, or a segment. */
struct sc_part {
    struct sc_held *held; /* NULL: its connection has ended */
    struct sc_item *item; /* NULL while other segments are waited for */
    struct sc_part *next; /* of a list: in their order, copies of a segment behind it */
    bool verify;
    bool released;        /* it was forwarded before its message was complete; `held` is NULL since then */
    struct sc_note *note; /* verify, released: what the record of judged messages needs of it; may be NULL */
    struct sc_hold *hold; /* of its connection, while it may be forwarded for lack of traffic; NULL: not */
    struct sc_part *hold_before, *hold_after;
    uint64_t since_ms;           /* when it was put there */
    struct sc_repeat_slot *slot; /* verify: that its PASSporT is being looked for; NULL: not noted */
};

/* The other readings of a message's text, as libcps takes them. */
struct sc_readings {
    struct smpp_readings made;
    struct cps_reading list[SMPP_READINGS - 1];
};

/* A message on its way to a decision, all its segments. It goes when it is decided and nothing of it is under way. */
struct sc_item {
    struct stir_map_node node; /* of those that wait to be repeated, by `print`; first: a node is its item */
    struct sc_filter_core *core;
    struct sc_policy *policy;
    bool verify;
    enum sc_leg from;
    enum {
        SC_ITEM_OPEN,
        SC_ITEM_LOST,    /* all its connections have ended; it may be repeated */
        SC_ITEM_DECIDED, /* nobody waits for it */
    } state;
    bool late; /* sign: it has gone on before its PASSporT was published */
    struct sc_part *parts;
    unsigned segments;
    bool whole;    /* it came as one PDU */
    bool released; /* some of its segments were forwarded before the last one came */
    bool prompt;   /* of a USSD session: it does not wait for what is not there */
    bool others;   /* it goes to destinations that no PASSporT can name, too */
    bool has_print;
    uint8_t print[SC_PRINT];        /* what makes it the same message */
    struct stir_map_node last_node; /* likewise, by last_print: its last segment alone may be repeated */
    uint8_t last_print[SC_PRINT];   /* if `released`: what makes a PDU that segment again */
    char *texts;                    /* system_id, orig and destinations in canonical form, each with its NUL */
    size_t texts_len;
    const char *system_id, *orig, **dests; /* in there */
    size_t dest_count;
    struct stir_buf body;
    struct sc_readings *readings; /* verify: of the body, the item's own; NULL: it has no other */
    struct sc_line *line;         /* sign: of a message that was forwarded before its PASSporT was published; or NULL */
    bool recorded;                /* sign: it has its line in the record */
    uint64_t signed_ms;           /* sign: when its PASSporT was begun, */
    uint32_t life_s;              /* and how long it is accepted */
    uint64_t arrived_ms;
    uint64_t due_ms;                /* the deadline; for a lost one: when it is forgotten */
    struct sc_item *before, *after; /* in the list of its state */
    struct sc_op *ops;              /* one a destination that there are keys for */
    size_t op_count;
    size_t pending;            /* operations that have not ended */
    bool spooled;              /* one waits in the spool */
    const struct sc_op *worst; /* of those that ended without success */
};

struct sc_item_list {
    struct sc_item *first, *last;
    size_t count;
};

struct sc_sent;

struct sc_sent_list {
    struct sc_sent *first, *last;
    size_t count;
};

/* Lines of the records that wait for the answers to their messages. */
struct sc_line;

struct sc_lines {
    struct stir_map by_sequence;
    struct sc_line *first, *last; /* in order of time */
    size_t waiting;               /* PDUs */
};

struct sc_filter_core {
    uv_loop_t *loop;
    const struct stir_log *log;
    struct sc_policy *policy;
    struct sc_service *services; /* all that are in use */
    struct sc_filter_counters counters;
    struct sc_message_log judged, signed_;
    struct sc_number_key number_key; /* of the hashes that stand for numbers there */
    struct sc_lines lines;
    struct sc_outcomes *outcomes;
    struct sc_ops ops;
    struct smpp_join *join;
    struct stir_map join_peers;
    struct sc_expect *expect; /* NULL: [verify] adaptive was never in use */
    bool saving;              /* a copy of it is being written to its file */
    uint64_t save_ms;         /* when it may be written again */
    struct stir_map holds;
    struct sc_hold *quietest, *latest;            /* in the order in which their connections brought something */
    struct sc_item_list signing, verifying, lost; /* by deadline */
    struct stir_map lost_by_print, lost_by_last;
    struct stir_map sent_binds, sent_by_sequence, sent_by_print;
    size_t unanswered, answered;
    struct sc_sent_list repeatable;
    size_t judged_again;            /* of these: they are judged again, see sc_sent_judged_again */
    struct sc_repeat_file *repeats; /* NULL: what may be sent again ends with the process */
    uv_timer_t timer;
    uint64_t timer_ms; /* what it is set to, 0: not */
    uv_prepare_t prepare;
    bool stopping;
    uint64_t closing_ms;   /* close() was called: everything ends then; 0: it was not */
    unsigned open_handles; /* on the loop */
    uint64_t said_ms;      /* the last line about a failure; there is one a second */
    uint64_t unsaid;
};

static inline uint64_t sc_now(const struct sc_filter_core *core)
{
    return uv_now(core->loop);
}

/* Whether a PASSporT is too old for a message that is sent again: older than a quarter of its life. It must still be
 * accepted where the message arrives, which may be refused and sent again on the way once more. */
static inline bool sc_is_old(const struct sc_filter_core *core, uint64_t signed_ms, uint32_t life_s)
{
    return sc_now(core) - signed_ms > (uint64_t)life_s * 1000 / 4;
}

/* ---- filter.c ---- */

/* A warning about what may happen to every message: one a second, with how many were left out. */
void sc_filter_say(struct sc_filter_core *core, const char *what, const char *reason);

/* ---- filter_exempt.c ---- */

/* Decides about a PDU that is not held (sc_filter.exempt): removes planted verdicts where messages are verified,
 * refuses replace_sm and broadcast_sm unless they may pass, and counts and records what passes without a verdict. */
void sc_exempt_take(struct sc_filter_core *core, const struct sc_held *held, enum sc_exempt kind,
                    struct sc_passage *out);

/* Something that lives on the loop has ended: the filter is freed when it was closed and nothing is left. */
void sc_filter_let_go(struct sc_filter_core *core);

/* ---- filter_expect.c ---- */

/* Whether a message from orig is to wait for its PASSporT. */
bool sc_expect_passport(struct sc_filter_core *core, enum sc_leg from, const char *system_id, const char *orig);

/* Takes in the verdict of an item. */
void sc_expect_learn(struct sc_filter_core *core, const struct sc_item *item, enum stir_verdict verdict);

/* Reads the file where the policy asks for it, once. */
void sc_expect_open(struct sc_filter_core *core);

/* Writes it, if there is something new; true: core->saving until that is done. */
bool sc_expect_begin_save(struct sc_filter_core *core);
void sc_expect_expire(struct sc_filter_core *core);
uint64_t sc_expect_due(const struct sc_filter_core *core);

/* ---- filter_line.c ---- */

/* Makes a line for a message that is about to be decided, of one PDU or of all parts that are held, and begins to wait
 * for the answers. NULL: there is no record, or no memory. */
struct sc_line *sc_line_of_held(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_held *held);
struct sc_line *sc_line_of_parts(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_part *parts);

/* Gives a line its text, without its end, which is emptied; the line writes itself when its time has come. forwarded:
 * its PDUs will be answered. line NULL: the text is written now, without what answers bring. */
void sc_line_say(struct sc_line *line, struct sc_message_log *log, struct stir_buf *text, bool forwarded);

/* Forgets a line that has no text. NULL is fine. */
void sc_line_drop(struct sc_line *line);

void sc_lines_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                       uint32_t status, struct stir_view message_id);
void sc_lines_ended(struct sc_filter_core *core, const struct sc_bind *bind);
void sc_lines_expire(struct sc_filter_core *core);
uint64_t sc_lines_due(const struct sc_filter_core *core);

/* Writes all that wait. */
void sc_lines_end(struct sc_filter_core *core);

/* ---- filter_part.c ---- */

/* A held message as a list of one; NULL: out of memory. */
struct sc_part *sc_part_new(struct sc_held *held, bool verify);
void sc_parts_free(struct sc_part *parts);

/* Whether any of them was forwarded before its message was complete. */
bool sc_parts_released(const struct sc_part *parts);
struct sc_part **sc_parts_end(struct sc_part **parts);

/* The first that is still held, NULL: none. */
struct sc_held *sc_parts_held(const struct sc_part *parts);

/* So many of them are. */
size_t sc_parts_count(const struct sc_part *parts);

/* They are to go on in the list's order. */
void sc_parts_reorder(const struct sc_part *parts);

/* ---- filter_item.c ---- */

/* Makes an item of a fit message that was received as these parts (which may be none), with `op_count` operations;
 * takes parts and body over. NULL, nothing taken: out of memory. */
struct sc_item *sc_item_new(struct sc_filter_core *core, const struct sc_message *message, const struct sc_held *held,
                            struct sc_part *parts, struct stir_buf *body, bool verify);

/* Takes the other readings of a text over; *out is NULL without readings. Returns false if out of memory; nothing is
 * taken then. */
bool sc_readings_new(struct sc_readings **out, struct smpp_readings *readings);
void sc_readings_free(struct sc_readings *readings);

/* An operation to fill in, for the destination of this index; at most one a destination. */
struct sc_op *sc_item_op(struct sc_item *item, size_t dest);

/* The same message was here, lost its connection, and was sent again: what was held of the new item goes on with the
 * old one, and the new one is gone. False: it is new. */
bool sc_item_is_repeat(struct sc_item *item);

/* The last segment of a message, whose others were forwarded, lost its connection and comes again as `part`: it is
 * judged with the whole text. False: it is new. */
bool sc_item_resume(struct sc_filter_core *core, struct sc_part *part);

/* Begins its operations; it has a deadline from now on. An item without parts is decided already. */
void sc_item_begin(struct sc_item *item);

/* It was decided, and its parts with it. It is freed now, or when its operations have ended. */
void sc_item_decided(struct sc_item *item);

/* A part of it has lost its connection. */
void sc_item_lost(struct sc_item *item, struct sc_part *part);

/* It needs not be known again. */
void sc_item_forget(struct sc_item *item);

/* An operation has ended. */
void sc_item_op_done(struct sc_op *op);

/* Deadlines that have passed. */
void sc_items_expire(struct sc_filter_core *core);

/* The earliest deadline, UINT64_MAX: none. */
uint64_t sc_items_due(const struct sc_filter_core *core);

/* Brings all deadlines of undecided messages forward, to in so many ms at most. */
void sc_items_hurry(struct sc_filter_core *core, uint64_t ms);

/* Forgets those that may be repeated. */
void sc_items_forget(struct sc_filter_core *core);

/* ---- filter_hold.c ---- */

/* Lets a part that is held wait for the rest of its message no longer than [join] hold = window allows. False: out of
 * memory. */
bool sc_hold_add(struct sc_filter_core *core, struct sc_part *part);

/* Ends that; does nothing for a part that is not there. */
void sc_hold_remove(struct sc_filter_core *core, struct sc_part *part);

/* Forwards a held part before its message is complete. Its text still counts. */
void sc_hold_release(struct sc_filter_core *core, struct sc_part *part);

/* To be called for each message that comes, before it is dealt with. */
void sc_hold_heard(struct sc_filter_core *core, const struct sc_held *held);

bool sc_hold_init(struct sc_filter_core *core);
void sc_hold_free(struct sc_filter_core *core);
void sc_hold_expire(struct sc_filter_core *core);
uint64_t sc_hold_due(const struct sc_filter_core *core);

/* ---- filter_join.c ---- */

enum sc_join_result {
    SC_JOIN_KEPT,      /* others are still to come */
    SC_JOIN_COMPLETE,  /* `message` is whole, `parts` are those of it that are, or were, held */
    SC_JOIN_SEEN,      /* it was there already */
    SC_JOIN_RESUMED,   /* it is the last one of a message that was whole before its connection ended */
    SC_JOIN_REFUSED,   /* over a bound */
    SC_JOIN_CONTESTED, /* two messages are open under its reference */
};

/* Why a segment is not joined, as the reason of a verdict. */
extern const char sc_join_contested[];

struct sc_joined {
    enum sc_join_result result;
    bool first;                  /* kept: it is the first of its message */
    struct smpp_joined *message; /* the caller's to free */
    struct sc_part *parts;
};

/* Adds a segment: `part` is what is held of it (taken over unless it was refused), NULL if it is forwarded at once. A
 * part that is kept or seen may have been forwarded when this returns, as [join] hold says: `held` is not to be touched
 * then. Segments that are given up for it are decided. */
struct sc_joined sc_join_add(struct sc_filter_core *core, const struct sc_held *held, const struct sc_message *message,
                             struct sc_part *part);

bool sc_join_init(struct sc_filter_core *core);
void sc_join_free(struct sc_filter_core *core);
void sc_join_expire(struct sc_filter_core *core);
uint64_t sc_join_due(const struct sc_filter_core *core);

/* Decides all that waits for segments. */
void sc_join_give_up_all(struct sc_filter_core *core);

/* ---- filter_sent.c ---- */

/* What is remembered of a message that is forwarded with a PASSporT. */
struct sc_passed {
    bool verify;
    bool whole;         /* it is a message, not a segment of one */
    unsigned losses;    /* how often it was sent again with this PASSporT after its connection was lost */
    bool refused;       /* of one that is sent again: the peer had refused it; otherwise its connection was lost */
    uint64_t signed_ms; /* sign: when the PASSporT was made, by the loop's clock */
    uint32_t life_s;    /* sign: how long it is accepted */
    char signer[CPS_AUTHORITY_MAX]; /* verify: whose it was */
    char ppt[CPS_PPT_MAX];          /* verify: its type */
    char attest[2];                 /* verify: the attestation level of a "shaken" one, or "" */
    struct sc_repeat_slot *slot;    /* verify: its record in the file, the owner's to free; or NULL */
};

/* Why "replayed" proves nothing about a message, this time. */
enum sc_again {
    SC_AGAIN_NOT,     /* it does */
    SC_AGAIN_STOPPED, /* the process before this one ended while it was judging the message */
    SC_AGAIN_LATE,    /* it was forwarded without a verdict while its PASSporT was still looked for */
    SC_AGAIN_UNREAD,  /* its connection ended before the answer to it can have been read for certain */
};

/* A record of a message that is about to be forwarded with a PASSporT; NULL: none can be kept. */
struct sc_sent *sc_sent_new(const struct sc_held *held, const struct sc_passed *passed);

/* What makes a PDU the same when it is sent again. False: out of memory. */
bool sc_sent_print(uint8_t print[SC_PRINT], const struct sc_held *held, bool verify);

/* It was forwarded; or it was not. Both take NULL. */
void sc_sent_add(struct sc_filter_core *core, struct sc_sent *sent);
void sc_sent_free(struct sc_filter_core *core, struct sc_sent *sent);

/* Takes in a record of the process before this one. again: not SC_AGAIN_NOT if it is to be judged again. False: out of
 * memory. */
bool sc_sent_restore(struct sc_filter_core *core, const struct sc_passed *passed, const uint8_t print[SC_PRINT],
                     enum sc_again again);

/* Tells that of a PDU. *losses is how often the message was sent again before; forgets the PDU if `forget`. */
enum sc_again sc_sent_judged_again(struct sc_filter_core *core, const uint8_t print[SC_PRINT], bool forget,
                                   unsigned *losses);

void sc_sent_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                      uint32_t status);

/* A bind has ended: what was not answered may be sent again, and if the connection was closed, too, so may what was
 * answered just before. from has read all answers. */
void sc_sent_ended(struct sc_filter_core *core, const struct sc_bind *bind, bool closed);
void sc_sent_caught_up(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from);

/*
 * Tells whether a message was forwarded with a PASSporT before, and refused or not answered: its sender sends it again,
 * and it passes with the PASSporT that it has used. True once for each time; *out is what was remembered, with this
 * time counted. False also if it was sent again too often after a loss ([repeat] max), or, where messages are signed,
 * if its PASSporT is older than a quarter of its life: then it is to be judged or signed anew. A segment (`whole` is
 * false) is not signed by itself, so its PASSporT's age does not matter.
 */
bool sc_sent_is_repeat(struct sc_filter_core *core, const struct sc_held *held, bool verify, bool whole,
                       struct sc_passed *out);

/* Counts, and logs, that a message was sent again after a loss more often than [repeat] max allows; what: is done. */
void sc_sent_over(struct sc_filter_core *core, const char *what);

bool sc_sent_init(struct sc_filter_core *core);
void sc_sent_free_all(struct sc_filter_core *core);
void sc_sent_expire(struct sc_filter_core *core);
uint64_t sc_sent_due(const struct sc_filter_core *core);

/* ---- filter_repeat.c ---- */

/* Opens [repeat] file and takes in what the process before this one left there. STIR_E_IO, STIR_E_CONFIG. */
enum stir_code sc_repeat_open(struct sc_filter_core *core, const struct sc_config *config,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Notes that the PASSporT of these parts, which belong to an item, is going to be looked for. */
void sc_repeat_intend(struct sc_filter_core *core, struct sc_part *parts);

/* Notes that a message has passed and waits for its answer, or may be sent again (`judged`: it is to be judged again
 * then). Does nothing if it was signed. */
void sc_repeat_note(struct sc_filter_core *core, struct sc_passed *passed, const uint8_t print[SC_PRINT], bool judged);

/* Notes that it was answered now; the answer may not have been read yet. */
void sc_repeat_note_answered(const struct sc_passed *passed);

/* Notes that messages arrive at this time. */
void sc_repeat_note_use(const struct sc_filter_core *core);

/* Removes a note, unless the process is ending: then it is for the next one. slot may be NULL. */
void sc_repeat_release(const struct sc_filter_core *core, struct sc_repeat_slot *slot);

/* Tells whether the PASSporT of the message of these parts may have been used up by the message itself when it came
 * before, which its sender does not know. *losses: how often it was sent again, this time included. Forgets it. */
enum sc_again sc_repeat_judged_again(struct sc_filter_core *core, const struct sc_part *parts, unsigned *losses);

/* ---- sign.c, verify.c ---- */

void sc_sign_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message);
void sc_verify_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message);

/* A message that was forwarded with its PASSporT before is forwarded again. */
void sc_sign_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                   const struct sc_passed *passed);
void sc_verify_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                     const struct sc_passed *passed);

/* All operations of an item have ended. */
void sc_sign_settled(struct sc_item *item);
void sc_verify_settled(struct sc_item *item);

/* Its deadline has passed. */
void sc_sign_expired(struct sc_item *item);
void sc_verify_expired(struct sc_item *item);

/* A segment that is forwarded before its message is complete: not judged, or unsigned itself. */
void sc_sign_release(struct sc_filter_core *core, struct sc_part *part, struct sc_held *held);
void sc_verify_release(struct sc_filter_core *core, struct sc_part *part, struct sc_held *held);

/* Segments whose message does not become whole, out of time or room; the list is freed. */
void sc_sign_give_up(struct sc_filter_core *core, struct sc_part *parts, unsigned why);
void sc_verify_give_up(struct sc_filter_core *core, struct sc_part *parts, const char *reason);

/* Segments that were forwarded at once, and whose message does not become whole. */
void sc_sign_incomplete(struct sc_filter_core *core, enum sc_leg from, const char *system_id, unsigned segments,
                        unsigned why);

/* filter_health.c: fills in why messages would not be signed or verified as configured. */
void sc_filter_health(struct sc_filter_core *core, struct sc_health *out);
