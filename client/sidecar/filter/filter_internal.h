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
    GW_STOP_MS = 1500,      /* at a stop, what is undecided is decided within it */
    GW_CLOSE_MS = 2000,     /* and what is being published then still may */
    GW_HOLD_QUIET_MS = 200, /* [join] hold = window: segments are forwarded when their connection brought nothing for
                             * this time, */
    GW_HOLD_MAX_MS = 600,   /* or when they are held this long */
    GW_REPEAT_MS = 300000,  /* how long it is remembered that a message lost its connection */
    GW_REPEATS_MAX = 10000, /* and how many */
    GW_ANSWERED_MS = 10000, /* how long an answer may not have been read yet when its connection ends */
    GW_SENT_MAX = 50000,    /* not answered; as many that were answered just now; as many that may be sent again */
    GW_PRINT = 32,
};

/* A message that is held: a whole one, or a segment. */
struct gw_part {
    struct gw_held *held; /* NULL: its connection has ended */
    struct gw_item *item; /* NULL while other segments are waited for */
    struct gw_part *next; /* of a list: in their order, copies of a segment behind it */
    bool verify;
    bool released;        /* it was forwarded before its message was complete; `held` is NULL since then */
    struct gw_note *note; /* verify, released: what the record of judged messages needs of it; may be NULL */
    struct gw_hold *hold; /* of its connection, while it may be forwarded for lack of traffic; NULL: not */
    struct gw_part *hold_before, *hold_after;
    uint64_t since_ms;           /* when it was put there */
    struct gw_repeat_slot *slot; /* verify: that its PASSporT is being looked for; NULL: not noted */
};

/* The other readings of a message's text, as libcps takes them. */
struct gw_readings {
    struct smpp_readings made;
    struct cps_reading list[SMPP_READINGS - 1];
};

/* A message on its way to a decision, all its segments. It goes when it is decided and nothing of it is under way. */
struct gw_item {
    struct stir_map_node node; /* of those that wait to be repeated, by `print`; first: a node is its item */
    struct gw_filter_core *core;
    struct gw_policy *policy;
    bool verify;
    enum gw_leg from;
    enum {
        GW_ITEM_OPEN,
        GW_ITEM_LOST,    /* all its connections have ended; it may be repeated */
        GW_ITEM_DECIDED, /* nobody waits for it */
    } state;
    bool late; /* sign: it has gone on before its PASSporT was published */
    struct gw_part *parts;
    unsigned segments;
    bool whole;    /* it came as one PDU */
    bool released; /* some of its segments were forwarded before the last one came */
    bool prompt;   /* of a USSD session: it does not wait for what is not there */
    bool others;   /* it goes to destinations that no PASSporT can name, too */
    bool has_print;
    uint8_t print[GW_PRINT];        /* what makes it the same message */
    struct stir_map_node last_node; /* likewise, by last_print: its last segment alone may be repeated */
    uint8_t last_print[GW_PRINT];   /* if `released`: what makes a PDU that segment again */
    char *texts;                    /* system_id, orig and destinations in canonical form, each with its NUL */
    size_t texts_len;
    const char *system_id, *orig, **dests; /* in there */
    size_t dest_count;
    struct stir_buf body;
    struct gw_readings *readings; /* verify: of the body, the item's own; NULL: it has no other */
    struct gw_line *line;         /* sign: of a message that was forwarded before its PASSporT was published; or NULL */
    bool recorded;                /* sign: it has its line in the record */
    uint64_t signed_ms;           /* sign: when its PASSporT was begun, */
    uint32_t life_s;              /* and how long it is accepted */
    uint64_t arrived_ms;
    uint64_t due_ms;                /* the deadline; for a lost one: when it is forgotten */
    struct gw_item *before, *after; /* in the list of its state */
    struct gw_op *ops;              /* one a destination that there are keys for */
    size_t op_count;
    size_t pending;            /* operations that have not ended */
    bool spooled;              /* one waits in the spool */
    const struct gw_op *worst; /* of those that ended without success */
};

struct gw_item_list {
    struct gw_item *first, *last;
    size_t count;
};

struct gw_sent;

struct gw_sent_list {
    struct gw_sent *first, *last;
    size_t count;
};

/* Lines of the records that wait for the answers to their messages. */
struct gw_line;

