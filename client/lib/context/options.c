/* SPDX-License-Identifier: MIT */
#include "client/lib/context/handle.h"
#include "common/passport/passport.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The smallest struct that a caller was ever compiled with ends here. */
#define OLDEST_SIZE offsetof(struct cps_options, numbers_file)

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
#define TEXT(field)                                                                                                    \
    {                                                                                                                  \
#field, offsetof(struct cps_options, field)                                                                    \
    }
    TEXT(cps_url),         TEXT(tls_ca_file),
    TEXT(tls_cert_file),   TEXT(tls_key_file),
    TEXT(trust_file),      TEXT(list_signer_roots_file),
    TEXT(crl_issuer_file), TEXT(crl_signer_roots_file),
    TEXT(crl_ca_file),     TEXT(x5u_dir),
    TEXT(x5u_ca_file),     TEXT(spool_file),
    TEXT(spool_hash_key),  TEXT(accept_types),
    TEXT(replay_file),     TEXT(country_code),
    TEXT(national_prefix), TEXT(international_prefix),
    TEXT(numbers_file),    TEXT(pinned_file),
    TEXT(auth_cert_file),  TEXT(auth_key_file),
    TEXT(auth_x5u),        TEXT(auth_spc),
    TEXT(auth_audience),   TEXT(list_state_dir),
#undef TEXT
};

