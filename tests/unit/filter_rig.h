/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "client/sidecar/filter/filter.h"
#include "client/sidecar/relay/relay.h"
#include "common/base/file.h"
#include "common/jose/key.h"
#include "tests/unit/https_peer.h"
#include "tests/unit/relay_rig.h"

#include <ftw.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

/*
 * The filter with a relay and a CPS of boxes: a directory with tenants (me, who owns 1215555xxxx) and
 * keys for all destinations, and a loop that the test turns.
 */
#define FILTER_FROM "12155551212"
#define FILTER_TO "12155551313"
#define FILTER_BOX_MAX 4096

struct filter_cps {
    struct peer peer;
    pthread_mutex_t lock;
    struct {
        char dest[32];
        char id[CPS_ID_LEN + 1];
        char *text;
    } items[FILTER_BOX_MAX];
    size_t count;
    char target[2048]; /* of the last POST; under the lock */
    atomic_int status; /* answer this instead; 0: none */
    atomic_bool away;  /* answer 503 to what asks how it is */
    atomic_uint delay_ms;
};

struct filter_rig {
    char dir[64];
    char own[24][192]; /* overrides that belong to the rig */
    struct stir_conf_overrides overrides;
    struct sc_config config;
    struct stir_log log;
    uv_loop_t loop;
    struct sc_filter filter;
    struct rig rig;
    struct filter_cps cps;
};

/* ---- the CPS ---- */

static inline void filter_list(struct filter_cps *cps, const char *dest, const char *after, struct stir_buf *out)
{
    struct stir_buf body = {0};
    size_t from = after ? (size_t)strtoul(after + 7, NULL, 10) : 0, given = 0;
    stir_buf_puts(&body, "{\"ppts\":[");
    for (size_t i = from; i < cps->count; i++) {
        if (strcmp(cps->items[i].dest, dest) == 0) {
            stir_buf_printf(&body, "%s{\"id\":\"%s\",\"ppt\":\"%s\"}", given++ ? "," : "", cps->items[i].id,
                            cps->items[i].text);
        }
    }
    stir_buf_printf(&body, "],\"cursor\":\"%zu\"}", cps->count);
    peer_reply(out, 200, "application/json", NULL, body.ptr ? body.ptr : "");
    stir_buf_free(&body);
}

static inline void filter_store(struct filter_cps *cps, const char *dest, const struct peer_request *request,
                                struct stir_buf *out)
{
    if (cps->count == FILTER_BOX_MAX) {
        peer_reply(out, 429, "application/problem+json", NULL, "{}");
        return;
    }
    (void)snprintf(cps->items[cps->count].dest, sizeof(cps->items[0].dest), "%s", dest);
    cps->items[cps->count].text = strdup(request->body);
    if (cps_envelope_id(cps->items[cps->count].id, request->body, request->body_len, NULL) != CPS_OK) {
        abort();
    }
    cps->count++;
    peer_reply(out, 201, "application/json", "Location: /x\r\n", "{}");
}

static inline void filter_answer(struct peer *peer, const struct peer_request *request, struct stir_buf *out)
{
    struct filter_cps *cps = (struct filter_cps *)peer;
    char dest[32] = "", prefer[256] = "";
    struct timespec pause = {.tv_nsec = 5000000};
    if (strncmp(request->target, "/health", 7) == 0) {
        peer_reply(out, atomic_load(&cps->away) ? 503 : 200, "application/json", NULL, "{}");
        return;
    }
    bool waits = peer_header(request, "Prefer", prefer) != NULL;
    (void)sscanf(request->target, "/cps/%31[0-9]", dest);
    unsigned delay_ms = waits ? 100 : atomic_load(&cps->delay_ms);
    for (unsigned ms = 0; ms < delay_ms && !atomic_load(&peer->stopping); ms += 5) {
        (void)nanosleep(&pause, NULL);
    }
    pthread_mutex_lock(&cps->lock);
    if (strcmp(request->method, "POST") == 0) {
        (void)snprintf(cps->target, sizeof(cps->target), "%s", request->target);
    }
    if (atomic_load(&cps->status)) {
        peer_reply(out, atomic_load(&cps->status), "application/problem+json", NULL, "{}");
    } else if (strcmp(request->method, "POST") == 0) {
        filter_store(cps, dest, request, out);
    } else {
        filter_list(cps, dest, strstr(request->target, "?after="), out);
    }
    pthread_mutex_unlock(&cps->lock);
}

