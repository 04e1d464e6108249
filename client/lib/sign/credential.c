/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/credential.h"

#include "client/lib/sign/signer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_OCTETS 32768 /* of a token that contains a chain */

struct cps_credential {
    struct cps_signer *signer; /* x5u NULL: the chain goes into the tokens */
    char *aud;                 /* NULL: the host */
    char iss[STIR_TN_MAX + 1]; /* an SPC, or a number of a certificate that has none */
    bool is_spc;
};

/* ---- opening ---- */

/* Chooses the entry of the TNAuthList to act as: auth_spc, else the first SPC, else the first number. */
static enum cps_code credential_choose_name(struct cps_credential *credential, const char *wanted,
                                            struct cps_error *err)
{
    const struct stir_tnauth *list = &credential->signer->chain->tnauth;
    const struct stir_tnauth_entry *chosen = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct stir_tnauth_entry *entry = &list->entries[i];
        bool spc = entry->kind == STIR_TNAUTH_SPC;
        if (wanted ? spc && stir_spc_equal(entry->value, wanted)
                   : !chosen || (spc && chosen->kind != STIR_TNAUTH_SPC)) {
            chosen = entry;
        }
    }
    if (!chosen) {
        return cps_fail(err, CPS_E_CERT_SCOPE, "auth_spc: the TNAuthList of auth_cert_file does not name this SPC");
    }
    credential->is_spc = chosen->kind == STIR_TNAUTH_SPC;
    memcpy(credential->iss, chosen->value, sizeof(credential->iss));
    return CPS_OK;
}

static enum cps_code credential_check_options(const struct cps_options *options, struct cps_error *err)
{
    bool cert = options->auth_cert_file != NULL;
    if (cert != (options->auth_key_file != NULL)) {
        return cps_fail(err, CPS_E_CONFIG, "auth_cert_file and auth_key_file go together");
    }
    if (!cert && (options->auth_x5u || options->auth_spc || options->auth_audience)) {
        return cps_fail(err, CPS_E_CONFIG, "%s needs auth_cert_file",
                        options->auth_x5u ? "auth_x5u" : (options->auth_spc ? "auth_spc" : "auth_audience"));
    }
    if (!cert && !options->tls_cert_file && (options->holder || options->claim)) {
        return cps_fail(err, CPS_E_CONFIG,
                        "%s needs a credential of the boxes' holder: set auth_cert_file or tls_cert_file",
                        options->holder ? "holder" : "claim");
    }
    return CPS_OK;
}

enum cps_code cps_credential_open(struct cps_credential **out, const struct cps_options *options, struct cps_error *err)
{
    enum cps_code code = credential_check_options(options, err);
    if (code != CPS_OK || !options->auth_cert_file) {
        return code;
    }
    struct cps_credential *credential = calloc(1, sizeof(*credential));
    if (!credential) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    const struct cps_signer_options with = {.size = sizeof(with),
                                            .key = options->auth_key_file,
                                            .chain_file = options->auth_cert_file,
                                            .x5u = options->auth_x5u};
    /* A credential is a signer whose x5u may be missing: the tokens then contain the chain. */
    code = cps_signer_make(&credential->signer, &with, err);
    if (code != CPS_OK) {
        code = cps_fail_prefix(err, code, "auth");
    } else {
        code = credential_choose_name(credential, options->auth_spc, err);
    }
    if (code == CPS_OK && options->auth_audience) {
        credential->aud = strdup(options->auth_audience);
        code = credential->aud ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    if (code != CPS_OK) {
        cps_credential_free(credential);
        return code;
    }
    *out = credential;
    return CPS_OK;
}

void cps_credential_free(struct cps_credential *credential)
{
    if (credential) {
        cps_signer_free(credential->signer);
        free(credential->aud);
        free(credential);
    }
}

const struct cps_signer *cps_credential_signer(const struct cps_credential *credential)
{
    return credential->signer;
}

/* ---- tokens ---- */

/* Refuses to make a token that no CPS would accept, since the reason can be given more clearly here. */
static enum cps_code credential_check_time(const struct cps_signer *signer, int64_t now, struct cps_error *err)
{
    if (now < signer->not_before || now >= signer->chain->not_after) {
        return cps_fail(err, CPS_E_CERT_TIME, "the certificate of our credential for the CPS (auth_cert_file) %s",
                        now < signer->not_before ? "is not yet valid" : "has expired; replace it by a new one");
    }
    return CPS_OK;
}

/* Digests the body of a request; an envelope is digested in the form that ATIS-1000096 gives it, an array. */
static enum stir_code credential_digest_body(char out[STIR_TOKEN_DIGEST], const struct cps_token_for *what,
                                             struct stir_error *err)
{
    if (what->body.len == 0) {
        return STIR_OK;
    }
    return what->action == STIR_TOKEN_PUBLISH ? stir_token_digest_envelope(out, what->body, err)
                                              : stir_token_digest_body(out, what->body, err);
}

enum cps_code cps_credential_make(char **out, const struct cps_credential *credential, const struct cps_token_for *what,
                                  struct cps_error *err)
{
    struct stir_buf text = {.limit = TOKEN_OCTETS};
    struct stir_error cause = {0};
    char digest[STIR_TOKEN_DIGEST];
    if (!credential) {
        *out = NULL;
        return CPS_OK;
    }
    const struct cps_signer *signer = credential->signer;
    const struct stir_token_spec spec = {
        .iss = credential->iss,
        .sub = credential->iss,
        .spc = credential->is_spc ? credential->iss : NULL,
        .aud = credential->aud ? credential->aud : what->host,
        .action = what->action,
        .dest = what->dest,
        .iat = (int64_t)time(NULL), /* the real time, even if options.now gives another one for messages */
        .passports = what->body.len ? digest : NULL,
        .x5u = signer->x5u,
        .x5c = signer->x5u ? NULL : signer->der_views,
        .x5c_count = signer->x5u ? 0 : signer->chain->count,
    };
    enum cps_code checked = credential_check_time(signer, spec.iat, err);
    if (checked != CPS_OK) {
        return checked;
    }
    enum stir_code code = credential_digest_body(digest, what, &cause);
    stir_buf_puts(&text, "Bearer ");
    if (code == STIR_OK) {
        code = stir_token_make(&text, &spec, signer->key, &cause);
    }
    char *made = code == STIR_OK ? stir_buf_steal(&text, NULL) : NULL;
    stir_buf_free(&text);
    if (!made) {
        return code == STIR_OK ? cps_fail(err, CPS_E_NOMEM, "out of memory") : cps_fail_stir(err, code, &cause);
    }
    *out = made;
    return CPS_OK;
}
