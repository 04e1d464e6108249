/* SPDX-License-Identifier: MIT */
#include "client/lib/context/log.h"

#include "client/lib/context/handle.h"

#include <stdarg.h>
#include <stdio.h>

void cps_log(const struct cps *cps, enum cps_log_level level, const char *fmt, ...)
{
    char line[512];
    if (cps->options.log) {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(line, sizeof(line), fmt, args);
        va_end(args);
        cps_tame(line);
        cps->options.log(cps->options.log_arg, level, line);
    }
}
