/* SPDX-License-Identifier: MIT */
#include "client/lib/find/key_lookup.h"

#include "client/lib/find/route_configured.h"
#include "client/lib/net/cps_http.h"
#include "client/lib/net/task.h"
#include "client/lib/verify/certcache.h"
#include "common/jose/json.h"
#include "common/number/numtable.h"

#include <stdlib.h>
#include <string.h>

/* One record of the answer: its certificate is fetched, then the record is verified. */
struct item {
    struct cps_verified found;
    bool over;
};

/* One search: asks for the records, fetches their certificates and verifies each. */
struct finding {
    struct cps_task task;
    struct cps_transfer transfer;
    bool asked;
    bool answered;
    struct stir_identity dest;
    cps_lookup_cb done;
    void *arg;
    struct item items[CPS_RECORDS_MAX];
    size_t count;
    struct cps_error error; /* the first that was found */
};

static void key_lookup_end(struct finding *finding)
{
    struct cps *cps = finding->task.cps;
    struct cps_verified records[CPS_RECORDS_MAX];
    for (size_t i = 0; i < finding->count; i++) {
        records[i] = finding->items[i].found;
    }
    cps_certcache_leave(cps->certs, &finding->task);
    cps_task_end(&finding->task);
    const struct cps_lookup_result result = {
        .records = records,
        .count = finding->count,
        .max_age_s = finding->transfer.response.max_age_s,
        .error = &finding->error,
    };
    finding->done(cps, finding->arg, &result);
    cps_transfer_clear(&finding->transfer);
    free(finding);
}

/* Leaves a bad record out: a CPS that adds a forged record to good ones must not take these away. */
static void key_lookup_reject(struct finding *finding, const struct cps_error *err)
{
    cps_log(finding->task.cps, CPS_LOG_WARNING, "a key record of the CPS's answer is not used: %s", err->text);
    if (finding->error.code == CPS_OK) {
        finding->error = *err;
    }
}

/* ---- the answer ---- */

/* Checks that the record is about this destination, and sets its scope: it names the number, or the provider to which
 * our own number table assigns the number. */
static enum cps_code key_lookup_check_subject(struct finding *finding, struct item *item, struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    const struct stir_tnauth *claims = &item->found.record->claims;
    const char *tn = finding->dest.text;
    struct stir_numtable_row row = {0};
    item->found.scope = CPS_SCOPE_RANGE;
    for (size_t i = 0; i < claims->count; i++) {
        if (claims->entries[i].kind == STIR_TNAUTH_ONE && strcmp(claims->entries[i].value, tn) == 0) {
            item->found.scope = CPS_SCOPE_NUMBER;
        }
    }
    if (stir_tnauth_has_tn(claims, tn)) {
        return CPS_OK;
    }
    item->found.scope = CPS_SCOPE_PROVIDER;
    bool known = cps->numbers && stir_numtable_find(cps->numbers, tn, &row);
    if (known && stir_keyrecord_covers(item->found.record, tn, row.spc)) {
        return CPS_OK;
    }
    return cps_fail(err, CPS_E_CERT_SCOPE, "the key record does not cover the destination%s",
                    cps->numbers ? ""
                                 : " (a provider's record needs numbers_file, which assigns numbers to providers)");
}

/* Takes one record of the answer, if it is about the destination: for no other is a certificate fetched. */
static void key_lookup_read_record(struct finding *finding, const char *text, size_t n)
{
    struct item *item = &finding->items[finding->count];
    struct stir_error cause = {0};
    struct cps_error err = {0};
    *item = (struct item){0};
    if (n && text[n - 1] == '\n') {
        n--;
    }
    enum stir_code parsed = stir_keyrecord_parse(&item->found.record, text, n, &cause);
    enum cps_code code =
        parsed == STIR_OK ? key_lookup_check_subject(finding, item, &err) : cps_fail_stir(&err, parsed, &cause);
    if (code == CPS_OK) {
        finding->count++;
        return;
    }
    stir_keyrecord_free(item->found.record);
    key_lookup_reject(finding, &err);
}

static bool key_lookup_is_among(const json_t *item, const json_t *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_equal(item, items[i])) {
            return true;
        }
    }
    return false;
}

