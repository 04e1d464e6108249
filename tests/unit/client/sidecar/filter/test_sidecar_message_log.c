/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/message_log.h"
#include "client/sidecar/filter/message_log_line.h"
#include "common/base/file.h"
#include "common/jose/json.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* The record of judged messages. */

static struct sc_message_log record;
static struct sc_number_key key;
static char path[64], key_path[64];

static const struct sc_judged genuine = {
    .subject =
        {
            .from = SC_PEER,
            .system_id = "me",
            .orig = "12155551212",
            .dest = "12155551313",
            .dest_count = 1,
        },
    .verdict = STIR_PASSED,
    .reason = "",
    .signer = "tn:12155551212",
    .treatment = SC_TREAT_TAG,
    .waited_ms = 12,
    .segments = 3,
};

static void begin(const char *where)
{
    struct stir_error err = {0};
    UNIT_CODE(sc_number_key_open(&key, key_path, &err), STIR_OK, err.text);
    sc_message_log_init(&record, "[log] judged");
    UNIT_CODE(sc_message_log_open(&record, where, &err), STIR_OK, err.text);
}

static void in_file(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/test-record-XXXXXX");
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    (void)close(fd);
    begin(path);
}

static void end(void)
{
    sc_message_log_close(&record);
    (void)unlink(path);
}

static void put(struct stir_buf *line)
{
    stir_buf_puts(line, "}\n");
    sc_message_log_put(&record, line);
}

static void add(const struct sc_judged *judged)
{
    struct stir_buf line = {0};
    sc_line_write_judged(&line, &key, judged);
    put(&line);
}

/* Ends the record and reads the file's lines as JSON, which must be of one record each. */
static json_t *written(void)
{
    struct stir_buf text = {.limit = 1 << 22};
    json_t *lines = json_array();
    uint64_t lost = sc_message_log_lost(&record);
    UNIT_CHECK(lost == 0, "%llu lost", (unsigned long long)lost);
    sc_message_log_close(&record);
    UNIT_OK(stir_read_file(&text, path, text.limit, NULL));
    for (const char *at = text.ptr; at && *at;) {
        const char *end_of_line = strchr(at, '\n');
        json_t *line = NULL;
        if (!end_of_line || stir_json_parse_object(&line, at, (size_t)(end_of_line - at), "line", NULL) != STIR_OK) {
            (void)UNIT_CHECK(false, "not a line of JSON: %.200s", at);
            break;
        }
        (void)json_array_append_new(lines, line);
        at = end_of_line + 1;
    }
    stir_buf_free(&text);
    return lines;
}

static const char *text_of(const json_t *lines, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(lines, i), name));
}

static void test_line(void)
{
    in_file();
    struct sc_judged clear = genuine;
    clear.subject.numbers = true;
    add(&clear);
    json_t *lines = written();
    const json_t *line = json_array_get(lines, 0);
    UNIT_CHECK(json_array_size(lines) == 1, "one line");
    static const char *const members[][2] = {{"direction", "deliver"},     {"system_id", "me"},
                                             {"orig", "12155551212"},      {"dest", "12155551313"},
                                             {"verdict", "passed"},        {"reason", ""},
                                             {"signer", "tn:12155551212"}, {"action", "tag"}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        UNIT_STR(text_of(lines, 0, members[i][0]), members[i][1], members[i][0]);
    }
    UNIT_CHECK(json_integer_value(json_object_get(line, "waited_ms")) == 12, "waited_ms");
    UNIT_CHECK(json_integer_value(json_object_get(line, "segments")) == 3, "segments");
    const char *time = text_of(lines, 0, "time");
    UNIT_NEED(time);
    UNIT_CHECK(strlen(time) == 24 && time[10] == 'T' && time[23] == 'Z', "%s", time);
    UNIT_CHECK(!json_object_get(line, "dests"), "one destination");
    json_decref(lines);
    end();
}

