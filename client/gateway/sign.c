#include "client/gateway/filter_internal.h"
#include "client/lib/signer.h"

#include <stdlib.h>
#include <time.h>

/* The direction whose messages are vouched for: a PASSporT for each is published, one a destination, so that none
 * learns of the others and none is used twice. */

/* ---- what goes on unsigned, or not at all ---- */

static void go_unsigned(struct gw_filter_core *core, struct gw_held *held, unsigned why)
{
    core->counters.unsigned_[why]++;
    gw_held_pass(held);
}

static void refuse(struct gw_filter_core *core, struct gw_held *held, unsigned why)
{
    core->counters.rejected[why]++;
    gw_held_answer(held, core->policy->sign.reject_status);
}

/* With its PASSporT at the CPS. */
static void pass_signed(struct gw_filter_core *core, struct gw_held *held)
{
    struct gw_sent *sent = gw_sent_new(held, false, "");
    gw_held_pass(held);
    gw_sent_add(core, sent);
}

void gw_sign_again(struct gw_filter_core *core, struct gw_held *held)
{
    pass_signed(core, held);
}

static void pass_all(struct gw_part *parts)
{
    for (struct gw_part *part = parts; part; part = part->next) {
        if (part->held) {
            gw_held_pass(part->held);
        }
    }
}

void gw_sign_give_up(struct gw_filter_core *core, struct gw_part *parts, unsigned why)
{
    core->counters.unsigned_[why] += gw_parts_count(parts);
    gw_parts_reorder(parts);
    pass_all(parts);
    gw_parts_free(parts);
}

/* An item that is not signed. */
static void fail(struct gw_item *item, unsigned why, enum gw_forward forward)
{
    struct gw_filter_counters *counters = &item->core->counters;
    gw_waited_add(&counters->waited_sign, gw_now(item->core) - item->arrived_ms);
    ++(forward == GW_FORWARD ? counters->unsigned_ : counters->rejected)[why];
    if (forward == GW_FORWARD) {
        pass_all(item->parts);
    }
    for (struct gw_part *part = item->parts; part && forward != GW_FORWARD; part = part->next) {
        if (part->held) {
            gw_held_answer(part->held, item->policy->sign.reject_status);
        }
    }
    gw_item_decided(item);
}

/* ---- the outcome ---- */

static void count_late(const struct gw_item *item)
{
    struct gw_filter_counters *counters = &item->core->counters;
    ++*(item->worst ? &counters->late_lost : item->spooled ? &counters->late_spooled : &counters->late_published);
}

static void settled_open(struct gw_item *item)
{
    struct gw_filter_counters *counters = &item->core->counters;
    const struct gw_policy *policy = item->policy;
    if (item->worst) {
        enum cps_code code = item->worst->code;
        if (code == CPS_E_NOT_FOUND) { /* there is no key record: nobody waits for a PASSporT */
            fail(item, GW_UNSIGNED_NO_KEY, GW_FORWARD);
            return;
        }
        bool outside = code == CPS_E_OUTSIDE || code == CPS_E_CERT_SCOPE || code == CPS_E_CERT_CONSTRAINT;
        fail(item, outside ? GW_UNSIGNED_NOT_COVERED : GW_UNSIGNED_FAILED,
             outside ? policy->sign.outside : policy->sign.on_failure);
        return;
    }
    ++*(item->spooled ? &counters->spooled : &counters->published);
    gw_waited_add(&counters->waited_sign, gw_now(item->core) - item->arrived_ms);
    for (struct gw_part *part = item->parts; part; part = part->next) {
        if (part->held) {
            pass_signed(item->core, part->held);
        }
    }
    gw_item_decided(item);
}

