/* SPDX-License-Identifier: MIT */
#include "client/ctl/stat/scrape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX 64

/* Reads one line without its end: name{labels} value. False if it is not a sample. */
static bool sample_read(struct ctl_sample *out, const char *line, size_t n)
{
    struct ctl_sample sample = {0};
    char number[64];
    const char *end = line + n;
    size_t name = 0;
    while (name < n && line[name] != '{' && line[name] != ' ') {
        name++;
    }
    /* Labels are optional; a label value contains no closing brace in our metrics. */
    const char *open = line + name;
    const char *close = open < end && *open == '{' ? memchr(open, '}', (size_t)(end - open)) : NULL;
    const char *value = close ? close + 1 : open;
    size_t labels = close ? (size_t)(close - open - 1) : 0;
    /* Reject what does not fit or has no value: the server may be any HTTP service. */
    if (name == 0 || name >= sizeof(sample.name) || (open < end && *open == '{' && !close) ||
        labels >= sizeof(sample.labels) || end - value < 2 || *value != ' ' || (size_t)(end - value) > sizeof(number)) {
        return false;
    }
    memcpy(sample.name, line, name);
    memcpy(sample.labels, labels ? open + 1 : line, labels);
    memcpy(number, value + 1, (size_t)(end - value - 1));
    number[end - value - 1] = '\0';
    /* "+Inf" and "NaN" are no rates. */
    char *rest = NULL;
    sample.value = strtod(number, &rest);
    if (*rest || !isfinite(sample.value)) {
        return false;
    }
    *out = sample;
    return true;
}

bool ctl_scrape_read(struct ctl_scrape *out, const struct stir_buf *text)
{
    struct ctl_scrape scrape = {.at = out->at};
    size_t room = 0;
    const char *at = text->ptr, *end = text->ptr ? text->ptr + text->len : NULL;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((line_end ? line_end : end) - at);
        /* Double the room, so that reading takes linear time. */
        if (scrape.count == room) {
            room = room ? 2 * room : 256;
            struct ctl_sample *more = realloc(scrape.samples, room * sizeof(*more));
            if (!more) {
                ctl_scrape_clear(&scrape);
                return false;
            }
            scrape.samples = more;
        }
        /* Skip comments (HELP, TYPE) and lines that are not samples. */
        if (n && at[0] != '#' && sample_read(&scrape.samples[scrape.count], at, n)) {
            scrape.count++;
        }
        at += n + 1;
    }
    *out = scrape;
    return true;
}

void ctl_scrape_clear(struct ctl_scrape *scrape)
{
    free(scrape->samples);
    *scrape = (struct ctl_scrape){0};
}

bool ctl_sample_label(const struct ctl_sample *sample, const char *label, char *out, size_t size)
{
    size_t n = strlen(label);
    for (const char *at = sample->labels; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
        if (strncmp(at, label, n) == 0 && at[n] == '=' && at[n + 1] == '"') {
            const char *value = at + n + 2;
            size_t len = strcspn(value, "\"");
            len = len < size ? len : size - 1;
            memcpy(out, value, len);
            out[len] = '\0';
            return true;
        }
    }
    return false;
}

static bool sample_matches(const struct ctl_sample *sample, const char *name, const char *part)
{
    return strcmp(sample->name, name) == 0 && strstr(sample->labels, part);
}

double ctl_scrape_sum(const struct ctl_scrape *scrape, const char *name, const char *part)
{
    double sum = 0;
    for (size_t i = 0; i < scrape->count; i++) {
        sum += sample_matches(&scrape->samples[i], name, part) ? scrape->samples[i].value : 0;
    }
    return sum;
}

struct histogram {
    double bound[BUCKETS_MAX], count[BUCKETS_MAX]; /* cumulative */
    size_t buckets;
};

static void histogram_add(struct histogram *histogram, const struct ctl_scrape *scrape, const char *bucket,
                          const char *part, double sign)
{
    char text[32];
    for (size_t i = 0; i < scrape->count; i++) {
        if (!sample_matches(&scrape->samples[i], bucket, part) ||
            !ctl_sample_label(&scrape->samples[i], "le", text, sizeof(text))) {
            continue;
        }
        double bound = strtod(text, NULL); /* "+Inf" too */
        size_t b = 0;
        while (b < histogram->buckets && histogram->bound[b] != bound) {
            b++;
        }
        if (b < BUCKETS_MAX) {
            histogram->bound[b] = bound;
            histogram->count[b] += sign * scrape->samples[i].value;
            histogram->buckets = b == histogram->buckets ? b + 1 : histogram->buckets;
        }
    }
}

double ctl_scrape_quantile(const struct ctl_scrape *before, const struct ctl_scrape *now, const char *name,
                           const char *part, double share)
{
    struct histogram histogram = {0};
    char bucket[80];
    (void)snprintf(bucket, sizeof(bucket), "%.60s_bucket", name);
    /* The difference of two readings is the histogram of the time between them. */
    histogram_add(&histogram, now, bucket, part, 1);
    if (before) {
        histogram_add(&histogram, before, bucket, part, -1);
    }
    double total = histogram.buckets ? histogram.count[histogram.buckets - 1] : 0;
    double wanted = share * total, low = 0, under = 0;
    if (total <= 0) {
        return -1;
    }
    /* Interpolate within the bucket that contains the quantile, as Prometheus does. */
    for (size_t b = 0; b < histogram.buckets; b++) {
        double in = histogram.count[b] - under;
        if (histogram.count[b] >= wanted && in > 0) {
            return isfinite(histogram.bound[b]) ? low + (histogram.bound[b] - low) * (wanted - under) / in : low;
        }
        under = histogram.count[b];
        low = isfinite(histogram.bound[b]) ? histogram.bound[b] : low;
    }
    return low;
}
