/* SPDX-License-Identifier: MIT */
#include "common/base/conf.h"
#include "tests/unit/unit.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct settings {
    int64_t workers;
    int64_t wait_ms;
    bool tls;
    char *listen;
    char *certificate;
    int policy;
    char *roots;
    char *peers;
    char *other_listen;
};

enum { POLICY_NOBODY, POLICY_OPEN, POLICY_TOKEN };
static const char *const policies[] = {"nobody", "open", "token", NULL};

#define FIELD(name) offsetof(struct settings, name)

static const struct stir_conf_key table[] = {
    {"server", "workers", STIR_CONF_INT, FIELD(workers), "2", 1, 64, NULL, false, "Threads that serve."},
    {"server", "wait_ms", STIR_CONF_INT, FIELD(wait_ms), "-1", -1, INT64_MAX, NULL, true,
     "How long a reader may wait. A sentence that goes on for so long that it has to be broken into several lines of "
     "comment, as it would otherwise be hard to read.\nAnd a second paragraph."},
    {"server", "tls", STIR_CONF_BOOL, FIELD(tls), "yes", 0, 0, NULL, false, "Whether it is."},
    {"server", "listen", STIR_CONF_STRING, FIELD(listen), "127.0.0.1:8443", 1, 0, NULL, false, "Where."},
    {"server", "certificate", STIR_CONF_STRING, FIELD(certificate), "", 0, 0, NULL, true, "A file."},
    {"policy", "publish", STIR_CONF_ENUM, FIELD(policy), "open", 0, 0, policies, true, "Who may."},
    {"policy", "roots", STIR_CONF_LIST, FIELD(roots), "a.pem, b.pem", 1, 0, NULL, true, "Whom to trust."},
    {"policy", "peers", STIR_CONF_LIST, FIELD(peers), NULL, 0, 0, NULL, true, "Who else."},
    {"admin", "listen", STIR_CONF_STRING, FIELD(other_listen), "127.0.0.1:9090", 1, 0, NULL, false, "Where."},
};
#define COUNT (sizeof(table) / sizeof(*table))

static char path[] = "/tmp/test_conf.XXXXXX";

/* Loads text from a file on top of the defaults. The code; *conf is to be cleared by the caller. */
static enum stir_code load_n(struct settings *conf, const char *text, size_t n, struct stir_error *err)
{
    *conf = (struct settings){0};
    UNIT_OK(stir_conf_defaults(conf, table, COUNT, NULL));
    (void)snprintf(path, sizeof(path), "/tmp/test_conf.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n) {
        CU_FAIL_FATAL("no temporary file");
    }
    close(fd);
    enum stir_code code = stir_conf_load(conf, table, COUNT, path, err);
    unlink(path);
    return code;
}

static enum stir_code load(struct settings *conf, const char *text, struct stir_error *err)
{
    return load_n(conf, text, strlen(text), err);
}

static void clear(struct settings *conf)
{
    stir_conf_clear(conf, table, COUNT);
}

static void test_defaults(void)
{
    struct settings conf = {0};
    UNIT_OK(stir_conf_defaults(&conf, table, COUNT, NULL));
    CU_ASSERT_EQUAL(conf.workers, 2);
    CU_ASSERT_EQUAL(conf.wait_ms, -1);
    CU_ASSERT_TRUE(conf.tls);
    CU_ASSERT_EQUAL(conf.policy, POLICY_OPEN);
    UNIT_STR(conf.listen, "127.0.0.1:8443", "listen");
    UNIT_STR(conf.certificate, "", "certificate");
    UNIT_STR(conf.roots, "a.pem b.pem", "roots");
    UNIT_STR(conf.peers, "", "peers");
    clear(&conf);
    CU_ASSERT_PTR_NULL(conf.listen);
    clear(&conf);
}

