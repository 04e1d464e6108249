#include "client/gateway/filter_internal.h"

#include "client/smpp/tlv.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/*
 * Messages that have gone on with a PASSporT and wait for their answer. A sender whose message was answered with an
 * error, or whose connection ended before the answer, sends it again: it has used its PASSporT then, and must not be
 * taken for a replay. So it is known again, once.
 */
struct gw_sent {
    struct cps_map_node by_sequence; /* first: a node is its record; while it is not answered */
    struct cps_map_node by_print;    /* when it may be sent again */
    struct gw_sent *before, *after;  /* in order of time, of its list: */
    struct gw_sent_list *list;       /* of its connection's that are not answered, or all that may be sent again */
    uint64_t until_ms;
    uint64_t connection;
    uint32_t sequence;
    enum gw_leg from;
    uint8_t print[GW_PRINT];
    char signer[];
};

/* What a connection has not answered. */
struct gw_sent_bind {
    struct cps_map_node node; /* first */
    uint64_t connection;
    struct gw_sent_list unanswered;
};

#define SENT_OF(node) ((struct gw_sent *)(void *)((char *)(node)-offsetof(struct gw_sent, by_print)))

/* ---- lists ---- */

static void list_add(struct gw_sent_list *list, struct gw_sent *sent)
{
    sent->list = list;
    sent->after = NULL;
    sent->before = list->last;
    *(list->last ? &list->last->after : &list->first) = sent;
    list->last = sent;
    list->count++;
}

static void list_remove(struct gw_sent *sent)
{
    struct gw_sent_list *list = sent->list;
    *(sent->before ? &sent->before->after : &list->first) = sent->after;
    *(sent->after ? &sent->after->before : &list->last) = sent->before;
    list->count--;
}

static struct gw_sent *list_pop(struct gw_sent_list *list)
{
    struct gw_sent *sent = list->first;
    list->first = sent->after;
    *(sent->after ? &sent->after->before : &list->last) = NULL;
    list->count--;
    return sent;
}

/* One that is in no list any more. */
static void drop(struct gw_filter_core *core, struct gw_sent *sent)
{
    core->unanswered -= sent->list != &core->repeatable;
    cps_map_remove(&core->sent_by_sequence, &sent->by_sequence);
    cps_map_remove(&core->sent_by_print, &sent->by_print);
    free(sent);
}

static void drop_first(struct gw_filter_core *core, struct gw_sent_list *list)
{
    drop(core, list_pop(list));
}

/* ---- connections ---- */

static struct gw_sent_bind *find_bind(struct gw_filter_core *core, uint64_t connection, uint64_t hash)
{
    struct cps_map_node *node = cps_map_first(&core->sent_binds, hash);
    while (node && ((struct gw_sent_bind *)node)->connection != connection) {
        node = cps_map_next(node);
    }
    return (struct gw_sent_bind *)node;
}

static uint64_t bind_hash(const struct gw_filter_core *core, uint64_t connection)
{
    return cps_map_hash(&core->sent_binds, &connection, sizeof(connection), NULL, 0);
}

static struct gw_sent_bind *bind_of(struct gw_filter_core *core, uint64_t connection)
{
    uint64_t hash = bind_hash(core, connection);
    struct gw_sent_bind *bind = find_bind(core, connection, hash);
    if (!bind && (bind = calloc(1, sizeof(*bind)))) {
        bind->connection = connection;
        cps_map_put(&core->sent_binds, &bind->node, hash);
    }
    return bind;
}

/* ---- what makes a PDU the same ---- */

static void put_view(struct stir_buf *out, struct stir_view view)
{
    stir_buf_put(out, &view.len, sizeof(view.len));
    stir_buf_put(out, view.ptr ? view.ptr : "", view.len);
}

/* Who, to whom, what: not what a second attempt may differ in, as times and the request for a receipt. */
static bool print_of(uint8_t print[GW_PRINT], const struct gw_held *held, bool verify)
{
    const struct smpp_pdu *pdu = &held->pdu;
    struct smpp_sar sar = {0};
    struct stir_buf octets = {0};
    (void)smpp_sar_read(&sar, pdu->tlvs);
    const uint8_t fixed[] = {(uint8_t)held->from,     verify,           pdu->source.ton,
                             pdu->source.npi,         pdu->dest.ton,    pdu->dest.npi,
                             pdu->esm_class,          pdu->data_coding, (uint8_t)sar.ref,
                             (uint8_t)(sar.ref >> 8), sar.total,        sar.segment};
    stir_buf_put(&octets, fixed, sizeof(fixed));
    put_view(&octets, stir_view_str(held->bind->system_id));
    put_view(&octets, pdu->source.addr);
    put_view(&octets, pdu->dest.addr);
    put_view(&octets, pdu->dests);
    put_view(&octets, pdu->body);
    bool good = stir_buf_state(&octets) == STIR_OK && SHA256((const unsigned char *)octets.ptr, octets.len, print);
    stir_buf_free(&octets);
    return good;
}

static uint64_t print_hash(const uint8_t print[GW_PRINT])
{
    uint64_t hash;
    memcpy(&hash, print, sizeof(hash));
    return hash;
}

