/* SPDX-License-Identifier: MIT */
/*
 * Signing and encrypting a PASSporT with cjose beside ours: the same octets, ES256 and ECDH-ES with A256GCM on P-256
 * (cjose has no X25519), keys loaded once. Rounds alternate and the median counts.
 *
 *     bench_cjose [--seconds N]
 */
#include "common/jose/envelope.h"
#include "common/passport/passport.h"

#include <cjose/cjose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 9

static const char claims[] =
    "{\"dest\":{\"tn\":[\"12155551213\"]},\"iat\":1767225600,\"msgi\":"
    "\"sha256-OEDbQpwo5hbIdD5Xn3HoNgYOx0Ra0cUxVzcYgzqvMUI=\",\"orig\":{\"tn\":\"12155551212\"}}";

struct work {
    EVP_PKEY *signer, *recipient;
    struct stir_passport_spec spec;
    struct stir_identity orig, dest;
    char msgi[STIR_MSGI_MAX];
    cjose_jwk_t *jwk_signer, *jwk_recipient;
    cjose_header_t *jws_header, *jwe_header;
};

static void need(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench_cjose: %s failed\n", what);
        exit(1);
    }
}

static void ours(struct work *w)
{
    struct stir_error err = {0};
    struct stir_buf out = {0};
    char *token;
    size_t len;
    need(stir_passport_sign(&token, &len, &w->spec, w->signer, &err) == STIR_OK, "signing");
    need(stir_envelope_seal(&out, token, len, NULL, 0, w->recipient, &err) == STIR_OK, "sealing");
    free(token);
    stir_buf_free(&out);
}

/* The token is padded as ours is. */
static void theirs(struct work *w)
{
    char plain[1024];
    const char *token;
    cjose_err err;
    cjose_jws_t *jws = cjose_jws_sign(w->jwk_signer, w->jws_header, (const uint8_t *)claims, sizeof(claims) - 1, &err);
    need(jws && cjose_jws_export(jws, &token, &err), "cjose's signing");
    size_t len = strlen(token), padded = stir_envelope_padded(len);
    need(padded && padded <= sizeof(plain), "a token's length");
    memcpy(plain, token, len);
    memset(plain + len, ' ', padded - len);
    cjose_jws_release(jws);
    cjose_jwe_t *jwe = cjose_jwe_encrypt(w->jwk_recipient, w->jwe_header, (const uint8_t *)plain, padded, &err);
    char *text = jwe ? cjose_jwe_export(jwe, &err) : NULL;
    need(text != NULL, "cjose's encrypting");
    free(text);
    cjose_jwe_release(jwe);
}

static cjose_header_t *header(const char *const *members)
{
    cjose_err err;
    cjose_header_t *made = cjose_header_new(&err);
    for (; made && *members; members += 2) {
        need(cjose_header_set(made, members[0], members[1], &err), "a header");
    }
    return made;
}

static void prepare(struct work *w)
{
    static const char *const jws[] = {"alg", "ES256",    "ppt", "msg",
                                      "typ", "passport", "x5u", "https://certificates.example.com/gateway/2026-01.pem",
                                      NULL};
    static const char *const jwe[] = {"alg", "ECDH-ES", "cty", "passport", "enc", "A256GCM", NULL};
    struct stir_error err = {0};
    cjose_err cjose;
    need(stir_key_generate(&w->signer, STIR_CURVE_P256, &err) == STIR_OK &&
             stir_key_generate(&w->recipient, STIR_CURVE_P256, &err) == STIR_OK &&
             stir_identity_parse_canonical(&w->orig, "12155551212", 11, 0, &err) == STIR_OK &&
             stir_identity_parse_canonical(&w->dest, "12155551213", 11, 0, &err) == STIR_OK &&
             stir_msgi_make(w->msgi, STIR_MSGI_SHA256, "Your code is 123456", 19, &err) == STIR_OK,
         "preparing");
    w->spec = (struct stir_passport_spec){.x5u = "https://certificates.example.com/gateway/2026-01.pem",
                                          .orig = &w->orig,
                                          .dest = &w->dest,
                                          .dest_count = 1,
                                          .iat = 1767225600,
                                          .msgi = w->msgi};
    w->jwk_signer = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &cjose);
    w->jwk_recipient = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &cjose);
    w->jws_header = header(jws);
    w->jwe_header = header(jwe);
    need(w->jwk_signer && w->jwk_recipient && w->jws_header && w->jwe_header, "preparing cjose");
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double rate(void (*run)(struct work *), struct work *w, double seconds)
{
    double start = now(), end;
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
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_value);
    return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    struct work w = {0};
    double seconds = 3, mine[ROUNDS], cjose[ROUNDS], ratio[ROUNDS];
    if (argc == 3 && strcmp(argv[1], "--seconds") == 0) {
        seconds = strtod(argv[2], NULL);
    }
    if ((argc != 1 && argc != 3) || !(seconds > 0 && seconds <= 3600)) {
        (void)fputs("usage: bench_cjose [--seconds N]\n", stderr);
        return 2;
    }
    prepare(&w);
    for (unsigned i = 0; i < ROUNDS; i++) {
        mine[i] = rate(ours, &w, seconds / (2 * ROUNDS));
        cjose[i] = rate(theirs, &w, seconds / (2 * ROUNDS));
        ratio[i] = mine[i] / cjose[i];
    }
    printf("{\"sign+encrypt-p256\":{\"ops_s\":%.0f,\"cjose_ops_s\":%.0f,\"ratio\":%.2f}}\n", median(mine),
           median(cjose), median(ratio));
    EVP_PKEY_free(w.signer);
    EVP_PKEY_free(w.recipient);
    cjose_jwk_release(w.jwk_signer);
    cjose_jwk_release(w.jwk_recipient);
    cjose_header_release(w.jws_header);
    cjose_header_release(w.jwe_header);
    return 0;
}
