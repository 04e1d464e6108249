/* SPDX-License-Identifier: MIT */
#include "common/cert/chain.h"
#include "common/cert/crl.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* Certificates as an x5u or x5c gives them, and the extensions and revocation lists in them: whatever comes, it is
 * taken whole or refused, and what is taken is written again octet for octet. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void same(struct stir_buf *again, const uint8_t *data, size_t size)
{
    expect(again->len == size && memcmp(again->ptr, data, size) == 0);
    stir_buf_free(again);
}

static void tnauth(const uint8_t *data, size_t size)
{
    struct stir_tnauth list = {0};
    struct stir_tnauth from_text = {0};
    struct stir_buf text = {0};
    struct stir_buf again = {0};
    if (stir_tnauth_parse(&list, data, size, NULL) != STIR_OK) {
        expect(list.entries == NULL);
        return;
    }
    expect(stir_tnauth_covers(&list, &list, NULL));
    if (list.count > 0) { /* what is passed over is not written again, so the texts are compared, not the octets */
        struct stir_tnauth second = {0};
        struct stir_buf second_text = {0};
        stir_tnauth_to_text(&text, &list);
        expect(stir_tnauth_from_text(&from_text, text.ptr, NULL) == STIR_OK);
        expect(stir_tnauth_encode(&again, &from_text, NULL) == STIR_OK);
        expect(stir_tnauth_parse(&second, (const uint8_t *)again.ptr, again.len, NULL) == STIR_OK);
        stir_tnauth_to_text(&second_text, &second);
        expect(strcmp(text.ptr, second_text.ptr) == 0);
        stir_buf_free(&second_text);
        stir_buf_free(&again);
        stir_tnauth_clear(&second);
    }
    stir_buf_free(&text);
    stir_tnauth_clear(&list);
    stir_tnauth_clear(&from_text);
}

static void claims(const uint8_t *data, size_t size, bool enhanced)
{
    struct stir_claims read = {0};
    struct stir_buf again = {0};
    if (stir_claims_parse(&read, data, size, enhanced, NULL) == STIR_OK) {
        enum stir_code code = stir_claims_encode(&again, &read, enhanced, NULL);
        expect(code == STIR_OK || code == STIR_E_INVAL); /* some may be met, but must not be issued */
        if (code == STIR_OK) {
            same(&again, data, size);
        }
        json_t *passport = json_pack("{s:i,s:{},s:{}}", "iat", 1, "orig", "dest");
        (void)!stir_claims_check(&read, passport, NULL);
        json_decref(passport);
    }
    stir_claims_clear(&read);
}

static void chain(const uint8_t *data, size_t size)
{
    static const char uri[] = "sip:alice@example.com";
    struct stir_chain *read = NULL;
    struct stir_error err = {0};
    if (stir_chain_parse(&read, data, size, &err) != STIR_OK) {
        expect(read == NULL && err.text[0]);
        return;
    }
    expect(read->count > 0 && read->count <= STIR_CHAIN_MAX && read->key);
    struct stir_identity id;
    struct stir_buf text = {0};
    expect(stir_identity_parse_canonical(&id, uri, sizeof(uri) - 1, 0, NULL) == STIR_OK);
    (void)!stir_chain_covers(read, &id, &(struct stir_authority){.allow_spc = true}, NULL, NULL);
    stir_chain_signer(&text, read);
    stir_buf_free(&text);
    json_t *passport = json_object();
    (void)!stir_claims_check_cert(read->certs[0], passport, NULL);
    json_decref(passport);
    stir_chain_unref(read);
}

static void list(const uint8_t *data, size_t size)
{
    struct stir_crl crl = {0};
    if (stir_crl_parse(&crl, data, size, NULL) == STIR_OK) {
        expect(crl.crl != NULL);
    } else {
        expect(crl.crl == NULL);
    }
    stir_crl_clear(&crl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tnauth(data, size);
    claims(data, size, false);
    claims(data, size, true);
    chain(data, size);
    list(data, size);
    expect(ERR_peek_error() == 0);
    return 0;
}
