/* SPDX-License-Identifier: MIT */
#include "client/sidecar/policy/cps_service.h"

#include "client/sidecar/policy/fail.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/cert/chain.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILE_OCTETS (512U << 20) /* octets; a number table may be large */
#define LIST_MAX 64
#define LINES_A_SECOND 10 /* log lines of libcps per second */

/* The filter limits its own operations; this is additional room for operations that libcps begins by itself. */
#define OWN_OPERATIONS 1024

/* The options of the handle, and the lists that they point to. */
struct options {
    struct cps_options cps;
    const char *crls[LIST_MAX];
    const char *crl_urls[LIST_MAX];
    const char *root_files[LIST_MAX];
    const char *root_urls[LIST_MAX];
    uint16_t ports[LIST_MAX];
    char *texts; /* the items of the lists, each with its NUL */
};

static const char *service_text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static uint32_t service_bounded(int64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* ---- lists ---- */

static enum stir_code lists_add_crl(struct options *out, const char *item, size_t i)
{
    (void)i;
    out->crls[out->cps.crl_file_count++] = item;
    return STIR_OK;
}

static enum stir_code lists_add_crl_url(struct options *out, const char *item, size_t i)
{
    (void)i;
    out->crl_urls[out->cps.crl_url_count++] = item;
    return STIR_OK;
}

static enum stir_code lists_add_root_file(struct options *out, const char *item, size_t i)
{
    (void)i;
    out->root_files[out->cps.list_file_count++] = item;
    return STIR_OK;
}

static enum stir_code lists_add_root_url(struct options *out, const char *item, size_t i)
{
    (void)i;
    out->root_urls[out->cps.list_url_count++] = item;
    return STIR_OK;
}

static enum stir_code service_add_port(struct options *out, const char *item, size_t i)
{
    char *end = NULL;
    unsigned long port = strtoul(item, &end, 10);
    if (item[0] < '0' || item[0] > '9' || *end || port == 0 || port > UINT16_MAX) {
        return STIR_E_CONFIG;
    }
    out->ports[i] = (uint16_t)port;
    out->cps.x5u_port_count++;
    return STIR_OK;
}

/* Splits a list into items, which are stored one after the other at *texts. */
static enum stir_code lists_read_one(struct options *out, char **texts, const char *list, const char *key,
                                     enum stir_code (*add)(struct options *out, const char *item, size_t i),
                                     struct stir_error *err)
{
    size_t cap = strlen(list) + 2, i = 0;
    for (size_t pos = 0; stir_conf_next(list, &pos, *texts, cap); i++) {
        if (i == LIST_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] %s: more than %d items", key, LIST_MAX);
        }
        if (add(out, *texts, i) != STIR_OK) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] %s: %s is not valid", key, *texts);
        }
        *texts += strlen(*texts) + 1;
    }
    return STIR_OK;
}

static enum stir_code lists_read(struct options *out, const struct sc_config *config, struct stir_error *err)
{
    /* an item with its NUL needs no more room than in its list with the separator */
    out->texts =
        malloc(strlen(config->trust_crl_files) + strlen(config->trust_crl_urls) + strlen(config->trust_list_files) +
               strlen(config->trust_list_urls) + strlen(config->trust_x5u_ports) + 10);
    if (!out->texts) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    char *texts = out->texts;
    enum stir_code code = lists_read_one(out, &texts, config->trust_crl_files, "crl_files", lists_add_crl, err);
    if (code == STIR_OK) {
        code = lists_read_one(out, &texts, config->trust_crl_urls, "crl_urls", lists_add_crl_url, err);
    }
    if (code == STIR_OK) {
        code = lists_read_one(out, &texts, config->trust_list_files, "list_files", lists_add_root_file, err);
    }
    if (code == STIR_OK) {
        code = lists_read_one(out, &texts, config->trust_list_urls, "list_urls", lists_add_root_url, err);
    }
    if (code == STIR_OK) {
        code = lists_read_one(out, &texts, config->trust_x5u_ports, "x5u_ports", service_add_port, err);
    }
    out->cps.list_files = out->cps.list_file_count ? out->root_files : NULL;
    out->cps.list_urls = out->cps.list_url_count ? out->root_urls : NULL;
    out->cps.crl_files = out->cps.crl_file_count ? out->crls : NULL;
    out->cps.crl_urls = out->cps.crl_url_count ? out->crl_urls : NULL;
    out->cps.x5u_ports = out->cps.x5u_port_count ? out->ports : NULL;
    return code;
}

