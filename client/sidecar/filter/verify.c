#include "client/sidecar/filter/filter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The direction whose messages are judged. */

struct finding {
    enum stir_verdict verdict;
    const char *reason;
    const char *signer;
    const char *ppt;             /* NULL: there is no PASSporT */
    const char *attest;          /* NULL: it has none */
    unsigned losses;             /* how often the message was sent again after a lost connection */
    struct gw_repeat_slot *slot; /* of one that is sent again */
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
    const char *reading; /* of its text, by which it was judged; NULL or "": as decoded */
};

static void record(struct gw_filter_core *core, struct gw_line *line, const struct subject *subject,
                   const struct finding *finding, enum gw_treatment treatment)
{
    uint64_t waited = gw_now(core) - subject->arrived_ms;
    struct stir_buf text = {0};
    struct gw_judged judged = {
        .subject =
            {
                .from = subject->from,
                .system_id = subject->system_id,
                .orig = subject->orig,
                .dest = subject->dest,
                .dest_count = subject->dest_count,
                .numbers = core->policy->log_numbers,
            },
        .verdict = finding->verdict,
        .reason = finding->reason,
        .signer = finding->signer,
        .ppt = finding->ppt,
        .attest = finding->attest,
        .reading = subject->reading,
        .treatment = treatment,
        .waited_ms = waited,
        .segments = subject->segments,
    };
    core->counters.verdicts[finding->verdict][treatment]++;
    gw_waited_add(&core->counters.waited_verify, waited);
    if (core->judged.on) {
        gw_line_write_judged(&text, &core->number_key, &judged);
        gw_line_say(line, &core->judged, &text, treatment != GW_TREAT_REJECT);
    } else {
        gw_line_drop(line);
    }
}

static struct gw_sent *record_passed(const struct gw_held *held, const struct finding *finding, bool whole)
{
    struct gw_part *part = held->own;
    struct gw_passed passed = {.verify = true, .whole = whole, .losses = finding->losses, .slot = finding->slot};
    if (part && part->slot) {
        passed.slot = part->slot;
        part->slot = NULL;
    }
    (void)snprintf(passed.signer, sizeof(passed.signer), "%s", finding->signer);
    (void)snprintf(passed.ppt, sizeof(passed.ppt), "%s", finding->ppt ? finding->ppt : "");
    (void)snprintf(passed.attest, sizeof(passed.attest), "%s", finding->attest ? finding->attest : "");
    return gw_sent_new(held, &passed);
}

/* Returns what was done with it. */
static enum gw_treatment treat(struct gw_filter_core *core, const struct gw_policy *policy, struct gw_held *held,
                               const struct finding *finding, bool whole, enum gw_treatment treatment)
{
    struct gw_tag tag = {
        .treatment = treatment,
        .verdict = stir_verdict_name(finding->verdict),
        .signer = finding->signer,
        .with_prefix = whole,
        .settings = &policy->ways[held->from].settings,
    };
    struct gw_sent *sent = finding->verdict == STIR_PASSED ? record_passed(held, finding, whole) : NULL;
    struct gw_tag_outcome outcome = gw_tag_decide(held, policy, &tag);
    if (outcome.rejected) {
        gw_sent_free(core, sent);
    } else {
        gw_sent_add(core, sent);
    }
    core->counters.planted += outcome.planted;
    core->counters.prefix_left_out += outcome.prefix_left_out;
    core->counters.untagged += outcome.untagged;
    return outcome.rejected ? GW_TREAT_REJECT : outcome.untagged ? GW_TREAT_DELIVER : tag.treatment;
}

/* Only a message that was held whole can be rejected: the recipient of the segments that were forwarded would wait for
 * the rest. Of another one what is left is tagged instead. */
static enum gw_treatment treatment_of_parts(struct gw_filter_core *core, const struct gw_policy *policy,
                                            const struct gw_part *parts, const struct finding *finding)
{
    enum gw_treatment treatment = policy->verify.treatments[finding->verdict];
    if (treatment != GW_TREAT_REJECT || !gw_parts_released(parts)) {
        return treatment;
    }
    core->counters.reject_tagged++;
    gw_filter_say(core, "a long message was tagged instead of rejected",
                  "its sender paused between segments, and the first ones were forwarded");
    return GW_TREAT_TAG;
}

