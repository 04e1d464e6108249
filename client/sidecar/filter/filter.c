/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"

#include "client/sidecar/filter/decide.h"
#include "client/sidecar/filter/expectation_store.h"
#include "client/sidecar/filter/filter_core.h"
#include "client/sidecar/filter/health.h"
#include "client/sidecar/filter/repeat.h"
#include "client/sidecar/filter/segments.h"

#include "common/base/conf.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

/* ---- what a relay says ---- */

static void filter_on_offer(void *arg, struct sc_held *held)
{
    struct sc_filter_core *core = arg;
    const struct sc_direction *way = &core->policy->ways[held->from];
    struct sc_message message;
    held->own = NULL;
    sc_hold_heard(core, held);
    if (way->action == SC_PASS) {
        sc_held_pass(held);
        return;
    }
    sc_message_read(&message, held, &way->settings, &core->policy->addressing);
    bool verify = way->action == SC_VERIFY;
    struct sc_passed passed;
    if (!sc_sent_is_repeat(core, held, verify, !sc_message_is_segment(&message), &passed)) {
        (verify ? sc_verify_offer : sc_sign_offer)(core, held, &message);
    } else if (verify) {
        sc_verify_again(core, held, &message, &passed);
    } else {
        sc_sign_again(core, held, &message, &passed);
    }
    sc_message_clear(&message);
}

static void filter_on_exempt(void *arg, const struct sc_held *held, enum sc_exempt kind, struct sc_passage *out)
{
    sc_exempt_take(arg, held, kind, out);
}

static void filter_on_answered(void *arg, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                               uint32_t status, struct stir_view message_id)
{
    sc_lines_answered(arg, bind, from, sequence, status, message_id);
    sc_sent_answered(arg, bind, from, sequence, status);
}

static void filter_on_ended(void *arg, const struct sc_bind *bind, bool closed)
{
    sc_lines_ended(arg, bind);
    sc_sent_ended(arg, bind, closed);
}

static void filter_on_caught_up(void *arg, const struct sc_bind *bind, enum sc_leg from)
{
    sc_sent_caught_up(arg, bind, from);
}

static void filter_on_abandoned(void *arg, struct sc_held *held)
{
    struct sc_filter_core *core = arg;
    struct sc_part *part = held->own;
    if (part && part->item) {
        sc_item_lost(part->item, part);
    } else if (part) {
        sc_hold_remove(core, part);
        part->held = NULL; /* its text is kept: the sender will send the segment again */
    }
}

/* ---- the loop ---- */

static void filter_finish_closing(struct sc_filter_core *core);

static void filter_on_timer(uv_timer_t *timer)
{
    struct sc_filter_core *core = timer->data;
    core->timer_ms = 0;
    sc_hold_expire(core);
    sc_join_expire(core);
    sc_items_expire(core);
    sc_sent_expire(core);
    sc_expect_expire(core);
    sc_lines_expire(core);
    sc_outcomes_expire(core->outcomes, sc_now(core));
}

static uint64_t filter_next_due(const struct sc_filter_core *core)
{
    const uint64_t dues[] = {sc_items_due(core),     sc_hold_due(core),
                             sc_join_due(core),      sc_sent_due(core),
                             sc_expect_due(core),    sc_lines_due(core),
                             core->outcomes->due_ms, core->closing_ms ? core->closing_ms : UINT64_MAX};
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++) {
        due = dues[i] < due ? dues[i] : due;
    }
    return due;
}

/* Runs before the loop waits: writes the gathered lines of the records, and sets the timer to the earliest
 * deadline. */
static void filter_on_prepare(uv_prepare_t *prepare)
{
    struct sc_filter_core *core = prepare->data;
    sc_message_log_flush(&core->judged);
    sc_message_log_flush(&core->signed_);
    if (core->closing_ms) {
        filter_finish_closing(core);
    }
    if (core->open_handles) {
        return;
    }
    uint64_t due = filter_next_due(core), now = sc_now(core);
    if (due == UINT64_MAX) {
        (void)uv_timer_stop(&core->timer);
        core->timer_ms = 0;
    } else if (due != core->timer_ms) {
        (void)uv_timer_start(&core->timer, filter_on_timer, due > now ? due - now : 0, 0);
        core->timer_ms = due;
    }
}

/* ---- what the sidecar says ---- */

static void filter_log_warning(void *arg, const char *text)
{
    const struct sc_filter_core *core = arg;
    stir_log_plain(core->log, STIR_LOG_WARNING, "%s", text);
}

static enum stir_code filter_open_records(struct sc_filter_core *core, const struct sc_policy *policy,
                                          struct stir_error *err)
{
    enum stir_code code = sc_message_log_open(&core->judged, policy->judged, err);
    return code == STIR_OK ? sc_message_log_open(&core->signed_, policy->signed_, err) : code;
}

