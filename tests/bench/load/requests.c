/* SPDX-License-Identifier: MIT */
#include "tests/bench/load/load.h"

#include "common/jose/b64.h"
#include "common/jose/jwe.h"
#include "common/jose/key.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Some hundreds of envelopes are really sealed, each with its own ephemeral key. A request sends one of them with other
 * random characters as its ciphertext, and the request's number within these: the server can check only the form. All
 * of the ciphertext must differ, as in real traffic: Lua, in Redis and in nginx, hashes only some characters of a long
 * string, and envelopes that are alike there would be searched in sequence.
 */
#define POOL 512
#define CHANCE (1u << 20) /* random characters, from which a ciphertext is cut out somewhere */
#define STAMP 11          /* base64url characters of 8 octets; in the middle, where all characters are valid */

/* An envelope of exactly that many octets: all but the ciphertext has a fixed length. */
static enum stir_code seal(struct stir_buf *out, const void *plain, size_t octets, EVP_PKEY *key,
                           struct stir_error *err)
{
    enum stir_code code = stir_jwe_encrypt(out, plain, 1, key, err);
    if (code != STIR_OK) {
        return code;
    }
    size_t bare = out->len - 2;
    out->len = 0;
    if (octets <= bare + STAMP || octets > STIR_JWE_MAX) {
        return stir_fail(err, STIR_E_INVAL, "an envelope has between %zu and %d octets", bare + STAMP, STIR_JWE_MAX);
    }
    code = stir_jwe_encrypt(out, plain, (octets - bare) * 3 / 4, key, err);
    return code == STIR_OK && out->len != octets
               ? stir_fail(err, STIR_E_INVAL, "there is no envelope of %zu octets", octets)
               : code;
}

#define TAIL (1 + 22 + 4) /* after the characters that may be anything: the last group, a dot, the tag */

/* Returns the start of the ciphertext, which is after the third dot. */
static size_t ciphertext_at(const char *envelope)
{
    const char *p = envelope;
    for (int dots = 0; dots < 3; p++) {
        dots += *p == '.';
    }
    return (size_t)(p - envelope);
}

static enum stir_code seal_pool(struct load_requests *requests, EVP_PKEY *key, struct stir_error *err)
{
    static const char plain[STIR_JWE_MAX];
    size_t octets = requests->options->octets;
    struct stir_buf one = {0};
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < POOL; i++) {
        one.len = 0;
        code = seal(&one, plain, octets, key, err);
        if (code == STIR_OK) {
            memcpy(requests->envelopes + i * octets, one.ptr, octets);
            requests->stamp = ciphertext_at(one.ptr);
            requests->free = octets - requests->stamp - TAIL;
            requests->count++;
        }
    }
    stir_buf_free(&one);
    return code;
}

/* A number as good as random that no other n gives (splitmix64). */
static uint64_t mix(uint64_t n)
{
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
    return n ^ (n >> 31);
}

static void fill_chance(char *chance)
{
    for (size_t i = 0; i < CHANCE; i += 8) {
        uint64_t n = mix(i);
        (void)stir_b64url_encode(chance + i, &n, 6);
    }
}

enum stir_code load_requests_init(struct load_requests *requests, const struct load_options *options,
                                  struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    *requests = (struct load_requests){.options = options, .next = options->first};
    if (options->kind != LOAD_PUBLISH) {
        return STIR_OK;
    }
    enum stir_code code = stir_key_generate(&key, STIR_CURVE_X25519, err);
    requests->envelopes = malloc(POOL * (size_t)options->octets);
    requests->chance = malloc(CHANCE);
    if (!requests->envelopes || !requests->chance) {
        code = stir_fail(err, STIR_E_NOMEM, "the envelopes");
    } else if (code == STIR_OK) {
        fill_chance(requests->chance);
    }
    if (code == STIR_OK) {
        code = seal_pool(requests, key, err);
    }
    if (code == STIR_OK && options->token_key) {
        code = load_tokens_make(requests, err);
    }
    EVP_PKEY_free(key);
    if (code != STIR_OK) {
        load_requests_clear(requests);
    }
    return code;
}

