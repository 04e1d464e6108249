#include "cps/fetch.h"

#include "cps/fetch_internal.h"

#include <signal.h>
#include <stdlib.h>

#define WAITING_TIMES 16 /* as many may wait as run at once, times this */
#define POLL_MS 1000
#define CROWDED_POLL_MS 50 /* while some wait whose time may end */

struct cpsd_fetcher {
    CURLM *multi;
    uv_thread_t thread;
    unsigned at_once;
    uv_mutex_t lock;
    /* under the lock */
    struct cpsd_fetch *queue, **queue_end;
    unsigned queued;
    bool stopping;
    /* the thread's own */
    struct cpsd_fetch *active;
    unsigned active_count;
};

static void free_fetch(struct cpsd_fetch *fetch)
{
    curl_slist_free_all(fetch->headers);
    stir_buf_free(&fetch->in);
    free(fetch->url);
    free(fetch->method);
    free(fetch->ca_file);
    free(fetch->body);
    free(fetch);
}

/* ---- on the thread ---- */

/* Lets go of one that has its result. */
static void finish(struct cpsd_fetch *fetch)
{
    struct cpsd_fetcher *fetcher = fetch->fetcher;
    curl_easy_cleanup(fetch->easy);
    fetch->easy = NULL;
    uv_mutex_lock(&fetcher->lock);
    bool abandoned = fetch->abandoned;
    fetch->finished = true;
    if (!abandoned && fetch->port) {
        cpsd_port_send(fetch->port, &fetch->notice);
        fetch = NULL; /* the loop's now */
    }
    uv_mutex_unlock(&fetcher->lock);
    if (fetch && !abandoned) {
        fetch->done(fetch->arg, &fetch->result);
    }
    if (fetch) {
        free_fetch(fetch);
    }
}

static void unlink_active(struct cpsd_fetch *fetch)
{
    *fetch->link = fetch->next;
    if (fetch->next) {
        fetch->next->link = fetch->link;
    }
    fetch->fetcher->active_count--;
}

static void stop_active(struct cpsd_fetch *fetch, enum stir_code code)
{
    unlink_active(fetch);
    (void)curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    (void)stir_fail(&fetch->result.error, code, "%s", stir_strerror(code));
    finish(fetch);
}

static void launch(struct cpsd_fetcher *fetcher, struct cpsd_fetch *fetch)
{
    uint64_t now = uv_hrtime();
    long left_ms = fetch->deadline_ns > now ? (long)((fetch->deadline_ns - now) / 1000000) : 0;
    if (left_ms < 1) {
        (void)stir_fail(&fetch->result.error, STIR_E_TIMEOUT, "no complete answer in time");
        finish(fetch);
        return;
    }
    fetch->easy = curl_easy_init();
    if (!fetch->easy || !cpsd_curl_prepare(fetch, left_ms) ||
        curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
        (void)stir_fail(&fetch->result.error, STIR_E_NOMEM, "a fetch");
        finish(fetch);
        return;
    }
    fetch->next = fetcher->active;
    fetch->link = &fetcher->active;
    if (fetch->next) {
        fetch->next->link = &fetch->next;
    }
    fetcher->active = fetch;
    fetcher->active_count++;
}

/* The first of the queue that has to go: there is room for it, or its time is over. */
static struct cpsd_fetch *take_queued(struct cpsd_fetcher *fetcher, bool *stopping)
{
    uv_mutex_lock(&fetcher->lock);
    *stopping = fetcher->stopping;
    struct cpsd_fetch *fetch = fetcher->queue;
    if (fetch && (*stopping || fetch->abandoned || fetcher->active_count < fetcher->at_once ||
                  fetch->deadline_ns <= uv_hrtime())) {
        fetcher->queue = fetch->next;
        fetcher->queue_end = fetch->next ? fetcher->queue_end : &fetcher->queue;
        fetcher->queued--;
    } else {
        fetch = NULL;
    }
    uv_mutex_unlock(&fetcher->lock);
    return fetch;
}

static bool is_abandoned(struct cpsd_fetch *fetch)
{
    uv_mutex_lock(&fetch->fetcher->lock);
    bool abandoned = fetch->abandoned;
    uv_mutex_unlock(&fetch->fetcher->lock);
    return abandoned;
}

static void stop_abandoned(struct cpsd_fetcher *fetcher, bool all)
{
    for (struct cpsd_fetch *fetch = fetcher->active, *next; fetch; fetch = next) {
        next = fetch->next;
        if (all || is_abandoned(fetch)) {
            stop_active(fetch, STIR_E_UNAVAILABLE);
        }
    }
}

static void reap(struct cpsd_fetcher *fetcher)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(fetcher->multi, &left));) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode result = message->data.result;
        char *private = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct cpsd_fetch *fetch = (struct cpsd_fetch *)(void *)private;
        (void)curl_multi_remove_handle(fetcher->multi, fetch->easy);
        unlink_active(fetch);
        cpsd_curl_conclude(fetch, result);
        finish(fetch);
    }
}

/* True if the thread is to end. */
static bool take_all(struct cpsd_fetcher *fetcher)
{
    bool stopping = false;
    for (struct cpsd_fetch *fetch; (fetch = take_queued(fetcher, &stopping));) {
        if (stopping) {
            (void)stir_fail(&fetch->result.error, STIR_E_UNAVAILABLE, "the server is stopping");
            finish(fetch);
        } else {
            launch(fetcher, fetch);
        }
    }
    return stopping;
}

