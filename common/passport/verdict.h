/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

/*
 * The result of verifying one message: one closed list for libcps, cpsctl, the sidecar, logs and metrics, with the SIP
 * code of RFC 8224 section 6.2.2 (0: it has none). Ordered by how far the steps of RFC 8816 section 8.2 were taken: of
 * several PASSporTs that match a message, the smallest value is the verdict.
 *
 * X(value, text, sip)
 */
#define STIR_VERDICT_LIST(X)                                                                                           \
    X(STIR_PASSED, "passed", 0)                                                                                        \
    X(STIR_REPLAYED, "replayed", 0)                                                                                    \
    X(STIR_MSGI_MISMATCH, "msgi-mismatch", 438)                                                                        \
    X(STIR_DEST_MISMATCH, "dest-mismatch", 438)                                                                        \
    X(STIR_BAD_SIGNATURE, "bad-signature", 438)                                                                        \
    X(STIR_STALE, "stale", 403)                                                                                        \
    X(STIR_NOT_AUTHORIZED, "not-authorized", 437)                                                                      \
    X(STIR_CERTIFICATE_UNREACHABLE, "certificate-unreachable", 436)                                                    \
    X(STIR_UNTRUSTED_CERTIFICATE, "untrusted-certificate", 437)                                                        \
    X(STIR_BAD_CERTIFICATE, "bad-certificate", 437)                                                                    \
    X(STIR_ORIG_MISMATCH, "orig-mismatch", 438)                                                                        \
    X(STIR_UNSUPPORTED, "unsupported", 428)                                                                            \
    X(STIR_MALFORMED, "malformed", 438)                                                                                \
    X(STIR_NO_PASSPORT, "no-passport", 428)                                                                            \
    X(STIR_TIMEOUT, "timeout", 0)                                                                                      \
    X(STIR_CPS_UNAVAILABLE, "cps-unavailable", 0)

enum stir_verdict {
#define STIR_VERDICT_ENUM(value, text, sip) value,
    STIR_VERDICT_LIST(STIR_VERDICT_ENUM)
#undef STIR_VERDICT_ENUM
        STIR_VERDICT_COUNT
};

/* The verdict's name as printed everywhere; never NULL. */
const char *stir_verdict_name(enum stir_verdict verdict);

/* The SIP response code, 0 if the RFCs name none. */
int stir_verdict_sip(enum stir_verdict verdict);

/* Maps a cause to a verdict. Total: every code has one (a cause that does not concern the PASSporT, such as
 * STIR_E_NOMEM, is cps-unavailable). */
enum stir_verdict stir_verdict_of(enum stir_code code);
