/* SPDX-License-Identifier: MIT */
/*
 * What the client does for a message, beside the bare primitives of OpenSSL's EVP on the same octets: sign and encrypt
 * a PASSporT, decrypt and verify one. Rounds of ours and of EVP's alternate, so that a busy machine is busy for both,
 * and the median counts.
 *
 *     bench_crypto [--seconds N] [--json]
 */
#include "common/jose/envelope.h"
#include "common/passport/passport.h"

#include <math.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15

struct work {
    EVP_PKEY *signer;
    EVP_PKEY *recipient;
    struct stir_passport_spec spec;
    struct stir_buf envelope; /* one that was made before, to be opened */
    char *token;
    size_t token_len;
    size_t input_len;  /* octets that are signed */
    size_t plain_len;  /* octets that are encrypted */
    size_t header_len; /* additional data */
    uint8_t epk[65];   /* for EVP: as OpenSSL reads it */
    size_t epk_len;
    uint8_t der[80]; /* a signature as EVP makes it */
    size_t der_len;
    uint8_t key[32];
    uint8_t iv[12];
    uint8_t tag[16];
    uint8_t *plain;
    uint8_t *cipher;
};

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench_crypto: %s failed\n", what);
        exit(1);
    }
}

static void need_ok(enum stir_code code, const struct stir_error *err)
{
    if (code != STIR_OK) {
        fprintf(stderr, "bench_crypto: %s\n", err->text);
        exit(1);
    }
}

static void sign_encrypt(struct work *w)
{
    struct stir_error err = {0};
    struct stir_buf out = {0};
    char *token;
    size_t len;
    need_ok(stir_passport_sign(&token, &len, &w->spec, w->signer, &err), &err);
    need_ok(stir_envelope_seal(&out, token, len, NULL, 0, w->recipient, &err), &err);
    free(token);
    stir_buf_free(&out);
}

static void decrypt_verify(struct work *w)
{
    struct stir_error err = {0};
    struct stir_opened opened;
    struct stir_passport *passport;
    need_ok(stir_envelope_open(&opened, w->envelope.ptr, w->envelope.len, w->recipient, &err), &err);
    need_ok(stir_passport_parse(&passport, opened.passport.ptr, opened.passport.len, 0, &err), &err);
    need_ok(stir_jws_verify(&passport->jws, w->signer, &err), &err);
    stir_passport_free(passport);
    stir_opened_clear(&opened);
}

/* The server's part, which has no primitive to stand beside. */
static void check(struct work *w)
{
    struct stir_error err = {0};
    need_ok(stir_jwe_check(NULL, w->envelope.ptr, w->envelope.len, &err), &err);
}

static void raw_derive(EVP_PKEY *key, EVP_PKEY *peer)
{
    uint8_t z[32];
    size_t len = sizeof(z);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    need(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
             EVP_PKEY_derive(ctx, z, &len) == 1,
         "derive");
    EVP_PKEY_CTX_free(ctx);
}

static void raw_sign_encrypt(struct work *w)
{
    size_t len = sizeof(w->der);
    int n;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    need(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, w->signer) == 1 &&
             EVP_DigestSign(md, w->der, &len, w->plain, w->input_len) == 1,
         "sign");
    EVP_MD_CTX_free(md);
    w->der_len = len;
    EVP_PKEY *ephemeral = NULL;
    EVP_PKEY_CTX *gen = EVP_PKEY_CTX_new(w->recipient, NULL);
    need(EVP_PKEY_keygen_init(gen) == 1 && EVP_PKEY_keygen(gen, &ephemeral) == 1, "keygen");
    EVP_PKEY_CTX_free(gen);
    raw_derive(ephemeral, w->recipient);
    EVP_PKEY_free(ephemeral);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    need(RAND_bytes(w->iv, sizeof(w->iv)) == 1 &&
             EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, w->key, w->iv) == 1 &&
             EVP_EncryptUpdate(ctx, NULL, &n, w->plain, (int)w->header_len) == 1 &&
             EVP_EncryptUpdate(ctx, w->cipher, &n, w->plain, (int)w->plain_len) == 1 &&
             EVP_EncryptFinal_ex(ctx, w->cipher + n, &n) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(w->tag), w->tag) == 1,
         "encrypt");
    EVP_CIPHER_CTX_free(ctx);
}

