/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_sqlite.h"

#include "client/lib/spool/spool_sqlite_internal.h"
#include "common/jose/jwe.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The spool's file by itself: bounds, loans, the record, and files that are none. */
#define NOW INT64_C(1700000000)
#define NOW_MS (NOW * 1000)

static char dir[] = "/tmp/test-libcps-XXXXXX";
static char path[64];

static void remove_file(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[80];
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)remove(name);
    }
}

static struct cps_spool_db *open_with(uint32_t max, uint32_t octets_max)
{
    struct cps_spool_db_config config = {.path = path, .hash_key = "key", .max = max, .octets_max = octets_max};
    struct cps_spool_db *db = NULL;
    struct cps_error err = {0};
    UNIT_CHECK(cps_spool_db_open(&db, &config, &err) == CPS_OK, "%s", err.text);
    if (!db) {
        CU_FAIL_FATAL("no file");
    }
    return db;
}

static struct cps_spool_entry entry_of(unsigned n, const char *dest, int64_t fresh_until)
{
    static char text[16][32];
    struct cps_spool_entry entry = {.put_at = NOW, .fresh_until = fresh_until, .due_ms = NOW_MS};
    char *envelope = text[n % 16];
    (void)snprintf(envelope, 32, "envelope number %06u", n);
    (void)snprintf(entry.dest, sizeof(entry.dest), "%s", dest);
    entry.envelope = envelope;
    entry.len = strlen(envelope);
    CU_ASSERT_EQUAL(cps_spool_entry_name(&entry, NULL), CPS_OK);
    return entry;
}

/* What a step of the test does is a transaction of its own. */
#define STEP(db, call) step((db), cps_spool_db_begin((db), NULL) == CPS_OK ? (call) : CPS_E_SPOOL_STORE)
static enum cps_code step(struct cps_spool_db *db, enum cps_code code)
{
    enum cps_code ended = cps_spool_db_end(db, code == CPS_OK || code == CPS_E_SPOOL_FULL, NULL);
    return code == CPS_OK ? ended : code;
}

static enum cps_code put_at(struct cps_spool_db *db, struct cps_spool_entry entry, int64_t now)
{
    bool counted;
    return STEP(db, cps_spool_db_put(db, &entry, now, now * 1000, &counted, NULL));
}

static struct cps_spool_view view_of(struct cps_spool_db *db)
{
    struct cps_spool_view view = {0};
    CU_ASSERT_EQUAL(cps_spool_db_look(db, &view, NULL), CPS_OK);
    return view;
}

struct lent {
    struct cps_spool_entry entries[64];
    char envelopes[64][32];
    size_t count;
};

static void take(void *arg, const struct cps_spool_entry *entry)
{
    struct lent *lent = arg;
    if (lent->count < 64) {
        struct cps_spool_entry *copy = &lent->entries[lent->count];
        *copy = *entry;
        (void)snprintf(lent->envelopes[lent->count], 32, "%.*s", (int)(entry->len < 31 ? entry->len : 31),
                       entry->envelope ? entry->envelope : "");
        copy->envelope = lent->envelopes[lent->count++];
    }
}

static struct lent lend(struct cps_spool_db *db, int64_t loan, int64_t now, unsigned count)
{
    struct lent lent = {0};
    struct cps_spool_loan wish = {.loan = loan,
                                  .now = now,
                                  .now_ms = now * 1000,
                                  .until_ms = now * 1000 + 10000,
                                  .count = count,
                                  .take = take,
                                  .arg = &lent};
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_lend(db, &wish, NULL)), CPS_OK);
    return lent;
}

