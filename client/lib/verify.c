#include "client/lib/verify.h"

#include "client/lib/certcache.h"
#include "client/lib/replay.h"
#include "common/claims.h"

#include <stdlib.h>
#include <string.h>

void cps_proof_clear(struct cps_proof *proof)
{
    cps_chain_unref(proof->chain);
    free(proof->text);
    *proof = (struct cps_proof){0};
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

void cps_result_show(struct cps_result *out, const struct stir_passport *passport)
{
    free(out->passport);
    out->passport = strndup(passport->token, passport->token_len);
    out->passport_len = out->passport ? passport->token_len : 0;
}

void cps_result_clear(struct cps_result *result)
{
    free(result->passport);
    *result = CPS_NO_RESULT;
}

static enum cps_code fail_stir(struct cps_error *err, enum stir_code code, const struct stir_error *cause)
{
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, cause);
}

/* Step 2. A diverted call's PASSporT speaks for the diverting party, whose authority is over another claim than orig:
 * it is understood, but nothing that a message can be verified with. */
static enum cps_code check_type(const struct stir_passport *passport, struct cps_error *err)
{
    if (!stir_passport_supported(passport) || passport->ppt == STIR_PPT_DIV || passport->ppt == STIR_PPT_DIV_O) {
        return cps_fail(err, CPS_E_PPT, "a PASSporT of type \"%.32s\" does not verify a message",
                        passport->ppt_name ? passport->ppt_name : "");
    }
    return CPS_OK;
}

/* Step 3. */
static enum cps_code check_orig(const struct stir_passport *passport, const struct cps_checked *message,
                                struct cps_error *err)
{
    if (message && !stir_identity_equal(&passport->orig, &message->orig)) {
        return cps_fail(err, CPS_E_ORIG_MISMATCH, "the PASSporT is from another sender");
    }
    return CPS_OK;
}

/* Step 4, once the chain is there: trust as of the time of signing, authority over orig, claim constraints. */
static enum cps_code check_credentials(struct cps *cps, const struct stir_passport *passport, struct cps_chain *chain,
                                       struct cps_proof *proof, struct cps_error *err)
{
    struct stir_error cause = {0};
    enum cps_code code = cps_chain_trusted(chain, cps->trust, passport->iat, err);
    if (code != CPS_OK) {
        return code;
    }
    proof->chain = cps_chain_ref(chain);
    code =
        fail_stir(err, stir_chain_covers(chain->chain, &passport->orig, cps->options.allow_spc, &proof->by_spc, &cause),
                  &cause);
    if (code != CPS_OK) {
        return code;
    }
    return fail_stir(err, stir_claims_check_cert(chain->chain->certs[0], passport->jws.payload, &cause), &cause);
}

static enum cps_found find_chain(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c,
                                 struct cps_task *task, struct cps_chain **chain, struct cps_error *err)
{
    if (!cps->trust) {
        (void)cps_fail(err, CPS_E_CONFIG, "no trusted roots are configured (trust_file)");
        return CPS_FOUND_NOT;
    }
    if (x5c) {
        *chain = cps_chain_ref(x5c);
        return CPS_FOUND;
    }
    if (!passport->x5u) {
        (void)cps_fail(err, CPS_E_X5U, "the PASSporT names no certificate (x5u), and none came with it");
        return CPS_FOUND_NOT;
    }
    return cps_certcache_get(cps->certs, chain, passport->x5u, task, err);
}

static void remember(struct cps_proof *proof, enum cps_proved known, enum cps_code code, const struct cps_error *err)
{
    proof->known = known;
    proof->failed = code;
    if (code != CPS_OK) {
        proof->text = strdup(err->text);
    }
}

/* Step 4. Only an outcome that time cannot change is remembered. False: later. */
static bool prove_credentials(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c,
                              struct cps_task *task, struct cps_proof *proof, enum cps_code *code,
                              struct cps_error *err)
{
    struct cps_chain *chain = NULL;
    enum cps_found found = find_chain(cps, passport, x5c, task, &chain, err);
    if (found != CPS_FOUND) {
        *code = err->code;
        return found == CPS_FOUND_NOT;
    }
    *code = check_credentials(cps, passport, chain, proof, err);
    cps_chain_unref(chain);
    if (*code != CPS_E_NOMEM) {
        remember(proof, CPS_PROVED_CREDENTIALS, *code, err);
    } else {
        cps_proof_clear(proof);
    }
    return true;
}

static enum cps_code recall(const struct cps_proof *proof, struct cps_error *err)
{
    if (proof->failed == CPS_OK) {
        return CPS_OK;
    }
    return cps_fail(err, proof->failed, "%s", proof->text ? proof->text : cps_strerror(proof->failed));
}

