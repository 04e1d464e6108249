/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/cert/tnauthlist.h"
#include "common/jose/jws.h"
#include "common/number/identity.h"
#include "common/passport/msgi.h"

/*
 * Bearer tokens, as ATIS-1000096 and ATIS-1000105 have them: a JWS by a STIR certificate that says who asks for what of
 * which CPS, good for one request within a minute. Made by libcps, checked by cpsd. Thread-safe.
 *
 * Header: alg (ES256), x5u or x5c, typ "JWT" or none. Claims: iss, one or both of sub and spc (all of them names from
 * the certificate's TNAuthList, an SPC as a rule), aud (the CPS's host name), action, orig, dest, jti, iat, exp, and
 * for what has a body `passports`: its digest.
 */
#define STIR_TOKEN_JTI_MAX 255 /* octets */
#define STIR_TOKEN_UUID 37     /* characters of a UUID and a NUL */

enum stir_token_action {
    STIR_TOKEN_PUBLISH,
    STIR_TOKEN_RETRIEVE,
    STIR_TOKEN_REPUBLISH,
    STIR_TOKEN_DELETE, /* beyond ATIS: DELETE of an envelope */
    STIR_TOKEN_KEYS,   /* beyond ATIS: PUT of a key record */
    STIR_TOKEN_REPORT, /* beyond ATIS: a report of a bogus envelope */
    STIR_TOKEN_ACTIONS,
};

/* "publish", "retrieve", "republish", "delete", "keys", "report"; NULL-terminated, for options and documentation. */
extern const char *const stir_token_actions[];

/* The content of a token to make. Borrowed pointers, read only during the call. */
struct stir_token_spec {
    const char *iss; /* the SPC (or number) that the certificate names */
    const char *sub; /* NULL: no such claim; ATIS-1000096 has it, with the SPC */
    const char *spc; /* NULL: no such claim; ATIS-1000105 has it, with the SPC */
    const char *aud; /* the CPS's host name */
    enum stir_token_action action;
    const struct stir_identity *orig; /* NULL: none */
    const struct stir_identity *dest; /* NULL: none, as for the keys of an SPC */
    const char *jti;                  /* NULL: a new UUID */
    int64_t iat;                      /* seconds since the epoch */
    int64_t exp;                      /* 0: none */
    const char *passports;            /* NULL: no body; the claim, see stir_token_digest_* */
    const char *x5u;                  /* the certificate chain's URL; or NULL and */
    const struct stir_view *x5c;      /* its DER certificates, leaf first */
    size_t x5c_count;
};

/* Appends the signed token, the text that follows "Bearer ". STIR_E_INVAL names the member, STIR_E_KEY unless key is
 * a P-256 private key, STIR_E_TOO_BIG, STIR_E_CRYPTO. */
enum stir_code stir_token_make(struct stir_buf *out, const struct stir_token_spec *spec, EVP_PKEY *key,
                               struct stir_error *err) STIR_MUST_CHECK;

/* Writes a new random UUID (RFC 9562 section 5.4). STIR_E_CRYPTO. */
enum stir_code stir_token_uuid(char out[STIR_TOKEN_UUID], struct stir_error *err) STIR_MUST_CHECK;

/*
 * The `passports` claim. _array: "sha256-" and base64 of the SHA-256 of the canonical (RFC 8785) text of the body's
 * `passports` array: what deployed servers demand. _envelope: the same of the array that has one envelope in it, for a
 * body that is that envelope. _body: base64url of the SHA-256 of the whole body, for every other body; a JSON object is
 * given in its canonical form (draft-wendt-stir-vesper-oob). out is NUL-terminated. STIR_E_CRYPTO, STIR_E_NOMEM.
 */
