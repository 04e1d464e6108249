#include "client/lib/sign/signer.h"
#include "client/sidecar/filter/filter_internal.h"
#include "client/smpp/time.h"

#include <stdlib.h>
#include <time.h>

/* The direction whose messages are vouched for: a PASSporT for each is published, one a destination, so that none
 * learns of the others and none is used twice. */

/* ---- the record ---- */

/* What the record says of a message. */
struct outcome {
    enum gw_outcome outcome;
    unsigned why; /* of one that is unsigned or refused */
    const char *detail;
    uint64_t arrived_ms;
    unsigned segments;
};

static bool has_tenant(const struct gw_policy *policy, const char *system_id)
{
    struct cps_signer *signer = NULL;
    bool has = policy->tenants && cps_tenants_signer(policy->tenants, system_id, &signer, NULL) == CPS_OK;
    cps_signer_free(signer);
    return has;
}

/* Counts a message, warns of it where it has no PASSporT, and writes its line. */
static void record(struct gw_filter_core *core, struct gw_line *line, struct gw_line_subject *subject,
                   const struct outcome *outcome)
{
    bool tenant = has_tenant(core->policy, subject->system_id);
    bool bad = outcome->outcome == GW_OUTCOME_UNSIGNED || outcome->outcome == GW_OUTCOME_REFUSED;
    struct stir_buf text = {0};
    struct gw_signed made = {.subject = *subject,
                             .tenant = tenant ? subject->system_id : NULL,
                             .outcome = outcome->outcome,
                             .why = outcome->why,
                             .detail = outcome->detail,
                             .waited_ms = gw_now(core) - outcome->arrived_ms,
                             .segments = outcome->segments};
    made.subject.numbers = core->policy->log_numbers;
    if (bad) {
        gw_outcomes_warn(core->outcomes, subject->system_id, tenant, outcome->outcome, outcome->why, outcome->detail,
                         gw_now(core));
    } else {
        gw_outcomes_count(core->outcomes, subject->system_id, tenant, outcome->outcome);
    }
    if (core->signed_.on) {
        gw_line_write_signed(&text, &core->number_key, &made);
        gw_line_say(line, &core->signed_, &text, outcome->outcome != GW_OUTCOME_REFUSED);
    } else {
        gw_line_drop(line);
    }
}

static struct gw_line_subject subject_of(const struct gw_held *held, const struct gw_message *message)
{
    return (struct gw_line_subject){.from = held->from,
                                    .system_id = held->bind->system_id,
                                    .orig = message->has_orig ? message->orig.text : NULL,
                                    .dest = message->dest_count ? message->dests[0].text : NULL,
                                    .dest_count = message->dest_count};
}

/* Of a message that is held, before it is decided. */
static void record_held(struct gw_filter_core *core, const struct gw_held *held, const struct gw_message *message,
                        struct outcome outcome)
{
    struct gw_line_subject subject = subject_of(held, message);
    outcome.arrived_ms = held->arrived_ms;
    outcome.segments = 1;
    record(core, gw_line_of_held(core, &core->signed_, held), &subject, &outcome);
}

static void record_item(struct gw_item *item, struct gw_line *line, struct outcome outcome)
{
    struct gw_line_subject subject = {.from = item->from,
                                      .system_id = item->system_id,
                                      .orig = item->orig,
                                      .dest = item->dests[0],
                                      .dest_count = item->dest_count};
    outcome.arrived_ms = item->arrived_ms;
    outcome.segments = item->segments;
    item->recorded = true;
    item->line = NULL;
    record(item->core, line, &subject, &outcome);
}

/* ---- what goes on unsigned, or not at all ---- */

static void go_unsigned(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                        unsigned why)
{
    core->counters.unsigned_[why]++;
    record_held(core, held, message, (struct outcome){.outcome = GW_OUTCOME_UNSIGNED, .why = why});
    gw_held_pass(held);
}

static void refuse(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message, unsigned why)
{
    core->counters.rejected[why]++;
    record_held(core, held, message, (struct outcome){.outcome = GW_OUTCOME_REFUSED, .why = why});
    gw_held_answer(held, core->policy->sign.reject_status);
}

/* With its PASSporT at the CPS. */
static void pass_signed(struct gw_filter_core *core, struct gw_held *held, const struct gw_passed *passed)
{
    struct gw_sent *sent = gw_sent_new(held, passed);
    gw_held_pass(held);
    gw_sent_add(core, sent);
}

void gw_sign_again(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                   const struct gw_passed *passed)
{
    record_held(core, held, message,
                (struct outcome){.outcome = GW_OUTCOME_SIGNED,
                                 .detail = passed->refused ? "sent again after the peer refused it"
                                                           : "sent again after its connection was lost"});
    pass_signed(core, held, passed);
}

