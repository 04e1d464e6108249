/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/attribute.h"
#include "common/base/buf.h"
#include "common/base/error.h"

#include <stddef.h>

/*
 * Reads and writes whole files. The path "-" is standard input or standard output. Thread-safe.
 */

/* Appends the content of a file to `out`: at most `limit` octets. STIR_E_IO, STIR_E_TOO_BIG, STIR_E_NOMEM; err names
 * the file and the reason. On failure `out` is as it was before. */
enum stir_code stir_read_file(struct stir_buf *out, const char *path, size_t limit,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Writes a file with permissions `mode` (0600 for keys) minus the umask. It writes to a temporary name and renames it,
 * so that a reader never sees half a file; a device or a pipe is written in place. STIR_E_IO. */
enum stir_code stir_write_file(const char *path, const void *data, size_t len, unsigned mode,
                               struct stir_error *err) STIR_MUST_CHECK;
