/* SPDX-License-Identifier: MIT */
#include "common/base/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINES_OCTETS 65536

/* Several checks can find the same fault, such as a missing file that two of them read. */
static bool faults_has(const struct stir_faults *faults, const char *text)
{
    size_t n = strlen(text);
    const char *line = faults->lines.ptr ? faults->lines.ptr : "";
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        if ((size_t)(end - line) == n && memcmp(line, text, n) == 0) {
            return true;
        }
    }
    return false;
}

static void faults_record(struct stir_faults *faults, struct stir_error *err)
{
    if (faults->prefix) {
        (void)stir_fail_prefix(err, err->code, "%s", faults->prefix);
    }
    if (faults_has(faults, err->text)) {
        return;
    }
    if (faults->count++ == 0) {
        faults->first = *err;
    }
    faults->lines.limit = LINES_OCTETS;
    stir_buf_printf(&faults->lines, "%s\n", err->text);
}

void stir_faults_add(struct stir_faults *faults, enum stir_code code, const char *fmt, ...)
{
    struct stir_error err = {.code = code};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);
    faults_record(faults, &err);
}

void stir_faults_take(struct stir_faults *faults, enum stir_code code, const struct stir_error *err)
{
    if (code != STIR_OK) {
        struct stir_error copy = *err;
        copy.code = code;
        faults_record(faults, &copy);
    }
}

enum stir_code stir_faults_code(const struct stir_faults *faults, struct stir_error *err)
{
    if (faults->count && err) {
        *err = faults->first;
    }
    return faults->count ? faults->first.code : STIR_OK;
}

void stir_faults_clear(struct stir_faults *faults)
{
    stir_buf_free(&faults->lines);
    *faults = (struct stir_faults){0};
}
