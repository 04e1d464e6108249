/* SPDX-License-Identifier: MIT */
#include "cps/net/republish.h"

#include "common/jose/json.h"
#include "common/passport/token.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_PAUSE_MS 250 /* before the second attempt; doubled for each further one */
#define LONGEST_PAUSE_MS 8000
#define ANSWER_OCTETS 4096 /* the largest answer of a peer that is read */

/* One publication, shared by its deliveries. */
struct spread {
    struct cpsd_peers *peers;
    struct stir_identity dest, orig;
    struct stir_buf body;
    char digest[STIR_TOKEN_DIGEST]; /* of the PASSporTs, for this CPS's tokens */
    uint64_t deadline_ms;           /* loop time: when the PASSporTs expire */
    size_t refs;
};

/* The delivery of one publication to one peer. */
struct delivery {
    struct cpsd_republisher *republisher;
    struct spread *spread;
    const struct cpsd_peer *peer;
    struct cpsd_fetch *fetch; /* NULL while it waits */
    uint64_t due_ms;
    unsigned tries;
    struct delivery *next, **link;
};

struct cpsd_republisher {
    uv_loop_t *loop;
    struct cpsd_fetcher *fetcher;
    struct cpsd_metrics *metrics;
    const struct stir_log *log;
    struct cpsd_peers *peers;
    struct cpsd_mailbox mailbox;
    uv_timer_t timer;
    struct delivery *deliveries;
    size_t count;
    unsigned closing; /* handles that the loop still holds */
    void (*closed)(void *arg);
    void *closed_arg;
};

static void republish_arm(struct cpsd_republisher *republisher);

/* ---- publications and deliveries ---- */

static void spread_unref(struct spread *spread)
{
    if (--spread->refs == 0) {
        cpsd_peers_unref(spread->peers);
        stir_buf_free(&spread->body);
        free(spread);
    }
}

static void delivery_end(struct delivery *delivery, enum cpsd_republished outcome)
{
    struct cpsd_republisher *republisher = delivery->republisher;
    assert(*delivery->link == delivery && republisher->count > 0);
    cpsd_count(&republisher->metrics->republished[outcome], 1);
    cpsd_uncount(&republisher->metrics->republish_pending);
    *delivery->link = delivery->next;
    if (delivery->next) {
        delivery->next->link = delivery->link;
    }
    republisher->count--;
    spread_unref(delivery->spread);
    free(delivery);
}

static bool delivery_new(struct cpsd_republisher *republisher, struct spread *spread, const struct cpsd_peer *peer)
{
    struct delivery *delivery = republisher->count < spread->peers->queue_max ? calloc(1, sizeof(*delivery)) : NULL;
    if (!delivery) {
        cpsd_count(&republisher->metrics->republished[CPSD_REPUBLISH_DROPPED], 1);
        return false;
    }
    *delivery = (struct delivery){.republisher = republisher, .spread = spread, .peer = peer};
    delivery->due_ms = uv_now(republisher->loop);
    delivery->next = republisher->deliveries;
    delivery->link = &republisher->deliveries;
    if (delivery->next) {
        delivery->next->link = &delivery->next;
    }
    republisher->deliveries = delivery;
    republisher->count++;
    spread->refs++;
    cpsd_count(&republisher->metrics->republish_pending, 1);
    return true;
}

/* ---- one attempt ---- */

/* Returns the pause before the next attempt: longer each time, at least Retry-After, and with a random part so that the
 * deliveries do not all come at the same moment. */
static uint64_t delivery_pause_ms(unsigned tries, int64_t retry_after_s)
{
    uint64_t pause = FIRST_PAUSE_MS;
    unsigned char spread[2] = {0};
    for (unsigned i = 1; i < tries && pause < LONGEST_PAUSE_MS; i++) {
        pause *= 2;
    }
    if (retry_after_s > 0 && (uint64_t)retry_after_s * 1000 > pause) {
        pause = (uint64_t)retry_after_s * 1000;
    }
    (void)RAND_bytes(spread, sizeof(spread));
    return pause / 2 + pause / 2 * (spread[0] | (unsigned)spread[1] << 8) / 65535 + 1;
}

static void delivery_try_later(struct delivery *delivery, int64_t retry_after_s)
{
    struct cpsd_republisher *republisher = delivery->republisher;
    delivery->due_ms = uv_now(republisher->loop) + delivery_pause_ms(delivery->tries, retry_after_s);
    if (delivery->due_ms >= delivery->spread->deadline_ms) {
        stir_log_plain(republisher->log, STIR_LOG_WARNING,
                       "republish: %s did not accept a publication before it expired", delivery->peer->host);
        delivery_end(delivery, CPSD_REPUBLISH_EXPIRED);
        return;
    }
    cpsd_count(&republisher->metrics->republish_retries, 1);
}

