/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/decide.h"

#include "client/lib/sign/signer.h"
#include "client/sidecar/filter/filter_core.h"
#include "client/sidecar/filter/segments.h"

#include "client/smpp/time.h"

#include <stdlib.h>
#include <time.h>

/* Signs messages: publishes a PASSporT for each destination of a message, so that no receiver learns of the others
 * and no PASSporT is used twice. */

/* ---- the record ---- */

/* What the record says about a message. */
struct outcome {
    enum sc_outcome outcome;
    unsigned why; /* if it is unsigned or refused: SC_UNFIT_... or SC_UNSIGNED_... */
    const char *detail;
    uint64_t arrived_ms;
    unsigned segments;
};

static bool sign_has_tenant(const struct sc_policy *policy, const char *system_id)
{
    struct cps_signer *signer = NULL;
    bool has = policy->tenants && cps_tenants_signer(policy->tenants, system_id, &signer, NULL) == CPS_OK;
    cps_signer_free(signer);
    return has;
}

/* Counts a message, warns if it has no PASSporT, and writes its line in the record. */
static void sign_record(struct sc_filter_core *core, struct sc_line *line, struct sc_line_subject *subject,
                        const struct outcome *outcome)
{
    bool tenant = sign_has_tenant(core->policy, subject->system_id);
    bool bad = outcome->outcome == SC_OUTCOME_UNSIGNED || outcome->outcome == SC_OUTCOME_REFUSED;
    struct stir_buf text = {0};
    struct sc_signed made = {.subject = *subject,
                             .tenant = tenant ? subject->system_id : NULL,
                             .outcome = outcome->outcome,
                             .why = outcome->why,
                             .detail = outcome->detail,
                             .waited_ms = sc_now(core) - outcome->arrived_ms,
                             .segments = outcome->segments};
    made.subject.numbers = core->policy->log_numbers;
    /* an outcome without a PASSporT is warned about, at a limited rate */
    if (bad) {
        sc_outcomes_warn(core->outcomes, subject->system_id, tenant, outcome->outcome, outcome->why, outcome->detail,
                         sc_now(core));
    } else {
        sc_outcomes_count(core->outcomes, subject->system_id, tenant, outcome->outcome);
    }
    if (core->signed_.on) {
        sc_line_write_signed(&text, &core->number_key, &made);
        sc_line_say(line, &core->signed_, &text, outcome->outcome != SC_OUTCOME_REFUSED);
    } else {
        sc_line_drop(line);
    }
}

static struct sc_line_subject sign_subject(const struct sc_held *held, const struct sc_message *message)
{
    return (struct sc_line_subject){.from = held->from,
                                    .system_id = held->bind->system_id,
                                    .orig = message->has_orig ? message->orig.text : NULL,
                                    .dest = message->dest_count ? message->dests[0].text : NULL,
                                    .dest_count = message->dest_count};
}

/* Records a held message before it is decided. */
static void sign_record_held(struct sc_filter_core *core, const struct sc_held *held, const struct sc_message *message,
                             struct outcome outcome)
{
    struct sc_line_subject subject = sign_subject(held, message);
    outcome.arrived_ms = held->arrived_ms;
    outcome.segments = 1;
    sign_record(core, sc_line_of_held(core, &core->signed_, held), &subject, &outcome);
}

static void sign_record_item(struct sc_item *item, struct sc_line *line, struct outcome outcome)
{
    struct sc_line_subject subject = {.from = item->from,
                                      .system_id = item->system_id,
                                      .orig = item->orig,
                                      .dest = item->dests[0],
                                      .dest_count = item->dest_count};
    outcome.arrived_ms = item->arrived_ms;
    outcome.segments = item->segments;
    item->recorded = true;
    item->line = NULL;
    sign_record(item->core, line, &subject, &outcome);
}

/* ---- what goes on unsigned, or not at all ---- */

static void sign_pass_unsigned(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                               unsigned why)
{
    core->counters.unsigned_[why]++;
    sign_record_held(core, held, message, (struct outcome){.outcome = SC_OUTCOME_UNSIGNED, .why = why});
    sc_held_pass(held);
}

