/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/decide.h"

#include "client/sidecar/filter/expectation_store.h"
#include "client/sidecar/filter/filter_core.h"
#include "client/sidecar/filter/repeat.h"
#include "client/sidecar/filter/segments.h"
#include "client/sidecar/filter/tag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Verifies messages: looks for the PASSporT of each message and does with the message what its verdict asks for. */

struct finding {
    enum stir_verdict verdict;
    const char *reason;
    const char *signer;
    const char *ppt;             /* NULL: there is no PASSporT */
    const char *attest;          /* NULL: it has none */
    unsigned losses;             /* how often the message was sent again after a lost connection */
    struct sc_repeat_slot *slot; /* the note of a message that is sent again; or NULL */
};

static const char out_of_memory[] = "out of memory";
static const char overflow[] = "too many segments are waiting";

/* ---- a verdict takes effect ---- */

struct subject {
    enum sc_leg from;
    const char *system_id;
    const char *orig; /* NULL: not readable */
    const char *dest;
    size_t dest_count;
    uint64_t arrived_ms;
    unsigned segments;
    bool whole;
    const char *reading; /* the reading of its text by which it was verified; NULL or "": as decoded */
};

static void verify_record(struct sc_filter_core *core, struct sc_line *line, const struct subject *subject,
                          const struct finding *finding, enum sc_treatment treatment)
{
    uint64_t waited = sc_now(core) - subject->arrived_ms;
    struct stir_buf text = {0};
    struct sc_judged judged = {
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
    /* counted also if there is no record */
    core->counters.verdicts[finding->verdict][treatment]++;
    sc_waited_add(&core->counters.waited_verify, waited);
    if (core->judged.on) {
        sc_line_write_judged(&text, &core->number_key, &judged);
        sc_line_say(line, &core->judged, &text, treatment != SC_TREAT_REJECT);
    } else {
        sc_line_drop(line);
    }
}

static struct sc_sent *verify_sent_new(const struct sc_held *held, const struct finding *finding, bool whole)
{
    struct sc_part *part = held->own;
    struct sc_passed passed = {.verify = true, .whole = whole, .losses = finding->losses, .slot = finding->slot};
    if (part && part->slot) {
        passed.slot = part->slot;
        part->slot = NULL;
    }
    (void)snprintf(passed.signer, sizeof(passed.signer), "%s", finding->signer);
    (void)snprintf(passed.ppt, sizeof(passed.ppt), "%s", finding->ppt ? finding->ppt : "");
    (void)snprintf(passed.attest, sizeof(passed.attest), "%s", finding->attest ? finding->attest : "");
    return sc_sent_new(held, &passed);
}

/* Decides a held PDU. Returns what was done with it. */
static enum sc_treatment verify_treat(struct sc_filter_core *core, const struct sc_policy *policy, struct sc_held *held,
                                      const struct finding *finding, bool whole, enum sc_treatment treatment)
{
    struct sc_tag tag = {
        .treatment = treatment,
        .verdict = stir_verdict_name(finding->verdict),
        .signer = finding->signer,
        .with_prefix = whole,
        .settings = &policy->ways[held->from].settings,
    };
    struct sc_sent *sent = finding->verdict == STIR_PASSED ? verify_sent_new(held, finding, whole) : NULL;
    struct sc_tag_outcome outcome = sc_tag_decide(held, policy, &tag);
    if (outcome.rejected) {
        sc_sent_free(core, sent);
    } else {
        sc_sent_add(core, sent);
    }
    core->counters.planted += outcome.planted;
    core->counters.prefix_left_out += outcome.prefix_left_out;
    core->counters.untagged += outcome.untagged;
    return outcome.rejected ? SC_TREAT_REJECT : outcome.untagged ? SC_TREAT_DELIVER : tag.treatment;
}

/* Returns what to do with a message. Only a message that was held whole can be rejected, because the recipient of
 * forwarded segments would wait for the rest. Otherwise its held segments are tagged instead. */
static enum sc_treatment verify_treatment(struct sc_filter_core *core, const struct sc_policy *policy,
                                          const struct sc_part *parts, const struct finding *finding)
{
    enum sc_treatment treatment = policy->verify.treatments[finding->verdict];
    if (treatment != SC_TREAT_REJECT || !sc_parts_released(parts)) {
        return treatment;
    }
    core->counters.reject_tagged++;
    sc_filter_say(core, "a long message was tagged instead of rejected",
                  "its sender paused between segments, and the first ones were forwarded");
    return SC_TREAT_TAG;
}

static enum sc_treatment verify_treat_parts(struct sc_filter_core *core, const struct sc_policy *policy,
                                            struct sc_part *parts, const struct finding *finding, bool whole)
{
    enum sc_treatment treatment = verify_treatment(core, policy, parts, finding), worst = treatment;
    for (struct sc_part *part = parts; part; part = part->next) {
        enum sc_treatment done = part->held ? verify_treat(core, policy, part->held, finding, whole, treatment) : worst;
        worst = done == SC_TREAT_REJECT ? done : worst;
    }
    return worst;
}

static struct subject verify_subject(const struct sc_held *held, const struct sc_message *message, unsigned segments)
{
    return (struct subject){
        .from = held->from,
        .system_id = held->bind->system_id,
        .orig = message->has_orig ? message->orig.text : NULL,
        .dest = message->dest_count ? message->dests[0].text : NULL,
        .dest_count = message->dest_count,
        .arrived_ms = held->arrived_ms,
        .segments = segments,
        .whole = !sc_message_is_segment(message),
    };
}

/* Decides one PDU by itself: a whole message or a segment. */
static void verify_judge_one(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                             struct finding finding)
{
    struct subject subject = verify_subject(held, message, 1);
    char system_id[sizeof(held->bind->system_id)];
    memcpy(system_id, subject.system_id, sizeof(system_id)); /* held is invalid after its decision */
    subject.system_id = system_id;
    enum sc_treatment treatment = core->policy->verify.treatments[finding.verdict];
    struct sc_line *line = sc_line_of_held(core, &core->judged, held);
    verify_record(core, line, &subject, &finding,
                  verify_treat(core, core->policy, held, &finding, subject.whole, treatment));
}

/* Tells libcps that the message arrived, so that its PASSporT is not taken for that of another message. */
static void verify_announce(const struct sc_policy *policy, const struct sc_message *message)
{
    struct cps_error err = {0};
    for (size_t i = 0; policy->service && message->has_orig && i < message->dest_count; i++) {
        (void)!cps_announce(policy->service->cps, message->orig.text, message->dests[i].text, &err);
    }
}

/* Decides a message whose PASSporT is not looked for. */
static void verify_judge_now(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                             enum stir_verdict verdict, const char *reason)
{
    verify_announce(core->policy, message);
    verify_judge_one(core, held, message, (struct finding){.verdict = verdict, .reason = reason, .signer = ""});
}

void sc_verify_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                     const struct sc_passed *passed)
{
    struct finding finding = {.verdict = STIR_PASSED,
                              .reason = passed->refused ? "sent again after the peer refused it"
                                                        : "sent again after its connection was lost",
                              .signer = passed->signer,
                              .ppt = passed->ppt,
                              .attest = passed->attest,
                              .losses = passed->losses,
                              .slot = passed->slot};
    verify_judge_one(core, held, message, finding);
}