void gw_sign_release(struct gw_filter_core *core, struct gw_part *part, struct gw_held *held)
{
    (void)core;
    (void)part;
    gw_held_pass(held); /* the last segment publishes the PASSporT of all */
}

static void pass_all(struct gw_part *parts)
{
    for (struct gw_part *part = parts; part; part = part->next) {
        if (part->held) {
            gw_held_pass(part->held);
        }
    }
}

/* Of segments that are held and will not be a message. */
static void record_parts(struct gw_filter_core *core, const struct gw_part *parts, unsigned why)
{
    const struct gw_policy *policy = core->policy;
    struct gw_held *first = gw_parts_held(parts);
    struct gw_message message;
    if (first) {
        gw_message_read(&message, first, &policy->ways[first->from].settings, &policy->addressing);
        struct gw_line_subject subject = subject_of(first, &message);
        const struct outcome outcome = {.outcome = GW_OUTCOME_UNSIGNED,
                                        .why = why,
                                        .arrived_ms = first->arrived_ms,
                                        .segments = (unsigned)gw_parts_count(parts)};
        record(core, gw_line_of_parts(core, &core->signed_, parts), &subject, &outcome);
        gw_message_clear(&message);
    }
}

void gw_sign_give_up(struct gw_filter_core *core, struct gw_part *parts, unsigned why)
{
    core->counters.unsigned_[why] += gw_parts_count(parts);
    record_parts(core, parts, why);
    gw_parts_reorder(parts);
    pass_all(parts);
    gw_parts_free(parts);
}

void gw_sign_incomplete(struct gw_filter_core *core, enum gw_leg from, const char *system_id, unsigned segments,
                        unsigned why)
{
    struct gw_line_subject subject = {.from = from, .system_id = system_id};
    const struct outcome outcome = {.outcome = GW_OUTCOME_UNSIGNED,
                                    .why = why,
                                    .arrived_ms = gw_now(core),
                                    .segments = segments};
    core->counters.unsigned_[why] += segments;
    record(core, NULL, &subject, &outcome);
}

/* An item that is not signed. */
static void fail(struct gw_item *item, unsigned why, enum gw_forward forward, const char *detail)
{
    struct gw_filter_core *core = item->core;
    struct gw_filter_counters *counters = &core->counters;
    bool forwards = forward == GW_FORWARD;
    gw_waited_add(&counters->waited_sign, gw_now(core) - item->arrived_ms);
    ++(forwards ? counters->unsigned_ : counters->rejected)[why];
    record_item(item, gw_line_of_parts(core, &core->signed_, item->parts),
                (struct outcome){.outcome = forwards ? GW_OUTCOME_UNSIGNED : GW_OUTCOME_REFUSED,
                                 .why = why,
                                 .detail = detail});
    if (forwards) {
        pass_all(item->parts);
    }
    for (struct gw_part *part = item->parts; part && !forwards; part = part->next) {
        if (part->held) {
            gw_held_answer(part->held, item->policy->sign.reject_status);
        }
    }
    gw_item_decided(item);
}

/* ---- the outcome ---- */

/* Why an item has no PASSporT. */
static unsigned reason_of(const struct gw_item *item)
{
    switch (item->worst->code) {
    case CPS_E_NOT_FOUND: /* there is no key record: nobody waits for a PASSporT */
        return GW_UNSIGNED_NO_KEY;
    case CPS_E_OUTSIDE:
    case CPS_E_CERT_SCOPE:
    case CPS_E_CERT_CONSTRAINT:
        return GW_UNSIGNED_NOT_COVERED;
    default:
        return GW_UNSIGNED_FAILED;
    }
}

/* Of a message that has gone on before its PASSporT was published. */
static void settled_late(struct gw_item *item)
{
    struct gw_filter_counters *counters = &item->core->counters;
    ++*(item->worst ? &counters->late_lost : item->spooled ? &counters->late_spooled : &counters->late_published);
    if (item->recorded) { /* it had to go on unsigned */
        return;
    }
    enum gw_outcome outcome = item->worst     ? GW_OUTCOME_UNSIGNED
                              : item->spooled ? GW_OUTCOME_SPOOLED
                                              : GW_OUTCOME_SIGNED;
    record_item(item, item->line,
                (struct outcome){.outcome = outcome,
                                 .why = item->worst ? reason_of(item) : 0,
                                 .detail = item->worst ? item->worst->reason : "published after it was forwarded"});
}

