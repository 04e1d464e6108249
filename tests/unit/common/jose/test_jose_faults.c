/* SPDX-License-Identifier: MIT */
#include "common/jose/envelope.h"
#include "common/jose/jwk.h"
#include "common/jose/jws.h"
#include "tests/unit/jose.h"
#include "tests/unit/oom_libs.h"

/*
 * Every allocation in turn fails, our own, jansson's and OpenSSL's: no crash, no output on failure, and above all no
 * bad signature or altered envelope that passes because a check could not be made.
 */

#define TOKEN "aaa.bbb.ccc"
#define A3_KEY                                                                                                         \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                         \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define A3_INPUT                                                                                                       \
    "eyJhbGciOiJFUzI1NiJ9."                                                                                            \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."

struct scene {
    EVP_PKEY *signer;
    EVP_PKEY *recipients[2];
    struct stir_buf envelopes[2];
};

static enum stir_code verify(const char *token, EVP_PKEY *key)
{
    struct stir_jws jws = {0};
    enum stir_code code = stir_jws_parse(&jws, token, strlen(token), NULL);
    UNIT_CHECK((code == STIR_OK) == (jws.header && jws.payload), "output on failure");
    if (code == STIR_OK) {
        code = stir_jws_verify(&jws, key, NULL);
        stir_jws_clear(&jws);
    }
    return code;
}

static enum stir_code do_verify(struct scene *s, unsigned curve)
{
    (void)curve;
    return verify(A3_INPUT "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
                  s->signer);
}

/* STIR_OK here means that the forgery was refused, as it must be each time. */
static enum stir_code do_verify_forgery(struct scene *s, unsigned curve)
{
    (void)curve;
    return verify(A3_INPUT "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1g",
                  s->signer) == STIR_OK
               ? STIR_E_SIGNATURE
               : STIR_OK;
}

static enum stir_code do_sign(struct scene *s, unsigned curve)
{
    char *token = NULL;
    size_t len = 0;
    (void)curve;
    enum stir_code code =
        stir_jws_sign(&token, &len, stir_view_str("{\"alg\":\"ES256\"}"), stir_view_str("{}"), s->signer, NULL);
    (void)oom_pause();
    UNIT_CHECK((code == STIR_OK) == (token != NULL), "output on failure");
    if (token) {
        UNIT_CODE(verify(token, s->signer), STIR_OK, "what was signed all the same");
    }
    free(token);
    return code;
}

static enum stir_code open_one(const struct stir_buf *jwe, EVP_PKEY *key)
{
    struct stir_opened opened = {.x5c_count = 99};
    enum stir_code code = stir_envelope_open(&opened, jwe->ptr, jwe->len, key, NULL);
    if (code != STIR_OK) {
        UNIT_CHECK(opened.x5c_count == 99, "output on failure");
        return code;
    }
    UNIT_CHECK(stir_view_is(opened.passport, TOKEN) && opened.x5c_count == 1, "content");
    stir_opened_clear(&opened);
    return code;
}

static enum stir_code do_open(struct scene *s, unsigned curve)
{
    return open_one(&s->envelopes[curve], s->recipients[curve]);
}

static enum stir_code do_seal(struct scene *s, unsigned curve)
{
    static const struct stir_view chain[] = {{"\x30\x00", 2}};
    struct stir_buf out = {0};
    enum stir_code code = stir_envelope_seal(&out, TOKEN, strlen(TOKEN), chain, 1, s->recipients[curve], NULL);
    (void)oom_pause();
    UNIT_CHECK((code == STIR_OK) == (out.len > 0), "output on failure");
    if (out.len > 0) {
        UNIT_CODE(open_one(&out, s->recipients[curve]), STIR_OK, "what was sealed all the same");
    }
    stir_buf_free(&out);
    return code;
}

static enum stir_code do_generate(struct scene *s, unsigned curve)
{
    EVP_PKEY *key = NULL;
    (void)s;
    enum stir_code code = stir_key_generate(&key, curve, NULL);
    UNIT_CHECK((code == STIR_OK) == (key != NULL), "output on failure");
    EVP_PKEY_free(key);
    return code;
}

/* STIR_OK here means that the altered envelope was refused. */
static enum stir_code do_open_altered(struct scene *s, unsigned curve)
{
    struct stir_opened opened;
    char *jwe = s->envelopes[curve].ptr;
    char *last = strrchr(jwe, '.') + 1;
    const char kept = *last;
    *last = kept == 'A' ? 'B' : 'A';
    enum stir_code code = stir_envelope_open(&opened, jwe, s->envelopes[curve].len, s->recipients[curve], NULL);
    *last = kept;
    if (code == STIR_OK) {
        stir_opened_clear(&opened);
    }
    return code == STIR_OK ? STIR_E_DECRYPT : STIR_OK;
}

