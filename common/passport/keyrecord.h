/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/view.h"
#include "common/cert/chain.h"
#include "common/cert/tnauthlist.h"
#include "common/cert/trust.h"
#include "common/jose/jws.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Key records: a destination's public encryption keys, and the CPS where it reads, signed by whoever holds the
 * destination. A JWS in compact form (ES256), header {"alg","typ":"cps-keys+jwt"} and either "x5u" or "x5c", claims
 *
 *   iss   an SPC or number of the signing certificate's TNAuthList: who speaks
 *   spc   service provider codes that the record is for; may be missing if tn is there
 *   tn    numbers, "12155551212", and ranges, "12155551000+100" (first number and how many), likewise
 *   keys  public JWKs, 1 to 8 of them P-256 or X25519 and for encrypting, each another key. Others are left out
 *         (RFC 7517 section 5), so that a destination can publish a new kind of key beside the old. Each may have "nbf"
 * and "exp" (seconds since the epoch): it is to be used from nbf on and before exp, and without them as long as the
 * record. To rotate keys, a record lists the old and the new one with times that overlap; a sender encrypts to each key
 * that is current cps   optional: https URL of the CPS where the destination reads; several with commas between, in
 * order of preference iat   when it was issued: of two records the one with the greater iat counts exp   when it ends,
 * at most STIR_KEYRECORD_LIFE_S after iat
 *
 * A reader trusts nobody who hands it out: stir_keyrecord_check and the chain to a trusted root, as of now, decide.
 */
#define STIR_KEYRECORD_MAX 65536 /* octets of the compact form */
#define STIR_KEYRECORD_KEYS 8
#define STIR_KEYRECORD_KEYS_LISTED 32 /* with those that are left out */
#define STIR_KEYRECORD_ENTRIES 1024   /* in spc and tn together */
#define STIR_KEYRECORD_LIFE_S INT64_C(31622400)
#define STIR_KEYRECORD_TYP "cps-keys+jwt"
#define STIR_KEYRECORD_CPS_MAX 2048 /* octets of cps */

struct stir_keyrecord_key {
    EVP_PKEY *pkey;
    char thumbprint[44]; /* RFC 7638 */
    int64_t not_before;  /* INT64_MIN: none */
    int64_t not_after;   /* the first second when it is no longer current; INT64_MAX: none */
};

/* A record that was read. Owned by the caller; all pointers are into it. Immutable, so threads may share it. */
struct stir_keyrecord {
    char *token; /* its own copy, NUL-terminated */
    size_t token_len;
    struct stir_jws jws; /* views into token */
    const char *iss;
    struct stir_tnauth claims; /* spc and tn */
    struct stir_keyrecord_key keys[STIR_KEYRECORD_KEYS];
    size_t key_count;
    const char *cps; /* NULL: not said */
    int64_t iat;
    int64_t exp;
    const char *x5u;                      /* NULL: the chain is in x5c */
    struct stir_view x5c[STIR_CHAIN_MAX]; /* DER, leaf first */
    size_t x5c_count;                     /* 0 with x5u */
    uint8_t *der;                         /* private: what x5c views are into */
};

/*
 * Reads a record: strict on structure, any order of members, unknown ones allowed. Nothing is verified. STIR_E_TOO_BIG,
 * what stir_jws_parse returns; STIR_E_JWS for a header or claim that is missing or not as above, STIR_E_KEY if no key
 * can be used, or one is private or is there twice. *out is freed with stir_keyrecord_free, untouched on failure.
 */
enum stir_code stir_keyrecord_parse(struct stir_keyrecord **out, const char *token, size_t n,
                                    struct stir_error *err) STIR_MUST_CHECK;
void stir_keyrecord_free(struct stir_keyrecord *record); /* NULL is fine */

/* The chain in x5c as a new reference. STIR_E_NOT_FOUND if the record has an x5u, what stir_chain_from_der returns. */
enum stir_code stir_keyrecord_chain(struct stir_chain **out, const struct stir_keyrecord *record,
                                    struct stir_error *err) STIR_MUST_CHECK;

/* All but the chain's standing: issued and not ended (skew_s: how far iat may be ahead), signed by the chain's leaf,
 * and the leaf's TNAuthList covers iss and everything in spc and tn: codes by codes, numbers by numbers and ranges
 * alone, as a code says nothing of which numbers are its provider's. STIR_E_FUTURE, STIR_E_STALE, STIR_E_SIGNATURE,
 * STIR_E_CERT_SCOPE. Thread-safe. */
enum stir_code stir_keyrecord_check(const struct stir_keyrecord *record, const struct stir_chain *chain, int64_t now,
                                    int64_t skew_s, struct stir_error *err) STIR_MUST_CHECK;

/* stir_keyrecord_check, and the chain leads to a trusted root as of now (what stir_trust_verify returns). */
enum stir_code stir_keyrecord_verify(const struct stir_keyrecord *record, const struct stir_chain *chain,
                                     const struct stir_trust *trust, int64_t now, int64_t skew_s,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* True if the record speaks for a number: it is in tn, or spc has the code that the reader's own number table gives it
 * to (spc; NULL: not known). */
bool stir_keyrecord_covers(const struct stir_keyrecord *record, const char *tn, const char *spc);

static inline bool stir_keyrecord_key_current(const struct stir_keyrecord_key *key, int64_t now)
{
    return key->not_before <= now && now < key->not_after;
}

/* What is to be signed. Borrowed, read only during the call. */
struct stir_keyrecord_spec {
    const char *iss; /* NULL: the first entry of claims */
    const struct stir_tnauth *claims;
    const struct stir_keyrecord_key *keys; /* thumbprint is not looked at; times as above */
    size_t key_count;
    const char *cps; /* NULL: none */
    int64_t iat;
    int64_t exp;
    const char *x5u; /* either this, or x5c */
    const struct stir_view *x5c;
    size_t x5c_count;
};

/* Makes a signed record, which stir_keyrecord_parse then reads. *out is NUL-terminated, freed with free(). STIR_E_INVAL
 * or what stir_keyrecord_parse returns, naming the member; STIR_E_KEY, STIR_E_TOO_BIG. */
enum stir_code stir_keyrecord_make(char **out, size_t *out_len, const struct stir_keyrecord_spec *spec, EVP_PKEY *key,
                                   struct stir_error *err) STIR_MUST_CHECK;
