/* SPDX-License-Identifier: MIT */
#include "common/base/log_record.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAIL_MAX 8 /* reserved for the end of a record that is cut: ..."}\n */
#define CUT_MARK "..."

const char *const stir_log_levels[] = {"error", "warning", "notice", "info", "debug", NULL};
const char *const stir_log_formats[] = {"text", "json", "journal", NULL};

static const int syslog_priorities[] = {3, 4, 5, 6, 7};

/* A record that is being written. Once something does not fit, only the end of the record is added. */
struct record {
    char *text; /* STIR_LOG_RECORD_MAX octets */
    size_t len;
    bool cut;
};

static void record_put(struct record *record, const char *text, size_t len)
{
    if (record->cut || record->len + len > STIR_LOG_RECORD_MAX - TAIL_MAX) {
        record->cut = true;
        return;
    }
    memcpy(record->text + record->len, text, len);
    record->len += len;
}

static void record_put_str(struct record *record, const char *text)
{
    record_put(record, text, strlen(text));
}

/* Appends the end of a value or a record, for which room is reserved. */
static void record_put_tail(struct record *record, const char *text)
{
    size_t len = strlen(text);
    if (len <= STIR_LOG_RECORD_MAX - record->len) {
        memcpy(record->text + record->len, text, len);
        record->len += len;
    }
}

/* Returns the octets of the UTF-8 character at the start of text (RFC 3629), which ends with a NUL; 0 if it is
 * malformed. */
static size_t record_utf8_char(const unsigned char *text, uint32_t *code)
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

/* True for characters that start a line, move the cursor or change the direction of writing on a terminal. */
static bool record_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
}

static void record_put_control(struct record *record, uint32_t code, bool json)
{
    char escape[16];
    switch (code) {
    case '\n':
        record_put_str(record, "\\n");
        break;
    case '\r':
        record_put_str(record, "\\r");
        break;
    case '\t':
        record_put_str(record, "\\t");
        break;
    default:
        (void)snprintf(escape, sizeof(escape), json || code > 0xff ? "\\u%04x" : "\\x%02x", (unsigned)code);
        record_put_str(record, escape);
    }
}

static void record_put_escaped(struct record *record, const char *text, bool json, bool quoted)
{
    const unsigned char *p = (const unsigned char *)text;
    char escape[8];
    while (*p && !record->cut) {
        uint32_t code = 0;
        size_t len = record_utf8_char(p, &code);
        if (len == 0) {
            (void)snprintf(escape, sizeof(escape), json ? "\\ufffd" : "\\x%02x", *p);
            record_put_str(record, escape);
        } else if (record_is_control(code)) {
            record_put_control(record, code, json);
        } else if (code == '\\' || (code == '"' && quoted)) {
            record_put(record, (const char[]){'\\', (char)code}, 2);
        } else {
            record_put(record, (const char *)p, len);
        }
        p += len ? len : 1;
    }
}

/* Appends a value, in quotes on request. */
static void record_put_value(struct record *record, const char *text, bool json, bool quoted)
{
    record_put_str(record, quoted ? "\"" : "");
    if (record->cut) {
        return;
    }
    record_put_escaped(record, text, json, quoted);
    record_put_tail(record, record->cut ? CUT_MARK : "");
    record_put_tail(record, quoted ? "\"" : "");
}

static bool record_needs_quotes(const char *value)
{
    return !*value || strpbrk(value, " =\"");
}

static void record_put_field(struct record *record, const struct stir_log_field *field, bool json)
{
    size_t frame = sizeof(",\"\":\"") + strlen(field->key);
    if (record->cut || record->len + frame > STIR_LOG_RECORD_MAX - TAIL_MAX) {
        record->cut = true; /* a key without its value would be useless */
        return;
    }
    record_put_str(record, json ? ",\"" : " ");
    record_put_str(record, field->key);
    record_put_str(record, json ? "\":" : "=");
    record_put_value(record, field->value, json, json || record_needs_quotes(field->value));
}

static void record_put_time(struct record *record)
{
    struct timespec now = {0};
    struct tm tm = {0};
    char text[64];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
    record_put_str(record, text);
}

static void record_put_head(struct record *record, const struct stir_log *log, enum stir_log_level level)
{
    char priority[8];
    switch (log->format) {
    case STIR_LOG_JSON:
        record_put_str(record, "{\"time\":\"");
        record_put_time(record);
        record_put_str(record, "\",\"level\":\"");
        record_put_str(record, stir_log_levels[level]);
        record_put_str(record, "\",\"message\":");
        break;
    case STIR_LOG_JOURNAL:
        (void)snprintf(priority, sizeof(priority), "<%d>", syslog_priorities[level]);
        record_put_str(record, priority);
        break;
    case STIR_LOG_TEXT:
    default:
        record_put_time(record);
        record_put_str(record, " ");
        record_put_str(record, stir_log_levels[level]);
        record_put_str(record, " ");
    }
}

size_t stir_log_record(char out[STIR_LOG_RECORD_MAX], const struct stir_log *log, enum stir_log_level level,
                       const struct stir_log_field *fields, size_t count, const char *fmt, va_list args)
{
    bool json = log->format == STIR_LOG_JSON;
    struct record record = {.text = out};
    char message[STIR_LOG_RECORD_MAX];
    assert(level >= STIR_LOG_ERROR && level <= STIR_LOG_DEBUG);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    record_put_head(&record, log, level);
    /* a message that a reader could take for a field is quoted */
    record_put_value(&record, message, json, json || strpbrk(message, "=\""));
    for (size_t i = 0; i < count; i++) {
        if (fields[i].value) {
            record_put_field(&record, &fields[i], json);
        }
    }
    record_put_tail(&record, json ? "}\n" : "\n");
    assert(record.len > 0 && record.len <= STIR_LOG_RECORD_MAX && out[record.len - 1] == '\n');
    return record.len;
}
