/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_edit.h"
#include "client/smpp/pdu_list.h"
#include "tests/unit/kannel.h"
#include "tests/unit/smpp_make.h"

#include <smpp34.h>
#include <smpp34_heap.h>
#include <smpp34_structs.h>

/*
 * A second opinion on the codec: libsmpp34 reads what we read and write, and we read what it writes. Its peculiarities:
 * numbers of two and four octets in TLVs that it knows are in host order, lists of TLVs and destinations are in
 * reverse, and it refuses commands that it does not know and sequence number 0.
 */

/* Any PDU as libsmpp34 holds it; each begins with the header's four members. */
union theirs {
    generic_nack_t header;
    bind_transceiver_t bind;
    bind_transceiver_resp_t bind_resp;
    submit_sm_t submit_sm;
    submit_sm_resp_t submit_sm_resp;
    deliver_sm_t deliver_sm;
    deliver_sm_resp_t deliver_sm_resp;
    data_sm_t data_sm;
    data_sm_resp_t data_sm_resp;
    submit_multi_t submit_multi;
    submit_multi_resp_t submit_multi_resp;
    query_sm_t query_sm;
    query_sm_resp_t query_sm_resp;
    cancel_sm_t cancel_sm;
    replace_sm_t replace_sm;
    alert_notification_t alert;
};

static const char *at; /* what is being compared, for the report */

#define SAME_NUMBER(theirs, ours)                                                                                      \
    UNIT_CHECK((theirs) == (ours), "%s: %s is %lu, theirs %lu", at, #ours, (unsigned long)(ours),                      \
               (unsigned long)(theirs))
#define SAME_TEXT(theirs, ours)                                                                                        \
    UNIT_CHECK(stir_view_is((ours), (const char *)(theirs)), "%s: %s is %.*s, theirs %s", at, #ours, (int)(ours).len,  \
               (ours).ptr, (const char *)(theirs))

static bool their_value_is(const tlv_t *tlv, struct stir_view value)
{
    struct smpp_tlv ours = {tlv->tag, value};
    uint32_t number = 0;
    if (tlv->length != value.len) {
        return false;
    }
    if (smpp_tlv_name(tlv->tag) && (value.len == 2 || value.len == 4) && smpp_tlv_uint(&number, &ours)) {
        return number == (value.len == 2 ? tlv->value.val16 : tlv->value.val32);
    }
    return value.len == 0 || memcmp(tlv->value.octet, value.ptr, value.len) == 0;
}

/* The same TLVs, theirs from the last to the first. */
static void compare_tlvs(const tlv_t *theirs, struct stir_view ours)
{
    const tlv_t *reversed[32];
    size_t count = 0;
    for (; theirs && count < 32; theirs = theirs->next) {
        reversed[count++] = theirs;
    }
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&ours, &tlv)) {
        if (count == 0) {
            (void)UNIT_CHECK(false, "%s: TLV 0x%04x, theirs none", at, tlv.tag);
            return;
        }
        const tlv_t *other = reversed[--count];
        UNIT_CHECK(other->tag == tlv.tag, "%s: TLV 0x%04x, theirs 0x%04x", at, tlv.tag, other->tag);
        UNIT_CHECK(their_value_is(other, tlv.value), "%s: value of TLV 0x%04x", at, tlv.tag);
    }
    UNIT_CHECK(count == 0, "%s: %zu more TLVs with them", at, count);
}

static void compare_octets(const uint8_t *theirs, size_t n, struct stir_view ours)
{
    UNIT_CHECK(n == ours.len && (n == 0 || memcmp(theirs, ours.ptr, n) == 0), "%s: short_message", at);
}

static void compare_bind(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->bind.system_id, ours->system_id);
    SAME_TEXT(theirs->bind.password, ours->password);
    SAME_TEXT(theirs->bind.system_type, ours->system_type);
    SAME_NUMBER(theirs->bind.interface_version, ours->interface_version);
    SAME_NUMBER(theirs->bind.addr_ton, ours->range.ton);
    SAME_NUMBER(theirs->bind.addr_npi, ours->range.npi);
    SAME_TEXT(theirs->bind.address_range, ours->range.addr);
}

static void compare_bind_resp(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->bind_resp.system_id, ours->system_id);
    compare_tlvs(theirs->bind_resp.tlv, ours->tlvs);
}

