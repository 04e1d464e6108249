/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <string.h>

/* A part of a buffer that another owns; valid as long as that buffer is. It need not end with a NUL. */
struct stir_view {
    const char *ptr;
    size_t len;
};

static inline struct stir_view stir_view(const char *ptr, size_t len)
{
    return (struct stir_view){.ptr = ptr, .len = len};
}

static inline struct stir_view stir_view_str(const char *str)
{
    return stir_view(str, strlen(str));
}

static inline int stir_view_is(struct stir_view v, const char *str)
{
    return strlen(str) == v.len && (v.len == 0 || memcmp(v.ptr, str, v.len) == 0);
}
