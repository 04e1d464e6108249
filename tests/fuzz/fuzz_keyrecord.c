/* SPDX-License-Identifier: MIT */
/* Key records: the input is a compact form, or a header and claims with a line end between that are made into one, so
 * that base64 does not stand in the way of what is behind it. */
#include "common/jose/b64.h"
#include "common/passport/keyrecord.h"
#include "tests/fuzz/must.h"

#include <string.h>

#define TEXT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *token, size_t n)
{
    struct stir_error err = {0};
    struct stir_keyrecord *record = NULL;
    struct stir_chain *chain = NULL;
    if (stir_keyrecord_parse(&record, token, n, &err) != STIR_OK) {
        MUST(!record && err.code != STIR_OK && err.text[0]);
        return;
    }
    MUST(record->key_count >= 1 && record->key_count <= STIR_KEYRECORD_KEYS);
    MUST(record->claims.count >= 1 && record->claims.count <= STIR_KEYRECORD_ENTRIES);
    MUST(record->iat >= 0 && record->iat < record->exp && record->exp - record->iat <= STIR_KEYRECORD_LIFE_S);
    MUST((record->x5u != NULL) != (record->x5c_count != 0));
    for (size_t i = 0; i < record->claims.count; i++) {
        const struct stir_tnauth_entry *entry = &record->claims.entries[i];
        bool spc = entry->kind == STIR_TNAUTH_SPC;
        MUST(stir_keyrecord_covers(record, spc ? "" : entry->value, spc ? entry->value : NULL));
    }
    if (record->x5c_count && stir_keyrecord_chain(&chain, record, &err) == STIR_OK) {
        MUST(stir_keyrecord_check(record, chain, record->iat, 0, &err) != STIR_OK);
        stir_chain_unref(chain);
    }
    stir_keyrecord_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    check((const char *)data, size);
    if (line_end && size <= TEXT_MAX) {
        static const uint8_t sig[STIR_ES256_SIG] = {1};
        static char token[2 * TEXT_MAX];
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
