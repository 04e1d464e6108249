/* SPDX-License-Identifier: MIT */
#include "client/lib/net/transport.h"

#include "client/lib/net/task.h"
#include "client/lib/net/transport_curl.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LANES (CPS_LANE_LIST + 1)
#define CERTIFICATES_AT_ONCE 256
#define IDLE_HANDLES 16
#define POLL_MAX_MS 1000
#define STOPPING_POLL_MS 1 /* while tasks wait for other threads */
#define STEPS_AT_ONCE 256  /* of tasks, before transfers are looked at again */

struct queue {
    struct cps_transfer *first, **end;
};

struct cps_transport {
    struct cps_transport_config config;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the members up to posted_end */
    bool running;
    bool stopping;
    struct queue submitted;
    struct cps_task *tasks;                /* all tasks in the background */
    struct cps_task *posted, **posted_end; /* those whose step has to run */
    /* used by the I/O thread alone */
    struct queue waiting[LANES];
    struct cps_transfer *active;
    unsigned active_count[LANES];
    CURL *idle[IDLE_HANDLES];
    unsigned idle_count;
    int64_t next_due_ms; /* no task is due before it */
    bool retrying;       /* a transfer waits for another attempt, which may begin at once */
};

void cps_transfer_clear(struct cps_transfer *transfer)
{
    struct cps_route *route = transfer->request.route;
    if (route) {
        ((const struct cps_route_head *)(const void *)route)->unref(route);
    }
    free(transfer->request.authorization);
    free(transfer->request.path);
    free(transfer->request.url);
    free(transfer->request.body);
    stir_buf_free(&transfer->response.body);
    transfer->request.route = NULL;
    transfer->request.path = NULL;
    transfer->request.authorization = NULL;
    transfer->request.url = NULL;
    transfer->request.body = NULL;
}

/* ---- transfers, on the I/O thread ---- */

static void transfer_queue_push(struct queue *queue, struct cps_transfer *transfer)
{
    assert(!*queue->end); /* the end of the list */
    transfer->next = NULL;
    *queue->end = transfer;
    queue->end = &transfer->next;
}

static struct cps_transfer *transfer_queue_pop(struct queue *queue)
{
    struct cps_transfer *first = queue->first;
    if (first) {
        queue->first = first->next;
        if (!queue->first) {
            queue->end = &queue->first;
        }
        first->next = NULL;
    }
    return first;
}

