/* SPDX-License-Identifier: MIT */
#include "common/jose/jwk.h"
#include "common/passport/token.h"

#include "common/jose/key.h"
#include "common/jose/key_load.h"
#include "tests/bench/load/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* Signing costs the generator more than the rest of a request: the tokens are made before anything is measured. */

static enum stir_code make(char **out, const struct load_options *o, uint64_t n, struct stir_view envelope, int64_t now,
                           EVP_PKEY *key, struct stir_error *err)
{
    char digest[STIR_TOKEN_DIGEST];
    struct stir_identity dest = {.kind = STIR_IDENTITY_TN};
    struct stir_buf text = {0};
    dest.len = (unsigned)snprintf(dest.text, sizeof(dest.text), "%" PRIu64, o->base + n % o->boxes);
    enum stir_code code = stir_token_digest_envelope(digest, envelope, err);
    const struct stir_token_spec spec = {.iss = o->token_iss,
                                         .spc = o->token_iss,
                                         .aud = o->token_aud,
                                         .action = STIR_TOKEN_PUBLISH,
                                         .dest = &dest,
                                         .iat = now,
                                         .passports = digest,
                                         .x5u = o->token_x5u};
    if (code == STIR_OK) {
        code = stir_token_make(&text, &spec, key, err);
    }
    if (code == STIR_OK) {
        *out = stir_buf_steal(&text, NULL);
    }
    stir_buf_free(&text);
    return code;
}

enum stir_code load_tokens_make(struct load_requests *requests, struct stir_error *err)
{
    const struct load_options *o = requests->options;
    struct stir_buf envelope = {0};
    EVP_PKEY *key = NULL;
    enum stir_code code = stir_key_load(&key, o->token_key, true, STIR_KEY_SIGN, err);
    if (code != STIR_OK) {
        return code;
    }
    requests->tokens = calloc(o->count, sizeof(char *));
    if (!requests->tokens) {
        code = stir_fail(err, STIR_E_NOMEM, "the tokens");
    }
    int64_t now = time(NULL);
    for (uint64_t i = 0; code == STIR_OK && i < o->count; i++) {
        envelope.len = 0;
        load_requests_put_envelope(requests, o->first + i, &envelope);
        code = stir_buf_state(&envelope);
        if (code == STIR_OK) {
            code = make(&requests->tokens[i], o, o->first + i, stir_view(envelope.ptr, envelope.len), now, key, err);
        }
    }
    stir_buf_free(&envelope);
    EVP_PKEY_free(key);
    return code;
}

void load_tokens_clear(struct load_requests *requests)
{
    for (uint64_t i = 0; requests->tokens && i < requests->options->count; i++) {
        free(requests->tokens[i]);
    }
    free(requests->tokens);
    requests->tokens = NULL;
}
