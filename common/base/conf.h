/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/faults.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A program describes its configuration in one typed table. The table is used to read and check the INI file, to tell
 * at reload what has changed, and to print the commented sample file and the section of the manual.
 */
enum stir_conf_type {
    STIR_CONF_INT,      /* int64_t; unit is in the key's name (_ms, _s, _h, bytes); values may have another one (16k) */
    STIR_CONF_BOOL,     /* bool: yes/no/on/off/true/false/1/0 */
    STIR_CONF_STRING,   /* char *, owned; "" by default when the table says so, never NULL */
    STIR_CONF_ENUM,     /* int: index into `choices` */
    STIR_CONF_OBSOLETE, /* char *, owned: any text is accepted and does nothing; see stir_conf_outdated */
    STIR_CONF_RENAMED,  /* char *, owned: the old name of `choices` (section, name); see stir_conf_outdated */
    STIR_CONF_LIST,     /* char *, owned: items separated by white space or commas, given once or on several lines */
};

struct stir_conf_key {
    const char *section;
    const char *name;
    enum stir_conf_type type;
    size_t offset;              /* of the field in the program's configuration struct */
    const char *default_value;  /* in the file's notation */
    int64_t min, max;           /* bounds of an INT; for strings: min 1 means it must not be empty */
    const char *const *choices; /* ENUM: NULL-terminated; RENAMED: section and name of the key that it stands for */
    bool reloadable;            /* takes effect on SIGHUP */
    const char *text;           /* what it does, one or more sentences; becomes the comment in the sample */
};

/* Sets every field to its default. The struct must be zeroed before. STIR_E_NOMEM, STIR_E_CONFIG (a wrong table). */
enum stir_code stir_conf_defaults(void *conf, const struct stir_conf_key *table, size_t count,
                                  struct stir_error *err) STIR_MUST_CHECK;

/* Reads a file on top of what is there. STIR_E_CONFIG names file, line, key, the value's bounds or, for an unknown key
 * or section, the nearest known one; a key given twice is an error (but for LIST). STIR_E_IO. err has the first fault;
 * after any, conf is unchanged. */
enum stir_code stir_conf_load(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              struct stir_error *err) STIR_MUST_CHECK;

/* The same, and records every fault. */
void stir_conf_load_all(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                        struct stir_faults *faults);

/* Sets one key from "section.name" (or "name" where it is unique) and text: command-line overrides. */
enum stir_code stir_conf_set(void *conf, const struct stir_conf_key *table, size_t count, const char *key,
                             const char *value, struct stir_error *err) STIR_MUST_CHECK;

/* Keys given on the command line, "section.key=value", on top of the file; also when it is read again. */
#define STIR_CONF_OVERRIDES_MAX 128
struct stir_conf_overrides {
    const char *text[STIR_CONF_OVERRIDES_MAX]; /* not owned */
    size_t count;
    struct stir_faults *faults; /* NULL, or where all faults are recorded when the configuration is read; not owned */
};

/* Checks what concerns more than one key, and may set fields that are no keys. Records every fault. */
typedef void stir_conf_checker(void *conf, struct stir_faults *faults);

/* Reads a configuration: defaults, then the file at `path` (may be NULL), then the files *.conf of the directory
 * `path`.d in the order of their names, if there is one, then overrides (may be NULL). A later value replaces an
 * earlier one, lists too. Without a fault so far `check` (may be NULL) is called; the path is put before what it finds.
 * The struct must be zeroed before. STIR_E_CONFIG, STIR_E_IO, STIR_E_NOMEM; err has the first fault, overrides->faults
 * has all of this call; then the configuration's strings are cleared, and the rest of it means nothing. */
enum stir_code stir_conf_read(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              const struct stir_conf_overrides *overrides, stir_conf_checker *check,
                              struct stir_error *err) STIR_MUST_CHECK;

void stir_conf_clear(void *conf, const struct stir_conf_key *table, size_t count);

/* Appends the sample file: each key that is not obsolete, commented out at its default, with its text, unit and bounds
 * above it. */
void stir_conf_sample(struct stir_buf *out, const struct stir_conf_key *table, size_t count);

/* Calls `changed` for each key whose value differs between two configurations; reload prints what it says. */
void stir_conf_diff(const void *a, const void *b, const struct stir_conf_key *table, size_t count,
                    void (*changed)(void *arg, const struct stir_conf_key *key), void *arg);

/* Calls `say` with a sentence for each obsolete key that the configuration sets to something and each old name that it
 * uses, which says what to do instead. */
void stir_conf_outdated(const void *conf, const struct stir_conf_key *table, size_t count,
                        void (*say)(void *arg, const char *text), void *arg);

/* Turns a failure of what a configuration names (a file that is missing or no good) into STIR_E_CONFIG, with the text
 * of `code` before the sentence unless that says no more than it. STIR_OK, STIR_E_CONFIG and STIR_E_NOMEM stay. */
enum stir_code stir_conf_fault(struct stir_error *err, enum stir_code code);

/* Puts "[section] name: " before a sentence that begins with a path which the configuration's key has as its value, as
 * an item of its list, or as the directory above: whoever reads it knows what to correct. The name of an option of
 * libcps before the path is left out. err may be NULL. */
void stir_conf_name_key(struct stir_error *err, const void *conf, const struct stir_conf_key *table, size_t count);

/* Iterates a LIST: *pos starts at 0; false at the end. The item is copied into out (cut at cap). */
bool stir_conf_next(const char *list, size_t *pos, char *out, size_t cap);