static void transport_reuse_easy(struct cps_transport *transport, CURL *easy)
{
    if (easy && transport->idle_count < IDLE_HANDLES) {
        curl_easy_reset(easy);
        transport->idle[transport->idle_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

/* Puts a transfer back into its lane's queue, as if it had never been tried. */
static void transport_requeue(struct cps_transport *transport, struct cps_transfer *transfer)
{
    stir_buf_free(&transfer->response.body);
    transfer->response = (struct cps_response){0};
    transfer->refused = false;
    transfer->error_text[0] = '\0';
    transfer_queue_push(&transport->waiting[transfer->request.lane], transfer);
    transport->retrying = true;
}

/* Ends an attempt of a transfer. Without another attempt the transfer goes back to its owner, which may free it in
 * `done`. */
static void transport_end_transfer(struct cps_transport *transport, struct cps_transfer *transfer)
{
    if (transfer->link) {
        assert(*transfer->link == transfer && transport->active_count[transfer->request.lane] > 0);
        *transfer->link = transfer->next;
        if (transfer->next) {
            transfer->next->link = transfer->link;
        }
        transfer->link = NULL;
        transport->active_count[transfer->request.lane]--;
    }
    transport_reuse_easy(transport, transfer->easy);
    curl_slist_free_all(transfer->headers);
    transfer->easy = NULL;
    transfer->headers = NULL;
    if (transfer->again && transfer->again(transfer)) {
        transport_requeue(transport, transfer);
    } else {
        transfer->done(transfer);
    }
}

static void transport_cancel(struct cps_transport *transport, struct cps_transfer *transfer, enum cps_code code)
{
    if (transfer->link) {
        (void)curl_multi_remove_handle(transport->multi, transfer->easy);
    }
    (void)cps_fail(&transfer->response.error, code, "%s", cps_strerror(code));
    transport_end_transfer(transport, transfer);
}

static void transport_begin(struct cps_transport *transport, struct cps_transfer *transfer)
{
    int64_t left_ms = transfer->submitted_ms + transfer->request.timeout_ms - cps_monotonic_ms();
    transfer->attempt_ms = left_ms > 0 ? (uint32_t)left_ms : 1; /* to libcurl 0 means no limit */
    if (transfer->attempt_max_ms && transfer->attempt_ms > transfer->attempt_max_ms) {
        transfer->attempt_ms = transfer->attempt_max_ms;
    }
    CURL *easy = transport->idle_count ? transport->idle[--transport->idle_count] : curl_easy_init();
    transfer->easy = easy;
    if (!easy || !cps_curl_prepare(transfer, easy, &transport->config) ||
        curl_multi_add_handle(transport->multi, easy) != CURLM_OK) {
        transport_cancel(transport, transfer, CPS_E_NOMEM);
        return;
    }
    transfer->next = transport->active;
    transfer->link = &transport->active;
    if (transfer->next) {
        transfer->next->link = &transfer->next;
    }
    transport->active = transfer;
    transport->active_count[transfer->request.lane]++;
}

/* Ends the transfers that have waited for a connection for their whole timeout_ms. */
static void transport_expire_waiting(struct cps_transport *transport)
{
    int64_t now = cps_monotonic_ms();
    for (int lane = 0; lane < LANES; lane++) {
        struct queue *waiting = &transport->waiting[lane];
        while (waiting->first && now - waiting->first->submitted_ms >= waiting->first->request.timeout_ms) {
            struct cps_transfer *transfer = transfer_queue_pop(waiting);
            (void)cps_fail(&transfer->response.error, CPS_E_TIMEOUT,
                           "no connection became free in time: all max_connections are in use");
            transport_end_transfer(transport, transfer);
        }
    }
}

static bool transport_has_room(const struct cps_transport *transport, int lane)
{
    switch (lane) {
    case CPS_LANE_SERVICE:
        return transport->active_count[lane] < transport->config.max_connections;
    case CPS_LANE_CERTIFICATE:
        return transport->active_count[lane] < CERTIFICATES_AT_ONCE;
    default:
        return true;
    }
}

static void transport_begin_waiting(struct cps_transport *transport)
{
    transport->retrying = false;
    transport_expire_waiting(transport);
    for (int lane = 0; lane < LANES; lane++) {
        while (transport->waiting[lane].first && transport_has_room(transport, lane)) {
            transport_begin(transport, transfer_queue_pop(&transport->waiting[lane]));
        }
    }
}

static void transport_take_finished(struct cps_transport *transport)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(transport->multi, &left));) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        char *private = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
        struct cps_transfer *transfer = (struct cps_transfer *)(void *)private;
        (void)curl_multi_remove_handle(transport->multi, easy);
        cps_curl_conclude(transfer, easy, result);
        transport_end_transfer(transport, transfer);
    }
}

static void transport_cancel_all(struct cps_transport *transport)
{
    while (transport->active) {
        transport_cancel(transport, transport->active, CPS_E_CLOSED);
    }
    for (int lane = 0; lane < LANES; lane++) {
        while (transport->waiting[lane].first) {
            transport_cancel(transport, transfer_queue_pop(&transport->waiting[lane]), CPS_E_CLOSED);
        }
    }
}

/* ---- tasks, on the I/O thread ---- */

static void transport_post_locked(struct cps_transport *transport, struct cps_task *task)
{
    if (!task->posted) {
        task->posted = true;
        task->next_posted = NULL;
        *transport->posted_end = task;
        transport->posted_end = &task->next_posted;
    }
}

