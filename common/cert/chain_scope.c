/* SPDX-License-Identifier: MIT */
#include "common/cert/chain.h"

#include "common/cert/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#define SIGNER_MAX 128 /* octets of a common name that are shown */

static struct stir_view scope_name_text(const ASN1_IA5STRING *name)
{
    return stir_view((const char *)ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
}

/* Returns the domain of a canonical URI with one of these schemes: after the user, before port, parameters and
 * headers. */
static struct stir_view scope_uri_host(const char *uri)
{
    static const char *const schemes[] = {"sip:", "sips:", "im:", "pres:"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i]);
        if (strncmp(uri, schemes[i], n) == 0) {
            const char *at = strrchr(uri + n, '@');
            const char *host = at ? at + 1 : uri + n;
            return stir_view(host, strcspn(host, ":;?/"));
        }
    }
    return stir_view("", 0);
}

static bool scope_host_equal(struct stir_view a, struct stir_view b)
{
    return a.len > 0 && a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Returns the domain of a subjectAltName of type URI: "sip:" and a host, without a user (RFC 5922 section 7.1 step
 * 2). Empty if there is none. */
static struct stir_view scope_sip_domain(const GENERAL_NAME *name)
{
    if (name->type != GEN_URI) {
        return stir_view("", 0);
    }
    struct stir_view text = scope_name_text(name->d.uniformResourceIdentifier);
    if (text.len < 5 || strncasecmp(text.ptr, "sip:", 4) != 0 || memchr(text.ptr, '@', text.len)) {
        return stir_view("", 0);
    }
    struct stir_view host = stir_view(text.ptr + 4, text.len - 4);
    for (size_t i = 0; i < host.len; i++) {
        if (strchr(":;?/", host.ptr[i])) {
            host.len = i;
        }
    }
    return host;
}

/* Returns true if the name is the whole identity. */
static bool scope_is_identity(const GENERAL_NAME *name, const struct stir_identity *id)
{
    struct stir_identity theirs;
    if (name->type != GEN_URI) {
        return false;
    }
    struct stir_view text = scope_name_text(name->d.uniformResourceIdentifier);
    return text.len > 0 && stir_identity_parse_canonical(&theirs, text.ptr, text.len, 0, NULL) == STIR_OK &&
           stir_identity_equal(&theirs, id);
}

/* dNSNames count only where no URI names a SIP domain, and never with a wildcard (RFC 5922 sections 7.1 and 7.2). */
static bool scope_names_cover(const GENERAL_NAMES *names, const struct stir_identity *id)
{
    struct stir_view host = scope_uri_host(id->text);
    bool by_uri = false, by_dns = false, any_domain = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        struct stir_view domain = scope_sip_domain(name);
        any_domain |= domain.len > 0;
        by_uri |= scope_is_identity(name, id) || scope_host_equal(domain, host);
        by_dns |= name->type == GEN_DNS && scope_host_equal(scope_name_text(name->d.dNSName), host);
    }
    return by_uri || (by_dns && !any_domain);
}

static bool scope_alt_names_cover(const X509 *leaf, const struct stir_identity *id)
{
    ERR_clear_error();
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool covers = scope_names_cover(names, id);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return covers;
}

static bool scope_spc_covers(const struct stir_tnauth *list, const char *tn, const struct stir_authority *authority)
{
    if (!authority) {
        return false;
    }
    return authority->numbers ? stir_tnauth_holds_tn(list, authority->numbers, tn)
                              : authority->allow_spc && stir_tnauth_any_spc(list);
}

static enum stir_code scope_fail_number(const struct stir_chain *chain, const char *tn,
                                        const struct stir_authority *authority, struct stir_error *err)
{
    struct stir_x509_name subject = stir_x509_subject(chain->certs[0]);
    struct stir_numtable_row row;
    if (!stir_tnauth_any_spc(&chain->tnauth)) {
        return stir_fail(err, STIR_E_CERT_SCOPE, "%s: %s", subject.text,
                         chain->tnauth.count ? "the number is not in its TNAuthList"
                                             : "the certificate has no TNAuthList, so it covers no number");
    }
    if (!authority || !authority->numbers) {
        return stir_fail(err, STIR_E_CERT_SCOPE,
                         "%s: its TNAuthList names a provider and not the number; a number table would tell whether "
                         "the number belongs to that provider",
                         subject.text);
    }
    if (!stir_numtable_find(authority->numbers, tn, &row)) {
        return stir_fail(err, STIR_E_CERT_SCOPE, "%s: the number table does not have the number", subject.text);
    }
    return stir_fail(err, STIR_E_CERT_SCOPE, "%s: the number belongs to provider %s", subject.text, row.spc);
}

enum stir_code stir_chain_covers(const struct stir_chain *chain, const struct stir_identity *id,
                                 const struct stir_authority *authority, bool *by_spc, struct stir_error *err)
{
    bool spc = false;
    if (id->kind == STIR_IDENTITY_URI) {
        if (!scope_alt_names_cover(chain->certs[0], id)) {
            return stir_fail(err, STIR_E_CERT_SCOPE,
                             "%s: no subjectAltName matches the URI or its domain (RFC 8224 section 8.4)",
                             stir_x509_subject(chain->certs[0]).text);
        }
    } else if (!stir_tnauth_has_tn(&chain->tnauth, id->text)) {
        spc = scope_spc_covers(&chain->tnauth, id->text, authority);
        if (!spc) {
            return scope_fail_number(chain, id->text, authority, err);
        }
    }
    if (by_spc) {
        *by_spc = spc;
    }
    return STIR_OK;
}

/* Appends UTF-8 text for a terminal or a log: controls (C0, DEL, C1) become '?', and a long text is cut between
 * characters. */
static void scope_show_text(struct stir_buf *out, const unsigned char *text, size_t n)
{
    if (n > SIGNER_MAX) {
        for (n = SIGNER_MAX; n > 0 && (text[n] & 0xc0) == 0x80; n--) {
        }
    }
    for (size_t i = 0; i < n; i++) {
        bool c1 = text[i] == 0xc2 && i + 1 < n && text[i + 1] < 0xa0;
        i += c1;
        stir_buf_put(out, c1 || text[i] < 0x20 || text[i] == 0x7f ? "?" : (const char *)&text[i], 1);
    }
}

/* Returns the first SPC of a list; NULL: it has none. */
static const char *scope_first_spc(const struct stir_tnauth *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind == STIR_TNAUTH_SPC) {
            return list->entries[i].value;
        }
    }
    return NULL;
}

void stir_chain_authority(struct stir_buf *out, const struct stir_chain *chain)
{
    const char *spc = scope_first_spc(&chain->tnauth);
    if (spc) {
        stir_buf_printf(out, "spc:%s", spc);
    } else if (chain->tnauth.count) {
        stir_buf_printf(out, "tn:%s", chain->tnauth.entries[0].value);
    }
}

void stir_chain_signer(struct stir_buf *out, const struct stir_chain *chain)
{
    if (scope_first_spc(&chain->tnauth)) {
        stir_chain_authority(out, chain);
        return;
    }
    ERR_clear_error();
    const X509_NAME *subject = X509_get_subject_name(chain->certs[0]);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *utf8 = NULL;
    int len = -1;
    if (at >= 0) {
        len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    }
    if (len > 0) {
        scope_show_text(out, utf8, (size_t)len);
    } else {
        stir_buf_puts(out, stir_x509_name_text(subject).text);
    }
    OPENSSL_free(utf8);
    ERR_clear_error();
}
