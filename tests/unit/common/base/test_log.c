/* SPDX-License-Identifier: MIT */
#include "common/base/log.h"
#include "common/jose/json.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD_MAX 4096

static int ends[2];

/* A log into a pipe. */
static struct stir_log open_log(enum stir_log_level level, enum stir_log_format format)
{
    if (pipe2(ends, O_NONBLOCK) < 0) {
        CU_FAIL_FATAL("no pipe");
    }
    return (struct stir_log){.fd = ends[1], .level = level, .format = format};
}

/* What was written; closes the pipe. */
static size_t read_log(char *out, size_t cap)
{
    ssize_t n = read(ends[0], out, cap - 1);
    close(ends[0]);
    close(ends[1]);
    n = n < 0 ? 0 : n;
    out[n] = '\0';
    return (size_t)n;
}

static bool is_time(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; form[i]; i++) {
        if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i]) {
            return false;
        }
    }
    return true;
}
#define TIME_LEN (sizeof("0000-00-00T00:00:00.000Z") - 1)

/* One record of a message and one field, without the time. */
static const char *record_of(char *out, size_t cap, enum stir_log_format format, const char *message, const char *value)
{
    struct stir_log log = open_log(STIR_LOG_INFO, format);
    struct stir_log_field field = {"key", value};
    stir_log(&log, STIR_LOG_NOTICE, &field, 1, "%s", message);
    size_t n = read_log(out, cap);
    UNIT_CHECK(n > 0 && out[n - 1] == '\n' && strchr(out, '\n') == out + n - 1, "one line: %s", out);
    out[n ? n - 1 : 0] = '\0';
    if (format == STIR_LOG_TEXT) {
        UNIT_CHECK(is_time(out), "a time: %s", out);
        return out + TIME_LEN;
    }
    return out;
}

