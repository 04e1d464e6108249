/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/attribute.h"

#include <stddef.h>

/*
 * One list of causes for the whole project. A code names what went wrong, not where; `struct stir_error` adds the
 * sentence for a person. Each map from a code exists once: to a verdict (common/passport/verdict.h), to an HTTP status
 * (cps/http/problem.h), to an SMPP command_status (client/sidecar/relay).
 *
 * X(code, text): the text completes "cannot do it: ...".
 */
#define STIR_ERROR_LIST(X)                                                                                             \
    X(STIR_OK, "no error")                                                                                             \
    X(STIR_E_INVAL, "an argument is outside what the function takes")                                                  \
    X(STIR_E_NOMEM, "out of memory")                                                                                   \
    X(STIR_E_CRYPTO, "the cryptographic library failed")                                                               \
    X(STIR_E_IO, "a file could not be read or written")                                                                \
    X(STIR_E_TOO_BIG, "larger than the limit")                                                                         \
    X(STIR_E_NOT_FOUND, "there is no such thing")                                                                      \
    X(STIR_E_CONFIG, "the configuration is wrong")                                                                     \
    X(STIR_E_USAGE, "the command is wrong")                                                                            \
    /* text and encodings */                                                                                           \
    X(STIR_E_BASE64, "not valid base64")                                                                               \
    X(STIR_E_UTF8, "not valid UTF-8")                                                                                  \
    X(STIR_E_JSON, "not valid JSON, or not the JSON that is expected here")                                            \
    X(STIR_E_TN, "not a telephone number")                                                                             \
    X(STIR_E_URI, "not a usable URI")                                                                                  \
    /* keys, signatures, envelopes */                                                                                  \
    X(STIR_E_KEY, "not a usable key")                                                                                  \
    X(STIR_E_JWS, "not a signed token in compact form")                                                                \
    X(STIR_E_ALG, "the algorithm is not one that is accepted")                                                         \
    X(STIR_E_CRIT, "the token demands an extension that is not understood")                                            \
    X(STIR_E_SIGNATURE, "the signature does not verify")                                                               \
    X(STIR_E_JWE, "not an envelope")                                                                                   \
    X(STIR_E_DECRYPT, "the envelope cannot be opened with this key")                                                   \
    X(STIR_E_PLAINTEXT, "the envelope holds something else than a PASSporT")                                           \
    /* PASSporT */                                                                                                     \
    X(STIR_E_PASSPORT, "not a PASSporT")                                                                               \
    X(STIR_E_PPT, "the PASSporT type is not supported")                                                                \
    X(STIR_E_STALE, "the PASSporT is too old")                                                                         \
    X(STIR_E_FUTURE, "the PASSporT was issued in the future")                                                          \
    X(STIR_E_MSGI, "not a message digest")                                                                             \
    X(STIR_E_MSGI_MISMATCH, "the message is not the one that was signed")                                              \
    X(STIR_E_ORIG_MISMATCH, "the PASSporT is from another sender")                                                     \
    X(STIR_E_DEST_MISMATCH, "the PASSporT is for another destination")                                                 \
    X(STIR_E_REPLAYED, "the PASSporT was used before")                                                                 \
    X(STIR_E_NO_PASSPORT, "there is no PASSporT for this message")                                                     \
    /* certificates */                                                                                                 \
    X(STIR_E_CERT, "not a usable STIR certificate")                                                                    \
    X(STIR_E_CERT_TIME, "a certificate is not valid at that time")                                                     \
    X(STIR_E_CERT_UNTRUSTED, "the certificate does not lead to a trusted root")                                        \
    X(STIR_E_CERT_REVOKED, "a certificate is revoked")                                                                 \
    X(STIR_E_CRL, "not a usable revocation list")                                                                      \
    X(STIR_E_CERT_SCOPE, "the certificate does not cover this identity")                                               \
    X(STIR_E_CERT_CONSTRAINT, "the certificate's claim constraints forbid this PASSporT")                              \
    X(STIR_E_X5U, "the certificate URL is not allowed")                                                                \
    X(STIR_E_X5U_FETCH, "the certificate could not be fetched")                                                        \
    /* network and store */                                                                                            \
    X(STIR_E_CONNECT, "could not connect")                                                                             \
    X(STIR_E_TLS, "the TLS connection failed")                                                                         \
    X(STIR_E_TIMEOUT, "no answer in time")                                                                             \
    X(STIR_E_PROTOCOL, "the peer's answer makes no sense")                                                             \
    X(STIR_E_REFUSED, "the peer refused the request")                                                                  \
    X(STIR_E_UNAUTHORIZED, "the credential is missing or not accepted")                                                \
    X(STIR_E_FORBIDDEN, "the caller may not do this")                                                                  \
    X(STIR_E_BOX_FULL, "the destination's box is full")                                                                \
    X(STIR_E_UNAVAILABLE, "the service cannot answer now")

enum stir_code {
#define STIR_ERROR_ENUM(code, text) code,
    STIR_ERROR_LIST(STIR_ERROR_ENUM)
#undef STIR_ERROR_ENUM
        STIR_CODE_COUNT
};

/* A failure in full. Callers put one on the stack ({0}) and pass its address, or NULL if the code is enough. */
struct stir_error {
    enum stir_code code;
    char text[256]; /* one line, without a final stop; names the file, the member, the reason; cut if longer */
};

/* The fixed text of a code; never NULL, also for a number outside the list. */
const char *stir_strerror(enum stir_code code);

/* The code's own name ("STIR_E_JSON"), for tests and JSON output; never NULL. */
const char *stir_error_name(enum stir_code code);

/*
 * Records a failure and returns its code, so that `return stir_fail(err, STIR_E_X, "...")` is one line. `err` may be
 * NULL. The arguments must not hold message text, keys, or numbers of subscribers that a log should not show.
 */
enum stir_code stir_fail(struct stir_error *err, enum stir_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/*
 * As stir_fail, and appends the reason of OpenSSL's newest queued error. Drains the thread's error queue. Functions
 * that call OpenSSL clear the queue before (ERR_clear_error) and leave it empty.
 */
enum stir_code stir_fail_openssl(struct stir_error *err, enum stir_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Puts "prefix: " in front of what err says (a file name, a member) and makes `code` its code; no-op when err is NULL.
 * Returns code. */
enum stir_code stir_fail_prefix(struct stir_error *err, enum stir_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* The analyser looks at one file at a time and would assume that these may return STIR_OK. */
#define STIR_RETURNS_CODE(call, code)                                                                                  \
    ({                                                                                                                 \
        (void)(call);                                                                                                  \
        (code);                                                                                                        \
    })
#define stir_fail(err, code, ...) STIR_RETURNS_CODE(stir_fail(err, code, __VA_ARGS__), code)
#define stir_fail_openssl(err, code, ...) STIR_RETURNS_CODE(stir_fail_openssl(err, code, __VA_ARGS__), code)
#define stir_fail_prefix(err, code, ...) STIR_RETURNS_CODE(stir_fail_prefix(err, code, __VA_ARGS__), code)
#endif
