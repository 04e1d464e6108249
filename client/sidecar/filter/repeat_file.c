/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/repeat_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SLOTS = 1 << 17, /* for messages without an answer, repeatable ones and those being judged, with spare room */
    PROBES = 64,     /* slots that are examined to find a free one */
};

struct head {
    char magic[16];
    uint32_t slot_size;
    uint32_t slots;
};

struct layout {
    struct head head;
    int64_t used_s; /* when a process last worked with it */
    struct sc_repeat_slot slots[SLOTS];
};

struct sc_repeat_file {
    int fd;
    struct layout *map;
    size_t next;
};

static const struct head expected = {"stir-cps repeat", sizeof(struct sc_repeat_slot), SLOTS};

/* Prepares a new file, or checks that it is ours. All its octets are allocated, so that no store can hit a full
 * disk. */
static enum stir_code repeat_file_prepare(int fd, const char *path, struct stir_error *err)
{
    struct stat st;
    struct head head = {0};
    /* two processes would overwrite each other's notes */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return stir_fail(err, errno == EWOULDBLOCK ? STIR_E_CONFIG : STIR_E_IO, "[repeat] file: cannot lock %s: %s",
                         path,
                         errno == EWOULDBLOCK ? "another process uses it; give each cps-smpp its own file"
                                              : strerror(errno));
    }
    if (fstat(fd, &st) != 0) {
        return stir_fail(err, STIR_E_IO, "[repeat] file: cannot read %s: %s", path, strerror(errno));
    }
    /* a file that is not empty must be one of ours, or we would overwrite somebody's data */
    bool is_new = st.st_size == 0;
    if (!is_new &&
        (st.st_size != (off_t)sizeof(struct layout) || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
         memcmp(&head, &expected, sizeof(head)) != 0)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "[repeat] file: %s was not written by this version of cps-smpp; remove it or configure "
                         "another file",
                         path);
    }
    /* allocated now: a store to a mapped page without disk space would kill the process with SIGBUS */
    int failed = posix_fallocate(fd, 0, (off_t)sizeof(struct layout));
    if (!failed && is_new && pwrite(fd, &expected, sizeof(expected), 0) != (ssize_t)sizeof(expected)) {
        failed = errno;
    }
    if (failed && is_new) {
        (void)!ftruncate(fd, 0);
    }
    return failed ? stir_fail(err, STIR_E_IO, "[repeat] file: cannot extend %s to %zu octets: %s", path,
                              sizeof(struct layout), strerror(failed))
                  : STIR_OK;
}

enum stir_code sc_repeat_file_open(struct sc_repeat_file **out, const char *path, struct stir_error *err)
{
    struct sc_repeat_file *file = calloc(1, sizeof(*file));
    if (!file) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    /* O_NOFOLLOW: the directory may be writable by others, who could plant a link */
    file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (file->fd < 0) {
        free(file);
        return stir_fail(err, STIR_E_IO, "[repeat] file: cannot open %s: %s", path, strerror(errno));
    }
    enum stir_code code = repeat_file_prepare(file->fd, path, err);
    /* mapped as shared, so that the kernel keeps every store even if the process is killed */
    void *map = MAP_FAILED;
    if (code == STIR_OK) {
        map = mmap(NULL, sizeof(struct layout), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file->fd, 0);
        if (map == MAP_FAILED) {
            code = stir_fail(err, STIR_E_IO, "[repeat] file: cannot map %s: %s", path, strerror(errno));
        }
    }
    if (code != STIR_OK) {
        (void)close(file->fd);
        free(file);
        return code;
    }
    file->map = map;
    *out = file;
    return STIR_OK;
}

void sc_repeat_file_close(struct sc_repeat_file *file)
{
    if (file) {
        (void)munmap(file->map, sizeof(struct layout));
        (void)close(file->fd);
        free(file);
    }
}

static bool repeat_slot_is_sound(const struct sc_repeat_slot *slot)
{
    return slot->state >= SC_REPEAT_JUDGED && slot->state <= SC_REPEAT_UNREAD &&
           memchr(slot->signer, '\0', sizeof(slot->signer)) && memchr(slot->ppt, '\0', sizeof(slot->ppt)) &&
           memchr(slot->attest, '\0', sizeof(slot->attest));
}

void sc_repeat_file_set_used(struct sc_repeat_file *file, int64_t now_s)
{
    file->map->used_s = now_s;
}

int64_t sc_repeat_file_used(const struct sc_repeat_file *file)
{
    return file->map->used_s;
}

void sc_repeat_file_each(struct sc_repeat_file *file, bool (*take)(void *arg, struct sc_repeat_slot *slot), void *arg)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct sc_repeat_slot *slot = &file->map->slots[i];
        if (slot->state != SC_REPEAT_FREE && !(repeat_slot_is_sound(slot) && take(arg, slot))) {
            sc_repeat_slot_free(slot);
        }
    }
}

struct sc_repeat_slot *sc_repeat_file_take(struct sc_repeat_file *file)
{
    for (unsigned i = 0; i < PROBES; i++) {
        struct sc_repeat_slot *slot = &file->map->slots[file->next++ % SLOTS];
        if (slot->state == SC_REPEAT_FREE) {
            return slot;
        }
    }
    return NULL;
}

void sc_repeat_slot_free(struct sc_repeat_slot *slot)
{
    if (slot) {
        slot->state = SC_REPEAT_FREE;
        atomic_signal_fence(memory_order_seq_cst);
    }
}
