/* SPDX-License-Identifier: MIT */
#include "common/base/file_access.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_OCTETS 4096

static bool file_access_allowed(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* Writes the name of the process's account, or its number, for an error text. */
static const char *file_access_account(char out[64])
{
    struct passwd entry, *found = NULL;
    char room[1024];
    uid_t uid = geteuid();
    bool named = getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found;
    if (named) {
        (void)snprintf(out, 64, "%s", entry.pw_name);
    } else {
        (void)snprintf(out, 64, "%u", (unsigned)uid);
    }
    return out;
}

static void file_access_refuse(struct stir_faults *faults, const char *name, const char *path, const char *what,
                               int error, const char *advice)
{
    char who[64];
    stir_faults_add(faults, STIR_E_CONFIG, "%s: account %s cannot %s %s: %s; %s", name, file_access_account(who), what,
                    path, strerror(error), advice);
}

/* Writes the directory part of a path. */
static void file_access_parent(char out[PATH_OCTETS], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    n = n < PATH_OCTETS ? n : PATH_OCTETS - 1;
    memcpy(out, slash ? path : ".", n);
    out[n] = '\0';
}

void stir_path_check_directory(struct stir_faults *faults, const char *name, const char *path)
{
    struct stat st;
    if (!path[0]) {
        return;
    }
    if (stat(path, &st) != 0) {
        file_access_refuse(faults, name, path, "use the directory", errno, "create it and give it to the account");
    } else if (!S_ISDIR(st.st_mode)) {
        file_access_refuse(faults, name, path, "use the directory", ENOTDIR, "name a directory");
    } else if (!file_access_allowed(path, W_OK | X_OK)) {
        file_access_refuse(faults, name, path, "make files in", errno, "give it to the account");
    }
}

static void file_access_check(struct stir_faults *faults, const char *name, const char *path, int mode)
{
    struct stat st;
    char directory[PATH_OCTETS];
    file_access_parent(directory, path);
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            file_access_refuse(faults, name, path, "write", EISDIR, "name a file");
        } else if (!file_access_allowed(path, mode)) {
            file_access_refuse(faults, name, path, "write", errno, "give it to the account");
        }
    } else if (errno == ENOENT) {
        stir_path_check_directory(faults, name, directory);
    } else {
        file_access_refuse(faults, name, path, "reach", errno, "give its directories to the account");
    }
}

void stir_path_check_append(struct stir_faults *faults, const char *name, const char *path)
{
    if (path[0]) {
        file_access_check(faults, name, path, W_OK);
    }
}

void stir_path_check_database(struct stir_faults *faults, const char *name, const char *path)
{
    struct stat st;
    char directory[PATH_OCTETS];
    if (!path[0]) {
        return;
    }
    file_access_check(faults, name, path, R_OK | W_OK);
    if (stat(path, &st) == 0) {
        file_access_parent(directory, path);
        stir_path_check_directory(faults, name, directory); /* for the journal beside it */
    }
}

void stir_path_check_readable(struct stir_faults *faults, const char *name, const char *path)
{
    struct stat st;
    if (!path[0]) {
        return;
    }
    bool there = stat(path, &st) == 0;
    if (!there || !file_access_allowed(path, S_ISDIR(st.st_mode) ? X_OK : R_OK)) {
        file_access_refuse(faults, name, path, "read", errno,
                           there ? "give the account read permission" : "correct the path");
    }
}

void stir_path_check_secret(struct stir_faults *faults, const char *name, const char *path)
{
    struct stat st;
    if (path[0] && strncmp(path, "pkcs11:", 7) != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_mode & (S_IROTH | S_IWOTH))) {
        stir_faults_add(faults, STIR_E_CONFIG,
                        "%s: every account can %s the secret file %s (mode %04o): chmod o= it, or set [keys] "
                        "allow_readable = yes",
                        name, st.st_mode & S_IWOTH ? "change" : "read", path, (unsigned)(st.st_mode & 07777));
    }
}
