/* SPDX-License-Identifier: MIT */
#include "cps/net/fetch.h"

#include "cps/net/fetch_queue.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 1000 /* the thread wakes at least this often */

struct cpsd_fetcher {
    CURLM *multi;
    uv_thread_t thread;
    uv_mutex_t lock;
    /* protected by the lock */
    struct cpsd_fetch_queues queues;
    bool stopping;
    /* used by the thread only */
    struct cpsd_fetch *active; /* the transfers under way */
};

static void fetch_free(struct cpsd_fetch *fetch)
{
    curl_slist_free_all(fetch->headers);
    stir_buf_free(&fetch->in);
    free(fetch->url);
    free(fetch->method);
    free(fetch->ca_file);
    free(fetch->body);
    free(fetch);
}

/* ---- on the thread: one transfer ---- */

static bool fetch_prepare(struct cpsd_fetch *fetch)
{
    const struct stir_https_request request = {
        .url = fetch->url,
        .method = fetch->method,
        .body = fetch->body,
        .body_len = fetch->body_len,
        .fields = fetch->headers,
        .user_agent = "cpsd/" CPS_VERSION,
        .ca_file = fetch->ca_file,
        .answer_max = fetch->max_bytes,
        .timeout_ms = fetch->timeout_ms,
        .connect_timeout_ms = fetch->timeout_ms,
        .own_connection = fetch->public_only, /* the address of a kept-alive one was checked by other rules */
        .answer = &fetch->in,
        .head_octets = &fetch->head_octets,
        .refused = fetch->public_only ? &fetch->refused : NULL,
        .error_text = fetch->error_text,
        .owner = fetch,
    };
    return stir_https_prepare(fetch->easy, &request);
}

static void fetch_fail(struct cpsd_fetch *fetch, CURLcode result)
{
    struct stir_error *err = &fetch->result.error;
    enum stir_code code = stir_https_code(result);
    const char *text = fetch->error_text[0] ? fetch->error_text : curl_easy_strerror(result);
    if (fetch->refused) {
        (void)stir_fail(err, STIR_E_X5U, "the host's address is not one of the public Internet");
    } else if (code == STIR_E_TIMEOUT) {
        (void)stir_fail(err, code, "no complete answer in time: %s", text);
    } else if (code == STIR_E_TOO_BIG) {
        (void)stir_fail(err, code, "the answer is larger than %zu octets", fetch->max_bytes);
    } else if (result == CURLE_PARTIAL_FILE || result == CURLE_SSL_CACERT_BADFILE) {
        (void)stir_fail(err, STIR_E_CONNECT, "%s", text); /* as a host that cannot be reached: worth another try */
    } else {
        (void)stir_fail(err, code, "%s", text);
    }
}

/* Fills the result of a transfer that has ended. */
static void fetch_conclude(struct cpsd_fetch *fetch, CURLcode result)
{
    fetch->result.connected = stir_https_connected(fetch->easy);
    if (result != CURLE_OK) {
        fetch_fail(fetch, result);
        return;
    }
    stir_https_read_answer(fetch->easy, &fetch->answer);
    fetch->result.status = fetch->answer.status;
    fetch->result.body = stir_view(fetch->in.ptr ? fetch->in.ptr : "", fetch->in.len);
    fetch->result.max_age_s = fetch->answer.max_age_s;
    fetch->result.retry_after_s = fetch->answer.retry_after_s;
}

/* Gives the result to the owner. With a mailbox, `fetch` belongs to the mailbox's loop afterwards; else it is freed. */
static void fetch_finish(struct cpsd_fetch *fetch)
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
        fetch = NULL; /* belongs to the loop now */
    }
    uv_mutex_unlock(&fetcher->lock);
    if (fetch && !abandoned) {
        fetch->done(fetch->arg, &fetch->result);
    }
    if (fetch) {
        fetch_free(fetch);
    }
}

/* ---- on the thread: all transfers ---- */

static void fetch_unlink(struct cpsd_fetch *fetch)
{
    assert(*fetch->link == fetch);
    *fetch->link = fetch->next;
    if (fetch->next) {
        fetch->next->link = fetch->link;
    }
}