static void test_wrong_tables(void)
{
    struct settings conf = {0};
    static const struct {
        struct stir_conf_key key;
        const char *says;
    } rows[] = {
        {{"s", "n", STIR_CONF_INT, 0, "0", 1, 2, NULL, false, "t"}, "s.n: must be a whole number from 1 to 2"},
        {{"s", "n", STIR_CONF_INT, 0, NULL, 1, 2, NULL, false, "t"}, "of the table has no"},
        {{"s", "n", STIR_CONF_INT, 0, "1", 1, 2, NULL, false, NULL}, "of the table has no"},
        {{NULL, "n", STIR_CONF_INT, 0, "1", 1, 2, NULL, false, "t"}, "of the table has no"},
        {{"s", NULL, STIR_CONF_INT, 0, "1", 1, 2, NULL, false, "t"}, "of the table has no"},
        {{"s", "n", STIR_CONF_BOOL, FIELD(tls), "maybe", 0, 0, NULL, false, "t"}, "s.n: must be yes or no"},
        {{"s", "n", STIR_CONF_ENUM, FIELD(policy), "all", 0, 0, policies, false, "t"}, "must be one of nobody, open, "},
        {{"s", "n", STIR_CONF_ENUM, FIELD(policy), "all", 0, 0, NULL, false, "t"}, "no choices"},
        {{"s", "n", STIR_CONF_STRING, FIELD(listen), "", 1, 0, NULL, false, "t"}, "s.n: must not be empty"},
        {{"s", "n", STIR_CONF_LIST, FIELD(roots), " , ", 1, 0, NULL, false, "t"}, "s.n: must not be empty"},
        {{"", "n", STIR_CONF_INT, 0, "x", 1, 2, NULL, false, "t"}, "n: must be"},
        {{"s", "n", (enum stir_conf_type)99, 0, "x", 1, 2, NULL, false, "t"}, "no known type"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct stir_error err = {0};
        struct stir_conf_key two[] = {table[3], rows[i].key};
        UNIT_CODE(stir_conf_defaults(&conf, two, 2, &err), STIR_E_CONFIG, rows[i].says);
        UNIT_CHECK(strstr(err.text, rows[i].says), "row %zu says \"%s\"", i, err.text);
        UNIT_CHECK(!conf.listen, "row %zu: nothing is stored", i);
    }
    struct stir_error err = {0};
    struct stir_conf_key twice[] = {table[0], table[0]};
    UNIT_CODE(stir_conf_defaults(&conf, twice, 2, &err), STIR_E_CONFIG, "twice");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "server.workers: is in the table twice"));
    CU_ASSERT_EQUAL(conf.workers, 0);
}

static void test_load(void)
{
    struct settings conf;
    struct stir_error err = {0};
    UNIT_OK(load(&conf,
                 "\xef\xbb\xbf; a comment\r\n[server] ; the server\r\nworkers = 64\r\nwait_ms=9223372036854775807\n"
                 "tls: off\nlisten = [::1]:443 ; inline\n\n[policy]\n# another\n  publish = token\n"
                 "[server]\ncertificate = a b;c=d:e",
                 &err));
    UNIT_STR(err.text, "", "no error");
    CU_ASSERT_EQUAL(conf.workers, 64);
    CU_ASSERT_EQUAL(conf.wait_ms, INT64_MAX);
    CU_ASSERT_FALSE(conf.tls);
    UNIT_STR(conf.listen, "[::1]:443", "listen");
    UNIT_STR(conf.certificate, "a b;c=d:e", "certificate");
    UNIT_STR(conf.other_listen, "127.0.0.1:9090", "the other listen");
    CU_ASSERT_EQUAL(conf.policy, POLICY_TOKEN);
    clear(&conf);
    UNIT_OK(load(&conf, "", NULL));
    CU_ASSERT_EQUAL(conf.workers, 2);
    clear(&conf);
}

