/* SPDX-License-Identifier: MIT */
/* Lists of roots (sticaList.jwt): the input is a list, a NUL, and the certificates of its signer and of its anchor. */
#include "common/cert/trust_list.h"
#include "tests/fuzz/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size ? memchr(text, '\0', size) : NULL;
    size_t n = end ? (size_t)(end - text) : size;
    char x5u[STIR_TRUST_LIST_X5U] = "";
    struct stir_trust_list list = {0};
    struct stir_error err = {0};
    struct stir_trust_list_spec spec = {.text = stir_view(text, n),
                                        .signer_roots = stir_view(text + n, size - n),
                                        .now = 1800000000,
                                        .grace_s = 604800,
                                        .least_sequence = 7};
    enum stir_code code = stir_trust_list_read(&list, x5u, &spec, &err);
    if (code == STIR_E_X5U_FETCH) {
        MUST(strncmp(x5u, "https://", 8) == 0);
        spec.x5u_certs = spec.signer_roots; /* as if it had been fetched */
        code = stir_trust_list_read(&list, x5u, &spec, &err);
    }
    if (code == STIR_OK) {
        MUST(list.roots && list.roots_len > 0 && list.roots[list.roots_len] == '\0');
        MUST(list.sequence >= spec.least_sequence && list.exp + spec.grace_s >= spec.now);
    } else {
        MUST(!list.roots && err.text[0] != '\0');
    }
    stir_trust_list_clear(&list);
    return 0;
}