static void fetch_stop(struct cpsd_fetch *fetch, enum stir_code code)
{
    fetch_unlink(fetch);
    (void)curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    (void)stir_fail(&fetch->result.error, code, "%s", stir_strerror(code));
    fetch_finish(fetch);
}

static void fetcher_launch(struct cpsd_fetcher *fetcher, struct cpsd_fetch *fetch)
{
    fetch->easy = curl_easy_init();
    if (!fetch->easy || !fetch_prepare(fetch) || curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
        (void)stir_fail(&fetch->result.error, STIR_E_NOMEM, "out of memory for an HTTPS request");
        fetch_finish(fetch);
        return;
    }
    fetch->next = fetcher->active;
    fetch->link = &fetcher->active;
    if (fetch->next) {
        fetch->next->link = &fetch->next;
    }
    fetcher->active = fetch;
}

/* Takes the next waiting request out of the queues: one to start, or one that has waited too long. NULL: none. */
static struct cpsd_fetch *fetcher_take_queued(struct cpsd_fetcher *fetcher, bool *stopping, enum cpsd_fetch_turn *turn)
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

static bool fetch_is_abandoned(struct cpsd_fetch *fetch)
{
    uv_mutex_lock(&fetch->fetcher->lock);
    bool abandoned = fetch->abandoned;
    uv_mutex_unlock(&fetch->fetcher->lock);
    return abandoned;
}

static void fetcher_stop_abandoned(struct cpsd_fetcher *fetcher, bool all)
{
    for (struct cpsd_fetch *fetch = fetcher->active, *next; fetch; fetch = next) {
        next = fetch->next;
        if (all || fetch_is_abandoned(fetch)) {
            fetch_stop(fetch, STIR_E_UNAVAILABLE);
        }
    }
}

/* Concludes the transfers that have ended. Returns true if there was one, because a waiting request can start then. */
static bool fetcher_reap(struct cpsd_fetcher *fetcher)
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
        fetch_unlink(fetch);
        fetch_conclude(fetch, result);
        fetch_finish(fetch);
        ended = true;
    }
    return ended;
}

/* Starts the waiting requests that can start. Returns true if the thread must end. */
static bool fetcher_take_all(struct cpsd_fetcher *fetcher)
{
    bool stopping = false;
    enum cpsd_fetch_turn turn;
    for (struct cpsd_fetch *fetch; (fetch = fetcher_take_queued(fetcher, &stopping, &turn));) {
        if (stopping) {
            (void)stir_fail(&fetch->result.error, STIR_E_UNAVAILABLE, "the server is stopping");
            fetch_finish(fetch);
        } else if (turn == CPSD_FETCH_LATE) {
            (void)stir_fail(&fetch->result.error, STIR_E_UNAVAILABLE,
                            "it was not started within %u ms: too many requests are under way", fetch->timeout_ms);
            fetch_finish(fetch);
        } else {
            fetcher_launch(fetcher, fetch);
        }
    }
    return stopping;
}

/* Returns how long the thread may sleep, in milliseconds: at most until the next waiting request is too late. */
static int fetcher_sleep_ms(struct cpsd_fetcher *fetcher)
{
    uv_mutex_lock(&fetcher->lock);
    uint64_t next = cpsd_fetch_queues_next_ns(&fetcher->queues), now = uv_hrtime();
    uv_mutex_unlock(&fetcher->lock);
    uint64_t left_ms = next > now ? (next - now) / 1000000 + 1 : 0;
    return left_ms < POLL_MS ? (int)left_ms : POLL_MS;
}

static void fetcher_main(void *arg)
{
    struct cpsd_fetcher *fetcher = arg;
    int running = 0;
    while (!fetcher_take_all(fetcher)) {
        fetcher_stop_abandoned(fetcher, false);
        (void)curl_multi_perform(fetcher->multi, &running);
        if (!fetcher_reap(fetcher)) {
            (void)curl_multi_poll(fetcher->multi, NULL, 0, fetcher_sleep_ms(fetcher), NULL);
        }
    }
    fetcher_stop_abandoned(fetcher, true);
    (void)fetcher_take_all(fetcher); /* ends requests that completions have begun meanwhile */
    /* closing a connection writes to it: on this thread a broken one raises no signal */
    (void)curl_multi_cleanup(fetcher->multi);
}

