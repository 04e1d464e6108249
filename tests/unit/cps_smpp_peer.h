/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps_smpp.h"
#include "client/smpp/command.h"
#include "tests/unit/smpp_make.h"

/* A handle without a CPS, and peers of it, for tests of cps_smpp.h. */

static inline struct cps *peer_cps(struct cps_options options)
{
    struct cps *cps = NULL;
    struct cps_error err = {0};
    options.size = sizeof(options);
    UNIT_CHECK(cps_new(&cps, &options, &err) == CPS_OK, "%s", err.text);
    return cps;
}

static inline struct cps_smpp *peer_new(const struct cps *cps, struct cps_smpp_options options)
{
    struct cps_smpp *peer = NULL;
    struct cps_error err = {0};
    options.size = sizeof(options);
    options.from = options.from ? options.from : CPS_SMPP_FROM_SMSC;
    UNIT_CHECK(cps_smpp_new(&peer, cps, &options, &err) == CPS_OK, "%s", err.text);
    return peer;
}

/* Passes a PDU in memory that is freed before the result is used. */
static inline struct cps_smpp_result peer_take(struct cps_smpp *peer, const void *pdu, size_t len, void *token,
                                               uint64_t now_ms)
{
    struct cps_smpp_result result = {0};
    struct cps_error err = {0};
    void *octets = malloc(len ? len : 1);
    if (!octets) {
        abort();
    }
    memcpy(octets, pdu, len);
    UNIT_CHECK(cps_smpp_take(peer, octets, len, now_ms, token, &result, &err) == CPS_OK, "%s", err.text);
    free(octets);
    return result;
}

/* The same of a body in hexadecimal with 'quoted' text (smpp_make.h). */
static inline struct cps_smpp_result peer_take_made(struct cps_smpp *peer, uint32_t command, const char *body)
{
    uint8_t octets[MAKE_MAX];
    return peer_take(peer, octets, make_pdu(octets, command, 0, body), NULL, 0);
}

static inline bool peer_result_is(const struct cps_smpp_result *result, enum cps_smpp_kind kind,
                                  enum cps_smpp_reason reason, const char *label)
{
    return UNIT_CHECK(result->kind == kind && result->reason == reason, "%s: %s, %s (%s)", label,
                      cps_smpp_kind_name(result->kind), cps_smpp_reason_name(result->reason), result->text);
}

static inline void peer_body_is(const struct cps_smpp_result *result, const void *body, size_t len, const char *label)
{
    UNIT_CHECK(result->message.body && result->message.body_len == len && memcmp(result->message.body, body, len) == 0,
               "%s: \"%.*s\"", label, (int)result->message.body_len,
               result->message.body ? (const char *)result->message.body : "");
}

/* Checks what holds for every result, whatever the PDU was. */
static inline void peer_coherent(const struct cps_smpp_result *result, const char *label)
{
    bool fit = result->reason == CPS_SMPP_FIT;
    bool whole = result->kind == CPS_SMPP_MESSAGE;
    UNIT_CHECK(fit == (result->message.orig != NULL), "%s: orig", label);
    UNIT_CHECK(!fit || (whole && result->message.body && result->message.dest_count > 0), "%s: fit", label);
    UNIT_CHECK((result->reason == CPS_SMPP_NO_MESSAGE) ==
                   (result->kind == CPS_SMPP_OTHER || result->kind == CPS_SMPP_RECEIPT),
               "%s: no message", label);
    UNIT_CHECK((result->text[0] == '\0') == fit, "%s: text \"%s\"", label, result->text);
    UNIT_CHECK(!whole || (result->segment_count == result->total && result->given_up_count == 0), "%s: segments",
               label);
    UNIT_CHECK((result->kind == CPS_SMPP_MALFORMED) == (result->command_status != 0), "%s: status", label);
}
