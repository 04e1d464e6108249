#include "client/gateway/filter_internal.h"

#include <stdlib.h>

/* ---- what a relay says ---- */

static void on_offer(void *arg, struct gw_held *held)
{
    struct gw_filter_core *core = arg;
    const struct gw_direction *way = &core->policy->ways[held->from];
    struct gw_message message;
    held->own = NULL;
    if (way->action == GW_PASS) {
        gw_held_pass(held);
        return;
    }
    gw_message_read(&message, held, &way->settings, &core->policy->addressing);
    bool verify = way->action == GW_VERIFY;
    char signer[CPS_AUTHORITY_MAX];
    if (!gw_sent_is_repeat(core, held, verify, signer, sizeof(signer))) {
        (verify ? gw_verify_offer : gw_sign_offer)(core, held, &message);
    } else if (verify) {
        gw_verify_again(core, held, &message, signer);
    } else {
        gw_sign_again(core, held);
    }
    gw_message_clear(&message);
}

static void on_answered(void *arg, const struct gw_bind *bind, enum gw_leg from, uint32_t sequence, uint32_t status)
{
    gw_sent_answered(arg, bind, from, sequence, status);
}

static void on_ended(void *arg, const struct gw_bind *bind)
{
    gw_sent_ended(arg, bind);
}

static void on_abandoned(void *arg, struct gw_held *held)
{
    struct gw_part *part = held->own;
    (void)arg;
    if (part && part->item) {
        gw_item_lost(part->item, part);
    } else if (part) {
        part->held = NULL; /* its text still counts: it will come again */
    }
}

void gw_filter_say(struct gw_filter_core *core, const char *what, const char *reason)
{
    uint64_t now = gw_now(core);
    if (core->said_ms && now - core->said_ms < 1000) {
        core->unsaid++;
        return;
    }
    if (core->unsaid) {
        stir_log_plain(core->log, STIR_LOG_WARNING, "%s: %s (and %llu like it)", what, reason,
                       (unsigned long long)core->unsaid);
    } else {
        stir_log_plain(core->log, STIR_LOG_WARNING, "%s: %s", what, reason);
    }
    core->said_ms = now;
    core->unsaid = 0;
}

/* ---- the loop ---- */

static void finish_closing(struct gw_filter_core *core);

static void on_timer(uv_timer_t *timer)
{
    struct gw_filter_core *core = timer->data;
    core->timer_ms = 0;
    gw_join_expire(core);
    gw_items_expire(core);
    gw_sent_expire(core);
}

static uint64_t next_due(const struct gw_filter_core *core)
{
    const uint64_t dues[] = {gw_items_due(core), gw_join_due(core), gw_sent_due(core),
                             core->closing_ms ? core->closing_ms : UINT64_MAX};
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++) {
        due = dues[i] < due ? dues[i] : due;
    }
    return due;
}

/* Before the loop waits: what has gathered is written, and the timer is set to what comes first. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct gw_filter_core *core = prepare->data;
    gw_judge_flush(&core->judge, &core->counters.judged_lost);
    if (core->closing_ms) {
        finish_closing(core);
    }
    if (core->open_handles) {
        return;
    }
    uint64_t due = next_due(core), now = gw_now(core);
    if (due == UINT64_MAX) {
        (void)uv_timer_stop(&core->timer);
        core->timer_ms = 0;
    } else if (due != core->timer_ms) {
        (void)uv_timer_start(&core->timer, on_timer, due > now ? due - now : 0, 0);
        core->timer_ms = due;
    }
}

/* ---- what the gateway says ---- */

static enum stir_code on_reload(void *arg, const struct gw_config *config, struct stir_error *err)
{
    struct gw_filter_core *core = arg;
    struct gw_policy *policy = NULL;
    enum stir_code code = gw_policy_new(&policy, config, core->policy, &core->services, core->log, err);
    if (code == STIR_OK) {
        code = gw_judge_open(&core->judge, policy->judged, err);
    }
    if (code != STIR_OK) {
        gw_policy_unref(policy);
        return code;
    }
    gw_policy_unref(core->policy);
    core->policy = policy;
    core->ops.max = policy->operations_max;
    smpp_join_set_limits(core->join, &policy->join);
    return STIR_OK;
}

static void on_metrics(void *arg, struct stir_buf *out)
{
    struct gw_filter_core *core = arg;
    const struct gw_policy *policy = core->policy;
    struct smpp_join_bounds join = smpp_join_held(core->join);
    struct gw_filter_gauges gauges = {
        .queued = core->ops.queued,
        .under_way = core->ops.under_way,
        .undecided = core->signing.count + core->verifying.count,
        .join_messages = join.messages,
        .join_segments = join.segments,
        .join_octets = join.octets,
        .tenants = policy->tenants ? cps_tenants_count(policy->tenants) : 0,
        .recipients = policy->recipients ? gw_recipients_size(policy->recipients) : 0,
        .has_spool = policy->service && policy->service->has_spool,
    };
    gauges.has_spool = gauges.has_spool && cps_spool_stats(policy->service->cps, &gauges.spool, NULL) == CPS_OK;
    gw_filter_metrics_render(out, &core->counters, &gauges);
}

