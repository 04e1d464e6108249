#include "client/gateway/judge.h"
#include "common/json.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* The record of judged messages. */

static struct gw_judge judge;
static uint64_t lost;
static char path[64];

static const struct gw_judged genuine = {
    .from = GW_PEER,
    .system_id = "me",
    .orig = "12155551212",
    .dest = "12155551313",
    .dest_count = 1,
    .verdict = STIR_PASSED,
    .reason = "",
    .signer = "tn:12155551212",
    .treatment = GW_TREAT_TAG,
    .waited_ms = 12,
    .segments = 3,
};

static void begin(const char *where)
{
    struct stir_error err = {0};
    lost = 0;
    UNIT_OK(gw_judge_init(&judge, &err));
    UNIT_CODE(gw_judge_open(&judge, where, &err), STIR_OK, err.text);
}

static void in_file(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/test-judge-XXXXXX");
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    (void)close(fd);
    begin(path);
}

static void end(void)
{
    gw_judge_close(&judge);
    (void)unlink(path);
}

/* The file's lines as JSON, which must be of one record each. */
static json_t *written(void)
{
    struct stir_buf text = {.limit = 1 << 22};
    json_t *lines = json_array();
    gw_judge_flush(&judge, &lost);
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
    struct gw_judged clear = genuine;
    clear.numbers = true;
    gw_judge_add(&judge, &clear, &lost);
    json_t *lines = written();
    const json_t *line = json_array_get(lines, 0);
    UNIT_CHECK(json_array_size(lines) == 1 && lost == 0, "one line");
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

static void test_hashes(void)
{
    in_file();
    struct gw_judged other = genuine;
    other.orig = "12155551299";
    other.dest = "12155551212";
    other.dest_count = 2;
    other.signer = "spc:1234";
    gw_judge_add(&judge, &genuine, &lost);
    gw_judge_add(&judge, &other, &lost);
    other.orig = NULL;
    gw_judge_add(&judge, &other, &lost);
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
    char first[17];
    (void)snprintf(first, sizeof(first), "%s", orig);
    json_decref(lines);
    end();
    in_file();
    gw_judge_add(&judge, &genuine, &lost);
    lines = written();
    UNIT_CHECK(strcmp(first, text_of(lines, 0, "orig")) != 0, "another process has another key");
    json_decref(lines);
    end();
}

/* What a peer chose cannot make a second line or member. */
static void test_hostile(void)
{
    in_file();
    struct gw_judged hostile = genuine;
    hostile.system_id = "a\",\"verdict\":\"passed\"}\n{\"\x01\xff";
    hostile.reason = "line\r\nline\"\\";
    hostile.verdict = STIR_STALE;
    gw_judge_add(&judge, &hostile, &lost);
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
    for (unsigned i = 0; i < 5000; i++) {
        gw_judge_add(&judge, &genuine, &lost);
    }
    json_t *lines = written();
    UNIT_CHECK(json_array_size(lines) == 5000 && lost == 0, "%zu lines, %llu lost", json_array_size(lines),
               (unsigned long long)lost);
    json_decref(lines);
    end();
}

/* A pipe that nobody reads: the filter does not wait, and says what is lost. */
static void test_pipe(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/test-judge-%d", (int)getpid());
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    begin(path);
    unsigned added = 0;
    for (; added < 20000; added++) {
        gw_judge_add(&judge, &genuine, &lost);
    }
    UNIT_CHECK(lost > 0 && lost < added, "%llu of %u lost", (unsigned long long)lost, added);
    char octets[65536], last = '\0';
    uint64_t lines = 0;
    for (unsigned idle = 0; idle < 3;) {
        ssize_t n = read(reader, octets, sizeof(octets));
        idle = n > 0 ? 0 : idle + 1;
        for (ssize_t i = 0; i < n; i++) {
            lines += octets[i] == '\n';
            last = octets[i];
        }
        gw_judge_flush(&judge, &lost);
    }
    UNIT_CHECK(lines + lost == added && last == '\n', "%llu lines, %llu lost", (unsigned long long)lines,
               (unsigned long long)lost);
    (void)close(reader);
    (void)signal(SIGPIPE, SIG_IGN);
    lost = 0;
    gw_judge_add(&judge, &genuine, &lost);
    gw_judge_add(&judge, &genuine, &lost);
    gw_judge_flush(&judge, &lost);
    UNIT_CHECK(lost == 2, "%llu lost when the reader is gone", (unsigned long long)lost);
    end();
}

static void test_open(void)
{
    struct stir_error err = {0};
    in_file();
    UNIT_CODE(gw_judge_open(&judge, "/nonexistent/judged", &err), STIR_E_IO, err.text);
    UNIT_CHECK(strstr(err.text, "/nonexistent/judged") != NULL, "%s", err.text);
    gw_judge_add(&judge, &genuine, &lost);
    json_t *lines = written();
    UNIT_CHECK(json_array_size(lines) == 1, "they go where they went");
    json_decref(lines);
    UNIT_OK(gw_judge_open(&judge, "", &err));
    gw_judge_add(&judge, &genuine, &lost);
    gw_judge_flush(&judge, &lost);
    UNIT_CHECK(judge.lines.len == 0 && lost == 0, "nowhere");
    UNIT_OK(gw_judge_open(&judge, "-", &err));
    UNIT_CHECK(judge.fd == STDOUT_FILENO && !judge.own, "standard output stays open");
    end();
    UNIT_CHECK(fcntl(STDOUT_FILENO, F_GETFD) >= 0, "standard output stays open");
}

UNIT_MAIN("gw_filter_judge", {"a line", test_line}, {"hashes", test_hashes}, {"what peers chose", test_hostile},
          {"many", test_many}, {"a pipe that nobody reads", test_pipe}, {"where to", test_open})
