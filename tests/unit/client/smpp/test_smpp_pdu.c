/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu.h"
#include "client/smpp/pdu_list.h"
#include "client/smpp/tlv.h"
#include "tests/unit/kannel.h"
#include "tests/unit/smpp_make.h"

/* Compares a number with what the other decoder read, if it read one. */
static void number(const struct kannel_pdu *vector, const char *name, uint32_t is)
{
    json_t *expected = json_object_get(vector->fields, name);
    if (expected) {
        UNIT_CHECK(json_integer_value(expected) == (json_int_t)is, "%lld: %s is %u", vector->n, name, is);
    }
}

static void string(const struct kannel_pdu *vector, const char *name, struct stir_view is)
{
    json_t *expected = json_object_get(vector->fields, name);
    if (expected) {
        UNIT_CHECK(view_is(is, json_string_value(expected)), "%lld: %s is '%.*s'", vector->n, name, (int)is.len,
                   is.ptr);
    }
}

static void hexadecimal(const struct kannel_pdu *vector, const json_t *object, const char *name, struct stir_view is)
{
    uint8_t expected[1024];
    const char *hex = json_string_value(json_object_get(object, name));
    if (hex) {
        size_t n = unit_unhex(expected, sizeof(expected), hex);
        UNIT_CHECK(n == is.len && memcmp(expected, is.ptr, n) == 0, "%lld: %s", vector->n, name);
    }
}

static void check_header(const struct kannel_pdu *vector, const struct smpp_pdu *pdu)
{
    const char *command = json_string_value(json_object_get(vector->line, "command"));
    const char *name = smpp_command_name(pdu->header.command);
    number(vector, "command_length", pdu->header.length);
    number(vector, "command_id", pdu->header.command);
    number(vector, "command_status", pdu->header.status);
    number(vector, "sequence_number", pdu->header.sequence);
    UNIT_STR(name ? name : "unknown_0xf0f", command, "command");
}

static void check_addresses(const struct kannel_pdu *vector, const struct smpp_pdu *pdu)
{
    string(vector, "system_id", pdu->system_id);
    string(vector, "password", pdu->password);
    string(vector, "system_type", pdu->system_type);
    number(vector, "interface_version", pdu->interface_version);
    number(vector, "addr_ton", pdu->range.ton);
    number(vector, "addr_npi", pdu->range.npi);
    string(vector, "address_range", pdu->range.addr);
    number(vector, "source_addr_ton", pdu->source.ton);
    number(vector, "source_addr_npi", pdu->source.npi);
    string(vector, "source_addr", pdu->source.addr);
    number(vector, "dest_addr_ton", pdu->dest.ton);
    number(vector, "dest_addr_npi", pdu->dest.npi);
    string(vector, "destination_addr", pdu->dest.addr);
    number(vector, "esme_addr_ton", pdu->esme.ton);
    number(vector, "esme_addr_npi", pdu->esme.npi);
    string(vector, "esme_addr", pdu->esme.addr);
}

static void check_message(const struct kannel_pdu *vector, const struct smpp_pdu *pdu)
{
    string(vector, "service_type", pdu->service_type);
    number(vector, "esm_class", pdu->esm_class);
    number(vector, "protocol_id", pdu->protocol_id);
    number(vector, "priority_flag", pdu->priority_flag);
    string(vector, "schedule_delivery_time", pdu->schedule_delivery_time);
    string(vector, "validity_period", pdu->validity_period);
    number(vector, "registered_delivery", pdu->registered_delivery);
    number(vector, "replace_if_present_flag", pdu->replace_if_present_flag);
    number(vector, "data_coding", pdu->data_coding);
    number(vector, "sm_default_msg_id", pdu->sm_default_msg_id);
    number(vector, "sm_length", (uint32_t)pdu->short_message.len);
    hexadecimal(vector, vector->fields, "short_message_hex", pdu->short_message);
    string(vector, "message_id", pdu->message_id);
    UNIT_CHECK(pdu->has_short_message == (json_object_get(vector->fields, "sm_length") != NULL), "%lld", vector->n);
    UNIT_CHECK(pdu->oversize == 0 && !pdu->ambiguous, "%lld: is as specified", vector->n);
    UNIT_CHECK(pdu->in_payload || (pdu->body.ptr == pdu->short_message.ptr && pdu->body.len == pdu->short_message.len),
               "%lld: another body", vector->n);
}

