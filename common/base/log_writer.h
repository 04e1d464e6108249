/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes log records in a thread of its own, so that a pipe without a reader or a slow disk never holds up the threads
 * that log. Records wait in a ring. A record that finds no room is dropped and counted, and a line reports the number
 * of dropped records. Thread-safe.
 */
struct stir_log_writer;

struct stir_log; /* common/base/log.h */

struct stir_log_writer_config {
    int fd;                       /* not closed here */
    const char *name;             /* name of the setting in error texts; NULL: "[log] file" */
    size_t capacity;              /* of the ring, in octets */
    unsigned flush_s;             /* how long stir_log_writer_free waits for a descriptor that takes nothing */
    uint64_t (*now_s)(void *arg); /* a clock in seconds that never goes back; NULL: CLOCK_MONOTONIC */
    void *arg;
};

/* Returns a writer whose thread runs, or NULL without memory or thread. */
struct stir_log_writer *stir_log_writer_new(const struct stir_log_writer_config *config);

/* Opens the file at `path` for appending (mode 0640), and writes to it from now on. A file that this opened before is
 * closed, so that opening the same path again lets a log be rotated. path "": writes to the descriptor of the
 * configuration. STIR_E_IO; then records go where they went before. */
enum stir_code stir_log_writer_open(struct stir_log_writer *writer, const char *path,
                                    struct stir_error *err) STIR_MUST_CHECK;

/* Writes what is in the ring and ends the thread. No thread may log through the writer any more. */
void stir_log_writer_free(struct stir_log_writer *writer);

/* Puts records, whole lines of 4,096 octets at most each, into the ring: all of them, or none if there is no room. */
void stir_log_writer_put(struct stir_log_writer *writer, const char *record, size_t len);

/* Sets the form in which the writer reports dropped records: that of `log`. */
void stir_log_writer_form(struct stir_log_writer *writer, const struct stir_log *log);

/* Returns true if one more line of `kind` may be logged, of which `most` are allowed per second (0: no limit).
 * Otherwise counts the line; once the second is over, the writer reports the number of left-out lines in the form of
 * `log`. */
bool stir_log_writer_allows(struct stir_log_writer *writer, const struct stir_log *log, const char *kind,
                            unsigned most);

/* Returns the number of records that were dropped so far, for lack of room or because they could not be written; 0
 * without a writer (NULL). */
uint64_t stir_log_writer_dropped(struct stir_log_writer *writer);

/* Returns the number of lines that were left out so far because there were too many of their kind. */
uint64_t stir_log_writer_left_out(struct stir_log_writer *writer);
