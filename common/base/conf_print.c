/* SPDX-License-Identifier: MIT */
#include "common/base/conf_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 100      /* of the sample's comments */
#define LINE_LIMIT 180 /* of a line; less than the reader takes */

/* Appends words as a comment after "# ", broken at WIDTH. Line breaks in the text are kept. */
static void conf_put_comment(struct stir_buf *out, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column == 0 || column + 1 + word > WIDTH) {
            stir_buf_puts(out, column ? "\n#" : "#");
            column = 1;
        }
        stir_buf_puts(out, " ");
        stir_buf_put(out, text, word);
        column += 1 + word;
        text += word;
        if (*text == '\n') {
            stir_buf_puts(out, "\n");
            column = 0;
        }
        text += *text != '\0';
    }
    if (column) {
        stir_buf_puts(out, "\n");
    }
}

static void conf_put_choices(struct stir_buf *out, const char *const *choices)
{
    stir_buf_puts(out, "One of ");
    for (size_t i = 0; choices[i]; i++) {
        stir_buf_printf(out, "%s%s", i ? ", " : "", choices[i]);
    }
}

/* Appends the values that a key takes, and when a change takes effect. */
static void conf_put_bounds(struct stir_buf *out, const struct stir_conf_key *key)
{
    struct stir_buf line = {0};
    /* What values the key takes ... */
    switch (key->type) {
    case STIR_CONF_INT:
        stir_buf_printf(&line, "%" PRId64 " to %" PRId64 "%s", key->min, key->max, stir_conf_unit(key->name));
        break;
    case STIR_CONF_BOOL:
        stir_buf_puts(&line, "yes or no");
        break;
    case STIR_CONF_ENUM:
        conf_put_choices(&line, key->choices);
        break;
    case STIR_CONF_OBSOLETE:
    case STIR_CONF_RENAMED:
    case STIR_CONF_STRING:
        stir_buf_puts(&line, key->min > 0 ? "Text, not empty" : "Text, or nothing");
        break;
    case STIR_CONF_LIST:
        stir_buf_puts(&line, "A list, separated by commas or spaces, on one line or several");
        break;
    }
    /* ... and when a change takes effect. */
    stir_buf_printf(&line, ". A change %s.", key->reloadable ? "takes effect on reload" : "needs a restart");
    if (stir_buf_state(&line) == STIR_OK) {
        conf_put_comment(out, line.ptr);
    } else {
        out->failed = stir_buf_state(&line);
    }
    stir_buf_free(&line);
}

static void conf_put_list(struct stir_buf *out, const char *name, const char *list)
{
    char item[LINE_LIMIT];
    size_t pos = 0;
    size_t column = strlen(name) + 3;
    stir_buf_printf(out, "#%s =", name);
    while (stir_conf_next(list, &pos, item, sizeof(item))) {
        if (column + 1 + strlen(item) > LINE_LIMIT) {
            stir_buf_puts(out, "\n#   ");
            column = 4;
        }
        stir_buf_printf(out, " %s", item);
        column += 1 + strlen(item);
    }
    stir_buf_puts(out, "\n");
}

void stir_conf_sample(struct stir_buf *out, const struct stir_conf_key *table, size_t count)
{
    const char *section = "";
    for (size_t i = 0; i < count; i++) {
        const struct stir_conf_key *key = &table[i];
        const char *value = key->default_value ? key->default_value : "";
        if (key->type == STIR_CONF_OBSOLETE || key->type == STIR_CONF_RENAMED) {
            continue;
        }
        if (strcmp(section, key->section) != 0) {
            section = key->section;
            stir_buf_printf(out, "%s[%s]\n", out->len ? "\n" : "", section);
        }
        stir_buf_puts(out, out->len ? "\n" : "");
        conf_put_comment(out, key->text);
        conf_put_bounds(out, key);
        if (key->type == STIR_CONF_LIST) {
            conf_put_list(out, key->name, value);
        } else {
            stir_buf_printf(out, "#%s =%s%s\n", key->name, *value ? " " : "", value);
        }
    }
}

static bool conf_value_is_same(const void *a, const void *b, enum stir_conf_type type)
{
    switch (type) {
    case STIR_CONF_INT:
        return *(const int64_t *)a == *(const int64_t *)b;
    case STIR_CONF_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case STIR_CONF_ENUM:
        return *(const int *)a == *(const int *)b;
    case STIR_CONF_OBSOLETE:
    case STIR_CONF_RENAMED:
    case STIR_CONF_STRING:
    case STIR_CONF_LIST:
        break;
    }
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    return strcmp(left ? left : "", right ? right : "") == 0;
}

void stir_conf_diff(const void *a, const void *b, const struct stir_conf_key *table, size_t count,
                    void (*changed)(void *arg, const struct stir_conf_key *key), void *arg)
{
    for (size_t i = 0; i < count; i++) {
        const struct stir_conf_key *key = &table[i];
        if (key->type != STIR_CONF_RENAMED &&
            !conf_value_is_same(stir_conf_field(a, key), stir_conf_field(b, key), key->type)) {
            changed(arg, key);
        }
    }
}

void stir_conf_outdated(const void *conf, const struct stir_conf_key *table, size_t count,
                        void (*say)(void *arg, const char *text), void *arg)
{
    char text[512];
    for (size_t i = 0; i < count; i++) {
        const struct stir_conf_key *key = &table[i];
        bool renamed = key->type == STIR_CONF_RENAMED;
        const char *const *given = renamed || key->type == STIR_CONF_OBSOLETE ? stir_conf_field(conf, key) : NULL;
        if (!given || !*given || !**given) {
            continue;
        }
        if (renamed) {
            (void)snprintf(text, sizeof(text),
                           "[%s] %s is now called [%s] %s: rename it, the next release refuses the old name",
                           key->section, key->name, key->choices[0], key->choices[1]);
        } else {
            (void)snprintf(text, sizeof(text), "[%s] %s has no effect any more: %s", key->section, key->name,
                           key->text);
        }
        say(arg, text);
    }
}

bool stir_conf_next(const char *list, size_t *pos, char *out, size_t cap)
{
    static const char separators[] = ", \t\r\n";
    size_t start = *pos + strspn(list + *pos, separators);
    size_t len = strcspn(list + start, separators);
    if (len == 0 || cap == 0) {
        return false;
    }
    *pos = start + len;
    len = len < cap ? len : cap - 1;
    memcpy(out, list + start, len);
    out[len] = '\0';
    return true;
}
