/* SPDX-License-Identifier: MIT */
#include "cps/base/mailbox.h"

/* The first that waits, or NULL. */
static struct cpsd_notice *take(struct cpsd_mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    struct cpsd_notice *notice = mailbox->open ? mailbox->first : NULL;
    if (notice) {
        mailbox->first = notice->next;
        if (mailbox->first) {
            mailbox->first->link = &mailbox->first;
        } else {
            mailbox->end = &mailbox->first;
        }
        notice->link = NULL;
    }
    uv_mutex_unlock(&mailbox->lock);
    return notice;
}

/* One by one: a delivery may recall others, or close the mailbox. */
static void on_async(uv_async_t *async)
{
    struct cpsd_mailbox *mailbox = async->data;
    for (struct cpsd_notice *notice; (notice = take(mailbox));) {
        notice->arrived(notice);
    }
}

enum stir_code cpsd_mailbox_open(struct cpsd_mailbox *mailbox, uv_loop_t *loop, struct stir_error *err)
{
    *mailbox = (struct cpsd_mailbox){0};
    mailbox->end = &mailbox->first;
    if (uv_mutex_init(&mailbox->lock) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "a mailbox");
    }
    if (uv_async_init(loop, &mailbox->async, on_async) < 0) {
        uv_mutex_destroy(&mailbox->lock);
        return stir_fail(err, STIR_E_NOMEM, "a mailbox");
    }
    mailbox->async.data = mailbox;
    mailbox->made = mailbox->open = true;
    return STIR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct cpsd_mailbox *mailbox = handle->data;
    void (*closed)(void *arg) = mailbox->closed;
    void *arg = mailbox->arg;
    mailbox->made = false;
    uv_mutex_destroy(&mailbox->lock);
    if (closed) {
        closed(arg);
    }
}

void cpsd_mailbox_close(struct cpsd_mailbox *mailbox, void (*closed)(void *arg), void *arg)
{
    if (mailbox->made && mailbox->open) {
        uv_mutex_lock(&mailbox->lock);
        mailbox->open = false;
        uv_mutex_unlock(&mailbox->lock);
        mailbox->closed = closed;
        mailbox->arg = arg;
        uv_close((uv_handle_t *)&mailbox->async, on_closed);
    }
}

void cpsd_mailbox_send(struct cpsd_mailbox *mailbox, struct cpsd_notice *notice)
{
    uv_mutex_lock(&mailbox->lock);
    notice->next = NULL;
    notice->link = mailbox->end;
    *mailbox->end = notice;
    mailbox->end = &notice->next;
    if (mailbox->open) {
        (void)uv_async_send(&mailbox->async);
    }
    uv_mutex_unlock(&mailbox->lock);
}

bool cpsd_mailbox_recall(struct cpsd_mailbox *mailbox, struct cpsd_notice *notice)
{
    if (!mailbox->made) {
        return false;
    }
    uv_mutex_lock(&mailbox->lock);
    bool there = notice->link != NULL;
    if (there) {
        *notice->link = notice->next;
        if (notice->next) {
            notice->next->link = notice->link;
        } else {
            mailbox->end = notice->link;
        }
        notice->link = NULL;
    }
    uv_mutex_unlock(&mailbox->lock);
    return there;
}