static EVP_PKEY *raw_peer(const struct work *w)
{
    if (w->epk_len == 32) {
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, w->epk, w->epk_len);
    }
    EVP_PKEY *peer = EVP_PKEY_new();
    need(EVP_PKEY_copy_parameters(peer, w->recipient) == 1 &&
             EVP_PKEY_set1_encoded_public_key(peer, w->epk, w->epk_len) == 1,
         "peer");
    return peer;
}

static void raw_decrypt_verify(struct work *w)
{
    uint8_t out[4096];
    int n;
    EVP_PKEY *peer = raw_peer(w);
    raw_derive(w->recipient, peer);
    EVP_PKEY_free(peer);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    need(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, w->key, w->iv) == 1 &&
             EVP_DecryptUpdate(ctx, NULL, &n, w->plain, (int)w->header_len) == 1 &&
             EVP_DecryptUpdate(ctx, out, &n, w->cipher, (int)w->plain_len) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(w->tag), w->tag) == 1 &&
             EVP_DecryptFinal_ex(ctx, out + n, &n) == 1,
         "decrypt");
    EVP_CIPHER_CTX_free(ctx);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    need(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, w->signer) == 1 &&
             EVP_DigestVerify(md, w->der, w->der_len, w->plain, w->input_len) == 1,
         "verify");
    EVP_MD_CTX_free(md);
}

/* A message's ordinary PASSporT, an envelope of it, and for EVP octets of the same sizes. */
static void prepare(struct work *w, enum stir_curve curve)
{
    static struct stir_identity orig;
    static struct stir_identity dest;
    static char msgi[STIR_MSGI_MAX];
    struct stir_error err = {0};
    struct stir_jwe_info info;
    *w = (struct work){0};
    need_ok(stir_key_generate(&w->signer, STIR_CURVE_P256, &err), &err);
    need_ok(stir_key_generate(&w->recipient, curve, &err), &err);
    need_ok(stir_identity_parse_canonical(&orig, "12155551212", 11, 0, &err), &err);
    need_ok(stir_identity_parse_canonical(&dest, "12155551213", 11, 0, &err), &err);
    need_ok(stir_msgi_make(msgi, STIR_MSGI_SHA256, "Your code is 123456", 19, &err), &err);
    w->spec = (struct stir_passport_spec){.x5u = "https://certificates.example.com/gateway/2026-01.pem",
                                          .orig = &orig,
                                          .dest = &dest,
                                          .dest_count = 1,
                                          .iat = 1767225600,
                                          .msgi = msgi};
    need_ok(stir_passport_sign(&w->token, &w->token_len, &w->spec, w->signer, &err), &err);
    need_ok(stir_envelope_seal(&w->envelope, w->token, w->token_len, NULL, 0, w->recipient, &err), &err);
    need_ok(stir_jwe_check(&info, w->envelope.ptr, w->envelope.len, &err), &err);
    w->input_len = (size_t)(strrchr(w->token, '.') - w->token);
    w->plain_len = info.ciphertext_len;
    w->header_len = strcspn(w->envelope.ptr, ".");
    w->plain = calloc(1, w->plain_len);
    w->cipher = calloc(1, w->plain_len + 16);
    need(w->plain && w->cipher && w->plain_len <= 4096 && w->input_len <= w->plain_len, "memory");
    need(EVP_PKEY_get_octet_string_param(w->recipient, "encoded-pub-key", w->epk, sizeof(w->epk), &w->epk_len) == 1 ||
             EVP_PKEY_get_octet_string_param(w->recipient, "pub", w->epk, sizeof(w->epk), &w->epk_len) == 1,
         "public key");
    raw_sign_encrypt(w);
}