/* How many envelopes are in a box; NULL: in all. */
static inline size_t filter_stored(struct filter_cps *cps, const char *dest)
{
    size_t count = 0;
    pthread_mutex_lock(&cps->lock);
    for (size_t i = 0; i < cps->count; i++) {
        count += !dest || strcmp(cps->items[i].dest, dest) == 0;
    }
    pthread_mutex_unlock(&cps->lock);
    return count;
}

/* ---- the files ---- */

static inline void filter_write(const struct filter_rig *rig, const char *name, const char *text)
{
    char path[320];
    struct stir_error err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
    UNIT_CODE(stir_write_file(path, text, strlen(text), 0600, &err), STIR_OK, err.text);
}

static inline void filter_write_key(const struct filter_rig *rig, const char *name, EVP_PKEY *key, bool private)
{
    char *pem = NULL;
    UNIT_OK(stir_key_to_pem(&pem, key, private, NULL));
    filter_write(rig, name, pem);
    free(pem);
}

static inline void filter_write_certs(const struct filter_rig *rig, const char *name, X509 *const *certs)
{
    struct stir_buf pem = {0};
    for (size_t i = 0; certs[i]; i++) {
        certs_pem(&pem, certs[i]);
    }
    filter_write(rig, name, pem.ptr);
    stir_buf_free(&pem);
}

static inline void filter_mkdir(const struct filter_rig *rig, const char *name)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
}

static inline void filter_tenant(const struct filter_rig *rig, const char *name, const char *numbers)
{
    char text[640], path[64];
    (void)snprintf(text, sizeof(text),
                   "[tenant]\nkey = %s/signer.key\ncertificate = %s/chain.pem\nx5u = https://certs.example.org/me.pem\n"
                   "numbers = %s\n",
                   rig->dir, rig->dir, numbers);
    (void)snprintf(path, sizeof(path), "tenants/%s.conf", name);
    filter_write(rig, path, text);
}

/* Certificates that are valid now, and keys. */
static inline void filter_files(struct filter_rig *rig)
{
    EVP_PKEY *root_key, *leaf_key, *box;
    struct stir_cert_spec now = {.not_before = time(NULL) - 3600, .not_after = time(NULL) + 86400};
    struct stir_cert_spec root_spec = now, leaf_spec = now;
    root_spec.common_name = "STI root";
    root_spec.ca = true;
    X509 *root = certs_make(root_spec, &root_key);
    leaf_spec.common_name = "Me";
    leaf_spec.issuer = root;
    leaf_spec.issuer_key = root_key;
    X509 *leaf = certs_make_for("range:12155550000+10000", leaf_spec, &leaf_key);
    filter_mkdir(rig, "tenants");
    filter_mkdir(rig, "public");
    filter_mkdir(rig, "private");
    filter_mkdir(rig, "hosts");
    filter_write_certs(rig, "roots.pem", (X509 *const[]){root, NULL});
    filter_write_certs(rig, "chain.pem", (X509 *const[]){leaf, root, NULL});
    filter_write_certs(rig, "hosts/me.pem", (X509 *const[]){leaf, root, NULL});
    filter_write_key(rig, "signer.key", leaf_key, true);
    UNIT_OK(stir_key_generate(&box, STIR_CURVE_X25519, NULL));
    certs_own_key(box);
    filter_write_key(rig, "public/default.pem", box, false);
    filter_write_key(rig, "private/default.pem", box, true);
    filter_tenant(rig, "me", "1215555*");
}

