#include "common/base/conf_value.h"

#include <ini.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (1 << 20)

/*
 * inih reads lines through us, which is how we know their numbers, and how lines that it would cut without a word
 * (its buffer is 200 octets in Debian's build), NULs and text after a section's name are noticed. A line with a fault
 * is recorded and left out, so that all faults of a file are found.
 */
struct loader {
    const struct stir_conf_key *table;
    size_t count;
    struct stir_conf_value *values;
    const char *next, *end; /* what is not read yet */
    unsigned line;          /* number of the last line read */
    bool indented;          /* it began with white space ... */
    bool after_key;         /* ... and a key stood before it in this section: inih makes it part of that key's value */
    bool lost;              /* a line with a fault began a section: its keys are not looked at */
    char unknown[64];       /* the last section that was reported as unknown */
    const char *path;       /* for the text of faults */
    struct stir_faults *faults;
    struct stir_error err;
};

/* Records what loader->err says of a line. */
static void fail_line(struct loader *loader, unsigned line, enum stir_code code)
{
    stir_faults_add(loader->faults, code, "%s:%u: %s", loader->path, line, loader->err.text);
}

/* A section's name may only be followed by a comment. */
static bool has_junk_after_section(const char *text, const char *end)
{
    const char *close = memchr(text, ']', (size_t)(end - text));
    if (!close) {
        return false; /* inih reports it */
    }
    for (close++; close < end && (*close == ' ' || *close == '\t' || *close == '\r' || *close == '\n'); close++) {
    }
    return close < end && *close != ';' && *close != '#';
}

static bool has_control_character(const char *line, const char *end)
{
    for (; line < end; line++) {
        if (((unsigned char)*line < 0x20 || *line == 0x7f) && *line != '\t' && *line != '\n' &&
            (*line != '\r' || end - line > 2)) {
            return true;
        }
    }
    return false;
}

/* True for "[section]", "key = value" and an empty line. inih tells of the first other line only. */
static bool is_well_formed(const char *text, const char *end)
{
    while (end > text && strchr(" \t\r\n", end[-1])) {
        end--;
    }
    size_t n = (size_t)(end - text);
    return n == 0 || (*text == '[' ? memchr(text, ']', n) != NULL : memchr(text, '=', n) || memchr(text, ':', n));
}

/* Looks at a line before inih gets it. True for a comment or a line with a fault, which are not handed on. */
static bool inspect_line(struct loader *loader, const char *line, const char *end, size_t room)
{
    bool marked = loader->line == 1 && end - line >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0;
    const char *text = marked ? line + 3 : line; /* an editor's byte order mark */
    while (text < end && (*text == ' ' || *text == '\t')) {
        text++;
    }
    if (text < end && (*text == ';' || *text == '#')) {
        return true;
    }
    loader->indented = text > line && !marked;
    bool continues = loader->indented && loader->after_key;
    bool section = text < end && *text == '[' && !continues;
    enum stir_code code = STIR_OK;
    if (has_control_character(line, end)) {
        code = stir_fail(&loader->err, STIR_E_CONFIG, "the line has a control character");
    } else if ((size_t)(end - line) > room) {
        code = stir_fail(&loader->err, STIR_E_CONFIG,
                         "the line is longer than %zu octets; a list may continue in an indented line", room - 1);
    } else if (!continues && !is_well_formed(text, end)) {
        code = stir_fail(&loader->err, STIR_E_CONFIG, "neither [section] nor key = value");
    } else if (section && has_junk_after_section(text, end)) {
        code = stir_fail(&loader->err, STIR_E_CONFIG, "unexpected text after the section name");
    }
    loader->after_key = loader->after_key && !section;
    loader->lost = section ? code != STIR_OK : loader->lost;
    if (code != STIR_OK) {
        fail_line(loader, loader->line, code);
    }
    return code != STIR_OK;
}

/* inih's reader: as fgets. */
static char *read_line(char *out, int size, void *arg)
{
    struct loader *loader = arg;
    if (loader->next == loader->end || size < 2) {
        return NULL;
    }
    const char *line = loader->next;
    const char *newline = memchr(line, '\n', (size_t)(loader->end - line));
    const char *end = newline ? newline + 1 : loader->end;
    loader->next = end;
    loader->line++;
    size_t len = inspect_line(loader, line, end, (size_t)size - 1) ? 0 : (size_t)(end - line);
    memcpy(out, line, len);
    out[len] = '\0';
    return out;
}

