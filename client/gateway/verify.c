#include "client/gateway/filter_internal.h"

#include <stdlib.h>
#include <string.h>

/* The direction whose messages are judged. */

struct finding {
    enum stir_verdict verdict;
    const char *reason;
    const char *signer;
};

static const char out_of_memory[] = "out of memory";
static const char overflow[] = "more segments wait than may be kept";

/* ---- a verdict takes effect ---- */

struct subject {
    enum gw_leg from;
    const char *system_id;
    const char *orig; /* NULL: not readable */
    const char *dest;
    size_t dest_count;
    uint64_t arrived_ms;
    unsigned segments;
    bool whole;
};

static void record(struct gw_filter_core *core, const struct subject *subject, const struct finding *finding,
                   enum gw_treatment treatment)
{
    uint64_t waited = gw_now(core) - subject->arrived_ms;
    struct gw_judged judged = {
        .from = subject->from,
        .system_id = subject->system_id,
        .orig = subject->orig,
        .dest = subject->dest,
        .dest_count = subject->dest_count,
        .numbers = core->policy->log_numbers,
        .verdict = finding->verdict,
        .reason = finding->reason,
        .signer = finding->signer,
        .treatment = treatment,
        .waited_ms = waited,
        .segments = subject->segments,
    };
    core->counters.verdicts[finding->verdict][treatment]++;
    gw_waited_add(&core->counters.waited_verify, waited);
    gw_judge_add(&core->judge, &judged, &core->counters.judged_lost);
}

/* Returns what was done with it. */
static enum gw_treatment treat(struct gw_filter_core *core, const struct gw_policy *policy, struct gw_held *held,
                               const struct finding *finding, bool whole)
{
    struct gw_tag tag = {
        .treatment = policy->verify.treatments[finding->verdict],
        .verdict = stir_verdict_name(finding->verdict),
        .signer = finding->signer,
        .with_prefix = whole,
        .settings = &policy->ways[held->from].settings,
    };
    struct gw_sent *sent = finding->verdict == STIR_PASSED ? gw_sent_new(held, true, finding->signer) : NULL;
    struct gw_tag_outcome outcome = gw_tag_decide(held, policy, &tag);
    if (outcome.rejected) {
        gw_sent_free(sent);
    } else {
        gw_sent_add(core, sent);
    }
    core->counters.planted += outcome.planted;
    core->counters.prefix_left_out += outcome.prefix_left_out;
    return outcome.rejected ? GW_TREAT_REJECT : tag.treatment;
}

static enum gw_treatment treat_all(struct gw_filter_core *core, const struct gw_policy *policy, struct gw_part *parts,
                                   const struct finding *finding, bool whole)
{
    enum gw_treatment worst = policy->verify.treatments[finding->verdict];
    for (struct gw_part *part = parts; part; part = part->next) {
        enum gw_treatment done = part->held ? treat(core, policy, part->held, finding, whole) : worst;
        worst = done == GW_TREAT_REJECT ? done : worst;
    }
    return worst;
}

static struct subject subject_of(const struct gw_held *held, const struct gw_message *message, unsigned segments)
{
    return (struct subject){
        .from = held->from,
        .system_id = held->bind->system_id,
        .orig = message->has_orig ? message->orig.text : NULL,
        .dest = message->dest_count ? message->dests[0].text : NULL,
        .dest_count = message->dest_count,
        .arrived_ms = held->arrived_ms,
        .segments = segments,
        .whole = !gw_message_is_segment(message),
    };
}

/* A message, or a segment, by itself. */
static void judge_one(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                      struct finding finding)
{
    struct subject subject = subject_of(held, message, 1);
    char system_id[sizeof(held->bind->system_id)];
    memcpy(system_id, subject.system_id, sizeof(system_id)); /* held is gone when it is decided */
    subject.system_id = system_id;
    record(core, &subject, &finding, treat(core, core->policy, held, &finding, subject.whole));
}

/* A message that was not looked for. */
static void judge_now(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                      enum stir_verdict verdict, const char *reason)
{
    judge_one(core, held, message, (struct finding){verdict, reason, ""});
}

void gw_verify_again(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     const char *signer)
{
    judge_one(core, held, message, (struct finding){STIR_PASSED, "sent again", signer});
}

static void judge_item(struct gw_item *item, const struct finding *finding)
{
    struct gw_filter_core *core = item->core;
    struct subject subject = {
        .from = item->from,
        .system_id = item->system_id,
        .orig = item->orig,
        .dest = item->dests[0],
        .dest_count = item->dest_count,
        .arrived_ms = item->arrived_ms,
        .segments = item->segments,
    };
    record(core, &subject, finding, treat_all(core, item->policy, item->parts, finding, item->whole));
    gw_item_decided(item);
}

void gw_verify_give_up(struct gw_filter_core *core, struct gw_part *parts, const char *reason)
{
    const struct gw_policy *policy = core->policy;
    struct finding finding = {STIR_TIMEOUT, reason, ""};
    struct gw_held *first = gw_parts_held(parts);
    struct gw_message message;
    if (first) {
        struct gw_bind bind = *first->bind;
        gw_message_read(&message, first, &policy->ways[first->from].settings, &policy->addressing);
        struct subject subject = subject_of(first, &message, (unsigned)gw_parts_count(parts));
        subject.system_id = bind.system_id;
        gw_parts_reorder(parts);
        record(core, &subject, &finding, treat_all(core, policy, parts, &finding, false));
        gw_message_clear(&message);
    }
    gw_parts_free(parts);
}

