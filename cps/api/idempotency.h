#pragma once

#include "cps/http/request.h"

/*
 * Idempotency-Key: a client that got no answer may ask again with the same key. What was asked first is remembered in
 * the store as the hash of its body, under the hash of key, provider and box, so that every server of one CPS knows it.
 * The caller's provider is part of it: nobody meets another's keys. With the hash stands until when that body's
 * PASSporTs live: a request that comes again before puts back what was lost, if a server fell over it, and no longer
 * than the first would have had it; after that there is nothing to do but to answer.
 */
#define CPSD_IDEMPOTENCY_KEY_MAX 255

enum cpsd_idempotency {
    CPSD_IDEMPOTENCY_FIRST,  /* nobody used the key: it is this request's now */
    CPSD_IDEMPOTENCY_AGAIN,  /* the same request came before */
    CPSD_IDEMPOTENCY_OTHER,  /* the key belongs to a request with another body */
    CPSD_IDEMPOTENCY_FAILED, /* the store could not tell */
};

/* left_ms: how long what the first request brought is still to be kept; with _AGAIN it may be 0 or less: it is over. */
typedef void cpsd_idempotency_done(void *arg, enum cpsd_idempotency outcome, int64_t left_ms);

#define CPSD_IDEMPOTENCY_TEXT 72

/* One question to the store. Embedded by who asks; its content is private. */
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
 * Begins a check: `done` is called once, perhaps before this returns. The key is 1 to CPSD_IDEMPOTENCY_KEY_MAX octets;
 * key, provider and body are read during the call only. It is remembered for life_ms; ttl_ms is for how long what the
 * body brings is kept. The check has to stay where it is until `done`.
 */
void cpsd_idempotency_begin(struct cpsd_idempotency_check *check, struct cpsd_store *store, struct stir_view key,
                            const char *provider, const struct stir_identity *box, struct stir_view body,
                            int64_t life_ms, int64_t ttl_ms, cpsd_idempotency_done *done, void *arg);

/* What was asked first did not succeed: the key is free again when `done` comes, unless the store is away. For
 * CPSD_IDEMPOTENCY_FIRST only. */
void cpsd_idempotency_forget(struct cpsd_idempotency_check *check, cpsd_store_done *done, void *arg);
