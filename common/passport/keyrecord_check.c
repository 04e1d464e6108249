/* SPDX-License-Identifier: MIT */
/* Checks of a key record: times, signature and scope. */
#include "common/passport/keyrecord.h"

#include "common/cert/x509.h"

#include <stdlib.h>
#include <string.h>

static enum stir_code keyrecord_check_times(const struct stir_keyrecord *record, int64_t now, int64_t skew_s,
                                            struct stir_error *err)
{
    if (record->iat > now && record->iat - now > skew_s) {
        return stir_fail(err, STIR_E_FUTURE, "the key record was issued in the future");
    }
    if (now >= record->exp) {
        return stir_fail(err, STIR_E_STALE, "the key record has expired");
    }
    return STIR_OK;
}

/* Picks the entries of a list that are codes, or those that are not. The caller frees out->entries. */
static bool keyrecord_pick(struct stir_tnauth *out, const struct stir_tnauth *list, bool codes)
{
    out->count = 0;
    out->entries = calloc(list->count + 1, sizeof(*out->entries));
    for (size_t i = 0; out->entries && i < list->count; i++) {
        if ((list->entries[i].kind == STIR_TNAUTH_SPC) == codes) {
            out->entries[out->count++] = list->entries[i];
        }
    }
    return out->entries != NULL;
}

/* stir_tnauth_covers lets a provider have any number, as one may delegate to another. So codes are compared with
 * codes, and numbers with numbers. */
static bool keyrecord_covers_all(const struct stir_tnauth *authority, const struct stir_tnauth *claims, bool *nomem)
{
    bool covered = true;
    for (int codes = 0; covered && codes <= 1; codes++) {
        struct stir_tnauth have = {0};
        struct stir_tnauth want = {0};
        bool good = keyrecord_pick(&have, authority, codes) && keyrecord_pick(&want, claims, codes);
        *nomem = !good;
        covered = good && (want.count == 0 || stir_tnauth_covers(&have, &want, NULL));
        free(have.entries);
        free(want.entries);
    }
    return covered;
}

static enum stir_code keyrecord_check_scope(const struct stir_keyrecord *record, const struct stir_chain *chain,
                                            struct stir_error *err)
{
    bool nomem = false;
    if (!stir_tnauth_has_spc(&chain->tnauth, record->iss) && !stir_tnauth_has_tn(&chain->tnauth, record->iss)) {
        return stir_fail(err, STIR_E_CERT_SCOPE, "%s: the key record's iss is not in its TNAuthList",
                         stir_x509_subject(chain->certs[0]).text);
    }
    if (keyrecord_covers_all(&chain->tnauth, &record->claims, &nomem)) {
        return STIR_OK;
    }
    if (nomem) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    return stir_fail(err, STIR_E_CERT_SCOPE, "%s: its TNAuthList does not cover what the key record claims",
                     stir_x509_subject(chain->certs[0]).text);
}

enum stir_code stir_keyrecord_check(const struct stir_keyrecord *record, const struct stir_chain *chain, int64_t now,
                                    int64_t skew_s, struct stir_error *err)
{
    enum stir_code code = keyrecord_check_times(record, now, skew_s, err);
    if (code == STIR_OK) {
        code = keyrecord_check_scope(record, chain, err);
    }
    if (code == STIR_OK) {
        code = stir_jws_verify(&record->jws, chain->key, err);
        if (code == STIR_E_SIGNATURE) {
            code = stir_fail_prefix(err, code, "the key record");
        }
    }
    return code;
}

enum stir_code stir_keyrecord_verify(const struct stir_keyrecord *record, const struct stir_chain *chain,
                                     const struct stir_trust *trust, int64_t now, int64_t skew_s,
                                     struct stir_error *err)
{
    enum stir_code code = stir_trust_verify(trust, chain, now, err);
    return code == STIR_OK ? stir_keyrecord_check(record, chain, now, skew_s, err) : code;
}

bool stir_keyrecord_covers(const struct stir_keyrecord *record, const char *tn, const char *spc)
{
    return stir_tnauth_has_tn(&record->claims, tn) || (spc && stir_tnauth_has_spc(&record->claims, spc));
}
