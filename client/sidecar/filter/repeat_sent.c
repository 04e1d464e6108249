/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/repeat.h"

#include "client/sidecar/filter/filter_core.h"
#include "client/smpp/tlv.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/*
 * Messages that were forwarded with a PASSporT and wait for their answer. A sender whose message was answered with an
 * error, or whose connection ended before the answer, sends it again: it has used its PASSporT then, and must not be
 * taken for a replay. So it is known again, once for each time. A message that the peer refused was not delivered, and
 * may be sent again without limit. After a lost connection nobody knows whether it was delivered; a sender that loses
 * its connection on purpose could use one PASSporT without end, so those times are limited.
 *
 * An answer may not have been read when its connection ends. So a message that was verified stays known for a while
 * after its answer. Where it was signed it does not: it is signed again then. The message is therefore judged again, so
 * that a second PASSporT of it is used up, and only "replayed" is not held against it. A segment cannot be judged by
 * itself: it passes again.
 */
struct sc_sent {
    struct stir_map_node by_sequence; /* first member: a node is its record; while it is not answered */
    struct stir_map_node by_print;    /* while it may be sent again */
    struct sc_sent *before, *after;   /* in its list, ordered by time */
    struct sc_sent_list *list;        /* unanswered or answered ones of its connection, or all repeatable ones */
    size_t *counter;                  /* counts the records of all lists of this kind; NULL for the repeatable ones */
    uint64_t until_ms;                /* when it is forgotten, if it is answered or repeatable */
    uint64_t connection;
    uint32_t sequence;
    enum sc_leg from;
    uint8_t print[SC_PRINT];
    enum sc_again again; /* unless SC_AGAIN_NOT, it is judged when it is sent again */
    struct sc_passed passed;
};

/* The records of one connection. */
struct sc_sent_bind {
    struct stir_map_node node; /* first member: a node is its connection */
    uint64_t connection;
    struct sc_sent_list unanswered, answered;
};

#define SENT_OF(node) ((struct sc_sent *)(void *)((char *)(node)-offsetof(struct sc_sent, by_print)))

/* ---- lists ---- */

static void sent_list_add(struct sc_sent_list *list, struct sc_sent *sent)
{
    sent->list = list;
    sent->after = NULL;
    sent->before = list->last;
    *(list->last ? &list->last->after : &list->first) = sent;
    list->last = sent;
    list->count++;
}

static void sent_list_remove(struct sc_sent *sent)
{
    struct sc_sent_list *list = sent->list;
    assert(list->count > 0 && (sent->before || list->first == sent) && (sent->after || list->last == sent));
    *(sent->before ? &sent->before->after : &list->first) = sent->after;
    *(sent->after ? &sent->after->before : &list->last) = sent->before;
    list->count--;
}

static struct sc_sent *sent_list_pop(struct sc_sent_list *list)
{
    struct sc_sent *sent = list->first;
    assert(sent && list->count > 0);
    list->first = sent->after;
    *(sent->after ? &sent->after->before : &list->last) = NULL;
    list->count--;
    return sent;
}

/* One that is in no list any more. */
static void sent_drop(struct sc_filter_core *core, struct sc_sent *sent)
{
    core->judged_again -= sent->again != SC_AGAIN_NOT;
    if (sent->counter) {
        assert(*sent->counter > 0);
        --*sent->counter;
    }
    sc_repeat_release(core, sent->passed.slot);
    stir_map_remove(&core->sent_by_sequence, &sent->by_sequence);
    stir_map_remove(&core->sent_by_print, &sent->by_print);
    free(sent);
}

/* Frees a record whose message nobody will send again, with its note even if the process is ending. */
static void sent_drop_for_good(struct sc_filter_core *core, struct sc_sent *sent)
{
    sc_repeat_slot_free(sent->passed.slot);
    sent->passed.slot = NULL;
    sent_drop(core, sent);
}

static void sent_drop_first(struct sc_filter_core *core, struct sc_sent_list *list)
{
    sent_drop(core, sent_list_pop(list));
}

/* ---- connections ---- */

static struct sc_sent_bind *sent_bind_find(struct sc_filter_core *core, uint64_t connection, uint64_t hash)
{
    struct stir_map_node *node = stir_map_first(&core->sent_binds, hash);
    while (node && ((struct sc_sent_bind *)node)->connection != connection) {
        node = stir_map_next(node);
    }
    return (struct sc_sent_bind *)node;
}

