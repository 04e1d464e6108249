#pragma once

#include "common/buf.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One typed table a program is its configuration: it parses and checks the INI file, tells at reload what changed,
 * prints the commented sample file and the manual's section. Files are read with inih.
 */
enum stir_conf_type {
    STIR_CONF_INT,    /* int64_t; unit is in the key's name (_ms, _s, _bytes) */
    STIR_CONF_BOOL,   /* bool: yes/no/on/off/true/false/1/0 */
    STIR_CONF_STRING, /* char *, owned; "" by default when the table says so, never NULL */
    STIR_CONF_ENUM,   /* int: index into `choices` */
    STIR_CONF_LIST,   /* char *, owned: items separated by white space or commas, given once or on several lines */
};

struct stir_conf_key {
    const char *section;
    const char *name;
    enum stir_conf_type type;
    size_t offset;              /* of the field in the program's configuration struct */
    const char *default_value;  /* in the file's notation */
    int64_t min, max;           /* bounds of an INT; for strings: min 1 means it must not be empty */
    const char *const *choices; /* ENUM: NULL-terminated */
    bool reloadable;            /* takes effect on SIGHUP */
    const char *text;           /* what it does, one or more sentences; becomes the comment in the sample */
};

/* Sets every field to its default. The struct must be zeroed before. STIR_E_NOMEM, STIR_E_CONFIG (a wrong table). */
enum stir_code stir_conf_defaults(void *conf, const struct stir_conf_key *table, size_t count,
                                  struct stir_error *err) STIR_MUST_CHECK;

/* Reads a file on top of what is there. STIR_E_CONFIG names file, line, key, the value's bounds or, for an unknown key
 * or section, the nearest known one; a key given twice is an error (but for LIST). STIR_E_IO. */
enum stir_code stir_conf_load(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Sets one key from "section.name" (or "name" where it is unique) and text: command-line overrides. */
enum stir_code stir_conf_set(void *conf, const struct stir_conf_key *table, size_t count, const char *key,
                             const char *value, struct stir_error *err) STIR_MUST_CHECK;

/* Keys given on the command line, "section.key=value", on top of the file; also when it is read again. */
#define STIR_CONF_OVERRIDES_MAX 128
struct stir_conf_overrides {
    const char *text[STIR_CONF_OVERRIDES_MAX]; /* not owned */
    size_t count;
};

/* Checks what concerns more than one key, and may set fields that are no keys. */
typedef enum stir_code stir_conf_checker(void *conf, struct stir_error *err);

/* Defaults, then the file at `path` (may be NULL), then overrides (may be NULL), then `check` (may be NULL), before
 * whose error text the path is put. The struct must be zeroed before. STIR_E_CONFIG, STIR_E_IO, STIR_E_NOMEM; then its
 * strings are cleared, and the rest of it means nothing. */
enum stir_code stir_conf_read(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              const struct stir_conf_overrides *overrides, stir_conf_checker *check,
                              struct stir_error *err) STIR_MUST_CHECK;

void stir_conf_clear(void *conf, const struct stir_conf_key *table, size_t count);

/* Appends the sample file: each key commented out at its default, with its text, unit and bounds above it. */
void stir_conf_sample(struct stir_buf *out, const struct stir_conf_key *table, size_t count);

/* Calls `changed` for each key whose value differs between two configurations; reload prints what it says. */
void stir_conf_diff(const void *a, const void *b, const struct stir_conf_key *table, size_t count,
                    void (*changed)(void *arg, const struct stir_conf_key *key), void *arg);

/* Iterates a LIST: *pos starts at 0; false at the end. The item is copied into out (cut at cap). */
bool stir_conf_next(const char *list, size_t *pos, char *out, size_t cap);