static void delivery_answered(void *arg, const struct cpsd_fetch_result *result)
{
    struct delivery *delivery = arg;
    struct cpsd_republisher *republisher = delivery->republisher;
    bool answered = result->error.code == STIR_OK;
    delivery->fetch = NULL;
    /* 2xx: done; 408, 429, 5xx and no answer: try again; every other status is final */
    if (answered && result->status >= 200 && result->status < 300) {
        delivery_end(delivery, CPSD_REPUBLISH_DELIVERED);
    } else if (answered && result->status < 500 && result->status != 408 && result->status != 429) {
        stir_log_plain(republisher->log, STIR_LOG_WARNING, "republish: %s refused a publication with status %d",
                       delivery->peer->host, result->status);
        delivery_end(delivery, CPSD_REPUBLISH_REFUSED);
    } else {
        stir_log_plain(republisher->log, STIR_LOG_INFO, "republish: %s: %s", delivery->peer->host,
                       answered ? "not accepted now, trying again" : result->error.text);
        delivery_try_later(delivery, answered ? result->retry_after_s : 0);
    }
    republish_arm(republisher);
}

/* Makes a token. Each attempt needs its own, because the peer may have seen the one of the attempt before. */
static enum stir_code delivery_token(struct stir_buf *out, const struct delivery *delivery, struct stir_error *err)
{
    const struct spread *spread = delivery->spread;
    const struct cpsd_peers *peers = spread->peers;
    struct stir_token_spec spec = {.iss = peers->spc,
                                   .sub = peers->spc,
                                   .aud = delivery->peer->host,
                                   .action = STIR_TOKEN_REPUBLISH,
                                   .orig = &spread->orig,
                                   .dest = &spread->dest,
                                   .iat = time(NULL),
                                   .passports = spread->digest};
    if (peers->x5u[0]) {
        spec.x5u = peers->x5u;
    } else {
        spec.x5c = peers->x5c;
        spec.x5c_count = peers->x5c_count;
    }
    return stir_token_make(out, &spec, peers->key, err);
}

static enum stir_code delivery_request(struct delivery *delivery, struct stir_error *err)
{
    const struct spread *spread = delivery->spread;
    char dest[3 * STIR_IDENTITY_MAX + 1], orig[3 * STIR_IDENTITY_MAX + 1];
    struct stir_buf url = {0}, authorization = {0};
    (void)stir_identity_to_path(dest, &spread->dest);
    (void)stir_identity_to_path(orig, &spread->orig);
    stir_buf_printf(&url, "%s/passports/%s/%s", delivery->peer->url, dest, orig);
    stir_buf_puts(&authorization, "Authorization: Bearer ");
    enum stir_code code = delivery_token(&authorization, delivery, err);
    if (code == STIR_OK && (stir_buf_state(&url) != STIR_OK || stir_buf_state(&authorization) != STIR_OK)) {
        code = stir_fail(err, STIR_E_NOMEM, "out of memory for a request to a peer");
    }
    /* everything in the request is copied: the texts are freed below */
    if (code == STIR_OK) {
        struct cpsd_fetch_request request = {.queue = CPSD_FETCH_PEERS,
                                             .url = url.ptr,
                                             .fields = {"Content-Type: application/json", authorization.ptr},
                                             .body = stir_view(spread->body.ptr, spread->body.len),
                                             .max_bytes = ANSWER_OCTETS,
                                             .timeout_ms = spread->peers->timeout_ms,
                                             .ca_file = spread->peers->ca_file};
        code = cpsd_fetch(&delivery->fetch, delivery->republisher->fetcher, &delivery->republisher->mailbox, &request,
                          delivery_answered, delivery, err);
    }
    stir_buf_free(&url);
    stir_buf_free(&authorization);
    return code;
}

static void delivery_try_now(struct delivery *delivery)
{
    struct cpsd_republisher *republisher = delivery->republisher;
    struct stir_error err = {0};
    delivery->tries++;
    if (delivery_request(delivery, &err) != STIR_OK) {
        stir_log_plain(republisher->log, STIR_LOG_WARNING, "republish: %s: %s", delivery->peer->host, err.text);
        delivery_try_later(delivery, 0);
    }
}

/* ---- the timer ---- */

static void republish_on_timer(uv_timer_t *timer)
{
    struct cpsd_republisher *republisher = timer->data;
    uint64_t now = uv_now(republisher->loop);
    for (struct delivery *delivery = republisher->deliveries, *next; delivery; delivery = next) {
        next = delivery->next;
        if (!delivery->fetch && delivery->due_ms <= now) {
            delivery_try_now(delivery);
        }
    }
    republish_arm(republisher);
}

/* Sets the timer to the first delivery that is due. */
static void republish_arm(struct cpsd_republisher *republisher)
{
    uint64_t now = uv_now(republisher->loop), first = UINT64_MAX;
    for (const struct delivery *delivery = republisher->deliveries; delivery; delivery = delivery->next) {
        if (!delivery->fetch && delivery->due_ms < first) {
            first = delivery->due_ms;
        }
    }
    if (first == UINT64_MAX) {
        (void)uv_timer_stop(&republisher->timer);
    } else {
        (void)uv_timer_start(&republisher->timer, republish_on_timer, first > now ? first - now : 0, 0);
    }
}

