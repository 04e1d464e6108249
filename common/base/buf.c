/* SPDX-License-Identifier: MIT */
#include "common/base/buf.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not realloc: it would leave the old octets, which may be a key, where they were. */
static bool buf_move_to(struct stir_buf *buf, size_t cap)
{
    char *ptr = malloc(cap);
    if (!ptr) {
        buf->failed = STIR_E_NOMEM;
        return false;
    }
    if (buf->ptr) {
        memcpy(ptr, buf->ptr, buf->len);
        OPENSSL_cleanse(buf->ptr, buf->len);
        free(buf->ptr);
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

/* Room for len more octets and the NUL. */
static bool buf_reserve(struct stir_buf *buf, size_t len)
{
    size_t limit = buf->limit ? buf->limit : SIZE_MAX - 1;
    assert(buf->ptr ? buf->len < buf->cap : buf->len == 0);
    if (buf->failed) {
        return false;
    }
    if (buf->len > limit || len > limit - buf->len) {
        buf->failed = STIR_E_TOO_BIG;
        return false;
    }
    size_t need = buf->len + len + 1;
    if (need <= buf->cap) {
        return true;
    }
    size_t cap = buf->cap < 64 ? 64 : buf->cap;
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }
    return buf_move_to(buf, cap);
}

char *stir_buf_extend(struct stir_buf *buf, size_t len)
{
    if (!buf_reserve(buf, len)) {
        return NULL;
    }
    char *at = buf->ptr + buf->len;
    buf->len += len;
    buf->ptr[buf->len] = '\0';
    return at;
}

void stir_buf_put(struct stir_buf *buf, const void *data, size_t len)
{
    char *at = stir_buf_extend(buf, len);
    if (at && len > 0) {
        memcpy(at, data, len);
    }
}

void stir_buf_puts(struct stir_buf *buf, const char *str)
{
    stir_buf_put(buf, str, strlen(str));
}

void stir_buf_printf(struct stir_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0) {
        buf->failed = buf->failed ? buf->failed : STIR_E_INVAL;
    } else if (buf_reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

enum stir_code stir_buf_state(const struct stir_buf *buf)
{
    return buf->failed;
}

char *stir_buf_steal(struct stir_buf *buf, size_t *len)
{
    if (!buf_reserve(buf, 0)) {
        return NULL;
    }
    char *ptr = buf->ptr;
    ptr[buf->len] = '\0';
    if (len) {
        *len = buf->len;
    }
    *buf = (struct stir_buf){.limit = buf->limit};
    return ptr;
}

void stir_buf_free(struct stir_buf *buf)
{
    if (buf) {
        free(buf->ptr);
        *buf = (struct stir_buf){.limit = buf->limit};
    }
}

void stir_buf_cleanse(struct stir_buf *buf)
{
    if (buf && buf->ptr) {
        OPENSSL_cleanse(buf->ptr, buf->cap);
    }
    stir_buf_free(buf);
}
