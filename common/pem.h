#pragma once

#include "common/buf.h"
#include "common/view.h"

/*
 * Blocks of PEM text (RFC 7468), read strictly: what stands between blocks is ignored, unless a line of it begins with
 * '-', which only a damaged block or one with another label has. Thread-safe.
 */
struct stir_pem {
    struct stir_view rest;
    const char *label; /* "CERTIFICATE", "X509 CRL" */
};

struct stir_pem stir_pem(const void *text, size_t n, const char *label);

/* Replaces out's content by the next block's octets. STIR_E_NOT_FOUND, without a text, when there are no more,
 * STIR_E_BASE64 for what is
 * damaged (reading must stop then), STIR_E_TOO_BIG, STIR_E_NOMEM. */
enum stir_code stir_pem_next(struct stir_pem *pem, struct stir_buf *out, struct stir_error *err) STIR_MUST_CHECK;

/* Appends a block, in lines of 64 characters. */
void stir_pem_put(struct stir_buf *out, const char *label, const void *der, size_t n);
