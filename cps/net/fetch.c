#include "cps/net/fetch.h"

#include "cps/net/fetch_queue.h"

#include <signal.h>
#include <stdlib.h>

#define POLL_MS 1000

struct cpsd_fetcher {
    CURLM *multi;
    uv_thread_t thread;
    uv_mutex_t lock;
    /* under the lock */
    struct cpsd_fetch_queues queues;
    bool stopping;
    /* the thread's own */
    struct cpsd_fetch *active;
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
    if (fetch->host) {
        cpsd_fetch_queues_done(&fetcher->queues, fetch);
    }
    if (!abandoned && fetch->mailbox) {
        cpsd_mailbox_send(fetch->mailbox, &fetch->notice);
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
    fetch->easy = curl_easy_init();
    if (!fetch->easy || !cpsd_curl_prepare(fetch) || curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
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
}

/* The next of those that wait: to be started, or too late. */
static struct cpsd_fetch *take_queued(struct cpsd_fetcher *fetcher, bool *stopping, enum cpsd_fetch_turn *turn)
{
    uv_mutex_lock(&fetcher->lock);
    *stopping = fetcher->stopping;
    struct cpsd_fetch *fetch =
        cpsd_fetch_queues_take(&fetcher->queues, fetcher->stopping ? UINT64_MAX : uv_hrtime(), turn);
    if (fetch) {
        fetch->waiting = false;
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

/* True if a transfer has ended: another may have its turn now. */
static bool reap(struct cpsd_fetcher *fetcher)
{
    int left;
    bool ended = false;
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
        ended = true;
    }
    return ended;
}

/* True if the thread is to end. */
static bool take_all(struct cpsd_fetcher *fetcher)
{
    bool stopping = false;
    enum cpsd_fetch_turn turn;
    for (struct cpsd_fetch *fetch; (fetch = take_queued(fetcher, &stopping, &turn));) {
        if (stopping) {
            (void)stir_fail(&fetch->result.error, STIR_E_UNAVAILABLE, "the server is stopping");
            finish(fetch);
        } else if (turn == CPSD_FETCH_LATE) {
            (void)stir_fail(&fetch->result.error, STIR_E_UNAVAILABLE,
                            "it had no turn within %u ms: too much is fetched", fetch->timeout_ms);
            finish(fetch);
        } else {
            launch(fetcher, fetch);
        }
    }
    return stopping;
}

/* How long the thread may sleep: until the next of those that wait is late, at most. */
static int sleep_ms(struct cpsd_fetcher *fetcher)
{
    uv_mutex_lock(&fetcher->lock);
    uint64_t next = cpsd_fetch_queues_next_ns(&fetcher->queues), now = uv_hrtime();
    uv_mutex_unlock(&fetcher->lock);
    uint64_t left_ms = next > now ? (next - now) / 1000000 + 1 : 0;
    return left_ms < POLL_MS ? (int)left_ms : POLL_MS;
}

static void thread_main(void *arg)
{
    struct cpsd_fetcher *fetcher = arg;
    int running = 0;
    while (!take_all(fetcher)) {
        stop_abandoned(fetcher, false);
        (void)curl_multi_perform(fetcher->multi, &running);
        if (!reap(fetcher)) {
            (void)curl_multi_poll(fetcher->multi, NULL, 0, sleep_ms(fetcher), NULL);
        }
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
    cpsd_fetch_queues_init(&fetcher->queues, at_once);
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

/* On the mailbox's loop. */
static void arrived(struct cpsd_notice *notice)
{
    struct cpsd_fetch *fetch = (struct cpsd_fetch *)notice;
    fetch->done(fetch->arg, &fetch->result);
    free_fetch(fetch);
}

static enum stir_code enqueue(struct cpsd_fetcher *fetcher, struct cpsd_fetch *fetch, struct stir_error *err)
{
    uv_mutex_lock(&fetcher->lock);
    enum stir_code code = fetcher->stopping ? stir_fail(err, STIR_E_UNAVAILABLE, "the server is stopping")
                                            : cpsd_fetch_queues_add(&fetcher->queues, fetch, err);
    if (code == STIR_OK) {
        fetch->waiting = true;
        (void)curl_multi_wakeup(fetcher->multi);
    }
    uv_mutex_unlock(&fetcher->lock);
    return code;
}

enum stir_code cpsd_fetch(struct cpsd_fetch **out, struct cpsd_fetcher *fetcher, struct cpsd_mailbox *mailbox,
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
    fetch->mailbox = mailbox;
    fetch->done = done;
    fetch->arg = arg;
    fetch->max_bytes = request->max_bytes;
    fetch->public_only = request->public_only;
    fetch->queue = request->queue;
    fetch->timeout_ms = request->timeout_ms;
    fetch->late_ns = uv_hrtime() + (uint64_t)request->timeout_ms * 1000000;
    fetch->result.max_age_s = -1;
    fetch->result.content_type = fetch->content_type;
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
    bool ours = fetch->waiting || (fetch->finished && cpsd_mailbox_recall(fetch->mailbox, &fetch->notice));
    if (fetch->waiting) {
        cpsd_fetch_queues_remove(&fetcher->queues, fetch);
    }
    if (!ours) {
        fetch->abandoned = true;
        (void)curl_multi_wakeup(fetcher->multi);
    }
    uv_mutex_unlock(&fetcher->lock);
    if (ours) {
        free_fetch(fetch);
    }
}