/* ---- from other threads ---- */

/* Starts the thread with all signals blocked, so that they go to the main thread. */
static int fetcher_start_thread(struct cpsd_fetcher *fetcher)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = uv_thread_create(&fetcher->thread, fetcher_main, fetcher);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum stir_code cpsd_fetcher_new(struct cpsd_fetcher **out, unsigned at_once, struct stir_error *err)
{
    enum stir_code code = stir_https_init(err);
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
    if (fetcher_start_thread(fetcher) < 0) {
        uv_mutex_destroy(&fetcher->lock);
        goto fail;
    }
    *out = fetcher;
    return STIR_OK;
fail:
    (void)curl_multi_cleanup(multi);
    free(fetcher);
    return stir_fail(err, STIR_E_NOMEM, "cannot start the thread for HTTPS requests");
}

void cpsd_fetcher_free(struct cpsd_fetcher *fetcher)
{
    if (fetcher) {
        uv_mutex_lock(&fetcher->lock);
        fetcher->stopping = true;
        (void)curl_multi_wakeup(
            fetcher->multi); /* under the lock: the thread frees `multi` after it has seen `stopping` */
        uv_mutex_unlock(&fetcher->lock);
        (void)uv_thread_join(&fetcher->thread);
        uv_mutex_destroy(&fetcher->lock);
        free(fetcher);
    }
}

/* Runs on the mailbox's loop. */
static void fetch_arrived(struct cpsd_notice *notice)
{
    struct cpsd_fetch *fetch = (struct cpsd_fetch *)notice;
    fetch->done(fetch->arg, &fetch->result);
    fetch_free(fetch);
}

/* Copies what the request refers to. Returns false if memory is used up. */
static bool fetch_copy(struct cpsd_fetch *fetch, const struct cpsd_fetch_request *request)
{
    bool has_ca_file = request->ca_file && request->ca_file[0];
    fetch->url = strdup(request->url);
    fetch->method = request->method ? strdup(request->method) : NULL;
    fetch->ca_file = has_ca_file ? strdup(request->ca_file) : NULL;
    fetch->body = request->body.len ? malloc(request->body.len) : NULL;
    if (!fetch->url || (request->method && !fetch->method) || (has_ca_file && !fetch->ca_file) ||
        (request->body.len && !fetch->body) || !stir_https_add_field(&fetch->headers, "Expect", "")) {
        return false;
    }
    if (request->body.len) {
        memcpy(fetch->body, request->body.ptr, request->body.len);
        fetch->body_len = request->body.len;
    }
    for (size_t i = 0; i < CPSD_FETCH_FIELDS && request->fields[i]; i++) {
        if (!curl_slist_append(fetch->headers, request->fields[i])) {
            return false;
        }
    }
    return true;
}

static enum stir_code fetcher_enqueue(struct cpsd_fetcher *fetcher, struct cpsd_fetch *fetch, struct stir_error *err)
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
    if (!fetch || !fetch_copy(fetch, request)) {
        if (fetch) {
            fetch_free(fetch);
        }
        return stir_fail(err, STIR_E_NOMEM, "out of memory for an HTTPS request");
    }
    fetch->notice.arrived = fetch_arrived;
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
    fetch->result.content_type = fetch->answer.content_type;
    if (out) {
        *out = fetch; /* before it is queued: it can complete on another thread at once */
    }
    enum stir_code code = fetcher_enqueue(fetcher, fetch, err);
    if (code != STIR_OK) {
        if (out) {
            *out = NULL;
        }
        fetch_free(fetch);
    }
    return code;
}

void cpsd_fetch_cancel(struct cpsd_fetch *fetch)
{
    struct cpsd_fetcher *fetcher = fetch->fetcher;
    uv_mutex_lock(&fetcher->lock);
    /* not started yet, or sent to the mailbox but not delivered: it is freed here. Else the thread stops and frees it
     */
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
        fetch_free(fetch);
    }
}
