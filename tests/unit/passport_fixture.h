/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/passport/passport.h"

#include "common/jose/key.h"
#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <stdlib.h>

/* What the PASSporT's test programs share. */

#define HEADER_MSG "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"https://cert.example.org/p.cer\"}"
#define CLAIMS(dest, iat, orig) "{\"dest\":" dest ",\"iat\":" iat ",\"orig\":" orig "}"
#define DEST "{\"tn\":[\"12125551212\"]}"
#define IAT "1443208345"
#define ORIG "{\"tn\":\"12155551212\"}"
#define MSGI "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="

static EVP_PKEY *signing_key; /* made by the first test, freed by the last */

static inline EVP_PKEY *read_pem(const char *pem, bool private_key)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key =
        private_key ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

static inline struct stir_identity identity(const char *text)
{
    struct stir_identity id = {0};
    UNIT_CODE(stir_identity_parse_canonical(&id, text, strlen(text), 0, NULL), STIR_OK, text);
    return id;
}

static inline void make_key(void)
{
    UNIT_OK(stir_key_generate(&signing_key, STIR_CURVE_P256, NULL));
}

static inline void free_key(void)
{
    EVP_PKEY_free(signing_key);
    signing_key = NULL;
}

/* Signs two JSON texts as they are. */
static inline char *token_of(const char *header, const char *claims, size_t *len)
{
    char *token = NULL;
    enum stir_code code = stir_jws_sign(&token, len, stir_view_str(header), stir_view_str(claims), signing_key, NULL);
    UNIT_CODE(code, STIR_OK, claims);
    CU_ASSERT_PTR_NOT_NULL_FATAL(token);
    return token;
}

/* Parses what token_of makes of the texts; NULL and the code if it is refused. */
static inline struct stir_passport *parse(const char *header, const char *claims, enum stir_code *code,
                                          struct stir_error *err)
{
    size_t len = 0;
    char *token = token_of(header, claims, &len);
    struct stir_passport *passport = NULL;
    *code = stir_passport_parse(&passport, token, len, 0, err);
    UNIT_CHECK((passport != NULL) == (*code == STIR_OK), "%s: out", claims);
    free(token);
    return passport;
}

static inline char *good_token(size_t *len)
{
    struct stir_identity orig = identity("+12155551212");
    struct stir_identity dest = identity("+12125551212");
    struct stir_passport_spec spec = {.x5u = "https://cert.example.org/p.cer",
                                      .orig = &orig,
                                      .dest = &dest,
                                      .dest_count = 1,
                                      .iat = 1443208345,
                                      .msgi = MSGI};
    char *token = NULL;
    struct stir_error err = {0};
    UNIT_OK(stir_passport_sign(&token, len, &spec, signing_key, &err));
    CU_ASSERT(token && strlen(token) == *len);
    return token;
}
