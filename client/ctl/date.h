/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Moments as people and PASSporTs write them. Thread-safe. */
#define CTL_DATE_MAX 32

/* "1443208345" or "2015-09-25T19:12:25Z", from 1970-01-01T00:00:01Z to the year 9999; false for anything else. */
bool ctl_date_parse(int64_t *out, const char *text);

/* "2015-09-25T19:12:25Z"; a moment outside the years 1 to 9999 as its number. */
const char *ctl_date_text(char out[CTL_DATE_MAX], int64_t seconds);