static const struct {
    const char *name;
    size_t offset;
    uint32_t default_value, min, max;
} numbers[] = {
#define NUMBER(field, default_value, min, max)                                                                         \
    {                                                                                                                  \
#field, offsetof(struct cps_options, field), default_value, min, max                                           \
    }
    NUMBER(connect_timeout_ms, 3000, 1, 600000),
    NUMBER(request_timeout_ms, 5000, 1, 600000),
    NUMBER(max_connections, 16, 1, 1024),
    NUMBER(max_in_flight, 1024, 1, 1000000),
    NUMBER(max_response_octets, 8388608, 1024, 1073741824),
    NUMBER(list_refresh_s, 3600, 1, 604800),
    NUMBER(crl_refresh_s, 3600, 1, 604800),
    NUMBER(x5u_timeout_ms, 3000, 1, 60000),
    NUMBER(x5u_cache_max, 4096, 1, 1000000),
    NUMBER(x5u_max_age_s, 86400, 1, 31536000),
    NUMBER(x5u_negative_s, 30, 1, 86400),
    NUMBER(replay_max, 1000000, 1, 1000000000),
    NUMBER(tn_max_digits, 15, 1, STIR_TN_MAX),
    NUMBER(short_code_digits, 6, 1, STIR_TN_MAX),
    NUMBER(national_digits, 0, 0, STIR_TN_MAX),
    NUMBER(box_max, 1024, 1, 1000000),
    NUMBER(box_entry_max, 65536, 1, 100000000),
    NUMBER(box_octets_max, 67108864, 65536, 4294967295),
    NUMBER(spool_max, 100000, 1, 100000000),
    NUMBER(spool_octets_max, 268435456, 1024, 4294967295),
    NUMBER(spool_parallel, 8, 1, 256),
    NUMBER(spool_retry_min_ms, 250, 1, 60000),
    NUMBER(spool_retry_max_ms, 10000, 1, 600000),
    NUMBER(key_cache_max, 4096, 1, 10000000),
    NUMBER(key_max_age_s, 3600, 1, 31536000),
    NUMBER(key_negative_s, 30, 1, 86400),
#undef NUMBER
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static char **options_text_at(struct cps_options *options, size_t i)
{
    return (char **)(void *)((char *)options + texts[i].offset);
}

static uint32_t *options_number_at(struct cps_options *options, size_t i)
{
    return (uint32_t *)(void *)((char *)options + numbers[i].offset);
}

static void options_list_free(const char *const *list, size_t count)
{
    for (size_t i = 0; list && i < count; i++) {
        free((char *)(uintptr_t)list[i]);
    }
    free((void *)(uintptr_t)list);
}

/* Copies a list of texts; false: out of memory, or one of them is NULL. */
static bool options_list_copy(const char *const **out, const char *const *list, size_t count)
{
    char **copies = calloc(count + 1, sizeof(*copies));
    bool good = copies != NULL;
    for (size_t i = 0; good && i < count; i++) {
        good = list[i] && (copies[i] = strdup(list[i])) != NULL;
    }
    *out = (const char *const *)copies;
    return good;
}

void cps_options_clear(struct cps_options *options)
{
    for (size_t i = 0; i < TEXTS; i++) {
        free(*options_text_at(options, i));
        *options_text_at(options, i) = NULL;
    }
    options_list_free(options->list_files, options->list_file_count);
    options_list_free(options->list_urls, options->list_url_count);
    options->list_files = NULL;
    options->list_urls = NULL;
    options_list_free(options->crl_files, options->crl_file_count);
    options_list_free(options->crl_urls, options->crl_url_count);
    free((void *)(uintptr_t)options->x5u_ports);
    options->crl_files = NULL;
    options->crl_urls = NULL;
    options->x5u_ports = NULL;
}

/* Copies the fields that the caller's struct has. Fields of a newer caller that this version lacks must be zero. */
static enum cps_code options_take_fields(struct cps_options *out, const struct cps_options *given,
                                         struct cps_error *err)
{
    if (!given || given->size < OLDEST_SIZE || given->size > 65536) {
        return cps_fail(err, CPS_E_INVAL, "options.size is not sizeof(struct cps_options)");
    }
    const unsigned char *octets = (const unsigned char *)given;
    for (size_t i = sizeof(*out); i < given->size; i++) {
        if (octets[i]) {
            return cps_fail(err, CPS_E_INVAL,
                            "the options set a field that this version (%s) of libcps does not have; use the library "
                            "that the caller was compiled for",
                            CPS_VERSION);
        }
    }
    *out = (struct cps_options){0};
    memcpy(out, given, given->size < sizeof(*out) ? given->size : sizeof(*out));
    out->size = sizeof(*out);
    return CPS_OK;
}

/* Replaces every borrowed pointer by a copy of ours. */
static enum cps_code options_own_pointers(struct cps_options *out, const struct cps_options *given,
                                          struct cps_error *err)
{
    struct cps_options from = *out;
    bool good = true;
    /* What is not copied yet is NULL, so that clearing is safe at any point. */
    for (size_t i = 0; i < TEXTS; i++) {
        *options_text_at(out, i) = NULL;
    }
    out->list_files = NULL;
    out->list_urls = NULL;
    out->crl_files = NULL;
    out->crl_urls = NULL;
    out->x5u_ports = NULL;
    for (size_t i = 0; good && i < TEXTS; i++) {
        const char *text = *options_text_at(&from, i);
        good = !text || (*options_text_at(out, i) = strdup(text)) != NULL;
    }
    if (good && from.list_files && from.list_file_count) {
        good = options_list_copy(&out->list_files, from.list_files, from.list_file_count);
    }
    if (good && from.list_urls && from.list_url_count) {
        good = options_list_copy(&out->list_urls, from.list_urls, from.list_url_count);
    }
    if (good && from.crl_files && from.crl_file_count) {
        good = options_list_copy(&out->crl_files, from.crl_files, from.crl_file_count);
    }
    if (good && from.crl_urls && from.crl_url_count) {
        good = options_list_copy(&out->crl_urls, from.crl_urls, from.crl_url_count);
    }
    if (good && from.x5u_ports && from.x5u_port_count) {
        uint16_t *copies = calloc(from.x5u_port_count, sizeof(*copies));
        out->x5u_ports = copies;
        good = copies != NULL;
        for (size_t i = 0; good && i < from.x5u_port_count; i++) {
            copies[i] = given->x5u_ports[i];
        }
    }
    return good ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

/* Checks that each URL of a list is https. */
static enum cps_code options_check_urls(const char *name, const char *const *urls, size_t count, struct cps_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!urls[i] || strncasecmp(urls[i], "https://", 8) != 0) {
            return cps_fail(err, CPS_E_CONFIG, "%s: %s is not https", name, urls[i] ? urls[i] : "NULL");
        }
    }
    return CPS_OK;
}

