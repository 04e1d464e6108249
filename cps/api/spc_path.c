/* SPDX-License-Identifier: MIT */
#include "cps/api/spc_path.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static int spc_hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

enum stir_code cpsd_spc_from_path(char *out, struct stir_view segment, struct stir_error *err)
{
    char spc[STIR_SPC_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < segment.len; i++) {
        int c = (unsigned char)segment.ptr[i];
        /* RFC 3986 section 2.1: a percent sign and two hexadecimal digits; anything else becomes 0 and is refused */
        if (c == '%') {
            int high = segment.len - i > 2 ? spc_hex_value(segment.ptr[i + 1]) : -1;
            int low = segment.len - i > 2 ? spc_hex_value(segment.ptr[i + 2]) : -1;
            c = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (c < 0x21 || c > 0x7e || c == ',' || n == STIR_SPC_MAX) {
            return stir_fail(err, STIR_E_URI, "a service provider code has 1 to %d visible characters", STIR_SPC_MAX);
        }
        spc[n++] = (char)c;
    }
    if (n == 0) {
        return stir_fail(err, STIR_E_URI, "the service provider code is empty");
    }
    memcpy(out, spc, n);
    out[n] = '\0';
    stir_spc_normalize(out);
    return STIR_OK;
}

void cpsd_spc_to_path(char *out, const char *spc)
{
    struct stir_identity as_text = {.kind = STIR_IDENTITY_URI, .len = (unsigned)strnlen(spc, STIR_SPC_MAX)};
    memcpy(as_text.text, spc, as_text.len);
    size_t len = stir_identity_to_path(out, &as_text);
    assert(len <= 3 * STIR_SPC_MAX); /* one character becomes three at most */
    (void)len;
}

void cpsd_spc_identity(struct stir_identity *out, const char *spc)
{
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    out->len = (unsigned)snprintf(out->text, sizeof(out->text), CPSD_SPC_SCHEME "%.*s", STIR_SPC_MAX, spc);
    stir_spc_normalize(out->text + strlen(CPSD_SPC_SCHEME));
}