/* What became of a message where messages are signed: a row for each kind of line. */
static void test_n03_signed_lines(void)
{
    static const struct {
        const char *tenant, *detail;
        enum sc_outcome outcome;
        unsigned why;
        const char *status, *reason;
    } rows[] = {
        {"me", NULL, SC_OUTCOME_SIGNED, 0, "signed", NULL},
        {"me", NULL, SC_OUTCOME_SPOOLED, 0, "spooled", NULL},
        {NULL, NULL, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_TENANT, "unsigned", "no-tenant"},
        {"me", NULL, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_OUTSIDE, "unsigned", "outside"},
        {"me", NULL, SC_OUTCOME_UNSIGNED, SC_UNFIT_SENDER, "unsigned", "sender"},
        {"me", "the CPS is away", SC_OUTCOME_REFUSED, SC_UNSIGNED_FAILED, "refused", "failed"},
    };
    const size_t count = sizeof(rows) / sizeof(rows[0]);
    in_file();
    for (size_t i = 0; i < count; i++) {
        struct sc_signed line = {.subject = genuine.subject,
                                 .tenant = rows[i].tenant,
                                 .outcome = rows[i].outcome,
                                 .why = rows[i].why,
                                 .detail = rows[i].detail,
                                 .segments = 1};
        struct stir_buf text = {0};
        sc_line_write_signed(&text, &key, &line);
        put(&text);
    }
    json_t *lines = written();
    UNIT_CHECK(json_array_size(lines) == count, "%zu lines", json_array_size(lines));
    for (size_t i = 0; i < count; i++) {
        const char *const members[][2] = {{"status", rows[i].status},
                                          {"reason", rows[i].reason},
                                          {"tenant", rows[i].tenant},
                                          {"detail", rows[i].detail}};
        for (size_t k = 0; k < 4; k++) {
            const char *is = text_of(lines, i, members[k][0]), *expected = members[k][1];
            UNIT_CHECK((!is && !expected) || (is && expected && strcmp(is, expected) == 0), "row %zu: %s is %s", i,
                       members[k][0], is ? is : "not there");
        }
        UNIT_CHECK(strlen(text_of(lines, i, "orig")) == 16, "a hash");
    }
    json_decref(lines);
    end();
}

static void test_hashes(void)
{
    in_file();
    struct sc_judged other = genuine;
    other.subject.orig = "12155551299";
    other.subject.dest = "12155551212";
    other.subject.dest_count = 2;
    other.signer = "spc:1234";
    add(&genuine);
    add(&other);
    other.subject.orig = NULL;
    add(&other);
    json_t *lines = written();
    const char *orig = text_of(lines, 0, "orig"), *dest = text_of(lines, 1, "dest"),
               *signer = text_of(lines, 0, "signer");
    UNIT_NEED(orig);
    UNIT_NEED(dest);
    UNIT_NEED(signer);
    UNIT_CHECK(strlen(orig) == 16 && strspn(orig, "0123456789abcdef") == 16, "%s", orig);
    UNIT_STR(orig, dest, "one number has one hash");
    UNIT_CHECK(strcmp(orig, text_of(lines, 1, "orig")) != 0, "another has another");
    UNIT_CHECK(strncmp(signer, "tn:", 3) == 0 && strcmp(signer + 3, orig) == 0, "%s", signer);
    UNIT_STR(text_of(lines, 1, "signer"), "spc:1234", "a provider is no subscriber");
    UNIT_CHECK(json_integer_value(json_object_get(json_array_get(lines, 1), "dests")) == 2, "dests");
    UNIT_CHECK(!text_of(lines, 2, "orig"), "nobody");
    json_decref(lines);
    end();
}

static void hash_with_new_key(char out[SC_NUMBER_HASH])
{
    struct sc_number_key opened;
    struct stir_error err = {0};
    UNIT_CODE(sc_number_key_open(&opened, key_path, &err), STIR_OK, err.text);
    sc_number_hash(&opened, "12155551212", out);
}

/* N19: with a file a number has the same hash after a restart, without one it has another. */
static void test_n19_number_key(void)
{
    char first[SC_NUMBER_HASH], second[SC_NUMBER_HASH];
    struct stir_error err = {0};
    struct stat st;
    hash_with_new_key(first);
    hash_with_new_key(second);
    UNIT_CHECK(strcmp(first, second) != 0, "without a file another process has another key");
    (void)snprintf(key_path, sizeof(key_path), "/tmp/test-number-key-%d", (int)getpid());
    hash_with_new_key(first);
    hash_with_new_key(second);
    UNIT_STR(first, second, "the file was made, and read");
    UNIT_CHECK(stat(key_path, &st) == 0 && (st.st_mode & 07777) == 0600 && st.st_size == 65, "it is a secret");
    UNIT_OK(stir_write_file(key_path, "short", 5, 0600, NULL));
    UNIT_CODE(sc_number_key_open(&key, key_path, &err), STIR_E_CONFIG, err.text);
    UNIT_CHECK(strstr(err.text, key_path) && strstr(err.text, "5 octets"), "%s", err.text);
    (void)unlink(key_path);
    UNIT_CODE(sc_number_key_open(&key, "/nonexistent/key", &err), STIR_E_IO, err.text);
    UNIT_CHECK(strstr(err.text, "/nonexistent/key") != NULL, "%s", err.text);
    key_path[0] = '\0';
}

