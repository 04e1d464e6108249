/* SPDX-License-Identifier: MIT */
#include "common/base/conf_value.h"
#include "common/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (1 << 20)
#define LINE_MAX_OCTETS 198
#define BLANKS " \t\r"

/*
 * The state of reading one file. This reader replaces inih, which cuts long lines without a word, ignores text after a
 * section name, tells the caller no line numbers and reports the first malformed line only: the code that worked around
 * that was longer than a reader.
 */
struct loader {
    const struct stir_conf_key *table;
    size_t count;
    struct stir_conf_value *values;
    unsigned line;                   /* number of the current line, from 1 */
    char section[64];                /* name of the current one; "" before the first */
    const struct stir_conf_key *key; /* the last one in this section; NULL: an unknown one */
    bool after_key;                  /* an indented line continues the value of `key` */
    bool skipping;                   /* the line that began the section has a fault: its keys are not looked at */
    char unknown[64];                /* the last section that was reported as unknown */
    const char *path;                /* for the text of faults */
    struct stir_faults *faults;
    struct stir_error err;
};

/* Records what loader->err says of a line. */
static void conf_fail_line(struct loader *loader, unsigned line, enum stir_code code)
{
    stir_faults_add(loader->faults, code, "%s:%u: %s", loader->path, line, loader->err.text);
}

static enum stir_code conf_take_value(struct loader *loader, size_t i, const char *text)
{
    const struct stir_conf_key *key = &loader->table[i];
    struct stir_conf_value *value = &loader->values[i];
    if (key->type == STIR_CONF_RENAMED) {
        enum stir_code code = stir_conf_read_value(value, key, STIR_CONF_GIVEN, &loader->err);
        const struct stir_conf_key *target = stir_conf_target(loader->table, loader->count, key);
        return code == STIR_OK ? conf_take_value(loader, (size_t)(target - loader->table), text) : code;
    }
    if (value->given && key->type != STIR_CONF_LIST) {
        return stir_fail(&loader->err, STIR_E_CONFIG, "%s: is already given in line %u", key->name, value->line);
    }
    enum stir_code code = stir_conf_read_value(value, key, text, &loader->err);
    if (code != STIR_OK) {
        return stir_fail_prefix(&loader->err, code, "%s", key->name);
    }
    value->line = value->line ? value->line : loader->line;
    return STIR_OK;
}

/* An indented line that looks like a setting is one that was indented by mistake: never add it to a list. */
static bool conf_looks_like_key(const struct loader *loader, const char *section, const char *text)
{
    char name[64];
    size_t n = strcspn(text, "=: \t");
    if (n >= sizeof(name) || !strchr("=:", text[n + strspn(text + n, " \t")])) {
        return false;
    }
    memcpy(name, text, n);
    name[n] = '\0';
    return stir_conf_find(loader->table, loader->count, section, name) != NULL;
}

static enum stir_code conf_take_continuation(struct loader *loader, const char *text)
{
    if (!loader->key) {
        return STIR_OK; /* of a key that was reported or is skipped */
    }
    if (stir_conf_target(loader->table, loader->count, loader->key)->type != STIR_CONF_LIST) {
        return stir_fail(&loader->err, STIR_E_CONFIG, "indented continuation line without a list to continue");
    }
    if (conf_looks_like_key(loader, loader->section, text)) {
        return stir_fail(&loader->err, STIR_E_CONFIG,
                         "indented line continues the list above it, but looks like a key: remove the indentation");
    }
    return conf_take_value(loader, (size_t)(loader->key - loader->table), text);
}

/* A section that is unknown is reported once, not for each of its keys. */
static bool conf_section_is_reported(struct loader *loader, const char *section)
{
    for (size_t i = 0; i < loader->count; i++) {
        if (strcmp(loader->table[i].section, section) == 0) {
            return false;
        }
    }
    bool again = *section && strcmp(loader->unknown, section) == 0;
    (void)snprintf(loader->unknown, sizeof(loader->unknown), "%s", section);
    return again;
}

static enum stir_code conf_fail_malformed(struct loader *loader)
{
    return stir_fail(&loader->err, STIR_E_CONFIG, "neither [section] nor key = value");
}

/* "[name]"; only a comment may follow. */
static enum stir_code conf_take_section(struct loader *loader, char *text)
{
    char *close = strchr(text, ']');
    if (!close) {
        return conf_fail_malformed(loader);
    }
    const char *rest = close + 1 + strspn(close + 1, BLANKS);
    if (*rest && *rest != ';' && *rest != '#') {
        return stir_fail(&loader->err, STIR_E_CONFIG, "unexpected text after the section name");
    }
    *close = '\0';
    (void)snprintf(loader->section, sizeof(loader->section), "%s", text + 1);
    return STIR_OK;
}

static void conf_trim_end(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && strchr(BLANKS, text[n - 1])) {
        text[--n] = '\0';
    }
}

