/* SPDX-License-Identifier: MIT */
#include "cps/api/dummy.h"

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/jose/envelope.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define CACHE_SLOTS 1024 /* pairs of box and slot that a worker remembers; a power of two */
#define SIZES_MAX 32
#define SEED 32

struct dummy {
    int64_t arrival_us;
    uint8_t seed[SEED];
    uint8_t id[CPSD_ID_OCTETS];
    char *envelope; /* made when it is first shown: its key costs as much as the rest of an answer */
    size_t len;
};

/* The dummies of one box that arrive in one slot, sorted by arrival. */
struct slot {
    struct stir_identity box;
    int64_t number;
    size_t count;
    struct dummy dummies[CPSD_DUMMIES_A_SLOT];
};

struct cpsd_dummies {
    uint8_t secret[CPSD_DUMMY_SECRET];
    bool steady;
    int64_t life_us, slot_us;
    size_t sizes[SIZES_MAX], size_count;
    uint8_t *plain; /* zeros, as long as the largest size: the plaintext of the key stream */
    uint8_t *cipher;
    struct slot *cache[CACHE_SLOTS];
};

enum stir_code cpsd_dummy_secret(uint8_t secret[CPSD_DUMMY_SECRET], const struct cpsd_config *config,
                                 struct stir_error *err)
{
    if (!config->dummies_secret_file[0]) {
        return RAND_bytes(secret, CPSD_DUMMY_SECRET) == 1
                   ? STIR_OK
                   : stir_fail_openssl(err, STIR_E_CRYPTO, "no random octets for the secret of dummies");
    }
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, config->dummies_secret_file, 4096, err);
    if (code == STIR_OK && file.len < CPSD_DUMMY_SECRET) {
        code = stir_fail(err, STIR_E_CONFIG, "%s: the secret of dummies needs at least %d octets",
                         config->dummies_secret_file, CPSD_DUMMY_SECRET);
    }
    if (code == STIR_OK) {
        SHA256((const unsigned char *)file.ptr, file.len, secret);
    }
    stir_buf_cleanse(&file);
    return code;
}

static enum stir_code dummies_read_sizes(struct cpsd_dummies *dummies, const char *list, struct stir_error *err)
{
    char item[16];
    size_t pos = 0, largest = 0;
    while (stir_conf_next(list, &pos, item, sizeof(item))) {
        char *end = NULL;
        unsigned long size = strtoul(item, &end, 10);
        if (*end || size == 0 || stir_envelope_padded(size) != size) {
            return stir_fail(
                err, STIR_E_CONFIG,
                "[dummies] sizes: \"%s\" is not the length of an envelope's plaintext; write " STIR_ENVELOPE_LENGTHS
                " without commas in the numbers",
                item);
        }
        if (dummies->size_count == SIZES_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[dummies] sizes: the list has more than %d sizes", SIZES_MAX);
        }
        dummies->sizes[dummies->size_count++] = size;
        largest = size > largest ? size : largest;
    }
    if (largest == 0) {
        return stir_fail(err, STIR_E_CONFIG, "[dummies] sizes: the list is empty");
    }
    dummies->plain = calloc(1, largest + 128);
    dummies->cipher = calloc(1, largest + 128);
    return dummies->plain && dummies->cipher ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory for dummies");
}

enum stir_code cpsd_dummies_new(struct cpsd_dummies **out, const uint8_t secret[CPSD_DUMMY_SECRET],
                                const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_dummies *dummies = calloc(1, sizeof(*dummies));
    if (!dummies) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for dummies");
    }
    memcpy(dummies->secret, secret, CPSD_DUMMY_SECRET);
    dummies->steady = config->dummies_mode == CPSD_DUMMIES_STEADY;
    dummies->life_us = config->ttl_default_s * 1000000;
    dummies->slot_us = dummies->steady ? dummies->life_us / 2 : dummies->life_us;
    enum stir_code code = dummies_read_sizes(dummies, config->dummies_sizes, err);
    if (code != STIR_OK) {
        cpsd_dummies_free(dummies);
        return code;
    }
    *out = dummies;
    return STIR_OK;
}

static void dummies_slot_free(struct slot *slot)
{
    for (size_t i = 0; slot && i < slot->count; i++) {
        free(slot->dummies[i].envelope);
    }
    if (slot) {
        OPENSSL_cleanse(slot, sizeof(*slot));
    }
    free(slot);
}

