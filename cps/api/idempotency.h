/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * Idempotency-Key: a client that got no answer can repeat a request with the same key. The first request is remembered
 * in the store as the hash of its body, under the hash of key, provider and box, so that every server of one CPS knows
 * it. The caller's provider is part of the name, so that callers do not meet each other's keys. The record also has the
 * time at which that body's PASSporTs expire: a repeated request before it puts back what was lost, if a server crashed
 * in between, and keeps it no longer than the first request would have; after it the repeated request is only answered.
 */
#define CPSD_IDEMPOTENCY_KEY_MAX 255

enum cpsd_idempotency {
    CPSD_IDEMPOTENCY_FIRST,  /* the key is new; it belongs to this request now */
    CPSD_IDEMPOTENCY_AGAIN,  /* the same request came before */
    CPSD_IDEMPOTENCY_OTHER,  /* the key was used with another body */
    CPSD_IDEMPOTENCY_FAILED, /* the store failed */
};

/* left_ms: milliseconds until the PASSporTs of the first request expire; with _AGAIN 0 or less means that they have. */
typedef void cpsd_idempotency_done(void *arg, enum cpsd_idempotency outcome, int64_t left_ms);

#define CPSD_IDEMPOTENCY_TEXT 72

/* One check in progress. Embedded by the caller; its content is private. */
struct cpsd_idempotency_check {
    struct cpsd_store *store;
    struct stir_identity record;
    char text[CPSD_IDEMPOTENCY_TEXT]; /* base64url of the body's SHA-256, a dot, the end in milliseconds */
    int64_t life_ms, ttl_ms;
    unsigned turns;
    cpsd_idempotency_done *done;
    void *arg;
};

/*
 * Begins a check; `done` is called once, perhaps before this returns. The key has 1 to CPSD_IDEMPOTENCY_KEY_MAX octets;
 * key, provider and body are read during the call only. The key is remembered for life_ms; the PASSporTs of the body
 * are kept for ttl_ms. `check` must stay where it is until `done`.
 */
void cpsd_idempotency_begin(struct cpsd_idempotency_check *check, struct cpsd_store *store, struct stir_view key,
                            const char *provider, const struct stir_identity *box, struct stir_view body,
                            int64_t life_ms, int64_t ttl_ms, cpsd_idempotency_done *done, void *arg);

/* Releases the key, after CPSD_IDEMPOTENCY_FIRST, because the request failed. It is free again when `done` is called,
 * unless the store failed. */
void cpsd_idempotency_forget(struct cpsd_idempotency_check *check, cpsd_store_done *done, void *arg);
