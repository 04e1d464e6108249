/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "tests/unit/redis_fake.h"
#include "tests/unit/store_harness.h"

/*
 * A server whose answers are malformed, cut off or missing: each request ends once with STIR_E_UNAVAILABLE, the
 * connection is replaced, and nothing else happens.
 */
#define DEST "12155551212"

static struct cpsd_store_config fake_config(const struct redis_fake *fake, char *url, size_t size)
{
    struct cpsd_store_config config = harness_defaults;
    (void)snprintf(url, size, "redis+unix://%s", fake->path);
    config.url = url;
    return config;
}

static enum stir_code empty_box(struct harness *h)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(DEST);
    cpsd_store_empty(h->store, &box, 0, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o.result.code;
}

static enum stir_code one(struct harness *h, char op)
{
    switch (op) {
    case 'p':
    case 'f': /* into a box that may not be there */
        return harness_put(h, DEST, 1, "x", 1000).result.code;
    case 's': /* a box that may be short */
        return harness_list(h, DEST, 0, 10, 1000).result.code;
    case 'l':
        return harness_list(h, DEST, 1, 10, 1000).result.code;
    case 'g':
        return harness_get(h, DEST, 1).result.code;
    case 'e':
        return empty_box(h);
    default:
        return harness_remove(h, DEST, 1).result.code;
    }
}

#define TIMES "\0\0\0\0\0\0\1\0\0\0\0\0\0\2"
#define ID "0123456789abcdef"
#define HEAD TIMES ID "E"
#define PACKED TIMES ID "P"
#define TAGGED(len) TIMES ID "O" len "01234567" /* with a publisher */
#define SIXTY "0123456789abcdefghijklmnopqrst0123456789abcdefghijklmnopqrst"

#define CLOCK "*2\r\n$10\r\n1763762400\r\n$6\r\n123456\r\n"
#define AGES CLOCK ":-2\r\n"            /* and no expiry */
#define SOON CLOCK ":1763762410000\r\n" /* expires in ten seconds */
#define RECORD(life) "F" life ID "E"
#define QUEUED "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
#define NILS "$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"

/* For answers with NUL inside. */
#define ROW(op, text, expected, stays)                                                                                 \
    {                                                                                                                  \
        op, text, sizeof(text) - 1, expected, stays                                                                    \
    }

