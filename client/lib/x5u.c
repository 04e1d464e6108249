#include "client/lib/x5u.h"

#include "client/lib/url.h"
#include "common/cert.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum cps_code cps_x5u_check(const struct cps_options *options, const char *url, struct cps_error *err)
{
    static const uint16_t usual[] = {443, 8443};
    const uint16_t *ports = options->x5u_ports ? options->x5u_ports : usual;
    size_t count = options->x5u_ports ? options->x5u_port_count : sizeof(usual) / sizeof(usual[0]);
    struct cps_url parsed;
    enum cps_code code = cps_url_parse(&parsed, url, strlen(url), CPS_E_X5U, err);
    if (code != CPS_OK) {
        return cps_fail_prefix(err, code, "x5u");
    }
    for (size_t i = 0; i < count; i++) {
        if (parsed.port == ports[i]) {
            return CPS_OK;
        }
    }
    return cps_fail(err, CPS_E_X5U, "x5u: port %u is not allowed", parsed.port);
}

/* The last segment of the path, if it is a harmless file name. */
static bool plain_name(char *out, size_t cap, const char *url)
{
    const char *name = strrchr(url, '/') + 1;
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

static bool hashed_name(char out[2 * SHA256_DIGEST_LENGTH + 5], const char *url)
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

enum cps_code cps_x5u_read_dir(struct stir_buf *out, const char *dir, const char *url, struct cps_error *err)
{
    char hashed[2 * SHA256_DIGEST_LENGTH + 5];
    char plain[256];
    char path[4096];
    struct stir_error cause = {0};
    if (!hashed_name(hashed, url)) {
        return cps_fail(err, CPS_E_CRYPTO, "SHA-256 failed");
    }
    int n = snprintf(path, sizeof(path), "%s/%s", dir, hashed);
    if (access(path, F_OK) != 0) {
        if (!plain_name(plain, sizeof(plain), url)) {
            return cps_fail(err, CPS_E_X5U_FETCH, "x5u: %s has no file %s, and the URL names none", dir, hashed);
        }
        n = snprintf(path, sizeof(path), "%s/%s", dir, plain);
    }
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cps_fail(err, CPS_E_X5U_FETCH, "x5u: the path in %s is too long", dir);
    }
    out->limit = STIR_CHAIN_OCTETS;
    enum stir_code code = stir_read_file(out, path, STIR_CHAIN_OCTETS, &cause);
    if (code != STIR_OK) {
        (void)cps_fail_stir(err, code, &cause);
        return cps_fail(err, code == STIR_E_NOMEM ? CPS_E_NOMEM : CPS_E_X5U_FETCH, "x5u: %s", cause.text);
    }
    return CPS_OK;
}
