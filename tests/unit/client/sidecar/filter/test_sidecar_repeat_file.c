/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/repeat_file.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The file of what may be sent again. */

static char dir[64], path[128];
static unsigned seen[8], seen_count;

static void begin(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/test-repeats-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/repeats", dir);
}

static void end(void)
{
    (void)unlink(path);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static struct sc_repeat_file *open_file(void)
{
    struct sc_repeat_file *file = NULL;
    struct stir_error err = {0};
    UNIT_CODE(sc_repeat_file_open(&file, path, &err), STIR_OK, err.text);
    return file;
}

static void fill(struct sc_repeat_slot *slot, unsigned number)
{
    *slot = (struct sc_repeat_slot){.losses = (uint16_t)number, .since_s = 5};
    (void)snprintf(slot->signer, sizeof(slot->signer), "spc:%u", number);
    slot->state = number % 2 ? SC_REPEAT_PASSED : SC_REPEAT_JUDGED;
}

static bool keep_odd(void *arg, struct sc_repeat_slot *slot)
{
    char signer[CPS_AUTHORITY_MAX];
    (void)arg;
    (void)snprintf(signer, sizeof(signer), "spc:%u", (unsigned)slot->losses);
    UNIT_STR(slot->signer, signer, "signer");
    seen[seen_count++ % 8] = slot->losses;
    return slot->losses % 2;
}

static void read_all(struct sc_repeat_file *file)
{
    seen_count = 0;
    sc_repeat_file_each(file, keep_odd, NULL);
}

/* A process that is killed leaves what it noted, and its lock is gone. */
static void test_killed(void)
{
    int ready[2];
    char octet;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sc_repeat_file *file = NULL;
        if (sc_repeat_file_open(&file, path, NULL) == STIR_OK) {
            for (unsigned i = 1; i < 5; i++) {
                fill(sc_repeat_file_take(file), i);
            }
            struct sc_repeat_slot *slot = sc_repeat_file_take(file);
            fill(slot, 7);
            sc_repeat_slot_free(slot);
        }
        (void)!write(ready[1], "r", 1);
        (void)pause();
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(read(ready[0], &octet, 1), 1);
    struct sc_repeat_file *file = NULL;
    struct stir_error err = {0};
    UNIT_CODE(sc_repeat_file_open(&file, path, &err), STIR_E_CONFIG, err.text);
    UNIT_CHECK(strstr(err.text, "another process uses it") && strstr(err.text, path), "%s", err.text);
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    file = open_file();
    read_all(file);
    UNIT_CHECK(seen_count == 4 && seen[0] == 1 && seen[3] == 4, "%u records", seen_count);
    sc_repeat_file_close(file);
    file = open_file();
    read_all(file);
    UNIT_CHECK(seen_count == 2 && seen[0] == 1 && seen[1] == 3, "%u records: what was not taken in is gone",
               seen_count);
    sc_repeat_file_close(file);
    (void)close(ready[0]);
    (void)close(ready[1]);
    struct stat st;
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    UNIT_CHECK((st.st_mode & 0777) == 0600, "mode %o", st.st_mode & 0777);
}

/* A record that was damaged, or made by somebody else, is not taken in. */
static void test_damaged(void)
{
    struct sc_repeat_file *file = open_file();
    struct sc_repeat_slot *slots[4];
    for (unsigned i = 0; i < 4; i++) {
        slots[i] = sc_repeat_file_take(file);
        CU_ASSERT_PTR_NOT_NULL_FATAL(slots[i]);
        fill(slots[i], 1);
    }
    slots[0]->state = 77;
    memset(slots[1]->signer, 'x', sizeof(slots[1]->signer));
    memset(slots[2]->ppt, 'x', sizeof(slots[2]->ppt));
    memset(slots[3]->attest, 'x', sizeof(slots[3]->attest));
    read_all(file);
    UNIT_CHECK(seen_count == 2 && seen[0] == 1 && seen[1] == 3, "%u records, those of the other test", seen_count);
    sc_repeat_file_close(file);
}

static bool keep_nothing(void *arg, struct sc_repeat_slot *slot)
{
    (void)arg;
    (void)slot;
    return false;
}

static void test_full(void)
{
    struct sc_repeat_file *file = open_file();
    size_t count = 0;
    for (struct sc_repeat_slot *slot; (slot = sc_repeat_file_take(file)); count++) {
        slot->state = SC_REPEAT_PASSED;
    }
    UNIT_CHECK(count > 100000, "%zu records", count);
    sc_repeat_file_each(file, keep_nothing, NULL);
    CU_ASSERT_PTR_NOT_NULL(sc_repeat_file_take(file));
    sc_repeat_file_close(file);
}

static void test_other_files(void)
{
    struct sc_repeat_file *file = NULL;
    struct stir_error err = {0};
    (void)unlink(path);
    UNIT_OK(stir_write_file(path, "a letter", 8, 0600, NULL));
    UNIT_CODE(sc_repeat_file_open(&file, path, &err), STIR_E_CONFIG, err.text);
    UNIT_CHECK(strstr(err.text, path) && strstr(err.text, "configure another file"), "%s", err.text);
    struct stir_buf text = {.limit = 64};
    UNIT_OK(stir_read_file(&text, path, 64, NULL));
    UNIT_CHECK(text.len == 8, "it stays as it was");
    stir_buf_free(&text);
    UNIT_CODE(sc_repeat_file_open(&file, "/nonexistent/repeats", &err), STIR_E_IO, err.text);
    UNIT_CHECK(strstr(err.text, "/nonexistent/repeats") != NULL, "%s", err.text);
    UNIT_CODE(sc_repeat_file_open(&file, dir, &err), STIR_E_IO, err.text);
}

UNIT_MAIN("sc_repeat_file", {"(begin)", begin}, {"a process that is killed", test_killed},
          {"damaged records", test_damaged}, {"full", test_full}, {"other files", test_other_files}, {"(end)", end})