static enum cps_code options_check_lists(struct cps_options *options, struct cps_error *err)
{
    options->list_file_count = options->list_files ? options->list_file_count : 0;
    options->list_url_count = options->list_urls ? options->list_url_count : 0;
    options->list_grace_s = options->list_grace_s ? options->list_grace_s : 604800;
    options->list_grace_s = options->list_grace_s == -1 ? 0 : options->list_grace_s;
    if (options->list_file_count > 16 || options->list_url_count > 16) {
        return cps_fail(err, CPS_E_CONFIG, "%s is more than 16",
                        options->list_file_count > 16 ? "list_file_count" : "list_url_count");
    }
    if (options->list_grace_s < 0 || options->list_grace_s > 31536000) {
        return cps_fail(err, CPS_E_CONFIG, "list_grace_s is outside -1..31536000");
    }
    if (options->list_file_count + options->list_url_count > 0 && !options->list_signer_roots_file) {
        return cps_fail(err, CPS_E_CONFIG, "list_files and list_urls need list_signer_roots_file");
    }
    return options_check_urls("list_urls", options->list_urls, options->list_url_count, err);
}

static enum cps_code options_check_numbers(struct cps_options *options, struct cps_error *err)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        uint32_t *value = options_number_at(options, i);
        *value = *value ? *value : numbers[i].default_value;
        if (*value < numbers[i].min || *value > numbers[i].max) {
            return cps_fail(err, CPS_E_CONFIG, "%s is %u, outside %u..%u", numbers[i].name, *value, numbers[i].min,
                            numbers[i].max);
        }
    }
    if (options->crl_file_count > 64 || options->x5u_port_count > 64) {
        return cps_fail(err, CPS_E_CONFIG, "%s is more than 64",
                        options->crl_file_count > 64 ? "crl_file_count" : "x5u_port_count");
    }
    if (options->crl_url_count > 16) {
        return cps_fail(err, CPS_E_CONFIG, "crl_url_count is more than 16");
    }
    options->crl_file_count = options->crl_files ? options->crl_file_count : 0;
    options->crl_url_count = options->crl_urls ? options->crl_url_count : 0;
    enum cps_code code = options_check_urls("crl_urls", options->crl_urls, options->crl_url_count, err);
    return code == CPS_OK ? options_check_lists(options, err) : code;
}

static enum cps_code options_check_policy(struct cps_options *options, struct cps_error *err)
{
    options->max_age_s = options->max_age_s ? options->max_age_s : CPS_MAX_AGE_CALL_S;
    options->clock_skew_s = options->clock_skew_s ? options->clock_skew_s : 60;
    options->clock_skew_s = options->clock_skew_s == -1 ? 0 : options->clock_skew_s;
    if (options->max_age_s < 1 || options->max_age_s > CPS_MAX_AGE_LIMIT_S) {
        return cps_fail(err, CPS_E_CONFIG, "max_age_s is outside 1..%d", CPS_MAX_AGE_LIMIT_S);
    }
    if (options->clock_skew_s < 0 || options->clock_skew_s > 3600) {
        return cps_fail(err, CPS_E_CONFIG, "clock_skew_s is outside -1..3600");
    }
    if ((unsigned)options->replay > CPS_REPLAY_NONE) {
        return cps_fail(err, CPS_E_CONFIG, "unknown replay %u", (unsigned)options->replay);
    }
    if ((unsigned)options->crl_policy > CPS_CRL_REQUIRED) {
        return cps_fail(err, CPS_E_CONFIG, "unknown crl_policy %u", (unsigned)options->crl_policy);
    }
    /* RFC 9475 section 3.2: only within 60 seconds does freshness alone protect against replays. */
    if (options->replay == CPS_REPLAY_NONE && options->max_age_s > CPS_MAX_AGE_CALL_S) {
        return cps_fail(err, CPS_E_CONFIG, "max_age_s above %d needs a replay memory (RFC 9475 section 3.2)",
                        CPS_MAX_AGE_CALL_S);
    }
    if ((options->replay == CPS_REPLAY_SQLITE) != (options->replay_file != NULL)) {
        return cps_fail(err, CPS_E_CONFIG, "replay_file and CPS_REPLAY_SQLITE go together");
    }
    if (options->replay_from &&
        (options->replay != CPS_REPLAY_MEMORY || options->replay_from->options.replay != CPS_REPLAY_MEMORY)) {
        return cps_fail(err, CPS_E_CONFIG, "replay_from and CPS_REPLAY_MEMORY go together");
    }
    return CPS_OK;
}

static enum cps_code options_check_network(const struct cps_options *options, struct cps_error *err)
{
    if ((options->tls_cert_file != NULL) != (options->tls_key_file != NULL)) {
        return cps_fail(err, CPS_E_CONFIG, "tls_cert_file and tls_key_file go together");
    }
    return CPS_OK;
}

