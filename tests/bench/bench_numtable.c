/* SPDX-License-Identifier: MIT */
/*
 * The number table: a million rows read, and looked up in with numbers that nobody asked for before. In processor time,
 * so that a busy machine tells the same.
 *
 *     bench_numtable [--json]
 */
#include "common/base/buf.h"
#include "common/number/numtable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS 1000000u
#define FINDS 2000000u
#define NUMBERS 65536u

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Blocks of six digits and numbers of ten, in no order, as what is allocated and what was ported. */
static void make_rows(struct stir_buf *csv)
{
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned n = (unsigned)((i * UINT64_C(7368787)) % ROWS);
        const char *url = n % 10 == 0 ? ",https://cps.example.com" : "";
        if (n % 16 == 0) {
            stir_buf_printf(csv, "1%05u,%04u%s\n", n / 16, n % 5000, url);
        } else {
            stir_buf_printf(csv, "1%05u%04u,%04u%s\n", n / 16, n * 7919 % 10000, n % 5000, url);
        }
    }
}

int main(int argc, char **argv)
{
    static char numbers[NUMBERS][16];
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    struct stir_buf csv = {0};
    struct stir_error err = {0};
    struct stir_numtable *table = NULL;
    unsigned long found = 0;
    make_rows(&csv);
    double start = cpu_s();
    if (stir_numtable_parse(&table, csv.ptr, csv.len, &err) != STIR_OK) {
        fprintf(stderr, "bench_numtable: %s\n", err.text);
        stir_buf_free(&csv);
        return 1;
    }
    double load_s = cpu_s() - start;
    for (unsigned i = 0; i < NUMBERS; i++) {
        unsigned n = (unsigned)((i * UINT64_C(2654435761)) % ROWS);
        (void)snprintf(numbers[i], sizeof(numbers[i]), "1%05u%04u0", n / 16, n * 7919 % 10000);
    }
    start = cpu_s();
    for (unsigned i = 0; i < FINDS; i++) {
        struct stir_numtable_row row;
        found += stir_numtable_find(table, numbers[i % NUMBERS], &row) && row.spc[0];
    }
    double find_ns = (cpu_s() - start) / FINDS * 1e9;
    printf(json ? "{\"rows\":%zu,\"load_s\":%.3f,\"find_ns\":%.0f,\"found\":%.2f}\n"
                : "number table: %zu rows in %.3f s, a look-up %.0f ns, %.2f of them found\n",
           stir_numtable_rows(table), load_s, find_ns, (double)found / FINDS);
    stir_numtable_unref(table);
    stir_buf_free(&csv);
    return 0;
}