static void check_tlvs(const struct kannel_pdu *vector, const struct smpp_pdu *pdu)
{
    json_t *expected = json_object_get(vector->fields, "tlvs");
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    size_t count = 0;
    for (; smpp_tlv_next(&rest, &tlv); count++) {
        json_t *other = json_array_get(expected, count);
        const char *tag = json_string_value(json_object_get(other, "tag"));
        const char *name = smpp_tlv_name(tlv.tag);
        if (!UNIT_CHECK(tag && strtoul(tag, NULL, 16) == tlv.tag, "%lld: tag %04x", vector->n, tlv.tag)) {
            continue;
        }
        UNIT_STR(name ? name : "unknown", json_string_value(json_object_get(other, "name")), "TLV");
        hexadecimal(vector, other, "hex", tlv.value);
        UNIT_CHECK((tlv.tag == SMPP_TLV_MESSAGE_PAYLOAD) <= (pdu->in_payload && pdu->body.ptr == tlv.value.ptr),
                   "%lld: the payload is not the body", vector->n);
    }
    UNIT_CHECK(count == json_array_size(expected) && rest.len == 0, "%lld: %zu TLVs", vector->n, count);
}

static void check_vector(const struct kannel_pdu *vector, void *arg)
{
    (void)arg;
    struct made made = made_of(vector->octets, vector->len);
    if (UNIT_CHECK(made.fault == SMPP_OK, "%lld: %s", vector->n, smpp_fault_name(made.fault))) {
        check_header(vector, &made.pdu);
        check_addresses(vector, &made.pdu);
        check_message(vector, &made.pdu);
        check_tlvs(vector, &made.pdu);
        check_rewrite(&made, "vector");
    }
    made_free(&made);
}

static void test_vectors(void)
{
    kannel_each(check_vector, NULL);
}

/* Whether a PDU cut after n octets is whole nevertheless: a response without its body, or with fewer TLVs. */
static bool may_end_at(const struct smpp_pdu *pdu, size_t n)
{
    size_t end = pdu->octets.len - pdu->tlvs.len;
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    bool whole = n == end || pdu->opaque;
    while (smpp_tlv_next(&rest, &tlv)) {
        whole = whole || n == pdu->octets.len - rest.len;
    }
    return whole || (n == SMPP_HEADER_LEN && smpp_command_is_response(pdu->header.command));
}

static void check_cuts(const struct kannel_pdu *vector, void *arg)
{
    (void)arg;
    struct made whole = made_of(vector->octets, vector->len);
    for (size_t n = 0; n < vector->len; n++) {
        uint8_t cut[1024];
        memcpy(cut, vector->octets, vector->len);
        struct made as_is = made_of(cut, n);
        UNIT_CHECK(as_is.fault == (n < SMPP_HEADER_LEN ? SMPP_F_SHORT : SMPP_F_LENGTH), "%lld: cut at %zu", vector->n,
                   n);
        made_free(&as_is);
        if (n < SMPP_HEADER_LEN) {
            continue;
        }
        cut[2] = (uint8_t)(n >> 8);
        cut[3] = (uint8_t)n;
        struct made patched = made_of(cut, n);
        UNIT_CHECK((patched.fault == SMPP_OK) == may_end_at(&whole.pdu, n), "%lld: cut at %zu: %s", vector->n, n,
                   smpp_fault_name(patched.fault));
        UNIT_CHECK(patched.fault == SMPP_OK || (patched.flaw.fault == patched.fault && patched.flaw.offset <= n),
                   "%lld: %zu: flaw", vector->n, n);
        if (patched.fault == SMPP_OK) {
            check_rewrite(&patched, "cut");
        }
        made_free(&patched);
    }
    made_free(&whole);
}

static void test_cuts(void)
{
    kannel_each(check_cuts, NULL);
}

