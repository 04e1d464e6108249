/* SPDX-License-Identifier: MIT */
/* The engine interface is deprecated since OpenSSL 3.0 and still the only way to a token on Debian 12. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/jose/key_engine.h"

#include <openssl/engine.h>
#include <openssl/err.h>

#ifndef OPENSSL_NO_ENGINE

/* Returns the engine, initialized, or NULL. The reference is kept for as long as keys of the engine may live, which is
 * until the process ends. */
static ENGINE *key_engine_acquire(void)
{
    ENGINE *engine = ENGINE_by_id("pkcs11");
    if (engine && ENGINE_init(engine) != 1) {
        ENGINE_free(engine);
        return NULL;
    }
    if (engine) { /* otherwise it writes its own lines to standard error, with the URI and the PIN in it */
        (void)ENGINE_ctrl_cmd(engine, "QUIET", 0, NULL, NULL, 1);
    }
    return engine;
}

enum stir_code stir_key_from_engine(EVP_PKEY **out, const char *uri, bool want_private, struct stir_error *err)
{
    ERR_clear_error();
    ENGINE *engine = key_engine_acquire();
    if (!engine) {
        ERR_clear_error();
        return stir_fail(err, STIR_E_KEY,
                         "OpenSSL has neither a provider nor an engine for pkcs11: keys; install "
                         "libengine-pkcs11-openssl (Debian 12) or pkcs11-provider (Debian 13)");
    }
    EVP_PKEY *key = want_private ? ENGINE_load_private_key(engine, uri, NULL, NULL)
                                 : ENGINE_load_public_key(engine, uri, NULL, NULL);
    if (!key) {
        ENGINE_finish(engine);
        ENGINE_free(engine);
        ERR_clear_error();
        return stir_fail(err, STIR_E_KEY,
                         "cannot load the key from the token; check token, object and PIN (pin-value or pin-source) of "
                         "the pkcs11: URI, with \"pkcs11-tool --list-objects --login\"");
    }
    ERR_clear_error();
    *out = key;
    return STIR_OK;
}

#else

enum stir_code stir_key_from_engine(EVP_PKEY **out, const char *uri, bool want_private, struct stir_error *err)
{
    (void)out;
    (void)uri;
    (void)want_private;
    return stir_fail(err, STIR_E_KEY,
                     "OpenSSL has no provider for pkcs11: keys; install and configure pkcs11-provider");
}

#endif