/* ---- the filter ---- */

static inline void filter_override(struct filter_rig *rig, const char *fmt, ...) STIR_PRINTF(2, 3);
static inline void filter_override(struct filter_rig *rig, const char *fmt, ...)
{
    va_list args;
    char *text = rig->own[rig->overrides.count];
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(rig->own[0]), fmt, args);
    va_end(args);
    rig->overrides.text[rig->overrides.count++] = text;
}

/* The configuration: the rig's own, and then those of the test, up to NULL. */
static inline void filter_configure(struct filter_rig *rig, const char *const *more)
{
    struct stir_error err = {0};
    rig->overrides.count = 0;
    filter_override(rig, "cps.url=%s", rig->cps.peer.url);
    filter_override(rig, "cps.ca=%s/tls.pem", rig->dir);
    filter_override(rig, "trust.roots=%s/roots.pem", rig->dir);
    filter_override(rig, "trust.x5u_dir=%s/hosts", rig->dir);
    filter_override(rig, "tenants.dir=%s/tenants", rig->dir);
    filter_override(rig, "keys.dir=%s/private", rig->dir);
    filter_override(rig, "keys.recipients_dir=%s/public", rig->dir);
    filter_override(rig, "log.judged=%s/judged", rig->dir);
    filter_override(rig, "verify.wait_ms=300");
    filter_override(rig, "verify.grace_ms=20000"); /* a busy machine still finds its verdict */
    filter_override(rig, "log.level=error");
    for (; *more; more++) {
        rig->overrides.text[rig->overrides.count++] = *more;
    }
    sc_config_clear(&rig->config);
    rig->config = (struct sc_config){0};
    UNIT_CODE(sc_config_load(&rig->config, NULL, &rig->overrides, &err), STIR_OK, err.text);
}

/* Files and CPS, no filter yet. */
static inline void filter_prepare(struct filter_rig *rig)
{
    char ca[96];
    memset(rig, 0, sizeof(*rig));
    (void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/test-filter-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
    filter_files(rig);
    (void)snprintf(ca, sizeof(ca), "%s/tls.pem", rig->dir);
    pthread_mutex_init(&rig->cps.lock, NULL);
    peer_start(&rig->cps.peer, ca, filter_answer, NULL);
    rig->log = (struct stir_log){.fd = 2, .level = STIR_LOG_ERROR};
}

/* A relay that is bound and offers both ways. */
static inline void filter_bind(struct filter_rig *rig)
{
    rig_init(&rig->rig, NULL);
    rig->rig.options.filter = &rig->filter;
    rig_bring(&rig->rig, SC_BOUND);
    rig->rig.options.offers[SC_ESME] = rig->rig.options.offers[SC_PEER] = true;
}

/* The filter with this configuration, and such a relay. */
static inline void filter_open(struct filter_rig *rig, const char *const *more)
{
    struct stir_error err = {0};
    filter_configure(rig, more);
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&rig->loop), 0);
    UNIT_CODE(sc_filter_make(&rig->filter, &rig->config, &rig->loop, &rig->log, &err), STIR_OK, err.text);
    filter_bind(rig);
}
#define FILTER_OPEN(rig, ...) filter_open((rig), (const char *const[]){__VA_ARGS__, NULL})