void cpsd_dummies_free(struct cpsd_dummies *dummies)
{
    if (!dummies) {
        return;
    }
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        dummies_slot_free(dummies->cache[i]);
    }
    free(dummies->plain);
    free(dummies->cipher);
    OPENSSL_cleanse(dummies->secret, sizeof(dummies->secret));
    free(dummies);
}

bool cpsd_dummies_steady(const struct cpsd_dummies *dummies)
{
    return dummies->steady;
}

/* Computes a seed: an HMAC over a purpose, a number and the box. Everything about a box's dummies follows from seeds.
 */
static bool dummies_seed(const struct cpsd_dummies *dummies, uint8_t out[SEED], char what, int64_t number,
                         const struct stir_identity *box)
{
    uint8_t text[9 + STIR_IDENTITY_MAX];
    unsigned len = 0;
    assert(box->len <= STIR_IDENTITY_MAX);
    text[0] = (uint8_t)what;
    for (int i = 0; i < 8; i++) {
        text[1 + i] = (uint8_t)((uint64_t)number >> (8 * i));
    }
    memcpy(text + 9, box->text, box->len);
    return HMAC(EVP_sha256(), dummies->secret, CPSD_DUMMY_SECRET, text, 9 + box->len, out, &len) && len == SEED;
}

static uint64_t dummies_u64(const uint8_t *p)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) {
        n |= (uint64_t)p[i] << (8 * i);
    }
    return n;
}

/* Fills `out` with n octets of a key stream that cannot be predicted without the seed. */
static bool dummies_key_stream(const struct cpsd_dummies *dummies, const uint8_t key[SEED], uint8_t *out, size_t n)
{
    static const uint8_t iv[16] = {0};
    int len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, key, iv) == 1 &&
              EVP_EncryptUpdate(ctx, out, &len, dummies->plain, (int)n) == 1 && (size_t)len == n;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* Computes the public half of a private key of pseudo-random octets, as real keys are made. Random octets would not do:
 * half of them are not points of the curve, so that a reader could tell a dummy. */
static bool dummies_public_key(const uint8_t private_key[32], uint8_t epk[32])
{
    size_t len = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
    bool ok = key && EVP_PKEY_get_raw_public_key(key, epk, &len) == 1 && len == 32;
    EVP_PKEY_free(key);
    return ok;
}

static bool dummies_make_envelope(struct cpsd_dummies *dummies, struct dummy *dummy)
{
    const uint8_t *key = dummy->seed;
    uint8_t epk[32], digest[SHA256_DIGEST_LENGTH];
    uint8_t *stream = dummies->cipher;
    size_t size = dummies->sizes[dummies_u64(key + 8) % dummies->size_count];
    struct stir_buf text = {.limit = STIR_JWE_MAX};
    /* the key stream gives private key, IV, tag and ciphertext */
    bool ok = dummies_key_stream(dummies, key, stream, 32 + STIR_GCM_IV + STIR_GCM_TAG + size) &&
              dummies_public_key(stream, epk);
    if (ok) {
        stir_jwe_assemble(&text, STIR_CURVE_X25519, epk, stream + 32, stream + 32 + STIR_GCM_IV + STIR_GCM_TAG, size,
                          stream + 32 + STIR_GCM_IV);
        dummy->envelope = stir_buf_steal(&text, &dummy->len);
        ok = dummy->envelope != NULL;
    }
    if (ok) {
        SHA256((const unsigned char *)dummy->envelope, dummy->len, digest);
        memcpy(dummy->id, digest, CPSD_ID_OCTETS);
    }
    OPENSSL_cleanse(stream, 32);
    ERR_clear_error();
    return ok;
}

/* Returns the number of dummies in a slot: one, and one more each time with a probability of a half. */
static size_t dummies_in_slot(const struct cpsd_dummies *dummies, uint64_t random)
{
    size_t n = 1;
    while (dummies->steady && n < CPSD_DUMMIES_A_SLOT && (random & 1)) {
        n++;
        random >>= 1;
    }
    return n;
}

