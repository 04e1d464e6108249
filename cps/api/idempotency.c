#include "cps/api/idempotency.h"

#include "common/jose/b64.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#define HASH_TEXT 43 /* base64url characters of a SHA-256 */
#define TURNS 3      /* a key that is taken and forgotten all the time is not waited for */

static void look(struct cpsd_idempotency_check *check);

static void finish(struct cpsd_idempotency_check *check, enum cpsd_idempotency outcome, int64_t left_ms)
{
    check->done(check->arg, outcome, left_ms);
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* An earlier record has the greater order, so that who comes first stays. Clocks of servers may differ: everybody looks
 * before he keeps, so this decides between two of the same moment only. */
static int64_t order_now(void)
{
    return ((int64_t)1 << 53) - 1 - now_us();
}

static void kept(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_idempotency_check *check = arg;
    if (result->code == STIR_OK) {
        finish(check, result->existed ? CPSD_IDEMPOTENCY_AGAIN : CPSD_IDEMPOTENCY_FIRST, check->ttl_ms);
    } else if (result->code == STIR_E_REFUSED && check->turns < TURNS) {
        look(check); /* somebody was faster */
    } else {
        finish(check, CPSD_IDEMPOTENCY_FAILED, 0);
    }
}

/* What is there: this very body, or another. */
static void compare(struct cpsd_idempotency_check *check, struct stir_view text)
{
    uint64_t end_ms = 0;
    bool same = text.len > HASH_TEXT + 1 && memcmp(text.ptr, check->text, HASH_TEXT + 1) == 0 &&
                cpsd_http_number(stir_view(text.ptr + HASH_TEXT + 1, text.len - HASH_TEXT - 1), INT64_MAX, &end_ms);
    finish(check, same ? CPSD_IDEMPOTENCY_AGAIN : CPSD_IDEMPOTENCY_OTHER, (int64_t)end_ms - now_us() / 1000);
}

static void looked(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_idempotency_check *check = arg;
    if (result->code == STIR_E_NOT_FOUND) {
        cpsd_store_keep(check->store, &check->record, stir_view_str(check->text), check->life_ms, order_now(), NULL,
                        kept, check);
    } else if (result->code != STIR_OK || result->count == 0) {
        finish(check, CPSD_IDEMPOTENCY_FAILED, 0);
    } else {
        compare(check, result->entries[0].envelope);
    }
}

static void look(struct cpsd_idempotency_check *check)
{
    check->turns++;
    cpsd_store_look(check->store, &check->record, NULL, looked, check);
}

/* base64url of the SHA-256 of some texts, each with its length in front. */
static void hash(char out[HASH_TEXT + 1], const struct stir_view *parts, size_t count)
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
    hash(named, name, sizeof(name) / sizeof(name[0]));
    hash(hashed, &body, 1);
    if (!named[0] || !hashed[0]) {
        finish(check, CPSD_IDEMPOTENCY_FAILED, 0);
        return;
    }
    (void)snprintf(check->text, sizeof(check->text), "%s.%" PRId64, hashed, now_us() / 1000 + ttl_ms);
    check->record.kind = STIR_IDENTITY_URI;
    check->record.len = (unsigned)snprintf(check->record.text, sizeof(check->record.text), "/idempotency/%s", named);
    look(check);
}

void cpsd_idempotency_forget(struct cpsd_idempotency_check *check, cpsd_store_done *done, void *arg)
{
    cpsd_store_drop(check->store, &check->record, NULL, done, arg);
}
