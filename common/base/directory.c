/* SPDX-License-Identifier: MIT */
#include "common/base/directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int directory_entry_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Compares octets, so that the order does not depend on the locale. */
static int directory_compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum stir_code stir_directory_each(const char *dir,
                                   enum stir_code (*take)(void *arg, const char *path, const char *name,
                                                          struct stir_error *err),
                                   void *arg, struct stir_error *err)
{
    struct dirent **entries = NULL;
    enum stir_code code = STIR_OK;
    int count = scandir(dir, &entries, directory_entry_visible, directory_compare_names);
    if (count < 0) {
        return errno == ENOMEM ? stir_fail(err, STIR_E_NOMEM, "out of memory")
                               : stir_fail(err, STIR_E_IO, "%s: %s", dir, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        struct stat st;
        char *path = NULL;
        if (code != STIR_OK) {
            /* after a failure, entries are only freed */
        } else if (asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0) {
            path = NULL;
            code = stir_fail(err, STIR_E_NOMEM, "out of memory");
        } else if (stat(path, &st) != 0) {
            code = stir_fail(err, STIR_E_IO, "%s: %s", path, strerror(errno));
        } else if (S_ISREG(st.st_mode)) {
            code = take(arg, path, entries[i]->d_name, err);
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return code;
}
