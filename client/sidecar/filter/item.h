/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/cps_operation.h"
#include "client/sidecar/filter/message.h"
#include "client/sidecar/filter/part.h"
#include "client/sidecar/filter/repeat.h"
#include "client/sidecar/policy/policy.h"
#include "common/base/map.h"

struct sc_line;

/* The other possible readings of a message's text, as libcps takes them. */
struct sc_readings {
    struct smpp_readings made;
    struct cps_reading list[SMPP_READINGS - 1];
};

/* A message, with all its segments, until it is decided and none of its operations is in progress. */
struct sc_item {
    struct stir_map_node node; /* in lost_by_print, by `print`; first member: a node is its item */
    struct sc_filter_core *core;
    struct sc_policy *policy;
    bool verify;
    enum sc_leg from;
    enum {
        SC_ITEM_OPEN,
        SC_ITEM_LOST,    /* all its connections have ended; its sender may send it again */
        SC_ITEM_DECIDED, /* decided, but an operation is still in progress */
    } state;
    bool late; /* sign: forwarded before its PASSporT was published */
    struct sc_part *parts;
    unsigned segments;
    bool whole;    /* it arrived as one PDU */
    bool released; /* some segments were forwarded before the last one arrived */
    bool prompt;   /* of a USSD session: it does not wait for a PASSporT to arrive */
    bool others;   /* it also goes to destinations that no PASSporT can name */
    bool has_print;
    uint8_t print[SC_PRINT];        /* digest that is equal if the same message is sent again */
    struct stir_map_node last_node; /* in lost_by_last, by last_print: its last segment alone may be sent again */
    uint8_t last_print[SC_PRINT];   /* if `released`: the same digest for the last segment */
    char *texts;                    /* system_id, orig and destinations in canonical form, each with its NUL */
    size_t texts_len;
    const char *system_id, *orig, **dests; /* point into texts */
    size_t dest_count;
    struct stir_buf body;
    struct sc_readings *readings; /* verify: other readings of the body, owned by the item; NULL: none */
    struct sc_line *line;         /* sign, late: its line in the record, until it has a text; or NULL */
    bool recorded;                /* sign: its line in the record is written */
    uint64_t signed_ms;           /* sign: when making its PASSporT began, */
    uint32_t life_s;              /* and for how long verifiers accept it */
    uint64_t arrived_ms;
    uint64_t due_ms;                /* the deadline; if lost: when it is forgotten */
    struct sc_item *before, *after; /* in the list of its state */
    struct sc_op *ops;              /* one per destination with known keys */
    size_t op_count;
    size_t pending;            /* operations in progress */
    bool spooled;              /* at least one PASSporT waits in the spool */
    const struct sc_op *worst; /* the worst failed operation; NULL: none failed */
};

struct sc_item_list {
    struct sc_item *first, *last;
    size_t count;
};

/* Makes an item for a fit message that arrived as these parts; without parts the message was forwarded already. Takes
 * over parts and body. Returns NULL, with nothing taken over, if out of memory. */
struct sc_item *sc_item_new(struct sc_filter_core *core, const struct sc_message *message, const struct sc_held *held,
                            struct sc_part *parts, struct stir_buf *body, bool verify);

/* Takes over the other readings of a text; *out is NULL if there are none. Returns false, with nothing taken over, if
 * out of memory. */
bool sc_readings_new(struct sc_readings **out, struct smpp_readings *readings);
void sc_readings_free(struct sc_readings *readings);

/* Returns a new operation, to be filled in, for the destination with this index: at most one per destination. */
struct sc_op *sc_item_op(struct sc_item *item, size_t dest);

/* Looks for the same message among the lost items. If it is found, its item takes over the new item's parts and waits
 * for its decision, the new item is freed, and true is returned. */
bool sc_item_is_repeat(struct sc_item *item);

/* Looks for a lost item of which only the last segment was held, and whose last segment is this part. If it is found,
 * it takes over the part, which is judged with the whole text, and true is returned. */
bool sc_item_resume(struct sc_filter_core *core, struct sc_part *part);

/* Begins its operations and sets its deadline. An item without parts is decided already. */
void sc_item_begin(struct sc_item *item);

/* Notes that all its parts are decided. Frees it now, or when its operations have ended. */
void sc_item_decided(struct sc_item *item);

/* Notes that a part has lost its connection. */
void sc_item_lost(struct sc_item *item, struct sc_part *part);

/* Forgets a lost item. */
void sc_item_forget(struct sc_item *item);

/* Takes the result of an operation that has ended. */
void sc_item_op_done(struct sc_op *op);

/* Decides items whose deadline has passed, and forgets lost ones. */
void sc_items_expire(struct sc_filter_core *core);

/* Returns the earliest deadline in the loop's time in ms, UINT64_MAX if there is none. */
uint64_t sc_items_due(const struct sc_filter_core *core);

/* Moves the deadlines of undecided items forward to `ms` milliseconds from now at most. */
void sc_items_hurry(struct sc_filter_core *core, uint64_t ms);

/* Forgets all lost items. */
void sc_items_forget(struct sc_filter_core *core);
