/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/verify.h"

#include "client/lib/verify/certcache.h"
#include "client/lib/verify/trust.h"
#include "client/lib/verify/used_passports.h"
#include "common/cert/claim_constraints.h"

#include <stdlib.h>
#include <string.h>

void cps_proof_clear(struct cps_proof *proof)
{
    cps_chain_unref(proof->chain);
    cps_chain_unref(proof->tried);
    free(proof->text);
    free(proof->x5c_text);
    memset(proof, 0, sizeof(*proof)); /* clang's analyzer understands this, but not an assignment of {0} */
}

void cps_result_set(struct cps_result *out, enum cps_code code, const struct cps_error *err)
{
    if (err && err->code == code) {
        out->error = *err;
    } else {
        (void)cps_fail(&out->error, code, "%s", cps_strerror(code));
    }
    if (code == CPS_OK) {
        out->error = (struct cps_error){0};
    }
    out->verdict = cps_verdict_of(code);
}

/* Returns the attestation level "A", "B" or "C" (RFC 8588 section 4); NULL for anything else in the claim. */
static const char *verify_attestation(const struct stir_passport *passport)
{
    const char *attest = passport->attest;
    return attest && strlen(attest) == 1 && strchr("ABC", *attest) ? attest : NULL;
}

static void verify_show_type(struct cps_result *out, const struct stir_passport *passport)
{
    const char *name = passport->ppt == STIR_PPT_NONE ? "baseline" : passport->ppt_name;
    const char *attest = verify_attestation(passport);
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof(out->ppt); n++) {
        out->ppt[n] = (char)(name[n] > 0x20 && name[n] < 0x7f ? name[n] : '?');
    }
    out->ppt[n] = '\0';
    out->attest[0] = attest ? *attest : '\0';
    out->attest[1] = '\0';
}

void cps_result_show(struct cps_result *out, const struct stir_passport *passport)
{
    free(out->passport);
    out->passport = strndup(passport->token, passport->token_len);
    out->passport_len = out->passport ? passport->token_len : 0;
    verify_show_type(out, passport);
}

void cps_result_clear(struct cps_result *result)
{
    free(result->passport);
    *result = CPS_NO_RESULT;
}

static enum cps_code verify_fail_stir(struct cps_error *err, enum stir_code code, const struct stir_error *cause)
{
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, cause);
}

/* Step 2 of RFC 8816 section 8.2. A PASSporT of a call does not vouch for a text (RFC 9475 section 3.2), unless the
 * options accept its type. "shaken" is accepted with full attestation only: with B and C the signer does not know
 * whether the caller may use the number (RFC 8588 section 4). A PASSporT of type "div" is never accepted: its signer
 * has authority over another claim than orig. */
static enum cps_code verify_check_type(const struct cps *cps, const struct stir_passport *passport,
                                       struct cps_error *err)
{
    const char *attest = verify_attestation(passport);
    if (!(cps->accepted_types & 1u << passport->ppt)) {
        return passport->ppt == STIR_PPT_NONE
                   ? cps_fail(err, CPS_E_PPT, "a baseline PASSporT (without ppt) does not vouch for a message")
                   : cps_fail(err, CPS_E_PPT, "a PASSporT of type \"%.32s\" does not vouch for a message",
                              passport->ppt_name);
    }
    if (passport->ppt == STIR_PPT_SHAKEN && (!attest || *attest != 'A')) {
        return cps_fail(
            err, CPS_E_PPT,
            "a \"shaken\" PASSporT with attestation %s does not vouch for its sender: only A does (RFC 8588 section 4)",
            attest ? attest : "of an unknown level");
    }
    return CPS_OK;
}

/* Step 3: orig is the message's sender. */
static enum cps_code verify_check_orig(const struct stir_passport *passport, const struct cps_checked *message,
                                       struct cps_error *err)
{
    if (message && !stir_identity_equal(&passport->orig, &message->orig)) {
        return cps_fail(err, CPS_E_ORIG_MISMATCH, "the PASSporT is from another sender");
    }
    return CPS_OK;
}

