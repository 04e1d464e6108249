#include "client/lib/finding.h"

#include "client/lib/remote.h"
#include "client/lib/task.h"
#include "common/numtable.h"

#include <stdlib.h>
#include <string.h>

/* One search: the record, then its certificate, then what both are worth. */
struct finding {
    struct cps_task task;
    struct cps_transfer transfer;
    bool asked;
    struct stir_identity dest;
    void *entry;
    struct stir_keyrecord *record;
};

static void end(struct finding *finding, struct cps_target *target, const struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    cps_certcache_leave(cps->certs, &finding->task);
    cps_task_end(&finding->task);
    cps_directory_settle(cps->directory, finding->entry, target, finding->transfer.response.max_age_s,
                         target ? NULL : err);
    cps_transfer_clear(&finding->transfer);
    stir_keyrecord_free(finding->record);
    free(finding);
}

static enum cps_code read_answer(struct finding *finding, struct cps_error *err)
{
    const struct cps_response *response = &finding->transfer.response;
    struct stir_error cause = {0};
    size_t n = response->body.len;
    if (response->error.code == CPS_OK && response->status == 404) {
        return cps_fail(err, CPS_E_NOT_FOUND, "the CPS has no key record for the destination");
    }
    enum cps_code code = cps_answer_status(response, err);
    if (code != CPS_OK) {
        return code;
    }
    if (n && response->body.ptr[n - 1] == '\n') {
        n--;
    }
    enum stir_code parsed = stir_keyrecord_parse(&finding->record, n ? response->body.ptr : "", n, &cause);
    return parsed == STIR_OK ? CPS_OK : cps_fail_stir(err, parsed, &cause);
}

static enum cps_found find_chain(struct finding *finding, struct cps_chain **chain, struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    const struct stir_keyrecord *record = finding->record;
    if (record->x5c_count) {
        return cps_certcache_from_der(cps->certs, chain, record->x5c, record->x5c_count, err) == CPS_OK ? CPS_FOUND
                                                                                                        : CPS_FOUND_NOT;
    }
    return cps_certcache_get(cps->certs, chain, record->x5u, &finding->task, err);
}

/* The record is about this destination: it names the number, or the provider that our own table gives it to. */
static enum cps_code check_subject(const struct finding *finding, struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    struct stir_numtable_row row = {0};
    bool known = cps->numbers && stir_numtable_find(cps->numbers, finding->dest.text, &row);
    if (stir_keyrecord_covers(finding->record, finding->dest.text, known ? row.spc : NULL)) {
        return CPS_OK;
    }
    return cps_fail(err, CPS_E_CERT_SCOPE, "the key record does not speak for the destination%s",
                    cps->numbers ? "" : " (a provider's needs numbers_file, which says whose a number is)");
}

static enum cps_code verify(struct finding *finding, struct cps_chain *chain, struct cps_error *err)
{
    struct cps *cps = finding->task.cps;
    struct stir_error cause = {0};
    int64_t now = cps_now(cps);
    enum cps_code code = cps_chain_trusted(chain, cps->trust, now, err);
    if (code != CPS_OK) {
        return code;
    }
    enum stir_code checked =
        stir_keyrecord_check(finding->record, chain->chain, now, cps->options.clock_skew_s, &cause);
    if (checked != STIR_OK) {
        return cps_fail_stir(err, checked, &cause);
    }
    return check_subject(finding, err);
}

/* Sends the request; true when its answer is there. */
static bool ask(struct finding *finding)
{
    if (finding->asked) {
        return atomic_load(&finding->transfer.complete);
    }
    finding->asked = true;
    return cps_route_submit(finding->task.cps, &finding->transfer, &finding->transfer.response.error) != CPS_OK;
}

static void step(struct cps_task *task)
{
    struct finding *finding = (struct finding *)task;
    struct cps_error err = {0};
    struct cps_chain *chain = NULL;
    struct cps_target *target = NULL;
    if (!ask(finding)) {
        return;
    }
    enum cps_code code = atomic_load(&task->cps->closing) ? cps_fail(&err, CPS_E_CLOSED, "the handle was freed")
                         : finding->record                ? CPS_OK
                                                          : read_answer(finding, &err);
    if (code == CPS_OK) {
        enum cps_found found = find_chain(finding, &chain, &err);
        if (found == CPS_FOUND_LATER) {
            return;
        }
        code = found == CPS_FOUND ? verify(finding, chain, &err) : err.code;
    }
    if (code == CPS_OK) {
        struct stir_keyrecord *record = finding->record;
        finding->record = NULL;
        if (cps_target_from_record(&target, task->cps, record, chain->chain, &err) != CPS_OK) {
            target = NULL;
        }
    }
    cps_chain_unref(chain);
    end(finding, target, &err);
}

static enum cps_code prepare(struct finding *finding, struct cps *cps, struct cps_error *err)
{
    finding->task.cps = cps;
    finding->task.step = step;
    finding->task.unmetered = true;
    finding->transfer.done = cps_task_transfer_done;
    finding->transfer.arg = &finding->task;
    finding->transfer.response.max_age_s = -1;
    if (!cps->trust) {
        return cps_fail(err, CPS_E_CONFIG,
                        "no trusted roots are configured (trust_file): no key record can be verified");
    }
    enum cps_code code =
        cps_ask_keys(&finding->transfer.request, cps, finding->dest.text, &finding->dest, NULL, 0, err);
    return code == CPS_OK ? cps_route_to_directory(&finding->transfer.request.route, cps, &finding->dest, err) : code;
}

enum cps_code cps_finding_start(struct cps *cps, const struct stir_identity *dest, void *entry, struct cps_error *err)
{
    struct finding *finding = calloc(1, sizeof(*finding));
    if (!finding) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    finding->dest = *dest;
    finding->entry = entry;
    enum cps_code code = prepare(finding, cps, err);
    if (code == CPS_OK) {
        code = cps_task_start(&finding->task, err);
    }
    if (code != CPS_OK) {
        cps_transfer_clear(&finding->transfer);
        free(finding);
    }
    return code;
}