static void sign_refuse(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                        unsigned why)
{
    core->counters.rejected[why]++;
    sign_record_held(core, held, message, (struct outcome){.outcome = SC_OUTCOME_REFUSED, .why = why});
    sc_held_answer(held, core->policy->sign.reject_status);
}

/* Forwards a message whose PASSporT is at the CPS, and remembers it until it is answered. */
static void sign_pass_signed(struct sc_filter_core *core, struct sc_held *held, const struct sc_passed *passed)
{
    struct sc_sent *sent = sc_sent_new(held, passed);
    sc_held_pass(held);
    sc_sent_add(core, sent);
}

void sc_sign_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                   const struct sc_passed *passed)
{
    sign_record_held(core, held, message,
                     (struct outcome){.outcome = SC_OUTCOME_SIGNED,
                                      .detail = passed->refused ? "sent again after the peer refused it"
                                                                : "sent again after its connection was lost"});
    sign_pass_signed(core, held, passed);
}

static void sign_release(struct sc_filter_core *core, struct sc_part *part, struct sc_held *held)
{
    (void)core;
    (void)part;
    sc_held_pass(held); /* the PASSporT of the whole message is published with the last segment */
}

static void sign_pass_parts(struct sc_part *parts)
{
    for (struct sc_part *part = parts; part; part = part->next) {
        if (part->held) {
            sc_held_pass(part->held);
        }
    }
}

/* Records held segments that will not be a complete message. */
static void sign_record_parts(struct sc_filter_core *core, const struct sc_part *parts, unsigned why)
{
    const struct sc_policy *policy = core->policy;
    struct sc_held *first = sc_parts_held(parts);
    struct sc_message message;
    if (first) {
        sc_message_read(&message, first, &policy->ways[first->from].settings, &policy->addressing);
        struct sc_line_subject subject = sign_subject(first, &message);
        const struct outcome outcome = {.outcome = SC_OUTCOME_UNSIGNED,
                                        .why = why,
                                        .arrived_ms = first->arrived_ms,
                                        .segments = (unsigned)sc_parts_count(parts)};
        sign_record(core, sc_line_of_parts(core, &core->signed_, parts), &subject, &outcome);
        sc_message_clear(&message);
    }
}

static void sign_give_up_parts(struct sc_filter_core *core, struct sc_part *parts, unsigned why)
{
    core->counters.unsigned_[why] += sc_parts_count(parts);
    sign_record_parts(core, parts, why);
    sc_parts_reorder(parts);
    sign_pass_parts(parts);
    sc_parts_free(parts);
}

static void sign_give_up(struct sc_filter_core *core, struct sc_part *parts, enum sc_unsigned why, const char *reason)
{
    (void)reason; /* only verify.c uses it */
    sign_give_up_parts(core, parts, why);
}

static void sign_incomplete(struct sc_filter_core *core, enum sc_leg from, const char *system_id, unsigned segments,
                            enum sc_unsigned why)
{
    struct sc_line_subject subject = {.from = from, .system_id = system_id};
    const struct outcome outcome = {.outcome = SC_OUTCOME_UNSIGNED,
                                    .why = why,
                                    .arrived_ms = sc_now(core),
                                    .segments = segments};
    core->counters.unsigned_[why] += segments;
    sign_record(core, NULL, &subject, &outcome);
}

/* Forwards or rejects an item that is not signed. */
static void sign_fail(struct sc_item *item, unsigned why, enum sc_forward forward, const char *detail)
{
    struct sc_filter_core *core = item->core;
    struct sc_filter_counters *counters = &core->counters;
    bool forwards = forward == SC_FORWARD;
    sc_waited_add(&counters->waited_sign, sc_now(core) - item->arrived_ms);
    ++(forwards ? counters->unsigned_ : counters->rejected)[why];
    sign_record_item(item, sc_line_of_parts(core, &core->signed_, item->parts),
                     (struct outcome){.outcome = forwards ? SC_OUTCOME_UNSIGNED : SC_OUTCOME_REFUSED,
                                      .why = why,
                                      .detail = detail});
    if (forwards) {
        sign_pass_parts(item->parts);
    }
    for (struct sc_part *part = item->parts; part && !forwards; part = part->next) {
        if (part->held) {
            sc_held_answer(part->held, item->policy->sign.reject_status);
        }
    }
    sc_item_decided(item);
}

