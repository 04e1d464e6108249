/* SPDX-License-Identifier: MIT */
#include "client/ctl/chain.h"

#include "client/ctl/input.h"
#include "common/cert/chain.h"

static enum ctl_exit chain_to_der(struct ctl *ctl, struct ctl_chain *out, const struct stir_chain *chain)
{
    for (size_t i = 0; i < chain->count && i < CPS_CHAIN_MAX; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(chain->certs[i], &der);
        if (len <= 0) {
            return ctl_no_memory(ctl);
        }
        out->certs[out->count++] = stir_view((const char *)der, (size_t)len);
    }
    return CTL_GOOD;
}

enum ctl_exit ctl_chain_read(struct ctl *ctl, struct ctl_chain *out, const char *path)
{
    struct stir_buf file = {0};
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    if (!path) {
        return CTL_GOOD;
    }
    enum ctl_exit status = ctl_file_read(ctl, &file, path, STIR_CHAIN_FILE_OCTETS);
    if (status == CTL_GOOD && (stir_chain_parse(&chain, file.ptr ? file.ptr : "", file.len, &err) != STIR_OK ||
                               stir_chain_check_own(chain, &err) != STIR_OK)) {
        (void)stir_fail_prefix(&err, err.code, "%s", ctl_file_name(path));
        status = ctl_fail(ctl, &err);
    }
    if (status == CTL_GOOD) {
        status = chain_to_der(ctl, out, chain);
    }
    stir_chain_unref(chain);
    stir_buf_cleanse(&file); /* a private key may stand beside the certificates */
    return status;
}

void ctl_chain_clear(struct ctl_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        OPENSSL_free((void *)chain->certs[i].ptr);
    }
    *chain = (struct ctl_chain){0};
}
