/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/log_writer.h"

/*
 * A record of messages: one line of JSON per message, without its text. Lines are gathered, and given to a writing
 * thread when the loop has nothing else to do. A line without room, because the reader or the disk is slow, is dropped
 * and counted; nothing waits for it.
 */
struct sc_message_log {
    const char *name;               /* the name of its setting: "[log] judged" */
    struct stir_log_writer *writer; /* NULL until it is first used */
    bool on;                        /* lines are written */
    struct stir_buf lines;          /* lines not yet given to the writer */
    uint64_t lost;                  /* lines that were not given to the writer */
};

/* Prepares a record. `name` must stay valid. */
void sc_message_log_init(struct sc_message_log *log, const char *name);

/* Sets where lines are written from now on: a file, "-" for standard output, or "" for nowhere. Also opens the same
 * file again after it was moved away. On failure nothing changes. STIR_E_IO names the file; STIR_E_NOMEM. */
enum stir_code sc_message_log_open(struct sc_message_log *log, const char *path,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Adds a line, which ends with a newline, and frees it. A line that has failed for lack of memory counts as lost. */
void sc_message_log_put(struct sc_message_log *log, struct stir_buf *line);

/* Gives the gathered lines to the writer. */
void sc_message_log_flush(struct sc_message_log *log);

/* Returns the number of lost lines. */
uint64_t sc_message_log_lost(const struct sc_message_log *log);

/* Waits until the lines are written, 5 s at most, and frees the memory of the record. */
void sc_message_log_close(struct sc_message_log *log);
