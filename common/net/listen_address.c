/* SPDX-License-Identifier: MIT */
#include "common/net/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST_OCTETS 256

/* Adds an address; those that do not fit are left out. */
static void listen_add(struct stir_listen_addresses *out, const void *address, size_t len)
{
    if (out->count < STIR_LISTEN_ADDRESSES_MAX && len <= sizeof(out->at[0].address)) {
        memcpy(&out->at[out->count].address, address, len);
        out->at[out->count++].len = (socklen_t)len;
    }
}

static enum stir_code listen_find_unix(struct stir_listen_addresses *out, const char *path, struct stir_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(address.sun_path)) {
        return stir_fail(err, STIR_E_CONFIG, "the path is empty or longer than %zu octets: unix:%s",
                         sizeof(address.sun_path) - 1, path);
    }
    memcpy(address.sun_path, path, n + 1);
    listen_add(out, &address, sizeof(address));
    return STIR_OK;
}

static bool listen_has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

static void listen_find_any(struct stir_listen_addresses *out, in_port_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
    out->any = true;
    listen_add(out, &in, sizeof(in));
    if (listen_has_ipv6()) {
        listen_add(out, &in6, sizeof(in6));
    }
}

static enum stir_code listen_find_name(struct stir_listen_addresses *out, const char *host, const char *port,
                                       const char *text, struct stir_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, port, &hints, &found);
    if (status != 0) {
        return stir_fail(err, STIR_E_CONFIG, "%s: cannot find the address of the host: %s", text, gai_strerror(status));
    }
    for (const struct addrinfo *one = found; one; one = one->ai_next) {
        listen_add(out, one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(found);
    return STIR_OK;
}

static enum stir_code listen_find_host(struct stir_listen_addresses *out, const char *host, bool bracketed,
                                       const char *port, const char *text, struct stir_error *err)
{
    in_port_t number = htons((uint16_t)strtoul(port, NULL, 10));
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = number};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = number};
    if (strcmp(host, "*") == 0 && !bracketed) {
        listen_find_any(out, number);
    } else if (bracketed) {
        if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1) {
            return stir_fail(err, STIR_E_CONFIG, "%s: not an IPv6 address between the brackets", text);
        }
        listen_add(out, &in6, sizeof(in6));
    } else if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        listen_add(out, &in, sizeof(in));
    } else {
        return listen_find_name(out, host, port, text, err);
    }
    return STIR_OK;
}

enum stir_code stir_listen_addresses_find(struct stir_listen_addresses *out, const char *text, struct stir_error *err)
{
    struct stir_listen_addresses found = {0};
    char host[HOST_OCTETS];
    if (strncmp(text, "unix:", 5) == 0) {
        enum stir_code code = listen_find_unix(&found, text + 5, err);
        if (code == STIR_OK) {
            *out = found;
        }
        return code;
    }
    /* The port is after the last colon; only an address in brackets has others before it. */
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';
    size_t skip = bracketed ? 1 : 0;
    if (n <= 2 * skip || n - 2 * skip >= sizeof(host) || (!bracketed && strcspn(text, ":[]") != n)) {
        return stir_fail(err, STIR_E_CONFIG, "%s: not address:port, [IPv6]:port, *:port, host:port or unix:/path",
                         text);
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] || strtoul(colon + 1, NULL, 10) > 65535) {
        return stir_fail(err, STIR_E_CONFIG, "%s: the port is not a number from 0 to 65535", text);
    }
    /* The host without its brackets. */
    memcpy(host, text + skip, n - 2 * skip);
    host[n - 2 * skip] = '\0';
    enum stir_code code = listen_find_host(&found, host, bracketed, colon + 1, text, err);
    if (code == STIR_OK) {
        *out = found;
    }
    return code;
}
