/* SPDX-License-Identifier: MIT */
/* The thread that writes the log: nobody who logs waits for it, and what is lost is counted. */
#include "common/base/log_writer.h"

#include "common/base/log.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define RING 65536

struct world {
    int ends[2];
    _Atomic uint64_t second;
    struct stir_log log;
    char *text; /* what was read */
    size_t len;
};

static uint64_t read_clock(void *arg)
{
    struct world *w = arg;
    return atomic_load(&w->second);
}

static void make_world(struct world *w, unsigned flush_s)
{
    *w = (struct world){.second = 1};
    CU_ASSERT_EQUAL_FATAL(pipe(w->ends), 0);
    struct stir_log_writer *writer = stir_log_writer_new(&(struct stir_log_writer_config){
        .fd = w->ends[1], .capacity = RING, .flush_s = flush_s, .now_s = read_clock, .arg = w});
    CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
    w->log = (struct stir_log){.fd = -1, /* nothing is written there */
                               .level = STIR_LOG_NOTICE,
                               .format = STIR_LOG_JOURNAL,
                               .writer = writer,
                               .alike_per_s = 3};
    stir_log_writer_form(writer, &w->log);
    w->text = calloc(1, 1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->text);
}

/* Reads until `last` is in the text, or to the end. */
static void read_until(struct world *w, const char *last)
{
    while (!last || !strstr(w->text, last)) {
        ssize_t n = read(w->ends[0], w->text + w->len, ((size_t)1 << 20) - 1 - w->len);
        if (n <= 0) {
            break;
        }
        w->len += (size_t)n;
    }
    if (last) {
        UNIT_CHECK(strstr(w->text, last), "%s is in the log", last);
    }
}

static void end_world(struct world *w)
{
    close(w->ends[0]);
    free(w->text);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text++) {
        n++;
    }
    return n;
}

/* A file that is opened again takes what is logged from then on, so that a log can be rotated. */
static void test_n15_open_again(void)
{
    struct world w;
    char path[] = "/tmp/test_log_writer.XXXXXX", moved[64], text[256] = "";
    struct stir_error err = {0};
    make_world(&w, 5);
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    (void)snprintf(moved, sizeof(moved), "%s.1", path);
    stir_log_plain(&w.log, STIR_LOG_NOTICE, "to the pipe");
    read_until(&w, "to the pipe");
    UNIT_OK(stir_log_writer_open(w.log.writer, path, NULL));
    UNIT_OK(stir_log_writer_open(w.log.writer, path, NULL));
    CU_ASSERT_EQUAL(rename(path, moved), 0);
    UNIT_OK(stir_log_writer_open(w.log.writer, path, NULL));
    UNIT_CODE(stir_log_writer_open(w.log.writer, "/nowhere/log", &err), STIR_E_IO, "open");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/log"));
    stir_log_plain(&w.log, STIR_LOG_NOTICE, "to the file");
    stir_log_writer_free(w.log.writer);
    close(w.ends[1]);
    read_until(&w, NULL);
    CU_ASSERT_PTR_NULL(strstr(w.text, "to the file"));
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof(text), file));
    (void)fclose(file);
    UNIT_STR(text, "<5>to the file\n", "the file");
    CU_ASSERT_EQUAL(unlink(path) + unlink(moved), 0);
    end_world(&w);
}

/* All lines that were logged are there after the end, in their order. */
static void test_s06_nothing_is_lost_at_the_end(void)
{
    struct world w;
    make_world(&w, 5);
    for (int i = 0; i < 500; i++) {
        stir_log_plain(&w.log, STIR_LOG_NOTICE, "line %d", i);
    }
    stir_log_writer_free(w.log.writer);
    close(w.ends[1]);
    read_until(&w, NULL);
    const char *p = w.text;
    for (int i = 0; i < 500; i++) {
        char line[32];
        int n = snprintf(line, sizeof(line), "<5>line %d\n", i);
        UNIT_CHECK(strncmp(p, line, (size_t)n) == 0, "line %d", i);
        p += n;
    }
    CU_ASSERT_EQUAL(*p, '\0');
    end_world(&w);
}