/* What a peer chose cannot make a second line or member. */
static void test_hostile(void)
{
    in_file();
    struct sc_judged hostile = genuine;
    hostile.subject.system_id = "a\",\"verdict\":\"passed\"}\n{\"\x01\xff";
    hostile.reason = "line\r\nline\"\\";
    hostile.verdict = STIR_STALE;
    add(&hostile);
    json_t *lines = written();
    UNIT_CHECK(json_array_size(lines) == 1, "%zu lines", json_array_size(lines));
    UNIT_STR(text_of(lines, 0, "verdict"), "stale", "verdict");
    UNIT_STR(text_of(lines, 0, "reason"), hostile.reason, "reason");
    json_decref(lines);
    end();
}

static void test_many(void)
{
    in_file();
    for (unsigned i = 0; i < 3000; i++) { /* no more than there is room for if the thread does not get its turn */
        add(&genuine);
    }
    json_t *lines = written();
    UNIT_CHECK(json_array_size(lines) == 3000, "%zu lines", json_array_size(lines));
    json_decref(lines);
    end();
}

static uint64_t count_lines(int reader, char *last)
{
    char octets[65536];
    uint64_t lines = 0;
    for (ssize_t n; (n = read(reader, octets, sizeof(octets))) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            lines += octets[i] == '\n';
            *last = octets[i];
        }
    }
    return lines;
}

static void *close_record(void *arg)
{
    (void)arg;
    sc_message_log_flush(&record);
    stir_log_writer_free(record.writer);
    return NULL;
}

/* A pipe that nobody reads: the filter does not wait, and says what is lost. */
static void test_pipe(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/test-record-%d", (int)getpid());
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    begin(path);
    unsigned added = 0;
    for (; added < 20000; added++) {
        add(&genuine);
    }
    sc_message_log_flush(&record);
    uint64_t lost = sc_message_log_lost(&record);
    UNIT_CHECK(lost > 0 && lost < added, "%llu of %u lost", (unsigned long long)lost, added);
    pthread_t closing;
    char last = '\0';
    CU_ASSERT_EQUAL_FATAL(pthread_create(&closing, NULL, close_record, NULL), 0);
    CU_ASSERT_EQUAL(fcntl(reader, F_SETFL, 0), 0); /* reading waits until the writer is gone */
    uint64_t lines = count_lines(reader, &last);
    (void)pthread_join(closing, NULL);
    record.writer = NULL;
    UNIT_CHECK(lines + lost == added && last == '\n', "%llu lines, %llu lost", (unsigned long long)lines,
               (unsigned long long)lost);
    (void)close(reader);
    end();
}

/* Lines that cannot be written are lost, and counted. */
static void test_reader_gone(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(path, sizeof(path), "/tmp/test-record-%d", (int)getpid());
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    begin(path);
    (void)close(reader);
    add(&genuine);
    add(&genuine);
    sc_message_log_flush(&record);
    for (unsigned i = 0; i < 60000 && sc_message_log_lost(&record) < 2; i++) {
        (void)usleep(1000);
    }
    UNIT_CHECK(sc_message_log_lost(&record) == 2, "%llu lost", (unsigned long long)sc_message_log_lost(&record));
    end();
}

static void test_open(void)
{
    struct stir_error err = {0};
    in_file();
    UNIT_CODE(sc_message_log_open(&record, "/nonexistent/judged", &err), STIR_E_IO, err.text);
    UNIT_CHECK(strstr(err.text, "/nonexistent/judged") && strstr(err.text, "[log] judged"), "%s", err.text);
    add(&genuine);
    UNIT_OK(sc_message_log_open(&record, "", &err));
    UNIT_CHECK(!record.on, "nowhere");
    add(&genuine);
    UNIT_CHECK(record.lines.len == 0 && sc_message_log_lost(&record) == 0, "nowhere");
    UNIT_OK(sc_message_log_open(&record, path, &err));
    add(&genuine);
    json_t *lines = written();
    UNIT_CHECK(json_array_size(lines) == 2, "%zu lines where they went before, and again", json_array_size(lines));
    json_decref(lines);
    (void)unlink(path);
    begin("-");
    UNIT_CHECK(record.on, "standard output");
    end();
    UNIT_CHECK(fcntl(STDOUT_FILENO, F_GETFD) >= 0, "standard output stays open");
}

UNIT_MAIN("sc_message_log", {"a line", test_line}, {"N3: lines of signed messages", test_n03_signed_lines},
          {"hashes", test_hashes}, {"N19: the key of the hashes", test_n19_number_key},
          {"what peers chose", test_hostile}, {"many", test_many}, {"a pipe that nobody reads", test_pipe},
          {"the reader is gone", test_reader_gone}, {"where to", test_open})