/* ---- the interface ---- */

static enum stir_code spread_fill(struct spread *spread, const json_t *passports, const char *token)
{
    struct stir_buf array = {0};
    stir_jcs(&array, passports);
    enum stir_code code = stir_buf_state(&array);
    if (code == STIR_OK) {
        code = stir_token_digest_array(spread->digest, stir_view(array.ptr, array.len), NULL);
    }
    if (code == STIR_OK) {
        stir_buf_puts(&spread->body, "{\"passports\":");
        stir_buf_put(&spread->body, array.ptr, array.len);
        stir_buf_puts(&spread->body, ",\"token\":");
        stir_json_quote(&spread->body, token, strlen(token));
        stir_buf_puts(&spread->body, "}");
        code = stir_buf_state(&spread->body);
    }
    stir_buf_free(&array);
    return code;
}

void cpsd_republish(struct cpsd_republisher *republisher, const struct stir_identity *dest,
                    const struct stir_identity *orig, const json_t *passports, const char *token, int64_t ttl_ms)
{
    struct spread *spread = cpsd_republishes(republisher) ? calloc(1, sizeof(*spread)) : NULL;
    if (!spread) {
        return;
    }
    *spread = (struct spread){.dest = *dest, .orig = *orig, .refs = 1};
    spread->peers = cpsd_peers_ref(republisher->peers);
    spread->deadline_ms = uv_now(republisher->loop) + (uint64_t)ttl_ms;
    bool good = spread_fill(spread, passports, token) == STIR_OK;
    for (size_t i = 0; i < spread->peers->count; i++) {
        if (good) {
            (void)delivery_new(republisher, spread, &spread->peers->peer[i]);
        } else {
            cpsd_count(&republisher->metrics->republished[CPSD_REPUBLISH_DROPPED], 1);
        }
    }
    spread_unref(spread);
    republish_arm(republisher);
}

bool cpsd_republishes(const struct cpsd_republisher *republisher)
{
    return republisher && republisher->peers && republisher->fetcher;
}

size_t cpsd_republisher_pending(const struct cpsd_republisher *republisher)
{
    return republisher ? republisher->count : 0;
}

void cpsd_republisher_use(struct cpsd_republisher *republisher, struct cpsd_peers *peers)
{
    struct cpsd_peers *before = republisher->peers;
    republisher->peers = cpsd_peers_ref(peers);
    cpsd_peers_unref(before);
}

enum stir_code cpsd_republisher_new(struct cpsd_republisher **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                                    struct cpsd_metrics *metrics, const struct stir_log *log, struct stir_error *err)
{
    struct cpsd_republisher *republisher = calloc(1, sizeof(*republisher));
    if (!republisher) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for republishing");
    }
    *republisher = (struct cpsd_republisher){.loop = loop, .fetcher = fetcher, .metrics = metrics, .log = log};
    enum stir_code code = cpsd_mailbox_open(&republisher->mailbox, loop, err);
    if (code != STIR_OK) {
        free(republisher);
        return code;
    }
    (void)uv_timer_init(loop, &republisher->timer);
    republisher->timer.data = republisher;
    *out = republisher;
    return STIR_OK;
}

/* Frees the republisher when the last of its handles is closed. */
static void republish_let_go(struct cpsd_republisher *republisher)
{
    if (--republisher->closing == 0) {
        void (*closed)(void *arg) = republisher->closed;
        void *arg = republisher->closed_arg;
        cpsd_peers_unref(republisher->peers);
        free(republisher);
        closed(arg);
    }
}

static void republish_mailbox_closed(void *arg)
{
    republish_let_go(arg);
}

static void republish_timer_closed(uv_handle_t *handle)
{
    republish_let_go(handle->data);
}

void cpsd_republisher_close(struct cpsd_republisher *republisher, void (*closed)(void *arg), void *arg)
{
    if (republisher->count) {
        stir_log_plain(republisher->log, STIR_LOG_WARNING, "republish: %zu deliveries dropped because the server stops",
                       republisher->count);
    }
    for (struct delivery *delivery = republisher->deliveries, *next; delivery; delivery = next) {
        next = delivery->next;
        if (delivery->fetch) {
            cpsd_fetch_cancel(delivery->fetch);
        }
        delivery_end(delivery, CPSD_REPUBLISH_DROPPED);
    }
    republisher->closed = closed;
    republisher->closed_arg = arg;
    republisher->closing = 2;
    cpsd_mailbox_close(&republisher->mailbox, republish_mailbox_closed, republisher);
    uv_close((uv_handle_t *)&republisher->timer, republish_timer_closed);
}
