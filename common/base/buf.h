/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/attribute.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing byte buffer whose first failure sticks: put what you like, look at the state once at the end.
 * `limit` bounds its length; passing it, or running out of memory, sets `failed` and leaves the buffer as it was.
 * Zero-initialize all but `limit` (0 means no limit but SIZE_MAX). The content is always followed by a NUL that len
 * does not count, once anything was put. Not thread-safe.
 */
struct stir_buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t limit;
    enum stir_code failed; /* STIR_OK while it is good */
};

void stir_buf_put(struct stir_buf *buf, const void *data, size_t len);
void stir_buf_puts(struct stir_buf *buf, const char *str);
void stir_buf_printf(struct stir_buf *buf, const char *fmt, ...) STIR_PRINTF(2, 3);

/* Makes room for `len` octets at the end and returns where they go, NULL on failure (then it sticks). The octets count
 * as put; the caller fills them. */
char *stir_buf_extend(struct stir_buf *buf, size_t len);

/* STIR_OK, or STIR_E_NOMEM / STIR_E_TOO_BIG for a buffer that failed. */
enum stir_code stir_buf_state(const struct stir_buf *buf) STIR_MUST_CHECK;

/* Hands the content to the caller, who frees it with free(); the buffer is empty afterwards. NULL if it failed. */
char *stir_buf_steal(struct stir_buf *buf, size_t *len);

void stir_buf_free(struct stir_buf *buf);

/* As stir_buf_free, overwriting the content first (keys, plaintext). */
void stir_buf_cleanse(struct stir_buf *buf);

#include "common/base/file.h" /* for users of this header that read and write files */
