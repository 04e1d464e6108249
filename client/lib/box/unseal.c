/* SPDX-License-Identifier: MIT */
#include "client/lib/box/unseal.h"

#include "client/lib/box/open.h"
#include "client/lib/verify/certcache.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <string.h>

#define LEAST_S 60 /* least time that a broken PASSporT is kept, as an entry is */

/* Reads what it can of the claims of a broken PASSporT: its sender, the digest of its text, its time. */
static void unseal_read_broken_claims(struct cps_broken *out, const struct cps *cps, struct stir_view claims)
{
    json_t *payload = NULL;
    if (stir_json_parse_object(&payload, claims.ptr, claims.len, "claims", NULL) != STIR_OK) {
        return;
    }
    const json_t *orig = json_object_get(payload, "orig");
    const char *tn = json_string_value(json_object_get(orig, "tn"));
    const char *uri = json_string_value(json_object_get(orig, "uri"));
    const char *msgi = json_string_value(json_object_get(payload, "msgi"));
    const char *who = tn ? tn : uri;
    out->has_orig =
        who && stir_identity_parse_canonical(&out->orig, who, strlen(who), cps->numbering.max_digits, NULL) == STIR_OK;
    out->iat = json_integer_value(json_object_get(payload, "iat"));
    if (msgi && strlen(msgi) < sizeof(out->msgi)) {
        memcpy(out->msgi, msgi, strlen(msgi) + 1);
    }
    json_decref(payload);
}

/* Reads what it can of a token that is not a PASSporT. */
static void unseal_read_broken_token(struct cps_broken *out, const struct cps *cps, struct stir_view token)
{
    char claims[STIR_PASSPORT_MAX];
    size_t len = 0;
    const char *from = memchr(token.ptr, '.', token.len);
    size_t left = from ? token.len - (size_t)(from + 1 - token.ptr) : 0;
    const char *to = left ? memchr(from + 1, '.', left) : NULL;
    if (to &&
        stir_b64url_decode((uint8_t *)claims, sizeof(claims), &len, from + 1, (size_t)(to - from - 1)) == STIR_OK) {
        unseal_read_broken_claims(out, cps, stir_view(claims, len));
    }
}

/* Keeps that an envelope for us holds no PASSporT. token: its content. */
static void unseal_add_broken(struct cps *cps, struct cps_box *box, const struct cps_sealed *sealed,
                              struct stir_view token, const struct cps_error *why)
{
    const struct cps_options *options = &cps->options;
    int64_t life_s = options->max_age_s + options->clock_skew_s;
    struct cps_broken broken = {.error = *why, .listed = sealed->listed};
    broken.until = sealed->listed.by_s + (life_s > LEAST_S ? life_s : LEAST_S);
    memcpy(broken.id, sealed->envelope.id, sizeof(broken.id));
    unseal_read_broken_token(&broken, cps, token);
    cps_box_add_broken(box, &broken);
}

/* Reads the chain in the envelope. If it cannot be used, x5u counts, which the signature covers; without x5u the
 * failure is the result. */
static enum cps_code unseal_take_chain(struct cps *cps, const struct cps_sealed *sealed,
                                       const struct stir_opened *opened, const struct stir_passport *passport,
                                       struct cps_chain **x5c, struct cps_error *err)
{
    if (!opened->x5c_count) {
        return CPS_OK;
    }
    enum cps_code code = cps_certcache_from_der(cps->certs, x5c, opened->x5c, opened->x5c_count, err);
    if (code == CPS_OK || code == CPS_E_NOMEM || !passport->x5u) {
        return code;
    }
    cps_log(cps, CPS_LOG_INFO, "envelope %s: its certificate chain cannot be used, so x5u is: %s", sealed->envelope.id,
            err->text);
    return CPS_OK;
}

static enum cps_code unseal_add_opened(struct cps *cps, struct cps_box *box, const struct cps_sealed *sealed,
                                       const struct stir_opened *opened, struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_passport *passport = NULL;
    struct cps_chain *x5c = NULL;
    /* What is not a PASSporT may still be evidence: it is kept as broken. */
    enum stir_code parsed =
        stir_passport_parse(&passport, opened->passport.ptr, opened->passport.len, cps->numbering.max_digits, &cause);
    if (parsed != STIR_OK) {
        enum cps_code code = cps_fail_stir(err, parsed, &cause);
        if (code != CPS_E_NOMEM) {
            unseal_add_broken(cps, box, sealed, opened->passport, err);
        }
        return code;
    }
    enum cps_code code = unseal_take_chain(cps, sealed, opened, passport, &x5c, err);
    struct cps_entry *entry = code == CPS_E_NOMEM ? NULL
                                                  : cps_entry_new(sealed->envelope.id, &sealed->listed, passport, x5c,
                                                                  code == CPS_OK ? NULL : err);
    if (!entry) {
        stir_passport_free(passport);
        cps_chain_unref(x5c);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    cps_box_add(box, entry);
    return CPS_OK;
}

enum cps_code cps_unseal(struct cps *cps, struct cps_box *box, const struct cps_keys *keys,
                         const struct cps_sealed *sealed, struct cps_error *err)
{
    const struct cps_envelope *envelope = &sealed->envelope;
    struct stir_opened opened = {0};
    size_t index;
    enum cps_code code = cps_open_with(&opened, &index, envelope->text, envelope->len,
                                       (const struct cps_key *const *)keys->items, keys->count, err);
    if (code == CPS_OK) {
        code = unseal_add_opened(cps, box, sealed, &opened, err);
        stir_opened_clear(&opened);
        if (code != CPS_OK && code != CPS_E_NOMEM) {
            cps_log(cps, CPS_LOG_INFO, "envelope %s: %s", envelope->id, err->text);
        }
    } else if (code == CPS_E_PLAINTEXT) {
        /* One of our keys opens it, so it was sealed for us. */
        unseal_add_broken(cps, box, sealed, stir_view("", 0), err);
    }
    if (code == CPS_OK || code == CPS_E_NOMEM) {
        return code;
    }
    cps_box_not_ours(box, envelope->id);
    return CPS_OK;
}