static void test_lists(void)
{
    static const struct {
        const char *text, *roots;
    } rows[] = {
        {"roots = x", "x"},
        {"roots = x,y ,, z\t\tw,", "x y z w"},
        {"roots = x\nroots = y", "x y"},
        {"roots = x\n  y ; comment\n  ; z\n\n  # z\n\tw;v", "x y w;v"},
        {"roots =\n  x", "x"},
        {"roots = x\npeers = p\n  q\nroots = y\n  z", "x y z"},
        {"roots = x\n  k=v", "x k=v"},
        {"roots = x\n  [server]", "x [server]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[256];
        struct settings conf;
        struct stir_error err = {0};
        (void)snprintf(text, sizeof(text), "[policy]\n%s\n", rows[i].text);
        UNIT_CODE(load(&conf, text, &err), STIR_OK, err.text);
        UNIT_STR(conf.roots, rows[i].roots, rows[i].text);
        clear(&conf);
    }
}

/* Every refusal names file, line and reason, and changes nothing. */
static void test_refusals(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[server]\nworkers = 0", ":2: workers: must be a whole number from 1 to 64, not \"0\""},
        {"[server]\nworkers = 65", ":2: workers: must be a whole number"},
        {"[server]\nworkers =", ":2: workers: must be a whole number"},
        {"[server]\nworkers = 2k", ":2: workers: must be a whole number"},
        {"[server]\nworkers = 0x10", ":2: workers: must be a whole number"},
        {"[server]\nworkers = +2", ":2: workers: must be a whole number"},
        {"[server]\nworkers = - 2", ":2: workers: must be a whole number"},
        {"[server]\nworkers = 2 3", ":2: workers: must be a whole number"},
        {"[server]\nworkers = 1e1", ":2: workers: must be a whole number"},
        {"[server]\nwait_ms = -2", ":2: wait_ms: must be a whole number"},
        {"[server]\nwait_ms = 9223372036854775808", ":2: wait_ms: must be a whole number"},
        {"[server]\nwait_ms = -9223372036854775809", ":2: wait_ms: must be a whole number"},
        {"[server]\ntls = maybe", ":2: tls: must be yes or no, not \"maybe\""},
        {"[server]\ntls =", ":2: tls: must be yes or no, not \"\""},
        {"[server]\nlisten =", ":2: listen: must not be empty"},
        {"[policy]\n\nroots = ,", ":3: roots: must not be empty"},
        {"[policy]\npublish = Open", ":2: publish: must be one of nobody, open, token, not \"Open\""},
        {"[server]\nworkers = 3\n\nworkers = 3", ":4: workers: is already given in line 2"},
        {"[server]\nworkers = 3\n[policy]\n[server]\nworkers = 3", ":5: workers: is already given in line 2"},
        {"[server]\nwokers = 3", ":2: unknown key \"wokers\"; perhaps \"workers\""},
        {"[server]\nWorkers = 3", ":2: unknown key \"Workers\"; perhaps \"workers\""},
        {"[server]\npublish = open", ":2: unknown key \"publish\" here; perhaps \"publish\" of section [policy]"},
        {"[server]\npublsh = open", ":2: unknown key \"publsh\" here; perhaps \"publish\" of section [policy]"},
        {"[server]\nzzzzzzzz = 3", ":2: unknown key \"zzzzzzzz\""},
        {"workers = 3", ":1: unknown key \"workers\" here; perhaps \"workers\" of section [server]"},
        {"[sevrer]\nworkers = 3", ":2: unknown section [sevrer]; perhaps [server]"},
        {"[0123456789]\nworkers = 3", ":2: unknown section [0123456789]"},
        {"[server]\nworkers", ":2: neither [section] nor key = value"},
        {"[server\nworkers = 3", ":1: neither [section] nor key = value"},
        {"[server]\nworkers\nworkers = 0", ":2: neither"},
        {"[server]\nworkers = 0\nworkers", ":2: workers: must be"},
        {"[server] workers = 3", ":1: unexpected text after the section name"},
        {"[server]\nworkers = 3\n  tls = no", ":3: indented continuation line without a list to continue"},
        {"[policy]\nroots = x\n  peers = y", ":3: indented line continues the list above it, but looks like a key"},
        {"[server]\nlisten = a\033[2Jb", ":2: the line has a control character"},
        {"[server]\rworkers = 3\n", ":1: the line has a control character"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct settings conf;
        struct stir_error err = {0};
        UNIT_CODE(load(&conf, rows[i].text, &err), STIR_E_CONFIG, rows[i].text);
        UNIT_CHECK(strncmp(err.text, path, strlen(path)) == 0, "row %zu names the file: \"%s\"", i, err.text);
        UNIT_CHECK(strstr(err.text, rows[i].says), "row %zu says \"%s\"", i, err.text);
        UNIT_CHECK(conf.workers == 2 && conf.tls && strcmp(conf.roots, "a.pem b.pem") == 0, "row %zu stored", i);
        clear(&conf);
    }
}

static void test_nul(void)
{
    struct settings conf;
    struct stir_error err = {0};
    static const char text[] = "[server]\nlisten = 127.0.0.1:1\0 and more\n";
    UNIT_CODE(load_n(&conf, text, sizeof(text) - 1, &err), STIR_E_CONFIG, "NUL");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":2: the line has a control character"));
    clear(&conf);
}

/* A line of up to 198 octets is read whole, a longer one is an error unless it is a comment. */
static void test_long_lines(void)
{
    for (size_t len = 190; len < 210; len++) {
        char line[256] = {0};
        char text[600];
        struct settings conf;
        struct stir_error err = {0};
        memset(line, 'x', len);
        (void)snprintf(text, sizeof(text), "# %s\n[server]\ncertificate = %s\nworkers = 3\n", line,
                       line + sizeof("certificate = ") - 1);
        enum stir_code code = load(&conf, text, &err);
        UNIT_CODE(code, len <= 198 ? STIR_OK : STIR_E_CONFIG, err.text);
        if (code == STIR_OK) {
            CU_ASSERT_EQUAL(strlen(conf.certificate), len - (sizeof("certificate = ") - 1));
        } else {
            CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":3: the line is longer than 198 octets"));
        }
        clear(&conf);
    }
}

