#include "common/cert.h"

#include "common/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#define SIGNER_MAX 128 /* octets of a common name that are shown */

static struct stir_view name_text(const ASN1_IA5STRING *name)
{
    return stir_view((const char *)ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
}

/* The host of a canonical SIP-like URI: behind the user, before port, parameters and headers. */
static struct stir_view uri_host(const char *uri)
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

static bool name_covers(const GENERAL_NAME *name, const struct stir_identity *id)
{
    if (name->type == GEN_URI) {
        struct stir_view text = name_text(name->d.uniformResourceIdentifier);
        struct stir_identity theirs;
        return text.len > 0 && stir_identity_parse(&theirs, text.ptr, text.len, NULL, NULL) == STIR_OK &&
               stir_identity_equal(&theirs, id);
    }
    if (name->type == GEN_DNS) {
        struct stir_view text = name_text(name->d.dNSName);
        struct stir_view host = uri_host(id->text);
        return text.len > 0 && text.len == host.len && strncasecmp(text.ptr, host.ptr, host.len) == 0;
    }
    return false;
}

static bool alt_names_cover(const X509 *leaf, const struct stir_identity *id)
{
    ERR_clear_error();
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool covers = false;
    for (int i = 0; !covers && i < sk_GENERAL_NAME_num(names); i++) {
        covers = name_covers(sk_GENERAL_NAME_value(names, i), id);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return covers;
}

enum stir_code stir_chain_covers(const struct stir_chain *chain, const struct stir_identity *id, bool allow_spc,
                                 bool *by_spc, struct stir_error *err)
{
    bool covers = false;
    bool spc = false;
    if (id->kind == STIR_IDENTITY_URI) {
        covers = alt_names_cover(chain->certs[0], id);
    } else if (stir_tnauth_has_tn(&chain->tnauth, id->text)) {
        covers = true;
    } else if (allow_spc && stir_tnauth_any_spc(&chain->tnauth)) {
        covers = spc = true;
    }
    if (!covers) {
        return stir_fail(err, STIR_E_CERT_SCOPE, "%s: %s", stir_x509_subject(chain->certs[0]).text,
                         id->kind == STIR_IDENTITY_URI ? "no subjectAltName is the URI or its host"
                                                       : "the number is not in its TNAuthList");
    }
    if (by_spc) {
        *by_spc = spc;
    }
    return STIR_OK;
}

/* Appends UTF-8 for a terminal or a log: controls (C0, DEL, C1) become '?', too long is cut between characters. */
static void text_show(struct stir_buf *out, const unsigned char *text, size_t n)
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

/* NULL: the list names none. */
static const char *first_spc(const struct stir_tnauth *list)
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
    const char *spc = first_spc(&chain->tnauth);
    if (spc) {
        stir_buf_printf(out, "spc:%s", spc);
    } else if (chain->tnauth.count) {
        stir_buf_printf(out, "tn:%s", chain->tnauth.entries[0].value);
    }
}

void stir_chain_signer(struct stir_buf *out, const struct stir_chain *chain)
{
    if (first_spc(&chain->tnauth)) {
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
        text_show(out, utf8, (size_t)len);
    } else {
        stir_buf_puts(out, stir_x509_name_text(subject).text);
    }
    OPENSSL_free(utf8);
    ERR_clear_error();
}
