/* SPDX-License-Identifier: MIT */
#include "client/lib/context/message.h"

#include "common/passport/passport.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static enum cps_code message_check_identity(struct stir_identity *out, const struct cps *cps, const char *text,
                                            const char *what, struct cps_error *err)
{
    struct stir_error cause = {0};
    if (!text) {
        return cps_fail(err, CPS_E_INVAL, "%s is missing", what);
    }
    enum stir_code code = stir_identity_parse_user(out, text, strnlen(text, 4096), &cps->numbering, &cause);
    if (code != STIR_OK) {
        return cps_fail_prefix(err, cps_fail_stir(err, code, &cause), "%s", what);
    }
    return CPS_OK;
}

enum cps_code cps_dest_check(struct stir_identity *out, const struct cps *cps, const char *dest, struct cps_error *err)
{
    return message_check_identity(out, cps, dest, "dest", err);
}

static enum cps_code message_check_dests(struct cps_checked *out, const struct cps *cps,
                                         const struct cps_message *message, struct cps_error *err)
{
    if (!message->dest || message->dest_count == 0 || message->dest_count > STIR_PASSPORT_DESTS) {
        return cps_fail(err, CPS_E_INVAL, "dest has %zu members; it must have 1 to %d", message->dest_count,
                        STIR_PASSPORT_DESTS);
    }
    out->dest = calloc(message->dest_count, sizeof(*out->dest));
    if (!out->dest) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    out->dest_count = message->dest_count;
    for (size_t i = 0; i < message->dest_count; i++) {
        enum cps_code code = cps_dest_check(&out->dest[i], cps, message->dest[i], err);
        if (code != CPS_OK) {
            return code;
        }
    }
    return CPS_OK;
}

static enum cps_code message_take_body(struct cps_checked *out, const struct cps_message *message, bool keep,
                                       struct cps_error *err)
{
    if (!message->body) {
        return message->body_len ? cps_fail(err, CPS_E_INVAL, "body is NULL, but body_len is not 0") : CPS_OK;
    }
    out->body = message->body;
    out->body_len = message->body_len;
    if (keep) {
        out->owned_body = malloc(message->body_len ? message->body_len : 1);
        if (!out->owned_body) {
            return cps_fail(err, CPS_E_NOMEM, "out of memory");
        }
        if (message->body_len) {
            memcpy(out->owned_body, message->body, message->body_len);
        }
        out->body = out->owned_body;
    }
    return CPS_OK;
}

static enum cps_code message_digest_reading(struct cps_checked_reading *out, const struct cps_reading *reading,
                                            struct cps_error *err)
{
    struct stir_error cause = {0};
    size_t len = reading->name ? strnlen(reading->name, sizeof(out->name)) : sizeof(out->name);
    if (len == sizeof(out->name) || !reading->body) {
        return cps_fail(err, CPS_E_INVAL, "a reading of a message needs a name of up to %zu octets and a body",
                        sizeof(out->name) - 1);
    }
    memcpy(out->name, reading->name, len);
    for (int alg = STIR_MSGI_SHA256; alg <= STIR_MSGI_SHA512; alg++) {
        enum stir_code code =
            stir_msgi_make(out->msgi[alg], (enum stir_msgi_alg)alg, reading->body, reading->body_len, &cause);
        if (code != STIR_OK) {
            return cps_fail_stir(err, code, &cause);
        }
    }
    return CPS_OK;
}

/* Computes the digests of the other texts that the body can be read as. Most messages have none. */
static enum cps_code message_take_readings(struct cps_checked *out, const struct cps_message *message,
                                           struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    if (message->reading_count == 0) {
        return CPS_OK;
    }
    if (message->reading_count > CPS_READINGS_MAX || !message->readings || !message->body) {
        return cps_fail(err, CPS_E_INVAL, "a message with readings needs a body and at most %d readings",
                        CPS_READINGS_MAX);
    }
    out->readings = calloc(message->reading_count, sizeof(*out->readings));
    if (!out->readings) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    out->reading_count = message->reading_count;
    for (size_t i = 0; code == CPS_OK && i < out->reading_count; i++) {
        code = message_digest_reading(&out->readings[i], &message->readings[i], err);
    }
    return code;
}

enum cps_code cps_message_check(struct cps_checked *out, const struct cps *cps, const struct cps_message *message,
                                bool keep, struct cps_error *err)
{
    struct cps_checked checked = {0};
    if (!message) {
        return cps_fail(err, CPS_E_INVAL, "message is NULL");
    }
    enum cps_code code = message_check_identity(&checked.orig, cps, message->orig, "orig", err);
    if (code == CPS_OK) {
        code = message_check_dests(&checked, cps, message, err);
    }
    if (code == CPS_OK) {
        code = message_take_body(&checked, message, keep, err);
    }
    if (code == CPS_OK) {
        code = message_take_readings(&checked, message, err);
    }
    /* A message is taken whole or not at all. */
    if (code != CPS_OK) {
        cps_checked_clear(&checked);
        return code;
    }
    checked.iat = message->iat;
    *out = checked;
    return CPS_OK;
}

void cps_checked_clear(struct cps_checked *message)
{
    if (message->owned_body) {
        OPENSSL_cleanse(message->owned_body, message->body_len);
    }
    free(message->owned_body);
    free(message->dest);
    free(message->readings);
    *message = (struct cps_checked){0};
}
