/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/link_internal.h"

#include <stdlib.h>

enum {
    READ_MAX = 65536,
    KEEP_MAX = 16384, /* octets of capacity that an empty buffer keeps */
};

static void link_flush(struct sc_link *link);

/* ---- the loop ---- */

static void flow_flush_all(struct sc_flow *flow)
{
    while (flow->dirty) {
        struct sc_link *link = flow->dirty;
        flow->dirty = link->next_dirty;
        link->dirty = false;
        link_flush(link);
    }
}

/* Runs after input was read and before the loop may sleep. */
static void flow_take_turn(struct sc_flow *flow)
{
    while (flow->turn(flow->turn_arg) || flow->dirty) {
        flow_flush_all(flow);
    }
}

static void flow_on_prepare(uv_prepare_t *handle)
{
    flow_take_turn(handle->data);
}

static void flow_on_check(uv_check_t *handle)
{
    flow_take_turn(handle->data);
}

enum stir_code sc_flow_open(struct sc_flow *flow, uv_loop_t *loop, struct stir_error *err)
{
    flow->loop = loop;
    flow->in = malloc(READ_MAX);
    if (!flow->in) {
        return stir_fail(err, STIR_E_NOMEM, "buffer");
    }
    (void)uv_prepare_init(loop, &flow->prepare);
    (void)uv_check_init(loop, &flow->check);
    flow->prepare.data = flow->check.data = flow;
    (void)uv_prepare_start(&flow->prepare, flow_on_prepare);
    (void)uv_check_start(&flow->check, flow_on_check);
    return STIR_OK;
}

void sc_flow_close(struct sc_flow *flow)
{
    if (flow->in) {
        uv_close((uv_handle_t *)&flow->prepare, NULL);
        uv_close((uv_handle_t *)&flow->check, NULL);
        free(flow->in);
        flow->in = NULL;
        stir_buf_free(&flow->plain);
    }
}

void sc_link_mark(struct sc_link *link)
{
    if (!link->dirty) {
        link->dirty = true;
        link->next_dirty = link->flow->dirty;
        link->flow->dirty = link;
    }
}

static void link_unmark(struct sc_link *link)
{
    for (struct sc_link **at = &link->flow->dirty; link->dirty && *at; at = &(*at)->next_dirty) {
        if (*at == link) {
            *at = link->next_dirty;
            link->dirty = false;
            return;
        }
    }
}

/* ---- the end ---- */

void sc_link_init(struct sc_link *link, struct sc_flow *flow, const struct sc_link_ops *ops, void *arg, enum sc_leg leg)
{
    link->flow = flow;
    link->ops = ops;
    link->arg = arg;
    link->leg = leg;
}

void sc_link_finish(struct sc_link *link)
{
    sc_tls_free(link->tls);
    link->tls = NULL;
    stir_buf_free(&link->out);
    stir_buf_free(&link->wire);
    stir_buf_free(&link->flying);
    uv_freeaddrinfo(link->addresses);
    link->addresses = link->address = NULL;
    link->state = SC_LINK_NONE;
    link->ops->closed(link->arg, link->leg);
}

static void link_on_closed(uv_handle_t *handle)
{
    sc_link_finish(handle->data);
}

void sc_link_abort(struct sc_link *link)
{
    enum sc_link_state was = link->state;
    if (was == SC_LINK_NONE || was == SC_LINK_CLOSING) {
        return;
    }
    link->state = SC_LINK_CLOSING;
    if (link->bare) {
        return; /* link_flush finishes it */
    }
    link_unmark(link);
    if (was == SC_LINK_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&link->resolve); /* its callback finishes it, cancelled or not */
    } else if (!uv_is_closing((uv_handle_t *)&link->tcp)) {
        uv_close((uv_handle_t *)&link->tcp, link_on_closed);
    }
}

void sc_link_lose(struct sc_link *link, const char *why)
{
    if (link->state != SC_LINK_CLOSING && link->state != SC_LINK_NONE) {
        bool ending = link->state == SC_LINK_ENDING;
        sc_link_abort(link);
        if (!ending) {
            link->ops->lost(link->arg, link->leg, why);
        }
    }
}

void sc_link_fail(struct sc_link *link, const char *why)
{
    link->failed = why;
    sc_link_mark(link);
}

