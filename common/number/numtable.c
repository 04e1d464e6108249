/* SPDX-License-Identifier: MIT */
#include "common/number/numtable.h"

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/view.h"
#include "common/number/tn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Prefixes are sorted digit by digit, four bits each from the top, so that a look-up is one binary search: the last
 * prefix that does not sort after the number is the longest prefix of it, or is inside that one. Each row knows the
 * next shorter prefix that contains it.
 */
#define NO_PARENT UINT32_MAX
#define STARTS 65536     /* 16 bits of a key, which hold four digits */
#define SMALL_TABLE 4096 /* rows */
#define ROWS_MAX (UINT32_MAX / 64)

struct row {
    uint32_t spc, url; /* offsets in the text; url 0: none */
    uint32_t parent;
};

struct stir_numtable {
    char *text; /* the file, its fields NUL-terminated in place */
    uint64_t *keys;
    struct row *rows;
    size_t count;
    uint32_t *starts; /* index by the first four digits of a key: where such keys begin, so that a search stays in the
                         caches; NULL: the table is small */
    int refs;
};

/* A row before it is sorted. */
struct line {
    uint64_t key;
    uint32_t spc, url, number;
};

struct lines {
    struct line *lines;
    size_t count, cap;
};

/* ---- keys ---- */

/* Returns 1 to 12; 0 for any other character, which ends a key. */
static unsigned numtable_code_of(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') + 1 : c == '*' ? 11 : c == '#' ? 12 : 0;
}

/* Packs the first digits of a number, at most the number of digits that a prefix may have. */
static uint64_t numtable_key_of(const char *digits, size_t n)
{
    uint64_t key = 0;
    for (size_t i = 0; i < n && i < STIR_NUMTABLE_PREFIX_MAX; i++) {
        uint64_t code = numtable_code_of(digits[i]);
        if (!code) {
            break;
        }
        key |= code << (60 - 4 * i);
    }
    return key;
}

static bool numtable_is_prefix(uint64_t prefix, uint64_t key)
{
    unsigned unused = (unsigned)__builtin_ctzll(prefix) & ~3u;
    return ((prefix ^ key) >> unused) == 0;
}

/* ---- reading ---- */

static struct stir_view numtable_trim(struct stir_view v)
{
    while (v.len && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
        v = stir_view(v.ptr + 1, v.len - 1);
    }
    while (v.len && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t' || v.ptr[v.len - 1] == '\r')) {
        v.len--;
    }
    return v;
}

/* The field up to the next comma; false at the end of the line. */
static bool numtable_next_field(struct stir_view *line, struct stir_view *field)
{
    if (!line->ptr) {
        return false;
    }
    const char *comma = memchr(line->ptr, ',', line->len);
    size_t n = comma ? (size_t)(comma - line->ptr) : line->len;
    *field = numtable_trim(stir_view(line->ptr, n));
    *line = comma ? stir_view(comma + 1, line->len - n - 1) : stir_view(NULL, 0);
    return true;
}

