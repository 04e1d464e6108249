/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/log.h"

#include <stdarg.h>
#include <stddef.h>

/*
 * Formats one log record as one line. Thread-safe; writes nothing.
 */
enum {
    STIR_LOG_RECORD_MAX = 4096, /* octets of a record; also PIPE_BUF, so that records do not mix in a pipe */
};

/* Writes the record into `out`, in the form that `log` sets, and returns its length. It ends with a newline, without a
 * NUL. Control characters, quotes and invalid UTF-8 in the message and in values are escaped, so that no input can make
 * a second line or field. A record that would be longer than STIR_LOG_RECORD_MAX octets is cut. */
size_t stir_log_record(char out[STIR_LOG_RECORD_MAX], const struct stir_log *log, enum stir_log_level level,
                       const struct stir_log_field *fields, size_t count, const char *fmt, va_list args);
