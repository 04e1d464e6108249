/* SPDX-License-Identifier: MIT */
#include "common/base/buf.h"
#include "common/base/file.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_growing(void)
{
    struct stir_buf buf = {0};
    CU_ASSERT_PTR_NULL(buf.ptr);
    stir_buf_put(&buf, NULL, 0);
    CU_ASSERT(buf.ptr && buf.ptr[0] == '\0');
    for (int i = 0; i < 1000; i++) {
        stir_buf_put(&buf, "ab\0", 3);
        stir_buf_puts(&buf, "cd");
        stir_buf_printf(&buf, "%03d", i);
    }
    UNIT_OK(stir_buf_state(&buf));
    CU_ASSERT_EQUAL(buf.len, 8000);
    CU_ASSERT_EQUAL(buf.ptr[8000], '\0');
    CU_ASSERT(memcmp(buf.ptr + 7992, "ab\0cd999", 8) == 0);
    CU_ASSERT(memcmp(buf.ptr, "ab\0cd000", 8) == 0);
    char *at = stir_buf_extend(&buf, 5);
    CU_ASSERT(at == buf.ptr + 8000 && buf.len == 8005 && buf.ptr[8005] == '\0');
    stir_buf_free(&buf);
    CU_ASSERT(!buf.ptr && buf.len == 0 && buf.cap == 0);
    stir_buf_free(&buf);
    stir_buf_free(NULL);
    stir_buf_cleanse(NULL);
}

static void test_limit(void)
{
    struct stir_buf buf = {.limit = 8};
    stir_buf_puts(&buf, "12345678");
    UNIT_OK(stir_buf_state(&buf));
    stir_buf_puts(&buf, "");
    UNIT_OK(stir_buf_state(&buf));
    stir_buf_puts(&buf, "9");
    UNIT_CODE(stir_buf_state(&buf), STIR_E_TOO_BIG, "one over the limit");
    UNIT_STR(buf.ptr, "12345678", "the content stays");
    stir_buf_put(&buf, "", 0);
    stir_buf_printf(&buf, "%d", 1);
    CU_ASSERT_PTR_NULL(stir_buf_extend(&buf, 0));
    UNIT_CODE(stir_buf_state(&buf), STIR_E_TOO_BIG, "the failure sticks");
    CU_ASSERT_EQUAL(buf.len, 8);
    size_t len = 77;
    CU_ASSERT_PTR_NULL(stir_buf_steal(&buf, &len));
    CU_ASSERT_EQUAL(len, 77);
    stir_buf_cleanse(&buf);
    CU_ASSERT(buf.limit == 8 && !buf.failed && !buf.ptr);

    stir_buf_printf(&buf, "%s", "123456789");
    UNIT_CODE(stir_buf_state(&buf), STIR_E_TOO_BIG, "printf over the limit");
    CU_ASSERT_EQUAL(buf.len, 0);
    stir_buf_free(&buf);

    struct stir_buf huge = {0};
    CU_ASSERT_PTR_NULL(stir_buf_extend(&huge, SIZE_MAX));
    UNIT_CODE(stir_buf_state(&huge), STIR_E_TOO_BIG, "SIZE_MAX octets");
    stir_buf_free(&huge);
    stir_buf_puts(&huge, "x");
    CU_ASSERT_PTR_NULL(stir_buf_extend(&huge, SIZE_MAX - 1));
    UNIT_CODE(stir_buf_state(&huge), STIR_E_TOO_BIG, "a sum that would wrap");
    stir_buf_free(&huge);
}

static void test_steal(void)
{
    struct stir_buf buf = {.limit = 4};
    size_t len = 0;
    char *empty = stir_buf_steal(&buf, &len);
    UNIT_STR(empty, "", "an empty buffer is an empty string");
    CU_ASSERT_EQUAL(len, 0);
    free(empty);
    stir_buf_puts(&buf, "abcd");
    char *text = stir_buf_steal(&buf, NULL);
    UNIT_STR(text, "abcd", "the content");
    CU_ASSERT(!buf.ptr && buf.len == 0 && buf.limit == 4);
    free(text);
}

static char dir[] = "/tmp/test_buf.XXXXXX";

