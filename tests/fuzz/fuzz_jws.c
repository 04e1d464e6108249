/* SPDX-License-Identifier: MIT */
#include "common/jose/jws.h"

#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "tests/fuzz/must.h"

#include <stdlib.h>
#include <string.h>

/* The key of RFC 7515 appendix A.3: its own token is in the corpus, so that good signatures are met too. */
static const char jwk_text[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";

static EVP_PKEY *make_key(void)
{
    json_t *jwk = NULL;
    EVP_PKEY *key = NULL;
    if (stir_json_parse(&jwk, jwk_text, strlen(jwk_text), NULL) != STIR_OK ||
        stir_jwk_parse(&key, jwk, true, NULL) != STIR_OK) {
        abort();
    }
    json_decref(jwk);
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EVP_PKEY *key;
    struct stir_jws jws;
    if (!key) {
        key = make_key();
    }
    if (stir_jws_parse(&jws, (const char *)data, size, NULL) != STIR_OK) {
        return 0;
    }
    MUST(json_is_object(jws.header) && json_is_object(jws.payload));
    MUST(strcmp(json_string_value(json_object_get(jws.header, "alg")), "ES256") == 0);
    MUST(!json_object_get(jws.header, "crit"));
    MUST(jws.signing_input.ptr == (const char *)data && jws.signing_input.len + 87 == size);
    /* a signature and its flipped twin are both good or both bad, and have one normal form */
    enum stir_code before = stir_jws_verify(&jws, key, NULL);
    uint8_t once[STIR_ES256_SIG];
    stir_es256_normalize(jws.sig);
    memcpy(once, jws.sig, sizeof(once));
    stir_es256_normalize(jws.sig);
    MUST(memcmp(once, jws.sig, sizeof(once)) == 0);
    MUST(stir_jws_verify(&jws, key, NULL) == before);
    stir_jws_clear(&jws);
    return 0;
}
