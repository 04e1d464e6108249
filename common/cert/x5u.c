/* SPDX-License-Identifier: MIT */
#include "common/cert/x5u.h"
#include "common/base/file.h"

#include "common/base/url.h"
#include "common/cert/chain.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define X5U_MAX 2048

bool stir_x5u_is_https(const char *url)
{
    static const char scheme[] = "https://";
    size_t n = strlen(url);
    if (n > X5U_MAX || n < sizeof(scheme) || strncasecmp(url, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    if (strchr("/?#:@", url[sizeof(scheme) - 1])) {
        return false; /* no host */
    }
    for (size_t i = 0; i < n; i++) {
        if (url[i] <= ' ' || url[i] >= 0x7f || strchr("\"<>\\^`{|}", url[i])) {
            return false;
        }
    }
    return true;
}

/* "*.example.org" matches every name below example.org; any other pattern matches only itself. */
static bool x5u_host_is(struct stir_view host, const char *pattern)
{
    size_t n = strlen(pattern);
    if (n > 2 && pattern[0] == '*' && pattern[1] == '.') {
        return host.len > n - 1 && strncasecmp(host.ptr + host.len - (n - 1), pattern + 1, n - 1) == 0;
    }
    return host.len == n && strncasecmp(host.ptr, pattern, n) == 0;
}

static bool x5u_host_allowed(const struct stir_x5u_rules *rules, struct stir_view host)
{
    for (size_t i = 0; i < rules->host_count; i++) {
        if (x5u_host_is(host, rules->hosts[i])) {
            return true;
        }
    }
    return rules->host_count == 0;
}

static bool x5u_port_allowed(const struct stir_x5u_rules *rules, uint16_t port)
{
    static const uint16_t usual[] = {443, 8443};
    const uint16_t *ports = rules->port_count ? rules->ports : usual;
    size_t count = rules->port_count ? rules->port_count : sizeof(usual) / sizeof(usual[0]);
    for (size_t i = 0; i < count; i++) {
        if (port == ports[i]) {
            return true;
        }
    }
    return false;
}

enum stir_code stir_x5u_check(const struct stir_x5u_rules *rules, const char *url, struct stir_error *err)
{
    struct stir_url parsed;
    enum stir_code code = stir_url_parse(&parsed, url, strlen(url), STIR_E_X5U, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "x5u");
    }
    if (!x5u_port_allowed(rules, parsed.port)) {
        return stir_fail(err, STIR_E_X5U, "x5u: port %u is not allowed", parsed.port);
    }
    if (!x5u_host_allowed(rules, parsed.host)) {
        return stir_fail(err, STIR_E_X5U, "x5u: certificates are not fetched from this host");
    }
    return STIR_OK;
}

bool stir_x5u_plain_name(char *out, size_t cap, const char *url)
{
    const char *slash = strrchr(url, '/');
    const char *name = slash ? slash + 1 : "";
    size_t n = strlen(name);
    if (n == 0 || n >= cap || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
                    c == '_' || c == '-';
        if (!good) {
            return false;
        }
    }
    memcpy(out, name, n + 1);
    return true;
}

bool stir_x5u_hashed_name(char out[STIR_X5U_HASHED_NAME], const char *url)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (!SHA256((const unsigned char *)url, strlen(url), digest)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    memcpy(out + 2 * sizeof(digest), ".pem", 5);
    return true;
}

enum stir_code stir_x5u_read_dir(struct stir_buf *out, const char *dir, const char *url, struct stir_error *err)
{
    char hashed[STIR_X5U_HASHED_NAME];
    char plain[256];
    char path[4096];
    if (!stir_x5u_hashed_name(hashed, url)) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "x5u: SHA-256 failed");
    }
    int n = snprintf(path, sizeof(path), "%s/%s", dir, hashed);
    if (access(path, F_OK) != 0) {
        if (!stir_x5u_plain_name(plain, sizeof(plain), url)) {
            return stir_fail(err, STIR_E_X5U_FETCH, "x5u: %s has no file %s, and the URL names no file", dir, hashed);
        }
        n = snprintf(path, sizeof(path), "%s/%s", dir, plain);
    }
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return stir_fail(err, STIR_E_X5U_FETCH, "x5u: the path in %s is too long", dir);
    }
    out->limit = STIR_CHAIN_FILE_OCTETS;
    enum stir_code code = stir_read_file(out, path, STIR_CHAIN_FILE_OCTETS, err);
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code == STIR_E_NOMEM ? code : STIR_E_X5U_FETCH, "x5u");
}
