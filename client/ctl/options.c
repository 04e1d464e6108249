/* SPDX-License-Identifier: MIT */
/* Parses the command line by the tables of options. */
#include "client/ctl/options.h"

#include "client/ctl/date.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 80 /* of one subcommand */

static const struct ctl_option general_options[] = {
    {.name = "json", .type = CTL_FLAG, .offset = offsetof(struct ctl_args, json), .text = "print the answer as JSON"},
    {.name = "verbose",
     .type = CTL_FLAG,
     .offset = offsetof(struct ctl_args, verbose),
     .text = "print progress to standard error"},
    {.name = "help", .type = CTL_FLAG, .offset = offsetof(struct ctl_args, help), .text = "print this help"},
};
static const struct ctl_group general = {"General", general_options,
                                         sizeof(general_options) / sizeof(general_options[0])};

/* The options of a subcommand, and which of them were given. */
struct parsing {
    struct ctl_args *args;
    const struct ctl_option *options[OPTIONS_MAX];
    bool given[OPTIONS_MAX];
    size_t count;
    bool operand_given;
};

static void parsing_add_group(struct parsing *p, const struct ctl_group *group)
{
    assert(group->count <= OPTIONS_MAX - p->count);
    for (size_t i = 0; i < group->count; i++) {
        p->options[p->count++] = &group->options[i];
    }
}

static void *parsing_field(const struct parsing *p, const struct ctl_option *option)
{
    return (char *)p->args + option->offset;
}

static enum stir_code list_append(struct ctl_list *list, const char *value)
{
    const char **more = realloc(list->items, (list->count + 1) * sizeof(*more));
    if (!more) {
        return STIR_E_NOMEM;
    }
    more[list->count++] = value;
    list->items = more;
    return STIR_OK;
}

static enum stir_code option_set_number(int64_t *out, const struct ctl_option *option, const char *value,
                                        struct stir_error *err)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool digits = *value == '-' ? value[1] >= '0' && value[1] <= '9' : *value >= '0' && *value <= '9';
    if (!digits || *end || errno || number < option->min || number > option->max) {
        return stir_fail(err, STIR_E_USAGE, "--%s: must be a number from %" PRId64 " to %" PRId64, option->name,
                         option->min, option->max);
    }
    *out = number;
    return STIR_OK;
}

static enum stir_code option_set_choice(int *out, const struct ctl_option *option, const char *value,
                                        struct stir_error *err)
{
    struct stir_buf known = {0};
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *out = i;
            stir_buf_free(&known);
            return STIR_OK;
        }
        stir_buf_printf(&known, "%s%s", i ? ", " : "", option->choices[i]);
    }
    enum stir_code code =
        stir_fail(err, STIR_E_USAGE, "--%s: must be one of %s", option->name, known.ptr ? known.ptr : "none");
    stir_buf_free(&known);
    return code;
}

static enum stir_code parsing_set(const struct parsing *p, const struct ctl_option *option, const char *value,
                                  struct stir_error *err)
{
    switch (option->type) {
    case CTL_FLAG:
        *(bool *)parsing_field(p, option) = true;
        return STIR_OK;
    case CTL_TEXT:
        *(const char **)parsing_field(p, option) = value;
        return STIR_OK;
    case CTL_LIST:
        return list_append(parsing_field(p, option), value) == STIR_OK ? STIR_OK
                                                                       : stir_fail(err, STIR_E_NOMEM, "out of memory");
    case CTL_NUMBER:
        return option_set_number(parsing_field(p, option), option, value, err);
    case CTL_TIME:
        return ctl_date_parse(parsing_field(p, option), value)
                   ? STIR_OK
                   : stir_fail(err, STIR_E_USAGE,
                               "--%s: must be a number of seconds since 1970, or a date such as 2026-01-02T03:04:05Z",
                               option->name);
    case CTL_CHOICE:
        return option_set_choice(parsing_field(p, option), option, value, err);
    }
    return stir_fail(err, STIR_E_USAGE, "--%s: internal error: unknown type of option", option->name);
}