/* ---- the outcome ---- */

/* Returns why an item has no PASSporT. */
static unsigned sign_reason(const struct sc_item *item)
{
    switch (item->worst->code) {
    case CPS_E_NOT_FOUND: /* there is no key record, so no verifier expects a PASSporT */
        return SC_UNSIGNED_NO_KEY;
    case CPS_E_OUTSIDE:
    case CPS_E_CERT_SCOPE:
    case CPS_E_CERT_CONSTRAINT:
        return SC_UNSIGNED_NOT_COVERED;
    default:
        return SC_UNSIGNED_FAILED;
    }
}

/* Records the result for a message that was forwarded before its PASSporT was published. */
static void sign_settled_late(struct sc_item *item)
{
    struct sc_filter_counters *counters = &item->core->counters;
    ++*(item->worst ? &counters->late_lost : item->spooled ? &counters->late_spooled : &counters->late_published);
    if (item->recorded) { /* it is recorded as unsigned already */
        return;
    }
    enum sc_outcome outcome = item->worst     ? SC_OUTCOME_UNSIGNED
                              : item->spooled ? SC_OUTCOME_SPOOLED
                                              : SC_OUTCOME_SIGNED;
    sign_record_item(item, item->line,
                     (struct outcome){.outcome = outcome,
                                      .why = item->worst ? sign_reason(item) : 0,
                                      .detail =
                                          item->worst ? item->worst->reason : "published after it was forwarded"});
}

static void sign_settled_open(struct sc_item *item)
{
    struct sc_filter_core *core = item->core;
    struct sc_filter_counters *counters = &core->counters;
    const struct sc_policy *policy = item->policy;
    /* without a key no verifier waits for a PASSporT, so the message may always pass */
    if (item->worst) {
        unsigned why = sign_reason(item);
        sign_fail(item, why,
                  why == SC_UNSIGNED_NO_KEY        ? SC_FORWARD
                  : why == SC_UNSIGNED_NOT_COVERED ? policy->sign.outside
                                                   : policy->sign.on_failure,
                  item->worst->reason);
        return;
    }
    ++*(item->spooled ? &counters->spooled : &counters->published);
    sc_waited_add(&counters->waited_sign, sc_now(core) - item->arrived_ms);
    sign_record_item(item, sc_line_of_parts(core, &core->signed_, item->parts),
                     (struct outcome){.outcome = item->spooled ? SC_OUTCOME_SPOOLED : SC_OUTCOME_SIGNED});
    /* the record needs the held PDUs, so it comes before they are forwarded */
    struct sc_passed passed = {.signed_ms = item->signed_ms, .life_s = item->life_s};
    for (struct sc_part *part = item->parts; part; part = part->next) {
        if (part->held) {
            sign_pass_signed(core, part->held, &passed);
        }
    }
    sc_item_decided(item);
}

static void sign_settled(struct sc_item *item)
{
    if (item->state == SC_ITEM_OPEN) {
        sign_settled_open(item);
    } else if (item->state == SC_ITEM_DECIDED) {
        if (item->late) {
            sign_settled_late(item);
        }
        sc_item_decided(item);
    } else if (item->worst && !item->released) {
        sc_item_forget(item); /* if the whole message is sent again, that is a new attempt */
    }
}

static void sign_expired(struct sc_item *item)
{
    enum sc_forward on_failure = item->policy->sign.on_failure;
    item->late = on_failure == SC_FORWARD;
    sign_fail(item, SC_UNSIGNED_TIMEOUT, on_failure, NULL);
}

/* ---- the beginning ---- */

/* Returns the life of a PASSporT in seconds. If the message centre is to deliver the message later, the PASSporT
 * must live until then, if [sign] scheduled_life_s allows it. */