static void test_in_and_out(void)
{
    struct cps_spool_db *db = open_with(100, 100000);
    struct cps_spool_entry entry = entry_of(1, "12155551313", NOW + 60);
    CU_ASSERT_EQUAL(put_at(db, entry, NOW), CPS_OK);
    CU_ASSERT_EQUAL(put_at(db, entry, NOW), CPS_OK);
    CU_ASSERT_EQUAL(view_of(db).queued, 1);
    CU_ASSERT_EQUAL(put_at(db, entry_of(1, "12155551314", NOW + 60), NOW), CPS_OK);
    CU_ASSERT_EQUAL(view_of(db).queued, 2);
    CU_ASSERT_EQUAL(view_of(db).octets, 2 * entry.len);
    CU_ASSERT_EQUAL(view_of(db).oldest_put, NOW);
    struct lent lent = lend(db, 7, NOW, 10);
    CU_ASSERT_EQUAL_FATAL(lent.count, 2);
    UNIT_STR(lent.envelopes[0], "envelope number 000001", "envelope");
    CU_ASSERT_EQUAL(lent.entries[0].tries, 1);
    CU_ASSERT_EQUAL(lent.entries[0].fresh_until, NOW + 60);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(STEP(db, cps_spool_db_published(db, &lent.entries[i], NULL)), CPS_OK);
        CU_ASSERT_EQUAL(STEP(db, cps_spool_db_published(db, &lent.entries[i], NULL)), CPS_OK);
    }
    CU_ASSERT_EQUAL(view_of(db).queued, 0);
    CU_ASSERT_EQUAL(view_of(db).octets, 0);
    CU_ASSERT_EQUAL(view_of(db).published, 2);
    CU_ASSERT_EQUAL(view_of(db).next_due_ms, INT64_MAX);
    CU_ASSERT_EQUAL(view_of(db).oldest_put, INT64_MAX);
    cps_spool_db_close(db);
    cps_spool_db_close(NULL);
    remove_file();
}

/* The longest due first, nobody twice, and back in the hands of others when the loan has run out. */
static void test_loans(void)
{
    struct cps_spool_db *db = open_with(100, 100000);
    struct cps_spool_db *other = open_with(100, 100000);
    for (unsigned n = 0; n < 5; n++) {
        struct cps_spool_entry entry = entry_of(n, "12155551313", NOW + 60);
        entry.due_ms = NOW_MS - n;
        CU_ASSERT_EQUAL(put_at(n % 2 ? db : other, entry, NOW), CPS_OK);
    }
    struct lent mine = lend(db, 1, NOW, 2);
    CU_ASSERT_EQUAL_FATAL(mine.count, 2);
    CU_ASSERT_TRUE(strcmp(mine.envelopes[0], "envelope number 000004") == 0 ||
                   strcmp(mine.envelopes[1], "envelope number 000004") == 0);
    CU_ASSERT_TRUE(strcmp(mine.envelopes[0], "envelope number 000003") == 0 ||
                   strcmp(mine.envelopes[1], "envelope number 000003") == 0);
    CU_ASSERT_EQUAL(lend(other, 2, NOW, 10).count, 3);
    CU_ASSERT_EQUAL(lend(other, 3, NOW + 9, 10).count, 0);
    struct lent theirs = lend(other, 4, NOW + 10, 10);
    CU_ASSERT_EQUAL(theirs.count, 5);
    /* a loan that others have taken over cannot be given back, but what was published, was */
    mine.entries[0].due_ms = NOW_MS;
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_defer(db, &mine.entries[0], false, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(lend(db, 5, NOW + 11, 10).count, 0);
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_published(db, &mine.entries[1], NULL)), CPS_OK);
    CU_ASSERT_EQUAL(view_of(other).queued, 4);
    /* given back: due again when it was said */
    bool gone = memcmp(theirs.entries[0].id, mine.entries[1].id, CPS_SPOOL_ID) == 0;
    struct cps_spool_entry *back = &theirs.entries[gone];
    back->due_ms = NOW_MS + 15000;
    CU_ASSERT_EQUAL(STEP(other, cps_spool_db_defer(other, back, false, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(lend(db, 6, NOW + 14, 10).count, 0);
    struct lent again = lend(db, 7, NOW + 15, 10);
    CU_ASSERT_EQUAL_FATAL(again.count, 1);
    CU_ASSERT_EQUAL(memcmp(again.entries[0].id, back->id, CPS_SPOOL_ID), 0);
    CU_ASSERT_EQUAL(again.entries[0].tries, 3);
    CU_ASSERT_EQUAL(lend(db, 8, NOW + 60, 10).count, 4);
    CU_ASSERT_EQUAL(lend(db, 9, NOW + 71, 10).count, 0); /* stale */
    cps_spool_db_close(db);
    cps_spool_db_close(other);
    remove_file();
}

static void test_whole_box(void)
{
    struct cps_spool_db *db = open_with(100, 100000);
    for (unsigned n = 0; n < 9; n++) {
        CU_ASSERT_EQUAL(put_at(db, entry_of(n, n % 3 ? "12155551313" : "12155551314", NOW + 60), NOW), CPS_OK);
    }
    struct lent lent = lend(db, 1, NOW, 1);
    CU_ASSERT_EQUAL_FATAL(lent.count, 1);
    bool large = strcmp(lent.entries[0].dest, "12155551313") == 0;
    lent.entries[0].due_ms = NOW_MS + 5000;
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_defer(db, &lent.entries[0], true, NULL)), CPS_OK);
    struct lent rest = lend(db, 2, NOW, 64);
    CU_ASSERT_EQUAL(rest.count, large ? 3 : 6);
    for (size_t i = 0; i < rest.count; i++) {
        UNIT_CHECK(strcmp(rest.entries[i].dest, lent.entries[0].dest) != 0, "%zu is of the full box", i);
    }
    CU_ASSERT_EQUAL(lend(db, 3, NOW + 5, 64).count, large ? 6 : 3);
    cps_spool_db_close(db);
    remove_file();
}

