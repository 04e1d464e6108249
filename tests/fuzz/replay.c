/* SPDX-License-Identifier: MIT */
/* Stands in for libFuzzer: runs the target over files and directories given as arguments, so that every corpus file is
 * a plain test too. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    size_t cap = 1 << 20;
    uint8_t *data = malloc(cap);
    size_t n = data ? fread(data, 1, cap, f) : 0;
    fclose(f);
    /* an exact copy, so that a sanitizer sees a read past the end */
    uint8_t *exact = data ? malloc(n ? n : 1) : NULL;
    for (size_t i = 0; exact && i < n; i++) {
        exact[i] = data[i];
    }
    free(data);
    if (!exact) {
        return -1;
    }
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 1;
}

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        return replay_file(path);
    }
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return -1;
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        int one = replay(name);
        if (one < 0) {
            count = -1;
            break;
        }
        count += one;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int one = replay(argv[i]);
        if (one < 0) {
            return 1;
        }
        total += one;
    }
    printf("%s: %d inputs\n", argv[0], total);
    return total > 0 ? 0 : 1;
}
