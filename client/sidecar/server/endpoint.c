/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool endpoint_is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 5 && text[n] == '\0' && strtoul(text, NULL, 10) <= 65535;
}

enum stir_code sc_endpoint_read(struct sc_endpoint *out, const char *key, const char *text, struct stir_error *err)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';
    size_t skip = bracketed ? 1 : 0;
    if (n <= 2 * skip || n - 2 * skip >= sizeof(out->host) || (!bracketed && strcspn(text, ":[]") != n)) {
        return stir_fail(err, STIR_E_CONFIG, "%s: \"%s\" is not host:port or [IPv6 address]:port", key, text);
    }
    if (!endpoint_is_port(colon + 1)) {
        return stir_fail(err, STIR_E_CONFIG, "%s: %s: the port must be a number from 0 to 65535", key, text);
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->host, text + skip, n - 2 * skip);
    (void)snprintf(out->port, sizeof(out->port), "%.5s", colon + 1);
    return STIR_OK;
}

enum stir_code sc_listen_find(struct stir_listen_addresses *out, const char *key, const char *text,
                              struct stir_error *err)
{
    enum stir_code code = stir_listen_addresses_find(out, text, err);
    if (code == STIR_OK && out->at[0].address.ss_family == AF_UNIX) {
        code = stir_fail(err, STIR_E_CONFIG, "%s: not a TCP address", text);
    }
    return code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", key);
}
