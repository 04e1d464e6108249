/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/message_log.h"

#include <string.h>
#include <unistd.h>

enum {
    RING_OCTETS = 1 << 20, /* octets of lines that wait to be written */
    FLUSH_AT = 32768,
    FLUSH_S = 5,
};

void sc_message_log_init(struct sc_message_log *log, const char *name)
{
    *log = (struct sc_message_log){.name = name, .lines = {.limit = 2 * FLUSH_AT}};
}

enum stir_code sc_message_log_open(struct sc_message_log *log, const char *path, struct stir_error *err)
{
    bool on = path[0] != '\0';
    if (on && !log->writer) {
        log->writer = stir_log_writer_new(&(struct stir_log_writer_config){
            .fd = STDOUT_FILENO, .name = log->name, .capacity = RING_OCTETS, .flush_s = FLUSH_S});
        if (!log->writer) {
            return stir_fail(err, STIR_E_NOMEM, "%s: out of memory", log->name);
        }
    }
    sc_message_log_flush(log);
    if (on) {
        enum stir_code code = stir_log_writer_open(log->writer, strcmp(path, "-") == 0 ? "" : path, err);
        if (code != STIR_OK) {
            return code;
        }
    }
    log->on = on;
    return STIR_OK;
}

void sc_message_log_put(struct sc_message_log *log, struct stir_buf *line)
{
    bool good = stir_buf_state(line) == STIR_OK;
    if (log->on && good) {
        stir_buf_put(&log->lines, line->ptr, line->len);
        good = stir_buf_state(&log->lines) == STIR_OK;
        log->lines.failed = STIR_OK; /* nothing was appended */
    }
    log->lost += log->on && !good;
    stir_buf_free(line);
    if (log->lines.len >= FLUSH_AT) {
        sc_message_log_flush(log);
    }
}

void sc_message_log_flush(struct sc_message_log *log)
{
    if (log->lines.len) {
        stir_log_writer_put(log->writer, log->lines.ptr, log->lines.len);
        log->lines.len = 0;
    }
}

uint64_t sc_message_log_lost(const struct sc_message_log *log)
{
    return log->lost + stir_log_writer_dropped(log->writer);
}

void sc_message_log_close(struct sc_message_log *log)
{
    sc_message_log_flush(log);
    stir_log_writer_free(log->writer);
    stir_buf_free(&log->lines);
    log->writer = NULL;
    log->on = false;
}