static struct cps_task *transport_pop_posted(struct cps_transport *transport)
{
    pthread_mutex_lock(&transport->lock);
    struct cps_task *task = transport->posted;
    if (task) {
        transport->posted = task->next_posted;
        if (!transport->posted) {
            transport->posted_end = &transport->posted;
        }
        task->posted = false;
    }
    pthread_mutex_unlock(&transport->lock);
    return task;
}

/* Posts the tasks whose due time has come, or all of them, and finds the next due time. */
static void transport_post_due(struct cps_transport *transport, int64_t now, bool all)
{
    pthread_mutex_lock(&transport->lock);
    transport->next_due_ms = INT64_MAX;
    for (struct cps_task *task = transport->tasks; task; task = task->next) {
        if (all || (task->due_ms && task->due_ms <= now)) {
            transport_post_locked(transport, task);
        } else if (task->due_ms && task->due_ms < transport->next_due_ms) {
            transport->next_due_ms = task->due_ms;
        }
    }
    pthread_mutex_unlock(&transport->lock);
}

/* A step may free its task, so the due time that it set is looked up afterwards, in post_due. */
static void transport_run_tasks(struct cps_transport *transport, bool all)
{
    unsigned steps = 0;
    for (struct cps_task *task; steps < STEPS_AT_ONCE && (task = transport_pop_posted(transport)); steps++) {
        task->step(task);
    }
    int64_t now = cps_monotonic_ms();
    if (steps || all || now >= transport->next_due_ms) {
        transport_post_due(transport, now, all);
    }
}

/* ---- the thread ---- */

/* Moves submitted transfers to their lanes. Returns false when the thread must end and nothing is left to do. */
static bool transport_take_submitted(struct cps_transport *transport, bool *stopping)
{
    struct cps_transfer *transfer;
    pthread_mutex_lock(&transport->lock);
    while ((transfer = transfer_queue_pop(&transport->submitted))) {
        transfer_queue_push(&transport->waiting[transfer->request.lane], transfer);
    }
    *stopping = transport->stopping;
    bool left = transport->tasks != NULL;
    pthread_mutex_unlock(&transport->lock);
    for (int lane = 0; lane < LANES; lane++) {
        left |= transport->waiting[lane].first != NULL;
    }
    return !*stopping || left || transport->active;
}

static int transport_poll_ms(struct cps_transport *transport)
{
    pthread_mutex_lock(&transport->lock);
    bool more = transport->posted || transport->submitted.first;
    pthread_mutex_unlock(&transport->lock);
    if (more || transport->retrying) {
        return 0;
    }
    int64_t left = transport->next_due_ms - cps_monotonic_ms();
    return left <= 0 ? 0 : (left > POLL_MAX_MS ? POLL_MAX_MS : (int)left);
}

static void *transport_main(void *arg)
{
    struct cps_transport *transport = arg;
    bool stopping = false;
    int running;
    while (transport_take_submitted(transport, &stopping)) {
        if (stopping) {
            transport_cancel_all(transport);
        } else {
            transport_begin_waiting(transport);
            (void)curl_multi_perform(transport->multi, &running);
            transport_take_finished(transport);
        }
        transport_run_tasks(transport, stopping);
        (void)curl_multi_poll(transport->multi, NULL, 0, stopping ? STOPPING_POLL_MS : transport_poll_ms(transport),
                              NULL);
    }
    /* Closing a TLS connection writes to it, so it is done on this thread, which blocks SIGPIPE. */
    while (transport->idle_count) {
        curl_easy_cleanup(transport->idle[--transport->idle_count]);
    }
    (void)curl_multi_cleanup(transport->multi);
    transport->multi = NULL;
    return NULL;
}

/* Starts the thread with all signals blocked: they are for the application's threads. */
static int transport_start_thread(struct cps_transport *transport)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&transport->thread, NULL, transport_main, transport);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum cps_code cps_transport_start(struct cps_transport *transport, struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    pthread_mutex_lock(&transport->lock);
    if (!transport->running) {
        code = cps_curl_once(err);
        if (code == CPS_OK && !transport->multi && !(transport->multi = curl_multi_init())) {
            code = cps_fail(err, CPS_E_NOMEM, "out of memory");
        }
        if (code == CPS_OK && transport_start_thread(transport) != 0) {
            code = cps_fail(err, CPS_E_UNAVAILABLE, "cannot start the I/O thread");
        }
        transport->running = code == CPS_OK;
    }
    pthread_mutex_unlock(&transport->lock);
    return code;
}

