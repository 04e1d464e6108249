/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/text_iconv.h"

#include <errno.h>
#include <iconv.h>

/* One call of iconv and what it wrote. False where the text is not of the charset. */
static bool iconv_convert(iconv_t cd, struct stir_buf *out, char **in, size_t *in_left)
{
    char chunk[256];
    char *at = chunk;
    size_t left = sizeof(chunk);
    size_t done = iconv(cd, in, in_left, &at, &left);
    bool more = done == (size_t)-1 && errno == E2BIG;
    stir_buf_put(out, chunk, sizeof(chunk) - left);
    return done != (size_t)-1 || more;
}

enum stir_code smpp_iconv_put(struct stir_buf *out, bool *good, const char *charset, struct stir_view text,
                              struct stir_error *err)
{
    iconv_t cd = iconv_open("UTF-8", charset);
    if (cd == (iconv_t)-1 && errno == EINVAL) {
        return stir_fail(err, STIR_E_CONFIG, "iconv does not know %s here", charset);
    }
    if (cd == (iconv_t)-1) {
        out->failed = STIR_E_NOMEM;
        return stir_fail(err, STIR_E_NOMEM, "opening iconv for %s", charset);
    }
    char *in = (char *)text.ptr; /* iconv's prototype lacks the const */
    size_t left = text.len;
    bool fine = true;
    while (fine && left > 0 && stir_buf_state(out) == STIR_OK) {
        fine = iconv_convert(cd, out, &in, &left);
    }
    *good = fine && iconv_convert(cd, out, NULL, NULL);
    (void)iconv_close(cd);
    return stir_buf_state(out);
}
