/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_write.h"

#include <assert.h>
#include <stdlib.h>

/* Held messages: how they come in, are decided, and leave. */

/* ---- room ---- */

static void pool_join(struct sc_relay *relay)
{
    struct sc_pool *pool = relay->options->pool;
    assert(!pool->first_waiting == !pool->last_waiting);
    if (!relay->in_line) {
        relay->in_line = true;
        relay->next_waiting = NULL;
        relay->previous_waiting = pool->last_waiting;
        *(pool->last_waiting ? &pool->last_waiting->next_waiting : &pool->first_waiting) = relay;
        pool->last_waiting = relay;
    }
}

void sc_pool_leave(struct sc_relay *relay)
{
    struct sc_pool *pool = relay->options->pool;
    if (relay->in_line) {
        relay->in_line = false;
        *(relay->previous_waiting ? &relay->previous_waiting->next_waiting : &pool->first_waiting) =
            relay->next_waiting;
        *(relay->next_waiting ? &relay->next_waiting->previous_waiting : &pool->last_waiting) = relay->previous_waiting;
    }
}

/* Asks the owner to call sc_relay_resume, once. */
static void relay_ask_resume(struct sc_relay *relay)
{
    if (!relay->resuming && relay->state != SC_CLOSED) {
        relay->resuming = true;
        relay->ops->resume(relay->arg);
    }
}

void sc_pool_wake(struct sc_pool *pool)
{
    struct sc_relay *relay = pool->first_waiting;
    if (relay && pool->held < pool->held_max && pool->octets < pool->octets_max) {
        sc_pool_leave(relay);
        relay_ask_resume(relay);
    }
}

static bool held_has_room(struct sc_relay *relay, enum sc_leg leg, size_t n)
{
    const struct sc_queue *queue = &relay->side[leg].queue;
    const struct sc_relay_options *options = relay->options;
    const struct sc_pool *pool = options->pool;
    if (queue->count == 0) { /* one message always has room: no connection can starve another */
        return true;
    }
    if (queue->count >= options->held_max || queue->octets + n > options->held_octets_max) {
        return false;
    }
    if (pool->held >= pool->held_max || pool->octets + n > pool->octets_max) {
        pool_join(relay);
        return false;
    }
    return true;
}

/* ---- in ---- */

static void held_refuse_for_memory(struct sc_relay *relay, enum sc_leg leg, const char *pdu)
{
    struct smpp_header header = smpp_header_read(pdu);
    sc_relay_say(relay, STIR_LOG_ERROR, "message answered with a temporary error: out of memory");
    sc_relay_answer(relay, leg, &header, leg == SC_ESME ? SMPP_RMSGQFUL : SMPP_RX_T_APPN);
}

enum sc_taken sc_relay_hold(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n)
{
    struct sc_side *side = &relay->side[leg];
    struct sc_entry *entry = NULL;
    /* without room reading stops, so that TCP slows the sender down */
    if (!held_has_room(relay, leg, n)) {
        relay->options->counters->stalls += side->reading;
        side->stalled = true;
        return SC_TAKE_WAIT;
    }
    if (sc_entry_new(&entry, leg, pdu, n) != STIR_OK) {
        held_refuse_for_memory(relay, leg, pdu);
        return SC_TAKE_DONE;
    }
    entry->relay = relay;
    entry->held.bind = &relay->bind;
    entry->held.arrived_ms = relay->now_ms;
    /* a receipt carries no text of a sender's: the filter is only asked whether to forward it */
    if (smpp_pdu_is_receipt(&entry->held.pdu, leg == SC_PEER ? SMPP_FROM_SMSC : SMPP_FROM_ESME)) {
        enum sc_taken taken = sc_relay_exempt(relay, &entry->held, SC_EXEMPT_RECEIPT);
        sc_entry_free(entry);
        return taken;
    }
    if (sc_queue_put(&side->queue, entry) != STIR_OK) {
        sc_entry_free(entry);
        held_refuse_for_memory(relay, leg, pdu);
        return SC_TAKE_DONE;
    }
    relay->options->pool->held++;
    relay->options->pool->octets += n;
    if (relay->options->offers[leg]) {
        relay->options->counters->offered++;
        relay->options->filter->offer(relay->options->filter->arg, &entry->held);
    } else {
        sc_held_pass(&entry->held); /* the action was just changed to `pass`: it queues after the held messages */
    }
    return SC_TAKE_DONE;
}

