#include "client/gateway/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 5 && text[n] == '\0' && strtoul(text, NULL, 10) <= 65535;
}

enum stir_code gw_endpoint_read(struct gw_endpoint *out, const char *key, const char *text, struct stir_error *err)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';
    size_t skip = bracketed ? 1 : 0;
    if (n <= 2 * skip || n - 2 * skip >= sizeof(out->host) || (!bracketed && strcspn(text, ":[]") != n)) {
        return stir_fail(err, STIR_E_CONFIG, "%s: \"%s\" is not host:port or [IPv6 address]:port", key, text);
    }
    if (!is_port(colon + 1)) {
        return stir_fail(err, STIR_E_CONFIG, "%s: %s: the port is not a number up to 65535", key, text);
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->host, text + skip, n - 2 * skip);
    (void)snprintf(out->port, sizeof(out->port), "%.5s", colon + 1);
    return STIR_OK;
}

enum stir_code gw_endpoint_address(struct sockaddr_storage *out, const char *key, const char *text,
                                   struct stir_error *err)
{
    struct gw_endpoint endpoint;
    enum stir_code code = gw_endpoint_read(&endpoint, key, text, err);
    if (code != STIR_OK) {
        return code;
    }
    in_port_t port = htons((uint16_t)strtoul(endpoint.port, NULL, 10));
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, endpoint.host, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof(in));
    } else if (inet_pton(AF_INET6, endpoint.host, &in6.sin6_addr) == 1) {
        memcpy(out, &in6, sizeof(in6));
    } else {
        return stir_fail(err, STIR_E_CONFIG, "%s: %s: not a numeric IPv4 or [IPv6] address", key, text);
    }
    return STIR_OK;
}
