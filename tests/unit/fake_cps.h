/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/net/transport.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <time.h>

/* A CPS with one box, for tests of a receiver. Each test sets how it behaves: pages, no waiting, refusals. */
struct fake_cps {
    struct peer peer;
    char ca_file[96];
    pthread_mutex_t lock;
    struct cps_envelope items[256];
    size_t count;
    size_t page;            /* envelopes in one answer; 0: all */
    int status;             /* answer this instead; 0: none */
    int status_for;         /* number of times; 0: always */
    const char *bad_cursor; /* refuses this cursor with 400 */
    bool never_waits;
    bool no_cursors; /* lists everything each time */
    int wait_status; /* status of the answer to a waiting request; 0: as usual */
    atomic_uint delay_ms;
    atomic_uint plain, waiting, healths; /* requests by kind */
    size_t given;                        /* envelopes in all answers */
    char last_after[64];
    bool removed[256]; /* of the items, by DELETE */
    bool expired[256]; /* they are gone without having been taken */
    bool forgets;      /* no longer knows what was taken */
    bool no_ages;      /* does not give the ages of envelopes */
    int64_t put_ms[256];
    int64_t older_ms;  /* age of an envelope when it is put */
    int delete_status; /* status of the answer to DELETE; 0: 204, or 404 if the envelope is gone */
    atomic_uint deletes;
    atomic_uint deletes_begun;
    atomic_bool holds_deletes; /* does not answer them while this is set */
    struct peer_request last;  /* without its body */
};

