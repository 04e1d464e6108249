#include "client/lib/handle.h"

#include <stdlib.h>
#include <string.h>

/* Fields of older callers' structs end here; a smaller struct is no struct of ours. */
#define OLDEST_SIZE offsetof(struct cps_options, numbers_file)

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
#define TEXT(field)                                                                                                    \
    {                                                                                                                  \
#field, offsetof(struct cps_options, field)                                                                    \
    }
    TEXT(cps_url),         TEXT(tls_ca_file),          TEXT(tls_cert_file), TEXT(tls_key_file),
    TEXT(trust_file),      TEXT(crl_issuer_file),      TEXT(x5u_dir),       TEXT(x5u_ca_file),
    TEXT(spool_file),      TEXT(spool_hash_key),       TEXT(replay_file),   TEXT(country_code),
    TEXT(national_prefix), TEXT(international_prefix), TEXT(numbers_file),  TEXT(pinned_file),
    TEXT(auth_cert_file),  TEXT(auth_key_file),        TEXT(auth_x5u),      TEXT(auth_spc),
    TEXT(auth_audience),
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

static char **text_at(struct cps_options *options, size_t i)
{
    return (char **)(void *)((char *)options + texts[i].offset);
}

static uint32_t *number_at(struct cps_options *options, size_t i)
{
    return (uint32_t *)(void *)((char *)options + numbers[i].offset);
}

void cps_options_clear(struct cps_options *options)
{
    for (size_t i = 0; i < TEXTS; i++) {
        free(*text_at(options, i));
        *text_at(options, i) = NULL;
    }
    for (size_t i = 0; options->crl_files && i < options->crl_file_count; i++) {
        free((char *)(uintptr_t)options->crl_files[i]);
    }
    free((void *)(uintptr_t)options->crl_files);
    free((void *)(uintptr_t)options->x5u_ports);
    options->crl_files = NULL;
    options->x5u_ports = NULL;
}

/* Takes the fields that the caller's struct has; what a newer caller has beyond ours must be at its default. */
static enum cps_code take_fields(struct cps_options *out, const struct cps_options *given, struct cps_error *err)
{
    if (!given || given->size < OLDEST_SIZE || given->size > 65536) {
        return cps_fail(err, CPS_E_INVAL, "options.size is not sizeof(struct cps_options)");
    }
    const unsigned char *octets = (const unsigned char *)given;
    for (size_t i = sizeof(*out); i < given->size; i++) {
        if (octets[i]) {
            return cps_fail(err, CPS_E_INVAL, "the options ask for something that this version (%s) does not know",
                            CPS_VERSION);
        }
    }
    *out = (struct cps_options){0};
    memcpy(out, given, given->size < sizeof(*out) ? given->size : sizeof(*out));
    out->size = sizeof(*out);
    return CPS_OK;
}

/* Replaces every borrowed pointer by a copy of ours. Those not yet copied are NULL, so that clearing is always safe. */
static enum cps_code own_pointers(struct cps_options *out, const struct cps_options *given, struct cps_error *err)
{
    struct cps_options from = *out;
    bool good = true;
    for (size_t i = 0; i < TEXTS; i++) {
        *text_at(out, i) = NULL;
    }
    out->crl_files = NULL;
    out->x5u_ports = NULL;
    for (size_t i = 0; good && i < TEXTS; i++) {
        const char *text = *text_at(&from, i);
        good = !text || (*text_at(out, i) = strdup(text)) != NULL;
    }
    if (good && from.crl_files && from.crl_file_count) {
        char **copies = calloc(from.crl_file_count, sizeof(*copies));
        out->crl_files = (const char *const *)copies;
        good = copies != NULL;
        for (size_t i = 0; good && i < from.crl_file_count; i++) {
            good = from.crl_files[i] && (copies[i] = strdup(from.crl_files[i])) != NULL;
        }
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

static enum cps_code check_numbers(struct cps_options *options, struct cps_error *err)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        uint32_t *value = number_at(options, i);
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
    return CPS_OK;
}

static enum cps_code check_policy(struct cps_options *options, struct cps_error *err)
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
        return cps_fail(err, CPS_E_CONFIG, "replay is none of enum cps_replay");
    }
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

static enum cps_code check_network(const struct cps_options *options, struct cps_error *err)
{
    if ((options->tls_cert_file != NULL) != (options->tls_key_file != NULL)) {
        return cps_fail(err, CPS_E_CONFIG, "tls_cert_file and tls_key_file go together");
    }
    return CPS_OK;
}

static enum cps_code check_spool(const struct cps_options *options, struct cps_error *err)
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

enum cps_code cps_options_copy(struct cps_options *out, const struct cps_options *given, struct cps_error *err)
{
    struct cps_options copy;
    enum cps_code code = take_fields(&copy, given, err);
    if (code != CPS_OK) {
        return code;
    }
    code = check_numbers(&copy, err);
    if (code != CPS_OK) {
        return code;
    }
    code = own_pointers(&copy, given, err);
    if (code == CPS_OK) {
        code = check_policy(&copy, err);
    }
    if (code == CPS_OK) {
        code = check_network(&copy, err);
    }
    if (code == CPS_OK) {
        code = check_spool(&copy, err);
    }
    if (code != CPS_OK) {
        cps_options_clear(&copy);
        return code;
    }
    *out = copy;
    return CPS_OK;
}

static enum cps_code copy_code(char *out, size_t cap, const char *value, const char *name, struct cps_error *err)
{
    size_t n = value ? strlen(value) : 0;
    if (n >= cap || (n && strspn(value, "0123456789") != n)) {
        return cps_fail(err, CPS_E_CONFIG, "%s is not a number of up to %zu digits", name, cap - 1);
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
    enum cps_code code =
        copy_code(numbering.country_code, sizeof(numbering.country_code), options->country_code, "country_code", err);
    if (code == CPS_OK) {
        code = copy_code(numbering.national_prefix, sizeof(numbering.national_prefix), options->national_prefix,
                         "national_prefix", err);
    }
    if (code == CPS_OK) {
        code = copy_code(numbering.international_prefix, sizeof(numbering.international_prefix),
                         options->international_prefix, "international_prefix", err);
    }
    if (code == CPS_OK) {
        *out = numbering;
    }
    return code;
}
