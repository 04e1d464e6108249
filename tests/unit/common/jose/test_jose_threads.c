/* SPDX-License-Identifier: MIT */
#include "common/jose/envelope.h"
#include "common/jose/jws.h"
#include "tests/unit/jose.h"

#include <pthread.h>
#include <stdatomic.h>

/* Keys are decoded once and used by every thread at once: the thread sanitizer's preset runs this too. */
#define THREADS 4
#define TURNS 40
#define TOKEN "aaa.bbb.ccc"

struct shared {
    EVP_PKEY *signer;
    EVP_PKEY *recipients[2];
    struct stir_jws jws;
    struct stir_buf envelopes[2];
    atomic_uint failures;
};

static enum stir_code sign_and_verify(struct shared *s)
{
    uint8_t sig[STIR_ES256_SIG];
    enum stir_code code = stir_es256_sign(sig, s->signer, "octets", 6, NULL);
    if (code == STIR_OK) {
        code = stir_es256_verify(sig, s->signer, "octets", 6, NULL);
    }
    return code == STIR_OK ? stir_jws_verify(&s->jws, s->signer, NULL) : code;
}

static enum stir_code open_one(const struct stir_buf *jwe, EVP_PKEY *key)
{
    struct stir_opened opened;
    enum stir_code code = stir_envelope_open(&opened, jwe->ptr, jwe->len, key, NULL);
    if (code == STIR_OK) {
        stir_opened_clear(&opened);
    }
    return code;
}

static enum stir_code seal_and_open(struct shared *s, unsigned curve)
{
    struct stir_buf jwe = {0};
    enum stir_code code = stir_envelope_seal(&jwe, TOKEN, strlen(TOKEN), NULL, 0, s->recipients[curve], NULL);
    if (code == STIR_OK) {
        code = open_one(&jwe, s->recipients[curve]);
    }
    stir_buf_free(&jwe);
    return code == STIR_OK ? open_one(&s->envelopes[curve], s->recipients[curve]) : code;
}

static void *run(void *arg)
{
    struct shared *s = arg;
    for (unsigned i = 0; i < TURNS; i++) {
        bool good = sign_and_verify(s) == STIR_OK && seal_and_open(s, STIR_CURVE_P256) == STIR_OK &&
                    seal_and_open(s, STIR_CURVE_X25519) == STIR_OK;
        if (!good) {
            atomic_fetch_add(&s->failures, 1);
        }
    }
    return NULL;
}

static void test_shared_keys(void)
{
    struct shared s = {.signer = jose_new_key(STIR_CURVE_P256)};
    pthread_t threads[THREADS];
    char *token = NULL;
    size_t len = 0;
    UNIT_OK(stir_jws_sign(&token, &len, stir_view_str("{\"alg\":\"ES256\"}"), stir_view_str("{}"), s.signer, NULL));
    UNIT_OK(stir_jws_parse(&s.jws, token, len, NULL));
    for (unsigned curve = 0; curve < 2; curve++) {
        s.recipients[curve] = jose_new_key(curve);
        UNIT_OK(stir_envelope_seal(&s.envelopes[curve], TOKEN, strlen(TOKEN), NULL, 0, s.recipients[curve], NULL));
    }
    unsigned started = 0;
    while (started < THREADS && pthread_create(&threads[started], NULL, run, &s) == 0) {
        started++;
    }
    UNIT_CHECK(started == THREADS, "only %u threads", started);
    while (started > 0) {
        (void)pthread_join(threads[--started], NULL);
    }
    UNIT_CHECK(atomic_load(&s.failures) == 0, "%u failures", atomic_load(&s.failures));
    stir_jws_clear(&s.jws);
    free(token);
    EVP_PKEY_free(s.signer);
    for (unsigned curve = 0; curve < 2; curve++) {
        stir_buf_free(&s.envelopes[curve]);
        EVP_PKEY_free(s.recipients[curve]);
    }
}

UNIT_MAIN("jose_threads", {"keys that threads share", test_shared_keys})