/* Reads {"records":["..."]}: the first CPS_RECORDS_MAX different ones. */
static enum cps_code key_lookup_read_list(struct finding *finding, const struct stir_buf *body, struct cps_error *err)
{
    struct stir_error cause = {0};
    json_t *root = NULL;
    const json_t *taken[CPS_RECORDS_MAX];
    size_t taken_count = 0;
    enum stir_code parsed = stir_json_parse_object(&root, body->ptr, body->len, "the CPS's key records", &cause);
    if (parsed != STIR_OK) {
        return cps_fail(err, parsed == STIR_E_NOMEM ? CPS_E_NOMEM : CPS_E_PROTOCOL, "%s", cause.text);
    }
    const json_t *list = json_object_get(root, "records");
    size_t count = json_array_size(list);
    enum cps_code code = count ? CPS_OK : cps_fail(err, CPS_E_PROTOCOL, "the CPS's answer lists no key records");
    /* A bad record is left out; a listing with anything but texts is no answer at all. */
    for (size_t i = 0; code == CPS_OK && i < count && taken_count < CPS_RECORDS_MAX; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item)) {
            code = cps_fail(err, CPS_E_PROTOCOL, "the CPS's answer lists something that is not a key record");
        } else if (!key_lookup_is_among(item, taken, taken_count)) {
            taken[taken_count++] = item;
            key_lookup_read_record(finding, json_string_value(item), json_string_length(item));
        }
    }
    json_decref(root);
    return code;
}

/* Reads the answer. A CPS that knows a single record, such as a file server, may answer with the record itself. */
static enum cps_code key_lookup_read_answer(struct finding *finding, struct cps_error *err)
{
    const struct cps_response *response = &finding->transfer.response;
    if (response->error.code == CPS_OK && response->status == 404) {
        return cps_fail(err, CPS_E_NOT_FOUND, "the CPS has no key record for the destination");
    }
    enum cps_code code = cps_answer_status(response, err);
    if (code != CPS_OK) {
        return code;
    }
    if (response->body.len && response->body.ptr[0] == '{') {
        return key_lookup_read_list(finding, &response->body, err);
    }
    key_lookup_read_record(finding, response->body.len ? response->body.ptr : "", response->body.len);
    return CPS_OK;
}

/* ---- each record ---- */

static enum cps_found key_lookup_find_chain(struct finding *finding, const struct stir_keyrecord *record,
                                            struct cps_chain **chain, struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    if (record->x5c_count) {
        enum cps_found found = CPS_FOUND_NOT;
        if (cps_certcache_from_der(cps->certs, chain, record->x5c, record->x5c_count, err) == CPS_OK) {
            found = cps_certcache_complete(cps->certs, chain, &finding->task, err);
        }
        if (found != CPS_FOUND) {
            cps_chain_unref(*chain);
            *chain = NULL;
        }
        return found;
    }
    return cps_certcache_get(cps->certs, chain, record->x5u, &finding->task, err);
}

static enum cps_code key_lookup_verify(struct finding *finding, const struct stir_keyrecord *record,
                                       struct cps_chain *chain, struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    struct stir_error cause = {0};
    int64_t now = cps_now(cps);
    enum cps_code code = cps_chain_trusted(chain, cps->trust, now, err);
    if (code != CPS_OK) {
        return code;
    }
    enum stir_code checked = stir_keyrecord_check(record, chain->chain, now, cps->options.clock_skew_s, &cause);
    return checked == STIR_OK ? CPS_OK : cps_fail_stir(err, checked, &cause);
}

/* Returns true for faults that a newer chain at the same x5u may not have. */
static bool key_lookup_is_chain_fault(enum cps_code code)
{
    return code == CPS_E_SIGNATURE || code == CPS_E_KEY || (code >= CPS_E_CERT && code <= CPS_E_CERT_CONSTRAINT);
}

/* Verifies one record with its chain. If that fails, the certificate at x5u may have been replaced since it was cached,
 * so it is asked for anew. CPS_FOUND: verified, or with *again set, there is a newer chain. CPS_FOUND_LATER: that is
 * being fetched. */
static enum cps_found key_lookup_verify_or_renew(struct finding *finding, const struct stir_keyrecord *record,
                                                 struct cps_chain *chain, bool *again, struct cps_error *err)
{
    struct cps_error failure = {0};
    enum cps_code code = key_lookup_verify(finding, record, chain, err);
    *again = false;
    if (code == CPS_OK) {
        return CPS_FOUND;
    }
    if (record->x5c_count || !key_lookup_is_chain_fault(code)) {
        return CPS_FOUND_NOT;
    }
    enum cps_found found = cps_certcache_renew(finding->task.cps->certs, chain, record->x5u, &finding->task, &failure);
    *again = found == CPS_FOUND;
    if (found == CPS_FOUND_NOT && failure.code != CPS_OK) {
        (void)cps_fail(
            err, CPS_E_X5U_FETCH,
            "the key record does not verify with the cached certificate, and the current one could not be fetched: %s",
            failure.text);
    }
    return found;
}