#define STIR_TOKEN_DIGEST STIR_MSGI_MAX
enum stir_code stir_token_digest_array(char out[STIR_TOKEN_DIGEST], struct stir_view canonical,
                                       struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_token_digest_envelope(char out[STIR_TOKEN_DIGEST], struct stir_view envelope,
                                          struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_token_digest_body(char out[STIR_TOKEN_DIGEST], struct stir_view body,
                                      struct stir_error *err) STIR_MUST_CHECK;

/* A token that was read: nothing of it is verified. Pointers are into jws; jws has a view into the caller's text. */
struct stir_token {
    struct stir_jws jws;
    enum stir_token_action action;
    const char *iss;
    const char *sub, *spc; /* NULL where the token has none */
    const char *jti;
    const char *passports; /* NULL where the token has none */
    const char *x5u;       /* exactly one of x5u and x5c is set */
    const json_t *x5c;
    int64_t iat;      /* a fraction of a second is cut off iat and nbf, and exp is rounded up */
    int64_t exp, nbf; /* -1 where the token has none */
    struct stir_identity orig, dest;
    bool has_orig, has_dest;
};

/*
 * Reads a token: what stir_jws_parse demands; typ "JWT" if there is one; one of x5u and x5c; the claims' types; of dest
 * exactly one. orig and dest are {"tn": ..} or {"uri": ..}, a string or an array of one, canonical as those
 * of a path: separators and '+' are dropped. max_digits: the longest TN; 0 means 15. STIR_E_JWS and what stir_jws_parse
 * returns; err has no claim's content. *out is cleared with stir_token_clear; untouched on failure.
 */
enum stir_code stir_token_parse(struct stir_token *out, const char *text, size_t n, unsigned max_digits,
                                struct stir_error *err) STIR_MUST_CHECK;
void stir_token_clear(struct stir_token *token); /* fine for a zeroed one */

/* The demands of a request on its token. */
struct stir_token_expect {
    int64_t now;            /* seconds since the epoch */
    int64_t max_age_s;      /* since iat */
    int64_t skew_s;         /* allowed difference between clocks */
    const char *const *aud; /* names of this CPS: one has to be the token's aud, or in it */
    size_t aud_count;       /* 0: any */
    enum stir_token_action action;
    const struct stir_identity *orig; /* of the path; NULL: the path has none, then the token may have one */
    const struct stir_identity *dest; /* of the path; NULL: as orig */
    const char *spc;                  /* of the path; NULL: it has none */
    bool has_body;                    /* the token's `passports` has to fit one of these: */
    struct stir_view body;            /* the whole body */
    struct stir_view passports;       /* canonical text of its `passports` array; len 0: there is none */
};

/*
 * Checks the claims, cheap ones first. STIR_E_UNAUTHORIZED (aud), STIR_E_FORBIDDEN (action, or the path's SPC is not
 * the token's), STIR_E_STALE (iat too old, or exp has passed), STIR_E_FUTURE (iat or nbf), STIR_E_ORIG_MISMATCH,
 * STIR_E_DEST_MISMATCH, STIR_E_MSGI_MISMATCH (passports is missing or fits not), STIR_E_NOMEM. err is for the problem's
 * detail and has no number in it.
 */
enum stir_code stir_token_check(const struct stir_token *token, const struct stir_token_expect *expect,
                                struct stir_error *err) STIR_MUST_CHECK;

/* The last of stir_token_check by itself: `passports` is the digest of this body, in one of three forms: of the
 * `passports` array (canonical: its RFC 8785 text, len 0 if the body has none), of the body as it was sent, or of the
 * RFC 8785 form of a body that is a JSON object. STIR_E_MSGI_MISMATCH, STIR_E_NOMEM, STIR_E_CRYPTO. */
enum stir_code stir_token_check_body(const struct stir_token *token, struct stir_view body, struct stir_view canonical,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* True if `passports` is in the form that needs the canonical array. */
bool stir_token_wants_array(const struct stir_token *token);

/* iss, and sub and spc where they are, are named by the certificate's TNAuthList: as SPC, iss and sub also as number
 * that it covers. STIR_E_CERT_SCOPE. */
enum stir_code stir_token_check_scope(const struct stir_token *token, const struct stir_tnauth *list,
                                      struct stir_error *err) STIR_MUST_CHECK;

/* The name that the token acts as: spc, else sub, else iss. */
const char *stir_token_provider(const struct stir_token *token);

/* STIR_E_KEY, STIR_E_SIGNATURE. */
enum stir_code stir_token_verify_signature(const struct stir_token *token, EVP_PKEY *key,
                                           struct stir_error *err) STIR_MUST_CHECK;

/* The same with the key of a certificate chain: stir_chain.verifier. STIR_E_SIGNATURE, STIR_E_CRYPTO. */
enum stir_code stir_token_verify_ready(const struct stir_token *token, const EVP_PKEY_CTX *verifier,
                                       struct stir_error *err) STIR_MUST_CHECK;

/* What a token is known by, so that it is used once: the first 16 octets of SHA-256 over iss and jti, so that nobody
 * can use up another's. STIR_E_CRYPTO. */
#define STIR_TOKEN_ID 16
enum stir_code stir_token_id(uint8_t out[STIR_TOKEN_ID], const struct stir_token *token,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Milliseconds from `now` on in which this token could still be accepted somewhere: how long its id is remembered. 1 at
 * least. */
int64_t stir_token_window_ms(const struct stir_token *token, int64_t now, int64_t max_age_s, int64_t skew_s);