static enum stir_code parsing_fail_unknown(const struct parsing *p, const char *name, struct stir_error *err)
{
    const char *names[OPTIONS_MAX];
    for (size_t i = 0; i < p->count; i++) {
        names[i] = p->options[i]->name;
    }
    const char *nearest = ctl_nearest(name, names, p->count);
    if (nearest) {
        return stir_fail(err, STIR_E_USAGE, "--%.40s: no such option; did you mean --%s?", name, nearest);
    }
    return stir_fail(err, STIR_E_USAGE, "--%.40s: no such option", name);
}

static bool parsing_find(const struct parsing *p, const char *name, size_t len, size_t *index)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strlen(p->options[i]->name) == len && strncmp(p->options[i]->name, name, len) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

/* One "--name", "--name value" or "--name=value" at argv[*at], which is moved to the last argument that was used. */
static enum stir_code parsing_option(struct parsing *p, int argc, char *const *argv, int *at, struct stir_error *err)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const char *value = equals ? equals + 1 : NULL;
    size_t index = 0;
    if (!parsing_find(p, name, equals ? (size_t)(equals - name) : strlen(name), &index)) {
        return parsing_fail_unknown(p, name, err);
    }
    const struct ctl_option *option = p->options[index];
    /* Only lists can be repeated: silently using one of two values would hide a mistake. */
    if (p->given[index] && option->type != CTL_LIST) {
        return stir_fail(err, STIR_E_USAGE, "--%s: given twice", option->name);
    }
    if (option->type == CTL_FLAG && value) {
        return stir_fail(err, STIR_E_USAGE, "--%s: takes no value", option->name);
    }
    if (option->type != CTL_FLAG && !value) {
        /* A value that begins with "--" is more likely a forgotten value; "--name=value" allows it. */
        if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0) {
            return stir_fail(err, STIR_E_USAGE, "--%s: needs a value (write --%s=VALUE if the value begins with --)",
                             option->name, option->name);
        }
        value = argv[++*at];
    }
    p->given[index] = true;
    return parsing_set(p, option, value, err);
}

static enum stir_code parsing_operand(struct parsing *p, const struct ctl_syntax *syntax, const char *value,
                                      struct stir_error *err)
{
    if (!syntax->operand) {
        return stir_fail(err, STIR_E_USAGE, "%.80s: unexpected argument; %s takes options only", value, syntax->name);
    }
    if (p->operand_given) {
        return stir_fail(err, STIR_E_USAGE, "%.80s: unexpected argument; only one %s is allowed", value,
                         syntax->operand);
    }
    if (!*value) {
        return stir_fail(err, STIR_E_USAGE, "%s: must not be empty", syntax->operand);
    }
    p->operand_given = true;
    p->args->operand = value;
    return STIR_OK;
}

static enum stir_code parsing_all(struct parsing *p, const struct ctl_syntax *syntax, int argc, char *const *argv,
                                  struct stir_error *err)
{
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        enum stir_code code;
        /* After "--", everything is an operand. */
        if (!options_ended && strcmp(argv[i], "--") == 0) {
            options_ended = true;
            continue;
        }
        if (!options_ended && strcmp(argv[i], "-h") == 0) {
            p->args->help = true;
            continue;
        }
        if (!options_ended && strncmp(argv[i], "--", 2) == 0) {
            code = parsing_option(p, argc, argv, &i, err);
        } else if (!options_ended && argv[i][0] == '-' && argv[i][1]) {
            code = stir_fail(err, STIR_E_USAGE, "%.40s: no such option; options begin with --", argv[i]);
        } else {
            code = parsing_operand(p, syntax, argv[i], err);
        }
        if (code != STIR_OK) {
            return code;
        }
    }
    return STIR_OK;
}

/* Sets the options that were not given, from the environment or to their initial values. */
static enum stir_code parsing_set_defaults(struct parsing *p, struct stir_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct ctl_option *option = p->options[i];
        const char *value = !p->given[i] && option->env ? getenv(option->env) : NULL;
        if (p->given[i]) {
            continue;
        }
        if (value && *value) {
            enum stir_code code = parsing_set(p, option, value, err);
            if (code != STIR_OK) {
                return stir_fail_prefix(err, code, "%s", option->env);
            }
            p->given[i] = true;
        } else if (option->type == CTL_NUMBER) {
            *(int64_t *)parsing_field(p, option) = option->initial;
        }
    }
    return STIR_OK;
}

