/* SPDX-License-Identifier: MIT */
#include "common/base/daemon.h"
#include "tests/unit/unit.h"

#include <getopt.h>
#include <stddef.h>
#include <unistd.h>

static const struct stir_conf_key table[] = {
    {"server", "workers", STIR_CONF_INT, 0, "2", 1, 64, NULL, false, "Threads that serve."}};
static const struct stir_daemon daemon_3 = {.name = "testd",
                                            .usage = "It tests.",
                                            .signals = "SIGTERM stops it.",
                                            .table = table,
                                            .count = 1,
                                            .overrides_max = 3};

#define POINTER "Try \"testd --help\" for the options.\n"

/* What one of the two standard streams was given, while it is a file. */
struct caught {
    FILE *stream, *file;
    int saved;
    char text[4096];
};

static void catch_begin(struct caught *caught, FILE *stream)
{
    *caught = (struct caught){.stream = stream, .file = tmpfile()};
    (void)fflush(stream);
    caught->saved = dup(fileno(stream));
    if (!caught->file || caught->saved < 0 || dup2(fileno(caught->file), fileno(stream)) < 0) {
        CU_FAIL_FATAL("no temporary file");
    }
}

static void catch_end(struct caught *caught)
{
    (void)fflush(caught->stream);
    (void)dup2(caught->saved, fileno(caught->stream));
    close(caught->saved);
    rewind(caught->file);
    caught->text[fread(caught->text, 1, sizeof(caught->text) - 1, caught->file)] = '\0';
    (void)fclose(caught->file);
}

struct ran {
    bool goes_on;
    int status;
    struct stir_daemon_options options;
    struct caught out, err;
};

/* Runs with the arguments up to a NULL, which stay where they are. */
static void run(struct ran *ran, const struct stir_daemon *daemon, char **args)
{
    char *argv[160] = {(char[]){"testd"}};
    int argc = 1;
    for (; args[argc - 1]; argc++) {
        argv[argc] = args[argc - 1];
    }
    optind = 0; /* getopt starts anew */
    ran->status = -1;
    ran->options = (struct stir_daemon_options){.path = "untouched"};
    catch_begin(&ran->out, stdout);
    catch_begin(&ran->err, stderr);
    ran->goes_on = stir_daemon_options(&ran->options, &ran->status, daemon, argc, argv);
    catch_end(&ran->err);
    catch_end(&ran->out);
}

static void test_goes_on(void)
{
    struct ran ran;
    run(&ran, &daemon_3, (char *[]){NULL});
    CU_ASSERT_TRUE(ran.goes_on);
    CU_ASSERT_PTR_NULL(ran.options.path);
    CU_ASSERT_FALSE(ran.options.check);
    CU_ASSERT_EQUAL(ran.options.overrides.count, 0);
    run(&ran, &daemon_3,
        (char *[]){"-c", "a", "--set=server.workers=1", "--check", "-o", "b", "--config", "c", "-od", NULL});
    CU_ASSERT_TRUE(ran.goes_on);
    UNIT_STR(ran.options.path, "c", "-c");
    CU_ASSERT_TRUE(ran.options.check);
    CU_ASSERT_EQUAL_FATAL(ran.options.overrides.count, 3);
    UNIT_STR(ran.options.overrides.text[0], "server.workers=1", "first -o");
    UNIT_STR(ran.options.overrides.text[1], "b", "second -o");
    UNIT_STR(ran.options.overrides.text[2], "d", "third -o");
    UNIT_STR(ran.out.text, "", "standard output");
    UNIT_STR(ran.err.text, "", "standard error");
}

static void test_ends(void)
{
    static const struct {
        char *args[6];
        int status;
        const char *out, *err;
    } rows[] = {
        {{"-V"}, 0, "testd " CPS_VERSION "\n", ""},
        {{"--version"}, 0, "testd " CPS_VERSION "\n", ""},
        {{"-t", "-V", "-h"}, 0, "testd " CPS_VERSION "\n", ""},
        {{"-x"}, 2, "", "testd: invalid option -- 'x'\n" POINTER},
        {{"--nonsense"}, 2, "", "testd: unrecognized option '--nonsense'\n" POINTER},
        {{"-c"}, 2, "", "testd: option requires an argument -- 'c'\n" POINTER},
        {{"--set"}, 2, "", "testd: option '--set' requires an argument\n" POINTER},
        {{"-t", "--online"}, 2, "", "testd: there is no --online here\n" POINTER},
        {{"--user", "nobody"}, 2, "", "testd: --user is for the check, -t\n" POINTER},
        {{"-t", "--user", "no such"}, 2, "", "testd: --user: there is no account \"no such\"\n"},
        {{"file"}, 2, "", "testd: unexpected argument \"file\"\n" POINTER},
        {{"-t", "--", "-h"}, 2, "", "testd: unexpected argument \"-h\"\n" POINTER},
        {{"-oa", "-ob", "-oc", "-od"}, 2, "", "testd: -o is given more than 3 times\n" POINTER},
        {{"-oa", "-ob", "-oc", "-od", "-h"}, 2, "", "testd: -o is given more than 3 times\n" POINTER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ran ran;
        run(&ran, &daemon_3, (char **)(uintptr_t)rows[i].args);
        UNIT_CHECK(!ran.goes_on && ran.status == rows[i].status, "row %zu: status %d", i, ran.status);
        UNIT_STR(ran.out.text, rows[i].out, "standard output");
        UNIT_STR(ran.err.text, rows[i].err, "standard error");
        UNIT_STR(ran.options.path, "untouched", "options");
    }
}

static void test_help(void)
{
    static const char *const words[] = {"usage: testd ", "\nIt tests.\n",         "-c, --config FILE",
                                        "-t, --check",   "\nSIGTERM stops it.\n", "Exit status: 0"};
    for (size_t i = 0; i < 2; i++) {
        struct ran ran;
        run(&ran, &daemon_3, (char *[]){i ? "--help" : "-h", NULL});
        UNIT_CHECK(!ran.goes_on && ran.status == 0, "status %d", ran.status);
        UNIT_STR(ran.err.text, "", "standard error");
        for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
            UNIT_CHECK(strstr(ran.out.text, words[j]) != NULL, "help lacks \"%s\"", words[j]);
        }
    }
}

