/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/redis_url.h"

#include "common/base/view.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDENTIAL_MAX 1024 /* octets of a user or a password */
#define DB_MAX 65535

static void url_clear_text(char *text)
{
    if (text) {
        OPENSSL_cleanse(text, strlen(text));
        free(text);
    }
}

void cpsd_redis_address_clear(struct cpsd_redis_address *address)
{
    url_clear_text(address->user);
    url_clear_text(address->password);
    *address = (struct cpsd_redis_address){0};
}

void cpsd_redis_address_name(const struct cpsd_redis_address *address, char *out, size_t size)
{
    if (address->local) {
        (void)snprintf(out, size, "%s", address->path);
    } else {
        (void)snprintf(out, size, strchr(address->host, ':') ? "[%s]:%u" : "%s:%u", address->host, address->port);
    }
}

static int url_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes percent-encoding. out has room for `size` octets with the NUL. */
static bool url_percent_decode(char *out, size_t size, struct stir_view in)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            int high = in.len - i > 2 ? url_hex_digit(in.ptr[i + 1]) : -1;
            int low = high >= 0 ? url_hex_digit(in.ptr[i + 2]) : -1;
            if (low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size) {
            return false;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static enum stir_code url_credential(char **out, struct stir_view in, const char *what, struct stir_error *err)
{
    char *text = malloc(CREDENTIAL_MAX + 1);
    if (!text) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory while reading the %s in the store's URL", what);
    }
    if (!url_percent_decode(text, CREDENTIAL_MAX + 1, in)) {
        OPENSSL_cleanse(text, CREDENTIAL_MAX + 1);
        free(text);
        return stir_fail(err, STIR_E_CONFIG,
                         "the store's URL: the %s is longer than %d octets or has invalid percent-encoding", what,
                         CREDENTIAL_MAX);
    }
    *out = text;
    return STIR_OK;
}

/* Parses a decimal number without a sign, at most `max`. */
static bool url_number(unsigned *out, struct stir_view in, unsigned max)
{
    unsigned value = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] < '0' || in.ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(in.ptr[i] - '0');
        if (value > max) {
            return false;
        }
    }
    *out = value;
    return in.len > 0;
}

/* Returns the text before the first c and sets *rest to the text after it. ptr is NULL if there is no c. */
static struct stir_view url_cut(struct stir_view in, char c, struct stir_view *rest)
{
    const char *at = in.len ? memchr(in.ptr, c, in.len) : NULL;
    if (!at) {
        return stir_view(NULL, 0);
    }
    size_t n = (size_t)(at - in.ptr);
    *rest = stir_view(at + 1, in.len - n - 1);
    return stir_view(in.ptr, n);
}

/* Parses "user:password@" and removes it from *in. */
static enum stir_code url_parse_userinfo(struct cpsd_redis_address *out, struct stir_view *in, size_t authority,
                                         struct stir_error *err)
{
    struct stir_view rest, password = {0};
    struct stir_view info = url_cut(stir_view(in->ptr, authority), '@', &rest);
    if (!info.ptr) {
        return STIR_OK;
    }
    struct stir_view user = url_cut(info, ':', &password);
    if (!user.ptr || password.len == 0) {
        return stir_fail(err, STIR_E_CONFIG, "the store's URL: write user:password or :password before the @");
    }
    *in = stir_view(rest.ptr, in->len - info.len - 1);
    enum stir_code code = url_credential(&out->password, password, "password", err);
    if (code == STIR_OK && user.len) {
        code = url_credential(&out->user, user, "user", err);
    }
    return code;
}

static bool url_parse_host(struct cpsd_redis_address *out, struct stir_view in)
{
    struct stir_view host, port = {0};
    if (in.len && in.ptr[0] == '[') {
        host = url_cut(stir_view(in.ptr + 1, in.len - 1), ']', &port);
        if (!host.ptr || (port.len && port.ptr[0] != ':')) {
            return false;
        }
        port = port.len ? stir_view(port.ptr + 1, port.len - 1) : stir_view(NULL, 0);
    } else {
        host = url_cut(in, ':', &port);
        host = host.ptr ? host : in;
    }
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    if (host.len == 0 || host.len >= sizeof(out->host)) {
        return false;
    }
    memcpy(out->host, host.ptr, host.len);
    out->host[host.len] = '\0';
    out->port = CPSD_REDIS_PORT;
    return strspn(out->host, good) == host.len && (!port.ptr || (url_number(&out->port, port, 65535) && out->port));
}

static enum stir_code url_parse_tcp(struct cpsd_redis_address *out, struct stir_view in, struct stir_error *err)
{
    struct stir_view path = {0};
    struct stir_view authority = url_cut(in, '/', &path);
    authority = authority.ptr ? authority : in;
    if (memchr(in.ptr, '?', in.len) || memchr(in.ptr, '#', in.len)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "the store's URL: redis: does not accept ? and #; write them as %%3F and %%23");
    }
    size_t before = in.len;
    enum stir_code code = url_parse_userinfo(out, &in, authority.len, err);
    authority.len -= before - in.len;
    if (code) {
        return code;
    }
    if (!url_parse_host(out, stir_view(in.ptr, authority.len))) {
        return stir_fail(err, STIR_E_CONFIG, "the store's URL: invalid host or port");
    }
    if (path.len && !url_number(&out->db, path, DB_MAX)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "the store's URL: the text after the host is not a database number (0 to 65535)");
    }
    return STIR_OK;
}

static enum stir_code url_parse_unix(struct cpsd_redis_address *out, struct stir_view in, struct stir_error *err)
{
    struct stir_view query = {0}, rest;
    struct stir_view authority = url_cut(in, '/', &rest);
    out->local = true;
    enum stir_code code = url_parse_userinfo(out, &in, authority.ptr ? authority.len : in.len, err);
    if (code) {
        return code;
    }
    struct stir_view path = url_cut(in, '?', &query);
    path = path.ptr ? path : in;
    if (path.len < 2 || path.ptr[0] != '/' || !url_percent_decode(out->path, sizeof(out->path), path)) {
        return stir_fail(err, STIR_E_CONFIG,
                         "the store's URL: redis+unix: needs an absolute path of at most %zu octets",
                         sizeof(out->path) - 1);
    }
    if (query.ptr && (query.len < 4 || memcmp(query.ptr, "db=", 3) != 0 ||
                      !url_number(&out->db, stir_view(query.ptr + 3, query.len - 3), DB_MAX))) {
        return stir_fail(err, STIR_E_CONFIG, "the store's URL: after the path only ?db=NUMBER can follow");
    }
    return STIR_OK;
}

enum stir_code cpsd_redis_address_parse(struct cpsd_redis_address *out, const char *url, struct stir_error *err)
{
    static const char tcp[] = "redis://", local[] = "redis+unix://";
    struct cpsd_redis_address address = {0};
    enum stir_code code;
    if (strncmp(url, tcp, sizeof(tcp) - 1) == 0) {
        code = url_parse_tcp(&address, stir_view_str(url + sizeof(tcp) - 1), err);
    } else if (strncmp(url, local, sizeof(local) - 1) == 0) {
        code = url_parse_unix(&address, stir_view_str(url + sizeof(local) - 1), err);
    } else {
        code = stir_fail(err, STIR_E_CONFIG, "the store's URL: write two slashes after redis: or redis+unix:");
    }
    if (code) {
        cpsd_redis_address_clear(&address);
        return code;
    }
    *out = address;
    return STIR_OK;
}
