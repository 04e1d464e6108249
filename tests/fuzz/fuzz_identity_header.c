/* SPDX-License-Identifier: MIT */
/* Values of SIP Identity header fields, as cpsctl verify and cpsctl inspect read them. */
#include "client/ctl/identity_header.h"
#include "common/jose/jws.h"
#include "tests/fuzz/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A parameter is a string within its bounds, and a fault is told if it differs from the token's. */
static void check_compared(const struct ctl_identity_header *header)
{
    struct stir_jws jws;
    json_t *faults = json_array();
    ctl_identity_compare(faults, header);
    bool differs = !header->info[0];
    if (!header->compact && stir_jws_parse(&jws, header->token.ptr, header->token.len, NULL) == STIR_OK) {
        const char *x5u = json_string_value(json_object_get(jws.header, "x5u"));
        differs = differs || !x5u || strcmp(x5u, header->info) != 0;
        stir_jws_clear(&jws);
    }
    MUST(!differs || json_array_size(faults) > 0);
    json_decref(faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stir_view text = stir_view((const char *)data, size);
    struct ctl_identity_header header;
    struct stir_error err = {0};
    (void)ctl_identity_is_header(text);
    if (ctl_identity_read(&header, text, &err) == STIR_OK) {
        MUST(header.token.len > 0 && header.token.len <= size);
        MUST(!memchr(header.token.ptr, ' ', header.token.len) && !memchr(header.token.ptr, '\n', header.token.len));
        MUST(memchr(header.info, '\0', sizeof(header.info)) && memchr(header.alg, '\0', sizeof(header.alg)) &&
             memchr(header.ppt, '\0', sizeof(header.ppt)));
        check_compared(&header);
    } else {
        MUST(err.text[0] != '\0');
    }
    ctl_identity_clear(&header);
    return 0;
}
