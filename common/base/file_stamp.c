/* SPDX-License-Identifier: MIT */
#include "common/base/file_stamp.h"

#include <errno.h>
#include <string.h>

enum stir_code stir_file_stamp_read(struct stir_file_stamp *out, const char *path, struct stir_error *err)
{
    struct stat about;
    char reason[96];
    if (stat(path, &about) != 0) {
        return stir_fail(err, STIR_E_IO, "%s: %s", path, strerror_r(errno, reason, sizeof(reason)));
    }
    *out = (struct stir_file_stamp){.modified = about.st_mtim, .size = about.st_size, .inode = about.st_ino};
    return STIR_OK;
}

bool stir_file_stamp_equal(const struct stir_file_stamp *a, const struct stir_file_stamp *b)
{
    return a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
           a->size == b->size && a->inode == b->inode;
}