/* ---- out ---- */

static void held_remove(struct sc_entry *entry, struct sc_entry **ready)
{
    struct sc_relay *relay = entry->relay;
    struct sc_side *side = &relay->side[entry->held.from];
    struct sc_pool *pool = relay->options->pool;
    assert(pool->held > 0 && pool->octets >= entry->held.pdu.octets.len);
    sc_queue_take(&side->queue, entry, ready);
    pool->held--;
    pool->octets -= entry->held.pdu.octets.len;
    if (side->stalled || (side->parked && side->queue.count == 0) || relay->state == SC_DRAINING) {
        relay_ask_resume(relay);
    }
    sc_pool_wake(pool);
    sc_entry_free(entry);
}

static void held_forward(struct sc_entry *entry)
{
    struct sc_relay *relay = entry->relay;
    enum sc_leg to = sc_other(entry->held.from);
    sc_relay_note_request(relay, entry->held.from, &entry->held.pdu.header);
    if (entry->edited) {
        relay->options->counters->edited++;
        sc_relay_send(relay, to, entry->edited, entry->edited_len);
    } else {
        relay->options->counters->passed++;
        sc_relay_send(relay, to, entry->held.pdu.octets.ptr, entry->held.pdu.octets.len);
    }
}

/* Forwards the entries of a list that are decided and whose turn it is. Each may put others at the front of it. */
static void held_release(struct sc_entry *ready)
{
    while (ready) {
        struct sc_entry *entry = ready;
        ready = entry->next_ready;
        entry->listed = false;
        if (entry->decided && sc_queue_may_leave(entry)) {
            held_forward(entry);
            held_remove(entry, &ready);
        }
    }
}

static struct sc_entry *held_entry(struct sc_held *held)
{
    return (struct sc_entry *)((char *)held - offsetof(struct sc_entry, held));
}

static void held_decide_forward(struct sc_entry *entry)
{
    assert(!entry->decided);
    entry->decided = true;
    entry->held.incomplete = false; /* from now on later messages wait for it */
    if (!entry->relay->side[entry->held.from].abandoning) {
        entry->next_ready = NULL;
        held_release(entry);
    }
}

void sc_held_pass(struct sc_held *held)
{
    held_decide_forward(held_entry(held));
}

/* Makes an edited copy of a PDU, of `max` octets at most, which the caller frees. STIR_E_INVAL, STIR_E_TOO_BIG,
 * STIR_E_NOMEM. */
static enum stir_code held_edited_copy(char **out, size_t *out_len, const struct smpp_pdu *pdu,
                                       const struct smpp_edit *edit, size_t max)
{
    size_t bound = smpp_edit_bound(pdu, edit);
    char *octets = malloc(bound);
    if (!octets) {
        return STIR_E_NOMEM;
    }
    enum stir_code code = smpp_pdu_edit(octets, bound, out_len, pdu, edit);
    if (code == STIR_OK && *out_len > max) {
        code = STIR_E_TOO_BIG;
    }
    if (code != STIR_OK) {
        free(octets);
        return code;
    }
    *out = octets;
    return STIR_OK;
}

enum stir_code sc_held_edit(struct sc_held *held, const struct smpp_edit *edit)
{
    struct sc_entry *entry = held_entry(held);
    if (held->fault != SMPP_OK) {
        return STIR_E_INVAL;
    }
    enum stir_code code =
        held_edited_copy(&entry->edited, &entry->edited_len, &held->pdu, edit, entry->relay->options->max_pdu);
    if (code == STIR_OK) {
        held_decide_forward(entry);
    }
    return code;
}