/* Step 4, with the chain: trust as of iat, authority over orig (RFC 8226 section 9), claim constraints (section 8). */
static enum cps_code verify_check_credentials(struct cps *cps, const struct stir_passport *passport,
                                              struct cps_chain *chain, struct cps_proof *proof, struct cps_error *err)
{
    const struct stir_authority authority = cps_authority(cps);
    struct stir_error cause = {0};
    enum cps_code code = cps_chain_trusted(chain, cps->trust, passport->iat, err);
    if (code == CPS_E_CERT_TIME) {
        /* A wrong iat does not make the certificate bad: RFC 8224 section 6.2 step 4 checks freshness first. */
        enum stir_code fresh =
            stir_passport_fresh(passport, cps_now(cps), cps->options.max_age_s, cps->options.clock_skew_s, &cause);
        code = fresh == STIR_OK ? code : cps_fail_stir(err, fresh, &cause);
    }
    if (code == CPS_E_CERT_UNTRUSTED && passport->x5c) {
        /* The signer chose this chain itself, so no other one can take its place. */
        err->code = CPS_E_CERT;
        code = cps_fail_prefix(err, CPS_E_CERT, "x5c");
    }
    if (code != CPS_OK) {
        return code;
    }
    proof->chain = cps_chain_ref(chain);
    code = verify_fail_stir(err, stir_chain_covers(chain->chain, &passport->orig, &authority, &proof->by_spc, &cause),
                            &cause);
    if (code != CPS_OK) {
        return code;
    }
    return verify_fail_stir(err, stir_claims_check_cert(chain->chain->certs[0], passport->jws.payload, &cause), &cause);
}

/* Fetches TNAuthLists that are given by URL (RFC 8226 section 10.1). Whether the chain itself is good is checked later,
 * as of iat. */
static enum cps_found verify_complete_chain(struct cps *cps, struct cps_chain **chain, struct cps_task *task,
                                            struct cps_error *err)
{
    enum cps_found found = cps_certcache_complete(cps->certs, chain, task, err);
    if (found != CPS_FOUND) {
        cps_chain_unref(*chain);
        *chain = NULL;
    }
    return found;
}

static enum cps_found verify_find_chain(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c,
                                        struct cps_task *task, struct cps_proof *proof, struct cps_chain **chain,
                                        struct cps_error *err)
{
    if (!cps->trust) {
        (void)cps_fail(err, CPS_E_CONFIG, "no trusted roots are configured (trust_file, list_files, list_urls)");
        return CPS_FOUND_NOT;
    }
    if (passport->x5c) {
        /* RFC 7515 section 4.1.6: the chain in the signed header counts, good or not. */
        return cps_certcache_from_x5c(cps->certs, chain, passport->x5c, err) == CPS_OK
                   ? verify_complete_chain(cps, chain, task, err)
                   : CPS_FOUND_NOT;
    }
    if (x5c && !proof->without_x5c) {
        *chain = cps_chain_ref(x5c);
        return verify_complete_chain(cps, chain, task, err);
    }
    if (!passport->x5u) {
        (void)cps_fail(err, CPS_E_X5U, "the PASSporT names no certificate (x5u, x5c), and its envelope contains none");
        return CPS_FOUND_NOT;
    }
    enum cps_found found = cps_certcache_get(cps->certs, chain, passport->x5u, task, err);
    if (found == CPS_FOUND) {
        proof->tried = cps_chain_ref(*chain);
    }
    return found;
}

static void verify_remember(struct cps_proof *proof, enum cps_proved known, enum cps_code code,
                            const struct cps_error *err)
{
    proof->known = known;
    proof->failed = code;
    if (code != CPS_OK) {
        proof->text = strdup(err->text);
    }
}

/* Step 4: finds the chain and checks the credentials. Remembers only results that do not change with time. Returns
 * false while a certificate is being fetched. */
static bool verify_prove_credentials(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c,
                                     struct cps_task *task, struct cps_proof *proof, enum cps_code *code,
                                     struct cps_error *err)
{
    struct cps_chain *chain = NULL;
    uint64_t generation = cps_trust_generation(cps->trust);
    enum cps_found found = verify_find_chain(cps, passport, x5c, task, proof, &chain, err);
    if (found != CPS_FOUND) {
        *code = err->code;
        return found == CPS_FOUND_NOT;
    }
    *code = verify_check_credentials(cps, passport, chain, proof, err);
    cps_chain_unref(chain);
    if (*code != CPS_E_NOMEM && *code != CPS_E_STALE && *code != CPS_E_FUTURE) {
        verify_remember(proof, CPS_PROVED_CREDENTIALS, *code, err);
        proof->generation = generation;
    } else {
        cps_proof_clear(proof);
    }
    return true;
}

static enum cps_code verify_recall(const struct cps_proof *proof, struct cps_error *err)
{
    if (proof->failed == CPS_OK) {
        return CPS_OK;
    }
    return cps_fail(err, proof->failed, "%s", proof->text ? proof->text : cps_strerror(proof->failed));
}