#define COMPARE_SOURCE(theirs, ours)                                                                                   \
    do {                                                                                                               \
        SAME_NUMBER((theirs).source_addr_ton, (ours)->source.ton);                                                     \
        SAME_NUMBER((theirs).source_addr_npi, (ours)->source.npi);                                                     \
        SAME_TEXT((theirs).source_addr, (ours)->source.addr);                                                          \
    } while (0)
#define COMPARE_DEST(theirs, ours)                                                                                     \
    do {                                                                                                               \
        SAME_NUMBER((theirs).dest_addr_ton, (ours)->dest.ton);                                                         \
        SAME_NUMBER((theirs).dest_addr_npi, (ours)->dest.npi);                                                         \
        SAME_TEXT((theirs).destination_addr, (ours)->dest.addr);                                                       \
    } while (0)

/* What submit_sm, deliver_sm and submit_multi have in common. */
#define COMPARE_MESSAGE(theirs, ours)                                                                                  \
    do {                                                                                                               \
        SAME_TEXT((theirs).service_type, (ours)->service_type);                                                        \
        COMPARE_SOURCE(theirs, ours);                                                                                  \
        SAME_NUMBER((theirs).esm_class, (ours)->esm_class);                                                            \
        SAME_NUMBER((theirs).protocol_id, (ours)->protocol_id);                                                        \
        SAME_NUMBER((theirs).priority_flag, (ours)->priority_flag);                                                    \
        SAME_TEXT((theirs).schedule_delivery_time, (ours)->schedule_delivery_time);                                    \
        SAME_TEXT((theirs).validity_period, (ours)->validity_period);                                                  \
        SAME_NUMBER((theirs).registered_delivery, (ours)->registered_delivery);                                        \
        SAME_NUMBER((theirs).replace_if_present_flag, (ours)->replace_if_present_flag);                                \
        SAME_NUMBER((theirs).data_coding, (ours)->data_coding);                                                        \
        SAME_NUMBER((theirs).sm_default_msg_id, (ours)->sm_default_msg_id);                                            \
        compare_octets((theirs).short_message, (theirs).sm_length, (ours)->short_message);                             \
        compare_tlvs((theirs).tlv, (ours)->tlvs);                                                                      \
    } while (0)

static void compare_submit_sm(const union theirs *theirs, const struct smpp_pdu *ours)
{
    COMPARE_MESSAGE(theirs->submit_sm, ours);
    COMPARE_DEST(theirs->submit_sm, ours);
}

static void compare_deliver_sm(const union theirs *theirs, const struct smpp_pdu *ours)
{
    COMPARE_MESSAGE(theirs->deliver_sm, ours);
    COMPARE_DEST(theirs->deliver_sm, ours);
}

static void compare_data_sm(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->data_sm.service_type, ours->service_type);
    COMPARE_SOURCE(theirs->data_sm, ours);
    COMPARE_DEST(theirs->data_sm, ours);
    SAME_NUMBER(theirs->data_sm.esm_class, ours->esm_class);
    SAME_NUMBER(theirs->data_sm.registered_delivery, ours->registered_delivery);
    SAME_NUMBER(theirs->data_sm.data_coding, ours->data_coding);
    compare_tlvs(theirs->data_sm.tlv, ours->tlvs);
}

static void compare_dests(const dad_t *theirs, const struct smpp_pdu *ours)
{
    struct stir_view rest = ours->dests;
    struct smpp_dest dests[8];
    size_t count = 0;
    while (count < 8 && smpp_dest_next(&rest, &dests[count])) {
        count++;
    }
    SAME_NUMBER(count, ours->dest_count);
    for (; theirs && count > 0; theirs = theirs->next) {
        const struct smpp_dest *dest = &dests[--count];
        SAME_NUMBER(theirs->dest_flag == DFID_Distribution_List_Name, dest->list);
        if (dest->list) {
            SAME_TEXT(theirs->value.dl_name, dest->address.addr);
        } else {
            SAME_NUMBER(theirs->value.sme.dest_addr_ton, dest->address.ton);
            SAME_NUMBER(theirs->value.sme.dest_addr_npi, dest->address.npi);
            SAME_TEXT(theirs->value.sme.destination_addr, dest->address.addr);
        }
    }
    UNIT_CHECK(!theirs && count == 0, "%s: not as many destinations", at);
}

static void compare_submit_multi(const union theirs *theirs, const struct smpp_pdu *ours)
{
    COMPARE_MESSAGE(theirs->submit_multi, ours);
    SAME_NUMBER(theirs->submit_multi.number_of_dests, ours->dest_count);
    compare_dests(theirs->submit_multi.dest_addr_def, ours);
}

