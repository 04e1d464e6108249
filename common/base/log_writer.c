#include "common/base/log_writer.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WRITE_MAX 4096 /* PIPE_BUF: poll promises room for so much in a pipe, and writes do not mix */
#define POLL_MS 100
#define KINDS 32
#define KIND_MAX 48

/* Lines of one kind. */
struct kind {
    char name[KIND_MAX];
    uint64_t second;
    unsigned logged, left_out; /* in that second */
    struct stir_log log;       /* how the sum is logged */
};

struct stir_log_writer {
    struct stir_log_writer_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled; /* there is something to write, or the end */
    struct stir_log form;  /* how a loss is told */
    struct kind kinds[KINDS];
    uint64_t dropped, told_dropped, left_out;
    int fd;       /* where the thread writes */
    int next_fd;  /* where it is to write from now on; equal to fd as a rule */
    bool summing; /* a kind has lines that were left out */
    bool ending;
    size_t head, len; /* of the ring: first octet, octets */
    char ring[];
};

static uint64_t monotonic_s(void *arg)
{
    struct timespec now = {0};
    (void)arg;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- the ring; with the lock held ---- */

static bool ring_put(struct stir_log_writer *writer, const char *record, size_t len)
{
    size_t capacity = writer->config.capacity;
    if (len > capacity - writer->len) {
        return false;
    }
    size_t at = (writer->head + writer->len) % capacity, first = len < capacity - at ? len : capacity - at;
    memcpy(writer->ring + at, record, first);
    memcpy(writer->ring, record + first, len - first);
    writer->len += len;
    return true;
}

/* Takes whole lines off the ring, WRITE_MAX octets at most. Returns their length. */
static size_t ring_take(struct stir_log_writer *writer, char out[WRITE_MAX])
{
    size_t capacity = writer->config.capacity, n = writer->len < WRITE_MAX ? writer->len : WRITE_MAX;
    size_t first = n < capacity - writer->head ? n : capacity - writer->head;
    memcpy(out, writer->ring + writer->head, first);
    memcpy(out + first, writer->ring, n - first);
    while (n > 0 && out[n - 1] != '\n') {
        n--; /* a record is a line, and no longer than WRITE_MAX */
    }
    writer->head = (writer->head + n) % capacity;
    writer->len -= n;
    return n;
}

static uint64_t count_lines(const char *text, size_t len)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

/* ---- the thread ---- */

static void count_dropped(struct stir_log_writer *writer, const char *text, size_t len)
{
    (void)pthread_mutex_lock(&writer->lock);
    writer->dropped += count_lines(text, len);
    (void)pthread_mutex_unlock(&writer->lock);
}

/* Writes to the descriptor when it has room. False: it took nothing for too long at the end. */
static bool write_out(struct stir_log_writer *writer, const char *text, size_t len)
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
                count_dropped(writer, text, len);
                return false;
            }
            continue;
        }
        ssize_t n = write(writer->fd, text, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            count_dropped(writer, text, len);
            return true; /* the reader is gone, or the disk is full: this text is lost, the next one may not be */
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Logs what was left out of kinds whose second is over (all of them at the end), and what was dropped since it was last
 * told. Called with the lock held, which is given up meanwhile. */
static void tell_sums(struct stir_log_writer *writer)
{
    uint64_t now = writer->config.now_s(writer->config.arg);
    writer->summing = false;
    for (size_t i = 0; i < KINDS; i++) {
        struct kind *kind = &writer->kinds[i];
        if (kind->left_out && (kind->second != now || writer->ending)) {
            struct kind copy = *kind;
            kind->left_out = 0;
            (void)pthread_mutex_unlock(&writer->lock);
            stir_log_plain(&copy.log, STIR_LOG_WARNING, "log: %u more lines were left out that begin with: %s",
                           copy.left_out, copy.name);
            (void)pthread_mutex_lock(&writer->lock);
        }
        writer->summing |= kind->left_out > 0;
    }
}

static void tell_dropped(struct stir_log_writer *writer)
{
    uint64_t lost = writer->dropped - writer->told_dropped;
    struct stir_log form = writer->form;
    if (lost && form.writer && writer->config.capacity - writer->len > WRITE_MAX) {
        writer->told_dropped = writer->dropped;
        (void)pthread_mutex_unlock(&writer->lock);
        stir_log_plain(&form, STIR_LOG_ERROR,
                       "log: %llu lines were dropped: the log's reader or disk is slower than what is logged",
                       (unsigned long long)lost);
        (void)pthread_mutex_lock(&writer->lock);
    }
}

/* Waits until there is something to do; with the lock held. */
static void wait_for_work(struct stir_log_writer *writer)
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
static void change_descriptor(struct stir_log_writer *writer)
{
    if (writer->next_fd != writer->fd) {
        if (writer->fd != writer->config.fd) {
            (void)close(writer->fd);
        }
        writer->fd = writer->next_fd;
    }
}

static void *run(void *arg)
{
    struct stir_log_writer *writer = arg;
    char text[WRITE_MAX];
    bool going = true;
    (void)pthread_mutex_lock(&writer->lock);
    while (going) {
        wait_for_work(writer);
        change_descriptor(writer);
        if (writer->summing) {
            tell_sums(writer);
        }
        tell_dropped(writer);
        size_t n = ring_take(writer, text);
        going = n > 0 || !writer->ending;
        (void)pthread_mutex_unlock(&writer->lock);
        going = write_out(writer, text, n) && going;
        (void)pthread_mutex_lock(&writer->lock);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- for those who log ---- */

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
    writer->config.now_s = config->now_s ? config->now_s : monotonic_s;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->filled, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&writer->thread, NULL, run, writer) != 0) {
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
        change_descriptor(writer);
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
        (void)close(writer->next_fd); /* the thread has not taken the one before */
    }
    writer->next_fd = fd;
    (void)pthread_cond_signal(&writer->filled);
    (void)pthread_mutex_unlock(&writer->lock);
    return STIR_OK;
}

void stir_log_writer_put(struct stir_log_writer *writer, const char *record, size_t len)
{
    (void)pthread_mutex_lock(&writer->lock);
    if (ring_put(writer, record, len)) {
        (void)pthread_cond_signal(&writer->filled);
    } else {
        writer->dropped += count_lines(record, len);
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

void stir_log_writer_form(struct stir_log_writer *writer, const struct stir_log *log)
{
    (void)pthread_mutex_lock(&writer->lock);
    writer->form = *log;
    (void)pthread_mutex_unlock(&writer->lock);
}

/* The place of a kind, or a free one; a kind without left-out lines of an earlier second makes room. NULL: none. */
static struct kind *find_kind(struct stir_log_writer *writer, const char *name, uint64_t now)
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
    struct kind *found = most ? find_kind(writer, kind, now) : NULL;
    bool allowed = true;
    if (found) {
        if (found->second != now) {
            found->second = now;
            found->logged = 0; /* what was left out stays until it is told */
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
