/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/jose/jwe.h"
#include "cps/store/store.h"

#include <assert.h>

/*
 * How a box, a record, a claim and a bucket look in Redis: the keys, the fields, and every offset within a value. The C
 * code and the Lua scripts (lua/) use these names; embed_lua.cmake puts the values into the scripts. What is stored in
 * Redis servers today has this layout, so a value here can change only together with a conversion.
 *
 * Offsets count from 0; Lua's string functions count from 1. Numbers are unsigned, most significant octet first. Times
 * are microseconds of Redis' own clock.
 *
 * A box is one hash. Its fields:
 *
 *   m     the meta field (BOX_META_...): what the whole box needs. m is always there, so deleting other fields never
 *         deletes the key together with its expiry time
 *   1...  rows (BOX_ROW_...): envelopes, numbered in order of arrival. The form of an envelope that was taken is in
 *         lower case as long as the envelope is shown. A row that is no longer shown, or was replaced, keeps only its
 *         arrival time (BOX_ROW_GONE octets), so that the numbers have no gaps and can be searched by bisection
 *   t1... taken records (BOX_TAKEN_...): one for each envelope that was taken, in that order
 *   <id>  index entry (BOX_ITEM_...) of the envelope with this 16-octet id
 *   p...  p and BOX_OWNER_OCTETS octets of a publisher, or p alone for publishers without a credential: the number of
 *         its living envelopes in decimal. It is decremented when an envelope is taken or cleared away. So it includes
 *         expired envelopes that are still there; where that keeps a publisher from its share, the rows are compacted
 *   q...  the same for envelopes that were taken, as long as that is remembered
 *
 * Field names cannot collide, since row numbers have fewer than 16 digits.
 *
 * A box that received a single envelope, as most do, can be made without a script (put_new.h). Then m is its only field
 * and holds a fresh record (BOX_FRESH_...), and the box expires when the key does. Put and remove convert such a box to
 * the form above. Redis keeps a key for the whole of its last millisecond; the envelope has expired by then.
 *
 * No operation's work grows with the box, except for a bisection (and for list, the rows that it returns). A put or a
 * remove clears at most 8 rows at the front. Rows that expired further back are skipped until the rows are compacted:
 * when more than half of them are unused, when the box is full and a row may have expired, or when a list skipped many.
 * Compaction does 128 rows (0.3 ms) with each operation and then pauses. While it runs, the rows are closed_from ..
 * closed_to-1 and, after a gap, head..tail; row() in lua/part_read.lua maps a position to a row number.
 *
 * A put publishes on the channel that has the name of the key, so that waiting readers at other servers look again. The
 * key expires with the last envelope. Scripts delete before they write: when Redis' memory is used up, it still allows
 * a script to delete, and then to write.
 */

/* Keys: a prefix, then {name}. The part in braces selects the slot of a cluster. */
#define BOX_KEY "cps:"            /* a box: the destination */
#define BOX_KEY_RECORD "cpsk:"    /* a record: a hash of its text (t) and its order (o) */
#define BOX_KEY_CLAIM "cpsj:"     /* a claim, the same for every box and so in a slot of its own: its id in base64url */
#define BOX_KEY_BUCKET "cpsl:"    /* a token bucket: the time in microseconds at which it will be full, in decimal */
#define BOX_KEY_DEST "cpsl:dest:" /* the bucket of a destination, in the slot of its box */
#define BOX_KEY_PREFIX_MAX 16     /* octets of the longest prefix and the braces */
#define BOX_KEY_MAX (STIR_IDENTITY_MAX + BOX_KEY_PREFIX_MAX)

/* embed_lua.cmake reads the lines "NAME = NUMBER," and "NAME = 'C',". Expressions would be lost on it; the assertions
 * below tie the numbers together. */
enum box_layout {
    BOX_TIME_OCTETS = 7,
    BOX_ID_OCTETS = 16,
    BOX_COUNT_OCTETS = 5, /* of a row number */
    BOX_OWNER_OCTETS = 8, /* that tell publishers apart */

    /* A row: the publisher, with its length in one octet before it, is there if the form says so; then follows the
     * envelope as it came or packed (common/jose/jwe_pack.h), which saves a third of Redis' memory. */
    BOX_ROW_ARRIVAL = 0,
    BOX_ROW_EXPIRES = 7,
    BOX_ROW_ID = 14,
    BOX_ROW_FORM = 30,
    BOX_ROW_HEAD = 31,  /* octets up to the form, with it: here the publisher's length or the envelope follows */
    BOX_ROW_OWNER = 32, /* the publisher */
    BOX_ROW_GONE = 7,   /* octets of a row that is no longer shown */

    /* An index entry. */
    BOX_ITEM_KIND = 0,
    BOX_ITEM_ARRIVAL = 1, /* 0 in that of an id that was remembered although it never was there */
    BOX_ITEM_EXPIRES = 8, /* of one that was taken: until when that is remembered */
    BOX_ITEM_ROW = 15,    /* the row number in decimal, where it was put; rows may have been compacted since */

    /* The meta field; the second part is there while rows are compacted or taken records exist. */
    BOX_META_HEAD = 0,         /* the first row's number, 5 octets */
    BOX_META_TAIL = 5,         /* the last row's number, 5 octets */
    BOX_META_LIVING = 10,      /* the number of living rows, 3 octets */
    BOX_META_LAST = 13,        /* the last arrival */
    BOX_META_MAX = 20,         /* when the key expires */
    BOX_META_MIN = 27,         /* the earliest time at which a living row expires */
    BOX_META_SHORT = 34,       /* octets of the first part */
    BOX_META_PAUSE = 34,       /* no compaction begins before this time */
    BOX_META_TAKEN_HEAD = 41,  /* the first taken record's number, 5 octets */
    BOX_META_TAKEN_TAIL = 46,  /* the last taken record's number, 5 octets */
    BOX_META_CLOSED_FROM = 51, /* the first compacted row's number, 5 octets */
    BOX_META_CLOSED_TO = 56,   /* the number after the last compacted row's, 5 octets; 0: no compaction under way */
    BOX_META_LOW = 61,         /* the earliest time at which a compacted row expires */
    BOX_META_LONG = 68,        /* octets of both parts */