/* "name = value" or "name: value". */
static enum stir_code conf_take_key(struct loader *loader, char *text)
{
    size_t n = strcspn(text, "=:");
    if (!text[n]) {
        return conf_fail_malformed(loader);
    }
    const char *value = text + n + 1 + strspn(text + n + 1, BLANKS);
    text[n] = '\0';
    conf_trim_end(text);
    const struct stir_conf_key *key = stir_conf_find(loader->table, loader->count, loader->section, text);
    loader->key = loader->skipping ? NULL : key;
    loader->after_key = true;
    if (loader->skipping || (!key && conf_section_is_reported(loader, loader->section))) {
        return STIR_OK;
    }
    if (!key) {
        return stir_conf_fail_unknown(loader->table, loader->count, loader->section, text, &loader->err);
    }
    return conf_take_value(loader, (size_t)(key - loader->table), value);
}

/* Cuts off a comment, which begins with ';' after white space, and white space at the end. */
static void conf_cut_comment(char *text)
{
    for (char *p = text; *p; p++) {
        if (*p == ';' && p > text && strchr(BLANKS, p[-1])) {
            *p = '\0';
            break;
        }
    }
    conf_trim_end(text);
}

static bool conf_line_has_control(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool end = line[i] == '\r' && i + 1 == n;
        if (((unsigned char)line[i] < 0x20 || line[i] == 0x7f) && line[i] != '\t' && !end) {
            return true;
        }
    }
    return false;
}

/* Takes one line of n octets, which a NUL follows. A line with a fault is recorded and left out, so that all faults of
 * a file are found. */
static void conf_take_line(struct loader *loader, char *line, size_t n)
{
    bool marked = loader->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0; /* an editor's byte order mark */
    char *text = line + (marked ? 3 : 0);
    text += strspn(text, " \t");
    if (*text == ';' || *text == '#') {
        return;
    }
    bool continues = loader->after_key && text > line;
    bool section = *text == '[' && !continues;
    loader->after_key = loader->after_key && !section;
    enum stir_code code = STIR_OK;
    if (conf_line_has_control(line, n)) {
        code = stir_fail(&loader->err, STIR_E_CONFIG, "the line has a control character");
    } else if (n > LINE_MAX_OCTETS) {
        code = stir_fail(&loader->err, STIR_E_CONFIG,
                         "the line is longer than %d octets; a list may continue in an indented line", LINE_MAX_OCTETS);
    } else {
        conf_cut_comment(text);
        code = !*text      ? STIR_OK
               : continues ? conf_take_continuation(loader, text)
               : section   ? conf_take_section(loader, text)
                           : conf_take_key(loader, text);
    }
    loader->skipping = section ? code != STIR_OK : loader->skipping;
    if (code != STIR_OK) {
        conf_fail_line(loader, loader->line, code);
    }
}

/* Takes the lines of a text, which a NUL follows, and overwrites their ends. */
static void conf_take_lines(struct loader *loader, char *text, size_t len)
{
    for (char *line = text, *end = text + len, *next; line < end; line = next) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        next = newline ? newline + 1 : end;
        size_t n = newline ? (size_t)(newline - line) : (size_t)(end - line);
        line[n] = '\0';
        loader->line++;
        conf_take_line(loader, line, n);
    }
}

/* Checks what is known only when the whole file was read. */
static void conf_check_values(struct loader *loader)
{
    for (size_t i = 0; i < loader->count; i++) {
        enum stir_code code = stir_conf_check_value(&loader->values[i], &loader->table[i], &loader->err);
        if (code != STIR_OK) {
            code = stir_fail_prefix(&loader->err, code, "%s", loader->table[i].name);
            conf_fail_line(loader, loader->values[i].line, code);
        }
    }
}

/* Returns the end of a path that is too long to show: the end tells files apart. */
static const char *conf_path_end(const char *path)
{
    size_t n = strlen(path);
    return n > 100 ? path + n - 100 : path;
}

void stir_conf_load_all(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                        struct stir_faults *faults)
{
    struct loader loader = {.table = table, .count = count, .path = conf_path_end(path), .faults = faults};
    struct stir_buf file = {0};
    size_t before = faults->count;
    enum stir_code code = stir_read_file(&file, path, FILE_MAX_BYTES, &loader.err);
    loader.values = calloc(count ? count : 1, sizeof(*loader.values));
    if (code == STIR_OK && !loader.values) {
        code = stir_fail(&loader.err, STIR_E_NOMEM, "out of memory");
    }
    stir_faults_take(faults, code, &loader.err);
    if (code == STIR_OK) {
        conf_take_lines(&loader, file.ptr, file.len);
        conf_check_values(&loader);
    }
    if (faults->count == before) {
        stir_conf_store(conf, table, count, loader.values);
    }
    stir_conf_values_free(loader.values, count);
    stir_buf_cleanse(&file);
}

enum stir_code stir_conf_load(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              struct stir_error *err)
{
    struct stir_faults faults = {0};
    stir_conf_load_all(conf, table, count, path, &faults);
    enum stir_code code = stir_faults_code(&faults, err);
    stir_faults_clear(&faults);
    return code;
}
