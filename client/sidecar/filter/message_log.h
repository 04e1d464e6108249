#pragma once

#include "common/base/buf.h"
#include "common/base/log_writer.h"

/*
 * A record of messages: one line of JSON each, without their text. Lines are gathered, and handed to a thread that
 * writes them when the loop has nothing else to do. A line that finds no room, because nobody reads them or the disk is
 * slow, is dropped and counted; nothing waits for it.
 */
struct sc_message_log {
    const char *name;               /* of its setting: "[log] judged" */
    struct stir_log_writer *writer; /* NULL until it is needed */
    bool on;                        /* lines go somewhere */
    struct stir_buf lines;          /* not handed over yet */
    uint64_t lost;                  /* lines that never came to the writer */
};

/* name is kept as a pointer. */
void sc_message_log_init(struct sc_message_log *log, const char *name);

/* Where lines go from now on: a file, "-" for standard output, or "" for nowhere; also the same file again, after it
 * was moved away. On failure they go where they went before. STIR_E_IO names the file; STIR_E_NOMEM. */
enum stir_code sc_message_log_open(struct sc_message_log *log, const char *path,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Adds a line, with its end, and frees it. One that could not be made, for lack of memory, counts as lost. */
void sc_message_log_put(struct sc_message_log *log, struct stir_buf *line);

/* Hands over what was added. */
void sc_message_log_flush(struct sc_message_log *log);

/* Returns the number of lines that were lost so far. */
uint64_t sc_message_log_lost(const struct sc_message_log *log);

/* Waits until what was added is written, 5 s at most, and frees what the log holds. */
void sc_message_log_close(struct sc_message_log *log);
