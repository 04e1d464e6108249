/* SPDX-License-Identifier: MIT */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static bool file_is_dash(const char *path)
{
    return strcmp(path, "-") == 0;
}

static enum stir_code file_fail_errno(struct stir_error *err, const char *path, int why)
{
    char reason[128];
    return stir_fail(err, STIR_E_IO, "%s: %s", path, strerror_r(why, reason, sizeof(reason)));
}

/* Reads to the end of fd; one octet more than the limit tells a file that is too big from one that just fits. */
static enum stir_code file_read_all(struct stir_buf *out, int fd, const char *path, size_t limit,
                                    struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    size_t total = 0;
    char chunk[4096];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            code = file_fail_errno(err, path, errno);
            break;
        }
        if (got == 0) {
            break;
        }
        /* One octet more than the limit is enough to know. */
        if ((size_t)got > limit - total) {
            code = stir_fail(err, STIR_E_TOO_BIG, "%s: the file is larger than %zu octets", path, limit);
            break;
        }
        total += (size_t)got;
        stir_buf_put(out, chunk, (size_t)got);
        code = stir_buf_state(out);
        if (code != STIR_OK) {
            code = stir_fail(err, code, "%s: %s", path, stir_strerror(code));
            break;
        }
    }
    /* The file may hold a key. */
    OPENSSL_cleanse(chunk, sizeof(chunk));
    return code;
}

enum stir_code stir_read_file(struct stir_buf *out, const char *path, size_t limit, struct stir_error *err)
{
    size_t before = out->len;
    int fd = file_is_dash(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return file_fail_errno(err, path, errno);
    }
    enum stir_code code = file_read_all(out, fd, path, limit, err);
    if (fd != STDIN_FILENO) {
        (void)close(fd);
    }
    if (code != STIR_OK && out->ptr) {
        OPENSSL_cleanse(out->ptr + before, out->len - before);
        out->len = before;
    }
    return code;
}

static int file_write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return errno;
        }
        data += put;
        len -= (size_t)put;
    }
    return 0;
}

/* Writes to a device or a pipe, which a rename must not replace. */
static enum stir_code file_write_in_place(const char *path, const void *data, size_t len, struct stir_error *err)
{
    int fd = file_is_dash(path) ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC);
    int why = fd < 0 ? errno : file_write_all(fd, data, len);
    if (fd >= 0 && fd != STDOUT_FILENO && close(fd) < 0 && why == 0) {
        why = errno;
    }
    return why == 0 ? STIR_OK : file_fail_errno(err, path, why);
}

/* Creates path.XXXXXXXX in the same directory. mkstemp would ignore the caller's umask. */
static int file_create_temporary(const char *path, unsigned mode, char **name)
{
    uint32_t random = 0;
    char *temp = NULL;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return -1;
    }
    if (asprintf(&temp, "%s.%08x", path, random) < 0) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        int why = errno;
        free(temp);
        errno = why;
        return -1;
    }
    *name = temp;
    return fd;
}

static int file_replace(const char *path, const void *data, size_t len, unsigned mode)
{
    char *temp = NULL;
    int fd = file_create_temporary(path, mode, &temp);
    if (fd < 0) {
        return errno;
    }
    int why = file_write_all(fd, data, len);
    if (why == 0 && fsync(fd) < 0) {
        why = errno;
    }
    if (close(fd) < 0 && why == 0) {
        why = errno;
    }
    if (why == 0 && rename(temp, path) < 0) {
        why = errno;
    }
    if (why != 0) {
        (void)unlink(temp);
    }
    free(temp);
    return why;
}

enum stir_code stir_write_file(const char *path, const void *data, size_t len, unsigned mode, struct stir_error *err)
{
    struct stat st;
    bool exists = !file_is_dash(path) && stat(path, &st) == 0;
    if (file_is_dash(path) || (exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        return file_write_in_place(path, data, len, err);
    }
    if (exists && S_ISDIR(st.st_mode)) {
        return file_fail_errno(err, path, EISDIR);
    }
    char *real = exists ? realpath(path, NULL) : NULL; /* through a symbolic link, not over it */
    int why = file_replace(real ? real : path, data, len, mode);
    free(real);
    return why == 0 ? STIR_OK : file_fail_errno(err, path, why);
}