/* A key without a file is not replaced: otherwise each reload would change all hashes. */
static enum stir_code filter_read_number_key(struct sc_filter_core *core, const struct sc_policy *policy,
                                             struct stir_error *err)
{
    return policy->number_key_file[0] ? sc_number_key_open(&core->number_key, policy->number_key_file, err) : STIR_OK;
}

static enum stir_code filter_on_reload(void *arg, const struct sc_config *config, struct stir_error *err)
{
    struct sc_filter_core *core = arg;
    struct sc_policy *policy = NULL;
    enum stir_code code = sc_policy_new(&policy, config, core->policy, &core->services, core->log, err);
    if (code == STIR_OK) {
        code = filter_read_number_key(core, policy, err);
    }
    if (code == STIR_OK) {
        code = filter_open_records(core, policy, err);
    }
    if (code != STIR_OK) {
        sc_policy_unref(policy);
        return code;
    }
    if (policy->service && policy->service != core->policy->service) {
        /* the new handle does not know what the previous one has seen */
        cps_set_evidence_since(policy->service->cps, (int64_t)time(NULL));
    }
    sc_policy_unref(core->policy);
    core->policy = policy;
    core->ops.max = policy->operations_max;
    smpp_join_set_limits(core->join, &policy->join);
    sc_expect_open(core);
    sc_config_warn(config, filter_log_warning, core);
    return STIR_OK;
}

static void filter_on_metrics(void *arg, struct stir_buf *out)
{
    struct sc_filter_core *core = arg;
    const struct sc_policy *policy = core->policy;
    struct smpp_join_bounds join = smpp_join_held(core->join);
    struct sc_filter_gauges gauges = {
        .queued = core->ops.queued,
        .under_way = core->ops.under_way,
        .undecided = core->signing.count + core->verifying.count,
        .join_messages = join.messages,
        .join_segments = join.segments,
        .join_octets = join.octets,
        .tenants = policy->tenants ? cps_tenants_count(policy->tenants) : 0,
        .recipients = policy->recipients ? sc_recipients_size(policy->recipients) : 0,
        .has_spool = policy->service && policy->service->has_spool,
        .outcomes = core->outcomes,
    };
    /* these are counted elsewhere */
    core->counters.judged_lost = sc_message_log_lost(&core->judged);
    core->counters.signed_lost = sc_message_log_lost(&core->signed_);
    gauges.has_cps = policy->service && policy->service->cps;
    if (gauges.has_cps) {
        cps_away(policy->service->cps, &gauges.cps);
    }
    gauges.has_spool = gauges.has_spool && cps_spool_stats(policy->service->cps, &gauges.spool, NULL) == CPS_OK;
    sc_filter_metrics_render(out, &core->counters, &gauges);
    sc_filter_lists_render(out, policy->service ? policy->service->cps : NULL);
}

static enum stir_code filter_on_reopen(void *arg, struct stir_error *err)
{
    struct sc_filter_core *core = arg;
    return filter_open_records(core, core->policy, err);
}

static void filter_on_advise(void *arg, struct stir_buf *out)
{
    const struct sc_filter_core *core = arg;
    if (core->policy->service) {
        sc_filter_lists_advise(out, core->policy->service->cps);
    }
}

static void filter_on_health(void *arg, struct sc_health *out)
{
    sc_filter_health(arg, out);
}

static void filter_on_stop(void *arg)
{
    struct sc_filter_core *core = arg;
    core->stopping = true;
    sc_join_give_up_all(core);
    sc_items_hurry(core, SC_STOP_MS);
    sc_items_forget(core);
}

static void filter_free(struct sc_filter_core *core)
{
    if (core->join) {
        sc_join_free(core);
    }
    sc_hold_free(core);
    sc_expect_free(core->expect);
    if (core->sent_binds.buckets) {
        sc_sent_free_all(core);
    }
    sc_repeat_file_close(core->repeats);
    stir_map_free(&core->lost_by_print);
    stir_map_free(&core->lost_by_last);
    sc_policy_unref(core->policy);
    if (core->lines.by_sequence.buckets) {
        sc_lines_end(core);
    }
    stir_map_free(&core->lines.by_sequence);
    sc_message_log_close(&core->judged);
    sc_message_log_close(&core->signed_);
    sc_outcomes_free(core->outcomes);
    OPENSSL_cleanse(&core->number_key, sizeof(core->number_key));
    free(core);
}

/* Counts a handle of the loop that is closed. After the last one the filter is freed. */
static void filter_on_handle_closed(struct sc_filter_core *core)
{
    if (core->open_handles && --core->open_handles == 0) {
        sc_ops_free(&core->ops);
        filter_free(core);
    }
}

static void filter_on_uv_closed(uv_handle_t *handle)
{
    filter_on_handle_closed(handle->data);
}