static enum cps_code options_check_spool(const struct cps_options *options, struct cps_error *err)
{
    if (options->spool_file && !options->cps_url) {
        return cps_fail(err, CPS_E_CONFIG, "spool_file needs a cps_url");
    }
    if (options->spool_hash_key && strlen(options->spool_hash_key) > 256) {
        return cps_fail(err, CPS_E_CONFIG, "spool_hash_key is longer than 256 octets");
    }
    if (options->spool_retry_min_ms > options->spool_retry_max_ms) {
        return cps_fail(err, CPS_E_CONFIG, "spool_retry_min_ms is more than spool_retry_max_ms");
    }
    return CPS_OK;
}

enum cps_code cps_options_types(unsigned *out, const struct cps_options *options, struct cps_error *err)
{
    static const struct {
        const char *name;
        enum stir_ppt type;
    } types[] = {{"msg", STIR_PPT_MSG}, {"shaken", STIR_PPT_SHAKEN}, {"baseline", STIR_PPT_NONE}};
    enum { TYPES = sizeof(types) / sizeof(types[0]) };
    const char *at = options->accept_types ? options->accept_types : "msg";
    unsigned accepted = 0;
    /* Names with commas or spaces between them. */
    for (at += strspn(at, ", "); *at; at += strspn(at, ", ")) {
        size_t n = strcspn(at, ", ");
        size_t i = 0;
        while (i < TYPES && (strlen(types[i].name) != n || memcmp(types[i].name, at, n) != 0)) {
            i++;
        }
        if (i == TYPES) {
            return cps_fail(err, CPS_E_CONFIG,
                            "accept_types: unknown type \"%.*s\"; known are msg, shaken and baseline",
                            (int)(n < 32 ? n : 32), at);
        }
        accepted |= 1u << types[i].type;
        at += n;
    }
    if (!(accepted & 1u << STIR_PPT_MSG)) {
        return cps_fail(err, CPS_E_CONFIG, "accept_types: msg is missing: it is the type that vouches for messages");
    }
    *out = accepted;
    return CPS_OK;
}

enum cps_code cps_options_copy(struct cps_options *out, const struct cps_options *given, struct cps_error *err)
{
    struct cps_options copy;
    enum cps_code code = options_take_fields(&copy, given, err);
    if (code != CPS_OK) {
        return code;
    }
    code = options_check_numbers(&copy, err);
    if (code != CPS_OK) {
        return code;
    }
    /* From here on the copy owns what it points to, and a failure has to clear it. */
    code = options_own_pointers(&copy, given, err);
    if (code == CPS_OK) {
        code = options_check_policy(&copy, err);
    }
    if (code == CPS_OK) {
        code = options_check_network(&copy, err);
    }
    if (code == CPS_OK) {
        code = options_check_spool(&copy, err);
    }
    if (code != CPS_OK) {
        cps_options_clear(&copy);
        return code;
    }
    *out = copy;
    return CPS_OK;
}

static enum cps_code options_copy_code(char *out, size_t cap, const char *value, const char *name,
                                       struct cps_error *err)
{
    size_t n = value ? strlen(value) : 0;
    if (n >= cap || (n && strspn(value, "0123456789") != n)) {
        return cps_fail(err, CPS_E_CONFIG, "%s must be at most %zu digits", name, cap - 1);
    }
    memcpy(out, value ? value : "", n + 1);
    return CPS_OK;
}

enum cps_code cps_options_numbering(struct stir_numbering *out, const struct cps_options *options,
                                    struct cps_error *err)
{
    struct stir_numbering numbering = STIR_NUMBERING_DEFAULT;
    numbering.max_digits = options->tn_max_digits;
    numbering.short_code_digits = options->short_code_digits;
    numbering.national_digits = options->national_digits;
    enum cps_code code = options_copy_code(numbering.country_code, sizeof(numbering.country_code),
                                           options->country_code, "country_code", err);
    if (code == CPS_OK) {
        code = options_copy_code(numbering.national_prefix, sizeof(numbering.national_prefix), options->national_prefix,
                                 "national_prefix", err);
    }
    if (code == CPS_OK) {
        code = options_copy_code(numbering.international_prefix, sizeof(numbering.international_prefix),
                                 options->international_prefix, "international_prefix", err);
    }
    if (code == CPS_OK) {
        *out = numbering;
    }
    return code;
}
