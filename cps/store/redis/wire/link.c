/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/link.h"

#include "common/base/buf.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define READ_OCTETS 65536
#define SEND_EVERY 4 /* requests: Redis begins with these while the loop still queues others */
#define KEEPALIVE_S 30

/* The type in which hiredis passes the number of elements of an array to its callback. */
#if HIREDIS_MAJOR >= 1
typedef size_t array_length_t;
#else
typedef int array_length_t;
#endif

struct cpsd_redis_link {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } to;
    uv_idle_t flush; /* active while octets are queued, so that the loop does not sleep */
    uv_connect_t connect;
    uv_write_t write;
    const struct cpsd_redis_link_events *events;
    void *owner;
    struct stir_buf out;     /* being filled */
    struct stir_buf writing; /* being sent, from `sent` on */
    size_t sent;
    unsigned queued; /* requests in `out` */
    bool busy;       /* `writing` is not sent yet */
    bool connected, lost, closing, secret;
    unsigned handles;
    redisReader *reader;
    redisReplyObjectFunctions build;
    void *(*build_array)(const redisReadTask *task, array_length_t elements);
    char in[READ_OCTETS];
};

static void link_lose(struct cpsd_redis_link *link, const char *why)
{
    if (!link->lost && !link->closing) {
        link->lost = true;
        link->events->lost(link->owner, why);
    }
}

/* Reading. */

/* Without this, hiredis allocates as many elements as an answer claims to have. */
static void *link_bounded_array(const redisReadTask *task, array_length_t elements)
{
    const struct cpsd_redis_link *link = task->privdata;
    return elements <= CPSD_REDIS_ELEMENTS_MAX ? link->build_array(task, elements) : NULL;
}

static bool link_reader_new(struct cpsd_redis_link *link)
{
    link->reader = redisReaderCreate();
    if (!link->reader) {
        return false;
    }
    link->build = *link->reader->fn;
    link->build_array = link->build.createArray;
    link->build.createArray = link_bounded_array;
    link->reader->fn = &link->build;
    link->reader->privdata = link;
    link->reader->maxbuf = (size_t)4 * READ_OCTETS;
    return true;
}

static void link_read_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct cpsd_redis_link *link = handle->data;
    (void)suggested;
    *buf = uv_buf_init(link->in, sizeof(link->in));
}

static void link_take_replies(struct cpsd_redis_link *link)
{
    while (!link->closing && !link->lost) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            link_lose(link, "not a Redis answer");
            return;
        }
        if (!reply) {
            break;
        }
        link->events->replied(link->owner, reply);
        freeReplyObject(reply);
    }
    if (link->reader->len - link->reader->pos > CPSD_REDIS_ANSWER_MAX) {
        link_lose(link, "answer too long");
    }
}

static void link_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct cpsd_redis_link *link = stream->data;
    if (link->closing || n == 0) {
        return;
    }
    if (n < 0) {
        link_lose(link, n == UV_EOF ? "connection closed by the server" : uv_strerror((int)n));
    } else if (redisReaderFeed(link->reader, buf->base, (size_t)n) != REDIS_OK) {
        link_lose(link, "out of memory for an answer");
    } else {
        link_take_replies(link);
    }
}

/* Writing. */

static bool link_can_send(const struct cpsd_redis_link *link)
{
    return !link->closing && !link->lost && !link->busy && link->connected && link->out.len;
}

static void link_send(struct cpsd_redis_link *link);

static void link_all_sent(struct cpsd_redis_link *link)
{
    if (link->secret) {
        OPENSSL_cleanse(link->writing.ptr, link->writing.len);
    }
    link->writing.len = 0;
    link->sent = 0;
    link->busy = false;
}

static void link_on_written(uv_write_t *write, int status)
{
    struct cpsd_redis_link *link = write->data;
    link_all_sent(link);
    if (status) {
        link_lose(link, uv_strerror(status));
    } else {
        link_send(link);
    }
}

static void link_send_rest(struct cpsd_redis_link *link)
{
    uv_buf_t rest = uv_buf_init(link->writing.ptr + link->sent, (unsigned)(link->writing.len - link->sent));
    int status = uv_write(&link->write, &link->to.stream, &rest, 1, link_on_written);
    if (status) {
        link_lose(link, uv_strerror(status));
    }
}

/* Sends the filled buffer and fills the other one meanwhile. */
static void link_send(struct cpsd_redis_link *link)
{
    if (!link_can_send(link)) {
        return;
    }
    struct stir_buf swap = link->writing;
    link->writing = link->out;
    link->out = swap;
    link->queued = 0;
    link->busy = true;
    uv_buf_t all = uv_buf_init(link->writing.ptr, (unsigned)link->writing.len);
    int n = uv_try_write(&link->to.stream, &all, 1);
    if (n < 0 && n != UV_EAGAIN) {
        link_lose(link, uv_strerror(n));
        return;
    }
    link->sent = n > 0 ? (size_t)n : 0;
    if (link->sent == link->writing.len) {
        link_all_sent(link);
    } else {
        link_send_rest(link);
    }
}