struct gw_lines {
    struct stir_map by_sequence;
    struct gw_line *first, *last; /* in order of time */
    size_t waiting;               /* PDUs */
};

struct gw_filter_core {
    uv_loop_t *loop;
    const struct stir_log *log;
    struct gw_policy *policy;
    struct gw_service *services; /* all that are in use */
    struct gw_filter_counters counters;
    struct gw_message_log judged, signed_;
    struct gw_number_key number_key; /* of the hashes that stand for numbers there */
    struct gw_lines lines;
    struct gw_outcomes *outcomes;
    struct gw_ops ops;
    struct smpp_join *join;
    struct stir_map join_peers;
    struct gw_expect *expect; /* NULL: [verify] adaptive was never in use */
    bool saving;              /* a copy of it is being written to its file */
    uint64_t save_ms;         /* when it may be written again */
    struct stir_map holds;
    struct gw_hold *quietest, *latest;            /* in the order in which their connections brought something */
    struct gw_item_list signing, verifying, lost; /* by deadline */
    struct stir_map lost_by_print, lost_by_last;
    struct stir_map sent_binds, sent_by_sequence, sent_by_print;
    size_t unanswered, answered;
    struct gw_sent_list repeatable;
    size_t judged_again;            /* of these: they are judged again, see gw_sent_judged_again */
    struct gw_repeat_file *repeats; /* NULL: what may be sent again ends with the process */
    uv_timer_t timer;
    uint64_t timer_ms; /* what it is set to, 0: not */
    uv_prepare_t prepare;
    bool stopping;
    uint64_t closing_ms;   /* close() was called: everything ends then; 0: it was not */
    unsigned open_handles; /* on the loop */
    uint64_t said_ms;      /* the last line about a failure; there is one a second */
    uint64_t unsaid;
};

static inline uint64_t gw_now(const struct gw_filter_core *core)
{
    return uv_now(core->loop);
}

/* Whether a PASSporT is too old for a message that is sent again: older than a quarter of its life. It must still be
 * accepted where the message arrives, which may be refused and sent again on the way once more. */
static inline bool gw_is_old(const struct gw_filter_core *core, uint64_t signed_ms, uint32_t life_s)
{
    return gw_now(core) - signed_ms > (uint64_t)life_s * 1000 / 4;
}

/* ---- filter.c ---- */

/* A warning about what may happen to every message: one a second, with how many were left out. */
void gw_filter_say(struct gw_filter_core *core, const char *what, const char *reason);

/* ---- filter_exempt.c ---- */

/* Decides about a PDU that is not held (gw_filter.exempt): removes planted verdicts where messages are verified,
 * refuses replace_sm and broadcast_sm unless they may pass, and counts and records what passes without a verdict. */
void gw_exempt_take(struct gw_filter_core *core, const struct gw_held *held, enum gw_exempt kind,
                    struct gw_passage *out);

/* Something that lives on the loop has ended: the filter is freed when it was closed and nothing is left. */
void gw_filter_let_go(struct gw_filter_core *core);

/* ---- filter_expect.c ---- */

/* Whether a message from orig is to wait for its PASSporT. */
bool gw_expect_passport(struct gw_filter_core *core, enum gw_leg from, const char *system_id, const char *orig);

/* Takes in the verdict of an item. */
void gw_expect_learn(struct gw_filter_core *core, const struct gw_item *item, enum stir_verdict verdict);

/* Reads the file where the policy asks for it, once. */
void gw_expect_open(struct gw_filter_core *core);

/* Writes it, if there is something new; true: core->saving until that is done. */
bool gw_expect_begin_save(struct gw_filter_core *core);
void gw_expect_expire(struct gw_filter_core *core);
uint64_t gw_expect_due(const struct gw_filter_core *core);

/* ---- filter_line.c ---- */

/* Makes a line for a message that is about to be decided, of one PDU or of all parts that are held, and begins to wait
 * for the answers. NULL: there is no record, or no memory. */
struct gw_line *gw_line_of_held(struct gw_filter_core *core, struct gw_message_log *log, const struct gw_held *held);
struct gw_line *gw_line_of_parts(struct gw_filter_core *core, struct gw_message_log *log, const struct gw_part *parts);

/* Gives a line its text, without its end, which is emptied; the line writes itself when its time has come. forwarded:
 * its PDUs will be answered. line NULL: the text is written now, without what answers bring. */
