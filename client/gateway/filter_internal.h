#pragma once

#include "client/gateway/filter.h"
#include "client/gateway/filter_op.h"
#include "client/gateway/judge.h"
#include "client/gateway/tag.h"
#include "client/lib/map.h"

/* What the files of the filter share. All of it belongs to the loop's thread. */

enum {
    GW_STOP_MS = 1500,      /* at a stop, what is undecided is decided within it */
    GW_CLOSE_MS = 2000,     /* and what is being published then still may */
    GW_REPEAT_MS = 300000,  /* how long it is remembered that a message lost its connection */
    GW_REPEATS_MAX = 10000, /* and how many */
    GW_SENT_MAX = 50000,    /* not answered; and as many that may be sent again */
    GW_PRINT = 32,
};

/* A message that is held: a whole one, or a segment. */
struct gw_part {
    struct gw_held *held; /* NULL: its connection has ended */
    struct gw_item *item; /* NULL while other segments are waited for */
    struct gw_part *next; /* of a list: in their order, copies of a segment behind it */
    bool verify;
};

/* A message on its way to a decision, all its segments. It goes when it is decided and nothing of it is under way. */
struct gw_item {
    struct cps_map_node node; /* of those that wait to be repeated, by `print`; first: a node is its item */
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
    bool whole;  /* it came as one PDU */
    bool others; /* it goes to destinations that no PASSporT can name, too */
    bool has_print;
    uint8_t print[GW_PRINT]; /* what makes it the same message */
    char *texts;             /* system_id, orig and destinations in canonical form, each with its NUL */
    size_t texts_len;
    const char *system_id, *orig, **dests; /* in there */
    size_t dest_count;
    struct stir_buf body;
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

struct gw_filter_core {
    uv_loop_t *loop;
    const struct stir_log *log;
    struct gw_policy *policy;
    struct gw_service *services; /* all that are in use */
    struct gw_filter_counters counters;
    struct gw_judge judge;
    struct gw_ops ops;
    struct smpp_join *join;
    struct cps_map join_peers;
    struct gw_item_list signing, verifying, lost; /* by deadline */
    struct cps_map lost_by_print;
    struct cps_map sent_binds, sent_by_sequence, sent_by_print;
    size_t unanswered;
    struct gw_sent_list repeatable;
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

/* ---- filter.c ---- */

/* A warning about what may happen to every message: one a second, with how many were left out. */
void gw_filter_say(struct gw_filter_core *core, const char *what, const char *reason);

/* ---- filter_part.c ---- */

/* A held message as a list of one; NULL: out of memory. */
struct gw_part *gw_part_new(struct gw_held *held, bool verify);
void gw_parts_free(struct gw_part *parts);
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

/* An operation to fill in, for the destination of this index; at most one a destination. */
struct gw_op *gw_item_op(struct gw_item *item, size_t dest);

/* The same message was here, lost its connection, and was sent again: what was held of the new item goes on with the
 * old one, and the new one is gone. False: it is new. */
bool gw_item_is_repeat(struct gw_item *item);

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

/* ---- filter_join.c ---- */

enum gw_join_result {
    GW_JOIN_KEPT,     /* others are still to come */
    GW_JOIN_COMPLETE, /* `message` is whole, `parts` are those of it that are held */
    GW_JOIN_SEEN,     /* it was there already */
    GW_JOIN_REFUSED,  /* over a bound */
};

struct gw_joined {
    enum gw_join_result result;
    struct smpp_joined *message; /* the caller's to free */
    struct gw_part *parts;
};

/* Adds a segment: `part` is what is held of it (taken over unless it was refused), NULL if it goes on at once. Segments
 * that are given up for it are decided. */
struct gw_joined gw_join_add(struct gw_filter_core *core, const struct gw_held *held, const struct gw_message *message,
                             struct gw_part *part);

bool gw_join_init(struct gw_filter_core *core);
void gw_join_free(struct gw_filter_core *core);
void gw_join_expire(struct gw_filter_core *core);
uint64_t gw_join_due(const struct gw_filter_core *core);

/* Decides all that waits for segments. */
void gw_join_give_up_all(struct gw_filter_core *core);

/* ---- filter_sent.c ---- */

/* A record of a message that is about to go on with a PASSporT; NULL: none can be kept. verify: it passed, signed by
 * `signer`. */
struct gw_sent *gw_sent_new(const struct gw_held *held, bool verify, const char *signer);

/* It has gone on; or it has not. Both take NULL. */
void gw_sent_add(struct gw_filter_core *core, struct gw_sent *sent);
void gw_sent_free(struct gw_sent *sent);

void gw_sent_answered(struct gw_filter_core *core, const struct gw_bind *bind, enum gw_leg from, uint32_t sequence,
                      uint32_t status);
void gw_sent_ended(struct gw_filter_core *core, const struct gw_bind *bind);

/* The same was refused, or not answered, before. True once for each time; the signer is put into `signer`. */
bool gw_sent_is_repeat(struct gw_filter_core *core, const struct gw_held *held, bool verify, char *signer, size_t cap);

bool gw_sent_init(struct gw_filter_core *core);
void gw_sent_free_all(struct gw_filter_core *core);
void gw_sent_expire(struct gw_filter_core *core);
uint64_t gw_sent_due(const struct gw_filter_core *core);

/* ---- sign.c, verify.c ---- */

void gw_sign_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message);
void gw_verify_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message);

/* A message that went on before, with its PASSporT, goes on again. */
void gw_sign_again(struct gw_filter_core *core, struct gw_held *held);
void gw_verify_again(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     const char *signer);

/* All operations of an item have ended. */
void gw_sign_settled(struct gw_item *item);
void gw_verify_settled(struct gw_item *item);

/* Its deadline has passed. */
void gw_sign_expired(struct gw_item *item);
void gw_verify_expired(struct gw_item *item);

/* Segments whose message does not become whole, out of time or room; the list is freed. */
void gw_sign_give_up(struct gw_filter_core *core, struct gw_part *parts, unsigned why);
void gw_verify_give_up(struct gw_filter_core *core, struct gw_part *parts, const char *reason);
