/* SPDX-License-Identifier: MIT */
#include "common/net/tls_policy.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#define CLASSIC "X25519:P-256:P-384"

const char *stir_tls_groups(void)
{
    (void)ERR_set_mark();
    EVP_KEYMGMT *hybrid = EVP_KEYMGMT_fetch(NULL, "X25519MLKEM768", NULL);
    const char *groups = hybrid ? "X25519MLKEM768:" CLASSIC : CLASSIC;
    EVP_KEYMGMT_free(hybrid);
    (void)ERR_pop_to_mark();
    return groups;
}
