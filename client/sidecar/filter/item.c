/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/item.h"

#include "client/sidecar/filter/filter_core.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void item_list_add(struct sc_item_list *list, struct sc_item *item)
{
    /* all items of a list wait equally long as a rule, so the right place is nearly always the last one */
    struct sc_item *before = list->last;
    assert(!list->first == !list->last && (list->count == 0) == !list->first);
    while (before && before->due_ms > item->due_ms) {
        before = before->before;
    }
    item->before = before;
    item->after = before ? before->after : list->first;
    *(item->before ? &item->before->after : &list->first) = item;
    *(item->after ? &item->after->before : &list->last) = item;
    list->count++;
}

static void item_list_remove(struct sc_item_list *list, struct sc_item *item)
{
    assert(list->count > 0 && (item->before || list->first == item) && (item->after || list->last == item));
    *(item->before ? &item->before->after : &list->first) = item->after;
    *(item->after ? &item->after->before : &list->last) = item->before;
    item->before = NULL;
    item->after = NULL;
    list->count--;
}

static struct sc_item *item_list_pop(struct sc_item_list *list)
{
    struct sc_item *item = list->first;
    assert(item && list->count > 0);
    list->first = item->after;
    *(item->after ? &item->after->before : &list->last) = NULL;
    item->after = NULL;
    list->count--;
    return item;
}

static struct sc_item_list *item_list_of(struct sc_item *item)
{
    return item->state == SC_ITEM_LOST ? &item->core->lost
           : item->verify              ? &item->core->verifying
                                       : &item->core->signing;
}

/* ---- making ---- */

bool sc_readings_new(struct sc_readings **out, struct smpp_readings *readings)
{
    *out = NULL;
    if (readings->count == 0) {
        return true;
    }
    struct sc_readings *made = calloc(1, sizeof(*made));
    if (!made) {
        return false;
    }
    made->made = *readings;
    *readings = (struct smpp_readings){0};
    for (size_t i = 0; i < made->made.count; i++) {
        const struct stir_buf *body = &made->made.items[i].body;
        made->list[i] = (struct cps_reading){.name = smpp_reading_name(made->made.items[i].reading),
                                             .body = body->ptr ? body->ptr : "",
                                             .body_len = body->len};
    }
    *out = made;
    return true;
}

void sc_readings_free(struct sc_readings *readings)
{
    if (readings) {
        smpp_readings_clear(&readings->made);
        free(readings);
    }
}

static size_t item_text_size(const struct sc_message *message, const struct sc_held *held)
{
    size_t size = strlen(held->bind->system_id) + 1 + message->orig.len + 1;
    for (size_t i = 0; i < message->dest_count; i++) {
        size += message->dests[i].len + 1;
    }
    return size;
}

static const char *item_add_text(struct sc_item *item, const char *text)
{
    char *at = item->texts + item->texts_len;
    size_t size = strlen(text) + 1;
    memcpy(at, text, size); /* item_text_size has counted it */
    item->texts_len += size;
    return at;
}

static void item_take_message(struct sc_item *item, const struct sc_message *message, const struct sc_held *held)
{
    item->from = held->from;
    item->others = message->others;
    item->prompt = item->verify && smpp_pdu_is_ussd(&held->pdu) && !item->policy->verify.ussd_waits;
    item->whole = !sc_message_is_segment(message);
    item->segments = item->whole ? 1 : message->segment.place.total;
    item->system_id = item_add_text(item, held->bind->system_id);
    item->orig = item_add_text(item, message->orig.text);
    for (size_t i = 0; i < message->dest_count; i++) {
        item->dests[i] = item_add_text(item, message->dests[i].text);
    }
    item->dest_count = message->dest_count;
}

static void item_take_parts(struct sc_item *item, struct sc_part *parts)
{
    item->parts = parts;
    item->released = sc_parts_released(parts);
    item->arrived_ms = sc_now(item->core);
    for (; parts; parts = parts->next) {
        parts->item = item;
        if (parts->held && parts->held->arrived_ms < item->arrived_ms) {
            item->arrived_ms = parts->held->arrived_ms;
        }
    }
}

static void item_free(struct sc_item *item)
{
    for (size_t i = 0; i < item->op_count; i++) {
        cps_signer_free(item->ops[i].signer);
    }
    sc_parts_free(item->parts);
    sc_policy_unref(item->policy);
    stir_buf_free(&item->body);
    sc_readings_free(item->readings);
    sc_line_drop(item->line);
    free(item->ops);
    free(item->dests);
    free(item->texts);
    free(item);
}