/* Returns the first of the names, which are separated by "|", if none of them was given; else NULL. */
static const struct ctl_option *parsing_find_missing(const struct parsing *p, const char *names)
{
    const struct ctl_option *first = NULL;
    while (*names) {
        size_t index = 0, n = strcspn(names, "|");
        bool known = parsing_find(p, names, n, &index);
        if (!known || p->given[index]) {
            return NULL;
        }
        first = first ? first : p->options[index];
        names += n + (names[n] == '|');
    }
    return first;
}

static enum stir_code parsing_check_required(const struct parsing *p, const struct ctl_syntax *syntax,
                                             struct stir_error *err)
{
    for (size_t i = 0; syntax->required[i]; i++) {
        const struct ctl_option *option = parsing_find_missing(p, syntax->required[i]);
        if (!option) {
            continue;
        }
        return stir_fail(err, STIR_E_USAGE, "--%s %s: missing%s%s%s: %s", option->name, option->value,
                         option->env ? " (or set " : "", option->env ? option->env : "", option->env ? ")" : "",
                         option->text);
    }
    return STIR_OK;
}

enum stir_code ctl_options_parse(struct ctl_args *args, const struct ctl_syntax *syntax, int argc, char *const *argv,
                                 struct stir_error *err)
{
    struct parsing p = {.args = args};
    for (size_t i = 0; syntax->groups[i]; i++) {
        parsing_add_group(&p, syntax->groups[i]);
    }
    parsing_add_group(&p, &general);
    args->operand = "-";
    enum stir_code code = parsing_all(&p, syntax, argc, argv, err);
    if (code != STIR_OK || args->help) {
        return code;
    }
    code = parsing_set_defaults(&p, err);
    return code == STIR_OK ? parsing_check_required(&p, syntax, err) : code;
}

void ctl_args_clear(struct ctl_args *args)
{
    struct ctl_list *lists[] = {&args->dest,       &args->key,          &args->to,           &args->crl,
                                &args->crl_url,    &args->x5u_port,     &args->tn,           &args->range,
                                &args->uri,        &args->must_include, &args->must_exclude, &args->permit,
                                &args->list_files, &args->list_urls};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        free(lists[i]->items);
        *lists[i] = (struct ctl_list){0};
    }
}

bool ctl_options_ask_json(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static void help_group(struct stir_buf *out, const struct ctl_group *group)
{
    stir_buf_printf(out, "\n%s:\n", group->title);
    for (size_t i = 0; i < group->count; i++) {
        const struct ctl_option *option = &group->options[i];
        char head[64];
        (void)snprintf(head, sizeof(head), "--%s%s%s", option->name, option->value ? " " : "",
                       option->value ? option->value : "");
        stir_buf_printf(out, "  %-30s %s", head, option->text);
        if (option->type == CTL_LIST) {
            stir_buf_puts(out, "; can be repeated");
        }
        if (option->type == CTL_NUMBER && option->initial) {
            stir_buf_printf(out, " (default: %" PRId64 ")", option->initial);
        }
        if (option->env) {
            stir_buf_printf(out, " [$%s]", option->env);
        }
        stir_buf_puts(out, "\n");
    }
}

void ctl_options_help(struct stir_buf *out, const struct ctl_syntax *syntax)
{
    struct parsing p = {0};
    for (size_t i = 0; syntax->groups[i]; i++) {
        parsing_add_group(&p, syntax->groups[i]);
    }
    stir_buf_printf(out, "usage: cpsctl %s", syntax->name);
    for (size_t i = 0; syntax->required[i]; i++) {
        size_t index = 0;
        if (parsing_find(&p, syntax->required[i], strlen(syntax->required[i]), &index)) {
            stir_buf_printf(out, " --%s %s", p.options[index]->name, p.options[index]->value);
        }
    }
    stir_buf_printf(out, " [option...]%s%s%s\n\n%c%s.\n", syntax->operand ? " [" : "",
                    syntax->operand ? syntax->operand : "", syntax->operand ? "]" : "",
                    toupper((unsigned char)syntax->text[0]), syntax->text + 1);
    if (syntax->details) {
        stir_buf_printf(out, "%s\n", syntax->details);
    }
    for (size_t i = 0; syntax->groups[i]; i++) {
        help_group(out, syntax->groups[i]);
    }
    help_group(out, &general);
}
