/* SPDX-License-Identifier: MIT */
/*
 * Does one thing a number of times, on one thread and without a socket, so that instructions can be counted:
 * tests/check-instructions.sh runs it under callgrind.
 *
 *     bench_instructions publish|row|seal|open COUNT
 *
 * publish: a request as octets through the parser, the routes and the handler to the memory store, and the answer as
 * octets. row: what the store for Redis adds, an envelope packed, written as a command, and unpacked again. seal: a
 * PASSporT signed and encrypted. open: decrypted and verified.
 */
#include "common/jose/envelope.h"
#include "common/passport/passport.h"
#include "cps/api/dummy.h"
#include "cps/api/routes.h"
#include "cps/store/redis/box/row.h"
#include "cps/store/redis/box/script.h"
#include "cps/store/redis/wire/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPE 512 /* octets of ciphertext: the smallest envelope, of 905 characters, which most are */

static EVP_PKEY *signer, *recipient;

static void need(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench_instructions: %s failed\n", what);
        exit(1);
    }
}

/* ---- publish ---- */

static struct cpsd_config config;
static struct cpsd_service service;
static struct cpsd_metrics metrics;
static struct cpsd_metrics *all_metrics[] = {&metrics};
static uv_loop_t loop;
static struct stir_buf answer_octets;

static void open_service(void)
{
    static const uint8_t secret[CPSD_DUMMY_SECRET] = {5};
    struct stir_error err = {0};
    struct stir_conf_overrides overrides = {.text = {"server.listen=", "listen_plain=127.0.0.1:0",
                                                     "policy.publish=open",
                                                     /* all publishes are to one destination */
                                                     "limits.publish_by_destination=0"},
                                            .count = 4};
    struct cpsd_store_config store = {.url = "memory:",
                                      .box_limit = 1000,
                                      .memory_limit_bytes = 64 << 20,
                                      .timeout_ms = 1000,
                                      .max_ttl_ms = 259200000};
    need(cpsd_config_load(&config, NULL, &overrides, &err) == STIR_OK, "the configuration");
    (void)uv_loop_init(&loop);
    service = (struct cpsd_service){
        .config = &config, .metrics = &metrics, .all_metrics = all_metrics, .worker_count = 1, .loop = &loop};
    need(cpsd_backend_new(&service.backend, &store, &err) == STIR_OK &&
             cpsd_store_attach(&service.store, service.backend, &loop, &err) == STIR_OK &&
             cpsd_dummies_new(&service.dummies, secret, &config, &err) == STIR_OK,
         "the service");
}

static void on_answer(struct cpsd_request *request, const struct cpsd_response *response)
{
    int *status = request->answer_arg;
    *status = response->status;
    answer_octets.len = 0;
    cpsd_http_format(&answer_octets, response, "Sun, 06 Nov 1994 08:49:37 GMT", true, false);
}

static void serve(const char *octets, size_t len)
{
    static const struct cpsd_http_limits limits = {.head_bytes = 8192, .body_bytes = 16384, .fields = 64};
    static struct cpsd_request request;
    struct cpsd_http http = {0};
    int status = 0;
    need(cpsd_http_feed(&http, octets, len, &limits) == CPSD_HTTP_READY, "parsing");
    memset(&request, 0, sizeof(request));
    request.method = http.method;
    request.path = cpsd_http_view(octets, http.path);
    request.query = cpsd_http_view(octets, http.query);
    request.body = stir_view(octets + http.head_len, http.body_len);
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        request.fields[i] = cpsd_http_view(octets, http.fields[i]);
    }
    request.service = &service;
    request.answer = on_answer;
    request.answer_arg = &status;
    cpsd_dispatch(&request);
    need(status == 201, "publishing");
}

/* One envelope for all: what is counted is not how it is made. */
static const struct stir_buf *the_envelope(void)
{
    static const uint8_t epk[32] = {9}, iv[STIR_GCM_IV], tag[STIR_GCM_TAG], ciphertext[ENVELOPE];
    static struct stir_buf envelope;
    if (!envelope.len) {
        stir_jwe_assemble(&envelope, STIR_CURVE_X25519, epk, iv, ciphertext, sizeof(ciphertext), tag);
    }
    return &envelope;
}

