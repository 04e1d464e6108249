#pragma once

#include "cps/request.h"

/*
 * Idempotency-Key: a client that got no answer may ask again with the same key. What was asked first is remembered in
 * the store as the hash of its body, under the hash of key, provider and box, so that every server of one CPS knows it.
 * The caller's provider is part of it: nobody meets another's keys. A repeated request is carried out again, which
 * changes nothing, since a PASSporT is stored once however often it is published.
 */
#define CPSD_IDEMPOTENCY_KEY_MAX 255

enum cpsd_idempotency {
    CPSD_IDEMPOTENCY_FIRST,  /* nobody used the key: it is this request's now */
    CPSD_IDEMPOTENCY_AGAIN,  /* the same request came before */
    CPSD_IDEMPOTENCY_OTHER,  /* the key belongs to a request with another body */
    CPSD_IDEMPOTENCY_FAILED, /* the store could not tell */
};

/* One question to the store. Embedded by who asks; its content is private. */
struct cpsd_idempotency_check {
    struct cpsd_store *store;
    struct stir_identity record;
    char text[44]; /* base64url of the body's SHA-256 */
    int64_t life_ms;
    unsigned turns;
    void (*done)(void *arg, enum cpsd_idempotency outcome);
    void *arg;
};

/*
 * Begins a check: `done` is called once, perhaps before this returns. The key is 1 to CPSD_IDEMPOTENCY_KEY_MAX octets;
 * key, provider and body are read during the call only. The check has to stay where it is until `done`.
 */
void cpsd_idempotency_begin(struct cpsd_idempotency_check *check, struct cpsd_store *store, struct stir_view key,
                            const char *provider, const struct stir_identity *box, struct stir_view body,
                            int64_t life_ms, void (*done)(void *arg, enum cpsd_idempotency outcome), void *arg);

/* What was asked first did not succeed: the key is free again when `done` comes, unless the store is away. For
 * CPSD_IDEMPOTENCY_FIRST only. */
void cpsd_idempotency_forget(struct cpsd_idempotency_check *check, cpsd_store_done *done, void *arg);
