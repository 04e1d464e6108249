/* SPDX-License-Identifier: MIT */
#include "common/cert/trust_list.h"

#include "common/cert/pem.h"
#include "common/cert/x509.h"
#include "common/cert/x5u.h"
#include "common/jose/json.h"
#include "common/jose/jws.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stir_trust_list_clear(struct stir_trust_list *list)
{
    free(list->roots);
    *list = (struct stir_trust_list){0};
}

static struct stir_view trust_list_trim(struct stir_view text)
{
    while (text.len && strchr(" \t\r\n", text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* ---- the signer ---- */

static enum stir_code trust_list_push_cert(STACK_OF(X509) * certs, struct stir_view der, struct stir_error *err)
{
    X509 *cert = NULL;
    enum stir_code code = stir_x509_parse(&cert, der.ptr, der.len, err);
    if (code == STIR_OK && sk_X509_push(certs, cert) <= 0) {
        X509_free(cert);
        code = stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    return code;
}

/* Adds the readable certificates of a text; the rest of the text may be damaged. */
static enum stir_code trust_list_collect(STACK_OF(X509) * certs, struct stir_view text, struct stir_error *err)
{
    struct stir_pem pem = stir_pem(text.ptr, text.len, "CERTIFICATE");
    struct stir_buf der = {0};
    enum stir_code code = STIR_OK;
    if (text.len && (uint8_t)text.ptr[0] == V_ASN1_SEQUENCE + V_ASN1_CONSTRUCTED) {
        return trust_list_push_cert(certs, text, err);
    }
    while (code != STIR_E_NOMEM && (code = stir_pem_next(&pem, &der, err)) != STIR_E_NOT_FOUND) {
        if (code == STIR_OK && sk_X509_num(certs) < 2 * STIR_TRUST_LIST_ROOTS) {
            code = trust_list_push_cert(certs, stir_view(der.ptr, der.len), err);
        }
        if (code == STIR_E_TOO_BIG || code == STIR_E_KEY) {
            break;
        }
    }
    stir_buf_free(&der);
    return code == STIR_E_NOMEM ? code : STIR_OK;
}

/* Returns the certificate whose key verifies the signature, or NULL. */
static X509 *trust_list_signer_of(const struct stir_jws *jws, STACK_OF(X509) * certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);
        EVP_PKEY *key = X509_get0_pubkey(cert);
        if (key && stir_x509_key_is(key, "P-256") && stir_jws_verify(jws, key, NULL) == STIR_OK) {
            return cert;
        }
    }
    return NULL;
}

static enum stir_code trust_list_read_x5u(char out[STIR_TRUST_LIST_X5U], const struct stir_jws *jws,
                                          struct stir_error *err)
{
    const char *url = json_string_value(json_object_get(jws->header, "x5u"));
    size_t n = url ? strnlen(url, STIR_TRUST_LIST_X5U) : STIR_TRUST_LIST_X5U;
    if (n == STIR_TRUST_LIST_X5U || !stir_x5u_is_https(url)) {
        return stir_fail(err, STIR_E_X5U, "the list does not name an https URL for its signer's certificate (x5u)");
    }
    memcpy(out, url, n + 1);
    return stir_fail(err, STIR_E_X5U_FETCH, "the certificate of the list's signer was not fetched yet");
}

static enum stir_code trust_list_check_signer(char x5u[STIR_TRUST_LIST_X5U], const struct stir_jws *jws,
                                              const struct stir_trust_list_spec *spec, struct stir_error *err)
{
    struct stir_trust *anchors = NULL;
    STACK_OF(X509) *certs = sk_X509_new_null();
    enum stir_code code = certs ? stir_trust_new(&anchors, spec->signer_roots.ptr, spec->signer_roots.len, err)
                                : stir_fail(err, STIR_E_NOMEM, "out of memory");
    code = code == STIR_OK ? trust_list_collect(certs, spec->signer_roots, err) : code;
    code = code == STIR_OK ? trust_list_collect(certs, spec->x5u_certs, err) : code;
    if (code == STIR_OK) {
        /* The certificate counts only if the signature verifies with its key and it leads to one of signer_roots. */
        X509 *signer = trust_list_signer_of(jws, certs);
        if (signer) {
            code = stir_trust_verify_signer(anchors, signer, certs, spec->now, err);
            code = code == STIR_OK ? code : stir_fail_prefix(err, code, "the list's signer");
        } else if (spec->x5u_certs.len) {
            code = stir_fail(err, STIR_E_SIGNATURE,
                             "the list is not signed with the certificate that its x5u names, nor with one of "
                             "list_signer_roots");
        } else {
            code = trust_list_read_x5u(x5u, jws, err);
        }
    }
    sk_X509_pop_free(certs, X509_free);
    stir_trust_unref(anchors);
    ERR_clear_error();
    return code;
}

/* ---- the payload ---- */

static void trust_list_warn_item(const struct stir_trust_list_spec *spec, size_t index)
{
    char text[96];
    if (spec->warn && spec->warn->say) {
        (void)snprintf(text, sizeof(text), "trustList[%zu] is skipped: it is not a PEM certificate", index);
        spec->warn->say(spec->warn->arg, text);
    }
}

static enum stir_code trust_list_read_roots(struct stir_buf *out, const json_t *list,
                                            const struct stir_trust_list_spec *spec, struct stir_error *err)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0) {
        return stir_fail(err, STIR_E_JSON, "trustList is not an array of certificates");
    }
    if (count > STIR_TRUST_LIST_ROOTS) {
        return stir_fail(err, STIR_E_TOO_BIG, "trustList has more than %d certificates", STIR_TRUST_LIST_ROOTS);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = json_string_value(item);
        if (text && strstr(text, "-----BEGIN CERTIFICATE-----")) {
            stir_buf_put(out, text, json_string_length(item));
            stir_buf_puts(out, "\n");
        } else {
            trust_list_warn_item(spec, i);
        }
    }
    enum stir_code code = stir_buf_state(out);
    return code == STIR_OK ? code : stir_fail(err, code, "trustList");
}