void gw_line_say(struct gw_line *line, struct gw_message_log *log, struct stir_buf *text, bool forwarded);

/* Forgets a line that has no text. NULL is fine. */
void gw_line_drop(struct gw_line *line);

void gw_lines_answered(struct gw_filter_core *core, const struct gw_bind *bind, enum gw_leg from, uint32_t sequence,
                       uint32_t status, struct stir_view message_id);
void gw_lines_ended(struct gw_filter_core *core, const struct gw_bind *bind);
void gw_lines_expire(struct gw_filter_core *core);
uint64_t gw_lines_due(const struct gw_filter_core *core);

/* Writes all that wait. */
void gw_lines_end(struct gw_filter_core *core);

/* ---- filter_part.c ---- */

/* A held message as a list of one; NULL: out of memory. */
struct gw_part *gw_part_new(struct gw_held *held, bool verify);
void gw_parts_free(struct gw_part *parts);

/* Whether any of them was forwarded before its message was complete. */
bool gw_parts_released(const struct gw_part *parts);
struct gw_part **gw_parts_end(struct gw_part **parts);

/* The first that is still held, NULL: none. */
struct gw_held *gw_parts_held(const struct gw_part *parts);

/* So many of them are. */
size_t gw_parts_count(const struct gw_part *parts);

/* They are to go on in the list's order. */
void gw_parts_reorder(const struct gw_part *parts);

/* ---- filter_item.c ---- */

/* Makes an item of a fit message that was received as these parts (which may be none), with `op_count` operations;
 * takes parts and body over. NULL, nothing taken: out of memory. */
struct gw_item *gw_item_new(struct gw_filter_core *core, const struct gw_message *message, const struct gw_held *held,
                            struct gw_part *parts, struct stir_buf *body, bool verify);

/* Takes the other readings of a text over; *out is NULL without readings. Returns false if out of memory; nothing is
 * taken then. */
bool gw_readings_new(struct gw_readings **out, struct smpp_readings *readings);
void gw_readings_free(struct gw_readings *readings);

/* An operation to fill in, for the destination of this index; at most one a destination. */
struct gw_op *gw_item_op(struct gw_item *item, size_t dest);

/* The same message was here, lost its connection, and was sent again: what was held of the new item goes on with the
 * old one, and the new one is gone. False: it is new. */
bool gw_item_is_repeat(struct gw_item *item);

/* The last segment of a message, whose others were forwarded, lost its connection and comes again as `part`: it is
 * judged with the whole text. False: it is new. */
bool gw_item_resume(struct gw_filter_core *core, struct gw_part *part);

/* Begins its operations; it has a deadline from now on. An item without parts is decided already. */
void gw_item_begin(struct gw_item *item);

/* It was decided, and its parts with it. It is freed now, or when its operations have ended. */
void gw_item_decided(struct gw_item *item);

/* A part of it has lost its connection. */
void gw_item_lost(struct gw_item *item, struct gw_part *part);

/* It needs not be known again. */
void gw_item_forget(struct gw_item *item);

/* An operation has ended. */
void gw_item_op_done(struct gw_op *op);

/* Deadlines that have passed. */
void gw_items_expire(struct gw_filter_core *core);

/* The earliest deadline, UINT64_MAX: none. */
uint64_t gw_items_due(const struct gw_filter_core *core);

/* Brings all deadlines of undecided messages forward, to in so many ms at most. */
void gw_items_hurry(struct gw_filter_core *core, uint64_t ms);

/* Forgets those that may be repeated. */
void gw_items_forget(struct gw_filter_core *core);

/* ---- filter_hold.c ---- */

/* Lets a part that is held wait for the rest of its message no longer than [join] hold = window allows. False: out of
 * memory. */
bool gw_hold_add(struct gw_filter_core *core, struct gw_part *part);

/* Ends that; does nothing for a part that is not there. */
void gw_hold_remove(struct gw_filter_core *core, struct gw_part *part);

/* Forwards a held part before its message is complete. Its text still counts. */
void gw_hold_release(struct gw_filter_core *core, struct gw_part *part);

/* To be called for each message that comes, before it is dealt with. */
void gw_hold_heard(struct gw_filter_core *core, const struct gw_held *held);

