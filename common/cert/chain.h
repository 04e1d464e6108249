/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/view.h"
#include "common/cert/claim_constraints.h"
#include "common/cert/tnauthlist.h"
#include "common/number/identity.h"

#include <openssl/x509.h>
#include <stdint.h>

/*
 * STIR certificates (RFC 8226, RFC 9060): a chain read once, decoded once, then immutable and shared between threads by
 * reference count.
 */
#define STIR_TN_LIST_OCTETS 262144                 /* of a TNAuthList that is fetched */
#define STIR_TN_LIST_TYPE "application/tnauthlist" /* RFC 8226 section 11.2 */
#define STIR_CHAIN_MAX 8                           /* certificates in a chain, without the root */
#define STIR_CHAIN_OCTETS 16384                    /* of PEM or DER that are read from others */
#define STIR_CHAIN_FILE_OCTETS 262144              /* of a local file, which may have long text around its blocks */

/* Where a chain came from, for error texts. */
enum stir_chain_from {
    STIR_CHAIN_FILE,
    STIR_CHAIN_X5U,
    STIR_CHAIN_X5C,
};

struct stir_chain {
    enum stir_chain_from from;
    X509 *certs[STIR_CHAIN_MAX]; /* leaf first */
    size_t count;
    struct stir_tnauth tnauth;       /* the leaf's; empty if it has none */
    char *list_urls[STIR_CHAIN_MAX]; /* where a certificate's TNAuthList is, if the certificate names a place instead of
                                        having a list (RFC 8226 section 10.1) and stir_chain_with_list has not added
                                        the list; NULL otherwise */
    struct stir_tnauth lists[STIR_CHAIN_MAX]; /* from 1 up: lists of authorities that stir_chain_with_list added */
    EVP_PKEY *key;                            /* the leaf's public key, P-256 */
    EVP_PKEY_CTX *verifier;                   /* the same, ready for stir_es256_verify_ready */
    int64_t not_after;                        /* seconds since the epoch: the earliest end of validity in the chain */
    int refs;                                 /* private, atomic */
};

/*
 * Reads a chain: PEM (one or more CERTIFICATE blocks, leaf first; text and other blocks between them are allowed, a
 * damaged block is not) or one DER certificate. The leaf must have a P-256 key; its TNAuthList, if it has one, must be
 * well-formed. Nothing is verified yet. STIR_E_CERT, STIR_E_TOO_BIG. *out holds one reference.
 */
enum stir_code stir_chain_parse(struct stir_chain **out, const void *data, size_t n,
                                struct stir_error *err) STIR_MUST_CHECK;

/* Checks that a chain of our own, from stir_chain_parse, can be used to sign: the leaf has a TNAuthList or a
 * subjectAltName. STIR_E_CERT names the leaf. (stir_chain_covers judges the PASSporTs of others.) */
enum stir_code stir_chain_check_own(const struct stir_chain *chain, struct stir_error *err) STIR_MUST_CHECK;

/* Reads a chain like stir_chain_parse from the answer of a certificate host (x5u); local: from a file of the
 * directory that replaces certificate hosts. STIR_E_X5U_FETCH: the answer has no certificate. STIR_E_CERT: a host's
 * answer contains a private key, which is therefore public; err says so. */
enum stir_code stir_chain_parse_answer(struct stir_chain **out, bool local, const void *data, size_t n,
                                       struct stir_error *err) STIR_MUST_CHECK;

/* The same from DER certificates, leaf first, as x5c carries them. */
enum stir_code stir_chain_from_der(struct stir_chain **out, const struct stir_view *certs, size_t count,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Makes a chain of the same certificates in which certificate i has this TNAuthList (DER), which was found at
 * list_urls[i]. *out holds one reference. STIR_E_CERT, STIR_E_NOMEM. */
enum stir_code stir_chain_with_list(struct stir_chain **out, const struct stir_chain *chain, size_t i, const void *der,
                                    size_t n, struct stir_error *err) STIR_MUST_CHECK;

/* Returns true if the TNAuthList of any certificate in the chain is elsewhere and was not added. */
bool stir_chain_lacks_lists(const struct stir_chain *chain);

/* Writes a digest under which a cache can keep the chain with the TNAuthList of certificate i: over the certificates
 * and i. False: SHA-256 failed. */
#define STIR_CHAIN_LIST_KEY 32
bool stir_chain_list_key(uint8_t key[STIR_CHAIN_LIST_KEY], const struct stir_chain *chain, size_t i);

struct stir_chain *stir_chain_ref(struct stir_chain *chain);
void stir_chain_unref(struct stir_chain *chain); /* NULL is fine */

/* Decides whether an SPC in a TNAuthList covers a number. */
struct stir_authority {
    const struct stir_numtable *numbers; /* the number table, which decides; NULL without a table */
    bool allow_spc;                      /* without a table: any SPC covers every number, as in SHAKEN */
};

/* Checks that the leaf covers this identity. A TN: it is one of the numbers or ranges of the TNAuthList, or belongs to
 * one of the SPCs there, as `authority` says (NULL: no SPC covers a number); *by_spc (may be NULL) is set to true in
 * the latter case. A URI: the leaf's subjectAltName has it as a URI; a sip: URI also by its domain, as the URI
 * "sip:" and the domain, or as dNSName if there is no such URI (RFC 8224 section 8.4, RFC 5922 section 7.1).
 * STIR_E_CERT_SCOPE; err names the provider that the number belongs to, or says that the table does not have it. */
enum stir_code stir_chain_covers(const struct stir_chain *chain, const struct stir_identity *id,
                                 const struct stir_authority *authority, bool *by_spc,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Appends the leaf's name for people: the first SPC as "spc:1234", else the subject's common name. */
void stir_chain_signer(struct stir_buf *out, const struct stir_chain *chain);

/* Appends the leaf's authority for machines: the first SPC of its TNAuthList as "spc:1234", else the first number,
 * or first of a range, as "tn:12155551212". */
void stir_chain_authority(struct stir_buf *out, const struct stir_chain *chain);