/* Nobody reads: logging returns, the rest is dropped, counted and told once there is room. */
static void test_s06_a_pipe_that_nobody_reads(void)
{
    struct world w;
    make_world(&w, 5);
    for (int i = 0; i < 20000; i++) {
        stir_log_plain(&w.log, STIR_LOG_NOTICE, "line %d", i);
    }
    CU_ASSERT_TRUE(stir_log_writer_dropped(w.log.writer) > 1000);
    CU_ASSERT_TRUE(fcntl(w.ends[1], F_SETPIPE_SZ, 1 << 18) > 0); /* now there is room */
    stir_log_writer_free(w.log.writer);
    close(w.ends[1]);
    read_until(&w, NULL);
    static const char mark[] = "<3>log: ";
    size_t told = 0;
    for (const char *p = w.text; (p = strstr(p, mark)); p++) {
        told += strtoul(p + sizeof(mark) - 1, NULL, 10);
    }
    CU_ASSERT_EQUAL(told + count(w.text, "<5>line "), 20000);
    end_world(&w);
}

/* The end does not wait for a reader for ever. */
static void test_s06_the_end_without_a_reader(void)
{
    struct world w;
    make_world(&w, 0);
    for (int i = 0; i < 20000; i++) {
        stir_log_plain(&w.log, STIR_LOG_NOTICE, "line %d", i);
    }
    stir_log_writer_free(w.log.writer);
    close(w.ends[1]);
    end_world(&w);
}

/* Of one kind 3 lines are logged in a second, then their number. */
static void test_s06_limit(void)
{
    struct world w;
    make_world(&w, 5);
    for (int i = 0; i < 300; i++) {
        stir_log_limited(&w.log, "bind refused", STIR_LOG_WARNING, NULL, 0, "bind refused: %d", i);
    }
    stir_log_limited(&w.log, "another", STIR_LOG_WARNING, NULL, 0, "another kind");
    stir_log_limited(&w.log, "bind refused", STIR_LOG_DEBUG, NULL, 0, "below the level");
    atomic_store(&w.second, 2);
    read_until(&w, "log: 297 more lines were left out that begin with: bind refused\n");
    CU_ASSERT_EQUAL(count(w.text, "bind refused: "), 3);
    CU_ASSERT_EQUAL(count(w.text, "another kind"), 1);
    for (int i = 0; i < 5; i++) {
        stir_log_limited(&w.log, "bind refused", STIR_LOG_WARNING, NULL, 0, "again refused: %d", i);
    }
    CU_ASSERT_EQUAL(stir_log_writer_left_out(w.log.writer), 299);
    stir_log_writer_free(w.log.writer); /* the sum of a second that is not over is told at the end */
    close(w.ends[1]);
    read_until(&w, NULL);
    CU_ASSERT_EQUAL(count(w.text, "again refused: "), 3);
    CU_ASSERT_EQUAL(count(w.text, "log: 2 more lines"), 1);
    end_world(&w);
}

/* More kinds than are remembered: those without a place are not limited, and nothing is lost. */
static void test_many_kinds(void)
{
    struct world w;
    make_world(&w, 5);
    for (int i = 0; i < 200; i++) {
        char kind[16];
        (void)snprintf(kind, sizeof(kind), "kind %d", i);
        stir_log_limited(&w.log, kind, STIR_LOG_WARNING, NULL, 0, "line %d", i);
    }
    stir_log_writer_free(w.log.writer);
    close(w.ends[1]);
    read_until(&w, NULL);
    CU_ASSERT_EQUAL(count(w.text, "<4>line "), 200);
    end_world(&w);
}

UNIT_MAIN("log writer", {"S6: nothing is lost at the end", test_s06_nothing_is_lost_at_the_end},
          {"S6: a pipe that nobody reads holds nobody up", test_s06_a_pipe_that_nobody_reads},
          {"S6: the end does not wait for ever", test_s06_the_end_without_a_reader},
          {"S6: lines of one kind are limited", test_s06_limit}, {"many kinds", test_many_kinds},
          {"N15: a file is opened again", test_n15_open_again})