/* In empty mode the slots of each box are shifted by a pseudo-random time, so that boxes do not change all at once. */
static int64_t dummies_phase(const struct cpsd_dummies *dummies, const struct stir_identity *box)
{
    uint8_t bytes[SEED];
    if (dummies->steady || !dummies_seed(dummies, bytes, 'p', 0, box)) {
        return 0;
    }
    return (int64_t)(dummies_u64(bytes) % (uint64_t)dummies->slot_us);
}

static int dummies_by_arrival(const void *a, const void *b)
{
    int64_t x = ((const struct dummy *)a)->arrival_us, y = ((const struct dummy *)b)->arrival_us;
    return (x > y) - (x < y);
}

static struct slot *dummies_make_slot(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t number)
{
    uint8_t schedule[SEED];
    struct slot *slot = calloc(1, sizeof(*slot));
    bool ok = slot && dummies_seed(dummies, schedule, 's', number, box);
    if (ok) {
        slot->box = *box;
        slot->number = number;
    }
    size_t want = ok ? dummies_in_slot(dummies, dummies_u64(schedule)) : 0;
    for (size_t i = 0; ok && i < want; i++) {
        struct dummy *dummy = &slot->dummies[i];
        ok = dummies_seed(dummies, dummy->seed, (char)('0' + i), number, box);
        slot->count += ok;
        uint64_t offset = dummies_u64(dummy->seed) % (uint64_t)dummies->slot_us;
        dummy->arrival_us =
            number * dummies->slot_us + (dummies->steady ? (int64_t)offset : -dummies_phase(dummies, box));
    }
    if (!ok) {
        dummies_slot_free(slot);
        return NULL;
    }
    qsort(slot->dummies, slot->count, sizeof(slot->dummies[0]), dummies_by_arrival);
    return slot;
}

static size_t dummies_cache_index(const struct stir_identity *box, int64_t number)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)number;
    for (unsigned i = 0; i < box->len; i++) {
        hash = (hash ^ (unsigned char)box->text[i]) * 0x100000001b3u;
    }
    return (size_t)(hash ^ hash >> 32) % CACHE_SLOTS;
}

/* Finds a slot in the cache, or makes it. Three neighbouring slots of a box have three different places, so that they
 * do not replace each other while a list is made. */
static struct slot *dummies_find_slot(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t number)
{
    size_t index = (dummies_cache_index(box, 0) + (size_t)(uint64_t)number) % CACHE_SLOTS;
    struct slot *slot = dummies->cache[index];
    if (slot && slot->number == number && stir_identity_equal(&slot->box, box)) {
        return slot;
    }
    dummies_slot_free(slot);
    return dummies->cache[index] = dummies_make_slot(dummies, box, number);
}

static int64_t dummies_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

size_t cpsd_dummies_alive(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t now_us,
                          struct cpsd_entry out[CPSD_DUMMIES_MAX])
{
    /* in steady mode a dummy lives for two slots, so that those of the last three can be alive */
    int64_t last = dummies_floor_div(now_us + dummies_phase(dummies, box), dummies->slot_us);
    int64_t first = dummies->steady ? last - 2 : last;
    size_t count = 0;
    for (int64_t number = first; number <= last; number++) {
        struct slot *slot = dummies_find_slot(dummies, box, number);
        for (size_t i = 0; slot && i < slot->count; i++) {
            struct dummy *dummy = &slot->dummies[i];
            if (dummy->arrival_us > now_us || dummy->arrival_us + dummies->life_us <= now_us ||
                (!dummy->envelope && !dummies_make_envelope(dummies, dummy))) {
                continue;
            }
            assert(count < CPSD_DUMMIES_MAX);
            out[count].arrival_us = dummy->arrival_us;
            out[count].expires_us = dummy->arrival_us + dummies->life_us;
            out[count].envelope = stir_view(dummy->envelope, dummy->len);
            memcpy(out[count].id, dummy->id, CPSD_ID_OCTETS);
            count++;
        }
    }
    return count;
}

int64_t cpsd_dummies_next(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t now_us)
{
    if (!dummies->steady) {
        return INT64_MAX;
    }
    int64_t current = dummies_floor_div(now_us, dummies->slot_us);
    for (int64_t number = current; number <= current + 1; number++) {
        const struct slot *slot = dummies_find_slot(dummies, box, number);
        for (size_t i = 0; slot && i < slot->count; i++) {
            if (slot->dummies[i].arrival_us > now_us) {
                return slot->dummies[i].arrival_us;
            }
        }
    }
    return INT64_MAX;
}