static uint32_t sign_choose_life(struct sc_filter_core *core, const struct sc_held *held)
{
    const struct sc_policy *policy = core->policy;
    uint32_t life_s = policy->sign.life_s;
    int64_t delay_s = 0;
    if (!smpp_time_read(&delay_s, held->pdu.schedule_delivery_time, (int64_t)time(NULL)) || delay_s < life_s) {
        return life_s;
    }
    if (delay_s + life_s <= policy->sign.scheduled_life_s) {
        core->counters.scheduled_long++;
        return (uint32_t)delay_s + life_s;
    }
    core->counters.scheduled_short++;
    sc_filter_say(core, "a message is scheduled to be delivered when its PASSporT will have expired",
                  "its verifier will find no PASSporT; see [sign] scheduled_life_s");
    return life_s;
}

static void sign_fill_op(struct sc_op *op, const struct sc_policy *policy, struct cps_signer *signer,
                         const struct cps_key *const *keys, size_t key_count)
{
    op->kind = SC_OP_PUBLISH;
    op->message.iat = (int64_t)time(NULL);
    op->signer = cps_signer_ref(signer);
    op->keys = keys;
    op->key_count = key_count;
    op->ttl_s = policy->sign.ttl_s;
    op->spooling = policy->sign.spooling;
}

static bool sign_has_key(const struct sc_policy *policy, const struct sc_message *message)
{
    const struct cps_key *const *keys = NULL;
    if (policy->sign.find) {
        return true; /* key records are looked for later */
    }
    for (size_t i = 0; i < message->dest_count; i++) {
        if (sc_recipients_find(policy->recipients, &message->dests[i], &keys)) {
            return true;
        }
    }
    return false;
}

static void sign_set_life(struct sc_filter_core *core, struct sc_item *item, const struct sc_held *held)
{
    item->signed_ms = sc_now(core);
    item->life_s = sign_choose_life(core, held);
    for (size_t i = 0; i < item->op_count && item->life_s > core->policy->sign.life_s; i++) {
        struct sc_op *op = &item->ops[i];
        op->ttl_s = op->ttl_s > item->life_s ? op->ttl_s : item->life_s;
    }
}

/* Begins to publish the PASSporTs of a message. Its parts wait for that; without parts the message is forwarded
 * meanwhile. Returns false, with nothing taken over, if out of memory. */
static bool sign_begin(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                       struct sc_part *parts, struct stir_buf *body)
{
    const struct sc_policy *policy = core->policy;
    struct cps_signer *signer = NULL;
    struct sc_item *item = NULL;
    if (cps_tenants_signer(policy->tenants, held->bind->system_id, &signer, NULL) == CPS_OK) {
        item = sc_item_new(core, message, held, parts, body, false);
    }
    if (!item) {
        cps_signer_free(signer);
        return false;
    }
    /* one PASSporT per destination with known keys */
    for (size_t i = 0; i < message->dest_count; i++) {
        const struct cps_key *const *keys = NULL;
        size_t count = sc_recipients_find(policy->recipients, &message->dests[i], &keys);
        if (count || policy->sign.find) {
            sign_fill_op(sc_item_op(item, i), policy, signer, keys, count);
        }
    }
    cps_signer_free(signer);
    sign_set_life(core, item, held);
    item->late = parts == NULL;
    item->line = parts ? NULL : sc_line_of_held(core, &core->signed_, held);
    /* a message that lost its connection while it was being signed continues there */
    if (!parts || !sc_item_is_repeat(item)) {
        sc_item_begin(item);
    }
    return true;
}

/* Returns true if the message is forwarded while its PASSporT is published. If [cps] max_in_flight operations are
 * in progress, messages wait, so that they cannot outrun the CPS forever. */
static bool sign_is_beside(const struct sc_filter_core *core, const struct sc_held *held)
{
    const struct sc_policy *policy = core->policy;
    bool prompt = !policy->sign.ussd_waits && smpp_pdu_is_ussd(&held->pdu);
    return (prompt || policy->sign.mode == SC_PUBLISH_BESIDE) &&
           core->ops.under_way + core->ops.queued < policy->operations_max;
}

/* Signs a whole message, or the last segment of a message whose other segments were forwarded. `body` is emptied. */
static void sign_one(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                     struct stir_buf *body)
{
    bool beside = sign_is_beside(core, held);
    struct sc_part *part = beside ? NULL : sc_part_new(held, false);
    if ((!part && !beside) || !sign_begin(core, held, message, part, body)) {
        free(part);
        sign_pass_unsigned(core, held, message, SC_UNFIT_MEMORY);
    } else if (beside) {
        core->counters.beside++;
        sc_held_pass(held);
    }
}