static void test_sessions(void)
{
    static const uint32_t binds[] = {SMPP_BIND_RECEIVER, SMPP_BIND_TRANSMITTER, SMPP_BIND_TRANSCEIVER};
    for (size_t i = 0; i < 3; i++) {
        struct made bind = made_pdu(binds[i], 0, "'esme1' 00 'secret08' 00 'OTA' 00 33 01 02 '^49' 00");
        CHECK_FAULT(bind, SMPP_OK, "bind");
        UNIT_CHECK(view_is(bind.pdu.system_id, "esme1") && view_is(bind.pdu.password, "secret08"), "names");
        UNIT_CHECK(view_is(bind.pdu.system_type, "OTA") && bind.pdu.interface_version == 0x33, "type and version");
        UNIT_CHECK(bind.pdu.range.ton == 1 && bind.pdu.range.npi == 2 && view_is(bind.pdu.range.addr, "^49"), "range");
        check_rewrite(&bind, "bind");
        made_free(&bind);
        struct made answer = made_pdu(binds[i] | SMPP_RESP, 0, "'SMSC' 00 0210 0001 50");
        uint32_t version = 0;
        struct smpp_tlv tlv = {0};
        CHECK_FAULT(answer, SMPP_OK, "bind_resp");
        UNIT_CHECK(view_is(answer.pdu.system_id, "SMSC"), "system_id");
        UNIT_CHECK(smpp_tlv_find(&tlv, answer.pdu.tlvs, SMPP_TLV_SC_INTERFACE_VERSION), "has its version");
        UNIT_CHECK(smpp_tlv_uint(&version, &tlv) && version == 0x50, "version %u", version);
        check_rewrite(&answer, "bind_resp");
        made_free(&answer);
    }
    struct made outbind = made_pdu(SMPP_OUTBIND, 0, "'SMSC' 00 'pw' 00");
    UNIT_CHECK(view_is(outbind.pdu.system_id, "SMSC") && view_is(outbind.pdu.password, "pw"), "outbind");
    check_rewrite(&outbind, "outbind");
    made_free(&outbind);
}

/* Responses to refused requests come with a body or without one, from everybody differently. */
static void test_bodyless(void)
{
    static const uint32_t commands[] = {SMPP_BIND_RECEIVER, SMPP_BIND_TRANSMITTER, SMPP_BIND_TRANSCEIVER,
                                        SMPP_SUBMIT_SM,     SMPP_DELIVER_SM,       SMPP_DATA_SM,
                                        SMPP_SUBMIT_MULTI,  SMPP_QUERY_SM};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        for (uint32_t status = 0; status < 2; status++) {
            struct made bare = made_pdu(commands[i] | SMPP_RESP, status * SMPP_RTHROTTLED, "");
            CHECK_FAULT(bare, SMPP_OK, "no body");
            UNIT_CHECK(bare.pdu.no_body && bare.pdu.message_id.len == 0, "no body");
            check_rewrite(&bare, "no body");
            made_free(&bare);
        }
        struct made request = made_pdu(commands[i], 0, "");
        CHECK_FAULT(request, SMPP_F_CUT, "a request without its body");
        UNIT_CHECK(request.flaw.offset == SMPP_HEADER_LEN, "offset %zu", request.flaw.offset);
        made_free(&request);
    }
    struct made full = made_pdu(SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, "'id' 00");
    UNIT_CHECK(full.fault == SMPP_OK && !full.pdu.no_body && view_is(full.pdu.message_id, "id"), "an error with body");
    made_free(&full);
    static const uint32_t empty[] = {SMPP_ENQUIRE_LINK,
                                     SMPP_ENQUIRE_LINK | SMPP_RESP,
                                     SMPP_UNBIND,
                                     SMPP_UNBIND | SMPP_RESP,
                                     SMPP_GENERIC_NACK,
                                     SMPP_CANCEL_SM | SMPP_RESP,
                                     SMPP_REPLACE_SM | SMPP_RESP};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct made made = made_pdu(empty[i], 0, "");
        UNIT_CHECK(made.fault == SMPP_OK && !made.pdu.no_body && !made.pdu.opaque, "%x", empty[i]);
        made_free(&made);
        made = made_pdu(empty[i], 0, "1400 0001 ff");
        UNIT_CHECK(made.fault == SMPP_OK && made.pdu.tlvs.len == 5, "%x with a TLV", empty[i]);
        check_rewrite(&made, "a TLV");
        made_free(&made);
    }
}