/* Steps 5 and 6. */
static enum cps_code check_fresh_and_signed(struct cps *cps, const struct stir_passport *passport,
                                            struct cps_proof *proof, struct cps_error *err)
{
    struct stir_error cause = {0};
    enum stir_code fresh =
        stir_passport_fresh(passport, cps_now(cps), cps->options.max_age_s, cps->options.clock_skew_s, &cause);
    if (fresh != STIR_OK) {
        return cps_fail_stir(err, fresh, &cause);
    }
    if (proof->known != CPS_PROVED_SIGNATURE) {
        enum cps_code code = fail_stir(err, stir_jws_verify(&passport->jws, proof->chain->chain->key, &cause), &cause);
        if (code == CPS_E_NOMEM || code == CPS_E_CRYPTO) {
            return code;
        }
        remember(proof, CPS_PROVED_SIGNATURE, code, err);
    }
    return recall(proof, err);
}

static enum cps_code check_msgi(struct cps *cps, const struct stir_passport *passport,
                                const struct cps_checked *message, bool *checked, struct cps_error *err)
{
    struct stir_error cause = {0};
    if (!passport->msgi) {
        return message->body && cps->options.require_msgi
                   ? cps_fail(err, CPS_E_MSGI_MISMATCH, "the PASSporT says nothing of the message's content (no msgi)")
                   : CPS_OK;
    }
    if (!message->body) {
        return cps_fail(err, CPS_E_MSGI_MISMATCH, "the PASSporT is for a message with a body, and this one has none");
    }
    enum stir_code code =
        stir_msgi_check(passport->msgi, strlen(passport->msgi), message->body, message->body_len, &cause);
    *checked = code == STIR_OK;
    return fail_stir(err, code, &cause);
}

/* Last, so that nothing but a PASSporT that passes is ever remembered as used. */
static enum cps_code check_unused(struct cps *cps, const struct stir_passport *passport, struct cps_error *err)
{
    struct stir_error cause = {0};
    uint8_t id[CPS_REPLAY_ID];
    if (!cps->replay) {
        return CPS_OK;
    }
    enum stir_code code = stir_passport_replay_id(id, passport, &cause);
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    int64_t expires = passport->iat + cps->options.max_age_s + cps->options.clock_skew_s + 1;
    return cps->replay->claim(cps->replay, id, expires, cps_now(cps), err);
}

void cps_verify_undo(struct cps *cps, const struct stir_passport *passport)
{
    uint8_t id[CPS_REPLAY_ID];
    if (cps->replay && stir_passport_replay_id(id, passport, NULL) == STIR_OK) {
        cps->replay->forget(cps->replay, id);
    }
}

static enum cps_code check_message(struct cps *cps, const struct stir_passport *passport,
                                   const struct cps_checked *message, struct cps_result *out, struct cps_error *err)
{
    for (size_t i = 0; i < message->dest_count; i++) {
        if (!stir_passport_has_dest(passport, &message->dest[i])) {
            return cps_fail(err, CPS_E_DEST_MISMATCH, "the PASSporT is for another destination");
        }
    }
    enum cps_code code = check_msgi(cps, passport, message, &out->msgi_checked, err);
    return code == CPS_OK ? check_unused(cps, passport, err) : code;
}

static void put_name(char *out, size_t cap, const struct cps_proof *proof,
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

static void name_signer(struct cps_result *out, const struct cps_proof *proof)
{
    _Static_assert(CPS_AUTHORITY_MAX > STIR_TN_MAX + sizeof("spc:"), "a number fits");
    if (proof->chain) {
        put_name(out->signer, sizeof(out->signer), proof, stir_chain_signer);
        put_name(out->authority, sizeof(out->authority), proof, stir_chain_authority);
        out->by_spc = proof->by_spc;
    }
}

bool cps_verify(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c, struct cps_proof *proof,
                const struct cps_checked *message, struct cps_task *task, struct cps_result *out)
{
    struct cps_error err = {0};
    enum cps_code code = check_type(passport, &err);
    if (code == CPS_OK) {
        code = check_orig(passport, message, &err);
    }
    if (code == CPS_OK && proof->known == CPS_PROVED_NOTHING) {
        if (!prove_credentials(cps, passport, x5c, task, proof, &code, &err)) {
            return false;
        }
    } else if (code == CPS_OK && proof->known == CPS_PROVED_CREDENTIALS) {
        code = recall(proof, &err);
    }
    if (code == CPS_OK) {
        code = check_fresh_and_signed(cps, passport, proof, &err);
    }
    name_signer(out, proof);
    if (code == CPS_OK && message) {
        code = check_message(cps, passport, message, out, &err);
    }
    out->iat = passport->iat;
    cps_result_set(out, code, &err);
    return true;
}