static void filter_close_handles(struct sc_filter_core *core)
{
    sc_outcomes_end(core->outcomes);
    core->ops.async.data = core;
    (void)sc_expect_begin_save(core);
    assert(core->open_handles == 0);
    core->open_handles = 3 + core->saving;
    sc_ops_close(&core->ops, filter_on_uv_closed);
    uv_close((uv_handle_t *)&core->timer, filter_on_uv_closed);
    uv_close((uv_handle_t *)&core->prepare, filter_on_uv_closed);
}

/* Finishes close(): when no operation is in progress, or the time is up. */
static void filter_finish_closing(struct sc_filter_core *core)
{
    bool idle = core->ops.under_way == 0 && core->ops.queued == 0;
    if (!idle && sc_now(core) < core->closing_ms) {
        return;
    }
    sc_ops_end(&core->ops);
    if (core->ops.working == 0) { /* otherwise a thread uses a handle and will be done soon */
        for (struct sc_service *service = core->services; service; service = service->next) {
            sc_service_end(service);
        }
        sc_ops_collect(&core->ops);
        filter_close_handles(core);
    }
}

static void filter_on_close(void *arg)
{
    struct sc_filter_core *core = arg;
    if (!core->closing_ms) {
        core->closing_ms = sc_now(core) + SC_CLOSE_MS;
        sc_join_give_up_all(core);
        sc_items_forget(core);
        filter_finish_closing(core);
    }
}

/* ---- making ---- */

static bool filter_init_loop(struct sc_filter_core *core, uv_loop_t *loop)
{
    if (!sc_ops_init(&core->ops, loop, sc_item_op_done)) {
        return false;
    }
    (void)uv_timer_init(loop, &core->timer);
    (void)uv_prepare_init(loop, &core->prepare);
    core->timer.data = core;
    core->prepare.data = core;
    (void)uv_prepare_start(&core->prepare, filter_on_prepare);
    return true;
}

/* Sets up everything that needs no loop. */
static enum stir_code filter_set_up(struct sc_filter_core *core, const struct sc_config *config, struct stir_error *err)
{
    sc_message_log_init(&core->judged, "[log] judged");
    sc_message_log_init(&core->signed_, "[log] signed");
    core->outcomes = sc_outcomes_new(filter_log_warning, core);
    enum stir_code code = core->outcomes && stir_map_init(&core->lines.by_sequence)
                              ? STIR_OK
                              : stir_fail(err, STIR_E_NOMEM, "out of memory");
    if (code == STIR_OK) {
        code = sc_policy_new(&core->policy, config, NULL, &core->services, core->log, err);
    }
    if (code == STIR_OK) {
        code = sc_number_key_open(&core->number_key, core->policy->number_key_file, err);
    }
    if (code == STIR_OK) {
        code = filter_open_records(core, core->policy, err);
    }
    if (code == STIR_OK && !(sc_join_init(core) && sc_hold_init(core) && sc_sent_init(core) &&
                             stir_map_init(&core->lost_by_print) && stir_map_init(&core->lost_by_last))) {
        code = stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    return code;
}

enum stir_code sc_filter_make(struct sc_filter *out, const struct sc_config *config, uv_loop_t *loop,
                              const struct stir_log *log, struct stir_error *err)
{
    struct sc_filter_core *core = calloc(1, sizeof(*core));
    if (!core) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    core->log = log;
    /* first everything that can fail without the loop, whose handles could not be freed at once */
    core->deciders[false] = &sc_sign_decider;
    core->deciders[true] = &sc_verify_decider;
    core->handle_closed = filter_on_handle_closed;
    enum stir_code code = filter_set_up(core, config, err);
    core->loop = loop;
    if (code == STIR_OK) {
        code = sc_repeat_open(core, config, err);
    }
    if (code == STIR_OK && !filter_init_loop(core, loop)) {
        code = stir_fail(err, STIR_E_NOMEM, "libuv cannot open another handle");
    }
    if (code != STIR_OK) {
        filter_free(core);
        return code;
    }
    /* from here on nothing fails */
    core->ops.max = core->policy->operations_max;
    sc_expect_open(core);
    sc_config_warn(config, filter_log_warning, core);
    *out = (struct sc_filter){.offer = filter_on_offer,
                              .abandoned = filter_on_abandoned,
                              .exempt = filter_on_exempt,
                              .answered = filter_on_answered,
                              .ended = filter_on_ended,
                              .caught_up = filter_on_caught_up,
                              .reload = filter_on_reload,
                              .reopen = filter_on_reopen,
                              .metrics = filter_on_metrics,
                              .advise = filter_on_advise,
                              .health = filter_on_health,
                              .stop = filter_on_stop,
                              .close = filter_on_close,
                              .arg = core};
    return STIR_OK;
}