static inline void fake_sleep(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Waits until a counter of the fake CPS has reached a number. */
static inline void fake_await(atomic_uint *counter, unsigned least)
{
    while (atomic_load(counter) < least) {
        fake_sleep(1);
    }
}

static inline size_t fake_after(struct fake_cps *fake, const struct peer_request *request)
{
    const char *after = strpbrk(request->target, "?&");
    while (after && strncmp(after + 1, "after=", 6) != 0) {
        after = strpbrk(after + 1, "&");
    }
    (void)snprintf(fake->last_after, sizeof(fake->last_after), "%s", after ? after + 7 : "");
    return after ? (size_t)strtoul(after + 7, NULL, 10) : 0;
}

static inline void fake_list(struct fake_cps *fake, size_t from, bool holder, struct stir_buf *out)
{
    struct stir_buf body = {0};
    size_t to = fake->page && from + fake->page < fake->count ? from + fake->page : fake->count;
    stir_buf_puts(&body, "{\"ppts\":[");
    for (size_t i = from; i < to; i++) {
        stir_buf_printf(&body, "%s{\"id\":\"%s\",\"ppt\":\"%s\"", i > from ? "," : "", fake->items[i].id,
                        fake->items[i].text);
        stir_buf_puts(&body, holder && fake->removed[i] ? ",\"taken\":true" : "");
        if (holder && !fake->no_ages) {
            stir_buf_printf(&body, ",\"age_ms\":%lld", (long long)(cps_monotonic_ms() - fake->put_ms[i]));
        }
        stir_buf_puts(&body, "}");
    }
    fake->given += to > from ? to - from : 0;
    stir_buf_printf(&body, "],\"cursor\":\"%zu\"}", to > from ? to : from);
    peer_reply(out, 200, "application/json", NULL, body.ptr);
    stir_buf_free(&body);
}

static inline bool fake_refuses(struct fake_cps *fake, struct stir_buf *out)
{
    if (fake->bad_cursor && strcmp(fake->bad_cursor, fake->last_after) == 0) {
        peer_reply(out, 400, "application/problem+json", NULL, "{\"title\":\"no such cursor\"}");
        return true;
    }
    if (!fake->status) {
        return false;
    }
    peer_reply(out, fake->status, "application/problem+json", NULL, "{}");
    if (fake->status_for && --fake->status_for == 0) {
        fake->status = 0;
    }
    return true;
}

/* Takes an envelope out of the box, for the first caller only. */
static inline void fake_remove(struct fake_cps *fake, const struct peer_request *request, struct stir_buf *out)
{
    const char *id = strrchr(request->target, '/');
    bool remembers = strstr(request->target, "?claim=yes") != NULL;
    int status = 404;
    atomic_fetch_add(&fake->deletes, 1);
    for (size_t i = 0; i < fake->count && !fake->delete_status; i++) {
        if (strncmp(fake->items[i].id, id + 1, CPS_ID_LEN) == 0) {
            status = fake->removed[i] ? fake->forgets ? 404 : 410 : fake->expired[i] ? 404 : 204;
            fake->removed[i] |= status == 204 || (status == 404 && remembers);
        }
    }
    status = fake->delete_status ? fake->delete_status : status;
    peer_reply(out, status, "application/problem+json", NULL, status == 204 ? "" : "{}");
}

static inline void fake_answer(struct peer *peer, const struct peer_request *request, struct stir_buf *out)
{
    struct fake_cps *fake = (struct fake_cps *)peer;
    char wait[256] = "wait=0";
    if (strcmp(request->method, "DELETE") == 0) {
        atomic_fetch_add(&fake->deletes_begun, 1);
        fake_sleep(atomic_load(&fake->delay_ms));
        while (atomic_load(&fake->holds_deletes) && !atomic_load(&peer->stopping)) {
            fake_sleep(1);
        }
        pthread_mutex_lock(&fake->lock);
        fake->last = *request;
        fake_remove(fake, request, out);
        pthread_mutex_unlock(&fake->lock);
        return;
    }
    if (strncmp(request->target, "/health", 7) == 0) { /* answered also while the box is not */
        atomic_fetch_add(&fake->healths, 1);
        pthread_mutex_lock(&fake->lock);
        fake->last = request->target[7] ? fake->last : *request;
        pthread_mutex_unlock(&fake->lock);
        peer_reply(out, 200, "application/json", NULL, "{}");
        return;
    }
    bool waits = peer_header(request, "Prefer", wait) != NULL;
    atomic_fetch_add(waits ? &fake->waiting : &fake->plain, 1);
    fake_sleep(atomic_load(&fake->delay_ms));
    pthread_mutex_lock(&fake->lock);
    fake->last = *request;
    unsigned left_ms = fake->never_waits || fake->wait_status ? 0 : (unsigned)strtoul(wait + 5, NULL, 10) * 1000;
    size_t from = fake_after(fake, request);
    from = fake->no_cursors ? 0 : from;
    while (left_ms && fake->count <= from && !atomic_load(&peer->stopping)) {
        pthread_mutex_unlock(&fake->lock);
        fake_sleep(5);
        left_ms -= left_ms < 5 ? left_ms : 5;
        pthread_mutex_lock(&fake->lock);
    }
    if (waits && fake->wait_status) {
        peer_reply(out, fake->wait_status, "application/problem+json", NULL, "{}");
    } else if (!fake_refuses(fake, out)) {
        fake_list(fake, from, strstr(request->target, "dummies=no") != NULL, out);
    }
    pthread_mutex_unlock(&fake->lock);
}

static inline void fake_begin(struct fake_cps *fake, struct world *world, struct cps_options options)
{
    *fake = (struct fake_cps){0};
    pthread_mutex_init(&fake->lock, NULL);
    world_begin(world, NULL);
    world_path(fake->ca_file, world, "tls-root.pem");
    peer_start(&fake->peer, fake->ca_file, fake_answer, NULL);
    options.size = sizeof(options);
    options.cps_url = options.cps_url ? options.cps_url : fake->peer.url;
    options.tls_ca_file = fake->ca_file;
    options.trust_file = world->trust;
    options.x5u_dir = options.x5u_ca_file ? NULL : world->x5u_dir;
    options.now = world_now;
    cps_free(world->cps);
    world->cps = NULL;
    world->options = options;
    world->cps = world_handle(&options);
}

static inline void fake_end(struct fake_cps *fake, struct world *world)
{
    cps_free(world->cps);
    world->cps = NULL;
    peer_stop(&fake->peer);
    for (size_t i = 0; i < fake->count; i++) {
        free(fake->items[i].text);
    }
    pthread_mutex_destroy(&fake->lock);
    world_end(world);
}

/* Puts a text into the box, unchanged. */
static inline void fake_put_text(struct fake_cps *fake, const char *text)
{
    pthread_mutex_lock(&fake->lock);
    CU_ASSERT_TRUE_FATAL(fake->count < 256);
    struct cps_envelope *item = &fake->items[fake->count];
    fake->put_ms[fake->count] = cps_monotonic_ms() - fake->older_ms;
    item->text = strdup(text);
    UNIT_CHECK(cps_envelope_id(item->id, text, strlen(text), NULL) == CPS_OK, "id");
    fake->count++;
    pthread_mutex_unlock(&fake->lock);
}

/* Seals a PASSporT for a key and puts it into the box. */
static inline void fake_put(struct fake_cps *fake, struct world *world, const char *passport,
                            const struct cps_signer *chain_of, const struct cps_key *key)
{
    struct cps_envelopes sealed = {0};
    struct cps_error err = {0};
    enum cps_code code = cps_seal(world->cps, passport, strlen(passport), chain_of, &key, 1, &sealed, &err);
    if (code_is(code, CPS_OK, "sealing", err.text, __LINE__, __FILE__)) {
        fake_put_text(fake, sealed.items[0].text);
    }
    cps_envelopes_clear(&sealed);
}

/* Signs the PASSporT of a message with this body and puts it into the box. */
static inline void fake_publish(struct fake_cps *fake, struct world *world, const char *body, int64_t iat)
{
    char *passport = world_sign(world, body, iat);
    fake_put(fake, world, passport, NULL, world->box_public);
    cps_text_free(passport);
}