static void thread_main(void *arg)
{
    struct cpsd_fetcher *fetcher = arg;
    int running = 0;
    while (!take_all(fetcher)) {
        stop_abandoned(fetcher, false);
        (void)curl_multi_perform(fetcher->multi, &running);
        reap(fetcher);
        bool crowded = fetcher->active_count >= fetcher->at_once;
        (void)curl_multi_poll(fetcher->multi, NULL, 0, crowded ? CROWDED_POLL_MS : POLL_MS, NULL);
    }
    stop_abandoned(fetcher, true);
    (void)take_all(fetcher); /* what completions have begun meanwhile */
    /* closing connections writes to them: here, where a broken one raises no signal */
    (void)curl_multi_cleanup(fetcher->multi);
}

/* ---- from other threads ---- */

/* The process's signals are not for this thread. */
static int start_thread(struct cpsd_fetcher *fetcher)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = uv_thread_create(&fetcher->thread, thread_main, fetcher);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum stir_code cpsd_fetcher_new(struct cpsd_fetcher **out, unsigned at_once, struct stir_error *err)
{
    enum stir_code code = cpsd_curl_once(err);
    if (code != STIR_OK) {
        return code;
    }
    struct cpsd_fetcher *fetcher = calloc(1, sizeof(*fetcher));
    CURLM *multi = curl_multi_init();
    if (!fetcher || !multi || uv_mutex_init(&fetcher->lock) < 0) {
        goto fail;
    }
    fetcher->multi = multi;
    fetcher->at_once = at_once;
    fetcher->queue_end = &fetcher->queue;
    if (start_thread(fetcher) < 0) {
        uv_mutex_destroy(&fetcher->lock);
        goto fail;
    }
    *out = fetcher;
    return STIR_OK;
fail:
    (void)curl_multi_cleanup(multi);
    free(fetcher);
    return stir_fail(err, STIR_E_NOMEM, "the thread that fetches");
}

void cpsd_fetcher_free(struct cpsd_fetcher *fetcher)
{
    if (fetcher) {
        uv_mutex_lock(&fetcher->lock);
        fetcher->stopping = true;
        (void)curl_multi_wakeup(fetcher->multi); /* under the lock: the thread frees it once it has seen stopping */
        uv_mutex_unlock(&fetcher->lock);
        (void)uv_thread_join(&fetcher->thread);
        uv_mutex_destroy(&fetcher->lock);
        free(fetcher);
    }
}

/* On the port's loop. */
static void arrived(struct cpsd_notice *notice)
{
    struct cpsd_fetch *fetch = (struct cpsd_fetch *)notice;
    fetch->done(fetch->arg, &fetch->result);
    free_fetch(fetch);
}

static enum stir_code enqueue(struct cpsd_fetcher *fetcher, struct cpsd_fetch *fetch, struct stir_error *err)
{
    uv_mutex_lock(&fetcher->lock);
    bool room = !fetcher->stopping && fetcher->queued < fetcher->at_once * WAITING_TIMES;
    if (room) {
        *fetcher->queue_end = fetch;
        fetcher->queue_end = &fetch->next;
        fetcher->queued++;
        (void)curl_multi_wakeup(fetcher->multi);
    }
    uv_mutex_unlock(&fetcher->lock);
    return room ? STIR_OK : stir_fail(err, STIR_E_UNAVAILABLE, "too much is being fetched already");
}

enum stir_code cpsd_fetch(struct cpsd_fetch **out, struct cpsd_fetcher *fetcher, struct cpsd_port *port,
                          const struct cpsd_fetch_request *request, cpsd_fetch_done *done, void *arg,
                          struct stir_error *err)
{
    struct cpsd_fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch || !cpsd_curl_copy(fetch, request)) {
        if (fetch) {
            free_fetch(fetch);
        }
        return stir_fail(err, STIR_E_NOMEM, "a fetch");
    }
    fetch->notice.arrived = arrived;
    fetch->fetcher = fetcher;
    fetch->port = port;
    fetch->done = done;
    fetch->arg = arg;
    fetch->max_bytes = request->max_bytes;
    fetch->public_only = request->public_only;
    fetch->deadline_ns = uv_hrtime() + (uint64_t)request->timeout_ms * 1000000;
    fetch->result.max_age_s = -1;
    if (out) {
        *out = fetch; /* before it can complete on another thread */
    }
    enum stir_code code = enqueue(fetcher, fetch, err);
    if (code != STIR_OK) {
        if (out) {
            *out = NULL;
        }
        free_fetch(fetch);
    }
    return code;
}

void cpsd_fetch_cancel(struct cpsd_fetch *fetch)
{
    struct cpsd_fetcher *fetcher = fetch->fetcher;
    uv_mutex_lock(&fetcher->lock);
    bool ours = fetch->finished && cpsd_port_recall(fetch->port, &fetch->notice);
    fetch->abandoned = true;
    if (!ours) {
        (void)curl_multi_wakeup(fetcher->multi);
    }
    uv_mutex_unlock(&fetcher->lock);
    if (ours) {
        free_fetch(fetch);
    }
}
