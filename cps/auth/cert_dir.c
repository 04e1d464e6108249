/* SPDX-License-Identifier: MIT */
#include "cps/auth/cert_table.h"

#include "common/cert/x5u.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 10000

void cpsd_cert_dir_clear(struct cpsd_cert_dir *dir)
{
    for (size_t i = 0; i < dir->count; i++) {
        free(dir->files[i].name);
        stir_chain_unref(dir->files[i].chain);
        stir_buf_free(&dir->files[i].list);
    }
    free(dir->files);
    *dir = (struct cpsd_cert_dir){0};
}

/* Returns true for a TNAuthList (RFC 8226 section 10.1) as a host would serve it. No certificate parses as one. */
static bool cert_dir_is_tn_list(const struct stir_buf *der)
{
    struct stir_tnauth list = {0};
    bool is_list = stir_tnauth_parse(&list, (const uint8_t *)(der->ptr ? der->ptr : ""), der->len, NULL) == STIR_OK;
    stir_tnauth_clear(&list);
    return is_list;
}

/* Reads a file that has what a host would serve: a certificate chain, or a TNAuthList. */
static enum stir_code cert_dir_read_file(struct cpsd_cert_file *out, const char *path, struct stir_error *err)
{
    struct stir_buf text = {.limit = STIR_CHAIN_FILE_OCTETS};
    enum stir_code code = stir_read_file(&text, path, STIR_CHAIN_FILE_OCTETS, err);
    if (code == STIR_OK && cert_dir_is_tn_list(&text)) {
        out->list = text;
        return STIR_OK;
    }
    if (code == STIR_OK) {
        code = stir_chain_parse(&out->chain, text.ptr ? text.ptr : "", text.len, err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", path);
    }
    stir_buf_free(&text);
    return code;
}

static enum stir_code cert_dir_add_file(struct cpsd_cert_dir *dir, const char *path, const char *name,
                                        struct stir_error *err)
{
    struct cpsd_cert_file file = {.name = NULL};
    if (dir->count == FILES_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "%s: the directory has more than %d files", path, FILES_MAX);
    }
    struct cpsd_cert_file *more = realloc(dir->files, (dir->count + 1) * sizeof(*more));
    if (!more) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for certificates");
    }
    dir->files = more;
    enum stir_code code = cert_dir_read_file(&file, path, err);
    if (code != STIR_OK) {
        return code;
    }
    file.name = strdup(name);
    dir->files[dir->count++] = file;
    return file.name ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory for certificates");
}

static int cert_dir_compare_files(const void *a, const void *b)
{
    return strcmp(((const struct cpsd_cert_file *)a)->name, ((const struct cpsd_cert_file *)b)->name);
}

static int cert_dir_compare_name(const void *name, const void *file)
{
    return strcmp(name, ((const struct cpsd_cert_file *)file)->name);
}

enum stir_code cpsd_cert_dir_read(struct cpsd_cert_dir *out, const char *path, struct stir_error *err)
{
    struct cpsd_cert_dir dir = {0};
    enum stir_code code = STIR_OK;
    DIR *handle = opendir(path);
    if (!handle) {
        return stir_fail(err, STIR_E_IO, "%s: %s", path, strerror(errno));
    }
    for (struct dirent *item; code == STIR_OK && (item = readdir(handle));) {
        /* hidden files, directories and the like are skipped */
        char file[4096];
        struct stat about;
        int n = snprintf(file, sizeof(file), "%s/%s", path, item->d_name);
        if (item->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof(file) || stat(file, &about) != 0 ||
            !S_ISREG(about.st_mode)) {
            continue;
        }
        code = cert_dir_add_file(&dir, file, item->d_name, err);
    }
    (void)closedir(handle);
    if (code != STIR_OK) {
        cpsd_cert_dir_clear(&dir);
        return code;
    }
    if (dir.count) {
        qsort(dir.files, dir.count, sizeof(*dir.files), cert_dir_compare_files);
    }
    *out = dir;
    return STIR_OK;
}

const struct cpsd_cert_file *cpsd_cert_dir_find(const struct cpsd_cert_dir *dir, const char *url)
{
    char hashed[STIR_X5U_HASHED_NAME], plain[256];
    const struct cpsd_cert_file *file = NULL;
    if (dir->count && stir_x5u_hashed_name(hashed, url)) {
        file = bsearch(hashed, dir->files, dir->count, sizeof(*dir->files), cert_dir_compare_name);
    }
    if (dir->count && !file && stir_x5u_plain_name(plain, sizeof(plain), url)) {
        file = bsearch(plain, dir->files, dir->count, sizeof(*dir->files), cert_dir_compare_name);
    }
    return file;
}
