/* SPDX-License-Identifier: MIT */
#include "client/lib/context/errors.h"

#include "common/passport/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef cps_fail
#undef cps_fail_stir
#undef cps_fail_prefix

/* The codes that common/ has too, under the same names. */
#define CPS_COMMON_LIST(X)                                                                                             \
    X(OK)                                                                                                              \
    X(E_INVAL)                                                                                                         \
    X(E_NOMEM)                                                                                                         \
    X(E_CRYPTO)                                                                                                        \
    X(E_IO)                                                                                                            \
    X(E_TOO_BIG)                                                                                                       \
    X(E_NOT_FOUND)                                                                                                     \
    X(E_CONFIG)                                                                                                        \
    X(E_USAGE)                                                                                                         \
    X(E_BASE64)                                                                                                        \
    X(E_UTF8)                                                                                                          \
    X(E_JSON)                                                                                                          \
    X(E_TN)                                                                                                            \
    X(E_URI)                                                                                                           \
    X(E_KEY)                                                                                                           \
    X(E_JWS)                                                                                                           \
    X(E_ALG)                                                                                                           \
    X(E_CRIT)                                                                                                          \
    X(E_SIGNATURE)                                                                                                     \
    X(E_JWE)                                                                                                           \
    X(E_DECRYPT)                                                                                                       \
    X(E_PLAINTEXT)                                                                                                     \
    X(E_PASSPORT)                                                                                                      \
    X(E_PPT)                                                                                                           \
    X(E_STALE)                                                                                                         \
    X(E_FUTURE)                                                                                                        \
    X(E_MSGI)                                                                                                          \
    X(E_MSGI_MISMATCH)                                                                                                 \
    X(E_ORIG_MISMATCH)                                                                                                 \
    X(E_DEST_MISMATCH)                                                                                                 \
    X(E_REPLAYED)                                                                                                      \
    X(E_NO_PASSPORT)                                                                                                   \
    X(E_CERT)                                                                                                          \
    X(E_CERT_TIME)                                                                                                     \
    X(E_CERT_UNTRUSTED)                                                                                                \
    X(E_CERT_REVOKED)                                                                                                  \
    X(E_CRL)                                                                                                           \
    X(E_CERT_SCOPE)                                                                                                    \
    X(E_CERT_CONSTRAINT)                                                                                               \
    X(E_X5U)                                                                                                           \
    X(E_X5U_FETCH)                                                                                                     \
    X(E_CONNECT)                                                                                                       \
    X(E_TLS)                                                                                                           \
    X(E_TIMEOUT)                                                                                                       \
    X(E_PROTOCOL)                                                                                                      \
    X(E_REFUSED)                                                                                                       \
    X(E_UNAUTHORIZED)                                                                                                  \
    X(E_FORBIDDEN)                                                                                                     \
    X(E_BOX_FULL)                                                                                                      \
    X(E_UNAVAILABLE)

#define CPS_OWN_LIST(X)                                                                                                \
    X(CPS_E_BUSY, "too many operations are under way")                                                                 \
    X(CPS_E_IN_CALLBACK, "a blocking function was called from a callback")                                             \
    X(CPS_E_CLOSED, "the handle was freed")                                                                            \
    X(CPS_E_REPLAY_FULL, "the replay memory is full")                                                                  \
    X(CPS_E_REPLAY_STORE, "the replay memory's file cannot be used")                                                   \
    X(CPS_E_SPOOL_FULL, "the spool is full")                                                                           \
    X(CPS_E_SPOOL_STORE, "the spool's file cannot be used")                                                            \
    X(CPS_E_OUTSIDE, "the sender is not assigned to the tenant")                                                       \
    X(CPS_E_AWAY, "the CPS is away: earlier requests were not answered")

static const enum cps_code from_stir[] = {
#define CPS_FROM_ROW(name) [STIR_##name] = CPS_##name,
    CPS_COMMON_LIST(CPS_FROM_ROW)
#undef CPS_FROM_ROW
};

static const struct {
    const char *name;
    enum stir_code stir;
    const char *text;
} codes[] = {
#define CPS_COMMON_ROW(code) [CPS_##code] = {"CPS_" #code, STIR_##code, NULL},
#define CPS_OWN_ROW(code, words) [code] = {#code, STIR_E_UNAVAILABLE, words},
    CPS_COMMON_LIST(CPS_COMMON_ROW) CPS_OWN_LIST(CPS_OWN_ROW)
#undef CPS_COMMON_ROW
#undef CPS_OWN_ROW
};

#define CODES (sizeof(codes) / sizeof(codes[0]))

enum cps_code cps_of_stir(enum stir_code code)
{
    return (size_t)code < sizeof(from_stir) / sizeof(from_stir[0]) ? from_stir[code] : CPS_E_CRYPTO;
}

const char *cps_error_name(enum cps_code code)
{
    return (size_t)code < CODES && codes[code].name ? codes[code].name : "unknown";
}

const char *cps_strerror(enum cps_code code)
{
    if ((size_t)code >= CODES || !codes[code].name) {
        return "unknown error";
    }
    return codes[code].text ? codes[code].text : stir_strerror(codes[code].stir);
}

enum cps_verdict cps_verdict_of(enum cps_code code)
{
    bool known = (size_t)code < CODES && codes[code].name;
    return (enum cps_verdict)stir_verdict_of(known ? codes[code].stir : STIR_E_UNAVAILABLE);
}

const char *cps_verdict_name(enum cps_verdict verdict)
{
    return stir_verdict_name((enum stir_verdict)verdict);
}

int cps_verdict_sip(enum cps_verdict verdict)
{
    return stir_verdict_sip((enum stir_verdict)verdict);
}

void cps_tame(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = ' ';
        }
    }
}

enum cps_code cps_fail(struct cps_error *err, enum cps_code code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        *err = (struct cps_error){.code = code};
        (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
        cps_tame(err->text);
    }
    return code;
}

enum cps_code cps_fail_stir(struct cps_error *err, enum stir_code code, const struct stir_error *cause)
{
    bool told = cause && cause->code == code && cause->text[0];
    return cps_fail(err, cps_of_stir(code), "%s", told ? cause->text : stir_strerror(code));
}

enum cps_code cps_fail_prefix(struct cps_error *err, enum cps_code code, const char *fmt, ...)
{
    if (!err) {
        return code;
    }
    char rest[sizeof(err->text)];
    memcpy(rest, err->text, sizeof(rest));
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", rest);
    cps_tame(err->text);
    return err->code;
}