static const struct answer {
    char op;
    const char *text;
    size_t len;
    enum stir_code code;
    bool stays; /* the connection */
} answers[] = {
    /* good answers, to show that the bad ones fail for their own reason */
    ROW('p', "*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_OK, true),
    ROW('p', "*5\r\n:1\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_OK, true),
    ROW('p', "*5\r\n:2\r\n:1000\r\n:0\r\n:5000\r\n:-1\r\n", STIR_E_BOX_FULL, true),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*0\r\n", STIR_OK, true),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$33\r\n" HEAD "xy\r\n", STIR_OK, true),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$93\r\n" PACKED "\1" SIXTY "u\r\n", STIR_OK, true),
    ROW('s', AGES "*9\r\n" NILS "$-1\r\n$-1\r\n", STIR_OK, true),
    ROW('s', SOON "*9\r\n$25\r\n" RECORD("\0\0\0\100\0") "xy\r\n" NILS "$-1\r\n", STIR_OK, true),
    ROW('f', QUEUED "*3\r\n:1\r\n:1\r\n:0\r\n", STIR_OK, true),
    ROW('f', QUEUED "*3\r\n:1\r\n:1\r\n-NOPERM no\r\n", STIR_OK, true),
    ROW('g', "*1\r\n:1000\r\n", STIR_E_NOT_FOUND, true),
    ROW('g', "*2\r\n:1000\r\n$31\r\n" HEAD "\r\n", STIR_OK, true),
    ROW('g', "*2\r\n:1000\r\n$93\r\n" PACKED "\1" SIXTY "u\r\n", STIR_OK, true),
    ROW('r', "*2\r\n:1\r\n:1000\r\n", STIR_OK, true),
    ROW('r', "*2\r\n:0\r\n:1000\r\n", STIR_E_NOT_FOUND, true),
    ROW('p', "*5\r\n:4\r\n:1000\r\n:0\r\n:5000\r\n:-1\r\n", STIR_E_BOX_FULL, true),
    ROW('p', "*5\r\n:5\r\n:1000\r\n:0\r\n:5000\r\n:-1\r\n", STIR_E_BOX_FULL, true),
    ROW('e', "*3\r\n:1000\r\n:0\r\n$0\r\n\r\n", STIR_OK, true),
    ROW('e', "*3\r\n:1000\r\n:1\r\n$16\r\n" ID "\r\n", STIR_OK, true),
    ROW('e', "*3\r\n:1000\r\n:1\r\n$17\r\n" ID "x\r\n", STIR_E_UNAVAILABLE, false),
    ROW('e', "*3\r\n:1000\r\n:2\r\n$0\r\n\r\n", STIR_E_UNAVAILABLE, false),
    ROW('e', "*3\r\n:1000\r\n:0\r\n*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('e', "*2\r\n:1000\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$42\r\n" TAGGED("\10") "xy\r\n", STIR_OK, true),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$42\r\n" TAGGED("\13") "xy\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$42\r\n" TAGGED("\7") "xy\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$31\r\n" TIMES ID "O\r\n", STIR_E_UNAVAILABLE, false),
    /* refused */
    ROW('p', "-ERR no\r\n", STIR_E_UNAVAILABLE, true),
    ROW('p', "-OOM command not allowed when used memory > 'maxmemory'.\r\n", STIR_E_UNAVAILABLE, true),
    ROW('l', "-LOADING Redis is loading the dataset in memory\r\n", STIR_E_UNAVAILABLE, true),
    ROW('g', "-\r\n", STIR_E_UNAVAILABLE, true),
    ROW('p', "-READONLY You can't write against a read only replica.\r\n", STIR_E_UNAVAILABLE, false),
    /* another type */
    ROW('p', "+OK\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', ":0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "$3\r\nabc\r\n", STIR_E_UNAVAILABLE, false),
    ROW('r', "$0\r\n\r\n", STIR_E_UNAVAILABLE, false),
    /* another shape */
    ROW('p', "*3\r\n:0\r\n:1000\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-2\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:3\r\n:1000\r\n:0\r\n:0\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:3\r\n:1000\r\n:0\r\n:5\r\n:5\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:6\r\n:1000\r\n:0\r\n:5\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:4\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:5\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:0\r\n:1000\r\n:0\r\n:-1\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*1\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*2\r\n:0\r\n:1000\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:3\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:-1\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:0\r\n:1000\r\n:-1\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:2\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:2\r\n:1000\r\n:0\r\n$1\r\n5\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:0\r\n$4\r\n1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:0\r\n$-1\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*3\r\n*0\r\n:1000\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:2\r\n:-9223372036854775808\r\n:0\r\n:9223372036854775807\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*5\r\n:0\r\n:-1\r\n:0\r\n:0\r\n:-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*2\r\n:1000\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*4\r\n:1000\r\n:0\r\n*0\r\n*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$30\r\n" TIMES ID "\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$32\r\n" TIMES ID "Tx\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$31\r\n" PACKED "\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "*3\r\n:1000\r\n:0\r\n*1\r\n$92\r\n" PACKED "\1" SIXTY "\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "*2\r\n:1000\r\n$93\r\n" PACKED "\2" SIXTY "u\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "*2\r\n:1000\r\n$93\r\n" PACKED "\3" SIXTY "u\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', AGES "*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', AGES "*8\r\n" NILS "$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', AGES "*10\r\n" NILS "$-1\r\n$-1\r\n$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', AGES "+OK\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', AGES "-ERR no\r\n", STIR_E_UNAVAILABLE, true),
    ROW('s', "-ERR no\r\n-ERR no\r\n-ERR no\r\n", STIR_E_UNAVAILABLE, true),
    ROW('s', CLOCK "$1\r\n1\r\n*9\r\n" NILS "$-1\r\n$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED "*3\r\n:1\r\n:0\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED "*3\r\n:2\r\n:2\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED "*3\r\n$1\r\n1\r\n:1\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED "*2\r\n:1\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED "*-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED ":1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', "+OK\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', "*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('f', QUEUED, STIR_E_UNAVAILABLE, false),
    ROW('s', "*1\r\n$10\r\n1763762400\r\n*9\r\n" NILS "$-1\r\n$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', "*2\r\n$10\r\n1763762400\r\n$7\r\n1000000\r\n*9\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', "*2\r\n$10\r\n176376240x\r\n$1\r\n1\r\n*9\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', "*2\r\n$16\r\n9999999999999999\r\n$1\r\n1\r\n*9\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', "*2\r\n$0\r\n\r\n$1\r\n1\r\n*9\r\n", STIR_E_UNAVAILABLE, false),
    ROW('s', "*2\r\n:1763762400\r\n:1\r\n*9\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "*0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "*3\r\n:1000\r\n:1\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "*2\r\n:1000\r\n$0\r\n\r\n", STIR_E_UNAVAILABLE, false),
    ROW('g', "*2\r\n:1000\r\n$-1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('r', "*1\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('r', "*2\r\n:7\r\n:1000\r\n", STIR_E_UNAVAILABLE, false),
    ROW('r', "*2\r\n$1\r\n1\r\n:1000\r\n", STIR_E_UNAVAILABLE, false),
    /* no Redis at all */
    ROW('p', "HTTP/1.1 400 Bad Request\r\n\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "\0\0\0\0", STIR_E_UNAVAILABLE, false),
    ROW('p', "\x16\x03\x01\x02", STIR_E_UNAVAILABLE, false),
    ROW('p', "%1\r\n+a\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*x\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*-7\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "$-5\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', ":99999999999999999999999\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*2147483647\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*4294967296\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*262145\r\n", STIR_E_UNAVAILABLE, false),
    ROW('p', "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", STIR_E_UNAVAILABLE, false),
    /* more answers than requests */
    ROW('p', "*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n+OK\r\n", STIR_OK, false),
    ROW('p', "*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n", STIR_OK, false),
    ROW('p', "*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n-ERR later\r\n", STIR_OK, false),
    /* an endless answer: these wait for the timeout */
    ROW('p', "", STIR_E_UNAVAILABLE, false),
    ROW('p', "*", STIR_E_UNAVAILABLE, false),
    ROW('p', "*3\r\n:0\r\n", STIR_E_UNAVAILABLE, false),
    ROW('l', "$9223372036854775807\r\nabc", STIR_E_UNAVAILABLE, false),
    ROW('l', "*262144\r\n", STIR_E_UNAVAILABLE, false),
};

static void check_answer(const struct answer *row, bool hang_up)
{
    struct redis_fake fake = {.answer = row->text, .answer_len = row->len, .fresh = row->op == 'f', .hang_up = hang_up};
    struct cpsd_store_stats stats;
    struct harness h;
    char url[128], label[128];
    (void)snprintf(label, sizeof(label), "%c row %zu%s", row->op, (size_t)(row - answers), hang_up ? ", hangs up" : "");
    fake_start(&fake);
    struct cpsd_store_config config = fake_config(&fake, url, sizeof(url));
    if (row->code == STIR_E_UNAVAILABLE) {
        config.timeout_ms = 200; /* some answers never come */
    }
    if (harness_open(&h, &config)) {
        UNIT_CODE(one(&h, row->op), row->code, label);
        bool replaced = hang_up || !row->stays;
        (void)harness_run(&h, replaced ? 20 : 5, NULL);
        cpsd_backend_stats(h.backend, &stats);
        for (int i = 0; replaced && !stats.reconnects && i < 6000; i++) {
            (void)harness_run(&h, 10, NULL);
            cpsd_backend_stats(h.backend, &stats);
        }
        UNIT_CHECK((stats.reconnects > 0) == replaced, "%s: %d reconnects", label, (int)stats.reconnects);
        CU_ASSERT_EQUAL(stats.operations, 1);
        CU_ASSERT_EQUAL(stats.failures, row->code == STIR_E_UNAVAILABLE);
        harness_close(&h);
    }
    fake_stop(&fake);
}

static void nonsense(void)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        check_answer(&answers[i], false);
    }
}

/* Each prefix of a good answer, after which the connection is closed. */
static void cut_off(void)
{
    struct answer row = answers[4];
    CU_ASSERT_EQUAL(row.op, 'l');
    for (size_t n = 0; n < answers[4].len; n++) {
        row.len = n;
        row.code = STIR_E_UNAVAILABLE;
        check_answer(&row, true);
    }
    check_answer(&answers[4], true);
}

/* The same for the five answers to a put without a script. */
static void cut_off_fresh(void)
{
    static const struct answer whole = ROW('f', QUEUED "*3\r\n:1\r\n:1\r\n:0\r\n", STIR_OK, true);
    struct answer row = whole;
    for (size_t n = 0; n < whole.len; n += 4) {
        row.len = n;
        row.code = STIR_E_UNAVAILABLE;
        check_answer(&row, true);
    }
    check_answer(&whole, true);
}

/* After an error answer to EXEC the script stores the envelope. EXEC is not tried again only if it can never work. */
static void refused_exec(void)
{
    static const struct {
        const char *said;
        unsigned execs;
    } rows[] = {
        {"-EXECABORT Transaction discarded because of previous errors.\r\n", 2},
        {"-EXECABORT Transaction discarded because of: NOPERM no\r\n", 1},
        {"-NOPERM no\r\n", 1},
        {"-ERR EXEC without MULTI\r\n", 1},
        {"-MOVED 1 127.0.0.1:1\r\n", 2}, /* the slot left between two commands */
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 2},
        {"-CLUSTERDOWN The cluster is down\r\n", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _Atomic unsigned execs = 0;
        char url[128], exec[256];
        struct harness h;
        (void)snprintf(exec, sizeof(exec), QUEUED "%s", rows[i].said);
        static const char good[] = "*5\r\n:0\r\n:1000\r\n:0\r\n:0\r\n:-1\r\n";
        struct redis_fake fake = {.answer = good, .answer_len = sizeof(good) - 1, .exec = exec, .execs = &execs};
        fake_start(&fake);
        struct cpsd_store_config config = fake_config(&fake, url, sizeof(url));
        if (harness_open(&h, &config)) {
            UNIT_CODE(harness_put(&h, DEST, 1, "x", 1000).result.code, STIR_OK, rows[i].said);
            UNIT_CODE(harness_put(&h, "7", 1, "x", 1000).result.code, STIR_OK, rows[i].said);
            UNIT_CHECK(execs == rows[i].execs, "%s: tried %u times", rows[i].said, (unsigned)execs);
            harness_close(&h);
        }
        fake_stop(&fake);
    }
}

static bool said(FILE *log_file, const char *words)
{
    static char text[65536];
    rewind(log_file);
    text[fread(text, 1, sizeof(text) - 1, log_file)] = '\0';
    return strstr(text, words) != NULL;
}

/* After a bad answer to the first commands the store is never ready, and the log says why. */
static void bad_greetings(void)
{
    static const struct {
        const char *greeting, *said;
    } rows[] = {
        {"+OK\r\n", "not a primary"},
        {"*0\r\n", "not a primary"},
        {"*1\r\n:1\r\n", "not a primary"},
        {"*1\r\n$5\r\nslave\r\n", "not a primary"},
        {"-NOAUTH Authentication required.\r\n", "NOAUTH"},
        {"-DENIED Redis is running in protected mode\r\n", "DENIED"},
        {FAKE_ROLE "-LOADING Redis is loading the dataset in memory\r\n", "SCRIPT LOAD refused: LOADING"},
        {FAKE_ROLE "+0123456789abcdef0123456789abcdef01234567\r\n", "SCRIPT LOAD refused"},
        {FAKE_ROLE "$39\r\n0123456789abcdef0123456789abcdef0123456\r\n", "SCRIPT LOAD refused"},
        {FAKE_ROLE "$40\r\n0123456789abcdef0123456789abcdef0123456g\r\n", "SCRIPT LOAD refused"},
        {FAKE_ROLE FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA
         "$-1\r\n",
         "SCRIPT LOAD refused"},
        {FAKE_GREETING "+OK\r\n", "unexpected answer"},
        {FAKE_ROLE FAKE_SHA FAKE_SHA FAKE_SHA, "after connecting: timed out"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "not a Redis answer"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_fake fake = {.greeting = rows[i].greeting, .answer = "", .answer_len = 0};
        struct harness h;
        char url[128];
        FILE *log_file = tmpfile();
        CU_ASSERT_PTR_NOT_NULL_FATAL(log_file);
        struct stir_log log = {.fd = fileno(log_file), .level = STIR_LOG_INFO};
        fake_start(&fake);
        struct cpsd_store_config config = fake_config(&fake, url, sizeof(url));
        config.log = &log;
        config.timeout_ms = 350;
        if (harness_attach(&h, &config)) {
            for (int tries = 0; tries < 1200 && !said(log_file, rows[i].said); tries++) {
                (void)harness_run(&h, 50, NULL);
            }
            if (i != 11) {
                UNIT_CHECK(!cpsd_store_ready(h.store), "row %zu", i);
                UNIT_CODE(one(&h, 'p'), STIR_E_UNAVAILABLE, rows[i].said);
            }
            harness_close(&h);
        }
        fake_stop(&fake);
        UNIT_CHECK(said(log_file, rows[i].said), "row %zu: not said: %s", i, rows[i].said);
        (void)fclose(log_file);
    }
}

UNIT_MAIN("store_garbage", {"a put without a script that is cut off", cut_off_fresh}, {"EXEC refused", refused_exec},
          {"malformed answers", nonsense}, {"cut off", cut_off}, {"greetings", bad_greetings})
