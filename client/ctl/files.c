/* SPDX-License-Identifier: MIT */
#include "client/ctl/files.h"
#include "common/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *ctl_path(const char *dir, const char *name)
{
    char *path = NULL;
    size_t len = strlen(dir);
    const char *slash = len > 0 && dir[len - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", dir, slash, name) < 0 ? NULL : path;
}

struct stir_buf *ctl_files_add(struct ctl *ctl, struct ctl_files *files, const char *dir, const char *name,
                               unsigned mode)
{
    char *path = dir ? ctl_path(dir, name) : strdup(name);
    if (!path || files->count == CTL_FILES_MAX) {
        free(path);
        (void)ctl_no_memory(ctl);
        return NULL;
    }
    bool existed = access(path, F_OK) == 0;
    if (existed && !ctl->args.force) {
        (void)ctl_usage(ctl, "%s: exists; give --force to overwrite it", path);
        free(path);
        return NULL;
    }
    struct ctl_file *file = &files->items[files->count++];
    *file = (struct ctl_file){.path = path, .mode = mode, .existed = existed};
    return &file->content;
}

enum ctl_exit ctl_files_write(struct ctl *ctl, struct ctl_files *files)
{
    struct stir_error err = {0};
    for (size_t i = 0; i < files->count; i++) {
        const struct ctl_file *file = &files->items[i];
        enum stir_code code = stir_buf_state(&file->content);
        if (code == STIR_OK) {
            code = stir_write_file(file->path, file->content.ptr, file->content.len, file->mode, &err);
        } else {
            (void)stir_fail(&err, code, "%s: %s", file->path, stir_strerror(code));
        }
        if (code == STIR_OK) {
            continue;
        }
        while (i-- > 0) {
            if (!files->items[i].existed) {
                (void)unlink(files->items[i].path);
            }
        }
        return ctl_fail(ctl, &err);
    }
    return CTL_GOOD;
}

void ctl_files_clear(struct ctl_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        stir_buf_cleanse(&files->items[i].content);
    }
    *files = (struct ctl_files){0};
}
