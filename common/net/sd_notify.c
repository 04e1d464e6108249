/* SPDX-License-Identifier: MIT */
#include "common/net/sd_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PASSED 3 /* SD_LISTEN_FDS_START */

bool stir_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0]) {
        return true;
    }
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') { /* the abstract name space */
        to.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    size_t len = strlen(state);
    socklen_t to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    bool sent = sendto(fd, state, len, MSG_NOSIGNAL, (struct sockaddr *)&to, to_len) == (ssize_t)len;
    (void)close(fd);
    return sent;
}

bool stir_notify_reloading(void)
{
    struct timespec now;
    char state[64];
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    return stir_notify(state);
}

/* A number from the environment: digits only, at most max. */
static bool notify_read_number(const char *name, uint64_t max, uint64_t *out)
{
    const char *text = getenv(name);
    if (!text || text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || *end || n > max) {
        return false;
    }
    *out = n;
    return true;
}

uint64_t stir_notify_watchdog_ms(void)
{
    uint64_t us = 0, pid = 0;
    if (!notify_read_number("WATCHDOG_USEC", UINT64_MAX / 2, &us) || us == 0) {
        return 0;
    }
    if (getenv("WATCHDOG_PID") && (!notify_read_number("WATCHDOG_PID", INT32_MAX, &pid) || (pid_t)pid != getpid())) {
        return 0;
    }
    return us < 2000 ? 1 : us / 2000;
}

static enum stir_code passed_check(int fd, const char *name, struct stir_error *err)
{
    int type = 0, listens = 0;
    socklen_t len = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) {
        return stir_fail(err, STIR_E_CONFIG, "descriptor %d (%s) that systemd passed is not a stream socket", fd, name);
    }
    len = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens) {
        return stir_fail(err, STIR_E_CONFIG, "descriptor %d (%s) that systemd passed does not listen", fd, name);
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        return stir_fail(err, STIR_E_IO, "descriptor %d (%s): %s", fd, name, strerror(errno));
    }
    return STIR_OK;
}

static void passed_copy_name(char out[32], const char **names)
{
    size_t n = strcspn(*names, ":"), kept = n < 31 ? n : 31;
    memcpy(out, *names, kept);
    out[kept] = '\0';
    *names += (*names)[n] ? n + 1 : n;
}

enum stir_code stir_passed_read(struct stir_passed *out, struct stir_error *err)
{
    uint64_t pid = 0, count = 0;
    const char *names = getenv("LISTEN_FDNAMES");
    struct stir_passed passed = {0};
    enum stir_code code = STIR_OK;
    /* sd_listen_fds(3): the sockets are for this process only if LISTEN_PID says so. */
    if (!notify_read_number("LISTEN_PID", INT32_MAX, &pid) || (pid_t)pid != getpid() || !getenv("LISTEN_FDS")) {
        *out = passed;
        return STIR_OK;
    }
    if (!notify_read_number("LISTEN_FDS", STIR_PASSED_MAX, &count)) {
        return stir_fail(err, STIR_E_CONFIG, "systemd passes more than %d sockets", STIR_PASSED_MAX);
    }
    names = names ? names : "";
    for (; code == STIR_OK && passed.count < count; passed.count++) {
        passed_copy_name(passed.name[passed.count], &names);
        passed.fd[passed.count] = FIRST_PASSED + (int)passed.count;
        code = passed_check(passed.fd[passed.count], passed.name[passed.count], err);
    }
    if (code == STIR_OK) {
        /* Child processes must not take the sockets for theirs. */
        (void)unsetenv("LISTEN_PID");
        (void)unsetenv("LISTEN_FDS");
        (void)unsetenv("LISTEN_FDNAMES");
        *out = passed;
    }
    return code;
}

static size_t passed_find(const struct stir_passed *passed, const char *name)
{
    size_t i = 0;
    while (i < passed->count && (passed->fd[i] < 0 || strcmp(passed->name[i], name) != 0)) {
        i++;
    }
    return i;
}

bool stir_passed_has(const struct stir_passed *passed, const char *name)
{
    return passed_find(passed, name) < passed->count;
}

int stir_passed_take(struct stir_passed *passed, const char *name)
{
    size_t i = passed_find(passed, name);
    if (i == passed->count) {
        return -1;
    }
    int fd = passed->fd[i];
    passed->fd[i] = -1;
    return fd;
}

const char *stir_passed_left(const struct stir_passed *passed)
{
    for (size_t i = 0; i < passed->count; i++) {
        if (passed->fd[i] >= 0) {
            return passed->name[i];
        }
    }
    return NULL;
}