void sc_link_lose_uv(struct sc_link *link, int status)
{
    char why[128];
    sc_link_lose(link, uv_strerror_r(status, why, sizeof(why)));
}

/* ---- sending ---- */

size_t sc_link_queued(const struct sc_link *link)
{
    return link->out.len + link->wire.len + link->flying.len;
}

void sc_link_check(struct sc_link *link)
{
    size_t queued = sc_link_queued(link), max = link->flow->queue_max;
    bool full = link->full ? queued > max / 2 : queued > max;
    bool open = link->state == SC_LINK_OPEN || link->state == SC_LINK_SHAKING;
    if (open && full != link->full) {
        link->full = full;
        link->ops->full(link->arg, link->leg, full);
    }
}

static void link_empty_buffer(struct stir_buf *buf)
{
    buf->len = 0;
    if (buf->cap > KEEP_MAX) {
        stir_buf_free(buf);
    }
}

static void link_on_written(uv_write_t *request, int status)
{
    struct sc_link *link = request->data;
    link_empty_buffer(&link->flying);
    if (status < 0) {
        sc_link_lose_uv(link, status);
    } else {
        link_flush(link);
    }
}

static void link_on_shut(uv_shutdown_t *request, int status)
{
    struct sc_link *link = request->data;
    if (status < 0 || link->peer_ended) {
        sc_link_abort(link);
    } /* otherwise the end from the other side follows, or the deadline */
}

/* Everything is sent: shuts down the sending side and waits for the other side to do the same. If we closed at
 * once, octets that it has not read yet could be lost (RFC 9293 3.6.1). */
static void link_end_sending(struct sc_link *link)
{
    if (link->state != SC_LINK_ENDING || link->shut) {
        return;
    }
    link->shut = true;
    link->shutdown.data = link;
    if (uv_shutdown(&link->shutdown, (uv_stream_t *)&link->tcp, link_on_shut) < 0) {
        sc_link_abort(link);
    }
}

/* Writes what is in `flying`: as much as the system accepts now, and the rest later. */
static void link_launch(struct sc_link *link)
{
    uv_buf_t buf = uv_buf_init(link->flying.ptr, (unsigned)link->flying.len);
    int n = uv_try_write((uv_stream_t *)&link->tcp, &buf, 1);
    if (n == (int)link->flying.len) {
        link_empty_buffer(&link->flying);
        return;
    }
    if (n >= 0 || n == UV_EAGAIN) {
        size_t sent = n > 0 ? (size_t)n : 0;
        buf = uv_buf_init(link->flying.ptr + sent, (unsigned)(link->flying.len - sent));
        link->write.data = link;
        n = uv_write(&link->write, (uv_stream_t *)&link->tcp, &buf, 1, link_on_written);
    }
    if (n < 0) {
        link->flying.len = 0;
        sc_link_lose_uv(link, n);
    }
}

static bool link_seal(struct sc_link *link)
{
    struct stir_error err = {0};
    if (link->out.len == 0 || !sc_tls_ready(link->tls)) {
        return true;
    }
    enum stir_code code = sc_tls_seal(link->tls, link->out.ptr, link->out.len, &link->wire, &err);
    link_empty_buffer(&link->out);
    if (code != STIR_OK) {
        sc_link_lose(link, err.text);
    }
    return code == STIR_OK;
}

/* Reports a link that failed before it had a handle. */
static void link_report_plain(struct sc_link *link)
{
    bool wanted = link->state != SC_LINK_CLOSING;
    link->state = SC_LINK_CLOSING;
    link->bare = false;
    if (wanted) {
        link->ops->lost(link->arg, link->leg, "out of memory");
    }
    sc_link_finish(link);
}

static void link_flush(struct sc_link *link)
{
    if (link->bare) {
        link_report_plain(link);
        return;
    }
    if (link->failed || stir_buf_state(&link->out) != STIR_OK) {
        sc_link_lose(link, link->failed ? link->failed : "out of memory");
        return;
    }
    struct stir_buf *ready = link->tls ? &link->wire : &link->out;
    bool can = link->state == SC_LINK_SHAKING || link->state == SC_LINK_OPEN || link->state == SC_LINK_ENDING;
    if (can && link->flying.len == 0 && (!link->tls || link_seal(link)) && ready->len) {
        struct stir_buf swap = link->flying;
        link->flying = *ready;
        *ready = swap;
        link_launch(link);
    }
    sc_link_check(link);
    if (sc_link_queued(link) == 0) {
        link_end_sending(link);
    }
}

