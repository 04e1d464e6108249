/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A redis-server for one test: on a unix socket in a temporary directory, without persistence, stopped by its pid, and
 * by the system if the test dies.
 */
struct redis_server {
    pid_t pid; /* 0: not running */
    char dir[32];
    char path[64];
};

/* Sends a line and reads the answer, up to `least` octets or the end; text is NUL-terminated. */
static inline void redis_ask(const struct redis_server *server, const char *command, char *text, size_t size,
                             size_t least)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", server->path);
    bool sent = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
                send(fd, command, strlen(command), MSG_NOSIGNAL) == (ssize_t)strlen(command) &&
                send(fd, "\r\n", 2, MSG_NOSIGNAL) == 2;
    while (sent && n < least) {
        ssize_t got = recv(fd, text + n, size - n - 1, 0);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    (void)close(fd);
    text[n] = '\0';
}

/* True if the answer begins as expected. */
static inline bool redis_says(const struct redis_server *server, const char *command, const char *expected)
{
    char text[4096];
    redis_ask(server, command, text, sizeof(text), strlen(expected));
    return strncmp(text, expected, strlen(expected)) == 0;
}

/* Returns the number that a command answers; -1000 if the answer is not a number. */
static inline long redis_number(const struct redis_server *server, const char *command)
{
    char text[64];
    redis_ask(server, command, text, sizeof(text), 4);
    return text[0] == ':' ? strtol(text + 1, NULL, 10) : -1000;
}

static inline void redis_url(const struct redis_server *server, char *out, size_t size)
{
    (void)snprintf(out, size, "redis+unix://%s", server->path);
}

static inline void redis_exec(const struct redis_server *server, const char *const *more)
{
    const char *args[32] = {"redis-server", "--port", "0",     "--unixsocket", server->path, "--save", "",
                            "--appendonly", "no",     "--dir", server->dir,    "--loglevel", "warning"};
    size_t count = 0;
    while (args[count]) {
        count++;
    }
    for (; more && *more && count < 31; more++) {
        args[count++] = *more;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    execvp("redis-server", (char *const *)(uintptr_t)args);
    _exit(127);
}

/* Starts redis-server with these command line options, NULL-terminated, and waits until it answers. */
static inline bool redis_start(struct redis_server *server, const char *const *more)
{
    if (!server->dir[0]) {
        (void)snprintf(server->dir, sizeof(server->dir), "/tmp/redis-XXXXXX");
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(server->dir));
        (void)snprintf(server->path, sizeof(server->path), "%s/s", server->dir);
    }
    server->pid = fork();
    if (server->pid == 0) {
        redis_exec(server, more);
    }
    for (int i = 0; i < 6000; i++) {
        if (redis_says(server, "PING", "+") || redis_says(server, "PING", "-")) {
            return true;
        }
        (void)usleep(10000);
    }
    return UNIT_CHECK(false, "redis-server does not start");
}

static inline void redis_kill(struct redis_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
        (void)unlink(server->path);
        server->pid = 0;
    }
}

static inline void redis_end(struct redis_server *server)
{
    redis_kill(server);
    if (server->dir[0]) {
        (void)rmdir(server->dir);
        server->dir[0] = '\0';
    }
}