static void compare_submit_multi_resp(const union theirs *theirs, const struct smpp_pdu *ours)
{
    struct stir_view rest = ours->unsuccess;
    struct smpp_unsuccess failed;
    const udad_t *other = theirs->submit_multi_resp.unsuccess_smes;
    SAME_TEXT(theirs->submit_multi_resp.message_id, ours->message_id);
    SAME_NUMBER(theirs->submit_multi_resp.no_unsuccess, ours->unsuccess_count);
    while (other && smpp_unsuccess_next(&rest, &failed)) {
        COMPARE_DEST(*other, &(struct smpp_pdu){.dest = failed.address});
        SAME_NUMBER(other->error_status_code, failed.status);
        other = other->next;
    }
    UNIT_CHECK(!other && rest.len == 0, "%s: not as many failures", at);
}

static void compare_message_id(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->submit_sm_resp.message_id, ours->message_id);
}

static void compare_query_sm(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->query_sm.message_id, ours->message_id);
    COMPARE_SOURCE(theirs->query_sm, ours);
}

static void compare_query_sm_resp(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->query_sm_resp.message_id, ours->message_id);
    SAME_TEXT(theirs->query_sm_resp.final_date, ours->final_date);
    SAME_NUMBER(theirs->query_sm_resp.message_state, ours->message_state);
    SAME_NUMBER(theirs->query_sm_resp.error_code, ours->error_code);
}

static void compare_cancel_sm(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_TEXT(theirs->cancel_sm.service_type, ours->service_type);
    SAME_TEXT(theirs->cancel_sm.message_id, ours->message_id);
    COMPARE_SOURCE(theirs->cancel_sm, ours);
    COMPARE_DEST(theirs->cancel_sm, ours);
}

static void compare_replace_sm(const union theirs *theirs, const struct smpp_pdu *ours)
{
    const replace_sm_t *replace = &theirs->replace_sm;
    SAME_TEXT(replace->message_id, ours->message_id);
    COMPARE_SOURCE(*replace, ours);
    SAME_TEXT(replace->schedule_delivery_time, ours->schedule_delivery_time);
    SAME_TEXT(replace->validity_period, ours->validity_period);
    SAME_NUMBER(replace->registered_delivery, ours->registered_delivery);
    SAME_NUMBER(replace->sm_default_msg_id, ours->sm_default_msg_id);
    compare_octets(replace->short_message, replace->sm_length, ours->short_message);
}

static void compare_alert(const union theirs *theirs, const struct smpp_pdu *ours)
{
    COMPARE_SOURCE(theirs->alert, ours);
    SAME_NUMBER(theirs->alert.esme_addr_ton, ours->esme.ton);
    SAME_NUMBER(theirs->alert.esme_addr_npi, ours->esme.npi);
    SAME_TEXT(theirs->alert.esme_addr, ours->esme.addr);
    compare_tlvs(theirs->alert.tlv, ours->tlvs);
}

static void compare_nothing(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_NUMBER(theirs->header.command_length, SMPP_HEADER_LEN);
    SAME_NUMBER(ours->tlvs.len, 0);
}