static void test_other_requests(void)
{
    struct made made = made_pdu(SMPP_REPLACE_SM, 0, "'77' 00 0101 '12' 00 00 '000001000000000R' 00 01 00 02 'hi'");
    CHECK_FAULT(made, SMPP_OK, "replace_sm");
    UNIT_CHECK(view_is(made.pdu.message_id, "77") && view_is(made.pdu.source.addr, "12"), "ids");
    UNIT_CHECK(view_is(made.pdu.validity_period, "000001000000000R") && made.pdu.registered_delivery == 1, "replace");
    UNIT_CHECK(view_is(made.pdu.body, "hi") && made.pdu.oversize == 0, "text");
    check_rewrite(&made, "replace_sm");
    made_free(&made);
    made = made_pdu(SMPP_CANCEL_SM, 0, "'CMT' 00 '77' 00 0101 '12' 00 0501 '13' 00");
    UNIT_CHECK(made.fault == SMPP_OK && view_is(made.pdu.message_id, "77") && view_is(made.pdu.dest.addr, "13"),
               "cancel_sm");
    check_rewrite(&made, "cancel_sm");
    made_free(&made);
    made = made_pdu(SMPP_QUERY_SM | SMPP_RESP, 0, "'77' 00 '2601011200000000' 00 02 07");
    UNIT_CHECK(made.fault == SMPP_OK && made.pdu.message_state == 2 && made.pdu.error_code == 7, "query_sm_resp");
    check_rewrite(&made, "query_sm_resp");
    made_free(&made);
    made = made_pdu(SMPP_DATA_SM, 0, "00 0500 'Bank' 00 0101 '4912345' 00 40 01 08 0424 0003 'abc'");
    UNIT_CHECK(made.fault == SMPP_OK && made.pdu.esm_class == 0x40 && made.pdu.data_coding == 8, "data_sm");
    UNIT_CHECK(view_is(made.pdu.body, "abc") && made.pdu.in_payload && !made.pdu.has_short_message, "its text");
    check_rewrite(&made, "data_sm");
    made_free(&made);
}

static void test_opaque(void)
{
    static const uint32_t commands[] = {
        SMPP_CANCEL_BROADCAST_SM, SMPP_QUERY_BROADCAST_SM | SMPP_RESP, 0x00010203, 0, 0x80010203, 0xffffffff,
        SMPP_OUTBIND | SMPP_RESP};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct made made = made_pdu(commands[i], 5, "00 ff 'anything' 14");
        CHECK_FAULT(made, SMPP_OK, "opaque");
        UNIT_CHECK(made.pdu.opaque && made.pdu.rest.len == 11 && made.pdu.tlvs.len == 0, "kept");
        check_rewrite(&made, "opaque");
        made_free(&made);
    }
}

static void test_multi(void)
{
    struct made made =
        made_pdu(SMPP_SUBMIT_MULTI, 0,
                 "00 0101 '12' 00 03 01 0101 '491' 00 02 'friends' 00 01 0000 00" MAKE_FLAGS "02 'hi' 1400 0000");
    struct smpp_dest dest = {0};
    CHECK_FAULT(made, SMPP_OK, "submit_multi");
    struct stir_view rest = made.pdu.dests;
    UNIT_CHECK(made.pdu.dest_count == 3 && view_is(made.pdu.body, "hi"), "submit_multi");
    UNIT_CHECK(smpp_dest_next(&rest, &dest) && !dest.list && view_is(dest.address.addr, "491"), "first");
    UNIT_CHECK(dest.address.ton == 1 && dest.address.npi == 1, "first");
    UNIT_CHECK(smpp_dest_next(&rest, &dest) && dest.list && view_is(dest.address.addr, "friends"), "second");
    UNIT_CHECK(smpp_dest_next(&rest, &dest) && !dest.list && dest.address.addr.len == 0, "third");
    UNIT_CHECK(!smpp_dest_next(&rest, &dest) && rest.len == 0, "no fourth");
    check_rewrite(&made, "submit_multi");
    made_free(&made);
    made = made_pdu(SMPP_SUBMIT_MULTI | SMPP_RESP, 0, "'id' 00 02 0101 '491' 00 0000000b 0500 'x' 00 00000401");
    struct smpp_unsuccess failed = {0};
    CHECK_FAULT(made, SMPP_OK, "submit_multi_resp");
    rest = made.pdu.unsuccess;
    UNIT_CHECK(made.pdu.unsuccess_count == 2 && smpp_unsuccess_next(&rest, &failed), "first");
    UNIT_CHECK(view_is(failed.address.addr, "491") && failed.status == SMPP_RINVDSTADR, "first");
    UNIT_CHECK(smpp_unsuccess_next(&rest, &failed) && failed.address.ton == 5 && failed.status == 0x401, "second");
    UNIT_CHECK(!smpp_unsuccess_next(&rest, &failed), "no third");
    check_rewrite(&made, "submit_multi_resp");
    made_free(&made);
}

