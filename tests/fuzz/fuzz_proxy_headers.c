/* SPDX-License-Identifier: MIT */
/* What an edge says of a client: three fields, one a line. Nothing is believed that is not written as it must be. */
#include "cps/auth/proxy_headers.h"
#include "tests/fuzz/must.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stir_view next_line(const char **p, const char *end)
{
    const char *eol = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
    const char *to = eol ? eol : end;
    struct stir_view line = stir_view(*p, (size_t)(to - *p));
    *p = eol ? eol + 1 : end;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = size ? (const char *)data : "", *end = p + size;
    struct stir_view cert = next_line(&p, end), chain = next_line(&p, end);
    struct stir_view address = next_line(&p, end), forwarded = stir_view(p, (size_t)(end - p));
    struct cpsd_proxy_headers *edge = NULL;
    struct cpsd_caller caller = {0};
    struct in6_addr in = {.s6_addr = {0}};
    MUST(cpsd_proxy_headers_new(&edge, NULL) == STIR_OK);
    struct cpsd_client_cert *shown = cpsd_proxy_headers_cert(edge, cert, chain);
    MUST((shown != NULL) == (cert.len || chain.len));
    if (shown) {
        MUST(cpsd_client_cert_is_there(shown) && (shown->chain == NULL) == (shown->refused.code != STIR_OK));
        MUST(cpsd_client_cert_judge(shown, NULL, 0, &caller, NULL) != STIR_OK && caller.kind == CPSD_ANYBODY);
    }
    if (!cpsd_proxy_headers_address(&in, forwarded, address)) {
        MUST(IN6_IS_ADDR_UNSPECIFIED(&in));
    }
    cpsd_proxy_headers_free(edge);
    return 0;
}
