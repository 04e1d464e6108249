#include "common/pem.h"

#include "common/b64.h"

#include <string.h>

#define LINE 64 /* characters of base64 a line that is written; any length is read */

struct stir_pem stir_pem(const void *text, size_t n, const char *label)
{
    return (struct stir_pem){.rest = stir_view(text, n), .label = label};
}

/* Takes one line off rest, without its end and trailing white space. */
static struct stir_view line_take(struct stir_view *rest)
{
    const char *newline = memchr(rest->ptr, '\n', rest->len);
    size_t used = newline ? (size_t)(newline - rest->ptr) + 1 : rest->len;
    struct stir_view line = stir_view(rest->ptr, used);
    *rest = stir_view(rest->ptr + used, rest->len - used);
    while (line.len > 0 && memchr(" \t\r\n", line.ptr[line.len - 1], 4)) {
        line.len--;
    }
    return line;
}

static bool line_is(struct stir_view line, const char *prefix, const char *label)
{
    size_t before = strlen(prefix);
    size_t name = strlen(label);
    return line.len == before + name + 5 && memcmp(line.ptr, prefix, before) == 0 &&
           memcmp(line.ptr + before, label, name) == 0 && memcmp(line.ptr + before + name, "-----", 5) == 0;
}

/* Gathers base64 up to the END line. */
static enum stir_code body_gather(struct stir_pem *pem, struct stir_buf *text, struct stir_error *err)
{
    while (pem->rest.len > 0) {
        struct stir_view line = line_take(&pem->rest);
        if (line_is(line, "-----END ", pem->label)) {
            return stir_buf_state(text);
        }
        stir_buf_put(text, line.ptr, line.len);
    }
    return stir_fail(err, STIR_E_BASE64, "a %s block without an end", pem->label);
}

static enum stir_code body_decode(struct stir_pem *pem, struct stir_buf *out, struct stir_error *err)
{
    struct stir_buf text = {.limit = pem->rest.len};
    enum stir_code code = body_gather(pem, &text, err);
    if (code != STIR_OK) {
        goto out;
    }
    size_t cap = stir_b64_decoded_max(text.len);
    size_t len = 0;
    uint8_t *octets = (uint8_t *)stir_buf_extend(out, cap);
    code = octets ? stir_b64_decode(octets, cap, &len, text.ptr, text.len) : stir_buf_state(out);
    if (code != STIR_OK || len == 0) {
        code = stir_fail(err, code == STIR_OK ? STIR_E_BASE64 : code, "a damaged %s block", pem->label);
        goto out;
    }
    out->len = len;
    out->ptr[len] = '\0';
out:
    stir_buf_free(&text);
    return code;
}

enum stir_code stir_pem_next(struct stir_pem *pem, struct stir_buf *out, struct stir_error *err)
{
    while (pem->rest.len > 0) {
        struct stir_view line = line_take(&pem->rest);
        if (line.len == 0 || line.ptr[0] != '-') {
            continue;
        }
        if (!line_is(line, "-----BEGIN ", pem->label)) {
            return stir_fail(err, STIR_E_BASE64, "a line that begins with '-' but does not begin a %s block",
                             pem->label);
        }
        out->len = 0;
        return body_decode(pem, out, err);
    }
    return STIR_E_NOT_FOUND;
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