/* ---- options ---- */

static void service_set_options(struct cps_options *out, const struct sc_config *config)
{
    static const enum cps_replay replays[] = {[SC_REPLAY_MEMORY] = CPS_REPLAY_MEMORY,
                                              [SC_REPLAY_SQLITE] = CPS_REPLAY_SQLITE,
                                              [SC_REPLAY_NONE] = CPS_REPLAY_NONE};
    *out = (struct cps_options){
        .size = sizeof(*out),
        .cps_url = service_text_or_null(config->cps_url),
        .tls_ca_file = service_text_or_null(config->cps_ca),
        .tls_cert_file = service_text_or_null(config->cps_certificate),
        .tls_key_file = service_text_or_null(config->cps_private_key),
        .auth_cert_file = service_text_or_null(config->cps_auth_certificate),
        .auth_key_file = service_text_or_null(config->cps_auth_private_key),
        .auth_x5u = service_text_or_null(config->cps_auth_x5u),
        .auth_spc = service_text_or_null(config->cps_auth_spc),
        .auth_audience = config->cps_auth_certificate[0] ? service_text_or_null(config->cps_auth_audience) : NULL,
        .holder = config->cps_holder,
        .claim = config->cps_claim,
        .connect_timeout_ms = service_bounded(config->cps_connect_timeout_ms),
        .request_timeout_ms = service_bounded(config->cps_request_timeout_ms),
        .max_connections = service_bounded(config->cps_max_connections),
        .max_in_flight = service_bounded(config->cps_max_in_flight < 900000 ? config->cps_max_in_flight + OWN_OPERATIONS
                                                                            : config->cps_max_in_flight),
        .trust_file = service_text_or_null(config->trust_roots),
        .list_signer_roots_file = service_text_or_null(config->trust_list_signer_roots),
        .list_state_dir = service_text_or_null(config->trust_list_state_dir),
        .list_refresh_s = service_bounded(config->trust_list_refresh_s),
        .list_grace_s = config->trust_list_grace_s ? config->trust_list_grace_s : -1,
        .crl_refresh_s = service_bounded(config->trust_crl_refresh_s),
        .crl_ca_file = service_text_or_null(config->trust_crl_ca_file),
        .crl_issuer_file = service_text_or_null(config->trust_crl_issuer_file),
        .crl_signer_roots_file = service_text_or_null(config->trust_crl_signer_roots),
        .crl_policy = (enum cps_crl_policy)config->trust_crl_policy,
        .x5u_dir = service_text_or_null(config->trust_x5u_dir),
        .x5u_ca_file = service_text_or_null(config->trust_x5u_ca_file),
        .x5u_allow_private = config->trust_x5u_allow_private,
        .max_age_s = config->trust_max_age_s,
        .clock_skew_s = config->trust_clock_skew_s ? config->trust_clock_skew_s : -1,
        .allow_spc = config->trust_allow_spc,
        .accept_types = service_text_or_null(config->trust_accept_types),
        .msgi_optional = config->trust_msgi_optional,
        .replay = replays[config->trust_replay],
        .replay_file = service_text_or_null(config->trust_replay_file),
        .replay_max = service_bounded(config->trust_replay_max),
        /* numbers are canonical already; with a country code here it would be added twice */
        .tn_max_digits = service_bounded(config->numbering.max_digits),
        .numbers_file = service_text_or_null(config->numbers_table),
        .route_by_record = config->cps_route_by_record,
        .record_allow_private = config->cps_record_allow_private,
        .spool_file = service_text_or_null(config->spool_file),
        .spool_max = service_bounded(config->spool_messages),
        .spool_octets_max = service_bounded(config->spool_bytes),
    };
}

/* ---- what they come to ---- */