static bool numtable_all_printable(struct stir_view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < 0x21 || v.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static enum stir_code numtable_read_prefix(uint64_t *key, struct stir_view field, size_t number, struct stir_error *err)
{
    if (field.len && field.ptr[0] == '+') {
        field = stir_view(field.ptr + 1, field.len - 1);
    }
    bool ok = field.len >= 1 && field.len <= STIR_NUMTABLE_PREFIX_MAX;
    for (size_t i = 0; ok && i < field.len; i++) {
        ok = numtable_code_of(field.ptr[i]) != 0;
    }
    if (!ok) {
        return stir_fail(err, STIR_E_CONFIG, "line %zu: the prefix is not 1 to %d digits", number,
                         STIR_NUMTABLE_PREFIX_MAX);
    }
    *key = numtable_key_of(field.ptr, field.len);
    return STIR_OK;
}

static enum stir_code numtable_read_row(struct line *out, const char *text, struct stir_view line, size_t number,
                                        struct stir_error *err)
{
    struct stir_view prefix = {0}, spc = {0}, url = {0}, more;
    (void)numtable_next_field(&line, &prefix);
    (void)numtable_next_field(&line, &spc);
    (void)numtable_next_field(&line, &url);
    if (numtable_next_field(&line, &more)) {
        return stir_fail(err, STIR_E_CONFIG, "line %zu: more fields than prefix,spc,cps_url", number);
    }
    enum stir_code code = numtable_read_prefix(&out->key, prefix, number, err);
    if (code != STIR_OK) {
        return code;
    }
    if (spc.len < 1 || spc.len > STIR_SPC_MAX || !numtable_all_printable(spc)) {
        return stir_fail(err, STIR_E_CONFIG, "line %zu: the SPC is not 1 to %d visible characters", number,
                         STIR_SPC_MAX);
    }
    if (url.len && (url.len > STIR_NUMTABLE_URL_MAX || url.len <= 8 || memcmp(url.ptr, "https://", 8) != 0 ||
                    !numtable_all_printable(url))) {
        return stir_fail(err, STIR_E_CONFIG, "line %zu: the CPS's URL is not https://..., up to %d characters", number,
                         STIR_NUMTABLE_URL_MAX);
    }
    /* Offsets instead of pointers keep a row at half the size. */
    out->spc = (uint32_t)(spc.ptr - text);
    out->url = url.len ? (uint32_t)(url.ptr - text) : 0;
    out->number = (uint32_t)number;
    return STIR_OK;
}

/* Called only when a row is known to be good: it overwrites the characters that end a field. */
static void numtable_end_fields(char *text, const struct line *line)
{
    const uint32_t starts[] = {line->spc, line->url};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strcspn(text + starts[i], ", \t\r\n");
        if (starts[i]) {
            text[starts[i] + n] = '\0';
        }
    }
}

static struct line *numtable_add_line(struct lines *all)
{
    if (all->count == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 256;
        struct line *lines = cap < ROWS_MAX ? realloc(all->lines, cap * sizeof(*lines)) : NULL;
        if (!lines) {
            return NULL;
        }
        all->lines = lines;
        all->cap = cap;
    }
    return &all->lines[all->count];
}

static enum stir_code numtable_read_lines(struct lines *all, char *text, size_t n, struct stir_error *err)
{
    const char *end = text + n;
    size_t number = 0;
    if (memchr(text, '\0', n)) {
        return stir_fail(err, STIR_E_CONFIG, "the file contains a NUL, so it is not text");
    }
    for (char *p = text, *next; p < end; p = next) {
        char *eol = memchr(p, '\n', (size_t)(end - p));
        next = eol ? eol + 1 : text + n;
        struct stir_view line = numtable_trim(stir_view(p, (size_t)((eol ? eol : end) - p)));
        number++;
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        struct line *row = numtable_add_line(all);
        if (!row) {
            return stir_fail(err, STIR_E_NOMEM, "number table");
        }
        enum stir_code code = numtable_read_row(row, text, line, number, err);
        if (code != STIR_OK) {
            return code;
        }
        /* Only now: the NULs that end the fields overwrite the text around them. */
        numtable_end_fields(text, row);
        all->count++;
    }
    return STIR_OK;
}

/* ---- building ---- */