/* All the destinations that an octet can count. */
static void test_multi_full(void)
{
    char body[MAKE_MAX] = "00 0101 00 ff";
    for (size_t i = 0; i < 255; i++) {
        strncat(body, "01000000", sizeof(body) - strlen(body) - 1);
    }
    strncat(body, MAKE_FLAGS "00", sizeof(body) - strlen(body) - 1);
    struct made made = made_pdu(SMPP_SUBMIT_MULTI, 0, body);
    CHECK_FAULT(made, SMPP_OK, "255 destinations");
    UNIT_CHECK(made.pdu.dest_count == 255 && made.pdu.dests.len == (size_t)4 * 255, "all of them");
    check_rewrite(&made, "255 destinations");
    made_free(&made);
}

static void test_oversize(void)
{
    static const struct {
        const char *label;
        uint32_t command;
        const char *body;
        enum smpp_field field; /* NONE: within the limit */
    } rows[] = {
        {"system_id of 15", SMPP_OUTBIND, "'123456789012345' 00 00", SMPP_FIELD_NONE},
        {"system_id of 16", SMPP_OUTBIND, "'1234567890123456' 00 00", SMPP_FIELD_SYSTEM_ID},
        {"password of 9", SMPP_OUTBIND, "00 '123456789' 00", SMPP_FIELD_PASSWORD},
        {"source of 20", SMPP_QUERY_SM, "00 0000 '12345678901234567890' 00", SMPP_FIELD_NONE},
        {"source of 21", SMPP_QUERY_SM, "00 0000 '123456789012345678901' 00", SMPP_FIELD_SOURCE_ADDR},
        {"data_sm source of 21", SMPP_DATA_SM, "00 0000 '123456789012345678901' 00 0000 00 000000", SMPP_FIELD_NONE},
        {"data_sm dest of 65", SMPP_DATA_SM,
         "00 0000 00 0000 '12345678901234567890123456789012345678901234567890123456789012345' 00 000000",
         SMPP_FIELD_DESTINATION_ADDR},
        {"message_id of 65", SMPP_SUBMIT_SM | SMPP_RESP,
         "'12345678901234567890123456789012345678901234567890123456789012345' 00", SMPP_FIELD_MESSAGE_ID},
        {"service_type of 6", SMPP_SUBMIT_SM, "'123456' 00 0000 00 0000 00" MAKE_FLAGS "00", SMPP_FIELD_SERVICE_TYPE},
        {"failed destination of 21", SMPP_SUBMIT_MULTI | SMPP_RESP, "00 01 0000 '123456789012345678901' 00 00000001",
         SMPP_FIELD_DESTINATION_ADDR},
        {"dl_name of 21", SMPP_SUBMIT_MULTI, "00 0000 00 01 02 '123456789012345678901' 00" MAKE_FLAGS "00",
         SMPP_FIELD_DL_NAME},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made made = made_pdu(rows[i].command, 0, rows[i].body);
        uint64_t expected = rows[i].field == SMPP_FIELD_NONE ? 0 : UINT64_C(1) << rows[i].field;
        CHECK_FAULT(made, SMPP_OK, rows[i].label);
        UNIT_CHECK(made.pdu.oversize == expected, "%s: %llx", rows[i].label, (unsigned long long)made.pdu.oversize);
        check_rewrite(&made, rows[i].label);
        made_free(&made);
    }
}

