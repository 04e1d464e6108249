#include "cps/base/mailbox.h"

/* The first that waits, or NULL. */
static struct cpsd_notice *take(struct cpsd_port *port)
{
    uv_mutex_lock(&port->lock);
    struct cpsd_notice *notice = port->open ? port->first : NULL;
    if (notice) {
        port->first = notice->next;
        if (port->first) {
            port->first->link = &port->first;
        } else {
            port->end = &port->first;
        }
        notice->link = NULL;
    }
    uv_mutex_unlock(&port->lock);
    return notice;
}

/* One by one: a delivery may recall others, or close the port. */
static void on_async(uv_async_t *async)
{
    struct cpsd_port *port = async->data;
    for (struct cpsd_notice *notice; (notice = take(port));) {
        notice->arrived(notice);
    }
}

enum stir_code cpsd_port_open(struct cpsd_port *port, uv_loop_t *loop, struct stir_error *err)
{
    *port = (struct cpsd_port){0};
    port->end = &port->first;
    if (uv_mutex_init(&port->lock) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "a port");
    }
    if (uv_async_init(loop, &port->async, on_async) < 0) {
        uv_mutex_destroy(&port->lock);
        return stir_fail(err, STIR_E_NOMEM, "a port");
    }
    port->async.data = port;
    port->made = port->open = true;
    return STIR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct cpsd_port *port = handle->data;
    void (*closed)(void *arg) = port->closed;
    void *arg = port->arg;
    port->made = false;
    uv_mutex_destroy(&port->lock);
    if (closed) {
        closed(arg);
    }
}

void cpsd_port_close(struct cpsd_port *port, void (*closed)(void *arg), void *arg)
{
    if (port->made && port->open) {
        uv_mutex_lock(&port->lock);
        port->open = false;
        uv_mutex_unlock(&port->lock);
        port->closed = closed;
        port->arg = arg;
        uv_close((uv_handle_t *)&port->async, on_closed);
    }
}

void cpsd_port_send(struct cpsd_port *port, struct cpsd_notice *notice)
{
    uv_mutex_lock(&port->lock);
    notice->next = NULL;
    notice->link = port->end;
    *port->end = notice;
    port->end = &notice->next;
    if (port->open) {
        (void)uv_async_send(&port->async);
    }
    uv_mutex_unlock(&port->lock);
}

bool cpsd_port_recall(struct cpsd_port *port, struct cpsd_notice *notice)
{
    if (!port->made) {
        return false;
    }
    uv_mutex_lock(&port->lock);
    bool there = notice->link != NULL;
    if (there) {
        *notice->link = notice->next;
        if (notice->next) {
            notice->next->link = notice->link;
        } else {
            port->end = notice->link;
        }
        notice->link = NULL;
    }
    uv_mutex_unlock(&port->lock);
    return there;
}
