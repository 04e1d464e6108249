#include "client/sidecar/filter/filter_internal.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void list_add(struct gw_item_list *list, struct gw_item *item)
{
    /* deadlines of one list are a constant away from their beginning, so that the last place is nearly always right */
    struct gw_item *before = list->last;
    while (before && before->due_ms > item->due_ms) {
        before = before->before;
    }
    item->before = before;
    item->after = before ? before->after : list->first;
    *(item->before ? &item->before->after : &list->first) = item;
    *(item->after ? &item->after->before : &list->last) = item;
    list->count++;
}

static void list_remove(struct gw_item_list *list, struct gw_item *item)
{
    *(item->before ? &item->before->after : &list->first) = item->after;
    *(item->after ? &item->after->before : &list->last) = item->before;
    item->before = NULL;
    item->after = NULL;
    list->count--;
}

static struct gw_item *list_pop(struct gw_item_list *list)
{
    struct gw_item *item = list->first;
    list->first = item->after;
    *(item->after ? &item->after->before : &list->last) = NULL;
    item->after = NULL;
    list->count--;
    return item;
}

static struct gw_item_list *list_of(struct gw_item *item)
{
    return item->state == GW_ITEM_LOST ? &item->core->lost
           : item->verify              ? &item->core->verifying
                                       : &item->core->signing;
}

/* ---- making ---- */

