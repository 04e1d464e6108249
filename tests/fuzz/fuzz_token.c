/* SPDX-License-Identifier: MIT */
/* Bearer tokens: the input is a compact form, or a header and claims with a line end between that are made into one, so
 * that base64 does not stand in the way of what is behind it. */
#include "common/jose/b64.h"
#include "common/passport/passport.h"
#include "common/passport/token.h"
#include "tests/fuzz/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read answers questions without surprises. */
static void ask(const struct stir_token *token)
{
    static const char *const aud[] = {"cps.example.org"};
    uint8_t id[STIR_TOKEN_ID];
    struct stir_error err = {0};
    struct stir_tnauth_entry entry = {.kind = STIR_TNAUTH_SPC, .value = "1234", .count = 1};
    const struct stir_tnauth list = {.entries = &entry, .count = 1};
    struct stir_token_expect expect = {.now = token->iat,
                                       .max_age_s = 60,
                                       .skew_s = 5,
                                       .aud = aud,
                                       .aud_count = 1,
                                       .action = token->action,
                                       .orig = token->has_orig ? &token->orig : NULL,
                                       .dest = token->has_dest ? &token->dest : NULL,
                                       .spc = stir_token_provider(token)};
    enum stir_code code = stir_token_check(token, &expect, &err);
    MUST((code == STIR_OK) == (err.code == STIR_OK));
    MUST(code == STIR_OK || code == STIR_E_UNAUTHORIZED || code == STIR_E_STALE || code == STIR_E_FUTURE);
    MUST(stir_token_check_scope(token, &list, NULL) == STIR_E_CERT_SCOPE || strcmp(token->iss, "1234") == 0);
    MUST(stir_token_id(id, token, NULL) == STIR_OK);
    MUST(stir_token_window_ms(token, token->iat, 60, 5) == 66000);
    code = stir_token_check_body(token, stir_view("x", 1), stir_view("[]", 2), NULL);
    MUST(code == STIR_OK || code == STIR_E_MSGI_MISMATCH);
}

static void check(const char *text, size_t n)
{
    struct stir_error err = {0};
    struct stir_token token;
    if (stir_token_parse(&token, text, n, 0, &err) != STIR_OK) {
        MUST(err.code != STIR_OK && err.text[0]);
        return;
    }
    MUST(!token.x5u != !token.x5c);
    MUST((unsigned)token.action < STIR_TOKEN_ACTIONS && token.iss[0] && token.jti[0]);
    MUST(token.iat >= 0 && token.iat <= STIR_IAT_MAX && token.exp >= -1 && token.nbf >= -1);
    MUST(!token.has_dest || (token.dest.len > 0 && strlen(token.dest.text) == token.dest.len));
    ask(&token);
    stir_token_clear(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    check((const char *)data, size);
    if (line_end && size <= 4096) {
        static const uint8_t sig[STIR_ES256_SIG] = {1};
        char token[3 * 4096];
        size_t header = (size_t)(line_end - data);
        size_t n = stir_b64url_encode(token, data, header);
        token[n++] = '.';
        n += stir_b64url_encode(token + n, line_end + 1, size - header - 1);
        token[n++] = '.';
        n += stir_b64url_encode(token + n, sig, sizeof(sig));
        check(token, n);
    }
    return 0;
}