static void on_stop(void *arg)
{
    struct gw_filter_core *core = arg;
    core->stopping = true;
    gw_join_give_up_all(core);
    gw_items_hurry(core, GW_STOP_MS);
    gw_items_forget(core);
}

static void free_core(struct gw_filter_core *core)
{
    if (core->join) {
        gw_join_free(core);
    }
    if (core->sent_binds.buckets) {
        gw_sent_free_all(core);
    }
    cps_map_free(&core->lost_by_print);
    gw_policy_unref(core->policy);
    gw_judge_close(&core->judge);
    free(core);
}

static void on_closed(uv_handle_t *handle)
{
    struct gw_filter_core *core = handle->data;
    if (--core->open_handles == 0) {
        gw_ops_free(&core->ops);
        free_core(core);
    }
}

static void close_handles(struct gw_filter_core *core)
{
    gw_judge_flush(&core->judge, &core->counters.judged_lost);
    core->ops.async.data = core;
    core->open_handles = 3;
    gw_ops_close(&core->ops, on_closed);
    uv_close((uv_handle_t *)&core->timer, on_closed);
    uv_close((uv_handle_t *)&core->prepare, on_closed);
}

/* The end: when nothing is under way any more, or there is no more time. */
static void finish_closing(struct gw_filter_core *core)
{
    bool idle = core->ops.under_way == 0 && core->ops.queued == 0;
    if (!idle && gw_now(core) < core->closing_ms) {
        return;
    }
    gw_ops_end(&core->ops);
    if (core->ops.working == 0) { /* otherwise a thread is in a handle, and done presently */
        for (struct gw_service *service = core->services; service; service = service->next) {
            gw_service_end(service);
        }
        gw_ops_collect(&core->ops);
        close_handles(core);
    }
}

static void on_close(void *arg)
{
    struct gw_filter_core *core = arg;
    if (!core->closing_ms) {
        core->closing_ms = gw_now(core) + GW_CLOSE_MS;
        gw_join_give_up_all(core);
        gw_items_forget(core);
        finish_closing(core);
    }
}

/* ---- making ---- */

static bool init_loop(struct gw_filter_core *core, uv_loop_t *loop)
{
    core->loop = loop;
    if (!gw_ops_init(&core->ops, loop, gw_item_op_done)) {
        return false;
    }
    (void)uv_timer_init(loop, &core->timer);
    (void)uv_prepare_init(loop, &core->prepare);
    core->timer.data = core;
    core->prepare.data = core;
    (void)uv_prepare_start(&core->prepare, on_prepare);
    return true;
}

/* What does not touch the loop. */
static enum stir_code set_up(struct gw_filter_core *core, const struct gw_config *config, struct stir_error *err)
{
    enum stir_code code = gw_judge_init(&core->judge, err);
    if (code == STIR_OK) {
        code = gw_policy_new(&core->policy, config, NULL, &core->services, core->log, err);
    }
    if (code == STIR_OK) {
        code = gw_judge_open(&core->judge, core->policy->judged, err);
    }
    if (code == STIR_OK && !(gw_join_init(core) && gw_sent_init(core) && cps_map_init(&core->lost_by_print))) {
        code = stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    return code;
}

enum stir_code gw_filter_make(struct gw_filter *out, const struct gw_config *config, uv_loop_t *loop,
                              const struct stir_log *log, struct stir_error *err)
{
    struct gw_filter_core *core = calloc(1, sizeof(*core));
    if (!core) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    core->log = log;
    enum stir_code code = set_up(core, config, err);
    if (code == STIR_OK && !init_loop(core, loop)) {
        code = stir_fail(err, STIR_E_NOMEM, "the loop takes no more handles");
    }
    if (code != STIR_OK) {
        free_core(core);
        return code;
    }
    core->ops.max = core->policy->operations_max;
    *out = (struct gw_filter){.offer = on_offer,
                              .abandoned = on_abandoned,
                              .answered = on_answered,
                              .ended = on_ended,
                              .reload = on_reload,
                              .metrics = on_metrics,
                              .stop = on_stop,
                              .close = on_close,
                              .arg = core};
    return STIR_OK;
}

enum stir_code gw_filter_check(const struct gw_config *config, struct stir_error *err)
{
    char none[] = "";
    struct gw_service *services = NULL;
    struct gw_policy *policy = NULL;
    struct gw_config checked = *config; /* its texts stay the other's */
    checked.spool_file = none;
    if (checked.trust_replay == GW_REPLAY_SQLITE) {
        checked.trust_replay = GW_REPLAY_MEMORY;
        checked.trust_replay_file = none;
    }
    struct stir_log silence = {.fd = -1, .level = STIR_LOG_ERROR};
    enum stir_code code = gw_policy_new(&policy, &checked, NULL, &services, &silence, err);
    gw_policy_unref(policy);
    return code;
}