static enum gw_treatment treat_all(struct gw_filter_core *core, const struct gw_policy *policy, struct gw_part *parts,
                                   const struct finding *finding, bool whole)
{
    enum gw_treatment treatment = treatment_of_parts(core, policy, parts, finding), worst = treatment;
    for (struct gw_part *part = parts; part; part = part->next) {
        enum gw_treatment done = part->held ? treat(core, policy, part->held, finding, whole, treatment) : worst;
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
    enum gw_treatment treatment = core->policy->verify.treatments[finding.verdict];
    struct gw_line *line = gw_line_of_held(core, &core->judged, held);
    record(core, line, &subject, &finding, treat(core, core->policy, held, &finding, subject.whole, treatment));
}

/* Its PASSporT, if it has one, is not to be taken for another message's. */
static void announce(const struct gw_policy *policy, const struct gw_message *message)
{
    struct cps_error err = {0};
    for (size_t i = 0; policy->service && message->has_orig && i < message->dest_count; i++) {
        (void)!cps_announce(policy->service->cps, message->orig.text, message->dests[i].text, &err);
    }
}

/* A message that was not looked for. */
static void judge_now(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                      enum stir_verdict verdict, const char *reason)
{
    announce(core->policy, message);
    judge_one(core, held, message, (struct finding){.verdict = verdict, .reason = reason, .signer = ""});
}

void gw_verify_again(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     const struct gw_passed *passed)
{
    struct finding finding = {.verdict = STIR_PASSED,
                              .reason = passed->refused ? "sent again after the peer refused it"
                                                        : "sent again after its connection was lost",
                              .signer = passed->signer,
                              .ppt = passed->ppt,
                              .attest = passed->attest,
                              .losses = passed->losses,
                              .slot = passed->slot};
    judge_one(core, held, message, finding);
}

static void judge_item(struct gw_item *item, const struct finding *finding, const char *reading)
{
    struct gw_filter_core *core = item->core;
    struct finding again = *finding;
    enum gw_again why = finding->verdict == STIR_PASSED || finding->verdict == STIR_REPLAYED
                            ? gw_repeat_judged_again(core, item->parts, &again.losses)
                            : GW_AGAIN_NOT;
    if (finding->verdict == STIR_REPLAYED && why != GW_AGAIN_NOT && again.losses > core->policy->repeat_max) {
        gw_sent_over(core, "it was judged anew");
    } else if (finding->verdict == STIR_REPLAYED && why != GW_AGAIN_NOT) {
        ++*(why == GW_AGAIN_STOPPED ? &core->counters.again_stopped : &core->counters.again_lost);
        core->counters.repeats++;
        again.verdict = STIR_PASSED;
        again.reason = why == GW_AGAIN_LATE      ? "sent again after its verdict came too late"
                       : why == GW_AGAIN_STOPPED ? "sent again after cps-smpp ended while judging it"
                                                 : "sent again after its connection was lost";
        finding = &again;
    }
    struct subject subject = {
        .from = item->from,
        .system_id = item->system_id,
        .orig = item->orig,
        .dest = item->dests[0],
        .dest_count = item->dest_count,
        .arrived_ms = item->arrived_ms,
        .segments = item->segments,
        .reading = reading,
    };
    struct gw_line *line = gw_line_of_parts(core, &core->judged, item->parts);
    record(core, line, &subject, finding, treat_all(core, item->policy, item->parts, finding, item->whole));
    gw_item_decided(item);
}

/* ---- incomplete messages ---- */

/* What the record of judged messages needs of a segment that was forwarded, should its message stay incomplete. */
struct gw_note {
    enum gw_leg from;
    uint64_t arrived_ms;
    size_t dest_count;
    size_t orig, dest; /* where they begin in texts, after the system_id */
    char texts[];
};

static struct gw_note *note_of(const struct gw_held *held, const struct gw_message *message)
{
    const char *orig = message->has_orig ? message->orig.text : "";
    const char *dest = message->dest_count ? message->dests[0].text : "";
    size_t bind_size = strlen(held->bind->system_id) + 1, orig_size = strlen(orig) + 1, dest_size = strlen(dest) + 1;
    struct gw_note *note = malloc(sizeof(*note) + bind_size + orig_size + dest_size);
    if (note) {
        note->from = held->from;
        note->arrived_ms = held->arrived_ms;
        note->dest_count = message->dest_count;
        note->orig = bind_size;
        note->dest = bind_size + orig_size;
        memcpy(note->texts, held->bind->system_id, bind_size);
        memcpy(note->texts + note->orig, orig, orig_size);
        memcpy(note->texts + note->dest, dest, dest_size);
    }
    return note;
}

void gw_verify_release(struct gw_filter_core *core, struct gw_part *part, struct gw_held *held)
{
    const struct gw_policy *policy = core->policy;
    struct gw_message message;
    gw_message_read(&message, held, &policy->ways[held->from].settings, &policy->addressing);
    part->note = note_of(held, &message);
    gw_message_clear(&message);
    struct gw_tag tag = {.treatment = GW_TREAT_DELIVER, .verdict = "", .signer = ""};
    core->counters.planted += gw_tag_decide(held, policy, &tag).planted;
}

/* All of it was forwarded, and the rest never came. */
static void record_released(struct gw_filter_core *core, const struct gw_part *parts, const struct finding *finding)
{
    const struct gw_part *first = parts;
    unsigned segments = 0;
    for (const struct gw_part *part = parts; part; part = part->next) {
        first = first->note ? first : part;
        segments += part->released;
    }
    const struct gw_note *note = first ? first->note : NULL;
    if (note) {
        struct subject subject = {
            .from = note->from,
            .system_id = note->texts,
            .orig = note->texts[note->orig] ? note->texts + note->orig : NULL,
            .dest = note->dest_count ? note->texts + note->dest : NULL,
            .dest_count = note->dest_count,
            .arrived_ms = note->arrived_ms,
            .segments = segments,
        };
        record(core, NULL, &subject, finding, GW_TREAT_DELIVER);
    }
}

void gw_verify_give_up(struct gw_filter_core *core, struct gw_part *parts, const char *reason)
{
    const struct gw_policy *policy = core->policy;
    struct finding finding = {.verdict = STIR_TIMEOUT, .reason = reason, .signer = ""};
    struct gw_held *first = gw_parts_held(parts);
    struct gw_message message;
    if (first) {
        struct gw_bind bind = *first->bind;
        gw_message_read(&message, first, &policy->ways[first->from].settings, &policy->addressing);
        struct subject subject = subject_of(first, &message, (unsigned)gw_parts_count(parts));
        subject.system_id = bind.system_id;
        gw_parts_reorder(parts);
        struct gw_line *line = gw_line_of_parts(core, &core->judged, parts);
        record(core, line, &subject, &finding, treat_all(core, policy, parts, &finding, false));
        gw_message_clear(&message);
    } else {
        record_released(core, parts, &finding);
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
        if (item->worst && !item->released) {
            gw_item_forget(item); /* its repetition may fare better, if all of it is repeated */
        }
        return;
    }
    struct finding finding = {.verdict = (enum stir_verdict)op->verdict,
                              .reason = item->worst ? op->reason : "",
                              .signer = op->authority,
                              .ppt = op->ppt,
                              .attest = op->attest};
    gw_expect_learn(item->core, item, finding.verdict);
    if (item->others && finding.verdict < STIR_NO_PASSPORT) {
        finding = (struct finding){.verdict = STIR_NO_PASSPORT,
                                   .reason = "it also goes to destinations that no PASSporT can name",
                                   .signer = ""};
    }
    if (finding.verdict == STIR_CPS_UNAVAILABLE) {
        gw_filter_say(item->core, "a message was not verified", finding.reason);
    }
    judge_item(item, &finding, op->reading);
}

/* What is still under way may use up the PASSporT of a message that goes on without a verdict. If it is refused, its
 * sender sends it again: it must not be taken for a replay then. */
static void expect_again(struct gw_filter_core *core, struct gw_part *parts)
{
    uint8_t print[GW_PRINT];
    for (struct gw_part *part = parts; part && core->policy->repeat_max; part = part->next) {
        struct gw_passed passed = {.verify = true, .slot = part->slot};
        if (part->held && part->held->fault == SMPP_OK && gw_sent_print(print, part->held, true) &&
            gw_sent_restore(core, &passed, print, GW_AGAIN_LATE)) {
            part->slot = NULL;
        }
    }
}

void gw_verify_expired(struct gw_item *item)
{
    expect_again(item->core, item->parts);
    struct cps_error err = {0};
    for (size_t i = 0; i < item->op_count; i++) {
        struct gw_op *op = &item->ops[i];
        if (op->queued && !op->message.announced) { /* libcps has not heard of it */
            (void)!cps_announce(op->cps, op->message.orig, op->message.dest[0], &err);
        }
    }
    struct finding finding = {.verdict = STIR_TIMEOUT, .reason = "no verdict within [verify] wait_ms", .signer = ""};
    judge_item(item, &finding, NULL);
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
                  struct gw_part *parts, struct stir_buf *body, struct smpp_readings *others)
{
    const struct gw_policy *policy = core->policy;
    struct gw_readings *readings = NULL;
    if (!gw_readings_new(&readings, others)) {
        return false;
    }
    struct gw_item *item = gw_item_new(core, message, held, parts, body, true);
    if (!item) {
        gw_readings_free(readings);
        return false;
    }
    item->readings = readings;
    gw_repeat_intend(core, item->parts);
    if (gw_item_is_repeat(item)) {
        return true;
    }
    bool waits = gw_expect_passport(core, held->from, held->bind->system_id, message->orig.text);
    for (size_t i = 0; i < message->dest_count; i++) {
        struct gw_op *op = gw_item_op(item, i);
        op->kind = GW_OP_RECEIVE;
        op->key_count = gw_recipients_find(policy->keys, &message->dests[i], &op->keys);
        op->wait_ms = waits && !item->prompt ? policy->verify.wait_ms : 0;
        op->message.announced = !item->whole;
    }
    gw_item_begin(item);
    return true;
}

/* A part that no item has taken: it is judged by itself. */
static void drop_part(struct gw_part *part)
{
    if (part) {
        part->held->own = NULL;
        gw_parts_free(part);
    }
}

static void verify_whole(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    struct smpp_readings readings = {0};
    enum gw_unfit unfit = gw_message_body(message, NULL, &body, &readings);
    struct gw_part *part = unfit == GW_FIT ? gw_part_new(held, true) : NULL;
    if (unfit == GW_FIT && (!part || !begin(core, held, message, part, &body, &readings))) {
        unfit = GW_UNFIT_MEMORY;
    }
    smpp_readings_clear(&readings);
    stir_buf_free(&body);
    if (unfit != GW_FIT) {
        drop_part(part);
        judge_now(core, held, message, verdict_of(unfit), gw_unfit_text(unfit));
    }
}

static void complete(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message,
                     struct gw_joined *joined)
{
    struct stir_buf body = {.limit = GW_BODY_MAX};
    struct smpp_readings readings = {0};
    enum gw_unfit unfit = gw_message_body(message, joined->message, &body, &readings);
    smpp_joined_free(joined->message);
    gw_parts_reorder(joined->parts);
    if (unfit == GW_FIT && !begin(core, held, message, joined->parts, &body, &readings)) {
        unfit = GW_UNFIT_MEMORY;
    }
    smpp_readings_clear(&readings);
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
    } else if (joined.first) {
        announce(core->policy, message);
    } else if (joined.result == GW_JOIN_REFUSED) {
        drop_part(part);
        judge_now(core, held, message, STIR_TIMEOUT, overflow);
    } else if (joined.result == GW_JOIN_CONTESTED) {
        drop_part(part);
        judge_now(core, held, message, STIR_TIMEOUT, gw_join_contested);
    }
}

void gw_verify_offer(struct gw_filter_core *core, struct gw_held *held, const struct gw_message *message)
{
    gw_repeat_note_use(core);
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
