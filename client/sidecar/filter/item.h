#pragma once

#include "client/sidecar/filter/cps_operation.h"
#include "client/sidecar/filter/message.h"
#include "client/sidecar/filter/part.h"
#include "client/sidecar/filter/repeat_note.h"
#include "client/sidecar/policy/policy.h"
#include "common/base/map.h"

struct sc_line;

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
