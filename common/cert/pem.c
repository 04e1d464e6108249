/* SPDX-License-Identifier: MIT */
#include "common/cert/pem.h"

#include "common/jose/b64.h"

#include <string.h>

#define LINE 64 /* characters of base64 per line when writing; when reading, any number */

#define DASHES "-----"

struct stir_pem stir_pem(const void *text, size_t n, const char *label)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct stir_view rest = stir_view(text, n);
    if (n >= 3 && memcmp(text, mark, 3) == 0) {
        rest = stir_view(rest.ptr + 3, n - 3);
    }
    return (struct stir_pem){.rest = rest, .label = label, .found = stir_view("", 0)};
}

/* ---- lines ---- */

static bool pem_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

/* Takes one line off rest, without its end and the white space around it. */
static struct stir_view pem_take_line(struct stir_view *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != '\n' && rest->ptr[n] != '\r') {
        n++;
    }
    struct stir_view line = stir_view(rest->ptr, n);
    n += n < rest->len;
    *rest = stir_view(rest->ptr + n, rest->len - n);
    while (line.len > 0 && pem_is_blank(line.ptr[line.len - 1])) {
        line.len--;
    }
    while (line.len > 0 && pem_is_blank(line.ptr[0])) {
        line = stir_view(line.ptr + 1, line.len - 1);
    }
    return line;
}

/* The label of a boundary line ("BEGIN " or "END "); returns false for another line. */
static bool pem_boundary_label(struct stir_view *label, struct stir_view line, const char *which)
{
    const size_t dashes = sizeof(DASHES) - 1;
    size_t before = dashes + strlen(which);
    if (line.len <= before + dashes || memcmp(line.ptr, DASHES, dashes) != 0 ||
        memcmp(line.ptr + dashes, which, before - dashes) != 0 ||
        memcmp(line.ptr + line.len - dashes, DASHES, dashes) != 0) {
        return false;
    }
    *label = stir_view(line.ptr + before, line.len - before - dashes);
    return !memchr(label->ptr, '-', label->len);
}

/* Returns true for a line that looks like a damaged boundary. A line of dashes alone is text, and so are fewer than
 * four ("---" in the output of s_client). */
static bool pem_is_damaged_boundary(struct stir_view line)
{
    size_t dashes = 0;
    while (dashes < line.len && line.ptr[dashes] == '-') {
        dashes++;
    }
    return dashes >= 4 && dashes < line.len;
}

static bool pem_label_is(struct stir_view label, const char *name)
{
    return label.len == strlen(name) && memcmp(label.ptr, name, label.len) == 0;
}

/* Returns true if the label is the requested one, or its older name. */
static bool pem_label_matches(struct stir_view label, const char *wanted)
{
    if (!wanted || pem_label_is(label, wanted)) {
        return true;
    }
    if (strcmp(wanted, "CERTIFICATE") == 0) {
        return pem_label_is(label, "X509 CERTIFICATE") || pem_label_is(label, "X.509 CERTIFICATE");
    }
    return strcmp(wanted, "X509 CRL") == 0 && pem_label_is(label, "CRL");
}

/* "PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY". */
static bool pem_label_is_private(struct stir_view label)
{
    static const char end[] = "PRIVATE KEY";
    const size_t n = sizeof(end) - 1;
    return label.len >= n && memcmp(label.ptr + label.len - n, end, n) == 0;
}

/* ---- blocks ---- */

static int pem_show(struct stir_view label)
{
    return (int)(label.len < 40 ? label.len : 40);
}

/* Moves past the block's END line; its base64 goes to text, unless that is NULL. A block without an END line ends
 * where another one begins. */
static enum stir_code pem_take_body(struct stir_pem *pem, struct stir_view label, struct stir_buf *text,
                                    struct stir_error *err)
{
    while (pem->rest.len > 0) {
        struct stir_view before = pem->rest;
        struct stir_view line = pem_take_line(&pem->rest);
        struct stir_view other;
        if (pem_boundary_label(&other, line, "END ")) {
            bool same = other.len == label.len && memcmp(other.ptr, label.ptr, label.len) == 0;
            return same ? STIR_OK
                        : stir_fail(err, STIR_E_BASE64, "a %.*s block ends as %.*s", pem_show(label), label.ptr,
                                    pem_show(other), other.ptr);
        }
        if (pem_boundary_label(&other, line, "BEGIN ")) {
            pem->rest = before;
            break;
        }
        if (text) {
            stir_buf_put(text, line.ptr, line.len);
        }
    }
    return stir_fail(err, STIR_E_BASE64, "a %.*s block has no END line", pem_show(label), label.ptr);
}