static inline void filter_turn(struct filter_rig *rig)
{
    struct timespec pause = {.tv_nsec = 1000000};
    (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
    (void)nanosleep(&pause, NULL);
    (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
}

/* Turns the loop until nothing is held, a minute at most. */
static inline void filter_settle(struct filter_rig *rig)
{
    for (unsigned i = 0; i < 60000 && sc_relay_held(rig->rig.relay); i++) {
        filter_turn(rig);
    }
    UNIT_CHECK(sc_relay_held(rig->rig.relay) == 0, "%zu messages are still held", sc_relay_held(rig->rig.relay));
}

/* Moves the loop's clock forward, for what is offered before the loop runs again. */
static inline void filter_later(struct filter_rig *rig, uint64_t ms)
{
    uv_update_time(&rig->loop);
    rig->loop.time += ms;
}

static inline void filter_turn_ms(struct filter_rig *rig, unsigned ms)
{
    uint64_t until = uv_hrtime() / 1000000 + ms;
    while (uv_hrtime() / 1000000 < until) {
        filter_turn(rig);
    }
}

/* Ends relay and filter; the loop must have nothing left. */
static inline void filter_close(struct filter_rig *rig)
{
    sc_relay_abort(rig->rig.relay, rig->rig.now);
    rig_free(&rig->rig);
    UNIT_CHECK(rig->rig.pool.held == 0, "%zu messages are held", rig->rig.pool.held);
    rig->filter.close(rig->filter.arg);
    (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
    UNIT_CHECK(uv_loop_close(&rig->loop) == 0, "the loop has handles left");
    sc_config_clear(&rig->config);
    rig->config = (struct sc_config){0};
}

static inline int filter_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void filter_end(struct filter_rig *rig)
{
    peer_stop(&rig->cps.peer);
    for (size_t i = 0; i < rig->cps.count; i++) {
        free(rig->cps.items[i].text);
    }
    pthread_mutex_destroy(&rig->cps.lock);
    CU_ASSERT_EQUAL(nftw(rig->dir, filter_unlink, 8, FTW_DEPTH | FTW_PHYS), 0);
    certs_end();
}

/* ---- messages ---- */

/* A submit_sm (deliver_sm from the peer) with a text in make_pdu's notation: hexadecimal, 'text' in quotes. */
static inline void filter_say(struct filter_rig *rig, enum sc_leg leg, uint32_t sequence, const char *from,
                              const char *to, const char *text, unsigned esm_class)
{
    char body[1024];
    uint8_t octets[MAKE_MAX];
    size_t n = make_pdu(octets, 0, 0, text) - SMPP_HEADER_LEN;
    (void)snprintf(body, sizeof(body), "00 0101 '%s' 00 0101 '%s' 00 %02x 00 00 00 00 00 00 00 00 %02zx %s", from, to,
                   esm_class, n, text);
    rig_send(&rig->rig, leg, leg == SC_ESME ? SMPP_SUBMIT_SM : SMPP_DELIVER_SM, 0, sequence, body);
}

static inline void filter_submit(struct filter_rig *rig, uint32_t sequence, const char *text)
{
    filter_say(rig, SC_ESME, sequence, FILTER_FROM, FILTER_TO, text, 0);
}

/* Returns the value of a metric, -1 if it does not exist. */
static inline double filter_metric(struct filter_rig *rig, const char *name)
{
    struct stir_buf text = {0};
    char line[128];
    rig->filter.metrics(rig->filter.arg, &text);
    (void)snprintf(line, sizeof(line), "\ncps_smpp_%s ", name);
    const char *at = text.ptr ? strstr(text.ptr, line) : NULL;
    double value = at ? strtod(at + strlen(line), NULL) : -1;
    stir_buf_free(&text);
    return value;
}

/* Runs the loop until no operation is in progress or queued, ten seconds at most. */
static inline void filter_idle(struct filter_rig *rig)
{
    for (unsigned i = 0; i < 60000 && filter_metric(rig, "operations") + filter_metric(rig, "operations_queued") > 0;
         i++) {
        filter_turn(rig);
    }
    UNIT_CHECK(filter_metric(rig, "operations") == 0, "%g operations are in progress",
               filter_metric(rig, "operations"));
}

#define FILTER_METRIC(rig, name, expected)                                                                             \
    UNIT_CHECK(filter_metric((rig), (name)) == (expected), "%s is %g, not %g", (name), filter_metric((rig), (name)),   \
               (double)(expected))
