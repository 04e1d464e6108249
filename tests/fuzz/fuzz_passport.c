/* SPDX-License-Identifier: MIT */
/* PASSporTs: the input is a compact form, or a header and claims with a line end between that are made into one, so
 * that base64 does not stand in the way of what is behind it. */
#include "common/jose/b64.h"
#include "common/passport/passport.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *token, size_t n)
{
    struct stir_error err = {0};
    struct stir_passport *passport = NULL;
    uint8_t id[32];
    if (stir_passport_parse(&passport, token, n, 0, &err) != STIR_OK) {
        if (passport || err.code == STIR_OK || err.text[0] == '\0') {
            abort();
        }
        return;
    }
    if (passport->dest_count < 1 || passport->dest_count > STIR_PASSPORT_DESTS || passport->iat < 0 ||
        passport->iat > STIR_IAT_MAX || !stir_passport_has_dest(passport, &passport->dest[passport->dest_count - 1]) ||
        (passport->msgi && passport->ppt != STIR_PPT_MSG)) {
        abort();
    }
    if (passport->msgi && stir_msgi_well_formed(passport->msgi, strlen(passport->msgi)) &&
        stir_msgi_check(passport->msgi, strlen(passport->msgi), "x", 1, &err) == STIR_E_MSGI) {
        abort();
    }
    bool valid = (passport->exp == 0 || passport->iat < passport->exp) && passport->nbf <= passport->iat;
    if ((stir_passport_fresh(passport, passport->iat, 0, 0, NULL) == STIR_OK) != valid ||
        stir_passport_replay_id(id, passport, NULL) != STIR_OK) {
        abort();
    }
    stir_passport_free(passport);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    check((const char *)data, size);
    if (line_end && size <= STIR_PASSPORT_MAX) {
        static const uint8_t sig[STIR_ES256_SIG] = {1};
        char token[2 * STIR_PASSPORT_MAX];
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
