/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/unit/oom.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* OpenSSL's and jansson's allocations count as well. */
static _Thread_local bool oom_spares_openssl; /* OpenSSL's do not, on this thread */

static void *oom_openssl_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return !oom_spares_openssl && oom_fails() ? NULL : __real_malloc(n);
}

static void *oom_openssl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return !oom_spares_openssl && oom_fails() ? NULL : __real_realloc(p, n);
}

static void oom_openssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

__attribute__((constructor)) static void oom_take_allocators(void)
{
    json_set_alloc_funcs(__wrap_malloc, free);
    if (CRYPTO_set_mem_functions(oom_openssl_malloc, oom_openssl_realloc, oom_openssl_free) != 1) {
        abort();
    }
}