bool gw_hold_init(struct gw_filter_core *core);
void gw_hold_free(struct gw_filter_core *core);
void gw_hold_expire(struct gw_filter_core *core);
uint64_t gw_hold_due(const struct gw_filter_core *core);

/* ---- filter_join.c ---- */

enum gw_join_result {
    GW_JOIN_KEPT,      /* others are still to come */
    GW_JOIN_COMPLETE,  /* `message` is whole, `parts` are those of it that are, or were, held */
    GW_JOIN_SEEN,      /* it was there already */
    GW_JOIN_RESUMED,   /* it is the last one of a message that was whole before its connection ended */
    GW_JOIN_REFUSED,   /* over a bound */
    GW_JOIN_CONTESTED, /* two messages are open under its reference */
};

/* Why a segment is not joined, as the reason of a verdict. */
extern const char gw_join_contested[];

struct gw_joined {
    enum gw_join_result result;
    bool first;                  /* kept: it is the first of its message */
    struct smpp_joined *message; /* the caller's to free */
    struct gw_part *parts;
};

/* Adds a segment: `part` is what is held of it (taken over unless it was refused), NULL if it is forwarded at once. A
 * part that is kept or seen may have been forwarded when this returns, as [join] hold says: `held` is not to be touched
 * then. Segments that are given up for it are decided. */
struct gw_joined gw_join_add(struct gw_filter_core *core, const struct gw_held *held, const struct gw_message *message,
                             struct gw_part *part);

bool gw_join_init(struct gw_filter_core *core);
void gw_join_free(struct gw_filter_core *core);
void gw_join_expire(struct gw_filter_core *core);
uint64_t gw_join_due(const struct gw_filter_core *core);

/* Decides all that waits for segments. */
void gw_join_give_up_all(struct gw_filter_core *core);

/* ---- filter_sent.c ---- */

/* What is remembered of a message that is forwarded with a PASSporT. */
struct gw_passed {
    bool verify;
    bool whole;         /* it is a message, not a segment of one */
    unsigned losses;    /* how often it was sent again with this PASSporT after its connection was lost */
    bool refused;       /* of one that is sent again: the peer had refused it; otherwise its connection was lost */
    uint64_t signed_ms; /* sign: when the PASSporT was made, by the loop's clock */
    uint32_t life_s;    /* sign: how long it is accepted */
    char signer[CPS_AUTHORITY_MAX]; /* verify: whose it was */
    char ppt[CPS_PPT_MAX];          /* verify: its type */
    char attest[2];                 /* verify: the attestation level of a "shaken" one, or "" */
    struct gw_repeat_slot *slot;    /* verify: its record in the file, the owner's to free; or NULL */
};

/* Why "replayed" proves nothing about a message, this time. */
enum gw_again {
    GW_AGAIN_NOT,     /* it does */
    GW_AGAIN_STOPPED, /* the process before this one ended while it was judging the message */
    GW_AGAIN_LATE,    /* it was forwarded without a verdict while its PASSporT was still looked for */
    GW_AGAIN_UNREAD,  /* its connection ended before the answer to it can have been read for certain */
};

/* A record of a message that is about to be forwarded with a PASSporT; NULL: none can be kept. */
struct gw_sent *gw_sent_new(const struct gw_held *held, const struct gw_passed *passed);

/* What makes a PDU the same when it is sent again. False: out of memory. */
bool gw_sent_print(uint8_t print[GW_PRINT], const struct gw_held *held, bool verify);

/* It was forwarded; or it was not. Both take NULL. */
void gw_sent_add(struct gw_filter_core *core, struct gw_sent *sent);
void gw_sent_free(struct gw_filter_core *core, struct gw_sent *sent);

/* Takes in a record of the process before this one. again: not GW_AGAIN_NOT if it is to be judged again. False: out of
 * memory. */
bool gw_sent_restore(struct gw_filter_core *core, const struct gw_passed *passed, const uint8_t print[GW_PRINT],
                     enum gw_again again);

/* Tells that of a PDU. *losses is how often the message was sent again before; forgets the PDU if `forget`. */
enum gw_again gw_sent_judged_again(struct gw_filter_core *core, const uint8_t print[GW_PRINT], bool forget,
                                   unsigned *losses);

void gw_sent_answered(struct gw_filter_core *core, const struct gw_bind *bind, enum gw_leg from, uint32_t sequence,
                      uint32_t status);