static int numtable_by_key(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

static enum stir_code numtable_fill_starts(struct stir_numtable *table, struct stir_error *err)
{
    table->starts = malloc((STARTS + 1) * sizeof(*table->starts));
    if (!table->starts) {
        return stir_fail(err, STIR_E_NOMEM, "number table");
    }
    size_t next = 0;
    for (size_t i = 0; i < table->count; i++) {
        while (next <= table->keys[i] >> 48) {
            table->starts[next++] = (uint32_t)i;
        }
    }
    while (next <= STARTS) {
        table->starts[next++] = (uint32_t)table->count;
    }
    return STIR_OK;
}

/* From sorted lines. */
static enum stir_code numtable_fill(struct stir_numtable *table, const struct lines *all, struct stir_error *err)
{
    table->keys = malloc((all->count + 1) * sizeof(*table->keys));
    table->rows = malloc((all->count + 1) * sizeof(*table->rows));
    if (!table->keys || !table->rows) {
        return stir_fail(err, STIR_E_NOMEM, "number table");
    }
    uint32_t inside = NO_PARENT; /* the prefix that the one before lies in, or that one itself */
    for (size_t i = 0; i < all->count; i++) {
        const struct line *line = &all->lines[i];
        while (inside != NO_PARENT && !numtable_is_prefix(table->keys[inside], line->key)) {
            inside = table->rows[inside].parent;
        }
        if (inside != NO_PARENT && table->keys[inside] == line->key) {
            return stir_fail(err, STIR_E_CONFIG, "line %u: the prefix occurs twice", (unsigned)line->number);
        }
        table->keys[i] = line->key;
        table->rows[i] = (struct row){.spc = line->spc, .url = line->url, .parent = inside};
        inside = (uint32_t)i;
    }
    table->count = all->count;
    return table->count < SMALL_TABLE ? STIR_OK : numtable_fill_starts(table, err);
}

/* Takes over the text, also on failure; a NUL follows its n octets. */
static enum stir_code numtable_build(struct stir_numtable **out, char *text, size_t n, struct stir_error *err)
{
    struct lines all = {0};
    struct stir_numtable *table = calloc(1, sizeof(*table));
    if (!table) {
        free(text);
        return stir_fail(err, STIR_E_NOMEM, "number table");
    }
    table->text = text;
    table->refs = 1;
    enum stir_code code = numtable_read_lines(&all, text, n, err);
    if (code == STIR_OK) {
        /* Sorted by prefix, so that a look-up is a binary search. */
        if (all.count) {
            qsort(all.lines, all.count, sizeof(*all.lines), numtable_by_key);
        }
        code = numtable_fill(table, &all, err);
    }
    free(all.lines);
    if (code != STIR_OK) {
        stir_numtable_unref(table);
        return code;
    }
    *out = table;
    return STIR_OK;
}

enum stir_code stir_numtable_parse(struct stir_numtable **out, const char *csv, size_t n, struct stir_error *err)
{
    char *text = n <= STIR_NUMTABLE_OCTETS ? malloc(n + 1) : NULL;
    if (!text) {
        return n <= STIR_NUMTABLE_OCTETS ? stir_fail(err, STIR_E_NOMEM, "number table")
                                         : stir_fail(err, STIR_E_TOO_BIG, "number table");
    }
    if (n) {
        memcpy(text, csv, n);
    }
    text[n] = '\0';
    return numtable_build(out, text, n, err);
}

enum stir_code stir_numtable_load(struct stir_numtable **out, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    size_t n = 0;
    enum stir_code code = stir_read_file(&file, path, STIR_NUMTABLE_OCTETS, err);
    if (code != STIR_OK) {
        stir_buf_free(&file);
        return code;
    }
    stir_buf_put(&file, "", 0); /* an empty file has its NUL, too */
    char *text = stir_buf_steal(&file, &n);
    code = text ? numtable_build(out, text, n, err) : stir_fail(err, STIR_E_NOMEM, "number table");
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code, "%s", path);
}

struct stir_numtable *stir_numtable_ref(struct stir_numtable *table)
{
    (void)__atomic_add_fetch(&table->refs, 1, __ATOMIC_RELAXED);
    return table;
}

void stir_numtable_unref(struct stir_numtable *table)
{
    if (table && __atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(table->text);
        free(table->keys);
        free(table->rows);
        free(table->starts);
        free(table);
    }
}

/* ---- finding ---- */

