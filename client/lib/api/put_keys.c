/* SPDX-License-Identifier: MIT */
#include "client/lib/api/exchange.h"
#include "client/lib/context/message.h"
#include "client/lib/net/cps_http.h"
#include "common/passport/keyrecord.h"

#include <stdio.h>
#include <string.h>

#define SUBJECT_MAX 1024

/* Reads the subject as one of the record's own, so as a canonical number. A code is written so that nobody takes it for
 * a short number. */
static enum cps_code put_keys_read_subject(struct stir_identity *out, bool *is_spc, const struct cps *cps,
                                           const char *subject, const struct stir_keyrecord *record,
                                           struct cps_error *err)
{
    static const char scheme[] = "spc:";
    bool has_scheme = strncmp(subject, scheme, sizeof(scheme) - 1) == 0;
    const char *code = has_scheme ? subject + sizeof(scheme) - 1 : subject;
    *is_spc = has_scheme || stir_tnauth_has_spc(&record->claims, code);
    if (!*is_spc) {
        struct stir_error cause = {0};
        enum stir_code parsed = stir_identity_parse_canonical(out, subject, strnlen(subject, SUBJECT_MAX + 1),
                                                              cps->numbering.max_digits, &cause);
        return parsed == STIR_OK ? CPS_OK : cps_fail_prefix(err, cps_fail_stir(err, parsed, &cause), "subject");
    }
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    out->len = (unsigned)snprintf(out->text, sizeof(out->text), "spc:%.40s", code);
    return CPS_OK;
}

static enum cps_code put_keys_prepare(struct cps_exchange *exchange, const char *subject, const char *record,
                                      size_t len, struct cps_error *err)
{
    struct cps *cps = exchange->task.cps;
    struct stir_keyrecord *parsed = NULL;
    struct stir_error cause = {0};
    struct stir_identity name;
    bool is_spc = false;
    enum stir_code read = stir_keyrecord_parse(&parsed, record, len, &cause);
    if (read != STIR_OK) {
        return cps_fail_stir(err, read, &cause);
    }
    enum cps_code code = put_keys_read_subject(&name, &is_spc, cps, subject, parsed, err);
    stir_keyrecord_free(parsed);
    if (code == CPS_OK) {
        code = cps_ask_keys(&exchange->transfer.request, cps, name.text, is_spc ? NULL : &name, record, len, err);
    }
    return code == CPS_OK ? cps_exchange_aim(exchange, NULL, err) : code;
}

enum cps_code cps_put_keys(struct cps *cps, const char *subject, const char *record, size_t len, struct cps_error *err)
{
    struct cps_order order;
    if (!cps || !subject || !record) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    cps_order_init(&order, cps);
    enum cps_code code = put_keys_prepare(&order.exchange, subject, record, len, err);
    return cps_order_run(&order, code, err);
}