/* ---- the outcome ---- */

void gw_verify_settled(struct gw_item *item)
{
    const struct gw_op *op = item->worst ? item->worst : &item->ops[0];
    if (item->state == GW_ITEM_DECIDED) {
        gw_item_decided(item);
        return;
    }
    if (item->state == GW_ITEM_LOST) {
        if (item->worst) {
            gw_item_forget(item); /* its repetition may fare better */
        }
        return;
    }
    struct finding finding = {(enum stir_verdict)op->verdict, item->worst ? op->reason : "", op->authority};
    if (item->others && finding.verdict < STIR_NO_PASSPORT) {
        finding = (struct finding){STIR_NO_PASSPORT, "it also goes to destinations that no PASSporT can name", ""};
    }
    if (finding.verdict == STIR_CPS_UNAVAILABLE) {
        gw_filter_say(item->core, "a message was not verified", finding.reason);
    }
    judge_item(item, &finding);
}

void gw_verify_expired(struct gw_item *item)
{
    struct finding finding = {STIR_TIMEOUT, "no verdict within [verify] wait_ms", ""};
    judge_item(item, &finding);
}

/* ---- the beginning ---- */

/* What is wrong with a message, as a verdict. */
static enum stir_verdict verdict_of(enum gw_unfit unfit)
{
    static const enum stir_verdict verdicts[GW_UNFIT_COUNT] = {
        [GW_FIT] = STIR_CPS_UNAVAILABLE,          [GW_UNFIT_UNREADABLE] = STIR_MALFORMED,
        [GW_UNFIT_AMBIGUOUS] = STIR_MALFORMED,    [GW_UNFIT_SENDER] = STIR_NO_PASSPORT,
        [GW_UNFIT_CODING] = STIR_CPS_UNAVAILABLE, [GW_UNFIT_DESTINATION] = STIR_NO_PASSPORT,
        [GW_UNFIT_MEMORY] = STIR_CPS_UNAVAILABLE,
    };
    return verdicts[unfit];
}

static bool has_keys(const struct gw_policy *policy, const struct gw_message *message)
{
    const struct cps_key *const *keys = NULL;
    for (size_t i = 0; i < message->dest_count; i++) {
        if (!gw_recipients_find(policy->keys, &message->dests[i], &keys)) {
            return false;
        }
    }
    return true;
}

/* False, nothing taken: out of memory. */
static bool begin(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                  struct gw_part *parts, struct stir_buf *body)
{
    const struct gw_policy *policy = core->policy;
    struct gw_item *item = gw_item_new(core, message, held, parts, body, true);
    if (!item) {
        return false;
    }
    for (size_t i = 0; i < message->dest_count; i++) {
        struct gw_op *op = gw_item_op(item, i);
        op->kind = GW_OP_RECEIVE;
        op->key_count = gw_recipients_find(policy->keys, &message->dests[i], &op->keys);
        op->wait_ms = policy->verify.wait_ms;
    }
    if (!gw_item_is_repeat(item)) {
        gw_item_begin(item);
    }
    return true;
}

static void verify_whole(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    enum gw_unfit unfit = gw_message_body(message, &body);
    struct gw_part *part = unfit == GW_FIT ? gw_part_new(held, true) : NULL;
    if (unfit == GW_FIT && (!part || !begin(core, held, message, part, &body))) {
        unfit = GW_UNFIT_MEMORY;
    }
    stir_buf_free(&body);
    if (unfit != GW_FIT) {
        free(part);
        judge_now(core, held, message, verdict_of(unfit), gw_unfit_text(unfit));
    }
}

static void complete(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     struct gw_joined *joined)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    enum gw_unfit unfit = gw_message_joined_body(message, joined->message, &body);
    smpp_joined_free(joined->message);
    gw_parts_reorder(joined->parts);
    if (unfit == GW_FIT && !begin(core, held, message, joined->parts, &body)) {
        unfit = GW_UNFIT_MEMORY;
    }
    stir_buf_free(&body);
    if (unfit != GW_FIT) {
        gw_verify_give_up(core, joined->parts, gw_unfit_text(unfit));
    }
}

static void verify_segment(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    struct gw_part *part = gw_part_new(held, true);
    if (!part) {
        judge_now(core, held, message, STIR_CPS_UNAVAILABLE, out_of_memory);
        return;
    }
    struct gw_joined joined = gw_join_add(core, held, message, part);
    if (joined.result == GW_JOIN_COMPLETE) {
        complete(core, held, message, &joined);
    } else if (joined.result == GW_JOIN_REFUSED) {
        free(part);
        judge_now(core, held, message, STIR_TIMEOUT, overflow);
    }
}

void gw_verify_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    if (message->unfit != GW_FIT) {
        judge_now(core, held, message, verdict_of(message->unfit), gw_unfit_text(message->unfit));
    } else if (!has_keys(core->policy, message)) {
        judge_now(core, held, message, STIR_CPS_UNAVAILABLE, "no private key for the destination");
    } else if (gw_message_is_segment(message)) {
        verify_segment(core, held, message);
    } else {
        verify_whole(core, held, message);
    }
}