/* Gets one record's chain and verifies the record. CPS_FOUND: *chain is a reference of the caller's. */
static enum cps_found key_lookup_find_verified(struct finding *finding, const struct stir_keyrecord *record,
                                               struct cps_chain **chain, struct cps_error *err)
{
    bool again = true;
    enum cps_found found = CPS_FOUND_NOT;
    for (int tries = 0; again && tries < 2; tries++) {
        cps_chain_unref(*chain);
        *chain = NULL;
        again = false;
        found = key_lookup_find_chain(finding, record, chain, err);
        found = found == CPS_FOUND ? key_lookup_verify_or_renew(finding, record, *chain, &again, err) : found;
    }
    return again ? CPS_FOUND_NOT : found;
}

/* Takes one record a step further: verifies it once its certificate is there. */
static void key_lookup_verify_item(struct finding *finding, struct item *item)
{
    struct cps_verified *found = &item->found;
    struct cps_error err = {0};
    struct cps_chain *chain = NULL;
    enum cps_found got = key_lookup_find_verified(finding, found->record, &chain, &err);
    item->over = got != CPS_FOUND_LATER;
    if (got == CPS_FOUND) {
        struct stir_keyrecord *record = found->record;
        found->record = NULL;
        if (cps_target_from_record(&found->target, finding->task.cps, record, found->scope, chain->chain, &err) !=
            CPS_OK) {
            found->target = NULL;
        }
    }
    if (item->over && !found->target) {
        key_lookup_reject(finding, &err);
    }
    cps_chain_unref(chain);
}

/* Returns true when every record is verified or rejected. All certificates are fetched at the same time. */
static bool key_lookup_verify_all(struct finding *finding)
{
    bool over = true;
    for (size_t i = 0; i < finding->count; i++) {
        if (!finding->items[i].over) {
            key_lookup_verify_item(finding, &finding->items[i]);
        }
        over = over && finding->items[i].over;
    }
    return over;
}

/* ---- the search ---- */

/* Sends the request. Returns true when its answer is there. */
static bool key_lookup_ask(struct finding *finding)
{
    if (finding->asked) {
        return atomic_load(&finding->transfer.complete);
    }
    finding->asked = true;
    return cps_route_submit(finding->task.cps, &finding->transfer, &finding->transfer.response.error) != CPS_OK;
}

static void key_lookup_step(struct cps_task *task)
{
    struct finding *finding = (struct finding *)task;
    struct cps_error err = {0};
    if (!key_lookup_ask(finding)) {
        return;
    }
    enum cps_code code = CPS_OK;
    if (atomic_load(&task->cps->closing)) {
        code = cps_fail(&err, CPS_E_CLOSED, "the handle was freed");
    } else if (!finding->answered) {
        finding->answered = true;
        code = key_lookup_read_answer(finding, &err);
    }
    if (code == CPS_OK && !key_lookup_verify_all(finding)) {
        return;
    }
    if (code != CPS_OK) {
        finding->error = err;
    }
    key_lookup_end(finding);
}

static enum cps_code key_lookup_prepare(struct finding *finding, struct cps *cps, struct cps_error *err)
{
    finding->task.cps = cps;
    finding->task.step = key_lookup_step;
    finding->task.unmetered = true;
    finding->transfer.done = cps_task_transfer_done;
    finding->transfer.arg = &finding->task;
    finding->transfer.response.max_age_s = -1;
    if (!cps->trust) {
        return cps_fail(
            err, CPS_E_CONFIG,
            "no trusted roots are configured (trust_file, list_files, list_urls): no key record can be verified");
    }
    enum cps_code code =
        cps_ask_keys(&finding->transfer.request, cps, finding->dest.text, &finding->dest, NULL, 0, err);
    return code == CPS_OK ? cps_route_to_directory(&finding->transfer.request.route, cps, &finding->dest, err) : code;
}

enum cps_code cps_key_lookup_start(struct cps *cps, const struct stir_identity *dest, cps_lookup_cb done, void *arg,
                                   struct cps_error *err)
{
    struct finding *finding = calloc(1, sizeof(*finding));
    if (!finding) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    finding->dest = *dest;
    finding->done = done;
    finding->arg = arg;
    enum cps_code code = key_lookup_prepare(finding, cps, err);
    if (code == CPS_OK) {
        code = cps_task_start(&finding->task, err);
    }
    if (code != CPS_OK) {
        cps_transfer_clear(&finding->transfer);
        free(finding);
    }
    return code;
}
