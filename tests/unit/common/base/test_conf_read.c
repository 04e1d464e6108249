/* SPDX-License-Identifier: MIT */
#include "common/base/conf_table.h"
#include "common/number/conf_numbering.h"
#include "common/number/numbering_keys.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUIET, LOUD };
static const char *const voices[] = {"quiet", "loud", NULL};

struct settings {
    int64_t workers;
    char *name;
    char *hosts;
    int voice;
    bool tls;
    int64_t idle_s, gap_ms, bytes_per_peer;
    char *old_title;
    struct stir_conf_numbering numbering;
    int checks; /* no key: how often check() was called */
};

#define AT(field) offsetof(struct settings, field)
static const struct stir_conf_key table[] = {
    INT_KEY("server", "workers", workers, "2", 1, 64, true, "Threads."),
    STRING_KEY("server", "name", name, "one", 1, true, "A name."),
    LIST_KEY("server", "hosts", hosts, "a, b", false, "Hosts."),
    ENUM_KEY("server", "voice", voice, "quiet", voices, true, "How it speaks."),
    BOOL_KEY("server", "tls", tls, "no", true, "Whether it is."),
    INT_KEY("server", "idle_s", idle_s, "10", 0, 86400, true, "Idle."),
    INT_KEY("server", "gap_ms", gap_ms, "10", 0, 86400000, true, "A gap."),
    INT_KEY("server", "bytes_per_peer", bytes_per_peer, "65536", 0, INT64_MAX, true, "Room."),
    RENAMED_KEY("server", "title", old_title, "server", "name"),
    NUMBERING_KEYS(numbering, "in tests"),
};
#define COUNT (sizeof(table) / sizeof(table[0]))

static void check(void *conf, struct stir_faults *faults)
{
    struct stir_error err = {0};
    struct settings *settings = conf;
    settings->checks++;
    if (settings->workers == 13) {
        stir_faults_add(faults, STIR_E_KEY, "workers bring bad luck");
    }
    stir_faults_take(faults, stir_conf_numbering_check(&settings->numbering, &err), &err);
}

static char path[] = "/tmp/test_conf_read.XXXXXX";

/* Reads a file with that text (NULL: none) and the overrides, up to a NULL. */
static enum stir_code read_all(struct settings *conf, const char *text, const char *const *given,
                               struct stir_error *err)
{
    struct stir_conf_overrides overrides = {0};
    for (; given && given[overrides.count]; overrides.count++) {
        overrides.text[overrides.count] = given[overrides.count];
    }
    *conf = (struct settings){0};
    if (!text) {
        return stir_conf_read(conf, table, COUNT, NULL, given ? &overrides : NULL, check, err);
    }
    (void)snprintf(path, sizeof(path), "/tmp/test_conf_read.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        CU_FAIL_FATAL("no temporary file");
    }
    close(fd);
    enum stir_code code = stir_conf_read(conf, table, COUNT, path, given ? &overrides : NULL, check, err);
    unlink(path);
    return code;
}

static void test_order(void)
{
    static const char *const none[] = {NULL};
    static const char *const some[] = {"server.workers=4", "hosts=x y", "server.workers=5", "name=a=b", NULL};
    static const struct {
        const char *text;
        const char *const *given;
        int64_t workers;
        const char *name, *hosts;
        int voice;
    } rows[] = {
        {NULL, NULL, 2, "one", "a b", QUIET},
        {NULL, none, 2, "one", "a b", QUIET},
        {"[server]\nworkers = 3\nvoice = loud\n", NULL, 3, "one", "a b", LOUD},
        {"[server]\nworkers = 3\nhosts = c\nname = two\n", some, 5, "a=b", "x y", QUIET},
        {NULL, some, 5, "a=b", "x y", QUIET},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings conf;
        struct stir_error err = {0};
        UNIT_CODE(read_all(&conf, rows[i].text, rows[i].given, &err), STIR_OK, err.text);
        UNIT_CHECK(conf.workers == rows[i].workers, "row %zu: %ld workers", i, (long)conf.workers);
        UNIT_STR(conf.name, rows[i].name, "name");
        UNIT_STR(conf.hosts, rows[i].hosts, "hosts");
        UNIT_CHECK(conf.voice == rows[i].voice && !conf.tls, "row %zu: voice, tls", i);
        UNIT_CHECK(conf.checks == 1, "row %zu: checked %d times", i, conf.checks);
        stir_conf_clear(&conf, table, COUNT);
    }
}

#define LONG_31 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_127 LONG_31 "." LONG_31 "." LONG_31 "." LONG_31

