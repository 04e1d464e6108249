/* SPDX-License-Identifier: MIT */
#include "cps/auth/proxy_headers.h"

#include "common/jose/b64.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REMEMBERED 512 /* certificates; a power of two */

struct cpsd_proxy_headers {
    struct {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        struct cpsd_client_cert shown;
    } slots[REMEMBERED];
};

enum stir_code cpsd_proxy_headers_new(struct cpsd_proxy_headers **out, struct stir_error *err)
{
    struct cpsd_proxy_headers *headers = calloc(1, sizeof(*headers));
    if (!headers) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for certificates that a proxy passes on");
    }
    *out = headers;
    return STIR_OK;
}

void cpsd_proxy_headers_free(struct cpsd_proxy_headers *headers)
{
    for (size_t i = 0; headers && i < REMEMBERED; i++) {
        cpsd_client_cert_clear(&headers->slots[i].shown);
    }
    free(headers);
}

static struct stir_view proxy_trim(struct stir_view v)
{
    while (v.len && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
        v = stir_view(v.ptr + 1, v.len - 1);
    }
    while (v.len && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t')) {
        v.len--;
    }
    return v;
}

/* ---- the certificate ---- */

/* Decodes one byte sequence (RFC 8941 section 3.3.5), ":base64:", and appends it to der. Returns false if it is none.
 */
static bool proxy_add_sequence(uint8_t *der, size_t *len, struct stir_view item)
{
    size_t n = 0;
    if (item.len < 3 || item.ptr[0] != ':' || item.ptr[item.len - 1] != ':' ||
        stir_b64_decode(der + *len, STIR_CHAIN_OCTETS - *len, &n, item.ptr + 1, item.len - 2) != STIR_OK) {
        return false;
    }
    *len += n;
    return true;
}

/* Decodes Client-Cert, an item, and Client-Cert-Chain, a list (RFC 9440 sections 2.2 and 2.3). Returns false if one is
 * not a byte sequence or they are too long. */
static bool proxy_decode_chain(uint8_t *der, size_t *len, struct stir_view cert, struct stir_view chain)
{
    const char *p = chain.ptr, *end = chain.ptr + chain.len;
    if (!proxy_add_sequence(der, len, proxy_trim(cert))) {
        return false;
    }
    while (chain.len && p <= end) {
        const char *comma = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL;
        const char *to = comma ? comma : end;
        if (!proxy_add_sequence(der, len, proxy_trim(stir_view(p, (size_t)(to - p))))) {
            return false;
        }
        p = to + 1;
    }
    return true;
}

static void proxy_hash_fields(uint8_t digest[SHA256_DIGEST_LENGTH], struct stir_view cert, struct stir_view chain)
{
    uint8_t both[2 * SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)cert.ptr, cert.len, both);
    (void)SHA256((const unsigned char *)chain.ptr, chain.len, both + SHA256_DIGEST_LENGTH);
    (void)SHA256(both, sizeof(both), digest);
}

struct cpsd_client_cert *cpsd_proxy_headers_cert(struct cpsd_proxy_headers *headers, struct stir_view cert,
                                                 struct stir_view chain)
{
    uint8_t digest[SHA256_DIGEST_LENGTH], der[STIR_CHAIN_OCTETS];
    size_t len = 0;
    if (cert.len == 0 && chain.len == 0) {
        return NULL;
    }
    proxy_hash_fields(digest, cert, chain);
    /* a proxy sends the same certificate with each request of a client, so what was read is kept under its digest */
    size_t at = ((size_t)digest[0] << 8 | digest[1]) % REMEMBERED;
    struct cpsd_client_cert *shown = &headers->slots[at].shown;
    if (!cpsd_client_cert_is_there(shown) || memcmp(headers->slots[at].digest, digest, sizeof(digest)) != 0) {
        memcpy(headers->slots[at].digest, digest, sizeof(digest));
        if (proxy_decode_chain(der, &len, cert, chain)) {
            cpsd_client_cert_read(shown, der, len);
        } else {
            cpsd_client_cert_refuse(shown,
                                    "the proxy's Client-Cert and Client-Cert-Chain are not byte sequences (RFC 9440) "
                                    "of at most 16,384 octets");
        }
    }
    return shown;
}

/* ---- the address ---- */

/* Reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80". */
static bool proxy_read_address(struct in6_addr *out, struct stir_view text)
{
    char host[INET6_ADDRSTRLEN + 1];
    struct in_addr four;
    struct in6_addr six;
    const char *end = NULL;
    if (text.len && text.ptr[0] == '[') {
        text = stir_view(text.ptr + 1, text.len - 1);
        end = memchr(text.ptr, ']', text.len);
        if (!end) {
            return false;
        }
    } else {
        const char *colon = memchr(text.ptr, ':', text.len);
        bool one = colon && !memchr(colon + 1, ':', text.len - (size_t)(colon - text.ptr) - 1);
        end = one ? colon : text.ptr + text.len;
    }
    /* what is left is the address without brackets and port */
    size_t n = (size_t)(end - text.ptr);
    if (n == 0 || n >= sizeof(host)) {
        return false;
    }
    memcpy(host, text.ptr, n);
    host[n] = '\0';
    if (inet_pton(AF_INET, host, &four) == 1) {
        *out = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&out->s6_addr[12], &four, sizeof(four));
        return true;
    }
    if (inet_pton(AF_INET6, host, &six) == 1) {
        *out = six;
        return true;
    }
    return false;
}

static struct stir_view proxy_last_item(struct stir_view field, char separator)
{
    const char *at = field.len ? memrchr(field.ptr, separator, field.len) : NULL;
    return at ? stir_view(at + 1, field.len - (size_t)(at - field.ptr) - 1) : field;
}

/* Returns the value of for= in one element of Forwarded (RFC 7239 section 4) without its quotes. Addresses contain no
 * escapes. */
static struct stir_view proxy_forwarded_for(struct stir_view element)
{
    const char *p = element.ptr, *end = element.ptr + element.len;
    while (element.len && p < end) {
        const char *semicolon = memchr(p, ';', (size_t)(end - p));
        const char *to = semicolon ? semicolon : end;
        struct stir_view pair = proxy_trim(stir_view(p, (size_t)(to - p)));
        if (pair.len > 4 && strncasecmp(pair.ptr, "for=", 4) == 0) {
            pair = stir_view(pair.ptr + 4, pair.len - 4);
            bool quoted = pair.len >= 2 && pair.ptr[0] == '"' && pair.ptr[pair.len - 1] == '"';
            return quoted ? stir_view(pair.ptr + 1, pair.len - 2) : pair;
        }
        p = to + 1;
    }
    return stir_view("", 0);
}

bool cpsd_proxy_headers_address(struct in6_addr *out, struct stir_view forwarded, struct stir_view x_forwarded_for)
{
    if (forwarded.len) {
        return proxy_read_address(out, proxy_forwarded_for(proxy_last_item(forwarded, ',')));
    }
    return x_forwarded_for.len && proxy_read_address(out, proxy_trim(proxy_last_item(x_forwarded_for, ',')));
}
