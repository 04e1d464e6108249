#include "cps/idempotency.h"

#include "common/b64.h"

#include <openssl/evp.h>
#include <time.h>

#define TURNS 3 /* a key that is taken and forgotten all the time is not waited for */

static void look(struct cpsd_idempotency_check *check);

static void finish(struct cpsd_idempotency_check *check, enum cpsd_idempotency outcome)
{
    check->done(check->arg, outcome);
}

/* An earlier record has the greater order, so that who comes first stays. Clocks of servers may differ: everybody looks
 * before he keeps, so this decides between two of the same moment only. */
static int64_t order_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)1 << 53) - 1 - ((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

static void kept(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_idempotency_check *check = arg;
    if (result->code == STIR_OK) {
        finish(check, result->existed ? CPSD_IDEMPOTENCY_AGAIN : CPSD_IDEMPOTENCY_FIRST);
    } else if (result->code == STIR_E_REFUSED && check->turns < TURNS) {
        look(check); /* somebody was faster */
    } else {
        finish(check, CPSD_IDEMPOTENCY_FAILED);
    }
}

static void looked(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_idempotency_check *check = arg;
    if (result->code == STIR_E_NOT_FOUND) {
        cpsd_store_keep(check->store, &check->record, stir_view_str(check->text), check->life_ms, order_now(), NULL,
                        kept, check);
    } else if (result->code != STIR_OK || result->count == 0) {
        finish(check, CPSD_IDEMPOTENCY_FAILED);
    } else {
        bool same = stir_view_is(result->entries[0].envelope, check->text);
        finish(check, same ? CPSD_IDEMPOTENCY_AGAIN : CPSD_IDEMPOTENCY_OTHER);
    }
}

static void look(struct cpsd_idempotency_check *check)
{
    check->turns++;
    cpsd_store_look(check->store, &check->record, NULL, looked, check);
}

/* base64url of the SHA-256 of some texts, each with its length in front. */
static void hash(char out[44], const struct stir_view *parts, size_t count)
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
                            int64_t life_ms, void (*done)(void *arg, enum cpsd_idempotency outcome), void *arg)
{
    struct stir_view name[] = {key, stir_view_str(provider), stir_view(box->text, box->len)};
    char named[44];
    *check = (struct cpsd_idempotency_check){.store = store, .life_ms = life_ms, .done = done, .arg = arg};
    hash(named, name, sizeof(name) / sizeof(name[0]));
    hash(check->text, &body, 1);
    if (!named[0] || !check->text[0]) {
        finish(check, CPSD_IDEMPOTENCY_FAILED);
        return;
    }
    check->record.kind = STIR_IDENTITY_URI;
    memcpy(check->record.text, "/idempotency/", 13);
    memcpy(check->record.text + 13, named, sizeof(named));
    check->record.len = (unsigned)strlen(check->record.text);
    look(check);
}

void cpsd_idempotency_forget(struct cpsd_idempotency_check *check, cpsd_store_done *done, void *arg)
{
    cpsd_store_drop(check->store, &check->record, NULL, done, arg);
}
