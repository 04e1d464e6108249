/* SPDX-License-Identifier: MIT */
#include "common/base/log.h"

#include "common/base/log_record.h"
#include "common/base/log_writer.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

bool stir_log_enabled(const struct stir_log *log, enum stir_log_level level)
{
    return log && level >= STIR_LOG_ERROR && level <= STIR_LOG_DEBUG && level <= log->level;
}

/* Formats a record and writes it, in the background if the log has a writer. Leaves errno as it was. */
static void log_write(const struct stir_log *log, enum stir_log_level level, const struct stir_log_field *fields,
                      size_t count, const char *fmt, va_list args)
{
    int saved = errno;
    char record[STIR_LOG_RECORD_MAX];
    size_t len = stir_log_record(record, log, level, fields, count, fmt, args);
    if (log->writer) {
        stir_log_writer_put(log->writer, record, len);
    } else {
        while (write(log->fd, record, len) < 0 && errno == EINTR) {
        }
    }
    errno = saved;
}

void stir_log(const struct stir_log *log, enum stir_log_level level, const struct stir_log_field *fields, size_t count,
              const char *fmt, ...)
{
    va_list args;
    if (stir_log_enabled(log, level)) {
        va_start(args, fmt);
        log_write(log, level, fields, count, fmt, args);
        va_end(args);
    }
}

void stir_log_limited(const struct stir_log *log, const char *kind, enum stir_log_level level,
                      const struct stir_log_field *fields, size_t count, const char *fmt, ...)
{
    va_list args;
    if (stir_log_enabled(log, level) &&
        (!log->writer || stir_log_writer_allows(log->writer, log, kind, log->alike_per_s))) {
        va_start(args, fmt);
        log_write(log, level, fields, count, fmt, args);
        va_end(args);
    }
}