/* The last key that is not greater; NO_PARENT if all are. */
static uint32_t numtable_last_up_to(const struct stir_numtable *table, uint64_t key)
{
    const uint32_t *starts = table->starts ? &table->starts[key >> 48] : NULL;
    size_t low = starts ? starts[0] : 0;
    size_t n = starts ? starts[1] - low : table->count;
    while (n > 0) {
        size_t half = n / 2;
        bool right = table->keys[low + half] <= key;
        low = right ? low + half + 1 : low;
        n = right ? n - half - 1 : half;
    }
    return low ? (uint32_t)(low - 1) : NO_PARENT;
}

/* From the last key that is not greater to the longest prefix; NO_PARENT: none. */
static uint32_t numtable_longest_prefix(const struct stir_numtable *table, uint32_t at, uint64_t key)
{
    while (at != NO_PARENT && !numtable_is_prefix(table->keys[at], key)) {
        at = table->rows[at].parent;
    }
    return at;
}

static void numtable_show_row(struct stir_numtable_row *row, const struct stir_numtable *table, uint32_t at)
{
    const struct row *found = &table->rows[at];
    *row = (struct stir_numtable_row){.spc = table->text + found->spc,
                                      .cps_url = found->url ? table->text + found->url : NULL};
}

bool stir_numtable_find(const struct stir_numtable *table, const char *tn, struct stir_numtable_row *row)
{
    uint64_t key = numtable_key_of(tn, STIR_NUMTABLE_PREFIX_MAX);
    uint32_t at = numtable_longest_prefix(table, numtable_last_up_to(table, key), key);
    if (at == NO_PARENT) {
        return false;
    }
    numtable_show_row(row, table, at);
    return true;
}

/* ---- runs of numbers ---- */

static unsigned numtable_key_code(uint64_t key, unsigned i)
{
    return i < STIR_NUMTABLE_PREFIX_MAX ? (unsigned)(key >> (60 - 4 * i)) & 15 : 0;
}

/* Returns the first number of `digits` digits that does not sort before the key; 10^digits if all do. */
static uint64_t numtable_first_from(uint64_t key, unsigned digits)
{
    uint64_t number = 0;
    bool up = false; /* the key is not reached by its first digits: by the next number only */
    for (unsigned i = 0; i < digits; i++) {
        unsigned code = up ? 0 : numtable_key_code(key, i);
        if (code > 10) { /* '*' and '#' sort after the digits */
            up = true;
            number++;
            code = 0;
        }
        number = number * 10 + (code ? code - 1 : 0);
    }
    return number + (!up && numtable_key_code(key, digits) != 0);
}

/* Returns the last number of `digits` digits that begins with the key, which is a prefix of one of them. */
static uint64_t numtable_last_with_prefix(uint64_t key, unsigned digits)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < digits; i++) {
        unsigned code = numtable_key_code(key, i);
        number = number * 10 + (code ? code - 1 : 9);
    }
    return number;
}

bool stir_numtable_find_run(const struct stir_numtable *table, uint64_t first, unsigned digits,
                            struct stir_numtable_row *row, uint64_t *last)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%0*" PRIu64, (int)digits, first);
    uint64_t key = numtable_key_of(text, strlen(text));
    uint32_t before = numtable_last_up_to(table, key);
    uint32_t at = numtable_longest_prefix(table, before, key);
    size_t next = before == NO_PARENT ? 0 : (size_t)before + 1;
    *last = at == NO_PARENT ? numtable_last_with_prefix(0, digits) : numtable_last_with_prefix(table->keys[at], digits);
    if (digits > STIR_NUMTABLE_PREFIX_MAX) {
        *last = first; /* a key does not hold all of the number */
    } else if (next < table->count) {
        uint64_t start = numtable_first_from(table->keys[next], digits);
        *last = start <= *last ? start - 1 : *last;
    }
    if (at == NO_PARENT) {
        return false;
    }
    numtable_show_row(row, table, at);
    return true;
}

size_t stir_numtable_rows(const struct stir_numtable *table)
{
    return table->count;
}
