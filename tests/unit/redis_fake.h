/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * A fake Redis that accepts the first commands of a connection and then gives each request the same answer. It serves
 * one connection at a time, on a unix socket, in a thread of its own.
 */
struct redis_fake {
    const char *greeting; /* answers to the first commands; NULL: good ones */
    const char *answer;   /* to each request */
    size_t answer_len;
    bool fresh;       /* `answer` is also for a put without a script; otherwise that one is told that the box exists */
    bool hang_up;     /* after an answer */
    const char *exec; /* NULL, or the answer to such a put */
    _Atomic unsigned *execs; /* NULL, or the counter of such puts */
    int listener, stop[2];
    pthread_t thread;
    char dir[32], path[64];
};

#define FAKE_SHA "$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"
/* and its settings */
#define FAKE_ROLE "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n-NOPERM no\r\n*0\r\n-ERR unknown command\r\n:-2\r\n"
#define FAKE_GREETING                                                                                                  \
    FAKE_ROLE FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA FAKE_SHA       \
        FAKE_SHA

/* Reads a request; false at the end of the connection or when the server shall stop. */
static inline bool fake_read(const struct redis_fake *fake, int fd, char *text, size_t size, size_t *n)
{
    struct pollfd polls[2] = {{.fd = fd, .events = POLLIN}, {.fd = fake->stop[0], .events = POLLIN}};
    (void)poll(polls, 2, -1);
    if (polls[1].revents) {
        return false;
    }
    ssize_t got = recv(fd, text + *n, size - *n - 1, 0);
    if (got <= 0) {
        return false;
    }
    *n += (size_t)got;
    text[*n] = '\0';
    return true;
}

static inline bool fake_send(int fd, const char *text, size_t n)
{
    return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* The last of the first commands loads the last script, whose text ends like this. */
static inline bool fake_greeted(const char *text)
{
    static const char end[] = "+ 1))\n"
                              "return {0, now}\n\r\n";
    return strstr(text, end) != NULL;
}

static inline void fake_serve(const struct redis_fake *fake, int fd)
{
    char text[131072] = "";
    size_t n = 0;
    const char *greeting = fake->greeting ? fake->greeting : FAKE_GREETING;
    while (!fake_greeted(text)) {
        if (!fake_read(fake, fd, text, sizeof(text), &n)) {
            return;
        }
    }
    static const char there[] = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:0\r\n:0\r\n:0\r\n";
    const char *exec = fake->exec ? fake->exec : there;
    bool on = fake_send(fd, greeting, strlen(greeting));
    for (n = 0; on && fake_read(fake, fd, text, sizeof(text), &n);) {
        bool made = memmem(text, n, "EXEC\r\n", 6) != NULL;
        if (made && !fake->fresh) {
            on = fake_send(fd, exec, strlen(exec));
            if (fake->execs) {
                *fake->execs += 1;
            }
            n = 0;
        } else if (made || memmem(text, n, "EVALSHA", 7) || memmem(text, n, "HMGET", 5)) {
            on = fake_send(fd, fake->answer, fake->answer_len) && !fake->hang_up;
            n = 0;
        }
    }
}

static inline void *fake_run(void *arg)
{
    const struct redis_fake *fake = arg;
    for (;;) {
        struct pollfd polls[2] = {{.fd = fake->listener, .events = POLLIN}, {.fd = fake->stop[0], .events = POLLIN}};
        (void)poll(polls, 2, -1);
        if (polls[1].revents) {
            return NULL;
        }
        int fd = accept(fake->listener, NULL, NULL);
        if (fd >= 0) {
            fake_serve(fake, fd);
            (void)close(fd);
        }
    }
}

static inline void fake_start(struct redis_fake *fake)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(fake->dir, sizeof(fake->dir), "/tmp/fake-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fake->dir));
    (void)snprintf(fake->path, sizeof(fake->path), "%s/s", fake->dir);
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(bind(fake->listener, (struct sockaddr *)&at, sizeof(at)) == 0);
    CU_ASSERT_FATAL(listen(fake->listener, 16) == 0 && pipe(fake->stop) == 0);
    CU_ASSERT_FATAL(pthread_create(&fake->thread, NULL, fake_run, fake) == 0);
}

static inline void fake_stop(struct redis_fake *fake)
{
    CU_ASSERT(write(fake->stop[1], "x", 1) == 1);
    (void)pthread_join(fake->thread, NULL);
    (void)close(fake->listener);
    (void)close(fake->stop[0]);
    (void)close(fake->stop[1]);
    (void)unlink(fake->path);
    (void)rmdir(fake->dir);
}
