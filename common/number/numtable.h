/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number table: which provider (SPC) holds a number, and at which CPS it is reached. Immutable once it is built,
 * shared between threads by reference count.
 *
 * Text, one row a line: `prefix,spc[,cps_url]`
 * - prefix: the first digits of the numbers, canonical (0-9, '*', '#'; a '+' before them is dropped), 1 to
 *   STIR_NUMTABLE_PREFIX_MAX of them; the longest prefix of a number is the row that counts. One cannot start with '#';
 * - spc: 1 to 15 characters of those that a TNAuthList has, compared without case (stir_spc_equal);
 * - cps_url: https://..., up to STIR_NUMTABLE_URL_MAX characters; may be left out.
 * White space around a field, empty lines and lines that start with '#' are passed over; a line may end with CR LF.
 * Quotes are not taken.
 */
struct stir_numtable;

#define STIR_NUMTABLE_PREFIX_MAX 16
#define STIR_NUMTABLE_URL_MAX 512
#define STIR_NUMTABLE_OCTETS (512u << 20) /* of text, at most */

struct stir_numtable_row {
    const char *spc;
    const char *cps_url; /* NULL: the table names none */
};

/* STIR_E_CONFIG names the line (a prefix that occurs twice: the second one), STIR_E_TOO_BIG, STIR_E_NOMEM. An empty
 * table is one. *out holds one reference. */
enum stir_code stir_numtable_parse(struct stir_numtable **out, const char *csv, size_t n,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* The same from a file; err names it. STIR_E_IO too. */
enum stir_code stir_numtable_load(struct stir_numtable **out, const char *path, struct stir_error *err) STIR_MUST_CHECK;

struct stir_numtable *stir_numtable_ref(struct stir_numtable *table);
void stir_numtable_unref(struct stir_numtable *table); /* NULL is fine */

/* The row of the longest prefix of a canonical number; false if there is none. What *row points to lives as long as the
 * table. Thread-safe. */
bool stir_numtable_find(const struct stir_numtable *table, const char *tn, struct stir_numtable_row *row);

/* Finds the row of a number as stir_numtable_find does, and how far it applies: all numbers of as many digits from
 * first to *last have the same row, or none. first has up to `digits` digits, 1 to 18, and stands for a number with
 * leading zeros. Repeated with *last + 1 it goes through a range in a number of steps that the table's rows bound,
 * however many numbers the range has. Returns false if the numbers have no row; *last is set then too. Thread-safe. */
bool stir_numtable_find_run(const struct stir_numtable *table, uint64_t first, unsigned digits,
                            struct stir_numtable_row *row, uint64_t *last);

size_t stir_numtable_rows(const struct stir_numtable *table);
