/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/cert/trust.h"

/*
 * Builds a trust from the files that a configuration names: roots, issuers of indirect lists, revocation lists. cpsd
 * and libcps both use it, so that a configuration means the same to both.
 */
#define STIR_ROOTS_OCTETS (4U << 20) /* of a file of certificates */
#define STIR_CRLS_OCTETS (32U << 20) /* of a file of revocation lists, or of one that is fetched */

/* A text that was read before. */
struct stir_trust_text {
    const char *name; /* file or URL, for errors and warnings */
    struct stir_view octets;
};

/* The contents of the files of certificates, kept so that a new revocation list is judged by the same roots as the one
 * before. */
struct stir_trust_files {
    struct stir_buf roots;            /* PEM */
    struct stir_buf crl_issuers;      /* PEM, as `certs` of stir_trust_set_crl_signers */
    struct stir_buf crl_signer_roots; /* PEM, as `roots` there */
};

/* Reads the files; a path that is NULL or "" is passed over. STIR_E_IO, STIR_E_TOO_BIG, STIR_E_NOMEM; err names the
 * file. Cleared with stir_trust_files_clear, also after a failure. */
enum stir_code stir_trust_files_read(struct stir_trust_files *out, const char *roots, const char *crl_issuers,
                                     const char *crl_signer_roots, struct stir_error *err) STIR_MUST_CHECK;
void stir_trust_files_clear(struct stir_trust_files *files);

/* All pointers are borrowed for the call. */
struct stir_trust_spec {
    struct stir_trust_text roots;             /* PEM; name NULL: none */
    const struct stir_trust_text *more_roots; /* PEM texts, in addition */
    size_t more_root_count;
    struct stir_trust_text crl_issuers;      /* PEM; octets empty: none */
    struct stir_trust_text crl_signer_roots; /* PEM; octets empty: none */
    const struct stir_trust_text *crls;      /* PEM or DER */
    size_t crl_count;
    enum stir_crl_policy policy;
    const struct stir_trust_warn *warn; /* is told of certificates that are skipped, and in which file; NULL: nobody */
};

/* Returns the text of a file of stir_trust_files. path may be NULL. */
struct stir_trust_text stir_trust_text(const char *path, const struct stir_buf *file);

/* Builds the trust. STIR_E_CERT, STIR_E_CERT_UNTRUSTED, STIR_E_CRL, STIR_E_TOO_BIG, STIR_E_NOMEM; err names the file or
 * URL. STIR_E_CONFIG if the spec has no roots. Not for an event loop: a large list takes a while. */
enum stir_code stir_trust_load(struct stir_trust **out, const struct stir_trust_spec *spec,
                               struct stir_error *err) STIR_MUST_CHECK;
