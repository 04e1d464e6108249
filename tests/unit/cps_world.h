/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/jose/key.h"
#include "common/passport/passport.h"
#include "tests/unit/certs.h"

#include <ftw.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What a test of libcps lives in: a temporary directory with an STI root, an intermediate, a signer's certificate for
 * WORLD_ORIG and its key, a receiver's keys, a directory that stands in for certificate hosts, and a clock.
 */
#define WORLD_ORIG "+1 (215) 555-1212"
#define WORLD_DEST "12155551313"
#define WORLD_X5U "https://certs.example.org/alice.pem"

struct world {
    char dir[64];
    char trust[96], chain[96], signer_key[96], x5u_dir[96];
    EVP_PKEY *root_key, *ca_key, *leaf_key;
    X509 *root, *ca, *leaf;
    struct cps_signer *signer;
    struct cps_key *box_public, *box_private;
    struct cps_options options;
    struct cps *cps;
};

static _Atomic int64_t world_clock;

static inline int64_t world_now(void *arg)
{
    (void)arg;
    return atomic_load(&world_clock);
}

static inline bool code_is(enum cps_code is, enum cps_code expected, const char *what, const char *text, unsigned line,
                           const char *file)
{
    return unit_check(is == expected, line, file, "%s: %s (%s), expected %s", what, cps_error_name(is), text,
                      cps_error_name(expected));
}
/* Checks a result code of libcps; err: the error that the call has filled in. */
#define CODE_IS(actual, expected, err) code_is((actual), (expected), #actual, (err).text, __LINE__, __FILE__)

static inline bool verdict_is(const struct cps_result *result, enum cps_verdict expected, const char *what,
                              unsigned line, const char *file)
{
    return unit_check(result->verdict == expected, line, file, "%s: %s (%s), expected %s", what,
                      cps_verdict_name(result->verdict), result->error.text, cps_verdict_name(expected));
}
#define VERDICT_IS(result, expected, what) verdict_is((result), (expected), (what), __LINE__, __FILE__)

static inline void world_path(char out[96], const struct world *world, const char *name)
{
    CU_ASSERT_TRUE_FATAL((size_t)snprintf(out, 96, "%s/%s", world->dir, name) < 96);
}

static inline void world_write(const char *path, const void *data, size_t n)
{
    struct stir_error err = {0};
    UNIT_CODE(stir_write_file(path, data, n, 0600, &err), STIR_OK, err.text);
}

static inline void world_write_certs(const char *path, X509 *const *certs)
{
    struct stir_buf pem = {0};
    for (size_t i = 0; certs[i]; i++) {
        certs_pem(&pem, certs[i]);
    }
    world_write(path, pem.ptr ? pem.ptr : "", pem.len);
    stir_buf_free(&pem);
}
#define WORLD_CERTS(path, ...) world_write_certs((path), (X509 *const[]){__VA_ARGS__, NULL})

static inline void world_write_key(const char *path, EVP_PKEY *key)
{
    char *pem = NULL;
    UNIT_OK(stir_key_to_pem(&pem, key, true, NULL));
    world_write(path, pem, strlen(pem));
    free(pem);
}

/* Puts a file into x5u_dir, the directory that takes the place of certificate hosts. */
static inline void world_host(const struct world *world, const char *name, X509 *const *certs)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", world->x5u_dir, name);
    world_write_certs(path, certs);
}
#define WORLD_HOST(world, name, ...) world_host((world), (name), (X509 *const[]){__VA_ARGS__, NULL})

static inline struct cps *world_handle(const struct cps_options *options)
{
    struct cps *cps = NULL;
    struct cps_error err = {0};
    CODE_IS(cps_new(&cps, options, &err), CPS_OK, err);
    if (!cps) {
        CU_FAIL_FATAL("no handle");
    }
    return cps;
}