void load_requests_clear(struct load_requests *requests)
{
    load_tokens_clear(requests);
    free(requests->envelopes);
    free(requests->chance);
    requests->envelopes = NULL;
    requests->chance = NULL;
}

static void stamp(char *at, uint64_t n)
{
    uint8_t octets[8];
    for (int i = 0; i < 8; i++) {
        octets[i] = (uint8_t)(n >> (8 * i));
    }
    (void)stir_b64url_encode(at, octets, sizeof(octets));
}

/* webdis: HSET with the body as the value, without an expiry, since that would be a request of its own. */
static void put_webdis(const struct load_requests *requests, uint64_t n, struct stir_buf *out)
{
    const struct load_options *o = requests->options;
    static const char fields[] = "HTTP/1.1\r\nHost: cps.example.com\r\nUser-Agent: bench_load\r\nAccept: */*\r\n";
    if (o->kind == LOAD_RETRIEVE) {
        stir_buf_printf(out, "GET /HGETALL/cps:%" PRIu64 ".json %s\r\n", o->base + mix(n) % o->boxes, fields);
    } else {
        stir_buf_printf(out, "PUT /HSET/cps:%" PRIu64 "/%016" PRIx64 " %sContent-Length: %u\r\n\r\n",
                        o->base + n % o->boxes, mix(n), fields, o->octets);
    }
}

void load_requests_put_envelope(const struct load_requests *requests, uint64_t n, struct stir_buf *out)
{
    const struct load_options *o = requests->options;
    char *envelope = stir_buf_extend(out, o->octets);
    if (envelope) {
        memcpy(envelope, requests->envelopes + (n % requests->count) * o->octets, o->octets);
        memcpy(envelope + requests->stamp, requests->chance + mix(~n) % (CHANCE - o->octets), requests->free);
        stamp(envelope + requests->stamp, mix(n));
    }
}

static void put_publish(const struct load_requests *requests, uint64_t n, struct stir_buf *out)
{
    const struct load_options *o = requests->options;
    char ttl[24] = "";
    if (o->ttl_s) {
        (void)snprintf(ttl, sizeof(ttl), "?ttl=%u", o->ttl_s);
    }
    stir_buf_printf(out,
                    "POST /cps/%" PRIu64 "/ppts%s HTTP/1.1\r\nHost: cps.example.com\r\nUser-Agent: bench_load\r\n"
                    "Accept: */*\r\nContent-Type: application/passport\r\nContent-Length: %u\r\n",
                    o->base + n % o->boxes, ttl, o->octets);
    if (o->answer) {
        stir_buf_printf(out, "Answer: %u\r\n", o->answer);
    }
    if (requests->tokens) {
        stir_buf_printf(out, "Authorization: Bearer %s\r\n", requests->tokens[n - o->first]);
    }
    stir_buf_put(out, "\r\n", 2);
}

static void put_retrieve(const struct load_options *o, uint64_t n, struct stir_buf *out)
{
    stir_buf_printf(out,
                    "GET /cps/%" PRIu64 "/ppts HTTP/1.1\r\nHost: cps.example.com\r\nUser-Agent: bench_load\r\n"
                    "Accept: application/json\r\n",
                    o->base + mix(n) % o->boxes);
    if (o->answer) {
        stir_buf_printf(out, "Answer: %u\r\n", o->answer);
    }
    stir_buf_put(out, "\r\n", 2);
}

void load_requests_put(struct load_requests *requests, struct stir_buf *out)
{
    uint64_t n = requests->next++;
    out->len = 0;
    if (requests->options->webdis) {
        put_webdis(requests, n, out);
    } else if (requests->options->kind == LOAD_PUBLISH) {
        put_publish(requests, n, out);
    } else {
        put_retrieve(requests->options, n, out);
    }
    if (requests->options->kind == LOAD_PUBLISH) {
        load_requests_put_envelope(requests, n, out);
    }
}