void gw_sign_settled(struct gw_item *item)
{
    if (item->worst) {
        gw_filter_say(item->core, "a message was not signed", item->worst->reason);
    }
    if (item->state == GW_ITEM_OPEN) {
        settled_open(item);
    } else if (item->state == GW_ITEM_DECIDED) {
        if (item->late) {
            count_late(item);
        }
        gw_item_decided(item);
    } else if (item->worst) {
        gw_item_forget(item); /* its repetition is a new attempt */
    }
}

void gw_sign_expired(struct gw_item *item)
{
    enum gw_forward on_failure = item->policy->sign.on_failure;
    item->late = on_failure == GW_FORWARD;
    gw_filter_say(item->core, "a message was not signed", "the PASSporT was not published within [sign] timeout_ms");
    fail(item, GW_UNSIGNED_TIMEOUT, on_failure);
}

/* ---- the beginning ---- */

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
    item->late = parts == NULL;
    if (!parts || !gw_item_is_repeat(item)) {
        gw_item_begin(item);
    }
    return true;
}

/* Publishing beside must not get ahead of the CPS for good: with as many under way as there may be, messages wait. */
static bool is_beside(const struct gw_filter_core *core)
{
    const struct gw_policy *policy = core->policy;
    return policy->sign.mode == GW_PUBLISH_BESIDE && core->ops.under_way + core->ops.queued < policy->operations_max;
}

/* A whole message, or the last segment of one whose others have gone on; `body` is emptied. */
static void sign_one(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     struct stir_buf *body)
{
    bool beside = is_beside(core);
    struct gw_part *part = beside ? NULL : gw_part_new(held, false);
    if ((!part && !beside) || !begin(core, held, message, part, body)) {
        free(part);
        go_unsigned(core, held, GW_UNFIT_MEMORY);
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
            go_unsigned(core, held, GW_UNFIT_MEMORY);
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
    enum gw_unfit unfit = gw_message_joined_body(message, joined->message, &body);
    smpp_joined_free(joined->message);
    if (joined->parts) {
        complete_held(core, held, message, joined->parts, &body, unfit);
    } else if (unfit == GW_FIT) {
        sign_one(core, held, message, &body);
    } else {
        go_unsigned(core, held, unfit);
    }
    stir_buf_free(&body);
}

static void sign_segment(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    bool strict = core->policy->strict;
    struct gw_part *part = strict ? gw_part_new(held, false) : NULL;
    if (strict && !part) {
        go_unsigned(core, held, GW_UNFIT_MEMORY);
        return;
    }
    struct gw_joined joined = gw_join_add(core, held, message, part);
    if (joined.result == GW_JOIN_COMPLETE) {
        complete(core, held, message, &joined);
    } else if (joined.result == GW_JOIN_REFUSED) {
        free(part);
        go_unsigned(core, held, GW_UNSIGNED_OVERFLOW);
    } else if (!strict) {
        gw_held_pass(held);
    }
}

static void sign_whole(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    enum gw_unfit unfit = gw_message_body(message, &body);
    if (unfit == GW_FIT) {
        sign_one(core, held, message, &body);
    } else {
        go_unsigned(core, held, unfit);
    }
    stir_buf_free(&body);
}

void gw_sign_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    const struct gw_policy *policy = core->policy;
    struct cps_signer *signer = NULL;
    if (message->unfit != GW_FIT) {
        go_unsigned(core, held, message->unfit);
        return;
    }
    (void)!cps_tenants_signer(policy->tenants, held->bind->system_id, &signer, NULL);
    bool known = signer != NULL;
    bool owns = known && cps_scope_has(signer->scope, &message->orig);
    cps_signer_free(signer);
    if (!owns) {
        (policy->sign.outside == GW_FORWARD ? go_unsigned : refuse)(core, held,
                                                                    known ? GW_UNSIGNED_OUTSIDE : GW_UNSIGNED_TENANT);
    } else if (!has_key(policy, message)) {
        go_unsigned(core, held, GW_UNSIGNED_NO_KEY);
    } else {
        (gw_message_is_segment(message) ? sign_segment : sign_whole)(core, held, message);
    }
}
