#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_write.h"

#include <stdlib.h>

/* Messages that are held: how they come in, are decided, and leave. */

/* ---- room ---- */

static void pool_join(struct sc_relay *relay)
{
    struct sc_pool *pool = relay->options->pool;
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

void sc_relay_want_resume(struct sc_relay *relay)
{
    if (!relay->resuming && relay->state != SC_CLOSED) {
        relay->resuming = true;
        relay->ops->resume(relay->arg);
    }
}

/* The one that has waited longest may try again; it wakes the next when there is still room after it. */
void sc_pool_wake(struct sc_pool *pool)
{
    struct sc_relay *relay = pool->first_waiting;
    if (relay && pool->held < pool->held_max && pool->octets < pool->octets_max) {
        sc_pool_leave(relay);
        sc_relay_want_resume(relay);
    }
}

static bool has_room(struct sc_relay *relay, enum sc_leg leg, size_t n)
{
    const struct sc_queue *queue = &relay->side[leg].queue;
    const struct sc_relay_options *options = relay->options;
    const struct sc_pool *pool = options->pool;
    if (queue->count == 0) { /* so that nobody can shut others out */
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

static void refuse_for_memory(struct sc_relay *relay, enum sc_leg leg, const char *pdu)
{
    struct smpp_header header = smpp_header_read(pdu);
    sc_relay_say(relay, STIR_LOG_ERROR, "a message is answered with a temporary error: out of memory");
    sc_relay_answer(relay, leg, &header, leg == SC_ESME ? SMPP_RMSGQFUL : SMPP_RX_T_APPN);
}

enum sc_taken sc_relay_hold(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n)
{
    struct sc_side *side = &relay->side[leg];
    struct sc_entry *entry = NULL;
    if (!has_room(relay, leg, n)) {
        relay->options->counters->stalls += side->reading;
        side->stalled = true;
        return SC_WAIT;
    }
    if (sc_entry_new(&entry, leg, pdu, n) != STIR_OK) {
        refuse_for_memory(relay, leg, pdu);
        return SC_TAKEN;
    }
    entry->relay = relay;
    entry->held.bind = &relay->bind;
    entry->held.arrived_ms = relay->now_ms;
    if (smpp_pdu_is_receipt(&entry->held.pdu, leg == SC_PEER ? SMPP_FROM_SMSC : SMPP_FROM_ESME)) {
        enum sc_taken taken = sc_relay_exempt(relay, &entry->held, SC_EXEMPT_RECEIPT);
        sc_entry_free(entry);
        return taken;
    }
    if (sc_queue_put(&side->queue, entry) != STIR_OK) {
        sc_entry_free(entry);
        refuse_for_memory(relay, leg, pdu);
        return SC_TAKEN;
    }
    relay->options->pool->held++;
    relay->options->pool->octets += n;
    if (relay->options->offers[leg]) {
        relay->options->counters->offered++;
        relay->options->filter->offer(relay->options->filter->arg, &entry->held);
    } else {
        sc_held_pass(&entry->held); /* `pass` since a moment: behind those that are still held */
    }
    return SC_TAKEN;
}

/* ---- out ---- */

static void end_entry(struct sc_entry *entry, struct sc_entry **ready)
{
    struct sc_relay *relay = entry->relay;
    struct sc_side *side = &relay->side[entry->held.from];
    struct sc_pool *pool = relay->options->pool;
    sc_queue_take(&side->queue, entry, ready);
    pool->held--;
    pool->octets -= entry->held.pdu.octets.len;
    if (side->stalled || (side->parked && side->queue.count == 0) || relay->state == SC_DRAINING) {
        sc_relay_want_resume(relay);
    }
    sc_pool_wake(pool);
    sc_entry_free(entry);
}

static void send_on(struct sc_entry *entry)
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

/* Lets those go that are decided and whose turn it is; each may free others. */
static void release(struct sc_entry *ready)
{
    while (ready) {
        struct sc_entry *entry = ready;
        ready = entry->next_ready;
        entry->listed = false;
        if (entry->decided && sc_queue_may_leave(entry)) {
            send_on(entry);
            end_entry(entry, &ready);
        }
    }
}

static struct sc_entry *entry_of(struct sc_held *held)
{
    return (struct sc_entry *)((char *)held - offsetof(struct sc_entry, held));
}

static void decide_to_send(struct sc_entry *entry)
{
    entry->decided = true;
    entry->held.incomplete = false; /* it has its place in the order from now on */
    if (!entry->relay->side[entry->held.from].abandoning) {
        entry->next_ready = NULL;
        release(entry);
    }
}

void sc_held_pass(struct sc_held *held)
{
    decide_to_send(entry_of(held));
}

/* An edited copy of a PDU, in memory of its own. STIR_E_INVAL, STIR_E_TOO_BIG, STIR_E_NOMEM. */
static enum stir_code make_edited(char **out, size_t *out_len, const struct smpp_pdu *pdu, const struct smpp_edit *edit,
                                  size_t max)
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
    struct sc_entry *entry = entry_of(held);
    if (held->fault != SMPP_OK) {
        return STIR_E_INVAL;
    }
    enum stir_code code =
        make_edited(&entry->edited, &entry->edited_len, &held->pdu, edit, entry->relay->options->max_pdu);
    if (code == STIR_OK) {
        decide_to_send(entry);
    }
    return code;
}

void sc_held_answer(struct sc_held *held, uint32_t status)
{
    struct sc_entry *entry = entry_of(held);
    struct sc_relay *relay = entry->relay;
    struct sc_entry *ready = NULL;
    char answer[SMPP_HEADER_LEN];
    entry->decided = true;
    if (relay->side[held->from].abandoning) {
        return;
    }
    if (smpp_answer(answer, &held->pdu.header, status == SMPP_ROK ? SMPP_RSYSERR : status)) {
        sc_relay_send(relay, held->from, answer, sizeof(answer));
    }
    relay->options->counters->answered++;
    end_entry(entry, &ready);
    release(ready);
}

void sc_held_reorder(struct sc_held *const *items, size_t count)
{
    struct sc_entry *group[UINT8_MAX + 1];
    bool done[UINT8_MAX + 1] = {false};
    count = count <= UINT8_MAX + 1 ? count : UINT8_MAX + 1; /* no message has more segments */
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        for (size_t k = i; k < count && !done[i]; k++) {
            struct sc_entry *entry = entry_of(items[k]);
            if (!done[k] && entry->relay == entry_of(items[i])->relay && items[k]->from == items[i]->from) {
                group[n++] = entry;
                done[k] = k != i;
            }
        }
        if (n > 1) {
            sc_queue_reorder(&group[0]->relay->side[items[i]->from].queue, group, n);
        }
    }
}

/* ---- what is not held ---- */

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
    if (passage.refuse) {
        sc_relay_answer(relay, held->from, header, passage.refuse);
        return SC_TAKEN;
    }
    if (passage.edits && held->fault == SMPP_OK) {
        enum stir_code code = make_edited(&edited, &len, &held->pdu, &passage.edit, relay->options->max_pdu);
        if (code != STIR_OK && !response) {
            refuse_for_memory(relay, held->from, held->pdu.octets.ptr);
            return SC_TAKEN;
        }
    }
    if (!response) {
        sc_relay_note_request(relay, held->from, header);
    }
    if (!edited) {
        return SC_ON;
    }
    sc_relay_send(relay, sc_other(held->from), edited, len);
    free(edited);
    return SC_TAKEN;
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
        end_entry(entry, &ready); /* their turn will not come */
    }
    relay->side[leg].abandoning = false;
}