/* What is stale makes room; what is fresh does not; what finds no room is on record. */
static void test_bounds(void)
{
    bool counted = false;
    struct cps_error err = {0};
    struct cps_spool_db *db = open_with(3, 100000);
    for (unsigned n = 0; n < 3; n++) {
        CU_ASSERT_EQUAL(put_at(db, entry_of(n, "12155551313", NOW + n), NOW), CPS_OK);
    }
    struct cps_spool_entry more = entry_of(3, "12155551314", NOW + 99);
    CU_ASSERT_EQUAL(put_at(db, more, NOW), CPS_E_SPOOL_FULL);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_FULL], 1);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_STALE], 0);
    CU_ASSERT_EQUAL(put_at(db, entry_of(2, "12155551313", NOW + 2), NOW), CPS_OK); /* it is there */
    CU_ASSERT_EQUAL(put_at(db, more, NOW + 1), CPS_OK);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_STALE], 1);
    CU_ASSERT_EQUAL(view_of(db).queued, 3);
    cps_spool_db_close(db);
    remove_file();
    size_t len = entry_of(0, "1", 0).len;
    db = open_with(100, (uint32_t)(3 * len));
    for (unsigned n = 0; n < 3; n++) {
        CU_ASSERT_EQUAL(put_at(db, entry_of(n, "12155551313", NOW + n), NOW), CPS_OK);
    }
    CU_ASSERT_EQUAL(view_of(db).octets, 3 * len);
    CU_ASSERT_EQUAL(cps_spool_db_begin(db, NULL), CPS_OK);
    CU_ASSERT_EQUAL(cps_spool_db_put(db, &more, NOW, NOW_MS, &counted, &err), CPS_E_SPOOL_FULL);
    CU_ASSERT_TRUE(counted);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "66 octets"));
    CU_ASSERT_EQUAL(cps_spool_db_end(db, true, NULL), CPS_OK);
    CU_ASSERT_EQUAL(put_at(db, more, NOW + 1), CPS_OK);
    cps_spool_db_close(db);
    remove_file();
}

static int64_t ask(struct cps_spool_db *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        value = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return value;
}

/* Minute, reason, keyed hash, count: no number, nothing that grows without end. */
static void test_record(void)
{
    unsigned count = 0;
    struct cps_spool_db *db = open_with(100, 100000);
    for (unsigned n = 0; n < 6; n++) {
        CU_ASSERT_EQUAL(put_at(db, entry_of(n, n < 4 ? "12155551313" : "sip:bob@example.com", NOW + 1), NOW), CPS_OK);
    }
    struct lent lent = lend(db, 1, NOW, 1);
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_purge(db, NOW + 1, NOW_MS + 1000, &count, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_purge(db, NOW + 2, NOW_MS + 2000, &count, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(count, 5); /* not what is lent */
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_drop(db, &lent.entries[0], CPS_SPOOL_REFUSED, NOW + 2, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_drop(db, &lent.entries[0], CPS_SPOOL_REFUSED, NOW + 2, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_STALE], 5);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_REFUSED], 1);
    CU_ASSERT_EQUAL(view_of(db).queued, 0);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped WHERE reason = 'stale'"), 2);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped WHERE reason = 'refused'"), 1);
    CU_ASSERT_EQUAL(ask(db, "SELECT sum(count) FROM dropped"), 6);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped WHERE minute != 1699999980"), 0);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(DISTINCT dest_hash) FROM dropped"), 2);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped WHERE length(dest_hash) = 16"), 3);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped WHERE dest_hash LIKE '%1313%' OR dest_hash LIKE '%bob%'"), 0);
    /* HMAC-SHA256 under SHA-256("key"), by openssl(1) */
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped WHERE dest_hash = '74cb3976ef2b960f'"), 1);
    CU_ASSERT_EQUAL(cps_spool_db_begin(db, NULL), CPS_OK);
    for (unsigned n = 0; n < 10050; n++) {
        CU_ASSERT_EQUAL(cps_spool_db_record(db, "1", CPS_SPOOL_FULL, 2, NOW + 60 * n, NULL), CPS_OK);
    }
    CU_ASSERT_EQUAL(cps_spool_db_end(db, true, NULL), CPS_OK);
    CU_ASSERT_EQUAL(ask(db, "SELECT count(*) FROM dropped"), 10000);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_FULL], 20100);
    CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_STALE], 5);
    cps_spool_db_close(db);
    remove_file();
}

