/* SPDX-License-Identifier: MIT */
/* Identities and numbers: a canonical text is printable, its own canonical text, and survives the way through a path.
 */
#include "common/number/identity.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct stir_identity *id)
{
    struct stir_identity again = {0};
    char path[3 * STIR_IDENTITY_MAX + 1];
    if (id->len == 0 || id->len > STIR_IDENTITY_MAX || strlen(id->text) != id->len) {
        abort();
    }
    for (unsigned i = 0; i < id->len; i++) {
        if (id->text[i] <= ' ' || id->text[i] >= 0x7f) {
            abort();
        }
    }
    size_t n = stir_identity_to_path(path, id);
    if (stir_identity_from_path(&again, path, n, 0, NULL) != STIR_OK || !stir_identity_equal(id, &again)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stir_numbering numbering = {.max_digits = 20,
                                                    .min_digits = 1,
                                                    .country_code = "44",
                                                    .national_prefix = "0",
                                                    .international_prefix = "00",
                                                    .national_digits = 10,
                                                    .short_code_digits = 6};
    const char *text = (const char *)data;
    struct stir_error err = {0};
    struct stir_identity id = {0};
    struct stir_tn tn = {0};
    if (stir_identity_parse_canonical(&id, text, size, 0, &err) == STIR_OK) {
        check(&id);
    } else if (err.code == STIR_OK || err.text[0] == '\0') {
        abort();
    }
    if (stir_identity_from_path(&id, text, size, 0, NULL) == STIR_OK) {
        check(&id);
    }
    if (stir_tn_parse_user(&tn, text, size, &numbering, NULL) == STIR_OK &&
        !stir_tn_is_canonical(tn.digits, tn.len, 20)) {
        abort();
    }
    return 0;
}