static enum stir_code pem_decode_body(struct stir_pem *pem, struct stir_view label, struct stir_buf *out,
                                      struct stir_error *err)
{
    struct stir_buf text = {.limit = pem->rest.len};
    enum stir_code code = pem_take_body(pem, label, &text, err);
    if (code == STIR_OK && stir_buf_state(&text) != STIR_OK) {
        code = stir_fail(err, stir_buf_state(&text), "a %.*s block", pem_show(label), label.ptr);
    }
    if (code != STIR_OK) {
        goto out;
    }
    /* Decoded into the caller's buffer at once, so that a key is in no other place. */
    size_t cap = stir_b64_decoded_max(text.len);
    size_t len = 0;
    uint8_t *octets = (uint8_t *)stir_buf_extend(out, cap);
    code = octets ? stir_b64_decode(octets, cap, &len, text.ptr, text.len) : stir_buf_state(out);
    if (code != STIR_OK || len == 0) {
        code = stir_fail(err, code == STIR_OK ? STIR_E_BASE64 : code, "a %.*s block is damaged: not strict base64",
                         pem_show(label), label.ptr);
        goto out;
    }
    out->len = len;
    out->ptr[len] = '\0';
out:
    stir_buf_cleanse(&text);
    return code;
}

enum stir_code stir_pem_next(struct stir_pem *pem, struct stir_buf *out, struct stir_error *err)
{
    while (pem->rest.len > 0) {
        struct stir_view line = pem_take_line(&pem->rest);
        struct stir_view label;
        if (!pem_boundary_label(&label, line, "BEGIN ")) {
            /* A boundary that was damaged would hide a certificate: never take it for text between blocks. */
            if (pem_is_damaged_boundary(line)) {
                return stir_fail(err, STIR_E_BASE64, "a damaged boundary line: \"%.*s\"",
                                 (int)(line.len < 64 ? line.len : 64), line.ptr);
            }
            continue;
        }
        /* The text came from a public place, so the key is public now. */
        if (pem->refuse_private && pem_label_is_private(label)) {
            return stir_fail(err, STIR_E_KEY, "a %.*s", pem_show(label), label.ptr);
        }
        if (pem_label_matches(label, pem->label)) {
            pem->found = label;
            out->len = 0;
            return pem_decode_body(pem, label, out, err);
        }
        /* A block with another label is passed over (RFC 7468 section 2). */
        enum stir_code code = pem_take_body(pem, label, NULL, err);
        if (code == STIR_OK && pem->label && pem_label_is(label, "TRUSTED CERTIFICATE")) {
            code = stir_fail(err, STIR_E_BASE64,
                             "a TRUSTED CERTIFICATE block, which only OpenSSL reads: convert it "
                             "with \"openssl x509\"");
        }
        if (code != STIR_OK) {
            return code;
        }
    }
    return STIR_E_NOT_FOUND;
}

bool stir_pem_has_private_key(const void *text, size_t n)
{
    struct stir_view rest = stir_view(text, n);
    while (rest.len > 0) {
        struct stir_view label;
        if (pem_boundary_label(&label, pem_take_line(&rest), "BEGIN ") && pem_label_is_private(label)) {
            return true;
        }
    }
    return false;
}

void stir_pem_put(struct stir_buf *out, const char *label, const void *der, size_t n)
{
    const uint8_t *octets = der;
    stir_buf_printf(out, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < n; at += LINE / 4 * 3) {
        size_t part = n - at < LINE / 4 * 3 ? n - at : LINE / 4 * 3;
        char *line = stir_buf_extend(out, stir_b64_len(part));
        if (line) {
            (void)stir_b64_encode(line, octets + at, part);
        }
        stir_buf_puts(out, "\n");
    }
    stir_buf_printf(out, "-----END %s-----\n", label);
}
