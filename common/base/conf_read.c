/* SPDX-License-Identifier: MIT */
#include "common/base/conf.h"
#include "common/base/directory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_OCTETS 4096
#define FILES_MAX 100 /* of a directory */

enum stir_code stir_conf_fault(struct stir_error *err, enum stir_code code)
{
    if (code == STIR_OK || code == STIR_E_CONFIG || code == STIR_E_NOMEM) {
        return code;
    }
    if (code == STIR_E_IO) { /* the sentence names the file and says what is wrong with it */
        if (err) {
            err->code = STIR_E_CONFIG;
        }
        return STIR_E_CONFIG;
    }
    return stir_fail_prefix(err, STIR_E_CONFIG, "%s", stir_strerror(code));
}

static enum stir_code conf_apply_override(void *conf, const struct stir_conf_key *table, size_t count, const char *text,
                                          struct stir_error *err)
{
    char key[128];
    const char *equals = strchr(text, '=');
    if (!equals || (size_t)(equals - text) >= sizeof(key)) {
        return stir_fail(err, STIR_E_CONFIG, "-o %s: not section.key=value", text);
    }
    memcpy(key, text, (size_t)(equals - text));
    key[equals - text] = '\0';
    return stir_conf_set(conf, table, count, key, equals + 1, err);
}

struct reading {
    void *conf;
    const struct stir_conf_key *table;
    size_t count;
    size_t files;
    struct stir_faults *faults;
};

static enum stir_code conf_take_file(void *arg, const char *path, const char *name, struct stir_error *err)
{
    struct reading *reading = arg;
    size_t n = strlen(name);
    if (n < 6 || strcmp(name + n - 5, ".conf") != 0) {
        return STIR_OK;
    }
    if (reading->files++ == FILES_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "%s: the directory has more than %d files", path, FILES_MAX);
    }
    stir_conf_load_all(reading->conf, reading->table, reading->count, path, reading->faults);
    return STIR_OK;
}

/* Reads the files of `path`.d, if there is such a directory. */
static void conf_load_directory(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                                struct stir_faults *faults)
{
    struct reading reading = {.conf = conf, .table = table, .count = count, .faults = faults};
    struct stir_error err = {0};
    char directory[PATH_OCTETS];
    int n = snprintf(directory, sizeof(directory), "%s.d", path);
    if (n > 0 && (size_t)n < sizeof(directory) && access(directory, F_OK) == 0) {
        stir_faults_take(faults, stir_directory_each(directory, conf_take_file, &reading, &err), &err);
    }
}

static void conf_read_all(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                          const struct stir_conf_overrides *overrides, struct stir_faults *faults)
{
    struct stir_error err = {0};
    stir_faults_take(faults, stir_conf_defaults(conf, table, count, &err), &err);
    if (!faults->count && path) {
        stir_conf_load_all(conf, table, count, path, faults);
        conf_load_directory(conf, table, count, path, faults);
    }
    for (size_t i = 0; overrides && i < overrides->count; i++) {
        stir_faults_take(faults, conf_apply_override(conf, table, count, overrides->text[i], &err), &err);
    }
}

enum stir_code stir_conf_read(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              const struct stir_conf_overrides *overrides, stir_conf_checker *check,
                              struct stir_error *err)
{
    struct stir_faults own = {0};
    struct stir_faults *faults = overrides && overrides->faults ? overrides->faults : &own;
    stir_faults_clear(faults);
    conf_read_all(conf, table, count, path, overrides, faults);
    if (!faults->count && check) {
        faults->prefix = path;
        check(conf, faults);
        faults->prefix = NULL;
    }
    enum stir_code code = stir_faults_code(faults, err);
    if (code != STIR_OK) {
        stir_conf_clear(conf, table, count);
    }
    stir_faults_clear(&own);
    return code;
}
