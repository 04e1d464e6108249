/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <stdbool.h>

/*
 * What /metrics says: samples of the Prometheus text form (version 0.0.4), as cpsd writes it.
 */
struct ctl_sample {
    char name[64];
    char labels[192]; /* what stands between the braces; "" without */
    double value;
};

struct ctl_scrape {
    struct ctl_sample *samples;
    size_t count;
    double at; /* seconds of the monotonic clock */
};

/* Reads the samples of a text; lines that are not of cpsd's form are passed over. False: out of memory. */
bool ctl_scrape_read(struct ctl_scrape *out, const struct stir_buf *text);
void ctl_scrape_clear(struct ctl_scrape *scrape);

/* A label's value: copies it to out (size octets, cut), false if there is no such label. */
bool ctl_sample_label(const struct ctl_sample *sample, const char *label, char *out, size_t size);

/* The sum of all samples of a name whose labels contain `part` (route="list"; "" takes all). */
double ctl_scrape_sum(const struct ctl_scrape *scrape, const char *name, const char *part);

/* What a histogram says of the time between two scrapes (`before` may be NULL: since the program's start): the bound
 * in seconds under which a share (0..1) of the observations whose labels contain `part` lie, put between a bucket's
 * bounds in proportion. Negative: there were none. */
double ctl_scrape_quantile(const struct ctl_scrape *before, const struct ctl_scrape *now, const char *name,
                           const char *part, double share);