static void test_unreadable(void)
{
    struct settings conf = {0};
    struct stir_error err = {0};
    UNIT_OK(stir_conf_defaults(&conf, table, COUNT, NULL));
    UNIT_CODE(stir_conf_load(&conf, table, COUNT, "/nonexistent/x.conf", &err), STIR_E_IO, "missing");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/x.conf"));
    UNIT_CODE(stir_conf_load(&conf, table, COUNT, "/dev/zero", &err), STIR_E_TOO_BIG, "endless");
    clear(&conf);
}

static void test_set(void)
{
    static const struct {
        const char *key, *value;
        enum stir_code code;
        const char *says;
    } rows[] = {
        {"server.workers", "5", STIR_OK, ""},
        {"workers", "6", STIR_OK, ""},
        {"policy.roots", "p,q", STIR_OK, ""},
        {"listen", "x", STIR_E_CONFIG, "in several sections; say server.listen or admin.listen"},
        {"server.wokers", "5", STIR_E_CONFIG, "perhaps \"workers\""},
        {"sever.workers", "5", STIR_E_CONFIG, "unknown section [sever]; perhaps [server]"},
        {"wokers", "5", STIR_E_CONFIG, "perhaps \"workers\" of section [server]"},
        {"", "5", STIR_E_CONFIG, "unknown key"},
        {".", "5", STIR_E_CONFIG, "unknown key"},
        {"server-workers", "5", STIR_E_CONFIG, "unknown key"},
        {"server.", "5", STIR_E_CONFIG, "unknown key"},
        {"workers", "65", STIR_E_CONFIG, "server.workers: must be a whole number"},
        {"workers", " 6", STIR_E_CONFIG, "server.workers: must be a whole number"},
        {"certificate", "a\nb", STIR_E_CONFIG, "server.certificate: must not hold control characters"},
        {"roots", "a\033b", STIR_E_CONFIG, "policy.roots: must not hold control characters"},
        {"roots", "", STIR_E_CONFIG, "policy.roots: must not be empty"},
    };
    struct settings conf = {0};
    UNIT_OK(stir_conf_defaults(&conf, table, COUNT, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct stir_error err = {0};
        UNIT_CODE(stir_conf_set(&conf, table, COUNT, rows[i].key, rows[i].value, &err), rows[i].code, rows[i].key);
        UNIT_CHECK(strstr(err.text, rows[i].says), "row %zu says \"%s\"", i, err.text);
    }
    CU_ASSERT_EQUAL(conf.workers, 6);
    UNIT_STR(conf.roots, "p q", "roots are replaced");
    UNIT_STR(conf.certificate, "", "certificate is as before");
    char endless[4096];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    UNIT_CODE(stir_conf_set(&conf, table, COUNT, endless, "1", NULL), STIR_E_CONFIG, "a very long key");
    endless[100] = '.';
    UNIT_CODE(stir_conf_set(&conf, table, COUNT, endless, "1", NULL), STIR_E_CONFIG, "a very long section");
    clear(&conf);
}

static void test_bools(void)
{
    static const char *const yes[] = {"yes", "on", "true", "1", "Yes", "TRUE"};
    static const char *const no[] = {"no", "off", "false", "0", "No", "FALSE"};
    struct settings conf = {0};
    UNIT_OK(stir_conf_defaults(&conf, table, COUNT, NULL));
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        UNIT_OK(stir_conf_set(&conf, table, COUNT, "tls", no[i], NULL));
        UNIT_CHECK(!conf.tls, "%s", no[i]);
        UNIT_OK(stir_conf_set(&conf, table, COUNT, "tls", yes[i], NULL));
        UNIT_CHECK(conf.tls, "%s", yes[i]);
    }
    clear(&conf);
}

static void count_key(void *arg, const struct stir_conf_key *key)
{
    struct stir_buf *names = arg;
    stir_buf_printf(names, "%s.%s%s ", key->section, key->name, key->reloadable ? "*" : "");
}