static void verify_judge_item(struct sc_item *item, const struct finding *finding, const char *reading)
{
    struct sc_filter_core *core = item->core;
    struct finding again = *finding;
    enum sc_again why = finding->verdict == STIR_PASSED || finding->verdict == STIR_REPLAYED
                            ? sc_repeat_judged_again(core, item->parts, &again.losses)
                            : SC_AGAIN_NOT;
    /* the message itself may have used up its PASSporT before; that is believed [repeat] max times */
    if (finding->verdict == STIR_REPLAYED && why != SC_AGAIN_NOT && again.losses > core->policy->repeat_max) {
        sc_sent_over(core, "it was verified again");
    } else if (finding->verdict == STIR_REPLAYED && why != SC_AGAIN_NOT) {
        ++*(why == SC_AGAIN_STOPPED ? &core->counters.again_stopped : &core->counters.again_lost);
        core->counters.repeats++;
        again.verdict = STIR_PASSED;
        again.reason = why == SC_AGAIN_LATE      ? "sent again after its verdict came too late"
                       : why == SC_AGAIN_STOPPED ? "sent again after cps-smpp ended while verifying it"
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
    struct sc_line *line = sc_line_of_parts(core, &core->judged, item->parts);
    verify_record(core, line, &subject, finding,
                  verify_treat_parts(core, item->policy, item->parts, finding, item->whole));
    sc_item_decided(item);
}

/* ---- incomplete messages ---- */

/* The data of a forwarded segment for the record of verified messages, in case its message stays incomplete. */
struct sc_note {
    enum sc_leg from;
    uint64_t arrived_ms;
    size_t dest_count;
    size_t orig, dest; /* offsets in texts; the system_id is at 0 */
    char texts[];
};

static struct sc_note *verify_note_new(const struct sc_held *held, const struct sc_message *message)
{
    const char *orig = message->has_orig ? message->orig.text : "";
    const char *dest = message->dest_count ? message->dests[0].text : "";
    size_t bind_size = strlen(held->bind->system_id) + 1, orig_size = strlen(orig) + 1, dest_size = strlen(dest) + 1;
    struct sc_note *note = malloc(sizeof(*note) + bind_size + orig_size + dest_size);
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

static void verify_release(struct sc_filter_core *core, struct sc_part *part, struct sc_held *held)
{
    const struct sc_policy *policy = core->policy;
    struct sc_message message;
    sc_message_read(&message, held, &policy->ways[held->from].settings, &policy->addressing);
    part->note = verify_note_new(held, &message);
    sc_message_clear(&message);
    struct sc_tag tag = {.treatment = SC_TREAT_DELIVER, .verdict = "", .signer = ""};
    core->counters.planted += sc_tag_decide(held, policy, &tag).planted;
}

/* Records a message whose segments were all forwarded and whose other segments never arrived. */
static void verify_record_released(struct sc_filter_core *core, const struct sc_part *parts,
                                   const struct finding *finding)
{
    const struct sc_part *first = parts;
    unsigned segments = 0;
    for (const struct sc_part *part = parts; part; part = part->next) {
        first = first->note ? first : part;
        segments += part->released;
    }
    const struct sc_note *note = first ? first->note : NULL;
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
        verify_record(core, NULL, &subject, finding, SC_TREAT_DELIVER);
    }
}

static void verify_give_up_parts(struct sc_filter_core *core, struct sc_part *parts, const char *reason)
{
    const struct sc_policy *policy = core->policy;
    struct finding finding = {.verdict = STIR_TIMEOUT, .reason = reason, .signer = ""};
    struct sc_held *first = sc_parts_held(parts);
    struct sc_message message;
    if (first) {
        struct sc_bind bind = *first->bind;
        sc_message_read(&message, first, &policy->ways[first->from].settings, &policy->addressing);
        struct subject subject = verify_subject(first, &message, (unsigned)sc_parts_count(parts));
        subject.system_id = bind.system_id;
        sc_parts_reorder(parts);
        struct sc_line *line = sc_line_of_parts(core, &core->judged, parts);
        verify_record(core, line, &subject, &finding, verify_treat_parts(core, policy, parts, &finding, false));
        sc_message_clear(&message);
    } else {
        verify_record_released(core, parts, &finding);
    }
    sc_parts_free(parts);
}

static void verify_give_up(struct sc_filter_core *core, struct sc_part *parts, enum sc_unsigned why, const char *reason)
{
    (void)why; /* only sign.c uses it */
    verify_give_up_parts(core, parts, reason);
}

/* ---- the outcome ---- */

static void verify_settled(struct sc_item *item)
{
    const struct sc_op *op = item->worst ? item->worst : &item->ops[0];
    if (item->state == SC_ITEM_DECIDED) {
        sc_item_decided(item);
        return;
    }
    if (item->state == SC_ITEM_LOST) {
        if (item->worst && !item->released) {
            sc_item_forget(item); /* if the whole message is sent again, that is a new attempt */
        }
        return;
    }
    struct finding finding = {.verdict = (enum stir_verdict)op->verdict,
                              .reason = item->worst ? op->reason : "",
                              .signer = op->authority,
                              .ppt = op->ppt,
                              .attest = op->attest};
    sc_expect_learn(item->core, item, finding.verdict);
    if (item->others && finding.verdict < STIR_NO_PASSPORT) {
        finding = (struct finding){.verdict = STIR_NO_PASSPORT,
                                   .reason = "the message also goes to destinations that no PASSporT can name",
                                   .signer = ""};
    }
    if (finding.verdict == STIR_CPS_UNAVAILABLE) {
        sc_filter_say(item->core, "a message was not verified", finding.reason);
    }
    verify_judge_item(item, &finding, op->reading);
}

/* Operations in progress may use up the PASSporT of a message that is forwarded without a verdict. If the peer
 * refuses the message, its sender sends it again, and then it must not be called a replay. */
static void verify_expect_again(struct sc_filter_core *core, struct sc_part *parts)
{
    uint8_t print[SC_PRINT];
    for (struct sc_part *part = parts; part && core->policy->repeat_max; part = part->next) {
        struct sc_passed passed = {.verify = true, .slot = part->slot};
        if (part->held && part->held->fault == SMPP_OK && sc_sent_print(print, part->held, true) &&
            sc_sent_restore(core, &passed, print, SC_AGAIN_LATE)) {
            part->slot = NULL;
        }
    }
}

static void verify_expired(struct sc_item *item)
{
    verify_expect_again(item->core, item->parts);
    struct cps_error err = {0};
    for (size_t i = 0; i < item->op_count; i++) {
        struct sc_op *op = &item->ops[i];
        if (op->queued && !op->message.announced) { /* libcps does not know it yet */
            (void)!cps_announce(op->cps, op->message.orig, op->message.dest[0], &err);
        }
    }
    struct finding finding = {.verdict = STIR_TIMEOUT, .reason = "no verdict within [verify] wait_ms", .signer = ""};
    verify_judge_item(item, &finding, NULL);
}

/* ---- the beginning ---- */

/* Returns the verdict of an unfit message. */
static enum stir_verdict verify_unfit_verdict(enum sc_unfit unfit)
{
    static const enum stir_verdict verdicts[SC_UNFIT_COUNT] = {
        [SC_FIT] = STIR_CPS_UNAVAILABLE,          [SC_UNFIT_UNREADABLE] = STIR_MALFORMED,
        [SC_UNFIT_AMBIGUOUS] = STIR_MALFORMED,    [SC_UNFIT_SENDER] = STIR_NO_PASSPORT,
        [SC_UNFIT_CODING] = STIR_CPS_UNAVAILABLE, [SC_UNFIT_DESTINATION] = STIR_NO_PASSPORT,
        [SC_UNFIT_MEMORY] = STIR_CPS_UNAVAILABLE,
    };
    return verdicts[unfit];
}

static bool verify_has_keys(const struct sc_policy *policy, const struct sc_message *message)
{
    const struct cps_key *const *keys = NULL;
    for (size_t i = 0; i < message->dest_count; i++) {
        if (!sc_recipients_find(policy->keys, &message->dests[i], &keys)) {
            return false;
        }
    }
    return true;
}

/* Begins to look for the PASSporT of a message. Returns false, with nothing taken over, if out of memory. */
static bool verify_begin(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                         struct sc_part *parts, struct stir_buf *body, struct smpp_readings *others)
{
    const struct sc_policy *policy = core->policy;
    struct sc_readings *readings = NULL;
    if (!sc_readings_new(&readings, others)) {
        return false;
    }
    struct sc_item *item = sc_item_new(core, message, held, parts, body, true);
    if (!item) {
        sc_readings_free(readings);
        return false;
    }
    item->readings = readings;
    /* noted before the PASSporT is looked for: a killed process may have used it up */
    sc_repeat_intend(core, item->parts);
    if (sc_item_is_repeat(item)) {
        return true;
    }
    /* a message waits only if its PASSporT can be expected; a wait of 0 takes what is at the CPS now */
    bool waits = sc_expect_passport(core, held->from, held->bind->system_id, message->orig.text);
    for (size_t i = 0; i < message->dest_count; i++) {
        struct sc_op *op = sc_item_op(item, i);
        op->kind = SC_OP_RECEIVE;
        op->key_count = sc_recipients_find(policy->keys, &message->dests[i], &op->keys);
        op->wait_ms = waits && !item->prompt ? policy->verify.wait_ms : 0;
        op->message.announced = !item->whole;
    }
    sc_item_begin(item);
    return true;
}

/* Frees a part that no item has taken over; its PDU is judged by itself. */
static void verify_drop_part(struct sc_part *part)
{
    if (part) {
        part->held->own = NULL;
        sc_parts_free(part);
    }
}

static void verify_whole(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message)
{
    struct stir_buf body = {.limit = SC_BODY_MAX};
    struct smpp_readings readings = {0};
    enum sc_unfit unfit = sc_message_body(message, NULL, &body, &readings);
    struct sc_part *part = unfit == SC_FIT ? sc_part_new(held, true) : NULL;
    if (unfit == SC_FIT && (!part || !verify_begin(core, held, message, part, &body, &readings))) {
        unfit = SC_UNFIT_MEMORY;
    }
    smpp_readings_clear(&readings);
    stir_buf_free(&body);
    if (unfit != SC_FIT) {
        verify_drop_part(part);
        verify_judge_now(core, held, message, verify_unfit_verdict(unfit), sc_unfit_text(unfit));
    }
}

static void verify_complete(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                            struct sc_joined *joined)
{
    struct stir_buf body = {.limit = SC_BODY_MAX};
    struct smpp_readings readings = {0};
    enum sc_unfit unfit = sc_message_body(message, joined->message, &body, &readings);
    smpp_joined_free(joined->message);
    sc_parts_reorder(joined->parts);
    if (unfit == SC_FIT && !verify_begin(core, held, message, joined->parts, &body, &readings)) {
        unfit = SC_UNFIT_MEMORY;
    }
    smpp_readings_clear(&readings);
    stir_buf_free(&body);
    if (unfit != SC_FIT) {
        verify_give_up_parts(core, joined->parts, sc_unfit_text(unfit));
    }
}

static void verify_segment(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message)
{
    struct sc_part *part = sc_part_new(held, true);
    if (!part) {
        verify_judge_now(core, held, message, STIR_CPS_UNAVAILABLE, out_of_memory);
        return;
    }
    struct sc_joined joined = sc_join_add(core, held, message, part);
    if (joined.result == SC_JOIN_COMPLETE) {
        verify_complete(core, held, message, &joined);
    } else if (joined.first) {
        verify_announce(core->policy, message);
    } else if (joined.result == SC_JOIN_REFUSED) {
        verify_drop_part(part);
        verify_judge_now(core, held, message, STIR_TIMEOUT, overflow);
    } else if (joined.result == SC_JOIN_CONTESTED) {
        verify_drop_part(part);
        verify_judge_now(core, held, message, STIR_TIMEOUT, sc_join_contested);
    }
}

void sc_verify_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message)
{
    sc_repeat_note_use(core);
    if (message->unfit != SC_FIT) {
        verify_judge_now(core, held, message, verify_unfit_verdict(message->unfit), sc_unfit_text(message->unfit));
    } else if (!verify_has_keys(core->policy, message)) {
        verify_judge_now(core, held, message, STIR_CPS_UNAVAILABLE, "no private key for the destination");
    } else if (sc_message_is_segment(message)) {
        verify_segment(core, held, message);
    } else {
        verify_whole(core, held, message);
    }
}

const struct sc_decider sc_verify_decider = {
    .settled = verify_settled,
    .expired = verify_expired,
    .release = verify_release,
    .give_up = verify_give_up,
};