/* After the clock was set back nothing waits for the old time to come round again. */
static void test_clock_back(void)
{
    struct cps_spool_db *db = open_with(100, 100000);
    struct cps_spool_entry entry = entry_of(1, "12155551313", NOW + 60);
    entry.due_ms = NOW_MS + 86400000;
    CU_ASSERT_EQUAL(put_at(db, entry, NOW), CPS_OK);
    CU_ASSERT_EQUAL(view_of(db).last_due_ms, NOW_MS + 86400000);
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_unstick(db, NOW_MS, NOW_MS + 86400000, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(lend(db, 1, NOW, 1).count, 0);
    CU_ASSERT_EQUAL(STEP(db, cps_spool_db_unstick(db, NOW_MS, NOW_MS + 86399999, NULL)), CPS_OK);
    CU_ASSERT_EQUAL(lend(db, 1, NOW, 1).count, 1);
    cps_spool_db_close(db);
    remove_file();
}

/* The disk is full: nothing of a transaction stays, what is in the file does, and what leaves it makes room. */
static void test_no_room(void)
{
    enum { LARGE = 4000 };
    char *large = malloc(LARGE);
    struct cps_error err = {0};
    struct cps_spool_db *db = open_with(1000, 100000000);
    unsigned n = 0;
    enum cps_code code = CPS_OK;
    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    memset(large, 'x', LARGE);
    CU_ASSERT_EQUAL(ask(db, "PRAGMA max_page_count=60"), 60);
    while (code == CPS_OK && n < 1000) {
        bool counted;
        struct cps_spool_entry entry = entry_of(0, "12155551313", NOW + 60);
        (void)snprintf(large, 8, "%u", n);
        entry.envelope = large;
        entry.len = LARGE;
        CU_ASSERT_EQUAL(cps_spool_entry_name(&entry, NULL), CPS_OK);
        CU_ASSERT_EQUAL(cps_spool_db_begin(db, NULL), CPS_OK);
        code = cps_spool_db_put(db, &entry, NOW, NOW_MS, &counted, &err);
        CU_ASSERT_FALSE(counted);
        enum cps_code ended = cps_spool_db_end(db, code == CPS_OK, &err);
        code = code == CPS_OK ? ended : code;
        n += code == CPS_OK;
    }
    CU_ASSERT_EQUAL(code, CPS_E_SPOOL_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "full"));
    CU_ASSERT_TRUE(n > 10);
    CU_ASSERT_EQUAL(view_of(db).queued, n);
    struct lent lent = lend(db, 1, NOW, 3);
    CU_ASSERT_EQUAL_FATAL(lent.count, 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(STEP(db, cps_spool_db_published(db, &lent.entries[i], NULL)), CPS_OK);
    }
    CU_ASSERT_EQUAL(put_at(db, entry_of(1, "12155551313", NOW + 60), NOW), CPS_OK);
    CU_ASSERT_EQUAL(view_of(db).queued, n - 2);
    free(large);
    cps_spool_db_close(db);
    remove_file();
}

