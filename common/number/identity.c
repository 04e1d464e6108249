/* SPDX-License-Identifier: MIT */
#include "common/number/identity.h"

#include <ctype.h>
#include <strings.h>

#define TEXT_MAX 1024 /* octets that are read, with display name and parameters */

static bool identity_is_unreserved(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~');
}

/* Characters that a URI may contain unescaped (RFC 3986 section 2.2), except '%' and '#'. */
static bool identity_is_uri_char(unsigned char c)
{
    return identity_is_unreserved(c) || (c != '\0' && strchr(":/?[]@!$&'()*+,;=", c) != NULL);
}

static int identity_hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* Returns the octet that "%XX" at the start of text encodes; -1 for a malformed escape and for a control character. */
static int identity_unescape(const char *text, size_t n)
{
    int high = n > 2 ? identity_hex_value(text[1]) : -1;
    int low = n > 2 ? identity_hex_value(text[2]) : -1;
    int c = high * 16 + low;
    return high < 0 || low < 0 || c < 0x20 || c == 0x7f ? -1 : c;
}

/* Percent-decodes; STIR_E_URI for what unescape refuses. */
static enum stir_code identity_decode(char *out, size_t cap, size_t *len, struct stir_view text, struct stir_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            c = identity_unescape(text.ptr + i, text.len - i);
            i += 2;
        }
        if (c < 0) {
            return stir_fail(err, STIR_E_URI, "the URI has a malformed percent-escape");
        }
        if (n == cap) {
            return stir_fail(err, STIR_E_TOO_BIG, "the identity has more than %zu octets", cap);
        }
        out[n++] = (char)c;
    }
    *len = n;
    return STIR_OK;
}

/* Refuses white space, quotes, controls, anything beyond ASCII, and bad escapes. */
static enum stir_code identity_check_chars(struct stir_view uri, bool hash, struct stir_error *err)
{
    for (size_t i = 0; i < uri.len; i++) {
        unsigned char c = (unsigned char)uri.ptr[i];
        bool good =
            c == '%' ? identity_unescape(uri.ptr + i, uri.len - i) >= 0 : identity_is_uri_char(c) || (hash && c == '#');
        if (!good) {
            return stir_fail(err, STIR_E_URI, "character %zu is not allowed in a URI", i + 1);
        }
    }
    return STIR_OK;
}

/* Builds a canonical text. If the text does not fit, overflow is set. */
struct writer {
    struct stir_identity id;
    bool overflow;
};

static void identity_put(struct writer *to, char c)
{
    if (to->id.len == STIR_IDENTITY_MAX) {
        to->overflow = true;
    } else {
        to->id.text[to->id.len++] = c;
    }
}

/* Normalizes escapes (RFC 3986 sections 6.2.2.1 and 6.2.2.2), and case where asked. The characters were checked. */
static void identity_put_normal(struct writer *to, struct stir_view part, bool lower)
{
    for (size_t i = 0; i < part.len; i++) {
        int c = (unsigned char)part.ptr[i];
        bool escaped = c == '%';
        if (escaped) {
            c = identity_unescape(part.ptr + i, part.len - i);
            i += 2;
        }
        if (escaped && !identity_is_unreserved((unsigned char)c)) {
            identity_put(to, '%');
            identity_put(to, "0123456789ABCDEF"[c >> 4 & 15]);
            identity_put(to, "0123456789ABCDEF"[c & 15]);
        } else {
            identity_put(to, (char)(lower ? tolower(c) : c));
        }
    }
}

static enum stir_code identity_finish(struct stir_identity *out, const struct writer *from, struct stir_error *err)
{
    if (from->overflow) {
        return stir_fail(err, STIR_E_TOO_BIG, "the URI has more than %d octets", STIR_IDENTITY_MAX);
    }
    *out = from->id;
    return STIR_OK;
}

/* The kind of numbers that is read (common/number/tn.h). */
struct reading {
    const struct stir_numbering *numbering; /* of the user; NULL: numbers are canonical */
    unsigned max_digits;                    /* of canonical ones */
};