static void test_texts(void)
{
    static const struct {
        const char *label;
        const char *rest; /* from sm_length on */
        const char *body;
        bool in_payload;
        bool ambiguous;
    } rows[] = {
        {"no text", "00", "", false, false},
        {"short_message", "02 'hi'", "hi", false, false},
        {"message_payload", "00 0424 0002 'ho'", "ho", true, false},
        {"empty message_payload", "00 0424 0000", "", true, false},
        {"both", "02 'hi' 0424 0002 'ho'", "hi", false, true},
        {"both, the payload longer", "02 'hi' 0424 0003 'hi!'", "hi", false, true},
        {"both, the payload empty", "02 'hi' 0424 0000", "hi", false, false},
        {"both the same", "02 'hi' 0424 0002 'hi'", "hi", false, false},
        {"two payloads", "00 0424 0002 'ho' 1400 0000 0424 0002 'hi'", "ho", true, true},
        {"two payloads, the first empty", "00 0424 0000 0424 0002 'hi'", "hi", true, false},
        {"two payloads, the last empty", "00 0424 0002 'hi' 0424 0000", "hi", true, false},
        {"all three, one empty", "02 'hi' 0424 0000 0424 0002 'ho'", "hi", false, true},
        {"the same payload twice", "00 0424 0002 'ho' 0424 0002 'ho'", "ho", true, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[512];
        (void)snprintf(body, sizeof(body), "%s%s", MAKE_SM, rows[i].rest);
        struct made made = made_pdu(SMPP_DELIVER_SM, 0, body);
        CHECK_FAULT(made, SMPP_OK, rows[i].label);
        UNIT_CHECK(view_is(made.pdu.body, rows[i].body), "%s: the text", rows[i].label);
        UNIT_CHECK(made.pdu.in_payload == rows[i].in_payload, "%s: where", rows[i].label);
        UNIT_CHECK(made.pdu.ambiguous == rows[i].ambiguous, "%s: ambiguous", rows[i].label);
        check_rewrite(&made, rows[i].label);
        made_free(&made);
    }
}

static void test_receipts(void)
{
    static const struct {
        uint32_t command;
        uint8_t esm_class;
        bool receipt;
    } rows[] = {
        {SMPP_DELIVER_SM, 0x00, false}, {SMPP_DELIVER_SM, 0x04, true},  {SMPP_DELIVER_SM, 0x07, true},
        {SMPP_DELIVER_SM, 0x44, true},  {SMPP_DELIVER_SM, 0x20, true},  {SMPP_DELIVER_SM, 0x24, true},
        {SMPP_DELIVER_SM, 0x08, false}, {SMPP_DELIVER_SM, 0x10, false}, {SMPP_DELIVER_SM, 0x18, false},
        {SMPP_DELIVER_SM, 0x43, false}, {SMPP_DATA_SM, 0x04, true},     {SMPP_SUBMIT_SM, 0x04, false},
        {SMPP_REPLACE_SM, 0x04, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smpp_pdu pdu = {.header.command = rows[i].command, .esm_class = rows[i].esm_class};
        UNIT_CHECK(smpp_pdu_is_receipt(&pdu, SMPP_FROM_SMSC) == rows[i].receipt, "row %zu", i);
        UNIT_CHECK(!smpp_pdu_is_receipt(&pdu, SMPP_FROM_ESME), "row %zu: an ESME sends no receipts", i);
    }
}

static void test_receipt_tlvs(void)
{
    static const struct {
        const char *label;
        const char *tlvs;
        bool receipt;
    } rows[] = {
        {"both", "001e 0009 '7220bb6b' 00 0427 0001 02", true},
        {"in the other order", "0427 0001 05 001e 0001 31", true},
        {"no state", "001e 0009 '7220bb6b' 00", false},
        {"no id", "0427 0001 02", false},
        {"an empty id", "001e 0000 0427 0001 02", false},
        {"a state of two octets", "001e 0001 31 0427 0002 0002", false},
        {"neither", "", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body), MAKE_SM "02 'id' %s", rows[i].tlvs);
        struct made made = made_pdu(SMPP_DELIVER_SM, 0, body);
        UNIT_CHECK(smpp_pdu_is_receipt(&made.pdu, SMPP_FROM_SMSC) == rows[i].receipt, "%s", rows[i].label);
        UNIT_CHECK(!smpp_pdu_is_receipt(&made.pdu, SMPP_FROM_ESME), "%s, from an ESME", rows[i].label);
        made_free(&made);
    }
}

static void test_tails(void)
{
    static const struct {
        const char *label;
        const char *end;
        size_t tlvs, tail;
        bool ambiguous;
    } rows[] = {
        {"nothing", "", 0, 0, false},
        {"a stray NUL", "00", 0, 1, false},
        {"a NUL after a TLV", "0204 0002 0007 00", 6, 1, false},
        {"a TLV one octet short", "0427 0002 02", 0, 5, false},
        {"a good TLV and one that is short", "0204 0002 0007 0427 0002 02", 6, 5, false},
        {"a payload that is short", "0424 0009 'evil'", 0, 8, true},
        {"half a payload's tag", "04", 0, 1, false},
        {"a SAR TLV that is short", "020c 0002 07", 0, 5, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        uint8_t octets[MAKE_MAX];
        struct smpp_pdu pdu;
        struct smpp_flaw flaw;
        (void)snprintf(body, sizeof(body), MAKE_SM "02 'hi' %s", rows[i].end);
        size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, body);
        UNIT_CHECK(smpp_pdu_read_leniently(&pdu, octets, n, &flaw) == SMPP_OK && view_is(pdu.body, "hi"), "%s",
                   rows[i].label);
        UNIT_CHECK(pdu.tlvs.len == rows[i].tlvs && pdu.tail.len == rows[i].tail, "%s: %zu, %zu", rows[i].label,
                   pdu.tlvs.len, pdu.tail.len);
        UNIT_CHECK(pdu.ambiguous == rows[i].ambiguous, "%s: ambiguous", rows[i].label);
        UNIT_CHECK((flaw.fault == SMPP_OK) == (rows[i].tail == 0), "%s: %s", rows[i].label,
                   smpp_fault_name(flaw.fault));
        UNIT_CHECK((smpp_pdu_read(&pdu, octets, n, NULL) == SMPP_OK) == (rows[i].tail == 0), "%s: strictly",
                   rows[i].label);
    }
}

/* What was read before a fault is there. */
static void test_partial(void)
{
    uint8_t octets[MAKE_MAX];
    struct smpp_pdu pdu;
    size_t n = make_pdu(octets, SMPP_DELIVER_SM, 0, MAKE_ADDRESSES "04 00 00 00 00 01 00 00 00 09 'id'");
    CU_ASSERT_EQUAL(smpp_pdu_read_leniently(&pdu, octets, n, NULL), SMPP_F_SM_LENGTH);
    UNIT_CHECK(smpp_pdu_is_receipt(&pdu, SMPP_FROM_SMSC) && pdu.source.addr.len > 0, "a receipt whose text is cut");
    UNIT_CHECK(pdu.short_message.len == 0 && pdu.tlvs.len == 0 && pdu.tail.len == 0, "the rest is empty");
    n = make_pdu(octets, SMPP_DELIVER_SM, 0, "00 0101 '12'");
    CU_ASSERT_EQUAL(smpp_pdu_read_leniently(&pdu, octets, n, NULL), SMPP_F_NO_NUL);
    UNIT_CHECK(!smpp_pdu_is_receipt(&pdu, SMPP_FROM_SMSC) && pdu.source.ton == 1 && pdu.source.addr.len == 0, "cut");
}

UNIT_MAIN("smpp_pdu", {"what Kannel said, field by field and written again", test_vectors},
          {"and cut after each octet", test_cuts}, {"binds", test_sessions},
          {"responses without a body", test_bodyless},
          {"replace_sm, cancel_sm, query_sm, data_sm", test_other_requests}, {"commands that are kept", test_opaque},
          {"submit_multi", test_multi}, {"submit_multi to as many as there can be", test_multi_full},
          {"strings over the limit", test_oversize}, {"where the text is", test_texts},
          {"F1: a receipt is one only from the SMSC, by its esm_class", test_receipts},
          {"F2: or by receipted_message_id and message_state", test_receipt_tlvs},
          {"F4: what follows the last whole TLV", test_tails}, {"F4: a fault in the mandatory fields", test_partial})
