/* SPDX-License-Identifier: MIT */
#include "common/base/error.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef stir_fail
#undef stir_fail_openssl
#undef stir_fail_prefix

static const struct {
    const char *name;
    const char *text;
} errors[] = {
#define STIR_ERROR_ROW(code, text) [code] = {#code, text},
    STIR_ERROR_LIST(STIR_ERROR_ROW)
#undef STIR_ERROR_ROW
};

const char *stir_strerror(enum stir_code code)
{
    return (unsigned)code < STIR_CODE_COUNT ? errors[code].text : "unknown error";
}

const char *stir_error_name(enum stir_code code)
{
    return (unsigned)code < STIR_CODE_COUNT ? errors[code].name : "unknown";
}

enum stir_code stir_fail(struct stir_error *err, enum stir_code code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        err->code = code;
        (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
    }
    return code;
}

enum stir_code stir_fail_openssl(struct stir_error *err, enum stir_code code, const char *fmt, ...)
{
    unsigned long newest = ERR_peek_last_error();
    ERR_clear_error();
    if (err) {
        va_list args;
        va_start(args, fmt);
        err->code = code;
        (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
        const char *reason = newest ? ERR_reason_error_string(newest) : NULL;
        size_t used = strlen(err->text);
        if (reason) {
            (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", reason);
        }
    }
    return code;
}

enum stir_code stir_fail_prefix(struct stir_error *err, enum stir_code code, const char *fmt, ...)
{
    if (!err) {
        return code;
    }
    char rest[sizeof(err->text)];
    memcpy(rest, err->text, sizeof(rest));
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", rest);
    err->code = code;
    return code;
}
