/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"

/*
 * Blocks of PEM text (RFC 7468). Text before, between and after blocks is ignored (section 2), and so are a UTF-8 byte
 * order mark, blank lines, white space around lines, and blocks with another label (EC PARAMETERS, the private key
 * beside a certificate). Lines end with LF, CR LF or CR. A line that looks like a boundary but is not one is an error:
 * it is what a damaged block looks like. Thread-safe.
 */
struct stir_pem {
    struct stir_view rest;
    const char *label;      /* "CERTIFICATE", "X509 CRL"; NULL: blocks of any label */
    bool refuse_private;    /* a private key of any kind is an error: the text came from a public place */
    struct stir_view found; /* the label of the block that was returned last, as it is in the text */
};

struct stir_pem stir_pem(const void *text, size_t n, const char *label);

/*
 * Replaces out's content by the octets of the next block with the label. The older names X509 CERTIFICATE, X.509
 * CERTIFICATE and CRL count as CERTIFICATE and X509 CRL (RFC 7468 sections 5.1 and 6).
 *
 * STIR_E_NOT_FOUND, without a text: there are no more. STIR_E_BASE64: the block is damaged; the next call continues
 * after it. STIR_E_KEY: a private key, with refuse_private; reading must stop. STIR_E_TOO_BIG, STIR_E_NOMEM.
 */
enum stir_code stir_pem_next(struct stir_pem *pem, struct stir_buf *out, struct stir_error *err) STIR_MUST_CHECK;

/* Returns true if the text holds a private key in PEM, of any kind. */
bool stir_pem_has_private_key(const void *text, size_t n);

/* Appends a block, in lines of 64 characters. */
void stir_pem_put(struct stir_buf *out, const char *label, const void *der, size_t n);
