/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Memory that runs out where a test says: of malloc, calloc, realloc, strdup and strndup, counted from 0, the n-th
 * fails, and no other. All calls count that are linked into the program, the libraries under test with them
 * (tests/CMakeLists.txt has the linker wrap them for each test that includes this); what shared libraries allocate
 * counts where the test hands them these functions. For one source of a program.
 */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);

static _Thread_local struct {
    bool armed, failed;
    unsigned long left;
} oom;
static atomic_long oom_left_anywhere = -1; /* negative: not armed */

/* From now on this thread's allocations count; the other threads' succeed. */
static inline void oom_begin(unsigned long n)
{
    oom.left = n;
    oom.failed = false;
    oom.armed = true;
}

static inline bool oom_failed(void)
{
    return oom.failed;
}

/* Until oom_resume this thread's allocations succeed, and do not count; returns what that is to be given. */
static inline bool oom_pause(void)
{
    bool armed = oom.armed;
    oom.armed = false;
    return armed;
}

static inline void oom_resume(bool armed)
{
    oom.armed = armed && !oom.failed;
}

/* Returns whether the n-th allocation was reached, and so has failed. */
static inline bool oom_end(void)
{
    oom.armed = false;
    return oom.failed;
}

/* The same for the allocations of all threads together. */
static inline void oom_begin_anywhere(long n)
{
    atomic_store(&oom_left_anywhere, n);
}

static inline bool oom_end_anywhere(void)
{
    return atomic_exchange(&oom_left_anywhere, -1) < 0;
}

/* Counts one allocation; true if it is the one that fails. */
static inline bool oom_fails(void)
{
    bool fails = false;
    if (atomic_load(&oom_left_anywhere) >= 0) {
        fails = atomic_fetch_sub(&oom_left_anywhere, 1) == 0;
    } else if (oom.armed && oom.left-- == 0) {
        fails = oom.failed = true;
        oom.armed = false;
    }
    if (fails) {
        errno = ENOMEM;
    }
    return fails;
}

void *__wrap_malloc(size_t n)
{
    return oom_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return oom_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return oom_fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *text)
{
    return oom_fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
    return oom_fails() ? NULL : __real_strndup(text, n);
}
