#pragma once

#include "common/buf.h"
#include "common/claims.h"
#include "common/error.h"
#include "common/identity.h"
#include "common/tnauth.h"
#include "common/view.h"

#include <openssl/x509.h>
#include <stdint.h>

/*
 * STIR certificates (RFC 8226, RFC 9060): a chain read once, decoded once, then immutable and shared between threads by
 * reference count.
 */
#define STIR_CHAIN_MAX 8        /* certificates in a chain, without the root */
#define STIR_CHAIN_OCTETS 16384 /* of PEM or DER that are read */

struct stir_chain {
    X509 *certs[STIR_CHAIN_MAX]; /* leaf first */
    size_t count;
    struct stir_tnauth tnauth; /* the leaf's */
    EVP_PKEY *key;             /* the leaf's public key, P-256 */
    EVP_PKEY_CTX *verifier;    /* the same, ready for stir_es256_verify_ready */
    int64_t not_after;         /* seconds since the epoch: the earliest end of validity in the chain */
    int refs;                  /* private, atomic */
};

/*
 * Reads a chain: PEM (one or more CERTIFICATE blocks, leaf first; text between blocks is allowed, a damaged block is
 * not) or one DER certificate. The leaf must have a P-256 key and a well-formed TNAuthList. Nothing is verified yet.
 * STIR_E_CERT, STIR_E_TOO_BIG. *out holds one reference.
 */
enum stir_code stir_chain_parse(struct stir_chain **out, const void *data, size_t n,
                                struct stir_error *err) STIR_MUST_CHECK;

/* The same from DER certificates, leaf first, as x5c carries them. */
enum stir_code stir_chain_from_der(struct stir_chain **out, const struct stir_view *certs, size_t count,
                                   struct stir_error *err) STIR_MUST_CHECK;

struct stir_chain *stir_chain_ref(struct stir_chain *chain);
void stir_chain_unref(struct stir_chain *chain); /* NULL is fine */

/* The leaf's TNAuthList covers this identity: for a TN one of its numbers or ranges. With allow_spc an SPC in the list
 * suffices for any TN (the verifier has no number table; what SHAKEN does); *by_spc then tells that it was so. A URI is
 * covered if the leaf's subjectAltName has it as URI, or its host as dNSName (RFC 8224 section 5). STIR_E_CERT_SCOPE.
 */
enum stir_code stir_chain_covers(const struct stir_chain *chain, const struct stir_identity *id, bool allow_spc,
                                 bool *by_spc, struct stir_error *err) STIR_MUST_CHECK;

/* Who the leaf names, for people: the first SPC as "spc:1234", else the subject's common name. Appends. */
void stir_chain_signer(struct stir_buf *out, const struct stir_chain *chain);

/* What the leaf speaks for, for machines: its TNAuthList's first SPC as "spc:1234", else the first number, or first of
 * a range, as "tn:12155551212". Appends. */
void stir_chain_authority(struct stir_buf *out, const struct stir_chain *chain);