static inline void world_keys(struct world *world)
{
    char path[96];
    struct cps_error err = {0};
    EVP_PKEY *key = NULL;
    UNIT_OK(stir_key_generate(&key, STIR_CURVE_X25519, NULL));
    certs_own_key(key);
    world_path(path, world, "box.key");
    world_write_key(path, key);
    CODE_IS(cps_key_load(&world->box_private, path, true, &err), CPS_OK, err);
    CODE_IS(cps_key_load(&world->box_public, path, false, &err), CPS_OK, err);
}

/* Makes the whole world. The handle gets options that the test may change first, in `with`. */
static inline void world_begin(struct world *world, const struct cps_options *with)
{
    struct cps_error err = {0};
    *world = (struct world){.dir = "/tmp/test-libcps-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(world->dir));
    atomic_store(&world_clock, CERTS_NOW);
    world_path(world->trust, world, "roots.pem");
    world_path(world->chain, world, "chain.pem");
    world_path(world->signer_key, world, "signer.key");
    world_path(world->x5u_dir, world, "hosts");
    CU_ASSERT_EQUAL_FATAL(mkdir(world->x5u_dir, 0700), 0);
    world->root = certs_make((struct stir_cert_spec){.common_name = "STI root", .ca = true}, &world->root_key);
    world->ca = certs_make((struct stir_cert_spec){.common_name = "STI intermediate",
                                                   .ca = true,
                                                   .issuer = world->root,
                                                   .issuer_key = world->root_key},
                           &world->ca_key);
    world->leaf = certs_make_for("tn:12155551212",
                                 (struct stir_cert_spec){.common_name = "Alice",
                                                         .issuer = world->ca,
                                                         .issuer_key = world->ca_key},
                                 &world->leaf_key);
    WORLD_CERTS(world->trust, world->root);
    WORLD_CERTS(world->chain, world->leaf, world->ca);
    WORLD_HOST(world, "alice.pem", world->leaf, world->ca);
    world_write_key(world->signer_key, world->leaf_key);
    world_keys(world);
    struct cps_signer_options signer = {.size = sizeof(signer),
                                        .key = world->signer_key,
                                        .chain_file = world->chain,
                                        .x5u = WORLD_X5U};
    CODE_IS(cps_signer_open(&world->signer, &signer, &err), CPS_OK, err);
    world->options = with ? *with : (struct cps_options){0};
    world->options.size = sizeof(world->options);
    world->options.trust_file = world->trust;
    world->options.x5u_dir = world->options.x5u_ca_file ? NULL : world->x5u_dir;
    world->options.now = world_now;
    world->cps = world_handle(&world->options);
}

static inline int world_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void world_end(struct world *world)
{
    cps_free(world->cps);
    cps_signer_free(world->signer);
    cps_key_free(world->box_public);
    cps_key_free(world->box_private);
    CU_ASSERT_EQUAL(nftw(world->dir, world_unlink, 8, FTW_DEPTH | FTW_PHYS), 0);
    certs_end();
}

/* ---- messages and tokens ---- */

static const char *const world_dests[] = {WORLD_DEST};

static inline struct cps_message world_message(const char *body)
{
    return (struct cps_message){
        .orig = WORLD_ORIG, .dest = world_dests, .dest_count = 1, .body = body, .body_len = body ? strlen(body) : 0};
}

/* Signs the PASSporT of a message with this body, by the world's signer. The caller frees it with cps_text_free. */
static inline char *world_sign(const struct world *world, const char *body, int64_t iat)
{
    struct cps_message message = world_message(body);
    struct cps_error err = {0};
    char *passport = NULL;
    message.iat = iat;
    CODE_IS(cps_sign(world->cps, world->signer, &message, &passport, NULL, &err), CPS_OK, err);
    if (!passport) {
        CU_FAIL_FATAL("no PASSporT");
    }
    return passport;
}

/* Signs any header and claims with any key. The caller frees the token with free. */
static inline char *world_token(const char *header, const char *claims, EVP_PKEY *key)
{
    char *token = NULL;
    size_t len;
    struct stir_error err = {0};
    UNIT_CODE(stir_jws_sign(&token, &len, stir_view_str(header), stir_view_str(claims), key, &err), STIR_OK, err.text);
    if (!token) {
        CU_FAIL_FATAL("no token");
    }
    return token;
}