static const struct {
    uint32_t command;
    void (*compare)(const union theirs *theirs, const struct smpp_pdu *ours);
} commands[] = {
    {SMPP_BIND_RECEIVER, compare_bind},
    {SMPP_BIND_TRANSMITTER, compare_bind},
    {SMPP_BIND_TRANSCEIVER, compare_bind},
    {SMPP_BIND_RECEIVER | SMPP_RESP, compare_bind_resp},
    {SMPP_BIND_TRANSMITTER | SMPP_RESP, compare_bind_resp},
    {SMPP_BIND_TRANSCEIVER | SMPP_RESP, compare_bind_resp},
    {SMPP_SUBMIT_SM, compare_submit_sm},
    {SMPP_SUBMIT_SM | SMPP_RESP, compare_message_id},
    {SMPP_DELIVER_SM, compare_deliver_sm},
    {SMPP_DELIVER_SM | SMPP_RESP, compare_message_id},
    {SMPP_DATA_SM, compare_data_sm},
    {SMPP_DATA_SM | SMPP_RESP, compare_message_id},
    {SMPP_SUBMIT_MULTI, compare_submit_multi},
    {SMPP_SUBMIT_MULTI | SMPP_RESP, compare_submit_multi_resp},
    {SMPP_QUERY_SM, compare_query_sm},
    {SMPP_QUERY_SM | SMPP_RESP, compare_query_sm_resp},
    {SMPP_CANCEL_SM, compare_cancel_sm},
    {SMPP_CANCEL_SM | SMPP_RESP, compare_nothing},
    {SMPP_REPLACE_SM, compare_replace_sm},
    {SMPP_REPLACE_SM | SMPP_RESP, compare_nothing},
    {SMPP_ALERT_NOTIFICATION, compare_alert},
    {SMPP_UNBIND, compare_nothing},
    {SMPP_UNBIND | SMPP_RESP, compare_nothing},
    {SMPP_ENQUIRE_LINK, compare_nothing},
    {SMPP_ENQUIRE_LINK | SMPP_RESP, compare_nothing},
    {SMPP_GENERIC_NACK, compare_nothing},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static size_t command_index(uint32_t command)
{
    size_t i = 0;
    while (i < COMMANDS && commands[i].command != command) {
        i++;
    }
    return i;
}

/* What it allocated is freed here: it leaves what it had of a PDU that it then refuses. */
static struct {
    void *blocks[64];
    size_t count;
    bool set;
} heap;

static void *heap_malloc(size_t n)
{
    if (!UNIT_CHECK(heap.count < 64, "%s: more than 64 blocks", at)) {
        return NULL;
    }
    void *block = malloc(n);
    if (block) {
        heap.blocks[heap.count++] = block;
    }
    return block;
}

static void *heap_realloc(void *block, size_t n)
{
    (void)block;
    (void)n;
    UNIT_CHECK(false, "%s: realloc", at);
    return NULL;
}

static void heap_free(void *block)
{
    (void)block;
}

static void theirs_clear(union theirs *theirs)
{
    while (heap.count > 0) {
        free(heap.blocks[--heap.count]);
    }
    *theirs = (union theirs){0};
}

static bool they_read(union theirs *theirs, const void *octets, size_t n)
{
    static const struct smpp34_memory_functions functions = {heap_malloc, heap_realloc, heap_free};
    if (!heap.set) {
        smpp34_set_memory_functions(&functions);
        heap.set = true;
    }
    *theirs = (union theirs){0};
    return smpp34_unpack2(theirs, octets, (int)n) == 0;
}

static void compare(const union theirs *theirs, const struct smpp_pdu *ours)
{
    SAME_NUMBER(theirs->header.command_length, ours->header.length);
    SAME_NUMBER(theirs->header.command_id, ours->header.command);
    SAME_NUMBER(theirs->header.command_status, ours->header.status);
    SAME_NUMBER(theirs->header.sequence_number, ours->header.sequence);
    size_t i = command_index(ours->header.command);
    if (UNIT_CHECK(i < COMMANDS, "%s: command 0x%08x", at, ours->header.command)) {
        commands[i].compare(theirs, ours);
    }
}

/* ---- what a gateway really said ---- */

struct seen {
    unsigned read;
    unsigned refused;
    unsigned tagged;
};

/* With the sidecar's tags on it they read the same, and the tags. */
static void check_tagged(const struct kannel_pdu *line, const struct smpp_pdu *pdu, struct seen *seen)
{
    static const uint16_t drop[] = {0x1501, 0x1502};
    const struct smpp_tlv tags[] = {{0x1501, stir_view_str("passed")}, {0x1502, stir_view_str("12155551212")}};
    const struct smpp_edit edit = {.drop = drop, .drop_count = 2, .append = tags, .append_count = 2};
    uint8_t out[2048];
    size_t len = 0;
    struct smpp_pdu tagged;
    union theirs theirs;
    UNIT_OK(smpp_pdu_edit(out, sizeof(out), &len, pdu, &edit));
    UNIT_CHECK(len == line->len + 4 + 6 + 4 + 11, "%s: %zu octets", at, len);
    UNIT_CHECK(smpp_pdu_read(&tagged, out, len, NULL) == SMPP_OK, "%s", at);
    if (UNIT_CHECK(they_read(&theirs, out, len), "%s: with tags: %s", at, smpp34_strerror)) {
        compare(&theirs, &tagged);
        seen->tagged++;
    }
    theirs_clear(&theirs);
}

static void check_kannel(const struct kannel_pdu *line, void *arg)
{
    struct seen *seen = arg;
    struct smpp_pdu pdu;
    union theirs theirs;
    char label[64];
    (void)snprintf(label, sizeof(label), "PDU %lld", line->n);
    at = label;
    if (!UNIT_CHECK(smpp_pdu_read(&pdu, line->octets, line->len, NULL) == SMPP_OK, "%s", at)) {
        return;
    }
    if (!they_read(&theirs, line->octets, line->len)) {
        bool known = command_index(pdu.header.command) < COMMANDS && pdu.header.sequence != 0;
        UNIT_CHECK(!known, "%s: %s", at, smpp34_strerror);
        seen->refused++;
        return;
    }
    seen->read++;
    compare(&theirs, &pdu);
    theirs_clear(&theirs);
    if (pdu.has_short_message || pdu.header.command == SMPP_DATA_SM) {
        check_tagged(line, &pdu, seen);
    }
}

static void test_kannel(void)
{
    struct seen seen = {0};
    kannel_each(check_kannel, &seen);
    UNIT_CHECK(seen.read == 166 && seen.refused == 2 && seen.tagged == 74, "%u read, %u refused, %u tagged", seen.read,
               seen.refused, seen.tagged);
}

/* ---- each command ---- */

static const struct {
    const char *label;
    uint32_t command;
    const char *body;
} made_here[] = {
    {"bind_receiver", SMPP_BIND_RECEIVER, "'me' 00 'secret' 00 'SYS' 00 34 0101 '49*' 00"},
    {"bind_transmitter", SMPP_BIND_TRANSMITTER, "'0123456789abcde' 00 '12345678' 00 '0123456789ab' 00 34 0000 00"},
    {"bind_transceiver", SMPP_BIND_TRANSCEIVER, "00 00 00 34 0000 00"},
    {"bind_receiver_resp", SMPP_BIND_RECEIVER | SMPP_RESP, "'smsc' 00 0210 0001 34"},
    {"bind_transmitter_resp", SMPP_BIND_TRANSMITTER | SMPP_RESP, "'smsc' 00"},
    {"bind_transceiver_resp", SMPP_BIND_TRANSCEIVER | SMPP_RESP, "'smsc' 00 0210 0001 34 1401 0003 'abc'"},
    {"submit_sm", SMPP_SUBMIT_SM, MAKE_SM "02 'hi'"},
    {"empty submit_sm", SMPP_SUBMIT_SM, MAKE_SM "00"},
    {"every field", SMPP_SUBMIT_SM,
     "'CMT' 00 0101 '12155551212' 00 0201 '0123456789' 00 43 7f 03 '991231235959000+' 00 '000007000000000R' 00 01 01 "
     "08 05 06 05000301 0201 0204 0002 abcd 020c 0002 0102 020e 0001 02 020f 0001 01"},
    {"message_payload", SMPP_SUBMIT_SM, MAKE_SM "00 0424 0005 'hello'"},
    {"unknown and vendor TLVs", SMPP_SUBMIT_SM, MAKE_SM "00 1400 0003 0102 03 3fff 0000 4abc 0005 'stray'"},
    {"the same TLV twice", SMPP_SUBMIT_SM, MAKE_SM "00 1400 0003 'one' 1400 0003 'two'"},
    {"submit_sm_resp", SMPP_SUBMIT_SM | SMPP_RESP, "'0a1b2c' 00"},
    {"deliver_sm", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 001e 0003 'id' 00 0427 0001 02 0423 0003 030000"},
    {"deliver_sm_resp", SMPP_DELIVER_SM | SMPP_RESP, "00"},
    {"data_sm", SMPP_DATA_SM, MAKE_ADDRESSES "40 01 04 0424 0005 0400 0102 03 020a 0002 1581"},
    {"data_sm_resp", SMPP_DATA_SM | SMPP_RESP, "'x' 00"},
    {"submit_multi", SMPP_SUBMIT_MULTI,
     "00 0101 '1' 00 03 01 0101 '12155551213' 00 02 'list' 00 01 0201 '4' 00" MAKE_FLAGS "02 'hi' 1400 0001 aa"},
    {"submit_multi_resp", SMPP_SUBMIT_MULTI | SMPP_RESP, "'x' 00 01 0101 '12155551213' 00 0000000b"},
    {"query_sm", SMPP_QUERY_SM, "'x' 00 0101 '12155551212' 00"},
    {"query_sm_resp", SMPP_QUERY_SM | SMPP_RESP, "'x' 00 '991231235959000+' 00 02 09"},
    {"cancel_sm", SMPP_CANCEL_SM, "'CMT' 00 'x' 00 0101 '1' 00 0201 '2' 00"},
    {"cancel_sm_resp", SMPP_CANCEL_SM | SMPP_RESP, ""},
    {"replace_sm", SMPP_REPLACE_SM, "'x' 00 0101 '1' 00 00 '000007000000000R' 00 01 00 03 'new'"},
    {"replace_sm_resp", SMPP_REPLACE_SM | SMPP_RESP, ""},
    {"alert_notification", SMPP_ALERT_NOTIFICATION, "0101 '1' 00 0201 '2' 00 0422 0001 01"},
    {"unbind", SMPP_UNBIND, ""},
    {"unbind_resp", SMPP_UNBIND | SMPP_RESP, ""},
    {"enquire_link", SMPP_ENQUIRE_LINK, ""},
    {"enquire_link_resp", SMPP_ENQUIRE_LINK | SMPP_RESP, ""},
    {"generic_nack", SMPP_GENERIC_NACK, ""},
};
enum { MADE_HERE = sizeof(made_here) / sizeof(made_here[0]) };

/* What we read and write again from its fields, they read the same. */
static void test_theirs_reads_ours(void)
{
    bool met[COMMANDS] = {false};
    for (size_t i = 0; i < MADE_HERE; i++) {
        at = made_here[i].label;
        struct made made = made_pdu(made_here[i].command, 0, made_here[i].body);
        union theirs theirs;
        CHECK_FAULT(made, SMPP_OK, at);
        check_rewrite(&made, at);
        if (UNIT_CHECK(they_read(&theirs, made.octets, made.len), "%s: %s", at, smpp34_strerror)) {
            compare(&theirs, &made.pdu);
        }
        theirs_clear(&theirs);
        made_free(&made);
        size_t index = command_index(made_here[i].command);
        if (UNIT_CHECK(index < COMMANDS, "%s", at)) {
            met[index] = true;
        }
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        UNIT_CHECK(met[i], "0x%08x", commands[i].command);
    }
}

/* What they write from what they read, we read the same. */
static void test_ours_reads_theirs(void)
{
    for (size_t i = 0; i < MADE_HERE; i++) {
        at = made_here[i].label;
        uint8_t octets[MAKE_MAX];
        uint8_t packed[MAKE_MAX];
        int len = 0;
        union theirs theirs;
        size_t n = make_pdu(octets, made_here[i].command, 0, made_here[i].body);
        bool read = they_read(&theirs, octets, n);
        if (UNIT_CHECK(read && smpp34_pack2(packed, sizeof(packed), &len, &theirs) == 0, "%s: %s", at,
                       smpp34_strerror)) {
            struct made made = made_of(packed, (size_t)len);
            theirs_clear(&theirs);
            CHECK_FAULT(made, SMPP_OK, at);
            UNIT_CHECK((size_t)len == n, "%s: %d octets, expected %zu", at, len, n);
            if (UNIT_CHECK(they_read(&theirs, packed, (size_t)len), "%s: %s", at, smpp34_strerror)) {
                compare(&theirs, &made.pdu);
            }
            made_free(&made);
        }
        theirs_clear(&theirs);
    }
}

/* Cut anywhere, and command_length with it: what remains is a PDU for both or for neither, and the same one. But
 * responses without their body, which errors have, are none to them. */
static void check_cut(const uint8_t *octets, size_t n)
{
    struct made made = made_of(octets, n);
    union theirs theirs;
    bool they = they_read(&theirs, made.octets, n);
    bool we = made.fault == SMPP_OK && !made.pdu.no_body;
    UNIT_CHECK(they == we, "%s: cut to %zu: %s, theirs %s", at, n, smpp_fault_name(made.fault), smpp34_strerror);
    if (they && we) {
        compare(&theirs, &made.pdu);
    }
    theirs_clear(&theirs);
    made_free(&made);
}

static void test_cut(void)
{
    for (size_t i = 0; i < MADE_HERE; i++) {
        at = made_here[i].label;
        uint8_t octets[MAKE_MAX];
        size_t n = make_pdu(octets, made_here[i].command, 0, made_here[i].body);
        struct smpp_header header = smpp_header_read(octets);
        for (header.length = SMPP_HEADER_LEN; header.length < n; header.length++) {
            smpp_header_write(octets, &header);
            check_cut(octets, header.length);
        }
    }
}

UNIT_MAIN("smpp_libsmpp34", {"what Kannel and its SMSC said", test_kannel},
          {"they read what we write", test_theirs_reads_ours}, {"we read what they write", test_ours_reads_theirs},
          {"cut anywhere", test_cut})