static void test_text(void)
{
    static const struct {
        const char *message, *value, *record;
    } rows[] = {
        {"started", "1", " notice started key=1"},
        {"two words", "two words", " notice two words key=\"two words\""},
        {"m", "", " notice m key=\"\""},
        {"m", NULL, " notice m"},
        {"m", "a=b", " notice m key=\"a=b\""},
        {"m", "x\" admin=\"yes", " notice m key=\"x\\\" admin=\\\"yes\""},
        {"m", "x\\\" admin=yes", " notice m key=\"x\\\\\\\" admin=yes\""},
        {"m", "a\nerror forged\r\tb", " notice m key=\"a\\nerror forged\\r\\tb\""},
        {"m\nforged", "v", " notice m\\nforged key=v"},
        {"m key=forged", "v", " notice \"m key=forged\" key=v"},
        {"say \"so\"", "v", " notice \"say \\\"so\\\"\" key=v"},
        {"m", "\033[2Jx\x7f", " notice m key=\\x1b[2Jx\\x7f"},
        {"m", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", " notice m key=\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\""},
        {"m", "\xc2\x85|\xe2\x80\xa8|\xe2\x80\xae", " notice m key=\\x85|\\u2028|\\u202e"},
        {"m", "\xff|\xc0\x8a|\xed\xa0\x80|\xe2\x82", " notice m key=\\xff|\\xc0\\x8a|\\xed\\xa0\\x80|\\xe2\\x82"},
        {"m", "\xf4\x90\x80\x80|\xf0\x80\x80\x8a", " notice m key=\\xf4\\x90\\x80\\x80|\\xf0\\x80\\x80\\x8a"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char out[RECORD_MAX + 1];
        UNIT_STR(record_of(out, sizeof(out), STIR_LOG_TEXT, rows[i].message, rows[i].value), rows[i].record, "record");
    }
}

static void test_journal(void)
{
    static const char *const heads[] = {"<3>m k=v\n", "<4>m k=v\n", "<5>m k=v\n", "<6>m k=v\n", "<7>m k=v\n"};
    for (int level = STIR_LOG_ERROR; level <= STIR_LOG_DEBUG; level++) {
        char out[RECORD_MAX + 1];
        struct stir_log log = open_log(STIR_LOG_DEBUG, STIR_LOG_JOURNAL);
        stir_log(&log, (enum stir_log_level)level, &(struct stir_log_field){"k", "v"}, 1, "m");
        read_log(out, sizeof(out));
        UNIT_STR(out, heads[level], "record");
    }
    char out[RECORD_MAX + 1];
    UNIT_STR(record_of(out, sizeof(out), STIR_LOG_JOURNAL, "m\n<0>forged", "v"), "<5>m\\n<0>forged key=v", "forged");
}

/* The record parses, and its strings are what was logged. */
static void check_json(const char *line, const char *message, const char *value)
{
    json_t *record = NULL;
    struct stir_error err = {0};
    UNIT_CODE(stir_json_parse_object(&record, line, strlen(line), "the record", &err), STIR_OK, err.text);
    UNIT_STR(json_string_value(json_object_get(record, "message")), message, "message");
    UNIT_STR(json_string_value(json_object_get(record, "key")), value, "key");
    UNIT_STR(json_string_value(json_object_get(record, "level")), "notice", "level");
    const char *time = json_string_value(json_object_get(record, "time"));
    UNIT_CHECK(time && strlen(time) == TIME_LEN && is_time(time), "time in %s", line);
    CU_ASSERT_EQUAL(json_object_size(record), value ? 4 : 3);
    json_decref(record);
}

static void test_json(void)
{
    static const struct {
        const char *message, *value, *read_message, *read_value;
    } rows[] = {
        {"started", "1", "started", "1"},
        {"m", "", "m", ""},
        {"m", NULL, "m", NULL},
        {"a\"b\\c", "x\",\"admin\":\"yes", "a\"b\\c", "x\",\"admin\":\"yes"},
        {"a\nb\tc\rd", "\001\033\x7f", "a\nb\tc\rd", "\001\033\x7f"},
        {"gr\xc3\xbc\xc3\x9f", "\xe2\x80\xa8", "gr\xc3\xbc\xc3\x9f", "\xe2\x80\xa8"},
        {"\xff", "a\xc0\x80z", "\xef\xbf\xbd", "a\xef\xbf\xbd\xef\xbf\xbdz"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char out[RECORD_MAX + 1];
        const char *line = record_of(out, sizeof(out), STIR_LOG_JSON, rows[i].message, rows[i].value);
        check_json(line, rows[i].read_message, rows[i].read_value);
        UNIT_CHECK(!strpbrk(line, "\x7f\001\033") && !strstr(line, "\xe2\x80\xa8"), "row %zu is escaped", i);
    }
}

/* At every length around the limit: at most 4,096 octets, one whole line, marked as cut, and JSON stays JSON. */
static void test_cut(void)
{
    static const size_t head =
        sizeof("{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"notice\",\"message\":\"m\",\"key\":\"") - 1;
    static char value[3 * RECORD_MAX];
    for (size_t len = RECORD_MAX - 200; len < RECORD_MAX + 20; len++) {
        for (size_t step = 1; step <= 4; step++) {
            static const char *const units[] = {"a", "\xc3\xbc", "\n", "\xff"};
            static const size_t printed[] = {1, 2, 2, 6};
            const char *unit = units[step - 1];
            size_t n = 0;
            size_t have = 0;
            for (; have < len; have += printed[step - 1]) {
                memcpy(value + n, unit, strlen(unit));
                n += strlen(unit);
            }
            value[n] = '\0';
            char out[RECORD_MAX + 2];
            const char *line = record_of(out, sizeof(out), STIR_LOG_JSON, "m", value);
            UNIT_CHECK(strlen(line) < RECORD_MAX, "%zu octets", strlen(line));
            json_t *record = NULL;
            UNIT_CODE(stir_json_parse_object(&record, line, strlen(line), "it", NULL), STIR_OK, line);
            const char *read = json_string_value(json_object_get(record, "key"));
            bool cut = read && strlen(read) >= 3 && strcmp(read + strlen(read) - 3, "...") == 0;
            UNIT_CHECK(cut == (have + head > RECORD_MAX - 8), "cut %d at %zu", cut, have);
            json_decref(record);
        }
    }
}

static void test_cut_between_fields(void)
{
    static char value[RECORD_MAX];
    for (size_t len = RECORD_MAX - 120; len < RECORD_MAX - 1; len++) {
        memset(value, 'a', len);
        value[len] = '\0';
        for (int format = STIR_LOG_TEXT; format <= STIR_LOG_JOURNAL; format++) {
            char out[RECORD_MAX + 2];
            struct stir_log log = open_log(STIR_LOG_INFO, (enum stir_log_format)format);
            struct stir_log_field fields[] = {{"first", "1"}, {"second", value}, {"third", "3 4"}, {"fourth", "4"}};
            stir_log(&log, STIR_LOG_INFO, fields, 4, "message");
            size_t n = read_log(out, sizeof(out));
            UNIT_CHECK(n > 0 && n <= RECORD_MAX && strchr(out, '\n') == out + n - 1, "format %d, %zu", format, n);
            if (format == STIR_LOG_JSON) {
                json_t *record = NULL;
                UNIT_CODE(stir_json_parse_object(&record, out, n, "it", NULL), STIR_OK, out);
                json_decref(record);
            }
        }
    }
}

static void test_long_message(void)
{
    static char message[2 * RECORD_MAX];
    char out[RECORD_MAX + 2];
    memset(message, 'x', sizeof(message) - 1);
    const char *line = record_of(out, sizeof(out), STIR_LOG_TEXT, message, "v");
    CU_ASSERT_TRUE(strlen(out) < RECORD_MAX && strlen(out) > RECORD_MAX - 16);
    UNIT_STR(line + strlen(line) - 4, "x...", "the end");
}

static void test_levels(void)
{
    for (int max = STIR_LOG_ERROR; max <= STIR_LOG_DEBUG; max++) {
        for (int level = STIR_LOG_ERROR; level <= STIR_LOG_DEBUG; level++) {
            char out[RECORD_MAX];
            struct stir_log log = open_log((enum stir_log_level)max, STIR_LOG_TEXT);
            stir_log_plain(&log, (enum stir_log_level)level, "%d", 1);
            size_t n = read_log(out, sizeof(out));
            UNIT_CHECK((n > 0) == (level <= max), "level %d at %d", level, max);
            UNIT_CHECK(stir_log_enabled(&log, (enum stir_log_level)level) == (level <= max), "%d at %d", level, max);
        }
    }
    CU_ASSERT_FALSE(stir_log_enabled(NULL, STIR_LOG_ERROR));
    stir_log_plain(NULL, STIR_LOG_ERROR, "nobody hears it");
    UNIT_STR(stir_log_levels[STIR_LOG_ERROR], "error", "levels");
    UNIT_STR(stir_log_levels[STIR_LOG_DEBUG], "debug", "levels");
    CU_ASSERT_PTR_NULL(stir_log_levels[STIR_LOG_DEBUG + 1]);
    UNIT_STR(stir_log_formats[STIR_LOG_JOURNAL], "journal", "formats");
    CU_ASSERT_PTR_NULL(stir_log_formats[STIR_LOG_JOURNAL + 1]);
}

static void test_errno(void)
{
    struct stir_log log = {.fd = -1, .level = STIR_LOG_DEBUG};
    errno = ENOENT;
    stir_log_plain(&log, STIR_LOG_ERROR, "into nothing");
    CU_ASSERT_EQUAL(errno, ENOENT);
}

#define THREADS 4
#define RECORDS 2000

static void *chatter(void *arg)
{
    char value[200];
    memset(value, 'a' + (int)(*(int *)arg % 26), sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    struct stir_log log = {.fd = ends[1], .level = STIR_LOG_INFO, .format = STIR_LOG_JOURNAL};
    for (int i = 0; i < RECORDS; i++) {
        stir_log(&log, STIR_LOG_INFO, &(struct stir_log_field){"k", value}, 1, "m");
    }
    return NULL;
}

/* Threads that write into one pipe do not mix their records. */
static void test_threads(void)
{
    pthread_t threads[THREADS];
    int ids[THREADS];
    if (pipe(ends) < 0) {
        CU_FAIL_FATAL("no pipe");
    }
    FILE *in = fdopen(ends[0], "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    for (int i = 0; i < THREADS; i++) {
        ids[i] = i;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, chatter, &ids[i]), 0);
    }
    char line[512];
    int good = 0;
    for (int i = 0; i < THREADS * RECORDS && fgets(line, sizeof(line), in); i++) {
        const char *value = line + strlen("<6>m k=");
        good += strncmp(line, "<6>m k=", 7) == 0 && strspn(value, (const char[]){*value, '\0'}) == 199;
    }
    CU_ASSERT_EQUAL(good, THREADS * RECORDS);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    fclose(in);
    close(ends[1]);
}

UNIT_MAIN("log", {"text", test_text}, {"journal", test_journal}, {"JSON", test_json}, {"cut", test_cut},
          {"cut between fields", test_cut_between_fields}, {"a long message", test_long_message},
          {"levels", test_levels}, {"errno", test_errno}, {"threads", test_threads})