static bool digest_text(EVP_MD_CTX *ctx, const char *text)
{
    return EVP_DigestUpdate(ctx, text, strlen(text) + 1) == 1;
}

/* Adds a file's name and content to a digest. A file that cannot be read counts as empty; cps_new reports it. */
static bool digest_file(EVP_MD_CTX *ctx, const char *path)
{
    struct stir_buf content = {.limit = FILE_OCTETS};
    bool good = digest_text(ctx, path);
    if (good && path[0] && stir_read_file(&content, path, content.limit, NULL) == STIR_OK) {
        good = EVP_DigestUpdate(ctx, &content.len, sizeof(content.len)) == 1 &&
               EVP_DigestUpdate(ctx, content.ptr ? content.ptr : "", content.len) == 1;
    }
    stir_buf_cleanse(&content);
    return good;
}

static bool digest_numbers(EVP_MD_CTX *ctx, const struct cps_options *options)
{
    const int64_t numbers[] = {
        /* every number and switch that service_set_options sets */
        options->connect_timeout_ms,
        options->request_timeout_ms,
        options->max_connections,
        options->max_in_flight,
        options->list_refresh_s,
        options->list_grace_s,
        options->crl_policy,
        options->crl_refresh_s,
        options->x5u_allow_private,
        options->max_age_s,
        options->clock_skew_s,
        options->allow_spc,
        options->msgi_optional,
        options->replay,
        options->replay_max,
        options->tn_max_digits,
        options->spool_max,
        options->spool_octets_max,
        options->holder,
        options->claim,
        options->route_by_record,
        options->record_allow_private,
    };
    return EVP_DigestUpdate(ctx, numbers, sizeof(numbers)) == 1;
}

static enum stir_code digest_config(uint8_t out[32], const struct sc_config *config, const struct options *options,
                                    struct stir_error *err)
{
    const char *const texts[] = {config->cps_url,           config->trust_x5u_dir,       config->trust_x5u_ports,
                                 config->trust_crl_files,   config->trust_crl_urls,      config->trust_replay_file,
                                 config->spool_file,        config->cps_auth_x5u,        config->cps_auth_spc,
                                 config->cps_auth_audience, config->trust_accept_types,  config->trust_list_files,
                                 config->trust_list_urls,   config->trust_list_state_dir};
    const char *const files[] = {config->cps_ca,
                                 config->cps_certificate,
                                 config->cps_private_key,
                                 config->trust_roots,
                                 config->trust_list_signer_roots,
                                 config->trust_crl_issuer_file,
                                 config->trust_crl_signer_roots,
                                 config->trust_crl_ca_file,
                                 config->trust_x5u_ca_file,
                                 config->cps_auth_certificate,
                                 config->cps_auth_private_key,
                                 config->numbers_table};
    /* a changed file must lead to a new handle even if its name is the same */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && digest_numbers(ctx, &options->cps);
    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++) {
        good = digest_text(ctx, texts[i]);
    }
    for (size_t i = 0; good && i < sizeof(files) / sizeof(files[0]); i++) {
        good = digest_file(ctx, files[i]);
    }
    for (size_t i = 0; good && i < options->cps.crl_file_count; i++) {
        good = digest_file(ctx, options->crls[i]);
    }
    good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return good ? STIR_OK : stir_fail_openssl(err, STIR_E_CRYPTO, "cannot compute the digest of the configuration");
}

/* ---- the handle ---- */

/* Limits the lines per second: while the CPS does not answer, each message could cause one. */
static bool log_is_too_much(struct sc_service *service)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (atomic_exchange(&service->log_second, (long long)now.tv_sec) != (long long)now.tv_sec) {
        atomic_store(&service->log_lines, 0);
    }
    return atomic_fetch_add(&service->log_lines, 1) >= LINES_A_SECOND;
}

/* Runs on any thread. */
static void service_log(void *arg, enum cps_log_level level, const char *line)
{
    struct sc_service *service = arg;
    if (log_is_too_much(service)) {
        return;
    }
    struct stir_log log = {.fd = service->log.fd,
                           .level = (enum stir_log_level)atomic_load(&service->log_level),
                           .format = service->log.format,
                           .writer = service->log.writer};
    stir_log_plain(&log, (enum stir_log_level)level, "cps: %s", line);
}