static uint64_t sequence_hash(const struct gw_filter_core *core, uint64_t connection, enum gw_leg from,
                              uint32_t sequence)
{
    const uint64_t key[] = {connection, (uint64_t)from << 32 | sequence};
    return cps_map_hash(&core->sent_by_sequence, key, sizeof(key), NULL, 0);
}

/* ---- going on ---- */

struct gw_sent *gw_sent_new(const struct gw_held *held, bool verify, const char *signer)
{
    size_t size = strlen(signer) + 1;
    struct gw_sent *sent = held->fault == SMPP_OK ? calloc(1, sizeof(*sent) + size) : NULL;
    if (!sent) {
        return NULL;
    }
    sent->connection = held->bind->connection;
    sent->from = held->from;
    sent->sequence = held->pdu.header.sequence;
    memcpy(sent->signer, signer, size);
    if (!print_of(sent->print, held, verify)) {
        free(sent);
        return NULL;
    }
    return sent;
}

void gw_sent_add(struct gw_filter_core *core, struct gw_sent *sent)
{
    struct gw_sent_bind *bind = sent ? bind_of(core, sent->connection) : NULL;
    if (!bind) {
        free(sent);
        return;
    }
    list_add(&bind->unanswered, sent);
    core->unanswered++;
    cps_map_put(&core->sent_by_sequence, &sent->by_sequence,
                sequence_hash(core, sent->connection, sent->from, sent->sequence));
    if (core->unanswered > GW_SENT_MAX) {
        drop_first(core, &bind->unanswered);
    }
}

void gw_sent_free(struct gw_sent *sent)
{
    free(sent);
}

/* ---- the answer ---- */

/* One that is in no list any more. */
static void may_come_again(struct gw_filter_core *core, struct gw_sent *sent)
{
    core->unanswered--;
    cps_map_remove(&core->sent_by_sequence, &sent->by_sequence);
    sent->until_ms = gw_now(core) + GW_REPEAT_MS;
    list_add(&core->repeatable, sent);
    cps_map_put(&core->sent_by_print, &sent->by_print, print_hash(sent->print));
    if (core->repeatable.count > GW_SENT_MAX) {
        drop_first(core, &core->repeatable);
    }
}

void gw_sent_answered(struct gw_filter_core *core, const struct gw_bind *bind, enum gw_leg from, uint32_t sequence,
                      uint32_t status)
{
    struct cps_map_node *node = NULL;
    if (core->unanswered) {
        node = cps_map_first(&core->sent_by_sequence, sequence_hash(core, bind->connection, from, sequence));
    }
    for (; node; node = cps_map_next(node)) {
        struct gw_sent *sent = (struct gw_sent *)node;
        if (sent->connection == bind->connection && sent->from == from && sent->sequence == sequence) {
            list_remove(sent);
            (status ? may_come_again : drop)(core, sent);
            return;
        }
    }
}

void gw_sent_ended(struct gw_filter_core *core, const struct gw_bind *bind)
{
    struct gw_sent_bind *ended = find_bind(core, bind->connection, bind_hash(core, bind->connection));
    if (ended) {
        while (ended->unanswered.first) {
            may_come_again(core, list_pop(&ended->unanswered));
        }
        cps_map_remove(&core->sent_binds, &ended->node);
        free(ended);
    }
}

bool gw_sent_is_repeat(struct gw_filter_core *core, const struct gw_held *held, bool verify, char *signer, size_t cap)
{
    uint8_t print[GW_PRINT];
    if (core->repeatable.count == 0 || held->fault != SMPP_OK || !print_of(print, held, verify)) {
        return false;
    }
    struct cps_map_node *node = cps_map_first(&core->sent_by_print, print_hash(print));
    for (; node; node = cps_map_next(node)) {
        struct gw_sent *sent = SENT_OF(node);
        if (memcmp(sent->print, print, sizeof(print)) == 0 && strlen(sent->signer) < cap) {
            memcpy(signer, sent->signer, strlen(sent->signer) + 1);
            list_remove(sent);
            drop(core, sent);
            core->counters.repeats++;
            return true;
        }
    }
    return false;
}

/* ---- time ---- */

void gw_sent_expire(struct gw_filter_core *core)
{
    while (core->repeatable.first && core->repeatable.first->until_ms <= gw_now(core)) {
        drop_first(core, &core->repeatable);
    }
}

uint64_t gw_sent_due(const struct gw_filter_core *core)
{
    return core->repeatable.first ? core->repeatable.first->until_ms : UINT64_MAX;
}

bool gw_sent_init(struct gw_filter_core *core)
{
    return cps_map_init(&core->sent_binds) && cps_map_init(&core->sent_by_sequence) &&
           cps_map_init(&core->sent_by_print);
}

void gw_sent_free_all(struct gw_filter_core *core)
{
    for (size_t i = 0; i < core->sent_binds.size; i++) {
        while (core->sent_binds.buckets[i]) {
            struct gw_bind bind = {.connection = ((struct gw_sent_bind *)core->sent_binds.buckets[i])->connection};
            gw_sent_ended(core, &bind);
        }
    }
    while (core->repeatable.first) {
        drop_first(core, &core->repeatable);
    }
    cps_map_free(&core->sent_binds);
    cps_map_free(&core->sent_by_sequence);
    cps_map_free(&core->sent_by_print);
}