static void test_sample(void)
{
    struct ran ran;
    struct stir_buf sample = {0};
    stir_conf_sample(&sample, table, 1);
    run(&ran, &daemon_3, (char *[]){"-p", NULL});
    CU_ASSERT_FALSE(ran.goes_on);
    CU_ASSERT_EQUAL(ran.status, 0);
    UNIT_STR(ran.out.text, sample.ptr, "sample");
    CU_ASSERT_PTR_NOT_NULL(strstr(ran.out.text, "#workers = 2\n"));
    stir_buf_free(&sample);
}

/* Whatever a program asks for, no more is written than the array holds. */
static void test_many(void)
{
    struct stir_daemon greedy = daemon_3;
    greedy.overrides_max = SIZE_MAX;
    char *args[STIR_CONF_OVERRIDES_MAX + 2] = {NULL};
    for (size_t i = 0; i < STIR_CONF_OVERRIDES_MAX; i++) {
        args[i] = "-oa=b";
    }
    struct ran ran;
    run(&ran, &greedy, args);
    CU_ASSERT_TRUE(ran.goes_on);
    CU_ASSERT_EQUAL(ran.options.overrides.count, STIR_CONF_OVERRIDES_MAX);
    args[STIR_CONF_OVERRIDES_MAX] = "-oa=b";
    run(&ran, &greedy, args);
    CU_ASSERT_FALSE(ran.goes_on);
    CU_ASSERT_EQUAL(ran.status, 2);
    UNIT_STR(ran.err.text, "testd: -o is given more than 128 times\n" POINTER, "standard error");
}

static void test_says(void)
{
    static const struct {
        enum stir_code code;
        int status, verdict;
        const char *text;
    } rows[] = {
        {STIR_E_CONFIG, 2, 2, "testd: the configuration is wrong: it is 100%n wrong\n"},
        {STIR_E_IO, 1, 2, "testd: the configuration is wrong: it is 100%n wrong\n"},
        {STIR_E_KEY, 1, 2, "testd: the configuration is wrong: it is 100%n wrong\n"},
        {STIR_E_NOMEM, 1, 1, "testd: out of memory: it is 100%n wrong\n"},
    };
    struct stir_faults faults = {0};
    struct caught out, err;
    catch_begin(&out, stdout);
    int status = stir_daemon_verdict(&daemon_3, &faults);
    catch_end(&out);
    CU_ASSERT_EQUAL(status, 0);
    UNIT_STR(out.text, "testd: the configuration is good\n", "good");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[256];
        struct stir_error error = {0};
        (void)stir_fail(&error, rows[i].code, "it is 100%%n wrong");
        (void)snprintf(expected, sizeof(expected), "testd: %s: it is 100%%n wrong\n", stir_strerror(rows[i].code));
        catch_begin(&err, stderr);
        status = stir_daemon_fail(&daemon_3, &error);
        catch_end(&err);
        UNIT_CHECK(status == rows[i].status, "%s: %d", stir_error_name(rows[i].code), status);
        UNIT_STR(err.text, expected, "failure");
        stir_faults_take(&faults, rows[i].code, &error);
        stir_faults_take(&faults, rows[i].code, &error); /* is said once */
        catch_begin(&err, stderr);
        status = stir_daemon_verdict(&daemon_3, &faults);
        catch_end(&err);
        UNIT_CHECK(status == rows[i].verdict, "%s: %d", stir_error_name(rows[i].code), status);
        UNIT_STR(err.text, rows[i].text, "verdict");
        CU_ASSERT_EQUAL(faults.count, 0);
    }
}

UNIT_MAIN("daemon", {"goes on", test_goes_on}, {"N14: version and mistakes", test_ends}, {"N14: help", test_help},
          {"-p", test_sample}, {"many -o", test_many}, {"N18: good, failed and refused", test_says})