static enum stir_code identity_parse_tn(struct stir_identity *out, struct stir_view text, const struct reading *how,
                                        struct stir_error *err)
{
    struct stir_tn tn;
    enum stir_code code = how->numbering ? stir_tn_parse_user(&tn, text.ptr, text.len, how->numbering, err)
                                         : stir_tn_parse_canonical(&tn, text.ptr, text.len, how->max_digits, err);
    if (code == STIR_OK) {
        memset(out, 0, sizeof(*out));
        out->kind = STIR_IDENTITY_TN;
        out->len = tn.len;
        memcpy(out->text, tn.digits, tn.len);
    }
    return code;
}

/* Cuts text at the first of the stop characters; *rest begins with it, or is empty. */
static struct stir_view identity_cut(struct stir_view text, const char *stops, struct stir_view *rest)
{
    size_t n = 0;
    while (n < text.len && !strchr(stops, text.ptr[n])) {
        n++;
    }
    *rest = stir_view(text.ptr + n, text.len - n);
    return stir_view(text.ptr, n);
}

/* Finds ";name=value"; params is empty or starts with ';'. */
static bool identity_find_param(struct stir_view params, const char *name, struct stir_view *value)
{
    size_t name_len = strlen(name);
    while (params.len > 0) {
        struct stir_view param = identity_cut(stir_view(params.ptr + 1, params.len - 1), ";", &params);
        if (param.len > name_len && param.ptr[name_len] == '=' && strncasecmp(param.ptr, name, name_len) == 0) {
            *value = stir_view(param.ptr + name_len + 1, param.len - name_len - 1);
            return true;
        }
    }
    return false;
}

/* Reads the number of a tel: URI or of a telephone-subscriber in a sip: URI, and the parameters after it (RFC 3966). */
static enum stir_code identity_parse_subscriber(struct stir_identity *out, struct stir_view text,
                                                const struct reading *how, struct stir_error *err)
{
    char plain[STIR_IDENTITY_MAX];
    size_t len = 0;
    enum stir_code code = identity_decode(plain, sizeof(plain), &len, text, err);
    if (code != STIR_OK) {
        return code;
    }
    struct stir_view params;
    struct stir_view number = identity_cut(stir_view(plain, len), ";", &params);
    struct stir_view context;
    bool global = memchr(number.ptr, '+', number.len) != NULL;
    if (!global && identity_find_param(params, "phone-context", &context)) {
        const char *country = how->numbering ? how->numbering->country_code : "";
        if (country[0] == '\0' || context.len < 2 || context.ptr[0] != '+' ||
            !stir_view_is(stir_view(context.ptr + 1, context.len - 1), country)) {
            return stir_fail(err, STIR_E_URI, "a number with a phone-context is local and cannot be used");
        }
    }
    return identity_parse_tn(out, number, how, err);
}

/* Splits a host, an IPv4 or an [IPv6] address from the port, which is dropped (RFC 3261 section 25.1). */
static bool identity_split_hostport(struct stir_view hostport, struct stir_view *host)
{
    struct stir_view port;
    bool v6 = hostport.len > 0 && hostport.ptr[0] == '[';
    *host = identity_cut(hostport, v6 ? "]" : ":", &port);
    if (v6) {
        if (port.len == 0 || host->len < 3) {
            return false;
        }
        host->len++;
        port = stir_view(port.ptr + 1, port.len - 1);
    }
    /* A host name, IPv4 or IPv6 address has no other characters. */
    for (size_t i = v6; i + v6 < host->len; i++) {
        unsigned char c = (unsigned char)host->ptr[i];
        if (v6 ? !isxdigit(c) && c != ':' && c != '.' : !isalnum(c) && c != '-' && c != '.') {
            return false;
        }
    }
    for (size_t i = 1; i < port.len; i++) {
        if (!isdigit((unsigned char)port.ptr[i])) {
            return false;
        }
    }
    return host->len > 0 && (port.len == 0 || (port.ptr[0] == ':' && port.len >= 2 && port.len <= 6));
}

static bool identity_names_a_phone(struct stir_view user, struct stir_view params)
{
    struct stir_view value;
    bool plus = user.ptr[0] == '+' || (user.len > 2 && strncasecmp(user.ptr, "%2b", 3) == 0);
    return plus ||
           (identity_find_param(params, "user", &value) && value.len == 5 && strncasecmp(value.ptr, "phone", 5) == 0);
}