static const char *in_dir(const char *name)
{
    static char paths[4][64];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

/* No temporary file stays. */
static void check_no_leftovers(void)
{
    glob_t left = {0};
    CU_ASSERT(glob(in_dir("*.????????"), 0, NULL, &left) == GLOB_NOMATCH);
    globfree(&left);
}

static void test_files(void)
{
    struct stir_error err = {0};
    struct stir_buf in = {0};
    struct stat st;
    const char *path = in_dir("file");
    UNIT_OK(stir_write_file(path, "one\0two", 7, 0600, &err));
    CU_ASSERT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    UNIT_OK(stir_read_file(&in, path, 7, &err));
    CU_ASSERT(in.len == 7 && memcmp(in.ptr, "one\0two", 8) == 0);
    UNIT_CODE(stir_read_file(&in, path, 6, &err), STIR_E_TOO_BIG, "one octet over the limit");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    CU_ASSERT_EQUAL(in.len, 7);
    UNIT_OK(stir_read_file(&in, path, 100, &err));
    CU_ASSERT_EQUAL(in.len, 14);

    in.limit = 16;
    UNIT_CODE(stir_read_file(&in, path, 100, &err), STIR_E_TOO_BIG, "over the buffer's own limit");
    stir_buf_free(&in);

    UNIT_OK(stir_write_file(path, "", 0, 0640, &err));
    CU_ASSERT(stat(path, &st) == 0 && st.st_size == 0 && (st.st_mode & 0777) == 0640);
    UNIT_OK(stir_read_file(&in, path, 0, &err));
    CU_ASSERT_EQUAL(in.len, 0);
    stir_buf_free(&in);
}

static void test_large_file(void)
{
    struct stir_error err = {0};
    struct stir_buf in = {0};
    struct stir_buf out = {0};
    for (int i = 0; i < 20000; i++) {
        stir_buf_printf(&out, "%d,", i);
    }
    UNIT_OK(stir_write_file(in_dir("large"), out.ptr, out.len, 0600, &err));
    UNIT_OK(stir_read_file(&in, in_dir("large"), out.len, &err));
    CU_ASSERT(in.len == out.len && memcmp(in.ptr, out.ptr, out.len) == 0);
    UNIT_CODE(stir_read_file(&in, in_dir("large"), out.len - 1, &err), STIR_E_TOO_BIG, "one octet over");
    CU_ASSERT_EQUAL(in.len, out.len); /* what was read before the limit is gone again */
    stir_buf_free(&in);
    stir_buf_free(&out);
}

static void test_bad_files(void)
{
    struct stir_error err = {0};
    struct stir_buf in = {0};
    UNIT_CODE(stir_read_file(&in, in_dir("none"), 10, &err), STIR_E_IO, "a missing file");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "none: No such file"));
    UNIT_CODE(stir_read_file(&in, dir, 10, &err), STIR_E_IO, "a directory");
    UNIT_CODE(stir_read_file(&in, "", 10, NULL), STIR_E_IO, "no name");
    UNIT_CODE(stir_write_file(in_dir("no/such"), "x", 1, 0600, &err), STIR_E_IO, "a missing directory");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no/such: "));
    UNIT_CODE(stir_write_file(dir, "x", 1, 0600, &err), STIR_E_IO, "over a directory");
    UNIT_CODE(stir_write_file("/dev/full", "x", 1, 0600, &err), STIR_E_IO, "a full device");
    stir_buf_free(&in);
}

static void test_what_a_rename_must_spare(void)
{
    struct stir_error err = {0};
    struct stat st;
    UNIT_OK(stir_write_file("/dev/null", "x", 1, 0600, &err));
    CU_ASSERT(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));

    UNIT_OK(stir_write_file(in_dir("target"), "old", 3, 0600, &err));
    CU_ASSERT_EQUAL_FATAL(symlink("target", in_dir("link")), 0);
    UNIT_OK(stir_write_file(in_dir("link"), "new", 3, 0600, &err));
    CU_ASSERT(lstat(in_dir("link"), &st) == 0 && S_ISLNK(st.st_mode));
    struct stir_buf in = {0};
    UNIT_OK(stir_read_file(&in, in_dir("target"), 3, &err));
    UNIT_STR(in.ptr, "new", "written through the link");
    stir_buf_free(&in);

    check_no_leftovers();
}

/* A file that cannot be written whole leaves the old one as it was, and nothing beside it. */
static void test_half_written(void)
{
    struct stir_error err = {0};
    struct stir_buf in = {0};
    struct rlimit was;
    char octets[200] = {0};
    UNIT_OK(stir_write_file(in_dir("file"), "old", 3, 0600, &err));
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &was), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 100, .rlim_max = was.rlim_max});
    enum stir_code code = stir_write_file(in_dir("file"), octets, sizeof(octets), 0600, &err);
    (void)setrlimit(RLIMIT_FSIZE, &was);
    (void)signal(SIGXFSZ, handler);
    UNIT_CODE(code, STIR_E_IO, "beyond the limit on files");
    UNIT_OK(stir_read_file(&in, in_dir("file"), 100, &err));
    UNIT_STR(in.ptr, "old", "the old content");
    stir_buf_free(&in);
    check_no_leftovers();
}

/* "-" with the descriptor replaced by a pipe. */
static void test_standard_streams(void)
{
    int ends[2];
    struct stir_error err = {0};
    struct stir_buf in = {0};
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    int saved_out = dup(STDOUT_FILENO);
    int saved_in = dup(STDIN_FILENO);
    (void)fflush(stdout);
    (void)dup2(ends[1], STDOUT_FILENO);
    enum stir_code wrote = stir_write_file("-", "through", 7, 0600, &err);
    (void)dup2(saved_out, STDOUT_FILENO);
    (void)close(ends[1]);
    (void)dup2(ends[0], STDIN_FILENO);
    enum stir_code got = stir_read_file(&in, "-", 7, &err);
    CU_ASSERT(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* still open */
    (void)dup2(saved_in, STDIN_FILENO);
    (void)close(ends[0]);
    (void)close(saved_in);
    (void)close(saved_out);
    UNIT_OK(wrote);
    UNIT_OK(got);
    UNIT_STR(in.ptr, "through", "a pipe");
    stir_buf_free(&in);
}

static void clean_up(void)
{
    const char *const names[] = {"file", "large", "target", "link"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(in_dir(names[i]));
    }
    CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing else was left in it */
}

static void make_directory(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
}

UNIT_MAIN("buf", {"growing", test_growing}, {"the limit, and a failure that sticks", test_limit}, {"steal", test_steal},
          {"a directory for what follows", make_directory}, {"files", test_files}, {"a large file", test_large_file},
          {"files that cannot be", test_bad_files},
          {"devices and links are not renamed over", test_what_a_rename_must_spare},
          {"a file written by half", test_half_written}, {"standard input and output", test_standard_streams},
          {"nothing is left behind", clean_up})
