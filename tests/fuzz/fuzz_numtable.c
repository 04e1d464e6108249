/* SPDX-License-Identifier: MIT */
/* The number table: what a good one gives for any number is a row of its own, and that of the longest prefix. */
#include "common/cert/tnauthlist.h"
#include "common/number/numtable.h"
#include "tests/fuzz/must.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Before the first NUL numbers to look up stand one a line, behind it the table. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    struct stir_numtable *table = NULL;
    struct stir_error err = {0};
    if (!end) {
        return 0;
    }
    const char *csv = (const char *)end + 1;
    size_t n = size - (size_t)(end - data) - 1;
    if (stir_numtable_parse(&table, csv, n, &err) != STIR_OK) {
        MUST(err.code != STIR_OK && err.text[0] && !table);
        return 0;
    }
    for (const char *tn = (const char *)data; *tn;) {
        char one[40] = "";
        size_t len = strcspn(tn, "\n");
        struct stir_numtable_row row = {0}, shorter = {0};
        memcpy(one, tn, len < sizeof(one) ? len : sizeof(one) - 1);
        if (stir_numtable_find(table, one, &row)) {
            MUST(stir_numtable_rows(table) > 0 && row.spc[0] && strlen(row.spc) <= STIR_SPC_MAX);
            MUST(!row.cps_url || strncmp(row.cps_url, "https://", 8) == 0);
        } else if (one[0]) {
            /* what has no row has none for what it starts with */
            one[strlen(one) - 1] = '\0';
            MUST(!stir_numtable_find(table, one, &shorter));
        }
        tn += len + (tn[len] == '\n');
    }
    stir_numtable_unref(table);
    return 0;
}