/* Each to another destination. */
static void publish(unsigned n)
{
    static const char before[] = "POST /cps/1215";
    static struct stir_buf request;
    const struct stir_buf *envelope = the_envelope();
    if (!request.len) {
        stir_buf_printf(&request,
                        "%s0000000/ppts?ttl=60 HTTP/1.1\r\nHost: cps.example.com\r\nUser-Agent: libcps/1.0\r\n"
                        "Accept: */*\r\nContent-Type: application/passport\r\nContent-Length: %zu\r\n\r\n",
                        before, envelope->len);
        stir_buf_put(&request, envelope->ptr, envelope->len);
    }
    for (size_t i = 0; i < 7; i++, n /= 10) {
        request.ptr[sizeof(before) - 1 + i] = (char)('0' + n % 10);
    }
    serve(request.ptr, request.len);
}

/* ---- row ---- */

static void row(unsigned n)
{
    static char command[4096], text[2048], octets[1024];
    uint8_t room[STIR_JWE_MAX];
    char digits[CPSD_REDIS_DIGITS];
    const char *form;
    const struct stir_buf *envelope = the_envelope();
    struct cpsd_entry entry;
    struct stir_view packed = cpsd_redis_row_of(room, &form, stir_view(envelope->ptr, envelope->len), stir_view("", 0));
    const struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("EVALSHA"),
                                          {packed.ptr, packed.len},
                                          cpsd_redis_arg_number(digits, n),
                                          {form, 1}};
    need(cpsd_redis_command_write(command, args, 4) < sizeof(command), "a command");
    octets[BOX_ROW_FORM] = *form;
    memcpy(octets + BOX_ROW_HEAD, packed.ptr, packed.len);
    redisReply reply = {.type = REDIS_REPLY_STRING, .str = octets, .len = BOX_ROW_HEAD + packed.len};
    size_t need_octets = 0;
    char *to = text;
    need(cpsd_redis_row_is(&reply, &need_octets) && need_octets <= sizeof(text), "a row");
    cpsd_redis_row_read(&entry, &reply, &to);
    need(entry.envelope.len == envelope->len && memcmp(entry.envelope.ptr, envelope->ptr, envelope->len) == 0,
         "unpacking");
}

/* ---- seal and open ---- */

static struct stir_buf sealed;

static void seal(unsigned n)
{
    static struct stir_identity orig, dest;
    char msgi[STIR_MSGI_MAX], *token;
    size_t len;
    struct stir_error err = {0};
    need(stir_identity_parse_canonical(&orig, "12155551212", 11, 0, &err) == STIR_OK &&
             stir_identity_parse_canonical(&dest, "12155551213", 11, 0, &err) == STIR_OK &&
             stir_msgi_make(msgi, STIR_MSGI_SHA256, "Your code is 123456", 19, &err) == STIR_OK,
         "the claims");
    const struct stir_passport_spec spec = {.x5u = "https://certificates.example.com/gateway/2026-01.pem",
                                            .orig = &orig,
                                            .dest = &dest,
                                            .dest_count = 1,
                                            .iat = 1767225600 + n,
                                            .msgi = msgi};
    sealed.len = 0;
    need(stir_passport_sign(&token, &len, &spec, signer, &err) == STIR_OK &&
             stir_envelope_seal(&sealed, token, len, NULL, 0, recipient, &err) == STIR_OK,
         "sealing");
    free(token);
}

static void open_sealed(unsigned n)
{
    struct stir_error err = {0};
    struct stir_opened opened;
    struct stir_passport *passport = NULL;
    (void)n;
    need(stir_envelope_open(&opened, sealed.ptr, sealed.len, recipient, &err) == STIR_OK &&
             stir_passport_parse(&passport, opened.passport.ptr, opened.passport.len, 0, &err) == STIR_OK &&
             stir_jws_verify(&passport->jws, signer, &err) == STIR_OK,
         "opening");
    stir_passport_free(passport);
    stir_opened_clear(&opened);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(unsigned n);
    } things[] = {{"publish", publish}, {"row", row}, {"seal", seal}, {"open", open_sealed}};
    unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    struct stir_error err = {0};
    for (size_t i = 0; count && count <= 100000 && i < sizeof(things) / sizeof(things[0]); i++) {
        if (strcmp(argv[1], things[i].name) == 0) {
            need(stir_key_generate(&signer, STIR_CURVE_P256, &err) == STIR_OK &&
                     stir_key_generate(&recipient, STIR_CURVE_X25519, &err) == STIR_OK,
                 "the keys");
            open_service();
            seal(0);
            for (unsigned n = 0; n < count; n++) {
                things[i].run(n);
            }
            return 0; /* the process's end is not counted */
        }
    }
    (void)fputs("usage: bench_instructions publish|row|seal|open COUNT\n", stderr);
    return 2;
}
