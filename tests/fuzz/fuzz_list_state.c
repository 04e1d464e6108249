/* SPDX-License-Identifier: MIT */
/* Saved lists of roots (list_state_dir): the input is the file, a NUL, and list_signer_roots. */
#include "common/base/file.h"
#include "common/cert/trust_list_state.h"
#include "tests/fuzz/must.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz-list-state-XXXXXX";

static void remove_dir(void)
{
    (void)rmdir(dir);
}

static const char *state_dir(void)
{
    static bool made;
    if (!made) {
        MUST(mkdtemp(dir));
        (void)atexit(remove_dir);
        made = true;
    }
    return dir;
}

/* The path of the one file in the directory. */
static void find_file(char path[512])
{
    DIR *handle = opendir(state_dir());
    MUST(handle);
    path[0] = '\0';
    for (const struct dirent *item; (item = readdir(handle));) {
        if (item->d_name[0] != '.') {
            MUST(snprintf(path, 512, "%s/%s", dir, item->d_name) < 512);
        }
    }
    (void)closedir(handle);
    MUST(path[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size ? memchr(text, '\0', size) : NULL;
    size_t n = end ? (size_t)(end - text) : size;
    char path[512];
    struct stir_trust_list list = {0};
    struct stir_error err = {0};
    int64_t sequence = -1;
    const struct stir_trust_list_state state = {.dir = state_dir(),
                                                .name = "https://pa.example/list",
                                                .signer_roots = stir_view(text + n, size - n)};
    /* the name of the file depends on the signer's roots */
    MUST(stir_trust_list_state_save(&state, stir_view("", 0), stir_view("", 0), 1, NOW, NULL) == STIR_OK);
    find_file(path);
    MUST(stir_write_file(path, text, n, 0600, NULL) == STIR_OK);
    enum stir_code code = stir_trust_list_state_load(&list, &sequence, &state, NOW, 604800, &err);
    MUST(sequence >= 0 && code != STIR_E_NOT_FOUND);
    if (code == STIR_OK) {
        MUST(list.roots && list.roots_len > 0 && list.sequence >= sequence && list.exp + 604800 >= NOW);
    } else {
        MUST(!list.roots && strncmp(err.text, path, strlen(path)) == 0);
    }
    stir_trust_list_clear(&list);
    (void)unlink(path);
    return 0;
}
