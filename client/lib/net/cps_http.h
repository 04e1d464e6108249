/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/net/transport.h"
#include "common/number/identity.h"

/* The HTTP interface of a CPS: makes requests and reads answers. */
#define CPS_CURSOR_MAX 256      /* characters of a cursor */
#define CPS_ENVELOPES_MAX 65536 /* in one listing */

/* The cps_ask_ functions fill in a request without a route. What they allocate for it, cps_transfer_clear frees. They
 * give CPS_E_NOMEM, and CPS_E_TOO_BIG for a body that is empty or over its limit. */

/* Asks the CPS to store an envelope in the box of dest, for ttl_s seconds (0: as long as the CPS likes). */
enum cps_code cps_ask_publish(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                              const char *envelope, size_t len, uint32_t ttl_s, struct cps_error *err) STIR_MUST_CHECK;

/* Asks for the envelopes in the box of dest after a cursor (NULL: all). wait_ms: how long the CPS may wait for one. */
enum cps_code cps_ask_retrieve(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                               const char *after, uint32_t wait_ms, struct cps_error *err) STIR_MUST_CHECK;

/* Asks to take an envelope out of a box; if it is not there, the CPS remembers that it was taken. */
enum cps_code cps_ask_remove(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                             const char *id, struct cps_error *err) STIR_MUST_CHECK;

/* Asks to empty a box. */
enum cps_code cps_ask_empty(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                            struct cps_error *err) STIR_MUST_CHECK;

/* Asks how the CPS is; sent even while it is away. */
enum cps_code cps_ask_health(struct cps_request *out, const struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Asks to store a key record under a subject ("spc:CODE" or the text of a number), or with record NULL for all records
 * that cover it. dest: the number, for the token; NULL: none. */
enum cps_code cps_ask_keys(struct cps_request *out, const struct cps *cps, const char *subject,
                           const struct stir_identity *dest, const char *record, size_t len,
                           struct cps_error *err) STIR_MUST_CHECK;

/* Returns CPS_OK for a 2xx, otherwise the failure: that of the transfer, or the one that the status means, with the
 * problem details (RFC 9457) as text. */
enum cps_code cps_answer_status(const struct cps_response *response, struct cps_error *err) STIR_MUST_CHECK;

/* Reads the listing of a box; *out is freed with cps_envelopes_clear. CPS_E_PROTOCOL, CPS_E_NOMEM, and what
 * cps_answer_status returns. */
enum cps_code cps_answer_listing(struct cps_envelopes *out, const struct cps_response *response,
                                 struct cps_error *err) STIR_MUST_CHECK;