void sc_held_answer(struct sc_held *held, uint32_t status)
{
    struct sc_entry *entry = held_entry(held);
    struct sc_relay *relay = entry->relay;
    struct sc_entry *ready = NULL;
    char answer[SMPP_HEADER_LEN];
    assert(!entry->decided);
    entry->decided = true;
    if (relay->side[held->from].abandoning) { /* sc_relay_abandon removes it */
        return;
    }
    if (smpp_answer(answer, &held->pdu.header, status == SMPP_ROK ? SMPP_RSYSERR : status)) {
        sc_relay_send(relay, held->from, answer, sizeof(answer));
    }
    relay->options->counters->answered++;
    held_remove(entry, &ready);
    held_release(ready);
}

void sc_held_reorder(struct sc_held *const *items, size_t count)
{
    struct sc_entry *group[UINT8_MAX + 1];
    bool done[UINT8_MAX + 1] = {false};
    count = count <= UINT8_MAX + 1 ? count : UINT8_MAX + 1; /* no message has more segments */
    /* the segments may have come over several connections; each queue has an order of its own */
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        for (size_t k = i; k < count && !done[i]; k++) {
            struct sc_entry *entry = held_entry(items[k]);
            if (!done[k] && entry->relay == held_entry(items[i])->relay && items[k]->from == items[i]->from) {
                group[n++] = entry;
                done[k] = k != i;
            }
        }
        if (n > 1) {
            sc_queue_reorder(&group[0]->relay->side[items[i]->from].queue, group, n);
        }
    }
}

/* ---- PDUs that are not held ---- */

enum sc_taken sc_relay_exempt(struct sc_relay *relay, const struct sc_held *held, enum sc_exempt kind)
{
    const struct sc_filter *filter = relay->options->filter;
    const struct smpp_header *header = &held->pdu.header;
    bool response = smpp_command_is_response(header->command);
    struct sc_passage passage = {0};
    char *edited = NULL;
    size_t len = 0;
    if (relay->options->offers[held->from] && filter && filter->exempt) {
        filter->exempt(filter->arg, held, kind, &passage);
    }
    /* the filter refuses it, has it edited, or lets it pass as it is */
    if (passage.refuse) {
        sc_relay_answer(relay, held->from, header, passage.refuse);
        return SC_TAKE_DONE;
    }
    if (passage.edits && held->fault == SMPP_OK) {
        enum stir_code code = held_edited_copy(&edited, &len, &held->pdu, &passage.edit, relay->options->max_pdu);
        if (code != STIR_OK && !response) { /* a response cannot be answered: it is forwarded unedited */
            held_refuse_for_memory(relay, held->from, held->pdu.octets.ptr);
            return SC_TAKE_DONE;
        }
    }
    if (!response) {
        sc_relay_note_request(relay, held->from, header);
    }
    if (!edited) {
        return SC_TAKE_FORWARD;
    }
    sc_relay_send(relay, sc_other(held->from), edited, len);
    free(edited);
    return SC_TAKE_DONE;
}

/* ---- the end of a connection ---- */

void sc_relay_abandon(struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_filter *filter = relay->options->filter;
    struct sc_counters *counters = relay->options->counters;
    struct sc_queue *queue = &relay->side[leg].queue;
    relay->side[leg].abandoning = true;
    while (queue->first) {
        struct sc_entry *entry = queue->first;
        struct sc_entry *ready = NULL;
        bool decided = entry->decided;
        if (!decided) {
            counters->abandoned++;
            entry->decided = true;
            filter->abandoned(filter->arg, &entry->held);
        } else {
            counters->dropped++;
        }
        held_remove(entry, &ready); /* ready is dropped: nothing of this leg is forwarded any more */
    }
    relay->side[leg].abandoning = false;
}
