/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <uv.h>

/*
 * How other threads call a loop: notices that they send are delivered on the loop, in order. A mailbox is made, closed
 * and freed on its loop's thread; its memory is the owner's.
 */
struct cpsd_notice {
    void (*arrived)(struct cpsd_notice *notice); /* on the loop; may free the notice */
    /* private */
    struct cpsd_notice *next, **link;
};

struct cpsd_mailbox {
    uv_async_t async;
    uv_mutex_t lock;
    struct cpsd_notice *first, **end;
    bool made, open;
    void (*closed)(void *arg);
    void *arg;
};

/* STIR_E_NOMEM. */
enum stir_code cpsd_mailbox_open(struct cpsd_mailbox *mailbox, uv_loop_t *loop, struct stir_error *err) STIR_MUST_CHECK;

/* Nothing is delivered afterwards, and nobody may send. `closed` (may be NULL) is called when the mailbox's memory is
 * the owner's again. Fine for a zeroed one, or one that is closed: then it is not called. */
void cpsd_mailbox_close(struct cpsd_mailbox *mailbox, void (*closed)(void *arg), void *arg);

/* Any thread. A notice is in one mailbox at a time. */
void cpsd_mailbox_send(struct cpsd_mailbox *mailbox, struct cpsd_notice *notice);

/* The loop's thread: takes back what was sent and is not delivered. False if it was not there. */
bool cpsd_mailbox_recall(struct cpsd_mailbox *mailbox, struct cpsd_notice *notice);