void sc_link_write(struct sc_link *link, const void *data, size_t n)
{
    if (link->state == SC_LINK_OPEN) {
        stir_buf_put(&link->out, data, n);
        sc_link_mark(link);
    }
}

/* ---- receiving ---- */

static void link_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct sc_link *link = handle->data;
    (void)suggested;
    *buf = uv_buf_init(link->flow->in, READ_MAX);
}

static void link_on_decrypted(struct sc_link *link, const void *data, size_t n)
{
    struct sc_flow *flow = link->flow;
    struct stir_error err = {0};
    bool ended = false;
    flow->plain.len = 0;
    enum stir_code code = sc_tls_take(link->tls, data, n, &flow->plain, &link->wire, &ended, &err);
    if (link->wire.len) {
        sc_link_mark(link);
    }
    if (code == STIR_OK && link->state == SC_LINK_SHAKING && sc_tls_ready(link->tls)) {
        link->state = SC_LINK_OPEN;
        link->ops->opened(link->arg, link->leg);
    }
    if (link->state == SC_LINK_OPEN && flow->plain.len) {
        link->ops->octets(link->arg, link->leg, flow->plain.ptr, flow->plain.len);
    }
    link_empty_buffer(&flow->plain);
    if (code != STIR_OK) {
        link_flush(link); /* an alert for the other side */
        sc_link_lose(link, err.text);
    } else if (ended) {
        sc_link_lose(link, NULL);
    }
}

static void link_on_end(struct sc_link *link, int status)
{
    bool unsent = link->state == SC_LINK_ENDING && sc_link_queued(link) > 0;
    if (status == UV_EOF && unsent) { /* the other side sends no more, but may still read */
        link->peer_ended = true;
        (void)uv_read_stop((uv_stream_t *)&link->tcp);
    } else if (status == UV_EOF) {
        sc_link_lose(link, NULL);
    } else {
        sc_link_lose_uv(link, status);
    }
}

static void link_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct sc_link *link = stream->data;
    if (n < 0) {
        link_on_end(link, (int)n);
    } else if (n > 0 && link->tls && link->state != SC_LINK_ENDING) {
        link_on_decrypted(link, buf->base, (size_t)n);
    } else if (n > 0 && link->state == SC_LINK_OPEN) {
        link->ops->octets(link->arg, link->leg, buf->base, (size_t)n);
    }
}

void sc_link_start_reading(struct sc_link *link)
{
    int status = uv_read_start((uv_stream_t *)&link->tcp, link_on_alloc, link_on_read);
    if (status < 0 && status != UV_EALREADY) {
        sc_link_fail(link, "cannot read");
    }
}

void sc_link_read(struct sc_link *link, bool on)
{
    if (link->state == SC_LINK_OPEN) {
        if (on) {
            sc_link_start_reading(link);
        } else {
            (void)uv_read_stop((uv_stream_t *)&link->tcp);
        }
    }
}

void sc_link_end(struct sc_link *link, uint64_t linger_ms)
{
    if (link->state != SC_LINK_OPEN) {
        sc_link_abort(link);
        return;
    }
    link->state = SC_LINK_ENDING;
    link->deadline_ms = uv_now(link->flow->loop) + linger_ms;
    if (link->tls && link_seal(link)) {
        sc_tls_end(link->tls, &link->wire);
    }
    sc_link_start_reading(link); /* waiting for the end from the other side */
    sc_link_mark(link);
}

/* ---- time limits ---- */

void sc_link_tick(struct sc_link *link)
{
    bool opening = link->state == SC_LINK_RESOLVING || link->state == SC_LINK_CONNECTING ||
                   link->state == SC_LINK_RETRYING || link->state == SC_LINK_SHAKING;
    if (link->deadline_ms == 0 || uv_now(link->flow->loop) < link->deadline_ms) {
        return;
    }
    if (opening) {
        sc_link_lose(link, "connecting took longer than [timeouts] connect_ms");
    } else if (link->state == SC_LINK_ENDING) {
        sc_link_abort(link);
    }
}