static uint64_t sent_bind_hash(const struct sc_filter_core *core, uint64_t connection)
{
    return stir_map_hash(&core->sent_binds, &connection, sizeof(connection), NULL, 0);
}

static struct sc_sent_bind *sent_bind_get(struct sc_filter_core *core, uint64_t connection)
{
    uint64_t hash = sent_bind_hash(core, connection);
    struct sc_sent_bind *bind = sent_bind_find(core, connection, hash);
    if (!bind && (bind = calloc(1, sizeof(*bind)))) {
        bind->connection = connection;
        stir_map_put(&core->sent_binds, &bind->node, hash);
    }
    return bind;
}

/* ---- what makes a PDU the same ---- */

static void sent_put_view(struct stir_buf *out, struct stir_view view)
{
    stir_buf_put(out, &view.len, sizeof(view.len));
    stir_buf_put(out, view.ptr ? view.ptr : "", view.len);
}

/* Computes the digest of sender, destination and text, without what may differ in a second attempt, such as times
 * and the request for a receipt. */
static bool sent_print(uint8_t print[SC_PRINT], const struct sc_held *held, bool verify)
{
    const struct smpp_pdu *pdu = &held->pdu;
    struct smpp_sar sar = {0};
    struct stir_buf octets = {0};
    smpp_sar_read(&sar, pdu->tlvs);
    const uint8_t fixed[] = {(uint8_t)held->from,     verify,           pdu->source.ton,
                             pdu->source.npi,         pdu->dest.ton,    pdu->dest.npi,
                             pdu->esm_class,          pdu->data_coding, (uint8_t)sar.ref,
                             (uint8_t)(sar.ref >> 8), sar.total,        sar.segment};
    stir_buf_put(&octets, fixed, sizeof(fixed));
    sent_put_view(&octets, stir_view_str(held->bind->system_id));
    sent_put_view(&octets, pdu->source.addr);
    sent_put_view(&octets, pdu->dest.addr);
    sent_put_view(&octets, pdu->dests);
    sent_put_view(&octets, pdu->body);
    bool good = stir_buf_state(&octets) == STIR_OK && SHA256((const unsigned char *)octets.ptr, octets.len, print);
    stir_buf_free(&octets);
    return good;
}

bool sc_sent_print(uint8_t print[SC_PRINT], const struct sc_held *held, bool verify)
{
    return sent_print(print, held, verify);
}

static uint64_t sent_print_hash(const uint8_t print[SC_PRINT])
{
    uint64_t hash;
    memcpy(&hash, print, sizeof(hash));
    return hash;
}

static uint64_t sent_sequence_hash(const struct sc_filter_core *core, uint64_t connection, enum sc_leg from,
                                   uint32_t sequence)
{
    const uint64_t key[] = {connection, (uint64_t)from << 32 | sequence};
    return stir_map_hash(&core->sent_by_sequence, key, sizeof(key), NULL, 0);
}

/* ---- going on ---- */

struct sc_sent *sc_sent_new(const struct sc_held *held, const struct sc_passed *passed)
{
    struct sc_sent *sent = held->fault == SMPP_OK ? calloc(1, sizeof(*sent)) : NULL;
    if (!sent) {
        return NULL;
    }
    sent->connection = held->bind->connection;
    sent->from = held->from;
    sent->sequence = held->pdu.header.sequence;
    sent->passed = *passed;
    if (!sent_print(sent->print, held, passed->verify)) {
        free(sent);
        return NULL;
    }
    return sent;
}

void sc_sent_add(struct sc_filter_core *core, struct sc_sent *sent)
{
    struct sc_sent_bind *bind = sent ? sent_bind_get(core, sent->connection) : NULL;
    if (!bind) {
        sc_sent_free(core, sent);
        return;
    }
    sc_repeat_note(core, &sent->passed, sent->print, false);
    sent_list_add(&bind->unanswered, sent);
    sent->counter = &core->unanswered;
    core->unanswered++;
    stir_map_put(&core->sent_by_sequence, &sent->by_sequence,
                 sent_sequence_hash(core, sent->connection, sent->from, sent->sequence));
    if (core->unanswered > SC_SENT_MAX) {
        sent_drop_first(core, &bind->unanswered);
    }
}

void sc_sent_free(struct sc_filter_core *core, struct sc_sent *sent)
{
    if (sent) {
        sc_repeat_release(core, sent->passed.slot);
        free(sent);
    }
}

