/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/stat/scrape.h"

#include <jansson.h>

/* Two looks at /metrics and the time between them: what cpsctl stat makes its figures of. */
struct ctl_view {
    const struct ctl_scrape *before, *now;
    double seconds;
};

/* Returns by how much a counter grew, per second. */
double ctl_view_rate(const struct ctl_view *view, const char *name, const char *part);

/* Returns a quantile of a histogram in milliseconds; 0 if nothing was observed. */
double ctl_view_quantile_ms(const struct ctl_view *view, const char *name, const char *part, double share);

/* Whether /metrics is a cps-smpp's. */
bool ctl_stat_is_sidecar(const struct ctl_scrape *scrape);

/* Returns the figures of a cps-smpp, NULL without memory. */
json_t *ctl_stat_sidecar(const struct ctl_view *view, const char *admin);

/* Appends them as a table. */
void ctl_stat_put_sidecar(struct stir_buf *out, const json_t *stat);