/* Step 5: freshness as of the message's arrival. The time spent waiting for the PASSporT or its certificate does not
 * make it too old, as long as the replay memory is certain to remember its use. */
static enum stir_code verify_check_fresh(const struct cps *cps, const struct stir_passport *passport,
                                         const struct cps_checked *message, struct stir_error *cause)
{
    const struct cps_options *options = &cps->options;
    int64_t now = cps_now(cps);
    enum stir_code code = stir_passport_fresh(passport, now, options->max_age_s, options->clock_skew_s, cause);
    if (code == STIR_E_STALE && message && message->arrived && message->arrived < now &&
        now <= cps_used_until(cps, passport)) {
        code = stir_passport_fresh(passport, message->arrived, options->max_age_s, options->clock_skew_s, cause);
    }
    return code;
}

/* Steps 5 and 6: freshness, then the signature, which is verified once. */
static enum cps_code verify_check_fresh_and_signed(struct cps *cps, const struct stir_passport *passport,
                                                   const struct cps_checked *message, struct cps_proof *proof,
                                                   struct cps_error *err)
{
    struct stir_error cause = {0};
    enum stir_code fresh = verify_check_fresh(cps, passport, message, &cause);
    if (fresh != STIR_OK) {
        return cps_fail_stir(err, fresh, &cause);
    }
    if (proof->known != CPS_PROVED_SIGNATURE) {
        enum cps_code code =
            verify_fail_stir(err, stir_jws_verify(&passport->jws, proof->chain->chain->key, &cause), &cause);
        if (code == CPS_E_NOMEM || code == CPS_E_CRYPTO) {
            return code;
        }
        verify_remember(proof, CPS_PROVED_SIGNATURE, code, err);
    }
    return verify_recall(proof, err);
}

/* Returns true for faults that another chain may not have. */
static bool verify_is_of_chain(enum cps_code code)
{
    return code == CPS_E_SIGNATURE || code == CPS_E_KEY || (code >= CPS_E_CERT && code <= CPS_E_CERT_CONSTRAINT);
}

/* Finds another chain for a PASSporT that did not verify: after the chain from the envelope that of x5u, which the
 * signature covers; after a cached chain of x5u the one that is there now. With CPS_FOUND the proof is cleared. */
static enum cps_found verify_find_other_chain(struct cps *cps, const struct stir_passport *passport,
                                              struct cps_chain *x5c, struct cps_task *task, struct cps_proof *proof,
                                              enum cps_code *code, struct cps_error *err)
{
    struct cps_error failure = {0};
    enum cps_found found = CPS_FOUND_NOT;
    if (x5c && !proof->without_x5c && passport->x5u && !passport->x5c) {
        cps_proof_clear(proof);
        proof->without_x5c = true;
        proof->x5c_failed = *code;
        proof->x5c_text = strdup(err->text);
        return CPS_FOUND;
    }
    if (proof->tried) {
        found = cps_certcache_renew(cps->certs, proof->tried, passport->x5u, task, &failure);
    }
    if (found == CPS_FOUND) {
        bool without_x5c = proof->without_x5c;
        cps_proof_clear(proof);
        proof->without_x5c = without_x5c;
    } else if (found == CPS_FOUND_NOT && failure.code != CPS_OK) {
        /* the current certificate is not known, so neither is the result */
        *code = cps_fail(err, CPS_E_X5U_FETCH,
                         "not verified with the cached certificate, and the current one could not be fetched: %s",
                         failure.text);
    }
    return found;
}

/* Steps 4 to 6, with each chain there is. Returns false while a certificate is being fetched. */
static bool verify_prove(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c,
                         struct cps_task *task, const struct cps_checked *message, struct cps_proof *proof,
                         enum cps_code *code, struct cps_error *err)
{
    enum cps_found other = CPS_FOUND;
    while (other == CPS_FOUND) {
        *code = CPS_OK;
        if (proof->known == CPS_PROVED_NOTHING &&
            !verify_prove_credentials(cps, passport, x5c, task, proof, code, err)) {
            return false;
        }
        /* Without a chain at x5u the failure of the one from the envelope is the result. */
        if ((*code == CPS_E_X5U || *code == CPS_E_X5U_FETCH) && proof->x5c_failed != CPS_OK) {
            *code = cps_fail(err, proof->x5c_failed, "%s",
                             proof->x5c_text ? proof->x5c_text : cps_strerror(proof->x5c_failed));
            return true;
        }
        if (*code == CPS_OK && proof->known == CPS_PROVED_CREDENTIALS) {
            *code = verify_recall(proof, err);
        }
        if (*code == CPS_OK) {
            *code = verify_check_fresh_and_signed(cps, passport, message, proof, err);
        }
        other = verify_is_of_chain(*code) ? verify_find_other_chain(cps, passport, x5c, task, proof, code, err)
                                          : CPS_FOUND_NOT;
    }
    return other == CPS_FOUND_NOT;
}