static void settled_open(struct gw_item *item)
{
    struct gw_filter_core *core = item->core;
    struct gw_filter_counters *counters = &core->counters;
    const struct gw_policy *policy = item->policy;
    if (item->worst) {
        unsigned why = reason_of(item);
        fail(item, why,
             why == GW_UNSIGNED_NO_KEY        ? GW_FORWARD
             : why == GW_UNSIGNED_NOT_COVERED ? policy->sign.outside
                                              : policy->sign.on_failure,
             item->worst->reason);
        return;
    }
    ++*(item->spooled ? &counters->spooled : &counters->published);
    gw_waited_add(&counters->waited_sign, gw_now(core) - item->arrived_ms);
    record_item(item, gw_line_of_parts(core, &core->signed_, item->parts),
                (struct outcome){.outcome = item->spooled ? GW_OUTCOME_SPOOLED : GW_OUTCOME_SIGNED});
    struct gw_passed passed = {.signed_ms = item->signed_ms, .life_s = item->life_s};
    for (struct gw_part *part = item->parts; part; part = part->next) {
        if (part->held) {
            pass_signed(core, part->held, &passed);
        }
    }
    gw_item_decided(item);
}

void gw_sign_settled(struct gw_item *item)
{
    if (item->state == GW_ITEM_OPEN) {
        settled_open(item);
    } else if (item->state == GW_ITEM_DECIDED) {
        if (item->late) {
            settled_late(item);
        }
        gw_item_decided(item);
    } else if (item->worst && !item->released) {
        gw_item_forget(item); /* its repetition is a new attempt, if all of it is repeated */
    }
}

void gw_sign_expired(struct gw_item *item)
{
    enum gw_forward on_failure = item->policy->sign.on_failure;
    item->late = on_failure == GW_FORWARD;
    fail(item, GW_UNSIGNED_TIMEOUT, on_failure, NULL);
}

/* ---- the beginning ---- */

/* A message that the message centre is to deliver later: its PASSporT must live until then, if that is allowed. Returns
 * how long it lives, in seconds. */
static uint32_t choose_life(struct gw_filter_core *core, const struct gw_held *held)
{
    const struct gw_policy *policy = core->policy;
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
    gw_filter_say(core, "a message is scheduled to be delivered when its PASSporT will have expired",
                  "who verifies it then does not find one; see [sign] scheduled_life_s");
    return life_s;
}

static void fill_op(struct gw_op *op, const struct gw_policy *policy, struct cps_signer *signer,
                    const struct cps_key *const *keys, size_t key_count)
{
    op->kind = GW_OP_PUBLISH;
    op->message.iat = (int64_t)time(NULL);
    op->signer = cps_signer_ref(signer);
    op->keys = keys;
    op->key_count = key_count;
    op->ttl_s = policy->sign.ttl_s;
    op->spooling = policy->sign.spooling;
}

static bool has_key(const struct gw_policy *policy, const struct gw_message *message)
{
    const struct cps_key *const *keys = NULL;
    if (policy->sign.find) {
        return true; /* it is to be seen */
    }
    for (size_t i = 0; i < message->dest_count; i++) {
        if (gw_recipients_find(policy->recipients, &message->dests[i], &keys)) {
            return true;
        }
    }
    return false;
}

static void set_life(struct gw_filter_core *core, struct gw_item *item, const struct gw_held *held)
{
    item->signed_ms = gw_now(core);
    item->life_s = choose_life(core, held);
    for (size_t i = 0; i < item->op_count && item->life_s > core->policy->sign.life_s; i++) {
        struct gw_op *op = &item->ops[i];
        op->ttl_s = op->ttl_s > item->life_s ? op->ttl_s : item->life_s;
    }
}

/* With `parts` they wait for it; without, it is published beside what went on. False, nothing taken: out of memory. */
static bool begin(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                  struct gw_part *parts, struct stir_buf *body)
{
    const struct gw_policy *policy = core->policy;
    struct cps_signer *signer = NULL;
    struct gw_item *item = NULL;
    if (cps_tenants_signer(policy->tenants, held->bind->system_id, &signer, NULL) == CPS_OK) {
        item = gw_item_new(core, message, held, parts, body, false);
    }
    if (!item) {
        cps_signer_free(signer);
        return false;
    }
    for (size_t i = 0; i < message->dest_count; i++) {
        const struct cps_key *const *keys = NULL;
        size_t count = gw_recipients_find(policy->recipients, &message->dests[i], &keys);
        if (count || policy->sign.find) {
            fill_op(gw_item_op(item, i), policy, signer, keys, count);
        }
    }
    cps_signer_free(signer);
    set_life(core, item, held);
    item->late = parts == NULL;
    item->line = parts ? NULL : gw_line_of_held(core, &core->signed_, held);
    if (!parts || !gw_item_is_repeat(item)) {
        gw_item_begin(item);
    }
    return true;
}