static enum stir_code take_value(struct loader *loader, size_t i, const char *text)
{
    const struct stir_conf_key *key = &loader->table[i];
    struct stir_conf_value *value = &loader->values[i];
    if (key->type == STIR_CONF_RENAMED) {
        enum stir_code code = stir_conf_read_value(value, key, STIR_CONF_GIVEN, &loader->err);
        const struct stir_conf_key *target = stir_conf_target(loader->table, loader->count, key);
        return code == STIR_OK ? take_value(loader, (size_t)(target - loader->table), text) : code;
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
static bool looks_like_key(const struct loader *loader, const char *section, const char *text)
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

/* inih does not take comments off a line that continues a value. */
static enum stir_code take_continuation(struct loader *loader, size_t i, const char *section, const char *text)
{
    const struct stir_conf_key *key = &loader->table[i];
    bool list = stir_conf_target(loader->table, loader->count, key)->type == STIR_CONF_LIST;
    if (!list) {
        return stir_fail(&loader->err, STIR_E_CONFIG, "indented continuation line without a list to continue");
    }
    if (looks_like_key(loader, section, text)) {
        return stir_fail(&loader->err, STIR_E_CONFIG,
                         "indented line continues the list above it, but looks like a key: remove the indentation");
    }
    char *copy = strdup(text);
    if (!copy) {
        return stir_fail(&loader->err, STIR_E_NOMEM, "out of memory");
    }
    for (char *p = copy; *p; p++) {
        if (*p == ';' && (p == copy || p[-1] == ' ' || p[-1] == '\t')) {
            *p = '\0';
            break;
        }
    }
    enum stir_code code = take_value(loader, i, copy);
    free(copy);
    return code;
}

/* A section that is unknown is reported once, not for each of its keys. */
static bool is_reported(struct loader *loader, const char *section)
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

/* inih's handler: 1 to continue. */
static int take_pair(void *arg, const char *section, const char *name, const char *text)
{
    struct loader *loader = arg;
    const struct stir_conf_key *key = stir_conf_find(loader->table, loader->count, section, name);
    enum stir_code code = STIR_E_CONFIG;
    if (loader->lost || (!key && is_reported(loader, section))) {
        return 1;
    }
    if (!key) {
        code = stir_conf_fail_unknown(loader->table, loader->count, section, name, &loader->err);
    } else if (loader->indented && loader->after_key) {
        code = take_continuation(loader, (size_t)(key - loader->table), section, text);
    } else {
        code = take_value(loader, (size_t)(key - loader->table), text);
    }
    loader->after_key = true;
    if (code != STIR_OK) {
        fail_line(loader, loader->line, code);
    }
    return 1;
}

/* What can be said about a value only when the whole file is read. */
static void check_values(struct loader *loader)
{
    for (size_t i = 0; i < loader->count; i++) {
        enum stir_code code = stir_conf_check_value(&loader->values[i], &loader->table[i], &loader->err);
        if (code != STIR_OK) {
            code = stir_fail_prefix(&loader->err, code, "%s", loader->table[i].name);
            fail_line(loader, loader->values[i].line, code);
        }
    }
}

/* The end of a path is what tells files apart when it is too long to show. */
static const char *path_end(const char *path)
{
    size_t n = strlen(path);
    return n > 100 ? path + n - 100 : path;
}

static void parse(struct loader *loader)
{
    int line = ini_parse_stream(read_line, loader, take_pair, loader);
    if (line < 0) {
        stir_faults_add(loader->faults, STIR_E_NOMEM, "out of memory");
    } else if (line > 0) {
        stir_faults_add(loader->faults, STIR_E_CONFIG, "%s:%d: neither [section] nor key = value", loader->path, line);
    }
    check_values(loader);
}

void stir_conf_load_all(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                        struct stir_faults *faults)
{
    struct loader loader = {.table = table, .count = count, .path = path_end(path), .faults = faults};
    struct stir_buf file = {0};
    size_t before = faults->count;
    enum stir_code code = stir_read_file(&file, path, FILE_MAX_BYTES, &loader.err);
    loader.values = calloc(count ? count : 1, sizeof(*loader.values));
    if (code == STIR_OK && !loader.values) {
        code = stir_fail(&loader.err, STIR_E_NOMEM, "out of memory");
    }
    stir_faults_take(faults, code, &loader.err);
    if (code == STIR_OK) {
        loader.next = file.ptr;
        loader.end = file.ptr ? file.ptr + file.len : file.ptr;
        parse(&loader);
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