static void test_refusals(void)
{
    static const struct {
        const char *text, *given;
        enum stir_code code;
        const char *says;
        bool with_path; /* the text begins with it */
        int checks;
    } rows[] = {
        {NULL, "workers", STIR_E_CONFIG, "-o workers: not section.key=value", false, 0},
        {NULL, "", STIR_E_CONFIG, "-o : not section.key=value", false, 0},
        {NULL, "=1", STIR_E_CONFIG, "\"\"", false, 0},
        {NULL, LONG_127 "=1", STIR_E_CONFIG, "unknown", false, 0},
        {NULL, LONG_127 "b=1", STIR_E_CONFIG, "b=1: not section.key=value", false, 0},
        {NULL, "server.workers=65", STIR_E_CONFIG, "server.workers: must be a whole number from 1 to 64", false, 0},
        {"[server]\nworkers = 3\n", "name=", STIR_E_CONFIG, "server.name: must not be empty", false, 0},
        {"[server]\nworkers = x\n", "workers=3", STIR_E_CONFIG, "workers: must be", true, 0},
        {"[server]\nname = new\nnam = x\n", NULL, STIR_E_CONFIG, "name", true, 0},
        {NULL, "workers=13", STIR_E_KEY, "workers bring bad luck", false, 1},
        {"[server]\nworkers = 13\n", NULL, STIR_E_KEY, ": workers bring bad luck", true, 1},
        {"", "numbers.country_code=1x", STIR_E_CONFIG, ": [numbers] country_code, ", true, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const given[] = {rows[i].given, NULL};
        struct settings conf;
        struct stir_error err = {0};
        UNIT_CODE(read_all(&conf, rows[i].text, rows[i].given ? given : NULL, &err), rows[i].code, err.text);
        UNIT_CHECK(strstr(err.text, rows[i].says), "row %zu says \"%s\"", i, err.text);
        UNIT_CHECK((strncmp(err.text, path, strlen(path)) == 0) == rows[i].with_path, "row %zu: path: %s", i, err.text);
        UNIT_CHECK(conf.checks == rows[i].checks, "row %zu: checked %d times", i, conf.checks);
        UNIT_CHECK(!conf.name && !conf.hosts && !conf.numbering.country_code, "row %zu: cleared", i);
    }
}

/* A value may have a unit of its key's kind. */
static void test_units(void)
{
    static const struct {
        const char *given;
        int64_t value; /* -1: refused */
    } rows[] = {
        {"idle_s=75s", 75},
        {"idle_s=10m", 600},
        {"idle_s=2h", 7200},
        {"idle_s=1d", 86400},
        {"idle_s=3000ms", 3},
        {"idle_s=1500ms", -1},
        {"idle_s=2d", -1},
        {"idle_s=1k", -1},
        {"idle_s=1 m", -1},
        {"idle_s=s", -1},
        {"idle_s=1M", -1},
        {"gap_ms=2s", 2000},
        {"gap_ms=7ms", 7},
        {"gap_ms=1mm", -1},
        {"bytes_per_peer=16k", 16384},
        {"bytes_per_peer=2M", 2097152},
        {"bytes_per_peer=1g", 1073741824},
        {"bytes_per_peer=9223372036854775807k", -1},
        {"bytes_per_peer=3s", -1},
        {"workers=2k", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const given[] = {rows[i].given, NULL};
        struct settings conf;
        struct stir_error err = {0};
        enum stir_code code = read_all(&conf, NULL, given, &err);
        UNIT_CODE(code, rows[i].value < 0 ? STIR_E_CONFIG : STIR_OK, rows[i].given);
        const int64_t *field = rows[i].given[0] == 'i'   ? &conf.idle_s
                               : rows[i].given[0] == 'g' ? &conf.gap_ms
                                                         : &conf.bytes_per_peer;
        UNIT_CHECK(code != STIR_OK || *field == rows[i].value, "%s is %ld", rows[i].given, (long)*field);
        UNIT_CHECK(code == STIR_OK || strstr(err.text, "must be a whole number from 0 to ") || rows[i].given[0] == 'w',
                   "%s: %s", rows[i].given, err.text);
        stir_conf_clear(&conf, table, COUNT);
    }
}

/* All that is wrong is said at once. */
static void test_n02_all_faults(void)
{
    struct stir_faults faults = {0};
    struct stir_conf_overrides overrides = {.text = {"workers=99"}, .count = 1, .faults = &faults};
    struct settings conf = {0};
    struct stir_error err = {0};
    FILE *file = fopen("/tmp/test_conf_read.faults", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(
        "[server]\nworkers = x\nnonsense\nnam = y\ntls = perhaps\n[sever]\na = 1\nb = 2\n[server]\nvoice = hoarse\n",
        file);
    (void)fclose(file);
    UNIT_CODE(stir_conf_read(&conf, table, COUNT, "/tmp/test_conf_read.faults", &overrides, check, &err), STIR_E_CONFIG,
              "read");
    static const char *const lines[] = {":2: workers",         ":3: neither", ":4: unknown key",          ":5: tls",
                                        ":7: unknown section", ":10: voice",  "\nserver.workers: must be"};
    CU_ASSERT_EQUAL(faults.count, 7);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        UNIT_CHECK(strstr(faults.lines.ptr, lines[i]), "%s is missing: %s", lines[i], faults.lines.ptr);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":2: workers"));
    CU_ASSERT_EQUAL(unlink("/tmp/test_conf_read.faults"), 0);
    overrides.count = 0;
    conf = (struct settings){0};
    UNIT_OK(stir_conf_read(&conf, table, COUNT, NULL, &overrides, check, &err));
    CU_ASSERT_EQUAL(faults.count, 0);
    stir_conf_clear(&conf, table, COUNT);
    stir_faults_clear(&faults);
}

static void count_outdated(void *arg, const char *text)
{
    UNIT_STR(text, "[server] title is now called [server] name: rename it, the next release refuses the old name",
             "warning");
    ++*(int *)arg;
}

/* An old name sets the key that has a new one, with a warning. */
static void test_renamed(void)
{
    static const struct {
        const char *text, *given, *name;
        int warnings;
    } rows[] = {
        {"[server]\ntitle = new\n", NULL, "new", 1}, {NULL, "title=new", "new", 1},
        {NULL, "server.title=new", "new", 1},        {"[server]\ntitle = new\n", "name=newer", "newer", 1},
        {"[server]\nname = new\n", NULL, "new", 0},  {"[server]\nname = new\ntitle = newer\n", NULL, NULL, 0},
        {"[server]\ntitle =\n", NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const given[] = {rows[i].given, NULL};
        struct settings conf;
        int warnings = 0;
        UNIT_CODE(read_all(&conf, rows[i].text, rows[i].given ? given : NULL, NULL),
                  rows[i].name ? STIR_OK : STIR_E_CONFIG, rows[i].text);
        if (rows[i].name) {
            UNIT_STR(conf.name, rows[i].name, "name");
            stir_conf_outdated(&conf, table, COUNT, count_outdated, &warnings);
        }
        CU_ASSERT_EQUAL(warnings, rows[i].warnings);
        stir_conf_clear(&conf, table, COUNT);
    }
}

static void put_file(const char *directory, const char *name, const char *text)
{
    char where[128];
    (void)snprintf(where, sizeof(where), "%s%s", directory, name);
    if (!text) {
        (void)unlink(where);
        return;
    }
    FILE *file = fopen(where, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* Files of FILE.d are read after FILE, in the order of their names; a later value replaces an earlier one. */
static void test_directory(void)
{
    char base[] = "/tmp/test_conf_read.XXXXXX";
    static const char *const files[][2] = {{"/c.conf", "[server]\nworkers = 3\nhosts = x\n"},
                                           {"/c.conf.d/20.conf", "[server]\nworkers = 20\nhosts = z\n"},
                                           {"/c.conf.d/10.conf", "[server]\nworkers = 10\nname = ten\nhosts = y\n"},
                                           {"/c.conf.d/.hidden.conf", "nonsense"},
                                           {"/c.conf.d/30.conf~", "nonsense"}};
    char main_file[64], directory[64];
    struct settings conf = {0};
    struct stir_error err = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(base));
    (void)snprintf(main_file, sizeof(main_file), "%s/c.conf", base);
    (void)snprintf(directory, sizeof(directory), "%s/c.conf.d", base);
    CU_ASSERT_EQUAL_FATAL(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        put_file(base, files[i][0], files[i][1]);
    }
    UNIT_CODE(stir_conf_read(&conf, table, COUNT, main_file, NULL, check, &err), STIR_OK, err.text);
    CU_ASSERT_EQUAL(conf.workers, 20);
    UNIT_STR(conf.name, "ten", "name");
    UNIT_STR(conf.hosts, "z", "hosts");
    stir_conf_clear(&conf, table, COUNT);
    put_file(base, "/c.conf.d/20.conf", "[server]\nworkers = x\n");
    conf = (struct settings){0};
    UNIT_CODE(stir_conf_read(&conf, table, COUNT, main_file, NULL, check, &err), STIR_E_CONFIG, "a fault");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/c.conf.d/20.conf:2: workers"));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        put_file(base, files[i][0], NULL);
    }
    CU_ASSERT_EQUAL(rmdir(directory) + rmdir(base), 0);
}

static void test_no_file(void)
{
    struct settings conf = {0};
    struct stir_error err = {0};
    UNIT_CODE(stir_conf_read(&conf, table, COUNT, "/nonexistent/file", NULL, check, &err), STIR_E_IO, err.text);
    CU_ASSERT_PTR_NULL(conf.name);
    CU_ASSERT_EQUAL(conf.checks, 0);
    UNIT_OK(stir_conf_read(&conf, table, COUNT, NULL, NULL, NULL, &err));
    CU_ASSERT_EQUAL(conf.checks, 0);
    UNIT_STR(conf.name, "one", "name");
    stir_conf_clear(&conf, table, COUNT);
}

static void test_numbering(void)
{
    static const char *const given[] = {"country_code=1234567",
                                        "national_prefix=0",
                                        "international_prefix=00",
                                        "numbers.max_digits=32",
                                        "national_digits=10",
                                        "short_code_digits=0",
                                        NULL};
    struct settings conf;
    struct stir_numbering numbering;
    const struct stir_numbering usual = STIR_NUMBERING_DEFAULT;
    UNIT_OK(read_all(&conf, NULL, NULL, NULL));
    memset(&numbering, 0xff, sizeof(numbering));
    stir_conf_numbering(&conf.numbering, &numbering);
    CU_ASSERT_EQUAL(numbering.max_digits, usual.max_digits);
    CU_ASSERT_EQUAL(numbering.min_digits, usual.min_digits);
    CU_ASSERT_EQUAL(numbering.short_code_digits, usual.short_code_digits);
    CU_ASSERT_EQUAL(numbering.national_digits, 0);
    UNIT_STR(numbering.country_code, "", "country_code");
    UNIT_STR(numbering.national_prefix, "", "national_prefix");
    UNIT_STR(numbering.international_prefix, "", "international_prefix");
    stir_conf_clear(&conf, table, COUNT);
    UNIT_OK(read_all(&conf, NULL, given, NULL));
    stir_conf_numbering(&conf.numbering, &numbering);
    CU_ASSERT_EQUAL(numbering.max_digits, STIR_TN_MAX);
    CU_ASSERT_EQUAL(numbering.national_digits, 10);
    CU_ASSERT_EQUAL(numbering.short_code_digits, 0);
    UNIT_STR(numbering.country_code, "1234567", "country_code");
    UNIT_STR(numbering.national_prefix, "0", "national_prefix");
    UNIT_STR(numbering.international_prefix, "00", "international_prefix");
    stir_conf_clear(&conf, table, COUNT);
}

static void test_numbering_refusals(void)
{
    static const char *const keys[] = {"country_code", "national_prefix", "international_prefix"};
    static const char *const values[] = {"12345678", "+49", "4 9", "49x", "-1", "0x1", "*", "\xd9\xa4", "1,2"};
    static const char *const numbers[] = {"max_digits=2",         "max_digits=33",        "national_digits=-1",
                                          "national_digits=33",   "short_code_digits=-1", "short_code_digits=33",
                                          "max_digits=4294967311"};
    struct settings conf;
    char text[64];
    for (size_t i = 0; i < 3 * sizeof(values) / sizeof(values[0]); i++) {
        const char *const given[] = {text, NULL};
        struct stir_error err = {0};
        (void)snprintf(text, sizeof(text), "numbers.%s=%s", keys[i % 3], values[i / 3]);
        UNIT_CODE(read_all(&conf, NULL, given, &err), STIR_E_CONFIG, text);
        UNIT_STR(err.text, "[numbers] country_code, national_prefix and international_prefix must be at most 7 digits",
                 text);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *const given[] = {numbers[i], NULL};
        struct stir_error err = {0};
        UNIT_CODE(read_all(&conf, NULL, given, &err), STIR_E_CONFIG, numbers[i]);
        UNIT_CHECK(strstr(err.text, "must be a whole number"), "%s: %s", numbers[i], err.text);
    }
}

UNIT_MAIN("conf_read", {"defaults, file, overrides", test_order}, {"refusals", test_refusals}, {"units", test_units},
          {"N2: all faults at once", test_n02_all_faults}, {"renamed", test_renamed}, {"directory", test_directory},
          {"no file, no check", test_no_file}, {"numbering", test_numbering},
          {"numbering that is refused", test_numbering_refusals})
