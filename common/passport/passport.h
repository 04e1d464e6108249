/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/jose/jws.h"
#include "common/number/identity.h"
#include "common/passport/msgi.h"

#include <stdint.h>

/*
 * PASSporTs (RFC 8225) in full form. Types are rows of one table (passport_parse.c); a type outside it makes a PASSporT
 * unsupported (STIR_E_PPT on use), not malformed.
 */
#define STIR_PASSPORT_MAX 8192 /* octets of the compact form, made and read */
#define STIR_PASSPORT_DESTS                                                                                            \
    255 /* identities in dest: the maximum of an SMPP submit_multi (SMPP 3.4 section 5.2.25)                           \
         */
#define STIR_IAT_MAX ((int64_t)1 << 53) /* beyond it JSON numbers are not exact everywhere */

enum stir_ppt {
    STIR_PPT_NONE,    /* baseline */
    STIR_PPT_MSG,     /* RFC 9475 */
    STIR_PPT_SHAKEN,  /* RFC 8588 */
    STIR_PPT_DIV,     /* RFC 8946 */
    STIR_PPT_DIV_O,   /* RFC 8946 */
    STIR_PPT_UNKNOWN, /* some other type */
};

/* The content of a PASSporT to sign. Borrowed pointers, read only during the call. */
struct stir_passport_spec {
    const char *x5u; /* https URL of the signer's certificate chain */
    const struct stir_identity *orig;
    const struct stir_identity *dest;
    size_t dest_count; /* 1..STIR_PASSPORT_DESTS; tn and uri members are each sorted and made unique */
    int64_t iat;       /* seconds since the epoch */
    const char *msgi;  /* NULL or the claim's text (stir_msgi_make) */
};

/*
 * Makes a signed "msg" PASSporT: header alg, ppt, typ, x5u and claims dest, iat, msgi, orig, serialized as RFC 8225
 * section 9 demands. *out is NUL-terminated, freed with free(). STIR_E_INVAL names the member, STIR_E_KEY,
 * STIR_E_TOO_BIG. Deterministic but for the signature. Thread-safe.
 */
enum stir_code stir_passport_sign(char **out, size_t *out_len, const struct stir_passport_spec *spec, EVP_PKEY *key,
                                  struct stir_error *err) STIR_MUST_CHECK;

/* The two JSON texts that stir_passport_sign signs, appended to the buffers; for tests and for `cpsctl inspect`. */
enum stir_code stir_passport_serialize(struct stir_buf *header, struct stir_buf *claims,
                                       const struct stir_passport_spec *spec, struct stir_error *err) STIR_MUST_CHECK;

/* A PASSporT that was read. Owned by the caller; all pointers are into it. Immutable, so threads may share it. */
struct stir_passport {
    char *token; /* its own copy of the compact form */
    size_t token_len;
    struct stir_jws jws; /* views into token */
    enum stir_ppt ppt;
    const char *ppt_name; /* NULL for baseline */
    const char *x5u;      /* NULL if the header has none */
    const json_t *x5c;    /* NULL if the header has none; not looked into */
    int64_t iat;
    int64_t exp; /* not valid from this second on (RFC 7519 section 4.1.4); 0: the claim is absent */
    int64_t nbf; /* not valid before this second (RFC 7519 section 4.1.5); 0: the claim is absent */
    struct stir_identity orig;
    struct stir_identity *dest;
    size_t dest_count;
    const char *msgi;   /* set for "msg" only: other types' msgi is ignored (RFC 9475 section 3.2) */
    const char *attest; /* "shaken": the attestation level, unchecked (RFC 8588 section 4); NULL for other types and if
                           it is not a string */
};

/*
 * Reads a PASSporT: strict on structure, any key order, unknown claims allowed. `typ` must be passport, x5u an https
 * URL if present; iat an integer in 0..2^53 (RFC 8225 section 9: no fraction, no exponent); exp and nbf, if present,
 * NumericDates (RFC 7519 section 2: fractions are allowed); orig exactly one identity, dest 1..STIR_PASSPORT_DESTS
 * strings; the claims that the type demands are there. A string in dest that is no number or usable URI is left out, as
 * long as another one is readable: it can only be somebody else's. TNs are canonical (RFC 8225 section 5.2.1.1):
 * separators and '+' are dropped, nothing else is changed. max_digits: the longest TN; 0 means 15. Nothing is verified.
 * STIR_E_PASSPORT, STIR_E_X5U (not https) and what stir_jws_parse returns. *out is freed with stir_passport_free,
 * untouched on failure.
 */
enum stir_code stir_passport_parse(struct stir_passport **out, const char *token, size_t n, unsigned max_digits,
                                   struct stir_error *err) STIR_MUST_CHECK;
void stir_passport_free(struct stir_passport *passport);

/* Returns true if the type is one that a verifier here understands. */
bool stir_passport_supported(const struct stir_passport *passport);

/* Returns true if id is one of the destinations. */
bool stir_passport_has_dest(const struct stir_passport *passport, const struct stir_identity *id);

/* Checks freshness (RFC 8224 section 6.2 step 4; RFC 9475 section 3.2): STIR_E_STALE if iat is more than max_age_s
 * before now or if exp has been reached, STIR_E_FUTURE if iat or nbf is more than skew_s after now. All in seconds, no
 * overflow for any iat. */
enum stir_code stir_passport_fresh(const struct stir_passport *passport, int64_t now, int64_t max_age_s, int64_t skew_s,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Writes the identifier by which a replay memory knows the PASSporT: SHA-256 over the signing input and the
 * signature with s normalized. */
enum stir_code stir_passport_replay_id(uint8_t out[32], const struct stir_passport *passport,
                                       struct stir_error *err) STIR_MUST_CHECK;