/* ---- segments ---- */

/* Signs a message whose segments are held: all of them, or some if the configuration has changed meanwhile. */
static void sign_complete_held(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                               struct sc_part *parts, struct stir_buf *body, enum sc_unfit unfit)
{
    if (!held->own) {
        struct sc_part *last = sc_part_new(held, false);
        *sc_parts_end(&parts) = last;
        if (!last) {
            sign_pass_unsigned(core, held, message, SC_UNFIT_MEMORY);
            sign_give_up_parts(core, parts, SC_UNFIT_MEMORY);
            return;
        }
    }
    sc_parts_reorder(parts);
    if (unfit != SC_FIT || !sign_begin(core, held, message, parts, body)) {
        sign_give_up_parts(core, parts, unfit == SC_FIT ? SC_UNFIT_MEMORY : unfit);
    }
}

static void sign_complete(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                          struct sc_joined *joined)
{
    struct stir_buf body = {.limit = SC_BODY_MAX};
    enum sc_unfit unfit = sc_message_body(message, joined->message, &body, NULL);
    smpp_joined_free(joined->message);
    if (joined->parts) {
        sign_complete_held(core, held, message, joined->parts, &body, unfit);
    } else if (unfit == SC_FIT) {
        sign_one(core, held, message, &body);
    } else {
        sign_pass_unsigned(core, held, message, unfit);
    }
    stir_buf_free(&body);
}

static void sign_segment(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message)
{
    bool strict = core->policy->strict;
    struct sc_part *part = strict ? sc_part_new(held, false) : NULL;
    if (strict && !part) {
        sign_pass_unsigned(core, held, message, SC_UNFIT_MEMORY);
        return;
    }
    struct sc_joined joined = sc_join_add(core, held, message, part);
    if (joined.result == SC_JOIN_COMPLETE) {
        sign_complete(core, held, message, &joined);
    } else if (joined.result == SC_JOIN_REFUSED) {
        free(part);
        sign_pass_unsigned(core, held, message, SC_UNSIGNED_OVERFLOW);
    } else if (joined.result == SC_JOIN_CONTESTED) {
        free(part);
        sign_pass_unsigned(core, held, message, SC_UNSIGNED_CONTESTED);
    } else if (!strict) {
        sc_held_pass(held);
    }
}

static void sign_whole(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message)
{
    struct stir_buf body = {.limit = SC_BODY_MAX};
    enum sc_unfit unfit = sc_message_body(message, NULL, &body, NULL);
    if (unfit == SC_FIT) {
        sign_one(core, held, message, &body);
    } else {
        sign_pass_unsigned(core, held, message, unfit);
    }
    stir_buf_free(&body);
}

void sc_sign_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message)
{
    const struct sc_policy *policy = core->policy;
    struct cps_signer *signer = NULL;
    if (message->unfit != SC_FIT) {
        sign_pass_unsigned(core, held, message, message->unfit);
        return;
    }
    (void)!cps_tenants_signer(policy->tenants, held->bind->system_id, &signer, NULL);
    bool known = signer != NULL;
    bool owns = known && cps_scope_has(signer->scope, &message->orig);
    cps_signer_free(signer);
    if (!owns) {
        (policy->sign.outside == SC_FORWARD
             ? sign_pass_unsigned
             : sign_refuse)(core, held, message, known ? SC_UNSIGNED_OUTSIDE : SC_UNSIGNED_TENANT);
    } else if (!sign_has_key(policy, message)) {
        sign_pass_unsigned(core, held, message, SC_UNSIGNED_NO_KEY);
    } else {
        (sc_message_is_segment(message) ? sign_segment : sign_whole)(core, held, message);
    }
}

const struct sc_decider sc_sign_decider = {
    .settled = sign_settled,
    .expired = sign_expired,
    .release = sign_release,
    .give_up = sign_give_up,
    .incomplete = sign_incomplete,
};