    /* A taken record. */
    BOX_TAKEN_UNTIL = 0, /* until when it is remembered */
    BOX_TAKEN_ID = 7,
    BOX_TAKEN_OWNER = 23, /* the field q... that counts it; nothing if none does */

    /* A fresh record; from the id on as a row. */
    BOX_FRESH_KIND = 0,
    BOX_FRESH_LIFE = 1, /* milliseconds from arrival to expiry, 5 octets */
    BOX_FRESH_LIFE_OCTETS = 5,
    BOX_FRESH_ID = 6,
    BOX_FRESH_FORM = 22,
    BOX_FRESH_HEAD = 23,

    /* Forms of a row and of a fresh record. */
    BOX_FORM_PLAIN = 'E',
    BOX_FORM_PACKED = 'P',
    BOX_FORM_PLAIN_OF = 'O',  /* with a publisher */
    BOX_FORM_PACKED_OF = 'Q', /* with a publisher */

    /* Kinds of an index entry, and what m begins with in a box that was made without a script. */
    BOX_ITEM_LIVING = 'E',
    BOX_ITEM_TAKEN = 'T',
    BOX_FRESH = 'F',

    BOX_SHORT_ROWS = 8,   /* rows that are read together with m */
    BOX_TAKEN_BOXES = 10, /* taken envelopes that are remembered: this number of times the limit of the box */
};

#define BOX_TAG_MAX (1 + CPSD_PUBLISHER_MAX) /* octets of the publisher and its length */
#define BOX_ROW_MAX (BOX_ROW_HEAD + BOX_TAG_MAX + STIR_JWE_MAX)
#define BOX_FRESH_MAX (BOX_FRESH_HEAD + BOX_TAG_MAX + STIR_JWE_MAX)
#define BOX_FRESH_LIFE_MAX_MS ((INT64_C(1) << (8 * BOX_FRESH_LIFE_OCTETS)) - 1)
#define BOX_TIME_MAX_US ((INT64_C(1) << (8 * BOX_TIME_OCTETS)) - 1)

static_assert(BOX_ID_OCTETS == CPSD_ID_OCTETS && BOX_OWNER_OCTETS == CPSD_PUBLISHER_ID, "as the store has them");
static_assert(BOX_TAKEN_BOXES == CPSD_TAKEN_BOXES, "as the store has it");
static_assert(BOX_ROW_EXPIRES == BOX_ROW_ARRIVAL + BOX_TIME_OCTETS && BOX_ROW_ID == BOX_ROW_EXPIRES + BOX_TIME_OCTETS &&
                  BOX_ROW_FORM == BOX_ROW_ID + BOX_ID_OCTETS && BOX_ROW_HEAD == BOX_ROW_FORM + 1 &&
                  BOX_ROW_OWNER == BOX_ROW_HEAD + 1 && BOX_ROW_GONE == BOX_TIME_OCTETS,
              "a row has no gaps");
static_assert(BOX_ITEM_EXPIRES == BOX_ITEM_ARRIVAL + BOX_TIME_OCTETS &&
                  BOX_ITEM_ROW == BOX_ITEM_EXPIRES + BOX_TIME_OCTETS,
              "an index entry has no gaps");
static_assert(BOX_META_TAIL == BOX_META_HEAD + BOX_COUNT_OCTETS &&
                  BOX_META_LIVING == BOX_META_TAIL + BOX_COUNT_OCTETS && BOX_META_LAST == BOX_META_LIVING + 3 &&
                  BOX_META_MAX == BOX_META_LAST + BOX_TIME_OCTETS && BOX_META_MIN == BOX_META_MAX + BOX_TIME_OCTETS &&
                  BOX_META_SHORT == BOX_META_MIN + BOX_TIME_OCTETS,
              "the first part of m has no gaps");
static_assert(BOX_META_PAUSE == BOX_META_SHORT && BOX_META_TAKEN_HEAD == BOX_META_PAUSE + BOX_TIME_OCTETS &&
                  BOX_META_TAKEN_TAIL == BOX_META_TAKEN_HEAD + BOX_COUNT_OCTETS &&
                  BOX_META_CLOSED_FROM == BOX_META_TAKEN_TAIL + BOX_COUNT_OCTETS &&
                  BOX_META_CLOSED_TO == BOX_META_CLOSED_FROM + BOX_COUNT_OCTETS &&
                  BOX_META_LOW == BOX_META_CLOSED_TO + BOX_COUNT_OCTETS &&
                  BOX_META_LONG == BOX_META_LOW + BOX_TIME_OCTETS,
              "the second part of m has no gaps");
static_assert(BOX_TAKEN_ID == BOX_TAKEN_UNTIL + BOX_TIME_OCTETS && BOX_TAKEN_OWNER == BOX_TAKEN_ID + BOX_ID_OCTETS,
              "a taken record has no gaps");
static_assert(BOX_FRESH_ID == BOX_FRESH_LIFE + BOX_FRESH_LIFE_OCTETS &&
                  BOX_FRESH_FORM == BOX_FRESH_ID + BOX_ID_OCTETS && BOX_FRESH_HEAD == BOX_FRESH_FORM + 1 &&
                  BOX_FRESH_LIFE == BOX_FRESH_KIND + 1,
              "a fresh record has no gaps");
