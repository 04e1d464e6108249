/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/repeat.h"

#include "client/lib/box/arrival.h"
#include "client/sidecar/filter/filter_core.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Verified messages that are sent again: notes them before they are judged, decides what "replayed" proves about
 * them, and restores the notes of the previous process. */

void sc_repeat_intend(struct sc_filter_core *core, struct sc_part *parts)
{
    for (struct sc_part *part = parts; core->repeats && part; part = part->next) {
        uint8_t print[SC_PRINT];
        if (part->held && !part->slot && sc_sent_print(print, part->held, true)) {
            part->slot = sc_repeat_note_judged(core, print);
        }
    }
}

/* Judges one part; so_far is the result for the parts before it. */
static enum sc_again repeat_judge_part(struct sc_filter_core *core, const struct sc_part *part, enum sc_again so_far,
                                       unsigned *losses)
{
    uint8_t print[SC_PRINT];
    unsigned before = 0;
    enum sc_again again =
        sc_sent_print(print, part->held, true) ? sc_sent_judged_again(core, print, false, &before) : SC_AGAIN_NOT;
    *losses = before + 1 > *losses ? before + 1 : *losses;
    return again == SC_AGAIN_NOT || so_far == SC_AGAIN_NOT ? again : so_far;
}

enum sc_again sc_repeat_judged_again(struct sc_filter_core *core, const struct sc_part *parts, unsigned *losses)
{
    enum sc_again again = SC_AGAIN_NOT;
    uint8_t print[SC_PRINT];
    *losses = 0;
    if (core->judged_again == 0) {
        return SC_AGAIN_NOT;
    }
    for (const struct sc_part *part = parts; part; part = part->next) {
        enum sc_again one = part->held ? repeat_judge_part(core, part, again, losses) : again;
        if (part->held && one == SC_AGAIN_NOT) {
            return SC_AGAIN_NOT;
        }
        again = one;
    }
    for (const struct sc_part *part = parts; part && again != SC_AGAIN_NOT; part = part->next) {
        unsigned before = 0;
        if (part->held && sc_sent_print(print, part->held, true)) {
            (void)sc_sent_judged_again(core, print, true, &before);
        }
    }
    return again;
}

/* ---- the file ---- */

/* Returns true if the answer was sent so long before the process ended that it was read. */
static bool repeat_answer_is_read(const struct sc_filter_core *core, const struct sc_repeat_slot *slot)
{
    return slot->answered && sc_repeat_file_used(core->repeats) - slot->since_s > SC_ANSWERED_MS / 1000;
}

static bool repeat_restore(void *arg, struct sc_repeat_slot *slot)
{
    struct sc_filter_core *core = arg;
    static const enum sc_again states[] = {[SC_REPEAT_JUDGED] = SC_AGAIN_STOPPED, [SC_REPEAT_UNREAD] = SC_AGAIN_UNREAD};
    int64_t age_s = (int64_t)time(NULL) - slot->since_s;
    if (repeat_answer_is_read(core, slot)) {
        return false;
    }
    struct sc_passed passed = {.verify = true, .losses = slot->losses, .refused = slot->refused != 0, .slot = slot};
    memcpy(passed.signer, slot->signer, sizeof(passed.signer));
    memcpy(passed.ppt, slot->ppt, sizeof(passed.ppt));
    memcpy(passed.attest, slot->attest, sizeof(passed.attest));
    slot->answered = false;
    return age_s >= 0 && age_s < SC_REPEAT_MS / 1000 &&
           sc_sent_restore(core, &passed, slot->print, states[slot->state]);
}

/* Tells libcps that PASSporTs issued before the previous process ended may belong to messages that it saw. */
static void repeat_tell_evidence(const struct sc_filter_core *core)
{
    int64_t used_s = sc_repeat_file_used(core->repeats);
    if (used_s && core->policy->service) {
        cps_set_evidence_since(core->policy->service->cps, used_s + CPS_CLOCKS_APART_S);
    }
}

enum stir_code sc_repeat_open(struct sc_filter_core *core, const struct sc_config *config, struct stir_error *err)
{
    const char *state = getenv("STATE_DIRECTORY");
    char path[PATH_MAX];
    /* without a setting the file lies in systemd's StateDirectory, if there is one and messages are verified */
    bool given = config->repeat_file[0] != '\0';
    bool verifies = config->submit.action == SC_VERIFY || config->deliver.action == SC_VERIFY;
    struct stir_error cause = {0};
    if (!given && !(verifies && state && state[0])) {
        return STIR_OK;
    }
    int n = given ? snprintf(path, sizeof(path), "%s", config->repeat_file)
                  : snprintf(path, sizeof(path), "%.*s/repeats", (int)strcspn(state, ":"), state);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return stir_fail(err, STIR_E_CONFIG, "[repeat] file: the path is too long");
    }
    enum stir_code code = sc_repeat_file_open(&core->repeats, path, &cause);
    if (code == STIR_OK) {
        sc_repeat_file_each(core->repeats, repeat_restore, core);
        repeat_tell_evidence(core);
    } else if (given) { /* only a file that the operator asked for is worth not starting */
        return stir_fail(err, code, "%s", cause.text);
    } else {
        stir_log_plain(core->log, STIR_LOG_WARNING,
                       "[repeat] file: messages that may be sent again are forgotten when this process ends: %s",
                       cause.text);
    }
    return STIR_OK;
}
