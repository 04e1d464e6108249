/* SPDX-License-Identifier: MIT */
/* Strict JSON and JCS: whatever parses has a canonical form, which parses again and is its own canonical form. */
#include "common/jose/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stir_error err = {0};
    struct stir_buf once = {0};
    struct stir_buf again = {0};
    struct stir_buf quoted = {0};
    json_t *value = NULL;
    json_t *back = NULL;
    if (stir_json_parse(&value, (const char *)data, size, &err) == STIR_OK) {
        stir_jcs(&once, value);
        if (stir_buf_state(&once) != STIR_OK) {
            abort();
        }
        if (stir_json_parse(&back, once.ptr, once.len, &err) != STIR_OK) {
            abort();
        }
        stir_jcs(&again, back);
        if (once.len != again.len || memcmp(once.ptr, again.ptr, once.len) != 0) {
            abort();
        }
    }
    json_decref(value);
    json_decref(back);
    back = NULL;
    stir_json_quote(&quoted, (const char *)data, size);
    if (!memchr(data, 0, size) && stir_json_parse(&back, quoted.ptr, quoted.len, NULL) != STIR_OK) {
        abort();
    }
    json_decref(back);
    stir_buf_free(&once);
    stir_buf_free(&again);
    stir_buf_free(&quoted);
    return 0;
}
