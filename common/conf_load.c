#include "common/conf_value.h"

#include <ini.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (1 << 20)

/*
 * inih reads lines through us, which is how we know their numbers, and how lines that it would cut without a word
 * (its buffer is 200 octets in Debian's build), NULs and text behind a section's name are noticed.
 */
struct loader {
    const struct stir_conf_key *table;
    size_t count;
    struct stir_conf_value *values;
    const char *next, *end; /* what is not read yet */
    unsigned line;          /* number of the last line read */
    bool indented;          /* it began with white space ... */
    bool after_key;         /* ... and a key stood before it in this section: inih makes it part of that key's value */
    unsigned failed_line;   /* 0: no failure so far */
    enum stir_code code;
    struct stir_error err;
};

static void fail_line(struct loader *loader, enum stir_code code)
{
    loader->failed_line = loader->line;
    loader->code = code;
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

/* Looks at a line before inih gets it. True for a comment, which is not handed on. */
static bool inspect_line(struct loader *loader, const char *line, const char *end, size_t room)
{
    const char *text = line;
    while (text < end && (*text == ' ' || *text == '\t')) {
        text++;
    }
    if (text < end && (*text == ';' || *text == '#')) {
        return true;
    }
    loader->indented = text > line;
    bool section = text < end && *text == '[' && !(loader->indented && loader->after_key);
    if (has_control_character(line, end)) {
        fail_line(loader, stir_fail(&loader->err, STIR_E_CONFIG, "a control character"));
    } else if ((size_t)(end - line) > room) {
        fail_line(loader, stir_fail(&loader->err, STIR_E_CONFIG,
                                    "longer than %zu octets; a list may go on in an "
                                    "indented line",
                                    room - 1));
    } else if (section && has_junk_after_section(text, end)) {
        fail_line(loader, stir_fail(&loader->err, STIR_E_CONFIG, "text behind the name of a section"));
    }
    loader->after_key = loader->after_key && !section;
    return false;
}

/* inih's reader: as fgets. */
static char *read_line(char *out, int size, void *arg)
{
    struct loader *loader = arg;
    if (loader->failed_line || loader->next == loader->end || size < 2) {
        return NULL;
    }
    const char *line = loader->next;
    const char *newline = memchr(line, '\n', (size_t)(loader->end - line));
    const char *end = newline ? newline + 1 : loader->end;
    loader->next = end;
    loader->line++;
    size_t len = inspect_line(loader, line, end, (size_t)size - 1) ? 0 : (size_t)(end - line);
    if (loader->failed_line) {
        return NULL;
    }
    memcpy(out, line, len);
    out[len] = '\0';
    return out;
}

static enum stir_code take_value(struct loader *loader, size_t i, const char *text)
{
    const struct stir_conf_key *key = &loader->table[i];
    struct stir_conf_value *value = &loader->values[i];
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
    if (key->type != STIR_CONF_LIST || looks_like_key(loader, section, text)) {
        return stir_fail(&loader->err, STIR_E_CONFIG, "an indented line goes on with the list above it, and %s",
                         key->type == STIR_CONF_LIST ? "this one looks like a key" : "there is none");
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

/* inih's handler: 1 to go on. */
static int take_pair(void *arg, const char *section, const char *name, const char *text)
{
    struct loader *loader = arg;
    if (loader->failed_line) {
        return 0;
    }
    const struct stir_conf_key *key = stir_conf_find(loader->table, loader->count, section, name);
    enum stir_code code = STIR_E_CONFIG;
    if (!key) {
        code = stir_conf_fail_unknown(loader->table, loader->count, section, name, &loader->err);
    } else if (loader->indented && loader->after_key) {
        code = take_continuation(loader, (size_t)(key - loader->table), section, text);
    } else {
        code = take_value(loader, (size_t)(key - loader->table), text);
    }
    loader->after_key = true;
    if (code != STIR_OK) {
        fail_line(loader, code);
        return 0;
    }
    return 1;
}

/* What can be said about a value only when the whole file is read. */
static void check_values(struct loader *loader)
{
    for (size_t i = 0; i < loader->count && !loader->failed_line; i++) {
        enum stir_code code = stir_conf_check_value(&loader->values[i], &loader->table[i], &loader->err);
        if (code != STIR_OK) {
            loader->line = loader->values[i].line;
            fail_line(loader, stir_fail_prefix(&loader->err, code, "%s", loader->table[i].name));
        }
    }
}

/* The end of a path is what tells files apart when it is too long to show. */
static const char *path_end(const char *path)
{
    size_t n = strlen(path);
    return n > 100 ? path + n - 100 : path;
}

static enum stir_code parse(struct loader *loader, const char *path, struct stir_error *err)
{
    int line = ini_parse_stream(read_line, loader, take_pair, loader);
    if (line < 0) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    if (line > 0 && (!loader->failed_line || (unsigned)line < loader->failed_line)) {
        return stir_fail(err, STIR_E_CONFIG, "%s:%d: neither [section] nor key = value", path_end(path), line);
    }
    check_values(loader);
    if (loader->failed_line) {
        return stir_fail(err, loader->code, "%s:%u: %s", path_end(path), loader->failed_line, loader->err.text);
    }
    return STIR_OK;
}

enum stir_code stir_conf_load(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              struct stir_error *err)
{
    struct loader loader = {.table = table, .count = count};
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, FILE_MAX_BYTES, err);
    if (code != STIR_OK) {
        goto done;
    }
    loader.values = calloc(count ? count : 1, sizeof(*loader.values));
    if (!loader.values) {
        code = stir_fail(err, STIR_E_NOMEM, "out of memory");
        goto done;
    }
    loader.next = file.ptr;
    loader.end = file.ptr ? file.ptr + file.len : file.ptr;
    code = parse(&loader, path, err);
    if (code == STIR_OK) {
        stir_conf_store(conf, table, count, loader.values);
    }
done:
    stir_conf_values_free(loader.values, count);
    stir_buf_cleanse(&file);
    return code;
}