/* Entries that somebody has tampered with are known by it. */
static void test_damaged_entries(void)
{
    static const char *const damages[] = {
        "UPDATE entries SET dest = ''",
        "UPDATE entries SET dest = '12155551313/../../x y'",
        "UPDATE entries SET dest = 'a' || char(0) || 'b'",
        "UPDATE entries SET dest = char(10)",
        "UPDATE entries SET dest = replace(hex(zeroblob(128)), '00', '11')",
        "UPDATE entries SET envelope = zeroblob(0)",
        "UPDATE entries SET envelope = zeroblob(16385)",
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct cps_spool_db *db = open_with(100, 100000);
        CU_ASSERT_EQUAL(put_at(db, entry_of(1, "12155551313", NOW + 60), NOW), CPS_OK);
        CU_ASSERT_EQUAL(sqlite3_exec(db->db, damages[i], NULL, NULL, NULL), SQLITE_OK);
        struct lent lent = lend(db, 1, NOW, 1);
        CU_ASSERT_EQUAL_FATAL(lent.count, 1);
        UNIT_CHECK(lent.entries[0].dest[0] == '\0', "%s", damages[i]);
        CU_ASSERT_EQUAL(STEP(db, cps_spool_db_drop(db, &lent.entries[0], CPS_SPOOL_UNUSABLE, NOW, NULL)), CPS_OK);
        CU_ASSERT_EQUAL(view_of(db).queued, 0);
        CU_ASSERT_EQUAL(view_of(db).dropped[CPS_SPOOL_UNUSABLE], 1);
        cps_spool_db_close(db);
        remove_file();
    }
}

static void test_mode(void)
{
    struct stat st;
    char wal[80];
    cps_spool_db_close(open_with(1, 1));
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(chmod(path, 0644), 0);
    struct cps_spool_db *db = open_with(10, 1000);
    CU_ASSERT_EQUAL(put_at(db, entry_of(1, "12155551313", NOW + 60), NOW), CPS_OK);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    CU_ASSERT_EQUAL_FATAL(stat(wal, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    cps_spool_db_close(db);
    remove_file();
}

static void refused(const char *name, const char *says)
{
    struct cps_spool_db_config config = {.path = name, .max = 1, .octets_max = 1};
    struct cps_spool_db *db = NULL;
    struct cps_error err = {0};
    UNIT_CHECK(cps_spool_db_open(&db, &config, &err) == CPS_E_SPOOL_STORE, "%s: %s", name, err.text);
    CU_ASSERT_PTR_NULL(db);
    UNIT_CHECK(strstr(err.text, says) && strstr(err.text, name), "%s is not told of %s: %s", says, name, err.text);
    cps_spool_db_close(db);
}

static void write_at(off_t at, const char *octets, size_t n)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pwrite(fd, octets, n, at), (ssize_t)n);
    CU_ASSERT_EQUAL(close(fd), 0);
}

static void make_with(const char *sql)
{
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_close(db), SQLITE_OK);
}

static void test_bad_files(void)
{
    static char text[8192];
    memset(text, 'x', sizeof(text));
    refused("/nonexistent/spool", "No such file");
    refused(dir, "not a regular file");
    write_at(0, text, sizeof(text));
    refused(path, "not a database");
    remove_file();
    make_with("CREATE TABLE used (id)");
    refused(path, "not a spool");
    remove_file();
    make_with("PRAGMA application_id=1668313969; PRAGMA user_version=1; CREATE TABLE x (y)");
    refused(path, "this program needs version");
    remove_file();
    cps_spool_db_close(open_with(1, 1));
    write_at(4096 * 3, text, 4096);
    refused(path, "damaged");
    remove_file();
    cps_spool_db_close(open_with(1, 1));
    CU_ASSERT_EQUAL(truncate(path, 4096 * 5), 0);
    refused(path, "malformed");
    remove_file();
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    refused(path, "locked");
    CU_ASSERT_EQUAL(sqlite3_close(db), SQLITE_OK);
    remove_file();
    /* made by us, and nothing more came of it: as good as none */
    write_at(0, "", 0);
    cps_spool_db_close(open_with(1, 1));
    remove_file();
}

static void begin(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/spool", dir);
}

static void end(void)
{
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

UNIT_MAIN("libcps: the spool's file", {"(begin)", begin}, {"in and out", test_in_and_out}, {"loans", test_loans},
          {"a whole box", test_whole_box}, {"bounds", test_bounds}, {"the record", test_record},
          {"the clock set back", test_clock_back}, {"no room", test_no_room}, {"damaged entries", test_damaged_entries},
          {"modes", test_mode}, {"files that are none", test_bad_files}, {"(end)", end})