/* Returns the name of the message's reading with this digest; NULL if none has it. */
static const char *verify_find_reading(const struct cps_checked *message, const char *msgi)
{
    for (size_t i = 0; i < message->reading_count; i++) {
        for (int alg = STIR_MSGI_SHA256; alg <= STIR_MSGI_SHA512; alg++) {
            if (strcmp(message->readings[i].msgi[alg], msgi) == 0) {
                return message->readings[i].name;
            }
        }
    }
    return NULL;
}

static enum cps_code verify_check_msgi(struct cps *cps, const struct stir_passport *passport,
                                       const struct cps_checked *message, struct cps_result *out, struct cps_error *err)
{
    struct stir_error cause = {0};
    if (!passport->msgi) {
        /* Without msgi a "msg" PASSporT covers sender, destination and time, but would verify any text. */
        return message->body && passport->ppt == STIR_PPT_MSG && !cps->options.msgi_optional
                   ? cps_fail(err, CPS_E_PPT,
                              "the PASSporT has no msgi, so it does not vouch for the message's text (RFC 9475)")
                   : CPS_OK;
    }
    if (!message->body) {
        return cps_fail(err, CPS_E_MSGI_MISMATCH,
                        "the PASSporT is for a message with a body, but this message has none");
    }
    enum stir_code code =
        stir_msgi_check(passport->msgi, strlen(passport->msgi), message->body, message->body_len, &cause);
    const char *reading = code == STIR_E_MSGI_MISMATCH ? verify_find_reading(message, passport->msgi) : NULL;
    if (reading) {
        code = STIR_OK;
        memcpy(out->reading, reading, sizeof(out->reading));
    }
    out->msgi_checked = code == STIR_OK;
    return verify_fail_stir(err, code, &cause);
}

static enum cps_code verify_check_message(struct cps *cps, const struct stir_passport *passport,
                                          const struct cps_checked *message, struct cps_result *out,
                                          struct cps_error *err)
{
    for (size_t i = 0; i < message->dest_count; i++) {
        if (!stir_passport_has_dest(passport, &message->dest[i])) {
            return cps_fail(err, CPS_E_DEST_MISMATCH, "the PASSporT is for another destination");
        }
    }
    return verify_check_msgi(cps, passport, message, out, err);
}

static void verify_put_name(char *out, size_t cap, const struct cps_proof *proof,
                            void (*put)(struct stir_buf *, const struct stir_chain *))
{
    struct stir_buf name = {.limit = cap - 1};
    put(&name, proof->chain->chain);
    if (name.ptr && name.len < cap) {
        memcpy(out, name.ptr, name.len + 1);
        cps_tame(out);
    }
    stir_buf_free(&name);
}

void cps_result_name_signer(struct cps_result *out, const struct cps_proof *proof)
{
    _Static_assert(CPS_AUTHORITY_MAX > STIR_TN_MAX + sizeof("spc:"), "a number fits");
    if (proof->chain) {
        verify_put_name(out->signer, sizeof(out->signer), proof, stir_chain_signer);
        verify_put_name(out->authority, sizeof(out->authority), proof, stir_chain_authority);
        out->by_spc = proof->by_spc;
    }
}

bool cps_verify(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c, struct cps_proof *proof,
                const struct cps_checked *message, struct cps_task *task, struct cps_result *out)
{
    struct cps_error err = {0};
    if (proof->generation && proof->generation != cps_trust_generation(cps->trust)) {
        struct cps_proof outdated = *proof; /* the trust has changed: a new revocation list may name the signer */
        *proof = (struct cps_proof){.known = CPS_PROVED_NOTHING};
        cps_proof_clear(&outdated);
    }
    enum cps_code code = verify_check_type(cps, passport, &err);
    if (code == CPS_OK) {
        code = verify_check_orig(passport, message, &err);
    }
    if (code == CPS_OK && !verify_prove(cps, passport, x5c, task, message, proof, &code, &err)) {
        return false;
    }
    cps_result_name_signer(out, proof);
    if (code == CPS_OK && message) {
        code = verify_check_message(cps, passport, message, out, &err);
    }
    out->iat = passport->iat;
    cps_result_set(out, code, &err);
    return true;
}
