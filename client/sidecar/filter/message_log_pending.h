#pragma once

#include "client/sidecar/filter/message_log.h"
#include "client/sidecar/filter/part.h"
#include "common/base/map.h"
#include "common/base/view.h"

#include <stddef.h>
#include <stdint.h>

/* Lines of the records that wait for the answers to their messages. */
struct sc_line;

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
