/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <openssl/evp.h>
#include <stdbool.h>

/*
 * Keys in a token or HSM (RFC 7512, "pkcs11:..."), through OpenSSL's engine for PKCS#11. Debian 12 has no provider for
 * it, only the engine (libengine-pkcs11-openssl); where a provider is loaded, OSSL_STORE finds the key and this is not
 * called.
 */

/*
 * Loads the key that the URI names; the PIN is in the URI (pin-value or pin-source). *out is freed with EVP_PKEY_free.
 * The engine is loaded at the first call and stays loaded until the process ends. Thread-safe. STIR_E_KEY: the engine
 * is not installed, or the token does not give the key; the text says what to do and does not contain the URI, which
 * may hold a PIN.
 */
enum stir_code stir_key_from_engine(EVP_PKEY **out, const char *uri, bool want_private,
                                    struct stir_error *err) STIR_MUST_CHECK;
