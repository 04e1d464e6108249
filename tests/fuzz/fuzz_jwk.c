/* SPDX-License-Identifier: MIT */
#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "tests/fuzz/must.h"

#include <openssl/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is taken for a key can be written, read again, and is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *jwk = NULL;
    json_t *made = NULL;
    EVP_PKEY *key = NULL;
    EVP_PKEY *again = NULL;
    char thumbprint[44];
    if (stir_json_parse(&jwk, (const char *)data, size, NULL) != STIR_OK) {
        return 0;
    }
    enum stir_code code = stir_jwk_parse(&key, jwk, false, NULL);
    MUST(code == STIR_OK || code == STIR_E_KEY);
    if (code == STIR_OK) {
        bool pair = json_object_get(jwk, "d") != NULL;
        MUST(stir_key_has_private(key) == pair);
        MUST(stir_jwk_make(&made, key, pair, NULL) == STIR_OK);
        MUST(stir_jwk_parse(&again, made, pair, NULL) == STIR_OK);
        MUST(stir_key_same_public(key, again));
        MUST(stir_jwk_thumbprint(thumbprint, key, NULL) == STIR_OK);
    }
    MUST(ERR_peek_error() == 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(again);
    json_decref(made);
    json_decref(jwk);
    return 0;
}
