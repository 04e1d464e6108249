/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

/* What tells that a file has changed: its times, size and inode. */
struct stir_file_stamp {
    struct timespec modified;
    off_t size;
    ino_t inode;
};

/* Reads a file's stamp. STIR_E_IO; err names the file. */
enum stir_code stir_file_stamp_read(struct stir_file_stamp *out, const char *path,
                                    struct stir_error *err) STIR_MUST_CHECK;

/* Returns true if the file has not changed between two stamps. A zeroed stamp equals that of no file. */
bool stir_file_stamp_equal(const struct stir_file_stamp *a, const struct stir_file_stamp *b);