static enum stir_code do_check(struct scene *s, unsigned curve)
{
    return stir_jwe_check(NULL, s->envelopes[curve].ptr, s->envelopes[curve].len, NULL);
}

static enum stir_code do_jwk(struct scene *s, unsigned curve)
{
    json_t *jwk = NULL;
    EVP_PKEY *key = NULL;
    char thumbprint[44];
    enum stir_code code = stir_jwk_make(&jwk, s->recipients[curve], true, NULL);
    UNIT_CHECK((code == STIR_OK) == (jwk != NULL), "output on failure");
    if (code == STIR_OK) {
        UNIT_CHECK(json_object_size(jwk) == (curve == STIR_CURVE_P256 ? 5 : 4), "members are missing");
        code = stir_jwk_parse(&key, jwk, true, NULL);
    }
    if (code == STIR_OK) {
        code = stir_jwk_thumbprint(thumbprint, key, NULL);
    }
    json_decref(jwk);
    EVP_PKEY_free(key);
    return code;
}

static enum stir_code do_pem(struct scene *s, unsigned curve)
{
    char *pem = NULL;
    enum stir_code code = stir_key_to_pem(&pem, s->recipients[curve], true, NULL);
    UNIT_CHECK((code == STIR_OK) == (pem != NULL), "output on failure");
    free(pem);
    return code;
}

static void prepare(struct scene *s)
{
    static const struct stir_view chain[] = {{"\x30\x00", 2}};
    *s = (struct scene){.signer = jose_key(A3_KEY)};
    for (unsigned curve = 0; curve < 2; curve++) {
        s->recipients[curve] = jose_new_key(curve);
        UNIT_OK(stir_envelope_seal(&s->envelopes[curve], TOKEN, strlen(TOKEN), chain, 1, s->recipients[curve], NULL));
        UNIT_CHECK(s->envelopes[curve].ptr != NULL, "no envelope");
    }
}

static void release(struct scene *s)
{
    EVP_PKEY_free(s->signer);
    for (unsigned curve = 0; curve < 2; curve++) {
        EVP_PKEY_free(s->recipients[curve]);
        stir_buf_free(&s->envelopes[curve]);
    }
}

/* Fails allocation 0, 1, 2... until there is none left to fail. */
static void sweep(const char *label, enum stir_code (*run)(struct scene *, unsigned), bool refusal)
{
    struct scene scene;
    prepare(&scene);
    for (unsigned curve = 0; curve < 2; curve++) {
        UNIT_CODE(run(&scene, curve), STIR_OK, label); /* what is made once only is made now */
        unsigned long failures = 0;
        for (unsigned long n = 0; n < 100000; n++) {
            oom_begin(n);
            enum stir_code code = run(&scene, curve);
            bool failed = oom_end();
            failures += code != STIR_OK;
            if (refusal) {
                UNIT_CODE(code, STIR_OK, label);
            }
            if (!UNIT_CHECK(ERR_peek_error() == 0, "%s: allocation %lu left an error in the queue", label, n)) {
                ERR_clear_error();
            }
            if (!failed) {
                UNIT_CODE(code, STIR_OK, label);
                break;
            }
        }
        UNIT_CHECK(refusal || failures > 0, "%s: no allocation mattered", label);
    }
    release(&scene);
}

static void test_verify(void)
{
    sweep("verify", do_verify, false);
}

static void test_forgery(void)
{
    sweep("forgery", do_verify_forgery, true);
}

static void test_sign(void)
{
    sweep("sign", do_sign, false);
}

static void test_seal(void)
{
    sweep("seal", do_seal, false);
}

static void test_open(void)
{
    sweep("open", do_open, false);
}

static void test_altered(void)
{
    sweep("altered", do_open_altered, true);
}

static void test_check(void)
{
    struct scene scene;
    prepare(&scene);
    UNIT_OK(do_check(&scene, STIR_CURVE_X25519));
    oom_begin(0); /* what a server does for every X25519 envelope takes no allocation at all */
    UNIT_OK(do_check(&scene, STIR_CURVE_X25519));
    UNIT_CHECK(!oom_end(), "an allocation");
    release(&scene);
}

static void test_generate(void)
{
    sweep("generate", do_generate, false);
}

static void test_jwk(void)
{
    sweep("jwk", do_jwk, false);
}

static void test_pem(void)
{
    sweep("pem", do_pem, false);
}

UNIT_MAIN("jose_faults", {"verify", test_verify}, {"a forgery stays one", test_forgery}, {"sign", test_sign},
          {"seal", test_seal}, {"open", test_open}, {"an altered envelope stays closed", test_altered},
          {"the server's check allocates nothing", test_check}, {"generate", test_generate}, {"JWK", test_jwk},
          {"PEM", test_pem})