static void release(struct work *w)
{
    EVP_PKEY_free(w->signer);
    EVP_PKEY_free(w->recipient);
    stir_buf_free(&w->envelope);
    free(w->token);
    free(w->plain);
    free(w->cipher);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Operations a second over a stretch of that many seconds. */
static double rate(void (*run)(struct work *), struct work *w, double seconds)
{
    double start = now();
    double end;
    unsigned long count = 0;
    do {
        for (unsigned i = 0; i < 16; i++) {
            run(w);
        }
        count += 16;
        end = now();
    } while (end - start < seconds);
    return (double)count / (end - start);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return values[n / 2];
}

static const struct bench {
    const char *name;
    enum stir_curve curve;
    void (*ours)(struct work *);
    void (*raw)(struct work *);
} benches[] = {
    {"sign+encrypt", STIR_CURVE_X25519, sign_encrypt, raw_sign_encrypt},
    {"decrypt+verify", STIR_CURVE_X25519, decrypt_verify, raw_decrypt_verify},
    {"sign+encrypt-p256", STIR_CURVE_P256, sign_encrypt, raw_sign_encrypt},
    {"decrypt+verify-p256", STIR_CURVE_P256, decrypt_verify, raw_decrypt_verify},
    {"check", STIR_CURVE_X25519, check, NULL},
    {"check-p256", STIR_CURVE_P256, check, NULL},
};
#define BENCHES (sizeof(benches) / sizeof(benches[0]))

struct result {
    double ours[ROUNDS];
    double raw[ROUNDS];
    double ratio[ROUNDS];
};

static void measure(struct result *results, double seconds)
{
    struct work works[2];
    const size_t slices = ROUNDS * 2 * BENCHES; /* ours and raw */
    const double slice = seconds / (double)slices;
    prepare(&works[STIR_CURVE_P256], STIR_CURVE_P256);
    prepare(&works[STIR_CURVE_X25519], STIR_CURVE_X25519);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BENCHES; i++) {
            struct result *r = &results[i];
            struct work *w = &works[benches[i].curve];
            r->ours[round] = rate(benches[i].ours, w, slice);
            r->raw[round] = benches[i].raw ? rate(benches[i].raw, w, slice) : 0;
            r->ratio[round] = benches[i].raw ? r->ours[round] / r->raw[round] : 0;
        }
    }
    release(&works[STIR_CURVE_P256]);
    release(&works[STIR_CURVE_X25519]);
}

static void print(struct result *results, bool json)
{
    printf(json ? "{" : "%-20s %10s %10s  %s\n", "one core", "ops/s", "raw EVP", "ratio");
    for (size_t i = 0; i < BENCHES; i++) {
        double ours = median(results[i].ours, ROUNDS);
        double raw = median(results[i].raw, ROUNDS);
        double ratio = median(results[i].ratio, ROUNDS);
        if (json && benches[i].raw) {
            printf("%s\"%s\":{\"ops_s\":%.0f,\"raw_ops_s\":%.0f,\"ratio\":%.3f}", i ? "," : "", benches[i].name, ours,
                   raw, ratio);
        } else if (json) {
            printf("%s\"%s\":{\"ops_s\":%.0f}", i ? "," : "", benches[i].name, ours);
        } else if (benches[i].raw) {
            printf("%-20s %10.0f %10.0f  %.3f\n", benches[i].name, ours, raw, ratio);
        } else {
            printf("%-20s %10.0f %10s  %s\n", benches[i].name, ours, "-", "-");
        }
    }
    if (json) {
        printf("}\n");
    }
}

int main(int argc, char **argv)
{
    static struct result results[BENCHES];
    double seconds = 12;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            seconds = strtod(argv[++i], &end);
        }
        if ((!json && !end) || (end && (*end || !(seconds > 0 && seconds <= 3600)))) {
            fprintf(stderr, "usage: bench_crypto [--seconds N] [--json]\n");
            return 2;
        }
    }
    measure(results, seconds);
    print(results, json);
    return 0;
}