bool cps_transport_is_here(struct cps_transport *transport)
{
    pthread_mutex_lock(&transport->lock);
    bool here = transport->running && pthread_equal(transport->thread, pthread_self());
    pthread_mutex_unlock(&transport->lock);
    return here;
}

enum cps_code cps_transport_submit(struct cps_transport *transport, struct cps_transfer *transfer,
                                   struct cps_error *err)
{
    enum cps_code code = cps_transport_start(transport, err);
    if (code != CPS_OK) {
        return code;
    }
    transfer->submitted_ms = cps_monotonic_ms();
    pthread_mutex_lock(&transport->lock);
    transfer_queue_push(&transport->submitted, transfer);
    pthread_mutex_unlock(&transport->lock);
    (void)curl_multi_wakeup(transport->multi);
    return CPS_OK;
}

void cps_transport_enter(struct cps_transport *transport, struct cps_task *task)
{
    pthread_mutex_lock(&transport->lock);
    task->next = transport->tasks;
    task->link = &transport->tasks;
    if (task->next) {
        task->next->link = &task->next;
    }
    transport->tasks = task;
    transport_post_locked(transport, task);
    pthread_mutex_unlock(&transport->lock);
    (void)curl_multi_wakeup(transport->multi);
}

void cps_transport_post(struct cps_transport *transport, struct cps_task *task)
{
    pthread_mutex_lock(&transport->lock);
    transport_post_locked(transport, task);
    pthread_mutex_unlock(&transport->lock);
    (void)curl_multi_wakeup(transport->multi);
}

void cps_transport_complete(struct cps_transport *transport, struct cps_task *task, atomic_bool *flag)
{
    pthread_mutex_lock(&transport->lock);
    atomic_store(flag, true);
    transport_post_locked(transport, task);
    (void)curl_multi_wakeup(transport->multi);
    pthread_mutex_unlock(&transport->lock);
}

void cps_transport_leave(struct cps_transport *transport, struct cps_task *task)
{
    pthread_mutex_lock(&transport->lock);
    *task->link = task->next;
    if (task->next) {
        task->next->link = task->link;
    }
    if (task->posted) {
        struct cps_task **link = &transport->posted;
        while (*link != task) {
            assert(*link); /* a posted task is in the list */
            link = &(*link)->next_posted;
        }
        *link = task->next_posted;
        if (!*link) {
            transport->posted_end = link;
        }
    }
    pthread_mutex_unlock(&transport->lock);
}

enum cps_code cps_transport_new(struct cps_transport **out, const struct cps_transport_config *config,
                                struct cps_error *err)
{
    struct cps_transport *transport = calloc(1, sizeof(*transport));
    if (!transport) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    transport->config = *config;
    transport->submitted.end = &transport->submitted.first;
    transport->posted_end = &transport->posted;
    for (int lane = 0; lane < LANES; lane++) {
        transport->waiting[lane].end = &transport->waiting[lane].first;
    }
    transport->next_due_ms = INT64_MAX;
    pthread_mutex_init(&transport->lock, NULL);
    *out = transport;
    return CPS_OK;
}

void cps_transport_free(struct cps_transport *transport)
{
    if (!transport) {
        return;
    }
    pthread_mutex_lock(&transport->lock);
    bool running = transport->running;
    transport->stopping = true;
    if (running) {
        (void)curl_multi_wakeup(
            transport->multi); /* under the lock, because the thread frees multi once it sees stopping */
    }
    pthread_mutex_unlock(&transport->lock);
    if (running) {
        (void)pthread_join(transport->thread, NULL);
    }
    (void)curl_multi_cleanup(transport->multi); /* left over if the thread never ran */
    pthread_mutex_destroy(&transport->lock);
    free(transport);
}