/* Sends what it can in the middle of a turn of the loop. Callers that queue do not expect to lose the link, so the
 * rest, and any error, is left to link_on_flush. */
static void link_send_early(struct cpsd_redis_link *link)
{
    uv_buf_t all = uv_buf_init(link->out.ptr, (unsigned)link->out.len);
    link->queued = 0;
    int n = link_can_send(link) ? uv_try_write(&link->to.stream, &all, 1) : 0;
    if (n > 0) {
        link->out.len -= (size_t)n;
        memmove(link->out.ptr, link->out.ptr + n, link->out.len);
    }
}

static void link_on_flush(uv_idle_t *idle)
{
    struct cpsd_redis_link *link = idle->data;
    (void)uv_idle_stop(idle);
    if (!link->closing && !link->lost && link->connected) {
        link->events->flushing(link->owner);
    }
    link_send(link);
    if (!link->out.len) {
        (void)uv_idle_stop(idle);
    }
}

bool cpsd_redis_link_write(struct cpsd_redis_link *link, const void *data, size_t len)
{
    stir_buf_put(&link->out, data, len);
    if (link->out.failed) {
        link->out.failed = false;
        return false;
    }
    if (++link->queued >= SEND_EVERY && !link->secret) {
        link_send_early(link);
    }
    if (link->connected && !link->closing) {
        (void)uv_idle_start(&link->flush, link_on_flush);
    }
    return true;
}

void cpsd_redis_link_secret(struct cpsd_redis_link *link, bool on)
{
    link->secret = on;
}

/* From beginning to end. */

static void link_on_connected(uv_connect_t *connect, int status)
{
    struct cpsd_redis_link *link = connect->data;
    if (link->closing) {
        return;
    }
    if (status == 0) {
        status = uv_read_start(&link->to.stream, link_read_buffer, link_on_read);
    }
    if (status) {
        link_lose(link, uv_strerror(status));
        return;
    }
    link->connected = true;
    link->events->connected(link->owner);
    link_send(link);
}

static void link_free(struct cpsd_redis_link *link)
{
    if (link->reader) {
        redisReaderFree(link->reader);
    }
    stir_buf_cleanse(&link->out);
    stir_buf_cleanse(&link->writing);
    free(link);
}

static void link_on_closed(uv_handle_t *handle)
{
    struct cpsd_redis_link *link = handle->data;
    if (--link->handles == 0) {
        const struct cpsd_redis_link_events *events = link->events;
        void *owner = link->owner;
        link_free(link);
        events->closed(owner);
    }
}

void cpsd_redis_link_close(struct cpsd_redis_link *link)
{
    link->closing = true;
    uv_close(&link->to.handle, link_on_closed);
    uv_close((uv_handle_t *)&link->flush, link_on_closed);
}

/* Reports a failure from the loop: `lost` is never called from within cpsd_redis_link_open. */
static void link_fail_later(uv_idle_t *idle)
{
    struct cpsd_redis_link *link = idle->data;
    (void)uv_idle_stop(idle);
    link_lose(link, "cannot create a socket");
}

static int link_begin_tcp(struct cpsd_redis_link *link, const struct sockaddr *to)
{
    (void)uv_tcp_nodelay(&link->to.tcp, 1);
    (void)uv_tcp_keepalive(&link->to.tcp, 1, KEEPALIVE_S);
    return uv_tcp_connect(&link->connect, &link->to.tcp, to, link_on_connected);
}

struct cpsd_redis_link *cpsd_redis_link_open(uv_loop_t *loop, const struct cpsd_redis_address *address,
                                             const struct sockaddr *to, const struct cpsd_redis_link_events *events,
                                             void *owner)
{
    struct cpsd_redis_link *link = calloc(1, sizeof(*link));
    if (!link || !link_reader_new(link)) {
        free(link);
        return NULL;
    }
    /* after this, memory is freed by link_on_closed, when both handles have closed */
    int status = address->local ? uv_pipe_init(loop, &link->to.pipe, 0) : uv_tcp_init(loop, &link->to.tcp);
    if (status) {
        link_free(link);
        return NULL;
    }
    (void)uv_idle_init(loop, &link->flush);
    link->handles = 2;
    link->events = events;
    link->owner = owner;
    link->out.limit = link->writing.limit = CPSD_REDIS_BACKLOG_MAX;
    link->to.handle.data = link->flush.data = link->connect.data = link->write.data = link;
    /* the result comes in link_on_connected */
    if (address->local) {
        uv_pipe_connect(&link->connect, &link->to.pipe, address->path, link_on_connected);
    } else if (link_begin_tcp(link, to)) {
        (void)uv_idle_start(&link->flush, link_fail_later);
    }
    return link;
}