static void sent_list_repeatable(struct sc_filter_core *core, struct sc_sent *sent)
{
    sent->until_ms = sc_now(core) + SC_REPEAT_MS;
    sent->counter = NULL;
    sent_list_add(&core->repeatable, sent);
    stir_map_put(&core->sent_by_print, &sent->by_print, sent_print_hash(sent->print));
    if (core->repeatable.count > SC_SENT_MAX) {
        sent_drop_first(core, &core->repeatable);
    }
}

/* ---- of the process before this one ---- */

bool sc_sent_restore(struct sc_filter_core *core, const struct sc_passed *passed, const uint8_t print[SC_PRINT],
                     enum sc_again again)
{
    struct sc_sent *sent = calloc(1, sizeof(*sent));
    if (!sent) {
        return false;
    }
    memcpy(sent->print, print, sizeof(sent->print));
    sent->passed = *passed;
    sent->again = again;
    core->judged_again += again != SC_AGAIN_NOT;
    sent_list_repeatable(core, sent);
    return true;
}

static struct sc_sent *sent_find_repeatable(struct sc_filter_core *core, const uint8_t print[SC_PRINT], bool judged)
{
    struct stir_map_node *node = stir_map_first(&core->sent_by_print, sent_print_hash(print));
    while (node &&
           (memcmp(SENT_OF(node)->print, print, SC_PRINT) != 0 || (SENT_OF(node)->again != SC_AGAIN_NOT) != judged)) {
        node = stir_map_next(node);
    }
    return node ? SENT_OF(node) : NULL;
}

enum sc_again sc_sent_judged_again(struct sc_filter_core *core, const uint8_t print[SC_PRINT], bool forget,
                                   unsigned *losses)
{
    struct sc_sent *sent = sent_find_repeatable(core, print, true);
    enum sc_again again = sent ? sent->again : SC_AGAIN_NOT;
    *losses = sent ? sent->passed.losses : 0;
    if (sent && forget) {
        sent_list_remove(sent);
        sent_drop(core, sent);
    }
    return again;
}

/* ---- the answer ---- */

/* One that is in no list any more. */
static void sent_may_come_again(struct sc_filter_core *core, struct sc_sent *sent, bool refused)
{
    sent->passed.refused = refused;
    --*sent->counter;
    stir_map_remove(&core->sent_by_sequence, &sent->by_sequence);
    sc_repeat_note(core, &sent->passed, sent->print, sent->again != SC_AGAIN_NOT);
    sent_list_repeatable(core, sent);
}

/* Forgets messages of a connection whose answers must have been read by now. */
static void sent_bind_expire_answered(struct sc_filter_core *core, struct sc_sent_bind *bind)
{
    while (bind->answered.first && bind->answered.first->until_ms <= sc_now(core)) {
        sent_drop_for_good(core, sent_list_pop(&bind->answered));
    }
}

/* One that is in no list any more. */
static void sent_keep_answered(struct sc_filter_core *core, struct sc_sent_bind *bind, struct sc_sent *sent)
{
    sent_bind_expire_answered(core, bind);
    core->unanswered--;
    core->answered++;
    sent->counter = &core->answered;
    stir_map_remove(&core->sent_by_sequence, &sent->by_sequence);
    sent->until_ms = sc_now(core) + SC_ANSWERED_MS;
    sc_repeat_note_answered(&sent->passed);
    sent_list_add(&bind->answered, sent);
    if (core->answered > SC_SENT_MAX) {
        sent_drop_for_good(core, sent_list_pop(&bind->answered));
    }
}

static void sent_take_answer(struct sc_filter_core *core, struct sc_sent *sent, uint32_t status)
{
    struct sc_sent_bind *bind = sent_bind_get(core, sent->connection);
    sent_list_remove(sent);
    if (status) {
        sent_may_come_again(core, sent, true);
    } else if (sent->passed.verify && core->policy->repeat_max && bind) {
        sent_keep_answered(core, bind, sent);
    } else {
        sent_drop_for_good(core, sent);
    }
}

void sc_sent_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                      uint32_t status)
{
    struct stir_map_node *node = NULL;
    if (core->unanswered) {
        node = stir_map_first(&core->sent_by_sequence, sent_sequence_hash(core, bind->connection, from, sequence));
    }
    for (; node; node = stir_map_next(node)) {
        struct sc_sent *sent = (struct sc_sent *)node;
        if (sent->connection == bind->connection && sent->from == from && sent->sequence == sequence) {
            sent_take_answer(core, sent, status);
            return;
        }
    }
}

