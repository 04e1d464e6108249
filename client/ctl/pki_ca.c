/* SPDX-License-Identifier: MIT */
#include "client/ctl/pki_ca.h"

#include "client/ctl/input.h"
#include "common/cert/pem.h"
#include "common/cert/pki.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/jose/key_load.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_S 86400
#define CA_DAYS 3650
#define CERT_FILE_MAX 65536

int64_t ctl_pki_begin(const struct ctl *ctl)
{
    /* Begin a day early, because clocks differ. */
    return ctl->args.from ? ctl->args.from : (int64_t)time(NULL) - DAY_S;
}

int64_t ctl_pki_end(const struct ctl *ctl)
{
    int64_t begin = ctl->args.from ? ctl->args.from : (int64_t)time(NULL);
    return begin + ctl->args.days * DAY_S;
}

enum ctl_exit ctl_put_key(struct ctl *ctl, struct stir_buf *content, const EVP_PKEY *key)
{
    char *pem = NULL;
    struct stir_error err = {0};
    if (stir_key_to_pem(&pem, key, true, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    stir_buf_puts(content, pem);
    OPENSSL_cleanse(pem, strlen(pem));
    free(pem);
    return CTL_GOOD;
}

static enum ctl_exit ca_decode_cert(struct ctl *ctl, X509 **out, const struct stir_buf *file, const char *path)
{
    struct stir_buf der = {0};
    struct stir_error err = {0};
    struct stir_pem pem = stir_pem(file->ptr ? file->ptr : "", file->len, "CERTIFICATE");
    if (stir_pem_next(&pem, &der, &err) == STIR_OK) {
        const unsigned char *at = (const unsigned char *)der.ptr;
        *out = d2i_X509(NULL, &at, (long)der.len);
    }
    ERR_clear_error();
    stir_buf_free(&der);
    return *out ? CTL_GOOD
                : ctl_fail_text(ctl, CTL_WRONG, "CPS_E_CERT", "%s: contains no certificate in PEM format", path);
}

static enum ctl_exit ca_read_cert(struct ctl *ctl, X509 **out, const char *path)
{
    struct stir_buf file = {0};
    enum ctl_exit status = ctl_file_read(ctl, &file, path, CERT_FILE_MAX);
    if (status == CTL_GOOD) {
        status = ca_decode_cert(ctl, out, &file, path);
    }
    stir_buf_free(&file);
    return status;
}

static enum ctl_exit ca_load(struct ctl *ctl, struct ctl_ca *ca, const char *cert_path, const char *key_path)
{
    struct stir_error err = {0};
    enum ctl_exit status = ca_read_cert(ctl, &ca->cert, cert_path);
    if (status != CTL_GOOD) {
        return status;
    }
    if (stir_key_load(&ca->key, key_path, true, STIR_KEY_SIGN, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    if (!stir_key_same_public(ca->key, X509_get0_pubkey(ca->cert))) {
        return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_KEY",
                             "%s: is not the key of the certificate %s; delete both files to make a new CA", key_path,
                             cert_path);
    }
    return CTL_GOOD;
}

static enum ctl_exit ca_put_files(struct ctl *ctl, struct ctl_files *files, const struct ctl_ca *ca, const char *name)
{
    char cert_name[64];
    char key_name[64];
    struct stir_error err = {0};
    (void)snprintf(cert_name, sizeof(cert_name), "%s.pem", name);
    (void)snprintf(key_name, sizeof(key_name), "%s.key", name);
    struct stir_buf *content = ctl_files_add(ctl, files, ctl->args.out, cert_name, 0644);
    if (!content) {
        return CTL_WRONG;
    }
    if (stir_cert_to_pem(content, ca->cert, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    content = ctl_files_add(ctl, files, ctl->args.out, key_name, 0600);
    return content ? ctl_put_key(ctl, content, ca->key) : CTL_WRONG;
}

static enum ctl_exit ca_make(struct ctl *ctl, struct ctl_files *files, struct ctl_ca *ca, const char *name,
                             const char *common_name, const struct ctl_ca *parent, int path_len)
{
    struct stir_error err = {0};
    if (stir_key_generate(&ca->key, STIR_CURVE_P256, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    int64_t begin = ctl_pki_begin(ctl);
    struct stir_cert_spec spec = {
        .common_name = common_name,
        .subject_key = ca->key,
        .issuer = parent ? parent->cert : NULL,
        .issuer_key = parent ? parent->key : NULL,
        .not_before = begin,
        .not_after = begin + (int64_t)CA_DAYS * DAY_S,
        .ca = true,
        .path_len = path_len,
    };
    if (stir_cert_make(&ca->cert, &spec, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    return ca_put_files(ctl, files, ca, name);
}

enum ctl_exit ctl_ca_get(struct ctl *ctl, struct ctl_files *files, struct ctl_ca *ca, const char *name,
                         const char *common_name, const struct ctl_ca *parent, int path_len)
{
    char file_name[64];
    (void)snprintf(file_name, sizeof(file_name), "%s.pem", name);
    char *cert_path = ctl_path(ctl->args.out, file_name);
    (void)snprintf(file_name, sizeof(file_name), "%s.key", name);
    char *key_path = ctl_path(ctl->args.out, file_name);
    enum ctl_exit status;
    if (!cert_path || !key_path) {
        status = ctl_no_memory(ctl);
    } else if (access(cert_path, F_OK) == 0 || access(key_path, F_OK) == 0) {
        status = ca_load(ctl, ca, cert_path, key_path);
    } else {
        status = ca_make(ctl, files, ca, name, common_name, parent, path_len);
    }
    free(cert_path);
    free(key_path);
    return status;
}

void ctl_ca_clear(struct ctl_ca *ca)
{
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    *ca = (struct ctl_ca){0};
}
