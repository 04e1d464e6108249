/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"

/*
 * Files that belong together: first all are made in memory, then all are written; if one cannot be, those that were
 * new are taken away again. Contents are overwritten when cleared: they may be keys.
 */
#define CTL_FILES_MAX 16

struct ctl_files {
    struct ctl_file {
        char *path;
        struct stir_buf content;
        unsigned mode;
        bool existed;
    } items[CTL_FILES_MAX];
    size_t count;
};

/* A new file DIR/NAME; its content is to be put. NULL, with the failure in ctl, if it exists and --force was not given,
 * or out of memory. dir NULL: name is the whole path. */
struct stir_buf *ctl_files_add(struct ctl *ctl, struct ctl_files *files, const char *dir, const char *name,
                               unsigned mode);
enum ctl_exit ctl_files_write(struct ctl *ctl, struct ctl_files *files);
void ctl_files_clear(struct ctl_files *files);

/* "dir/name", freed with free(); NULL if out of memory. */
char *ctl_path(const char *dir, const char *name);