static enum stir_code trust_list_check_payload(struct stir_trust_list *list, const struct stir_jws *jws,
                                               const struct stir_trust_list_spec *spec, struct stir_error *err)
{
    enum stir_code code = stir_json_int(&list->sequence, jws->payload, "sequence", err);
    if (code != STIR_OK) {
        return code;
    }
    if (list->sequence < 0 || !stir_json_time(json_object_get(jws->payload, "exp"), true, &list->exp)) {
        return stir_fail(err, STIR_E_JSON, "sequence or exp is not a number in the range of such a list");
    }
    if (list->sequence < spec->least_sequence) {
        return stir_fail(err, STIR_E_REPLAYED,
                         "the list is old: its sequence %lld is below %lld, that of the list in use",
                         (long long)list->sequence, (long long)spec->least_sequence);
    }
    if (spec->now - spec->grace_s > list->exp) {
        return stir_fail(err, STIR_E_STALE, "the list has expired, more than list_grace_s ago");
    }
    return STIR_OK;
}

enum stir_code stir_trust_list_read(struct stir_trust_list *out, char x5u[STIR_TRUST_LIST_X5U],
                                    const struct stir_trust_list_spec *spec, struct stir_error *err)
{
    struct stir_view text = trust_list_trim(spec->text);
    struct stir_trust_list list = {0};
    struct stir_jws jws;
    struct stir_buf roots = {.limit = STIR_TRUST_LIST_OCTETS};
    enum stir_code code = stir_jws_parse_max(&jws, text.ptr ? text.ptr : "", text.len, STIR_TRUST_LIST_OCTETS, err);
    if (code != STIR_OK) {
        return code;
    }
    /* Nothing of the payload is read before the signature and the signer's certificate are verified. */
    code = trust_list_check_signer(x5u, &jws, spec, err);
    code = code == STIR_OK ? trust_list_check_payload(&list, &jws, spec, err) : code;
    code = code == STIR_OK ? trust_list_read_roots(&roots, json_object_get(jws.payload, "trustList"), spec, err) : code;
    stir_jws_clear(&jws);
    if (code == STIR_OK) {
        list.roots = roots.len ? stir_buf_steal(&roots, &list.roots_len) : NULL;
        code = list.roots ? STIR_OK : stir_fail(err, STIR_E_CERT, "trustList has no PEM certificate");
    }
    stir_buf_free(&roots);
    if (code == STIR_OK) {
        *out = list;
    }
    return code;
}