void sc_sent_caught_up(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from)
{
    struct sc_sent_bind *found = sent_bind_find(core, bind->connection, sent_bind_hash(core, bind->connection));
    for (struct sc_sent *sent = found ? found->answered.first : NULL, *next; sent; sent = next) {
        next = sent->after;
        if (sent->from == from) {
            sent_list_remove(sent);
            sent_drop_for_good(core, sent);
        }
    }
}

/* Lets messages be sent again whose answers may not have been read. */
static void sent_bind_end_answered(struct sc_filter_core *core, struct sc_sent_bind *ended)
{
    sent_bind_expire_answered(core, ended);
    while (ended->answered.first) {
        struct sc_sent *sent = sent_list_pop(&ended->answered);
        sent->again = sent->passed.whole ? SC_AGAIN_UNREAD : SC_AGAIN_NOT;
        core->judged_again += sent->passed.whole;
        sent_may_come_again(core, sent, false);
    }
}

void sc_sent_ended(struct sc_filter_core *core, const struct sc_bind *bind, bool closed)
{
    struct sc_sent_bind *ended = sent_bind_find(core, bind->connection, sent_bind_hash(core, bind->connection));
    if (!ended) {
        return;
    }
    while (ended->unanswered.first) {
        sent_may_come_again(core, sent_list_pop(&ended->unanswered), false);
    }
    if (closed) {
        sent_bind_end_answered(core, ended);
        stir_map_remove(&core->sent_binds, &ended->node);
        free(ended);
    }
}

void sc_sent_over(struct sc_filter_core *core, const char *what)
{
    core->counters.again_over++;
    sc_filter_say(core, "a message was sent again after a lost connection more often than [repeat] max allows", what);
}

/* Returns true if the message of a record may pass once more. */
static bool sent_allows_repeat(struct sc_filter_core *core, const struct sc_passed *passed, bool whole)
{
    if (!passed->refused && passed->losses >= core->policy->repeat_max) {
        sc_sent_over(core, passed->verify ? "it is verified again" : "it is signed again");
        return false;
    }
    if (!passed->verify && whole && sc_is_old(core, passed->signed_ms, passed->life_s)) {
        core->counters.signed_again++;
        return false;
    }
    return true;
}

static void sent_count_repeat(struct sc_filter_core *core, struct sc_passed *passed)
{
    core->counters.repeats++;
    if (passed->refused) {
        core->counters.again_refused++;
    } else {
        passed->losses++;
        core->counters.again_lost++;
    }
}

bool sc_sent_is_repeat(struct sc_filter_core *core, const struct sc_held *held, bool verify, bool whole,
                       struct sc_passed *out)
{
    uint8_t print[SC_PRINT];
    if (core->repeatable.count == 0 || held->fault != SMPP_OK || !sent_print(print, held, verify)) {
        return false;
    }
    struct sc_sent *sent = sent_find_repeatable(core, print, false);
    if (!sent) {
        return false;
    }
    *out = sent->passed;
    sent->passed.slot = NULL; /* the note is kept until the message has passed again */
    sent_list_remove(sent);
    sent_drop(core, sent);
    bool again = sent_allows_repeat(core, out, whole);
    if (again) {
        sent_count_repeat(core, out);
    } else {
        sc_repeat_release(core, out->slot);
    }
    return again;
}

/* ---- time ---- */

void sc_sent_expire(struct sc_filter_core *core)
{
    while (core->repeatable.first && core->repeatable.first->until_ms <= sc_now(core)) {
        sent_drop_first(core, &core->repeatable);
    }
}

uint64_t sc_sent_due(const struct sc_filter_core *core)
{
    return core->repeatable.first ? core->repeatable.first->until_ms : UINT64_MAX;
}

bool sc_sent_init(struct sc_filter_core *core)
{
    return stir_map_init(&core->sent_binds) && stir_map_init(&core->sent_by_sequence) &&
           stir_map_init(&core->sent_by_print);
}

void sc_sent_free_all(struct sc_filter_core *core)
{
    for (size_t i = 0; i < core->sent_binds.size; i++) {
        while (core->sent_binds.buckets[i]) {
            struct sc_bind bind = {.connection = ((struct sc_sent_bind *)core->sent_binds.buckets[i])->connection};
            sc_sent_ended(core, &bind, true);
        }
    }
    while (core->repeatable.first) {
        sent_drop_first(core, &core->repeatable);
    }
    stir_map_free(&core->sent_binds);
    stir_map_free(&core->sent_by_sequence);
    stir_map_free(&core->sent_by_print);
}