struct sc_item *sc_item_new(struct sc_filter_core *core, const struct sc_message *message, const struct sc_held *held,
                            struct sc_part *parts, struct stir_buf *body, bool verify)
{
    struct sc_item *item = calloc(1, sizeof(*item));
    if (!item) {
        return NULL;
    }
    item->core = core;
    item->verify = verify;
    item->policy = sc_policy_ref(core->policy);
    item->texts = malloc(item_text_size(message, held));
    item->dests = calloc(message->dest_count, sizeof(*item->dests));
    item->ops = calloc(message->dest_count, sizeof(*item->ops));
    if (!item->texts || !item->dests || !item->ops) {
        item_free(item);
        return NULL;
    }
    item_take_message(item, message, held);
    item_take_parts(item, parts);
    item->body = *body;
    *body = (struct stir_buf){0};
    return item;
}

struct sc_op *sc_item_op(struct sc_item *item, size_t dest)
{
    assert(item->op_count < item->dest_count && dest < item->dest_count);
    struct sc_op *op = &item->ops[item->op_count++];
    op->owner = item;
    op->cps = item->policy->service->cps;
    op->message = (struct cps_message){
        .orig = item->orig,
        .dest = &item->dests[dest],
        .dest_count = 1,
        .body = item->body.ptr ? item->body.ptr : "",
        .body_len = item->body.len,
        .readings = item->readings ? item->readings->list : NULL,
        .reading_count = item->readings ? item->readings->made.count : 0,
    };
    return op;
}

/* ---- waiting ---- */

static uint64_t item_patience_ms(const struct sc_item *item)
{
    const struct sc_policy *policy = item->policy;
    uint64_t wait_ms = item->prompt ? 0 : policy->verify.wait_ms;
    uint64_t ms = item->verify ? wait_ms + policy->verify.grace_ms : policy->sign.timeout_ms;
    return item->core->stopping && ms > SC_STOP_MS ? SC_STOP_MS : ms;
}

static void item_wait(struct sc_item *item)
{
    item->due_ms = sc_now(item->core) + item_patience_ms(item);
    item_list_add(item_list_of(item), item);
}

void sc_item_begin(struct sc_item *item)
{
    struct sc_ops *ops = &item->core->ops;
    size_t count = item->op_count;
    if (item->parts) {
        item_wait(item);
    } else {
        item->state = SC_ITEM_DECIDED;
    }
    item->pending = count;
    for (size_t i = 0; i < count; i++) {
        sc_ops_add(ops, &item->ops[i]);
    }
}

static void item_settle(struct sc_item *item)
{
    item->core->deciders[item->verify]->settled(item);
}

void sc_item_decided(struct sc_item *item)
{
    if (item->state == SC_ITEM_OPEN && (item->before || item->after || item_list_of(item)->first == item)) {
        item_list_remove(item_list_of(item), item);
    }
    sc_parts_free(item->parts);
    item->parts = NULL;
    item->state = SC_ITEM_DECIDED;
    for (size_t i = 0; item->pending && i < item->op_count; i++) {
        item->pending -= sc_ops_cancel(&item->core->ops, &item->ops[i]);
    }
    if (item->pending == 0) {
        item_free(item);
    }
}

void sc_item_op_done(struct sc_op *op)
{
    struct sc_item *item = op->owner;
    assert(item->pending > 0);
    item->pending--;
    item->spooled |= op->spooled;
    if (op->code != CPS_OK && (!item->worst || op->verdict > item->worst->verdict)) {
        item->worst = op;
    }
    if (item->pending == 0) {
        item_settle(item);
    }
}

/* ---- lost and found ---- */

/* Returns the digest that is equal for equal messages: direction, bind, sender, destinations, text. */
static const uint8_t *item_print(struct sc_item *item)
{
    uint8_t octets[2 * SHA256_DIGEST_LENGTH + 2] = {(uint8_t)item->from, item->verify};
    if (!item->has_print) {
        (void)SHA256((const unsigned char *)item->texts, item->texts_len, octets + 2);
        (void)SHA256((const unsigned char *)(item->body.ptr ? item->body.ptr : ""), item->body.len,
                     octets + 2 + SHA256_DIGEST_LENGTH);
        (void)SHA256(octets, sizeof(octets), item->print);
        item->has_print = true;
    }
    return item->print;
}

static uint64_t item_print_hash(const uint8_t print[SC_PRINT])
{
    uint64_t hash;
    memcpy(&hash, print, sizeof(hash));
    return hash;
}

static uint64_t item_hash(struct sc_item *item)
{
    return item_print_hash(item_print(item));
}

/* Ends a lost item that was removed from its list. */
static void item_drop_lost(struct sc_item *item)
{
    stir_map_remove(&item->core->lost_by_print, &item->node);
    stir_map_remove(&item->core->lost_by_last, &item->last_node);
    item->state = SC_ITEM_DECIDED;
    sc_item_decided(item);
}

void sc_item_forget(struct sc_item *item)
{
    item_list_remove(&item->core->lost, item);
    item_drop_lost(item);
}

