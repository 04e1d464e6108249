/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/attribute.h"
#include "common/base/error.h"

#include <stdbool.h>

/*
 * Writes log records: one record is one line, written with one write(2), so that threads do not mix, or given to a
 * writer in the background (common/base/log_writer.h). A log is a value that its owner passes on: common/ has no
 * globals. Thread-safe once made.
 */
enum stir_log_level {
    STIR_LOG_ERROR,
    STIR_LOG_WARNING,
    STIR_LOG_NOTICE,
    STIR_LOG_INFO,
    STIR_LOG_DEBUG,
};

enum stir_log_format {
    STIR_LOG_TEXT,    /* 2026-01-02T03:04:05.678Z notice message key=value key="two words" */
    STIR_LOG_JSON,    /* {"time":"...","level":"notice","message":"...","key":"value"} */
    STIR_LOG_JOURNAL, /* <5>message key=value: journald reads level and adds the time */
};

struct stir_log_writer;

struct stir_log {
    int fd;                    /* usually 2; nobody here closes it */
    enum stir_log_level level; /* the most verbose that is written */
    enum stir_log_format format;
    struct stir_log_writer *writer; /* writes to fd in its own thread; NULL: stir_log writes, and waits for fd */
    unsigned alike_per_s;           /* of stir_log_limited; 0: no limit */
};

/* A key and its value, a text that is fit for a log (the caller hashes subscribers' numbers). */
struct stir_log_field {
    const char *key;
    const char *value; /* NULL: the field is left out */
};

/* Writes a record. Control characters, quotes and invalid UTF-8 in values are escaped, so that no input can make a
 * second line or field; a record longer than 4,096 octets is cut. log NULL is silence. */
void stir_log(const struct stir_log *log, enum stir_log_level level, const struct stir_log_field *fields, size_t count,
              const char *fmt, ...) STIR_PRINTF(5, 6);

/* As stir_log, for events that strangers can cause at will. Per second, log->alike_per_s records of one `kind`,
 * compared by its first 47 octets, are written; then one record reports the number of those left out. Without a
 * writer there is no limit. */
void stir_log_limited(const struct stir_log *log, const char *kind, enum stir_log_level level,
                      const struct stir_log_field *fields, size_t count, const char *fmt, ...) STIR_PRINTF(6, 7);

/* Without fields. */
#define stir_log_plain(log, level, ...) stir_log((log), (level), NULL, 0, __VA_ARGS__)

/* Returns true if a record of this level would be written. Ask before building expensive text. */
bool stir_log_enabled(const struct stir_log *log, enum stir_log_level level);

/* "error", "warning", ...; NULL-terminated lists for configuration tables. */
extern const char *const stir_log_levels[];
extern const char *const stir_log_formats[];
