#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/net/transport.h"
#include "common/number/identity.h"

/* The CPS's HTTP interface: what is asked, and what answers mean. */
#define CPS_CURSOR_MAX 256
#define CPS_ENVELOPES_MAX 65536 /* in one listing */

/* Requests, without a route yet, and with what their credential has to say; their path and body are the transfer's to
 * free. CPS_E_NOMEM, CPS_E_TOO_BIG. */
enum cps_code cps_ask_publish(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                              const char *envelope, size_t len, uint32_t ttl_s, struct cps_error *err) STIR_MUST_CHECK;
enum cps_code cps_ask_retrieve(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                               const char *after, uint32_t wait_ms, struct cps_error *err) STIR_MUST_CHECK;
/* Takes an envelope out of a box, or, where it is not there, has the CPS remember that it was taken. */
enum cps_code cps_ask_remove(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                             const char *id, struct cps_error *err) STIR_MUST_CHECK;
/* Takes all that is in a box out of it. */
enum cps_code cps_ask_empty(struct cps_request *out, const struct cps *cps, const struct stir_identity *dest,
                            struct cps_error *err) STIR_MUST_CHECK;
enum cps_code cps_ask_health(struct cps_request *out, const struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;
/* Puts a key record under a subject, "spc:CODE" or a number's text; with record NULL, asks for all records that cover
 * it. dest: the number, for the token; NULL: none. */
enum cps_code cps_ask_keys(struct cps_request *out, const struct cps *cps, const char *subject,
                           const struct stir_identity *dest, const char *record, size_t len,
                           struct cps_error *err) STIR_MUST_CHECK;

/* CPS_OK for a 2xx; otherwise what happened, from the transfer or from the status and its problem details. */
enum cps_code cps_answer_status(const struct cps_response *response, struct cps_error *err) STIR_MUST_CHECK;

/* Reads a listing. CPS_E_PROTOCOL, CPS_E_NOMEM. Also what cps_answer_status returns. */
enum cps_code cps_answer_listing(struct cps_envelopes *out, const struct cps_response *response,
                                 struct cps_error *err) STIR_MUST_CHECK;
