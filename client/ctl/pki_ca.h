/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/files.h"

#include <openssl/x509.h>

/* The throwaway CAs of `cpsctl pki`: DIR/NAME.pem and DIR/NAME.key, used again when they are there. */
struct ctl_ca {
    X509 *cert;
    EVP_PKEY *key;
};

/* Takes the CA from dir, or makes it and adds its files; parent NULL makes a root. path_len as in struct
 * stir_cert_spec. Failures are recorded in ctl; ca is to be cleared in any case. */
enum ctl_exit ctl_ca_get(struct ctl *ctl, struct ctl_files *files, struct ctl_ca *ca, const char *name,
                         const char *common_name, const struct ctl_ca *parent, int path_len);
void ctl_ca_clear(struct ctl_ca *ca);

/* Puts a private key's PEM into content. */
enum ctl_exit ctl_put_key(struct ctl *ctl, struct stir_buf *content, const EVP_PKEY *key);

/* Where certificates' validity begins and ends: --from and --days; CAs live longer. */
int64_t ctl_pki_begin(const struct ctl *ctl);
int64_t ctl_pki_end(const struct ctl *ctl);
