/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/cert/claim_constraints.h"
#include "common/cert/tnauthlist.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Making throwaway STIR certificates, for trying out and for tests: `cpsctl pki` and the test suites. Not a CA.
 */
struct stir_cert_spec {
    const char *common_name; /* subject CN */
    EVP_PKEY *subject_key;   /* its public key goes into the certificate */
    X509 *issuer;            /* NULL: self-signed */
    EVP_PKEY *issuer_key;    /* signs; subject_key where issuer is NULL */
    int64_t not_before;      /* seconds since the epoch */
    int64_t not_after;
    bool ca;                          /* basicConstraints CA, keyCertSign + cRLSign */
    int path_len;                     /* -1: none; only with ca */
    const struct stir_tnauth *tnauth; /* NULL: no extension */
    const struct stir_claims *claims; /* NULL: no extension */
    bool claims_enhanced;             /* RFC 9118's form */
    const char *const *uris;          /* NULL or URIs for the subjectAltName, NULL at the end; not with dns_names */
    const char *dns_names;            /* NULL or "DNS:cps.example.com,IP:127.0.0.1": a TLS server certificate */
    bool tls_client;                  /* extendedKeyUsage clientAuth (serverAuth is set with dns_names) */
    bool crl_issuer;                  /* keyUsage cRLSign alone: signs indirect revocation lists */
};

/* Makes and signs a certificate (serial: 8 random octets; SKI, AKI, ecdsa-with-SHA256). Freed with X509_free.
 * STIR_E_INVAL, STIR_E_CRYPTO. */
enum stir_code stir_cert_make(X509 **out, const struct stir_cert_spec *spec, struct stir_error *err) STIR_MUST_CHECK;

/* Makes a CRL signed by issuer/issuer_key that revokes `revoked` (count certificates). With indirect set it is an
 * indirect list: its entries name the revoked certificates' own issuers. Appends PEM. STIR_E_INVAL, STIR_E_CRYPTO. */
enum stir_code stir_crl_make(struct stir_buf *out, X509 *issuer, EVP_PKEY *issuer_key, X509 *const *revoked,
                             size_t count, bool indirect, int64_t this_update, int64_t next_update,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Appends a certificate as PEM. */
enum stir_code stir_cert_to_pem(struct stir_buf *out, X509 *cert, struct stir_error *err) STIR_MUST_CHECK;