bool gw_readings_new(struct gw_readings **out, struct smpp_readings *readings)
{
    *out = NULL;
    if (readings->count == 0) {
        return true;
    }
    struct gw_readings *made = calloc(1, sizeof(*made));
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

void gw_readings_free(struct gw_readings *readings)
{
    if (readings) {
        smpp_readings_clear(&readings->made);
        free(readings);
    }
}

static size_t text_size(const struct gw_message *message, const struct gw_held *held)
{
    size_t size = strlen(held->bind->system_id) + 1 + message->orig.len + 1;
    for (size_t i = 0; i < message->dest_count; i++) {
        size += message->dests[i].len + 1;
    }
    return size;
}

static const char *add_text(struct gw_item *item, const char *text)
{
    char *at = item->texts + item->texts_len;
    size_t size = strlen(text) + 1;
    memcpy(at, text, size);
    item->texts_len += size;
    return at;
}

static void take_message(struct gw_item *item, const struct gw_message *message, const struct gw_held *held)
{
    item->from = held->from;
    item->others = message->others;
    item->prompt = item->verify && smpp_pdu_is_ussd(&held->pdu) && !item->policy->verify.ussd_waits;
    item->whole = !gw_message_is_segment(message);
    item->segments = item->whole ? 1 : message->segment.place.total;
    item->system_id = add_text(item, held->bind->system_id);
    item->orig = add_text(item, message->orig.text);
    for (size_t i = 0; i < message->dest_count; i++) {
        item->dests[i] = add_text(item, message->dests[i].text);
    }
    item->dest_count = message->dest_count;
}

static void take_parts(struct gw_item *item, struct gw_part *parts)
{
    item->parts = parts;
    item->released = gw_parts_released(parts);
    item->arrived_ms = gw_now(item->core);
    for (; parts; parts = parts->next) {
        parts->item = item;
        if (parts->held && parts->held->arrived_ms < item->arrived_ms) {
            item->arrived_ms = parts->held->arrived_ms;
        }
    }
}

static void free_item(struct gw_item *item)
{
    for (size_t i = 0; i < item->op_count; i++) {
        cps_signer_free(item->ops[i].signer);
    }
    gw_parts_free(item->parts);
    gw_policy_unref(item->policy);
    stir_buf_free(&item->body);
    gw_readings_free(item->readings);
    gw_line_drop(item->line);
    free(item->ops);
    free(item->dests);
    free(item->texts);
    free(item);
}

struct gw_item *gw_item_new(struct gw_filter_core *core, const struct gw_message *message, const struct gw_held *held,
                            struct gw_part *parts, struct stir_buf *body, bool verify)
{
    struct gw_item *item = calloc(1, sizeof(*item));
    if (!item) {
        return NULL;
    }
    item->core = core;
    item->verify = verify;
    item->policy = gw_policy_ref(core->policy);
    item->texts = malloc(text_size(message, held));
    item->dests = calloc(message->dest_count, sizeof(*item->dests));
    item->ops = calloc(message->dest_count, sizeof(*item->ops));
    if (!item->texts || !item->dests || !item->ops) {
        free_item(item);
        return NULL;
    }
    take_message(item, message, held);
    take_parts(item, parts);
    item->body = *body;
    *body = (struct stir_buf){0};
    return item;
}

struct gw_op *gw_item_op(struct gw_item *item, size_t dest)
{
    struct gw_op *op = &item->ops[item->op_count++];
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

static uint64_t patience(const struct gw_item *item)
{
    const struct gw_policy *policy = item->policy;
    uint64_t wait_ms = item->prompt ? 0 : policy->verify.wait_ms;
    uint64_t ms = item->verify ? wait_ms + policy->verify.grace_ms : policy->sign.timeout_ms;
    return item->core->stopping && ms > GW_STOP_MS ? GW_STOP_MS : ms;
}

static void wait_for(struct gw_item *item)
{
    item->due_ms = gw_now(item->core) + patience(item);
    list_add(list_of(item), item);
}

void gw_item_begin(struct gw_item *item)
{
    struct gw_ops *ops = &item->core->ops;
    size_t count = item->op_count;
    if (item->parts) {
        wait_for(item);
    } else {
        item->state = GW_ITEM_DECIDED;
    }
    item->pending = count;
    for (size_t i = 0; i < count; i++) {
        gw_ops_add(ops, &item->ops[i]);
    }
}

static void settle(struct gw_item *item)
{
    (item->verify ? gw_verify_settled : gw_sign_settled)(item);
}

void gw_item_decided(struct gw_item *item)
{
    if (item->state == GW_ITEM_OPEN && (item->before || item->after || list_of(item)->first == item)) {
        list_remove(list_of(item), item);
    }
    gw_parts_free(item->parts);
    item->parts = NULL;
    item->state = GW_ITEM_DECIDED;
    for (size_t i = 0; item->pending && i < item->op_count; i++) {
        item->pending -= gw_ops_cancel(&item->core->ops, &item->ops[i]);
    }
    if (item->pending == 0) {
        free_item(item);
    }
}

void gw_item_op_done(struct gw_op *op)
{
    struct gw_item *item = op->owner;
    item->pending--;
    item->spooled |= op->spooled;
    if (op->code != CPS_OK && (!item->worst || op->verdict > item->worst->verdict)) {
        item->worst = op;
    }
    if (item->pending == 0) {
        settle(item);
    }
}

/* ---- lost and found ---- */

/* What makes two messages the same: direction, bind, sender, destinations, text. */
static const uint8_t *print_of(struct gw_item *item)
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

static uint64_t hash_of(const uint8_t print[GW_PRINT])
{
    uint64_t hash;
    memcpy(&hash, print, sizeof(hash));
    return hash;
}

static uint64_t print_hash(struct gw_item *item)
{
    return hash_of(print_of(item));
}

/* A lost one that was taken out of its list. */
static void drop(struct gw_item *item)
{
    stir_map_remove(&item->core->lost_by_print, &item->node);
    stir_map_remove(&item->core->lost_by_last, &item->last_node);
    item->state = GW_ITEM_DECIDED;
    gw_item_decided(item);
}

void gw_item_forget(struct gw_item *item)
{
    list_remove(&item->core->lost, item);
    drop(item);
}

void gw_item_lost(struct gw_item *item, struct gw_part *part)
{
    struct gw_filter_core *core = item->core;
    bool again = item->released && gw_sent_print(item->last_print, part->held, item->verify);
    part->held = NULL;
    if (item->state != GW_ITEM_OPEN || gw_parts_held(item->parts)) {
        return;
    }
    list_remove(list_of(item), item);
    item->state = GW_ITEM_LOST;
    item->due_ms = gw_now(core) + GW_REPEAT_MS;
    list_add(&core->lost, item);
    stir_map_put(&core->lost_by_print, &item->node, print_hash(item));
    if (again) {
        stir_map_put(&core->lost_by_last, &item->last_node, hash_of(item->last_print));
    }
    if (core->lost.count > GW_REPEATS_MAX) {
        drop(list_pop(&core->lost));
    }
}

static struct gw_item *find_lost(struct gw_item *item)
{
    struct stir_map_node *node = stir_map_first(&item->core->lost_by_print, print_hash(item));
    while (node && memcmp(((struct gw_item *)node)->print, item->print, GW_PRINT) != 0) {
        node = stir_map_next(node);
    }
    return (struct gw_item *)node;
}

/* A lost one is waited for again, with these parts. */
static void reopen(struct gw_item *item, struct gw_part *parts)
{
    item->core->counters.repeats++;
    list_remove(&item->core->lost, item);
    stir_map_remove(&item->core->lost_by_print, &item->node);
    stir_map_remove(&item->core->lost_by_last, &item->last_node);
    item->state = GW_ITEM_OPEN;
    take_parts(item, parts);
    wait_for(item);
    if (item->pending == 0) {
        settle(item);
    }
}

bool gw_item_is_repeat(struct gw_item *item)
{
    struct gw_item *old = item->core->lost.count ? find_lost(item) : NULL;
    if (!old) {
        return false;
    }
    if (!old->verify && old->whole && gw_is_old(item->core, old->signed_ms, old->life_s)) {
        item->core->counters.signed_again++;
        gw_item_forget(old);
        return false;
    }
    struct gw_part *parts = item->parts;
    item->parts = NULL;
    gw_parts_free(old->parts);
    free_item(item);
    reopen(old, parts);
    return true;
}

#define ITEM_OF_LAST(node) ((struct gw_item *)(void *)((char *)(node)-offsetof(struct gw_item, last_node)))

bool gw_item_resume(struct gw_filter_core *core, struct gw_part *part)
{
    uint8_t print[GW_PRINT];
    if (core->lost_by_last.count == 0 || !gw_sent_print(print, part->held, part->verify)) {
        return false;
    }
    struct stir_map_node *node = stir_map_first(&core->lost_by_last, hash_of(print));
    while (node && memcmp(ITEM_OF_LAST(node)->last_print, print, GW_PRINT) != 0) {
        node = stir_map_next(node);
    }
    if (!node) {
        return false;
    }
    struct gw_item *item = ITEM_OF_LAST(node);
    struct gw_part *parts = item->parts;
    *gw_parts_end(&parts) = part;
    reopen(item, parts);
    return true;
}

void gw_items_forget(struct gw_filter_core *core)
{
    while (core->lost.first) {
        drop(list_pop(&core->lost));
    }
}

/* ---- time ---- */

static bool is_due(const struct gw_item_list *list, uint64_t now)
{
    return list->first && list->first->due_ms <= now;
}

void gw_items_expire(struct gw_filter_core *core)
{
    uint64_t now = gw_now(core);
    while (is_due(&core->signing, now)) {
        gw_sign_expired(core->signing.first);
    }
    while (is_due(&core->verifying, now)) {
        gw_verify_expired(core->verifying.first);
    }
    while (is_due(&core->lost, now)) {
        drop(list_pop(&core->lost));
    }
}

uint64_t gw_items_due(const struct gw_filter_core *core)
{
    const struct gw_item_list *lists[] = {&core->signing, &core->verifying, &core->lost};
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < 3; i++) {
        if (lists[i]->first && lists[i]->first->due_ms < due) {
            due = lists[i]->first->due_ms;
        }
    }
    return due;
}

void gw_items_hurry(struct gw_filter_core *core, uint64_t ms)
{
    uint64_t last = gw_now(core) + ms;
    struct gw_item *firsts[] = {core->signing.first, core->verifying.first};
    for (size_t i = 0; i < 2; i++) {
        for (struct gw_item *item = firsts[i]; item; item = item->after) {
            item->due_ms = item->due_ms < last ? item->due_ms : last;
        }
    }
}