/* The sample says what the defaults are: read back with its comment signs taken off, it changes nothing. */
static void test_sample(void)
{
    struct stir_buf sample = {0};
    struct stir_buf active = {0};
    struct stir_buf names = {0};
    struct settings defaults = {0};
    struct settings conf;
    stir_conf_sample(&sample, table, COUNT);
    UNIT_OK(stir_buf_state(&sample));
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.ptr, "# Threads that serve.\n# 1 to 64. A change needs a restart.\n"
                                              "#workers = 2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.ptr, " milliseconds. A change takes effect on reload.\n#wait_ms = -1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.ptr, "\n# And a second paragraph.\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.ptr, "\n[policy]\n\n# Who may.\n# One of nobody, open, token. "));
    struct stir_error err = {0};
    UNIT_CODE(load(&conf, sample.ptr, &err), STIR_OK, err.text);
    clear(&conf);
    for (const char *p = sample.ptr; *p; p++) {
        bool setting = *p == '#' && (p == sample.ptr || p[-1] == '\n') && p[1] != ' ';
        stir_buf_put(&active, p, setting ? 0 : 1);
    }
    UNIT_OK(stir_conf_defaults(&defaults, table, COUNT, NULL));
    UNIT_CODE(load(&conf, active.ptr ? active.ptr : "", &err), STIR_OK, err.text);
    stir_conf_diff(&defaults, &conf, table, COUNT, count_key, &names);
    UNIT_STR(names.ptr, NULL, "differences");
    size_t column = 0;
    for (const char *p = sample.ptr; *p; p++) {
        column = *p == '\n' ? 0 : column + 1;
        UNIT_CHECK(column <= 120, "a line of more than 120 columns");
    }
    clear(&conf);
    clear(&defaults);
    stir_buf_free(&sample);
    stir_buf_free(&active);
    stir_buf_free(&names);
}

/* A list that takes several lines in the sample is the same list when it is read back. */
static void test_sample_long_list(void)
{
    char list[1024] = "";
    for (size_t i = 0; i < 60; i++) {
        (void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "file%zu.pem ", i);
    }
    list[strlen(list) - 1] = '\0';
    struct stir_conf_key one[] = {table[6]};
    one[0].default_value = list;
    struct stir_buf sample = {0};
    stir_conf_sample(&sample, one, 1);
    UNIT_OK(stir_buf_state(&sample));
    struct settings conf = {0};
    UNIT_OK(stir_conf_defaults(&conf, one, 1, NULL));
    struct stir_buf active = {.limit = 4096};
    stir_buf_puts(&active, "[policy]\n");
    for (char *line = strstr(sample.ptr, "#roots"); line && *line; line = strchr(line, '\n') + 1) {
        stir_buf_put(&active, line + 1, strcspn(line + 1, "\n") + 1);
    }
    struct settings again;
    struct stir_error err = {0};
    UNIT_CODE(load(&again, active.ptr, &err), STIR_OK, err.text);
    UNIT_STR(again.roots, list, "the list");
    clear(&again);
    clear(&conf);
    stir_buf_free(&active);
    stir_buf_free(&sample);
}

static void test_diff(void)
{
    struct settings a;
    struct settings b;
    struct stir_buf names = {0};
    UNIT_OK(load(&a, "[server]\nworkers = 3\n[policy]\nroots = x y\n", NULL));
    UNIT_OK(
        load(&b, "[server]\nworkers = 4\ntls = no\nlisten = x\n[policy]\nroots = x,\n y\npublish = nobody\n", NULL));
    stir_conf_diff(&a, &b, table, COUNT, count_key, &names);
    UNIT_STR(names.ptr, "server.workers server.tls server.listen policy.publish* ", "differences");
    clear(&a);
    clear(&b);
    stir_buf_free(&names);
}

static void test_next(void)
{
    static const char list[] = " ,one two,,three\nlonger-than-that ";
    static const char *const items[] = {"one", "two", "three", "longer-"};
    char item[8];
    size_t pos = 0;
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(stir_conf_next(list, &pos, item, sizeof(item)));
        UNIT_STR(item, items[i], "item");
    }
    CU_ASSERT_FALSE(stir_conf_next(list, &pos, item, sizeof(item)));
    CU_ASSERT_FALSE(stir_conf_next(list, &pos, item, sizeof(item)));
    pos = 0;
    CU_ASSERT_FALSE(stir_conf_next("", &pos, item, sizeof(item)));
    CU_ASSERT_FALSE(stir_conf_next(" , ", &pos, item, sizeof(item)));
}

UNIT_MAIN("conf", {"defaults", test_defaults}, {"wrong tables", test_wrong_tables}, {"a file", test_load},
          {"lists", test_lists}, {"refusals", test_refusals}, {"NUL", test_nul}, {"long lines", test_long_lines},
          {"files that cannot be read", test_unreadable}, {"overrides", test_set}, {"yes and no", test_bools},
          {"sample file", test_sample}, {"sample with a long list", test_sample_long_list}, {"differences", test_diff},
          {"list items", test_next})
