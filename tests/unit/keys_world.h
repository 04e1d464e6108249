/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "common/base/file.h"
#include "common/jose/envelope.h"
#include "common/jose/json.h"
#include "common/passport/keyrecord.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>
#include <time.h>

/*
 * CPSs for tests of finding and routing: each has a record that it hands out, counts what is asked of it, and keeps
 * what is published. The destination is WORLD_DEST; its provider is SPC 5678.
 */
struct keys_cps {
    struct peer peer; /* first */
    char ca_file[96];
    pthread_mutex_t lock;
    char record[STIR_KEYRECORD_MAX];
    char cache_control[64]; /* "": none */
    int status;             /* of GET /keys; 0: 200 */
    int any_status;         /* of every request; 0: as usual */
    int post_status;        /* of POST; 0: as usual */
    atomic_uint delay_ms;
    atomic_uint gets, posts, lists, healths;
    char envelopes[8][STIR_JWE_MAX + 1];
    size_t count;
};

static inline void keys_sleep_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static inline void keys_reply_record(struct keys_cps *cps, struct stir_buf *out)
{
    char more[128] = "";
    if (cps->cache_control[0]) {
        (void)snprintf(more, sizeof(more), "Cache-Control: %s\r\n", cps->cache_control);
    }
    peer_reply(out, cps->status ? cps->status : 200, "application/jwt", more, cps->record);
}

static inline void keys_reply_list(struct keys_cps *cps, struct stir_buf *out)
{
    struct stir_buf body = {0};
    char id[CPS_ID_LEN + 1];
    stir_buf_puts(&body, "{\"ppts\":[");
    for (size_t i = 0; i < cps->count; i++) {
        (void)!cps_envelope_id(id, cps->envelopes[i], strlen(cps->envelopes[i]), NULL);
        stir_buf_printf(&body, "%s{\"id\":\"%s\",\"ppt\":\"%s\"}", i ? "," : "", id, cps->envelopes[i]);
    }
    stir_buf_puts(&body, "],\"cursor\":\"1\"}");
    peer_reply(out, 200, "application/json", NULL, body.ptr);
    stir_buf_free(&body);
}

static inline void keys_answer(struct peer *peer, const struct peer_request *request, struct stir_buf *out)
{
    struct keys_cps *cps = (struct keys_cps *)peer;
    bool keys = strncmp(request->target, "/keys/", 6) == 0;
    bool post = strcmp(request->method, "POST") == 0;
    bool health = strncmp(request->target, "/health", 7) == 0;
    atomic_fetch_add(keys ? &cps->gets : post ? &cps->posts : health ? &cps->healths : &cps->lists, 1);
    for (unsigned ms = atomic_load(&cps->delay_ms); ms > 0 && !atomic_load(&peer->stopping); ms -= ms > 10 ? 10 : ms) {
        keys_sleep_ms(ms > 10 ? 10 : ms);
    }
    pthread_mutex_lock(&cps->lock);
    if (cps->any_status || (post && cps->post_status)) {
        peer_reply(out, cps->any_status ? cps->any_status : cps->post_status, "application/problem+json", NULL, "{}");
    } else if (keys) {
        keys_reply_record(cps, out);
    } else if (health) {
        peer_reply(out, 200, "application/json", NULL, "{}");
    } else if (post) {
        if (cps->count < 8 && request->body_len <= STIR_JWE_MAX) {
            memcpy(cps->envelopes[cps->count++], request->body, request->body_len + 1);
        }
        peer_reply(out, 201, "application/json", "Location: /x\r\n", "");
    } else {
        keys_reply_list(cps, out);
    }
    pthread_mutex_unlock(&cps->lock);
}

static inline void keys_cps_start(struct keys_cps *cps, const struct world *world, const char *name)
{
    *cps = (struct keys_cps){0};
    pthread_mutex_init(&cps->lock, NULL);
    world_path(cps->ca_file, world, name);
    peer_start(&cps->peer, cps->ca_file, keys_answer, NULL);
}

static inline void keys_cps_stop(struct keys_cps *cps)
{
    peer_stop(&cps->peer);
    pthread_mutex_destroy(&cps->lock);
}

static inline void keys_set(struct keys_cps *cps, int *what, int value)
{
    pthread_mutex_lock(&cps->lock);
    *what = value;
    pthread_mutex_unlock(&cps->lock);
}

/* Writes the roots of both CPSs into one file. */
static inline void keys_join(char out[96], const struct world *world, const char *a, const char *b)
{
    struct stir_buf text = {0};
    UNIT_OK(stir_read_file(&text, a, 65536, NULL));
    UNIT_OK(stir_read_file(&text, b, 65536, NULL));
    world_path(out, world, "tls-roots.pem");
    world_write(out, text.ptr, text.len);
    stir_buf_free(&text);
}

/* Issuers that may speak for the destination, and their records. */
struct keys_holder {
    X509 *cert;
    EVP_PKEY *key;
};

static inline struct keys_holder keys_holder(const struct world *world, const char *tnauth)
{
    struct keys_holder holder = {0};
    holder.cert = certs_make_for(
        tnauth, (struct stir_cert_spec){.common_name = "holder", .issuer = world->ca, .issuer_key = world->ca_key},
        &holder.key);
    return holder;
}

static inline void keys_sign(struct keys_cps *cps, const struct world *world, const struct keys_holder *holder,
                             const char *claims, struct stir_keyrecord_spec spec)
{
    struct stir_tnauth list = {0};
    struct stir_error err = {0};
    unsigned char *der[2] = {NULL, NULL};
    int len[2] = {i2d_X509(holder->cert, &der[0]), i2d_X509(world->ca, &der[1])};
    struct stir_view x5c[2] = {stir_view((const char *)der[0], (size_t)len[0]),
                               stir_view((const char *)der[1], (size_t)len[1])};
    char *text = NULL;
    size_t n = 0;
    UNIT_OK(stir_tnauth_from_text(&list, claims, NULL));
    spec.claims = &list;
    spec.x5c = x5c;
    spec.x5c_count = 2;
    UNIT_CODE(stir_keyrecord_make(&text, &n, &spec, holder->key, &err), STIR_OK, err.text);
    if (text && n < sizeof(cps->record)) {
        pthread_mutex_lock(&cps->lock);
        memcpy(cps->record, text, n + 1);
        pthread_mutex_unlock(&cps->lock);
    }
    free(text);
    OPENSSL_free(der[0]);
    OPENSSL_free(der[1]);
    stir_tnauth_clear(&list);
}
