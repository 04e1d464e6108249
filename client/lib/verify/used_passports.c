/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/used_passports.h"

#include "client/lib/verify/replay.h"

#include <openssl/sha.h>
#include <string.h>

int64_t cps_used_until(const struct cps *cps, const struct stir_passport *passport)
{
    return passport->iat + cps->options.max_age_s + cps->options.clock_skew_s;
}

/* Makes the id of a use: SHA-256 over the PASSporT's replay identifier and the destination. */
static enum cps_code used_make_id(uint8_t id[CPS_REPLAY_ID], const struct stir_passport *passport,
                                  const struct stir_identity *dest, struct cps_error *err)
{
    struct stir_error cause = {0};
    uint8_t text[CPS_REPLAY_ID + STIR_IDENTITY_MAX];
    enum stir_code code = stir_passport_replay_id(text, passport, &cause);
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    memcpy(text + CPS_REPLAY_ID, dest->text, dest->len);
    return SHA256(text, CPS_REPLAY_ID + dest->len, id) ? CPS_OK : cps_fail(err, CPS_E_CRYPTO, "SHA-256 failed");
}

enum cps_code cps_used_claim(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest,
                             struct cps_error *err)
{
    uint8_t id[CPS_REPLAY_ID];
    if (!cps->replay) {
        return CPS_OK;
    }
    enum cps_code code = used_make_id(id, passport, dest, err);
    return code == CPS_OK ? cps->replay->claim(cps->replay, id, cps_used_until(cps, passport) + 1, cps_now(cps), err)
                          : code;
}

void cps_used_undo(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest)
{
    uint8_t id[CPS_REPLAY_ID];
    if (cps->replay && used_make_id(id, passport, dest, NULL) == CPS_OK) {
        cps->replay->forget(cps->replay, id);
    }
}

enum cps_code cps_used_look(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest,
                            bool *used, struct cps_error *err)
{
    uint8_t id[CPS_REPLAY_ID];
    *used = false;
    if (!cps->replay) {
        return CPS_OK;
    }
    enum cps_code code = used_make_id(id, passport, dest, err);
    return code == CPS_OK ? cps->replay->known(cps->replay, id, cps_now(cps), used, err) : code;
}

enum cps_code cps_used_claim_all(struct cps *cps, const struct stir_passport *passport,
                                 const struct cps_checked *message, struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    size_t claimed = 0;
    while (code == CPS_OK && claimed < message->dest_count) {
        bool twice = false;
        for (size_t i = 0; i < claimed; i++) {
            twice |= stir_identity_equal(&message->dest[i], &message->dest[claimed]);
        }
        code = twice ? CPS_OK : cps_used_claim(cps, passport, &message->dest[claimed], err);
        claimed += code == CPS_OK;
    }
    while (code != CPS_OK && claimed) {
        cps_used_undo(cps, passport, &message->dest[--claimed]);
    }
    return code;
}
