/* SPDX-License-Identifier: MIT */
#include "common/passport/verdict.h"

static const struct {
    const char *name;
    int sip;
} verdicts[] = {
#define STIR_VERDICT_ROW(value, text, sip) [value] = {text, sip},
    STIR_VERDICT_LIST(STIR_VERDICT_ROW)
#undef STIR_VERDICT_ROW
};

const char *stir_verdict_name(enum stir_verdict verdict)
{
    return (unsigned)verdict < STIR_VERDICT_COUNT ? verdicts[verdict].name : "unknown";
}

int stir_verdict_sip(enum stir_verdict verdict)
{
    return (unsigned)verdict < STIR_VERDICT_COUNT ? verdicts[verdict].sip : 0;
}

enum stir_verdict stir_verdict_of(enum stir_code code)
{
    switch (code) {
    case STIR_OK:
        return STIR_PASSED;
    case STIR_E_TOO_BIG:
    case STIR_E_BASE64:
    case STIR_E_UTF8:
    case STIR_E_JSON:
    case STIR_E_TN:
    case STIR_E_URI:
    case STIR_E_JWS:
    case STIR_E_ALG:
    case STIR_E_CRIT:
    case STIR_E_JWE:
    case STIR_E_PLAINTEXT:
    case STIR_E_PASSPORT:
    case STIR_E_MSGI:
        return STIR_MALFORMED;
    /* The signature (RFC 8224 section 6.2). */
    case STIR_E_SIGNATURE:
        return STIR_BAD_SIGNATURE;
    case STIR_E_PPT:
        return STIR_UNSUPPORTED;
    /* Freshness (RFC 8224 section 6.2 step 4). */
    case STIR_E_STALE:
    case STIR_E_FUTURE:
        return STIR_STALE;
    case STIR_E_MSGI_MISMATCH:
        return STIR_MSGI_MISMATCH;
    case STIR_E_ORIG_MISMATCH:
        return STIR_ORIG_MISMATCH;
    case STIR_E_DEST_MISMATCH:
        return STIR_DEST_MISMATCH;
    case STIR_E_REPLAYED:
        return STIR_REPLAYED;
    case STIR_E_DECRYPT:
    case STIR_E_NO_PASSPORT:
    case STIR_E_NOT_FOUND:
        return STIR_NO_PASSPORT;
    /* The certificate, and then its authority over the number (RFC 8224 section 6.2). */
    case STIR_E_KEY:
    case STIR_E_CERT:
    case STIR_E_CERT_TIME:
    case STIR_E_CRL:
        return STIR_BAD_CERTIFICATE;
    case STIR_E_CERT_UNTRUSTED:
    case STIR_E_CERT_REVOKED:
        return STIR_UNTRUSTED_CERTIFICATE;
    case STIR_E_CERT_SCOPE:
    case STIR_E_CERT_CONSTRAINT:
        return STIR_NOT_AUTHORIZED;
    case STIR_E_X5U:
    case STIR_E_X5U_FETCH:
        return STIR_CERTIFICATE_UNREACHABLE;
    case STIR_E_TIMEOUT:
        return STIR_TIMEOUT;
    /* These say nothing about the message: the verifier could not do its work. */
    case STIR_E_INVAL:
    case STIR_E_NOMEM:
    case STIR_E_CRYPTO:
    case STIR_E_IO:
    case STIR_E_CONFIG:
    case STIR_E_USAGE:
    case STIR_E_CONNECT:
    case STIR_E_TLS:
    case STIR_E_PROTOCOL:
    case STIR_E_REFUSED:
    case STIR_E_UNAUTHORIZED:
    case STIR_E_FORBIDDEN:
    case STIR_E_BOX_FULL:
    case STIR_E_UNAVAILABLE:
    case STIR_CODE_COUNT:
        break;
    }
    return STIR_CPS_UNAVAILABLE;
}