static enum stir_code identity_parse_sip(struct stir_identity *out, const char *scheme, struct stir_view rest,
                                         const struct reading *how, struct stir_error *err)
{
    struct stir_view after;
    struct stir_view userinfo = identity_cut(rest, "@", &after);
    if (after.len == 0 || memchr(after.ptr + 1, '@', after.len - 1)) {
        return stir_fail(err, STIR_E_URI, "the SIP URI has no user, or more than one '@'");
    }
    struct stir_view ignored;
    struct stir_view params;
    struct stir_view user = identity_cut(userinfo, ":", &ignored);
    struct stir_view hostport = identity_cut(stir_view(after.ptr + 1, after.len - 1), ";?", &params);
    struct stir_view host;
    if (user.len == 0 || memchr(user.ptr, '[', user.len) || memchr(user.ptr, ']', user.len)) {
        return stir_fail(err, STIR_E_URI, "the user of the SIP URI is malformed");
    }
    /* Password, port, parameters and headers are dropped (RFC 8224 section 8.5). */
    if (!identity_split_hostport(hostport, &host)) {
        return stir_fail(err, STIR_E_URI, "the host of the SIP URI is malformed");
    }
    params = identity_cut(params, "?", &ignored);
    /* RFC 8224 section 8.1: a user part that is a telephone number stands for that number. */
    if (identity_names_a_phone(user, params) && identity_parse_subscriber(out, user, how, NULL) == STIR_OK) {
        return STIR_OK;
    }
    struct writer to = {.id.kind = STIR_IDENTITY_URI};
    identity_put_normal(&to, stir_view_str(scheme), false);
    identity_put_normal(&to, user, true);
    identity_put(&to, '@');
    identity_put_normal(&to, host, true);
    return identity_finish(out, &to, err);
}

/* Lower-cases the part of another URI that has no case: the host, or the namespace of a URN. */
static struct stir_view identity_lower_case(struct stir_view rest, bool urn)
{
    struct stir_view ignored;
    if (urn) {
        return identity_cut(rest, ":", &ignored);
    }
    size_t slashes = rest.len > 2 && memcmp(rest.ptr, "//", 2) == 0 ? 2 : 0;
    struct stir_view authority = identity_cut(stir_view(rest.ptr + slashes, rest.len - slashes), "/?", &ignored);
    const char *at = memrchr(authority.ptr, '@', authority.len);
    if (at) {
        size_t before = (size_t)(at + 1 - authority.ptr);
        return stir_view(at + 1, authority.len - before);
    }
    return slashes ? authority : stir_view(rest.ptr, 0);
}

static enum stir_code identity_parse_other(struct stir_identity *out, struct stir_view scheme, struct stir_view rest,
                                           struct stir_error *err)
{
    if (rest.len == 0) {
        return stir_fail(err, STIR_E_URI, "the URI has nothing after its scheme");
    }
    bool urn = scheme.len == 3 && strncasecmp(scheme.ptr, "urn", 3) == 0;
    struct stir_view middle = identity_lower_case(rest, urn);
    const char *end = rest.ptr + rest.len;
    const char *behind = middle.ptr + middle.len;
    struct writer to = {.id.kind = STIR_IDENTITY_URI};
    identity_put_normal(&to, scheme, true);
    identity_put(&to, ':');
    identity_put_normal(&to, stir_view(rest.ptr, (size_t)(middle.ptr - rest.ptr)), false);
    identity_put_normal(&to, middle, true);
    identity_put_normal(&to, stir_view(behind, (size_t)(end - behind)), false);
    return identity_finish(out, &to, err);
}

/* Returns the addr-spec of a name-addr (RFC 3261 section 25.1), or the text itself without angle brackets. */
static struct stir_view identity_bare(struct stir_view text)
{
    size_t i = 0;
    while (i < text.len && text.ptr[i] == ' ') {
        i++;
    }
    if (i < text.len && text.ptr[i] == '"') {
        for (i++; i < text.len && text.ptr[i] != '"'; i++) {
            i += text.ptr[i] == '\\';
        }
    }
    while (i < text.len && text.ptr[i] != '<') {
        i++;
    }
    const char *end = i < text.len ? memchr(text.ptr + i, '>', text.len - i) : NULL;
    return end ? stir_view(text.ptr + i + 1, (size_t)(end - text.ptr) - i - 1) : text;
}

