/* SPDX-License-Identifier: MIT */
#include "common/base/log_writer.h"

#include "common/base/log_record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WRITE_MAX STIR_LOG_RECORD_MAX /* PIPE_BUF: poll promises room for this much in a pipe */
#define POLL_MS 100
#define KINDS 32
#define KIND_MAX 48

/* The lines of one kind in the current second. */
struct kind {
    char name[KIND_MAX];
    uint64_t second;
    unsigned logged, left_out; /* in `second` */
    struct stir_log log;       /* the form in which the number of left-out lines is reported */
};

struct stir_log_writer {
    struct stir_log_writer_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled; /* signalled when there is something to write, and at the end */
    struct stir_log form;  /* the form in which dropped lines are reported */
    struct kind kinds[KINDS];
    uint64_t dropped, told_dropped, left_out;
    int fd;       /* the descriptor that the thread writes to */
    int next_fd;  /* the descriptor to write to from now on; usually equal to fd */
    bool summing; /* a kind has lines that were left out */
    bool ending;
    size_t head, len; /* of the ring: first octet, octets */
    char ring[];
};

static uint64_t log_writer_monotonic_s(void *arg)
{
    struct timespec now = {0};
    (void)arg;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- the ring; with the lock held ---- */

static bool log_ring_put(struct stir_log_writer *writer, const char *record, size_t len)
{
    size_t capacity = writer->config.capacity;
    if (len > capacity - writer->len) {
        return false;
    }
    assert(writer->head < capacity && writer->len <= capacity);
    size_t at = (writer->head + writer->len) % capacity, first = len < capacity - at ? len : capacity - at;
    memcpy(writer->ring + at, record, first);
    memcpy(writer->ring, record + first, len - first);
    writer->len += len;
    return true;
}

/* Takes whole lines off the ring, WRITE_MAX octets at most. Returns their length. */
static size_t log_ring_take(struct stir_log_writer *writer, char out[WRITE_MAX])
{
    size_t capacity = writer->config.capacity, n = writer->len < WRITE_MAX ? writer->len : WRITE_MAX;
    size_t first = n < capacity - writer->head ? n : capacity - writer->head;
    memcpy(out, writer->ring + writer->head, first);
    memcpy(out + first, writer->ring, n - first);
    while (n > 0 && out[n - 1] != '\n') {
        n--; /* a record is a line, and no longer than WRITE_MAX */
    }
    assert(n <= writer->len);
    writer->head = (writer->head + n) % capacity;
    writer->len -= n;
    return n;
}

static uint64_t log_count_lines(const char *text, size_t len)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

/* ---- the thread ---- */

static void log_writer_count_dropped(struct stir_log_writer *writer, const char *text, size_t len)
{
    (void)pthread_mutex_lock(&writer->lock);
    writer->dropped += log_count_lines(text, len);
    (void)pthread_mutex_unlock(&writer->lock);
}

/* Writes to the descriptor when it has room. Returns false if, at the end, it took nothing for flush_s seconds. */
static bool log_writer_write(struct stir_log_writer *writer, const char *text, size_t len)
{
    unsigned waited_ms = 0;
    while (len > 0) {
        struct pollfd fd = {.fd = writer->fd, .events = POLLOUT};
        int ready = poll(&fd, 1, POLL_MS);
        (void)pthread_mutex_lock(&writer->lock);
        bool ending = writer->ending;
        (void)pthread_mutex_unlock(&writer->lock);
        if (ready == 0) {
            waited_ms += ending ? POLL_MS : 0;
            if (waited_ms > writer->config.flush_s * 1000) {
                log_writer_count_dropped(writer, text, len);
                return false;
            }
            continue;
        }
        ssize_t n = write(writer->fd, text, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            log_writer_count_dropped(writer, text, len);
            return true; /* the reader is gone or the disk is full: this text is lost, but the next one may succeed */
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Puts a record of the writer's own into the ring, which has room for one; with the lock held. */
STIR_PRINTF(4, 5)
static void log_writer_report(struct stir_log_writer *writer, const struct stir_log *form, enum stir_log_level level,
                              const char *fmt, ...)
{
    char record[STIR_LOG_RECORD_MAX];
    va_list args;
    if (level > form->level) {
        return;
    }
    va_start(args, fmt);
    size_t len = stir_log_record(record, form, level, NULL, 0, fmt, args);
    va_end(args);
    if (!log_ring_put(writer, record, len)) {
        writer->dropped++;
    }
}

/* Reports the lines left out of each kind whose second is over (of every kind at the end); with the lock held. */
static void log_writer_report_left_out(struct stir_log_writer *writer)
{
    uint64_t now = writer->config.now_s(writer->config.arg);
    writer->summing = false;
    for (size_t i = 0; i < KINDS; i++) {
        struct kind *kind = &writer->kinds[i];
        if (kind->left_out && (kind->second != now || writer->ending)) {
            log_writer_report(writer, &kind->log, STIR_LOG_WARNING,
                              "log: %u more lines were left out that begin with: %s", kind->left_out, kind->name);
            kind->left_out = 0;
        }
        writer->summing |= kind->left_out > 0;
    }
}

/* Reports the lines that were dropped since the last report, once the ring has room; with the lock held. */
static void log_writer_report_dropped(struct stir_log_writer *writer)
{
    uint64_t lost = writer->dropped - writer->told_dropped;
    if (lost && writer->form.writer && writer->config.capacity - writer->len > WRITE_MAX) {
        writer->told_dropped = writer->dropped;
        log_writer_report(writer, &writer->form, STIR_LOG_ERROR,
                          "log: %llu lines were dropped: the log's reader or disk is slower than what is logged",
                          (unsigned long long)lost);
    }
}

/* Waits until there is something to do; with the lock held. */
static void log_writer_wait(struct stir_log_writer *writer)
{
    struct timespec until = {0};
    if (writer->len || writer->ending || writer->next_fd != writer->fd) {
        return;
    }
    if (!writer->summing) {
        (void)pthread_cond_wait(&writer->filled, &writer->lock);
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    (void)pthread_cond_timedwait(&writer->filled, &writer->lock, &until);
}

/* Takes the descriptor that stir_log_writer_open left; with the lock held. */
static void log_writer_change_fd(struct stir_log_writer *writer)
{
    if (writer->next_fd != writer->fd) {
        if (writer->fd != writer->config.fd) {
            (void)close(writer->fd);
        }
        writer->fd = writer->next_fd;
    }
}

static void *log_writer_run(void *arg)
{
    struct stir_log_writer *writer = arg;
    char text[WRITE_MAX];
    bool going = true;
    (void)pthread_mutex_lock(&writer->lock);
    while (going) {
        log_writer_wait(writer);
        log_writer_change_fd(writer);
        if (writer->summing) {
            log_writer_report_left_out(writer);
        }
        log_writer_report_dropped(writer);
        size_t n = log_ring_take(writer, text);
        going = n > 0 || !writer->ending;
        (void)pthread_mutex_unlock(&writer->lock);
        going = log_writer_write(writer, text, n) && going;
        (void)pthread_mutex_lock(&writer->lock);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- for the threads that log ---- */

struct stir_log_writer *stir_log_writer_new(const struct stir_log_writer_config *config)
{
    struct stir_log_writer *writer = calloc(1, sizeof(*writer) + config->capacity);
    pthread_condattr_t attr;
    if (!writer || pthread_condattr_init(&attr) != 0) {
        free(writer);
        return NULL;
    }
    writer->config = *config;
    writer->fd = writer->next_fd = config->fd;
    writer->config.now_s = config->now_s ? config->now_s : log_writer_monotonic_s;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->filled, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&writer->thread, NULL, log_writer_run, writer) != 0) {
        (void)pthread_cond_destroy(&writer->filled);
        (void)pthread_mutex_destroy(&writer->lock);
        free(writer);
        return NULL;
    }
    (void)pthread_setname_np(writer->thread, "log-writer");
    return writer;
}

void stir_log_writer_free(struct stir_log_writer *writer)
{
    if (writer) {
        (void)pthread_mutex_lock(&writer->lock);
        writer->ending = true;
        (void)pthread_cond_signal(&writer->filled);
        (void)pthread_mutex_unlock(&writer->lock);
        (void)pthread_join(writer->thread, NULL);
        log_writer_change_fd(writer);
        if (writer->fd != writer->config.fd) {
            (void)close(writer->fd);
        }
        (void)pthread_cond_destroy(&writer->filled);
        (void)pthread_mutex_destroy(&writer->lock);
        free(writer);
    }
}

enum stir_code stir_log_writer_open(struct stir_log_writer *writer, const char *path, struct stir_error *err)
{
    int fd = writer->config.fd;
    if (path[0]) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
        if (fd < 0) {
            return stir_fail(err, STIR_E_IO, "%s: cannot open %s for appending: %s",
                             writer->config.name ? writer->config.name : "[log] file", path, strerror(errno));
        }
    }
    (void)pthread_mutex_lock(&writer->lock);
    if (writer->next_fd != writer->fd && writer->next_fd != writer->config.fd) {
        (void)close(writer->next_fd); /* the thread has not switched to it yet */
    }
    writer->next_fd = fd;
    (void)pthread_cond_signal(&writer->filled);
    (void)pthread_mutex_unlock(&writer->lock);
    return STIR_OK;
}

void stir_log_writer_put(struct stir_log_writer *writer, const char *record, size_t len)
{
    (void)pthread_mutex_lock(&writer->lock);
    if (log_ring_put(writer, record, len)) {
        (void)pthread_cond_signal(&writer->filled);
    } else {
        writer->dropped += log_count_lines(record, len);
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

void stir_log_writer_form(struct stir_log_writer *writer, const struct stir_log *log)
{
    (void)pthread_mutex_lock(&writer->lock);
    writer->form = *log;
    (void)pthread_mutex_unlock(&writer->lock);
}

/* Returns the entry of a kind, or a free one for it; an entry of an earlier second without left-out lines is reused.
 * NULL: all entries are in use. */
static struct kind *log_writer_find_kind(struct stir_log_writer *writer, const char *name, uint64_t now)
{
    struct kind *place = NULL;
    for (size_t i = 0; i < KINDS; i++) {
        struct kind *kind = &writer->kinds[i];
        if (strncmp(kind->name, name, KIND_MAX - 1) == 0) {
            return kind;
        }
        if (!place && (!kind->name[0] || (kind->second != now && !kind->left_out))) {
            place = kind;
        }
    }
    if (place) {
        *place = (struct kind){.second = now};
        memcpy(place->name, name, strnlen(name, KIND_MAX - 1));
    }
    return place;
}

bool stir_log_writer_allows(struct stir_log_writer *writer, const struct stir_log *log, const char *kind, unsigned most)
{
    (void)pthread_mutex_lock(&writer->lock);
    uint64_t now = writer->config.now_s(writer->config.arg);
    struct kind *found = most ? log_writer_find_kind(writer, kind, now) : NULL;
    bool allowed = true;
    if (found) {
        if (found->second != now) {
            found->second = now;
            found->logged = 0; /* left-out lines stay until they are reported */
        }
        allowed = found->logged < most;
        found->logged += allowed ? 1 : 0;
        found->left_out += allowed ? 0 : 1;
        found->log = *log;
        writer->left_out += allowed ? 0 : 1;
    }
    if (!allowed && !writer->summing) {
        writer->summing = true;
        (void)pthread_cond_signal(&writer->filled);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return allowed;
}

uint64_t stir_log_writer_dropped(struct stir_log_writer *writer)
{
    if (!writer) {
        return 0;
    }
    (void)pthread_mutex_lock(&writer->lock);
    uint64_t dropped = writer->dropped;
    (void)pthread_mutex_unlock(&writer->lock);
    return dropped;
}

uint64_t stir_log_writer_left_out(struct stir_log_writer *writer)
{
    if (!writer) {
        return 0;
    }
    (void)pthread_mutex_lock(&writer->lock);
    uint64_t left_out = writer->left_out;
    (void)pthread_mutex_unlock(&writer->lock);
    return left_out;
}
