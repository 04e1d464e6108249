/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/trust.h"

/*
 * The list of trusted roots that an STI Policy Administrator publishes (ATIS-1000084; the file "sticaList.jwt"): a JWS
 * with ES256 whose header names the signer's certificate (x5u) and whose payload is {"version", "sequence", "exp",
 * "trustList": [PEM roots]}. Its signer has anchors of its own, which never become anchors for PASSporTs. Thread-safe.
 */
#define STIR_TRUST_LIST_OCTETS (1U << 20) /* of the list */
#define STIR_TRUST_LIST_ROOTS 1000        /* in one list */
#define STIR_TRUST_LIST_X5U 2048          /* octets of x5u and a NUL */

/* A list that was read and verified. */
struct stir_trust_list {
    char *roots; /* PEM, for stir_trust_add_roots; owned */
    size_t roots_len;
    int64_t sequence;
    int64_t exp; /* seconds since the epoch */
};

/* All pointers are borrowed for the call. */
struct stir_trust_list_spec {
    struct stir_view text;         /* the JWS; white space around it is ignored */
    struct stir_view signer_roots; /* PEM: the anchors of the list's signer, and perhaps the signer's own certificate */
    struct stir_view x5u_certs;    /* PEM or DER: what the header's x5u serves; empty: not fetched */
    int64_t now;                   /* seconds since the epoch */
    int64_t grace_s;               /* how long a list is accepted after its exp */
    int64_t least_sequence;        /* that of the list in use; 0: none */
    const struct stir_trust_warn *warn; /* is told of items that hold no certificate; NULL: nobody */
};

/*
 * Reads and verifies a list. The signer is looked for among the certificates of signer_roots and x5u_certs: the
 * signature verifies with its key, it is an end-entity certificate, and it leads to an anchor of signer_roots at `now`.
 * The payload counts only after that.
 *
 * STIR_E_X5U_FETCH: no certificate that is known signed it, and x5u_certs is empty. x5u (STIR_TRUST_LIST_X5U octets)
 * has the https URL to fetch; call again with what it serves. STIR_E_TOO_BIG, STIR_E_JWS, STIR_E_ALG, STIR_E_BASE64,
 * STIR_E_JSON, STIR_E_CRIT: not such a list. STIR_E_X5U: no x5u, or one that is not https. STIR_E_SIGNATURE,
 * STIR_E_CERT_UNTRUSTED, STIR_E_CERT_TIME, STIR_E_CERT: its signer. STIR_E_REPLAYED: the sequence is below
 * least_sequence. STIR_E_STALE: exp and the grace have passed. STIR_E_NOMEM. *out is untouched on failure, and cleared
 * with stir_trust_list_clear.
 */
enum stir_code stir_trust_list_read(struct stir_trust_list *out, char x5u[STIR_TRUST_LIST_X5U],
                                    const struct stir_trust_list_spec *spec, struct stir_error *err) STIR_MUST_CHECK;
void stir_trust_list_clear(struct stir_trust_list *list);
