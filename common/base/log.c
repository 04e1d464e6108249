#include "common/base/log.h"

#include "common/base/log_writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORD_MAX 4096 /* also PIPE_BUF: a write of so much does not mix with others in a pipe */
#define TAIL_MAX 8      /* kept free for what closes a record that is cut: ..."}\n */
#define CUT_MARK "..."

const char *const stir_log_levels[] = {"error", "warning", "notice", "info", "debug", NULL};
const char *const stir_log_formats[] = {"text", "json", "journal", NULL};

static const int syslog_priorities[] = {3, 4, 5, 6, 7};

/* A record as it grows; once something did not fit, nothing more is put but what closes it. */
struct record {
    char text[RECORD_MAX];
    size_t len;
    bool cut;
};

static void put(struct record *record, const char *text, size_t len)
{
    if (record->cut || record->len + len > sizeof(record->text) - TAIL_MAX) {
        record->cut = true;
        return;
    }
    memcpy(record->text + record->len, text, len);
    record->len += len;
}

static void put_str(struct record *record, const char *text)
{
    put(record, text, strlen(text));
}

/* Closes a value or record; there is always room for it. */
static void put_tail(struct record *record, const char *text)
{
    size_t len = strlen(text);
    if (len <= sizeof(record->text) - record->len) {
        memcpy(record->text + record->len, text, len);
        record->len += len;
    }
}

/* Octets of the UTF-8 character at the start of text (RFC 3629), 0 if there is none. text ends with a NUL. */
static size_t utf8_char(const unsigned char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = *text < 0x80 ? 1 : *text < 0xc2 ? 0 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : *text < 0xf5 ? 4 : 0;
    if (len < 2) {
        *code = *text;
        return len;
    }
    uint32_t c = *text & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (text[i] & 0x3fU);
    }
    *code = c;
    return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

/* Characters that could start a line, move the cursor or turn the direction of writing on somebody's screen. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
}

static void put_control(struct record *record, uint32_t code, bool json)
{
    char escape[16];
    switch (code) {
    case '\n':
        put_str(record, "\\n");
        break;
    case '\r':
        put_str(record, "\\r");
        break;
    case '\t':
        put_str(record, "\\t");
        break;
    default:
        (void)snprintf(escape, sizeof(escape), json || code > 0xff ? "\\u%04x" : "\\x%02x", (unsigned)code);
        put_str(record, escape);
    }
}

static void put_escaped(struct record *record, const char *text, bool json, bool quoted)
{
    const unsigned char *p = (const unsigned char *)text;
    char escape[8];
    while (*p && !record->cut) {
        uint32_t code = 0;
        size_t len = utf8_char(p, &code);
        if (len == 0) {
            (void)snprintf(escape, sizeof(escape), json ? "\\ufffd" : "\\x%02x", *p);
            put_str(record, escape);
        } else if (is_control(code)) {
            put_control(record, code, json);
        } else if (code == '\\' || (code == '"' && quoted)) {
            put(record, (const char[]){'\\', (char)code}, 2);
        } else {
            put(record, (const char *)p, len);
        }
        p += len ? len : 1;
    }
}

/* The text, in quotes if so asked. What precedes it is in the record already, whole. */
static void put_value(struct record *record, const char *text, bool json, bool quoted)
{
    put_str(record, quoted ? "\"" : "");
    if (record->cut) {
        return;
    }
    put_escaped(record, text, json, quoted);
    put_tail(record, record->cut ? CUT_MARK : "");
    put_tail(record, quoted ? "\"" : "");
}

static bool needs_quotes(const char *value)
{
    return !*value || strpbrk(value, " =\"");
}

static void put_field(struct record *record, const struct stir_log_field *field, bool json)
{
    size_t frame = sizeof(",\"\":\"") + strlen(field->key);
    if (record->cut || record->len + frame > sizeof(record->text) - TAIL_MAX) {
        record->cut = true; /* a key without its value says nothing */
        return;
    }
    put_str(record, json ? ",\"" : " ");
    put_str(record, field->key);
    put_str(record, json ? "\":" : "=");
    put_value(record, field->value, json, json || needs_quotes(field->value));
}

static void put_time(struct record *record)
{
    struct timespec now = {0};
    struct tm tm = {0};
    char text[64];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
    put_str(record, text);
}

static void put_head(struct record *record, const struct stir_log *log, enum stir_log_level level)
{
    char priority[8];
    switch (log->format) {
    case STIR_LOG_JSON:
        put_str(record, "{\"time\":\"");
        put_time(record);
        put_str(record, "\",\"level\":\"");
        put_str(record, stir_log_levels[level]);
        put_str(record, "\",\"message\":");
        break;
    case STIR_LOG_JOURNAL:
        (void)snprintf(priority, sizeof(priority), "<%d>", syslog_priorities[level]);
        put_str(record, priority);
        break;
    case STIR_LOG_TEXT:
    default:
        put_time(record);
        put_str(record, " ");
        put_str(record, stir_log_levels[level]);
        put_str(record, " ");
    }
}

bool stir_log_enabled(const struct stir_log *log, enum stir_log_level level)
{
    return log && level >= STIR_LOG_ERROR && level <= STIR_LOG_DEBUG && level <= log->level;
}

static void log_record(const struct stir_log *log, enum stir_log_level level, const struct stir_log_field *fields,
                       size_t count, const char *fmt, va_list args)
{
    int saved = errno;
    bool json = log->format == STIR_LOG_JSON;
    struct record record = {.len = 0};
    char message[RECORD_MAX];
    (void)vsnprintf(message, sizeof(message), fmt, args);
    put_head(&record, log, level);
    /* a message that could pass for a field is put in quotes */
    put_value(&record, message, json, json || strpbrk(message, "=\""));
    for (size_t i = 0; i < count; i++) {
        if (fields[i].value) {
            put_field(&record, &fields[i], json);
        }
    }
    put_tail(&record, json ? "}\n" : "\n");
    if (log->writer) {
        stir_log_writer_put(log->writer, record.text, record.len);
    } else {
        while (write(log->fd, record.text, record.len) < 0 && errno == EINTR) {
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
        log_record(log, level, fields, count, fmt, args);
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
        log_record(log, level, fields, count, fmt, args);
        va_end(args);
    }
}
