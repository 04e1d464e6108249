#include "client/lib/unseal.h"

#include "client/lib/certcache.h"
#include "client/lib/open.h"

static enum cps_code add_opened(struct cps *cps, struct cps_box *box, const struct cps_envelope *envelope,
                                const struct stir_opened *opened, struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_passport *passport = NULL;
    struct cps_chain *x5c = NULL;
    enum cps_code code = CPS_OK;
    enum stir_code parsed =
        stir_passport_parse(&passport, opened->passport.ptr, opened->passport.len, &cps->numbering, &cause);
    if (parsed != STIR_OK) {
        return cps_fail_stir(err, parsed, &cause);
    }
    if (opened->x5c_count) {
        code = cps_certcache_from_der(cps->certs, &x5c, opened->x5c, opened->x5c_count, err);
    }
    struct cps_entry *entry =
        code == CPS_E_NOMEM ? NULL : cps_entry_new(envelope->id, passport, x5c, code == CPS_OK ? NULL : err);
    if (!entry) {
        stir_passport_free(passport);
        cps_chain_unref(x5c);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    cps_box_add(box, entry);
    return CPS_OK;
}

enum cps_code cps_unseal(struct cps *cps, struct cps_box *box, const struct cps_keys *keys,
                         const struct cps_envelope *envelope, struct cps_error *err)
{
    struct stir_opened opened = {0};
    size_t index;
    enum cps_code code = cps_open_with(&opened, &index, envelope->text, envelope->len,
                                       (const struct cps_key *const *)keys->items, keys->count, err);
    if (code == CPS_OK) {
        code = add_opened(cps, box, envelope, &opened, err);
        stir_opened_clear(&opened);
        if (code != CPS_OK && code != CPS_E_NOMEM) {
            cps_log(cps, CPS_LOG_INFO, "envelope %s: %s", envelope->id, err->text);
        }
    }
    if (code == CPS_OK || code == CPS_E_NOMEM) {
        return code;
    }
    cps_box_not_ours(box, envelope->id);
    return CPS_OK;
}