/* Returns when a certificate chain expires, in seconds since the epoch; 0 if there is no chain. */
static int64_t credential_end_of(const char *path)
{
    struct stir_buf text = {.limit = STIR_CHAIN_FILE_OCTETS};
    struct stir_chain *chain = NULL;
    int64_t end = 0;
    if (path[0] && stir_read_file(&text, path, STIR_CHAIN_FILE_OCTETS, NULL) == STIR_OK &&
        stir_chain_parse(&chain, text.ptr ? text.ptr : "", text.len, NULL) == STIR_OK) {
        end = chain->not_after;
    }
    stir_chain_unref(chain);
    stir_buf_free(&text);
    return end;
}

static enum stir_code service_open_handle(struct sc_service **out, struct options *options,
                                          const struct sc_config *config, struct sc_service *before,
                                          const struct stir_log *log, struct stir_error *err)
{
    struct cps_error cause = {0};
    struct sc_service *service = calloc(1, sizeof(*service));
    if (!service) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    service->refs = 1;
    service->replay = (enum sc_replay)config->trust_replay;
    service->has_spool = config->spool_file[0] != '\0';
    service->credential_end = credential_end_of(config->cps_auth_certificate);
    service->log = *log;
    service->log.format = (enum stir_log_format)config->log_format;
    atomic_init(&service->log_level, config->log_level);
    /* a new handle takes over what must not be lost: fetched revocation lists, and used PASSporTs */
    options->cps.log = service_log;
    options->cps.log_arg = service;
    options->cps.crls_from = before ? before->cps : NULL;
    if (before && before->cps && before->replay == SC_REPLAY_MEMORY && service->replay == SC_REPLAY_MEMORY) {
        options->cps.replay_from = before->cps;
    }
    if (cps_new(&service->cps, &options->cps, &cause) != CPS_OK) {
        free(service);
        return sc_fail_cps(err, &cause);
    }
    *out = service;
    return STIR_OK;
}

static void service_list_add(struct sc_service **all, struct sc_service *service)
{
    service->next = *all;
    service->link = all;
    if (*all) {
        (*all)->link = &service->next;
    }
    *all = service;
}

static void service_list_remove(struct sc_service *service)
{
    *service->link = service->next;
    if (service->next) {
        service->next->link = service->link;
    }
}

enum stir_code sc_service_open(struct sc_service **out, const struct sc_config *config, struct sc_service *before,
                               struct sc_service **all, const struct stir_log *log, struct stir_error *err)
{
    struct options options = {0};
    struct sc_service *service = NULL;
    uint8_t digest[32];
    service_set_options(&options.cps, config);
    enum stir_code code = lists_read(&options, config, err);
    if (code == STIR_OK) {
        code = digest_config(digest, config, &options, err);
    }
    /* nothing has changed: the handle stays, with its connections and its spool */
    if (code == STIR_OK && before && before->cps && CRYPTO_memcmp(before->digest, digest, sizeof(digest)) == 0) {
        service = sc_service_ref(before);
        atomic_store(&service->log_level, config->log_level);
    } else if (code == STIR_OK) {
        code = service_open_handle(&service, &options, config, before, log, err);
        if (code == STIR_OK) {
            service_list_add(all, service);
        }
    }
    free(options.texts);
    if (code == STIR_OK) {
        memcpy(service->digest, digest, sizeof(digest));
        *out = service;
    }
    return code;
}

void sc_service_await_lists(struct sc_service *service)
{
    if (service->cps) {
        (void)!cps_crls_refresh(service->cps, NULL); /* failures are logged by libcps */
    }
}

struct sc_service *sc_service_ref(struct sc_service *service)
{
    if (service) {
        service->refs++;
    }
    return service;
}

void sc_service_end(struct sc_service *service)
{
    struct cps *cps = service->cps;
    service->cps = NULL;
    cps_free(cps);
}

void sc_service_unref(struct sc_service *service)
{
    assert(!service || service->refs > 0);
    if (service && --service->refs == 0) {
        sc_service_end(service);
        service_list_remove(service);
        free(service);
    }
}
