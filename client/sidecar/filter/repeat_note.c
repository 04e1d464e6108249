/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/repeat.h"

#include "client/sidecar/filter/filter_core.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

/*
 * Notes of messages that may be sent again, in a file for the next process. A message is noted before its PASSporT
 * is looked for, because afterwards nobody knows whether a process that was killed had used it up. Such a note lets
 * no message pass by itself: it only says that "replayed" proves nothing about this message.
 */

static void repeat_slot_set_state(struct sc_repeat_slot *slot, enum sc_repeat_state state)
{
    atomic_signal_fence(
        memory_order_seq_cst); /* the process may be killed between two stores, so the state is stored after the rest */
    slot->state = state;
    atomic_signal_fence(memory_order_seq_cst);
}

static struct sc_repeat_slot *repeat_slot_take(struct sc_filter_core *core)
{
    struct sc_repeat_slot *slot = core->repeats ? sc_repeat_file_take(core->repeats) : NULL;
    core->counters.repeat_unsaved += core->repeats && !slot;
    return slot;
}

void sc_repeat_release(const struct sc_filter_core *core, struct sc_repeat_slot *slot)
{
    if (!core->stopping && !core->closing_ms) {
        sc_repeat_slot_free(slot);
    }
}

struct sc_repeat_slot *sc_repeat_note_judged(struct sc_filter_core *core, const uint8_t print[SC_PRINT])
{
    struct sc_repeat_slot *slot = repeat_slot_take(core);
    if (slot) {
        *slot = (struct sc_repeat_slot){.since_s = (int64_t)time(NULL)};
        memcpy(slot->print, print, sizeof(slot->print));
        repeat_slot_set_state(slot, SC_REPEAT_JUDGED);
    }
    return slot;
}

void sc_repeat_note(struct sc_filter_core *core, struct sc_passed *passed, const uint8_t print[SC_PRINT], bool judged)
{
    struct sc_repeat_slot *slot = passed->slot ? passed->slot : passed->verify ? repeat_slot_take(core) : NULL;
    passed->slot = slot;
    if (slot) {
        slot->since_s = (int64_t)time(NULL);
        slot->losses = (uint16_t)passed->losses;
        slot->refused = passed->refused;
        slot->answered = false;
        memcpy(slot->print, print, sizeof(slot->print));
        memcpy(slot->signer, passed->signer, sizeof(slot->signer));
        memcpy(slot->ppt, passed->ppt, sizeof(slot->ppt));
        memcpy(slot->attest, passed->attest, sizeof(slot->attest));
        repeat_slot_set_state(slot, judged ? SC_REPEAT_UNREAD : SC_REPEAT_PASSED);
    }
}

void sc_repeat_note_answered(const struct sc_passed *passed)
{
    struct sc_repeat_slot *slot = passed->slot;
    if (slot) {
        slot->since_s = (int64_t)time(NULL);
        slot->answered = true;
        repeat_slot_set_state(slot, passed->whole ? SC_REPEAT_UNREAD : SC_REPEAT_PASSED);
    }
}

void sc_repeat_note_use(const struct sc_filter_core *core)
{
    if (core->repeats) {
        sc_repeat_file_set_used(core->repeats, (int64_t)time(NULL));
    }
}