void sc_item_lost(struct sc_item *item, struct sc_part *part)
{
    struct sc_filter_core *core = item->core;
    bool again = item->released && sc_sent_print(item->last_print, part->held, item->verify);
    part->held = NULL;
    if (item->state != SC_ITEM_OPEN || sc_parts_held(item->parts)) {
        return;
    }
    item_list_remove(item_list_of(item), item);
    item->state = SC_ITEM_LOST;
    item->due_ms = sc_now(core) + SC_REPEAT_MS;
    item_list_add(&core->lost, item);
    stir_map_put(&core->lost_by_print, &item->node, item_hash(item));
    if (again) {
        stir_map_put(&core->lost_by_last, &item->last_node, item_print_hash(item->last_print));
    }
    if (core->lost.count > SC_REPEATS_MAX) {
        item_drop_lost(item_list_pop(&core->lost));
    }
}

static struct sc_item *item_find_lost(struct sc_item *item)
{
    struct stir_map_node *node = stir_map_first(&item->core->lost_by_print, item_hash(item));
    while (node && memcmp(((struct sc_item *)node)->print, item->print, SC_PRINT) != 0) {
        node = stir_map_next(node);
    }
    return (struct sc_item *)node;
}

/* Lets a lost item wait for its decision again, with these parts. */
static void item_reopen(struct sc_item *item, struct sc_part *parts)
{
    item->core->counters.repeats++;
    item_list_remove(&item->core->lost, item);
    stir_map_remove(&item->core->lost_by_print, &item->node);
    stir_map_remove(&item->core->lost_by_last, &item->last_node);
    item->state = SC_ITEM_OPEN;
    item_take_parts(item, parts);
    item_wait(item);
    if (item->pending == 0) {
        item_settle(item);
    }
}

bool sc_item_is_repeat(struct sc_item *item)
{
    struct sc_item *old = item->core->lost.count ? item_find_lost(item) : NULL;
    if (!old) {
        return false;
    }
    if (!old->verify && old->whole && sc_is_old(item->core, old->signed_ms, old->life_s)) {
        item->core->counters.signed_again++;
        sc_item_forget(old);
        return false;
    }
    struct sc_part *parts = item->parts;
    item->parts = NULL;
    sc_parts_free(old->parts);
    item_free(item);
    item_reopen(old, parts);
    return true;
}

#define ITEM_OF_LAST(node) ((struct sc_item *)(void *)((char *)(node)-offsetof(struct sc_item, last_node)))

bool sc_item_resume(struct sc_filter_core *core, struct sc_part *part)
{
    uint8_t print[SC_PRINT];
    if (core->lost_by_last.count == 0 || !sc_sent_print(print, part->held, part->verify)) {
        return false;
    }
    struct stir_map_node *node = stir_map_first(&core->lost_by_last, item_print_hash(print));
    while (node && memcmp(ITEM_OF_LAST(node)->last_print, print, SC_PRINT) != 0) {
        node = stir_map_next(node);
    }
    if (!node) {
        return false;
    }
    struct sc_item *item = ITEM_OF_LAST(node);
    struct sc_part *parts = item->parts;
    *sc_parts_end(&parts) = part;
    item_reopen(item, parts);
    return true;
}

void sc_items_forget(struct sc_filter_core *core)
{
    while (core->lost.first) {
        item_drop_lost(item_list_pop(&core->lost));
    }
}

/* ---- time ---- */

static bool item_list_is_due(const struct sc_item_list *list, uint64_t now)
{
    return list->first && list->first->due_ms <= now;
}

void sc_items_expire(struct sc_filter_core *core)
{
    uint64_t now = sc_now(core);
    while (item_list_is_due(&core->signing, now)) {
        core->deciders[false]->expired(core->signing.first);
    }
    while (item_list_is_due(&core->verifying, now)) {
        core->deciders[true]->expired(core->verifying.first);
    }
    while (item_list_is_due(&core->lost, now)) {
        item_drop_lost(item_list_pop(&core->lost));
    }
}

uint64_t sc_items_due(const struct sc_filter_core *core)
{
    const struct sc_item_list *lists[] = {&core->signing, &core->verifying, &core->lost};
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < 3; i++) {
        if (lists[i]->first && lists[i]->first->due_ms < due) {
            due = lists[i]->first->due_ms;
        }
    }
    return due;
}

void sc_items_hurry(struct sc_filter_core *core, uint64_t ms)
{
    uint64_t last = sc_now(core) + ms;
    struct sc_item *firsts[] = {core->signing.first, core->verifying.first};
    for (size_t i = 0; i < 2; i++) {
        for (struct sc_item *item = firsts[i]; item; item = item->after) {
            item->due_ms = item->due_ms < last ? item->due_ms : last;
        }
    }
}