/* Publishing beside must not get ahead of the CPS for good: with as many under way as there may be, messages wait. */
static bool is_beside(const struct gw_filter_core *core, const struct gw_held *held)
{
    const struct gw_policy *policy = core->policy;
    bool prompt = !policy->sign.ussd_waits && smpp_pdu_is_ussd(&held->pdu);
    return (prompt || policy->sign.mode == GW_PUBLISH_BESIDE) &&
           core->ops.under_way + core->ops.queued < policy->operations_max;
}

/* A whole message, or the last segment of one whose others have gone on; `body` is emptied. */
static void sign_one(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     struct stir_buf *body)
{
    bool beside = is_beside(core, held);
    struct gw_part *part = beside ? NULL : gw_part_new(held, false);
    if ((!part && !beside) || !begin(core, held, message, part, body)) {
        free(part);
        go_unsigned(core, held, message, GW_UNFIT_MEMORY);
    } else if (beside) {
        core->counters.beside++;
        gw_held_pass(held);
    }
}

/* ---- segments ---- */

/* Segments that were held, all of them or, where the configuration has changed meanwhile, some. */
static void complete_held(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                          struct gw_part *parts, struct stir_buf *body, enum gw_unfit unfit)
{
    if (!held->own) {
        struct gw_part *last = gw_part_new(held, false);
        *gw_parts_end(&parts) = last;
        if (!last) {
            go_unsigned(core, held, message, GW_UNFIT_MEMORY);
            gw_sign_give_up(core, parts, GW_UNFIT_MEMORY);
            return;
        }
    }
    gw_parts_reorder(parts);
    if (unfit != GW_FIT || !begin(core, held, message, parts, body)) {
        gw_sign_give_up(core, parts, unfit == GW_FIT ? GW_UNFIT_MEMORY : unfit);
    }
}

static void complete(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     struct gw_joined *joined)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    enum gw_unfit unfit = gw_message_body(message, joined->message, &body, NULL);
    smpp_joined_free(joined->message);
    if (joined->parts) {
        complete_held(core, held, message, joined->parts, &body, unfit);
    } else if (unfit == GW_FIT) {
        sign_one(core, held, message, &body);
    } else {
        go_unsigned(core, held, message, unfit);
    }
    stir_buf_free(&body);
}

static void sign_segment(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    bool strict = core->policy->strict;
    struct gw_part *part = strict ? gw_part_new(held, false) : NULL;
    if (strict && !part) {
        go_unsigned(core, held, message, GW_UNFIT_MEMORY);
        return;
    }
    struct gw_joined joined = gw_join_add(core, held, message, part);
    if (joined.result == GW_JOIN_COMPLETE) {
        complete(core, held, message, &joined);
    } else if (joined.result == GW_JOIN_REFUSED) {
        free(part);
        go_unsigned(core, held, message, GW_UNSIGNED_OVERFLOW);
    } else if (joined.result == GW_JOIN_CONTESTED) {
        free(part);
        go_unsigned(core, held, message, GW_UNSIGNED_CONTESTED);
    } else if (!strict) {
        gw_held_pass(held);
    }
}

static void sign_whole(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    enum gw_unfit unfit = gw_message_body(message, NULL, &body, NULL);
    if (unfit == GW_FIT) {
        sign_one(core, held, message, &body);
    } else {
        go_unsigned(core, held, message, unfit);
    }
    stir_buf_free(&body);
}

void gw_sign_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    const struct gw_policy *policy = core->policy;
    struct cps_signer *signer = NULL;
    if (message->unfit != GW_FIT) {
        go_unsigned(core, held, message, message->unfit);
        return;
    }
    (void)!cps_tenants_signer(policy->tenants, held->bind->system_id, &signer, NULL);
    bool known = signer != NULL;
    bool owns = known && cps_scope_has(signer->scope, &message->orig);
    cps_signer_free(signer);
    if (!owns) {
        (policy->sign.outside == GW_FORWARD ? go_unsigned : refuse)(core, held, message,
                                                                    known ? GW_UNSIGNED_OUTSIDE : GW_UNSIGNED_TENANT);
    } else if (!has_key(policy, message)) {
        go_unsigned(core, held, message, GW_UNSIGNED_NO_KEY);
    } else {
        (gw_message_is_segment(message) ? sign_segment : sign_whole)(core, held, message);
    }
}
