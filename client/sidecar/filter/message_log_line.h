/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/filter_metrics.h"
#include "client/sidecar/filter/message_log.h"
#include "client/sidecar/filter/number_key.h"
#include "client/sidecar/filter/part.h"
#include "common/base/map.h"
#include "common/base/view.h"

#include <stddef.h>
#include <stdint.h>

struct sc_line;

/*
 * The lines of the records of messages, as JSON. A line waits for the answer to its message, which adds the message_id.
 * Telephone numbers are written as keyed hashes, unless the operator wants them in clear.
 */

/* The message that a line is about. */
struct sc_line_subject {
    enum sc_leg from;
    const char *system_id;
    const char *orig; /* NULL: cannot be read */
    const char *dest; /* the first destination; NULL: cannot be read */
    size_t dest_count;
    bool numbers; /* write numbers in clear */
};

/* The result for a message in a verifying direction. */
struct sc_judged {
    struct sc_line_subject subject;
    enum stir_verdict verdict;
    const char *reason; /* "" if it passed */
    const char *signer; /* "spc:1234", "tn:12155551212", or "" */
    const char *ppt;    /* the PASSporT's type: "msg"; NULL or "": there is no PASSporT */
    const char *attest; /* "A", "B", "C": the attestation level of a "shaken" one; NULL or "": it has none */
    const char
        *reading; /* the reading of the text by which it passed, for example "nfc"; NULL or "": the text as decoded */
    enum sc_treatment treatment;
    uint64_t waited_ms;
    unsigned segments;
};

/* The result for a message in a signing direction. */
struct sc_signed {
    struct sc_line_subject subject;
    const char *tenant; /* NULL: none */
    enum sc_outcome outcome;
    unsigned why;       /* enum sc_unsigned, if it is unsigned or refused */
    const char *detail; /* more about the outcome; NULL or "": nothing */
    uint64_t waited_ms;
    unsigned segments;
};

/* A PDU that passed without a verdict or a PASSporT, or was refused because it can have neither. */
struct sc_exempted {
    struct sc_line_subject subject;
    const char *kind;   /* "receipt", "replace_sm", ... */
    const char *action; /* "pass" or "reject" */
};

/* Write a line without the end of the JSON object. Errors are in the state of the buffer. */
void sc_line_write_judged(struct stir_buf *out, const struct sc_number_key *key, const struct sc_judged *judged);
void sc_line_write_signed(struct stir_buf *out, const struct sc_number_key *key, const struct sc_signed *line);
void sc_line_write_exempted(struct stir_buf *out, const struct sc_number_key *key, const struct sc_exempted *exempted);

/* Adds a member with a text value to a line. */
void sc_line_put_text(struct stir_buf *out, const char *name, const char *text);

/* Lines of the records that wait for the answers to their messages. */

struct sc_lines {
    struct stir_map by_sequence;
    struct sc_line *first, *last; /* in order of time */
    size_t waiting;               /* PDUs */
};

/* Makes a line for a message that is about to be decided, of one PDU or of all held parts, and begins to wait for the
 * answers. Returns NULL if there is no record or no memory. */
struct sc_line *sc_line_of_held(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_held *held);
struct sc_line *sc_line_of_parts(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_part *parts);

/* Gives a line its text, without the end of the JSON object; `text` is emptied. The line is written when its PDUs are
 * answered. forwarded: false if its PDUs were refused and no answer will come. line may be NULL: then the text is
 * written now, without the answers. */
void sc_line_say(struct sc_line *line, struct sc_message_log *log, struct stir_buf *text, bool forwarded);

/* Frees a line that has no text. line may be NULL. */
void sc_line_drop(struct sc_line *line);

/* Adds the answer to a PDU to its line. */
void sc_lines_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                       uint32_t status, struct stir_view message_id);

/* Writes the lines that wait for answers on a connection whose bind has ended. */
void sc_lines_ended(struct sc_filter_core *core, const struct sc_bind *bind);

/* Writes the lines that have waited long enough. */
void sc_lines_expire(struct sc_filter_core *core);

/* Returns when that is due next, in the loop's time in ms; UINT64_MAX: never. */
uint64_t sc_lines_due(const struct sc_filter_core *core);

/* Writes all lines that wait. */
void sc_lines_end(struct sc_filter_core *core);
