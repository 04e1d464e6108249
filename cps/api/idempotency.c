/* SPDX-License-Identifier: MIT */
#include "cps/api/idempotency.h"

#include "common/jose/b64.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#define HASH_TEXT 43 /* base64url characters of a SHA-256 */
#define TURNS_MAX 3  /* attempts: a key that is taken and released all the time is not waited for */

static void idempotency_look(struct cpsd_idempotency_check *check);

static void idempotency_finish(struct cpsd_idempotency_check *check, enum cpsd_idempotency outcome, int64_t left_ms)
{
    check->done(check->arg, outcome, left_ms);
}

static int64_t idempotency_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The store keeps the record with the greater order. An earlier request gets the greater one, so that the first stays.
 * The clocks of servers may differ, but each server looks before it keeps, so this only decides between requests of the
 * same moment. */
static int64_t idempotency_order(void)
{
    return ((int64_t)1 << 53) - 1 - idempotency_now_us();
}

static void idempotency_kept(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_idempotency_check *check = arg;
    if (result->code == STIR_OK) {
        idempotency_finish(check, result->existed ? CPSD_IDEMPOTENCY_AGAIN : CPSD_IDEMPOTENCY_FIRST, check->ttl_ms);
    } else if (result->code == STIR_E_REFUSED && check->turns < TURNS_MAX) {
        idempotency_look(check); /* another request was faster: see what it left */
    } else {
        idempotency_finish(check, CPSD_IDEMPOTENCY_FAILED, 0);
    }
}

/* Compares the body with the record of the first request. */
static void idempotency_compare(struct cpsd_idempotency_check *check, struct stir_view text)
{
    uint64_t end_ms = 0;
    bool same = text.len > HASH_TEXT + 1 && memcmp(text.ptr, check->text, HASH_TEXT + 1) == 0 &&
                cpsd_http_number(stir_view(text.ptr + HASH_TEXT + 1, text.len - HASH_TEXT - 1), INT64_MAX, &end_ms);
    idempotency_finish(check, same ? CPSD_IDEMPOTENCY_AGAIN : CPSD_IDEMPOTENCY_OTHER,
                       (int64_t)end_ms - idempotency_now_us() / 1000);
}

static void idempotency_looked(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_idempotency_check *check = arg;
    if (result->code == STIR_E_NOT_FOUND) {
        cpsd_store_keep(check->store, &check->record, stir_view_str(check->text), check->life_ms, idempotency_order(),
                        NULL, idempotency_kept, check);
    } else if (result->code != STIR_OK || result->count == 0) {
        idempotency_finish(check, CPSD_IDEMPOTENCY_FAILED, 0);
    } else {
        idempotency_compare(check, result->entries[0].envelope);
    }
}

static void idempotency_look(struct cpsd_idempotency_check *check)
{
    check->turns++;
    cpsd_store_look(check->store, &check->record, NULL, idempotency_looked, check);
}

/* Writes the base64url of the SHA-256 of some texts, each preceded by its length; "" if OpenSSL failed. */
static void idempotency_hash(char out[HASH_TEXT + 1], const struct stir_view *parts, size_t count)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < count; i++) {
        uint64_t len = parts[i].len;
        good = EVP_DigestUpdate(ctx, &len, sizeof(len)) == 1 && EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
    }
    good = good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    size_t n = good ? stir_b64url_encode(out, digest, 32) : 0;
    out[n] = '\0';
}

void cpsd_idempotency_begin(struct cpsd_idempotency_check *check, struct cpsd_store *store, struct stir_view key,
                            const char *provider, const struct stir_identity *box, struct stir_view body,
                            int64_t life_ms, int64_t ttl_ms, cpsd_idempotency_done *done, void *arg)
{
    struct stir_view name[] = {key, stir_view_str(provider), stir_view(box->text, box->len)};
    char named[HASH_TEXT + 1], hashed[HASH_TEXT + 1];
    *check =
        (struct cpsd_idempotency_check){.store = store, .life_ms = life_ms, .ttl_ms = ttl_ms, .done = done, .arg = arg};
    idempotency_hash(named, name, sizeof(name) / sizeof(name[0]));
    idempotency_hash(hashed, &body, 1);
    if (!named[0] || !hashed[0]) {
        idempotency_finish(check, CPSD_IDEMPOTENCY_FAILED, 0);
        return;
    }
    (void)snprintf(check->text, sizeof(check->text), "%s.%" PRId64, hashed, idempotency_now_us() / 1000 + ttl_ms);
    check->record.kind = STIR_IDENTITY_URI;
    check->record.len = (unsigned)snprintf(check->record.text, sizeof(check->record.text), "/idempotency/%s", named);
    idempotency_look(check);
}

void cpsd_idempotency_forget(struct cpsd_idempotency_check *check, cpsd_store_done *done, void *arg)
{
    cpsd_store_drop(check->store, &check->record, NULL, done, arg);
}