/* A bind has ended: what was not answered may be sent again, and if the connection was closed, too, so may what was
 * answered just before. from has read all answers. */
void gw_sent_ended(struct gw_filter_core *core, const struct gw_bind *bind, bool closed);
void gw_sent_caught_up(struct gw_filter_core *core, const struct gw_bind *bind, enum gw_leg from);

/*
 * Tells whether a message was forwarded with a PASSporT before, and refused or not answered: its sender sends it again,
 * and it passes with the PASSporT that it has used. True once for each time; *out is what was remembered, with this
 * time counted. False also if it was sent again too often after a loss ([repeat] max), or, where messages are signed,
 * if its PASSporT is older than a quarter of its life: then it is to be judged or signed anew. A segment (`whole` is
 * false) is not signed by itself, so its PASSporT's age does not matter.
 */
bool gw_sent_is_repeat(struct gw_filter_core *core, const struct gw_held *held, bool verify, bool whole,
                       struct gw_passed *out);

/* Counts, and logs, that a message was sent again after a loss more often than [repeat] max allows; what: is done. */
void gw_sent_over(struct gw_filter_core *core, const char *what);

bool gw_sent_init(struct gw_filter_core *core);
void gw_sent_free_all(struct gw_filter_core *core);
void gw_sent_expire(struct gw_filter_core *core);
uint64_t gw_sent_due(const struct gw_filter_core *core);

/* ---- filter_repeat.c ---- */

/* Opens [repeat] file and takes in what the process before this one left there. STIR_E_IO, STIR_E_CONFIG. */
enum stir_code gw_repeat_open(struct gw_filter_core *core, const struct gw_config *config,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Notes that the PASSporT of these parts, which belong to an item, is going to be looked for. */
void gw_repeat_intend(struct gw_filter_core *core, struct gw_part *parts);

/* Notes that a message has passed and waits for its answer, or may be sent again (`judged`: it is to be judged again
 * then). Does nothing if it was signed. */
void gw_repeat_note(struct gw_filter_core *core, struct gw_passed *passed, const uint8_t print[GW_PRINT], bool judged);

/* Notes that it was answered now; the answer may not have been read yet. */
void gw_repeat_note_answered(const struct gw_passed *passed);

/* Notes that messages arrive at this time. */
void gw_repeat_note_use(const struct gw_filter_core *core);

/* Removes a note, unless the process is ending: then it is for the next one. slot may be NULL. */
void gw_repeat_release(const struct gw_filter_core *core, struct gw_repeat_slot *slot);

/* Tells whether the PASSporT of the message of these parts may have been used up by the message itself when it came
 * before, which its sender does not know. *losses: how often it was sent again, this time included. Forgets it. */
enum gw_again gw_repeat_judged_again(struct gw_filter_core *core, const struct gw_part *parts, unsigned *losses);

/* ---- sign.c, verify.c ---- */

void gw_sign_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message);
void gw_verify_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message);

/* A message that was forwarded with its PASSporT before is forwarded again. */
void gw_sign_again(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                   const struct gw_passed *passed);
void gw_verify_again(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     const struct gw_passed *passed);

/* All operations of an item have ended. */
void gw_sign_settled(struct gw_item *item);
void gw_verify_settled(struct gw_item *item);

/* Its deadline has passed. */
void gw_sign_expired(struct gw_item *item);
void gw_verify_expired(struct gw_item *item);

/* A segment that is forwarded before its message is complete: not judged, or unsigned itself. */
void gw_sign_release(struct gw_filter_core *core, struct gw_part *part, struct gw_held *held);
void gw_verify_release(struct gw_filter_core *core, struct gw_part *part, struct gw_held *held);

/* Segments whose message does not become whole, out of time or room; the list is freed. */
void gw_sign_give_up(struct gw_filter_core *core, struct gw_part *parts, unsigned why);
void gw_verify_give_up(struct gw_filter_core *core, struct gw_part *parts, const char *reason);

/* Segments that were forwarded at once, and whose message does not become whole. */
void gw_sign_incomplete(struct gw_filter_core *core, enum gw_leg from, const char *system_id, unsigned segments,
                        unsigned why);

/* filter_health.c: fills in why messages would not be signed or verified as configured. */
void gw_filter_health(struct gw_filter_core *core, struct gw_health *out);