/* Returns the length of the scheme (RFC 3986 section 3.1); 0: there is no scheme. */
static size_t identity_scheme_len(struct stir_view text)
{
    size_t n = 0;
    while (n < text.len) {
        unsigned char c = (unsigned char)text.ptr[n];
        if (c == ':') {
            return n;
        }
        if (c >= 0x80 || !(isalpha(c) || (n > 0 && (isdigit(c) || c == '+' || c == '-' || c == '.')))) {
            return 0;
        }
        n++;
    }
    return 0;
}

static bool identity_scheme_is(struct stir_view scheme, const char *name)
{
    return scheme.len == strlen(name) && strncasecmp(scheme.ptr, name, scheme.len) == 0;
}

static enum stir_code identity_parse(struct stir_identity *out, const char *text, size_t n, const struct reading *how,
                                     struct stir_error *err)
{
    if (n > TEXT_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the identity has more than %d octets", TEXT_MAX);
    }
    struct stir_view uri = identity_bare(stir_view(text, n));
    size_t len = identity_scheme_len(uri);
    /* Without a scheme it is a telephone number. */
    if (len == 0) {
        return identity_parse_tn(out, uri, how, err);
    }
    struct stir_view scheme = stir_view(uri.ptr, len);
    struct stir_view rest = stir_view(uri.ptr + len + 1, uri.len - len - 1);
    bool tel = identity_scheme_is(scheme, "tel");
    /* RFC 3986 section 2: characters and escapes, before any part is looked at. */
    enum stir_code code = identity_check_chars(rest, tel, err);
    if (code != STIR_OK) {
        return code;
    }
    if (tel) {
        return identity_parse_subscriber(out, rest, how, err);
    }
    if (identity_scheme_is(scheme, "sip")) {
        return identity_parse_sip(out, "sip:", rest, how, err);
    }
    if (identity_scheme_is(scheme, "sips")) {
        return identity_parse_sip(out, "sips:", rest, how, err);
    }
    return identity_parse_other(out, scheme, rest, err);
}

enum stir_code stir_identity_parse_canonical(struct stir_identity *out, const char *text, size_t n, unsigned max_digits,
                                             struct stir_error *err)
{
    const struct reading how = {.max_digits = max_digits};
    return identity_parse(out, text, n, &how, err);
}

enum stir_code stir_identity_parse_user(struct stir_identity *out, const char *text, size_t n,
                                        const struct stir_numbering *numbering, struct stir_error *err)
{
    const struct reading how = {.numbering = numbering};
    return identity_parse(out, text, n, &how, err);
}

enum stir_code stir_identity_from_path(struct stir_identity *out, const char *segment, size_t n, unsigned max_digits,
                                       struct stir_error *err)
{
    char text[TEXT_MAX] = {0};
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)segment[i];
        if (c <= 0x20 || c >= 0x7f || c == '/' || c == '?' || c == '#') {
            return stir_fail(err, STIR_E_URI, "character %zu is not allowed in a path segment", i + 1);
        }
    }
    enum stir_code code = identity_decode(text, sizeof(text), &len, stir_view(segment, n), err);
    return code == STIR_OK ? stir_identity_parse_canonical(out, text, len, max_digits, err) : code;
}

size_t stir_identity_to_path(char *out, const struct stir_identity *id)
{
    size_t n = 0;
    for (unsigned i = 0; i < id->len; i++) {
        unsigned char c = (unsigned char)id->text[i];
        if (identity_is_unreserved(c)) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = "0123456789ABCDEF"[c >> 4];
            out[n++] = "0123456789ABCDEF"[c & 15];
        }
    }
    out[n] = '\0';
    return n;
}

bool stir_identity_equal(const struct stir_identity *a, const struct stir_identity *b)
{
    return a->kind == b->kind && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}
