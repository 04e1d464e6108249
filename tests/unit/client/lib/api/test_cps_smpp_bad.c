/* SPDX-License-Identifier: MIT */
#include "client/cps_smpp.h"
#include "tests/unit/cps_smpp_peer.h"
#include "tests/unit/kannel.h"

#define NACK SMPP_GENERIC_NACK
#define RESP(command) ((command) | SMPP_RESP)

/* What cannot be read, and what the peer is to be told. */
static void test_malformed(void)
{
    static const struct {
        const char *label;
        uint32_t command;
        const char *body;
        uint32_t answer;
        uint32_t status;
        const char *text;
    } rows[] = {
        {"nothing", SMPP_SUBMIT_SM, "", RESP(SMPP_SUBMIT_SM), SMPP_RINVCMDLEN, "service_type: "},
        {"source_addr without NUL", SMPP_SUBMIT_SM, "00 0101 '12'", RESP(SMPP_SUBMIT_SM), SMPP_RINVSRCADR,
         "source_addr: a string without its NUL (octet 19)"},
        {"destination_addr without NUL", SMPP_DELIVER_SM, "00 0101 00 0101 '12'", RESP(SMPP_DELIVER_SM),
         SMPP_RINVDSTADR, "destination_addr: "},
        {"sm_length beyond", SMPP_SUBMIT_SM, MAKE_SM "05 'text'", RESP(SMPP_SUBMIT_SM), SMPP_RINVMSGLEN,
         "short_message: "},
        {"to nobody", SMPP_SUBMIT_MULTI, "00 0101 00 00" MAKE_FLAGS "00", RESP(SMPP_SUBMIT_MULTI), SMPP_RINVNUMDESTS,
         "number_of_dests: "},
        {"UDH longer than the message", SMPP_SUBMIT_SM, MAKE_ADDRESSES "40 00 00 00 00 01 00 00 00 04 'text'",
         RESP(SMPP_SUBMIT_SM), SMPP_RINVESMCLASS, "the user data header is longer than the message"},
        {"UDHI of nothing", SMPP_DELIVER_SM, MAKE_ADDRESSES "40 00 00 00 00 01 00 00 00 00", RESP(SMPP_DELIVER_SM),
         SMPP_RINVESMCLASS, "the user data header is longer than the message"},
        {"a bind", SMPP_BIND_TRANSCEIVER, "'esme'", RESP(SMPP_BIND_TRANSCEIVER), SMPP_RINVSYSID, "system_id: "},
        {"a command without a response", SMPP_ALERT_NOTIFICATION, "0101 '12' 00 0000 '13'", NACK, SMPP_RINVDSTADR,
         "esme_addr: "},
        {"a response", RESP(SMPP_SUBMIT_SM), "'77'", 0, SMPP_RINVMSGID, "message_id: "},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_result result = peer_take_made(peer, rows[i].command, rows[i].body);
        peer_coherent(&result, rows[i].label);
        peer_result_is(&result, CPS_SMPP_MALFORMED, CPS_SMPP_UNREADABLE, rows[i].label);
        UNIT_CHECK(result.answer == rows[i].answer && result.command_status == rows[i].status, "%s: %x, %s",
                   rows[i].label, result.answer, cps_smpp_status_name(result.command_status));
        UNIT_CHECK(result.command_id == rows[i].command && result.sequence_number == MAKE_SEQUENCE, "%s: header",
                   rows[i].label);
        UNIT_CHECK(strncmp(result.text, rows[i].text, strlen(rows[i].text)) == 0, "%s: %s", rows[i].label, result.text);
        CU_ASSERT(!result.owned && result.segment_count == 0);
        cps_smpp_result_clear(&result);
    }
    cps_smpp_free(peer);
    cps_free(cps);
}

/* The header and the octets that came do not agree: where the PDU ends is not known, nor what to answer. */
static void test_length(void)
{
    static const struct {
        uint32_t length;
        uint32_t command;
        size_t n;
        uint32_t answer; /* 0: none */
        bool good;
    } rows[] = {
        {0, SMPP_SUBMIT_SM, 0, NACK, false},
        {16, SMPP_SUBMIT_SM, 15, NACK, false},
        {0, SMPP_SUBMIT_SM, 16, NACK, false},
        {15, SMPP_SUBMIT_SM, 16, NACK, false},
        {17, SMPP_SUBMIT_SM, 16, NACK, false},
        {0x80000000, SMPP_SUBMIT_SM, 16, NACK, false},
        {32, SMPP_ENQUIRE_LINK, 31, NACK, false},
        {17, RESP(SMPP_SUBMIT_SM), 16, 0, false},
        {16, SMPP_ENQUIRE_LINK, 16, 0, true},
        {33, SMPP_SUBMIT_SM, 33, NACK, false}, /* over max_pdu_octets */
        {32, 0x00000777, 32, 0, true},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){.max_pdu_octets = 32});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[64] = {0};
        struct smpp_header header = {rows[i].length, rows[i].command, 0, 9};
        smpp_header_write(octets, &header);
        struct cps_smpp_result result = peer_take(peer, octets, rows[i].n, NULL, 0);
        peer_coherent(&result, "length");
        UNIT_CHECK((result.kind == CPS_SMPP_OTHER) == rows[i].good && result.answer == rows[i].answer &&
                       result.command_status == (rows[i].good ? SMPP_ROK : SMPP_RINVCMDLEN),
                   "row %zu: %s, answer %x, status %x", i, cps_smpp_kind_name(result.kind), result.answer,
                   result.command_status);
        CU_ASSERT_EQUAL(result.command_id, rows[i].n < 16 ? 0 : rows[i].command);
        cps_smpp_result_clear(&result);
    }
    cps_smpp_free(peer);
    cps_free(cps);
}

/* Commands that are no message, well-formed. */
static void test_other(void)
{
    static const struct {
        uint32_t command;
        const char *body;
        enum cps_smpp_kind kind;
    } rows[] = {
        {SMPP_UNBIND, "", CPS_SMPP_OTHER},
        {RESP(SMPP_SUBMIT_SM), "'77' 00", CPS_SMPP_OTHER},
        {RESP(SMPP_DELIVER_SM), "", CPS_SMPP_OTHER},
        {SMPP_GENERIC_NACK, "", CPS_SMPP_OTHER},
        {SMPP_QUERY_SM, "00 0000 00", CPS_SMPP_OTHER},
        {SMPP_DELIVER_SM, MAKE_ADDRESSES "04 00 00 00 00 01 00 00 00 02 'id'", CPS_SMPP_RECEIPT},
        {SMPP_DELIVER_SM, MAKE_ADDRESSES "20 00 00 00 00 01 00 00 00 02 'id'", CPS_SMPP_RECEIPT},
        {SMPP_DATA_SM, "00 0101 '12345' 00 0101 '12346' 00 04 00 00 0424 0002 'id'", CPS_SMPP_RECEIPT},
        {SMPP_DELIVER_SM, MAKE_ADDRESSES "10 00 00 00 00 01 00 00 00 02 'ok'", CPS_SMPP_MESSAGE}, /* the user's */
        {SMPP_SUBMIT_SM, MAKE_ADDRESSES "04 00 00 00 00 01 00 00 00 02 'id'", CPS_SMPP_MESSAGE},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_result result = peer_take_made(peer, rows[i].command, rows[i].body);
        peer_coherent(&result, "other");
        UNIT_CHECK(result.kind == rows[i].kind && !result.answer && result.command_id == rows[i].command, "row %zu: %s",
                   i, cps_smpp_kind_name(result.kind));
        cps_smpp_result_clear(&result);
    }
    cps_smpp_free(peer);
    cps_free(cps);
}

#define NUMBERS "00 0101 '4912345678' 00 0101 '4912345679' 00 "

/* The same octets are a receipt of the SMSC's and a message of an ESME's. */
static void test_sides(void)
{
    static const struct {
        const char *label;
        uint32_t command;
        const char *body;
    } rows[] = {
        {"data_sm 04", SMPP_DATA_SM, NUMBERS "04 00 00 0424 0002 'id'"},
        {"deliver_sm 04", SMPP_DELIVER_SM, NUMBERS "04 00 00 00 00 01 00 00 00 02 'id'"},
        {"deliver_sm 20", SMPP_DELIVER_SM, NUMBERS "20 00 00 00 00 01 00 00 00 02 'id'"},
        {"by TLVs", SMPP_DELIVER_SM, NUMBERS "00 00 00 00 00 00 00 00 00 02 'id' 001e 0002 '7' 00 0427 0001 02"},
        {"with a stray NUL", SMPP_DELIVER_SM, NUMBERS "04 00 00 00 00 01 00 00 00 02 'id' 00"},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *smsc = peer_new(cps, (struct cps_smpp_options){.from = CPS_SMPP_FROM_SMSC});
    struct cps_smpp *esme = peer_new(cps, (struct cps_smpp_options){.from = CPS_SMPP_FROM_ESME});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_result result = peer_take_made(smsc, rows[i].command, rows[i].body);
        peer_result_is(&result, CPS_SMPP_RECEIPT, CPS_SMPP_NO_MESSAGE, rows[i].label);
        cps_smpp_result_clear(&result);
        result = peer_take_made(esme, rows[i].command, rows[i].body);
        peer_result_is(&result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, rows[i].label);
        cps_smpp_result_clear(&result);
    }
    cps_smpp_free(smsc);
    cps_smpp_free(esme);
    struct cps_smpp_options none = {.size = sizeof(none)};
    struct cps_error err = {0};
    UNIT_CHECK(cps_smpp_new(&smsc, cps, &none, &err) == CPS_E_CONFIG && strstr(err.text, "from"), "%s", err.text);
    cps_free(cps);
}

/* A text without a destination. */
static void test_replacements(void)
{
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){.from = CPS_SMPP_FROM_ESME});
    struct cps_smpp_result result = peer_take_made(peer, SMPP_REPLACE_SM, "00 0000 00 00 00 00 00 02 'hi'");
    peer_result_is(&result, CPS_SMPP_REPLACE, CPS_SMPP_NO_MESSAGE, "replace_sm");
    UNIT_CHECK(result.answer == RESP(SMPP_REPLACE_SM) && result.command_status == SMPP_RREPLACEFAIL, "its answer");
    cps_smpp_result_clear(&result);
    result = peer_take_made(peer, SMPP_BROADCAST_SM, "00 0101 '12' 00 00 00 00 00 00 00 00 0424 0002 'hi'");
    peer_result_is(&result, CPS_SMPP_REPLACE, CPS_SMPP_NO_MESSAGE, "broadcast_sm");
    UNIT_CHECK(result.answer == RESP(SMPP_BROADCAST_SM) && result.command_status == SMPP_RBCASTFAIL, "its answer");
    cps_smpp_result_clear(&result);
    cps_smpp_free(peer);
    cps_free(cps);
}

/* A damaged or surplus end does not matter, unless it may hold another text. */
static void test_tails(void)
{
    static const struct {
        const char *label;
        const char *body;
        enum cps_smpp_reason reason;
    } rows[] = {
        {"a stray NUL", NUMBERS "00 00 00 00 00 00 00 00 00 02 'hi' 00", CPS_SMPP_FIT},
        {"a TLV one octet short", NUMBERS "00 00 00 00 00 00 00 00 00 02 'hi' 0427 0002 02", CPS_SMPP_FIT},
        {"a payload that is short", NUMBERS "00 00 00 00 00 00 00 00 00 02 'hi' 0424 ffff 'hi'", CPS_SMPP_AMBIGUOUS},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){.from = CPS_SMPP_FROM_ESME});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, rows[i].body);
        peer_result_is(&result, CPS_SMPP_MESSAGE, rows[i].reason, rows[i].label);
        cps_smpp_result_clear(&result);
    }
    cps_smpp_free(peer);
    cps_free(cps);
}

/* Cut anywhere, with command_length as it was and as it is now; and with each octet turned over. */
static void damage_one(const struct kannel_pdu *pdu, void *arg)
{
    struct cps_smpp *peer = arg;
    uint8_t octets[sizeof(pdu->octets)];
    char label[32];
    (void)snprintf(label, sizeof(label), "PDU %lld", pdu->n);
    for (size_t n = 0; n < pdu->len; n++) {
        memcpy(octets, pdu->octets, pdu->len);
        struct cps_smpp_result result = peer_take(peer, octets, n, NULL, 0);
        peer_result_is(&result, CPS_SMPP_MALFORMED, CPS_SMPP_UNREADABLE, label);
        cps_smpp_result_clear(&result);
        if (n >= SMPP_HEADER_LEN) {
            octets[2] = (uint8_t)(n >> 8);
            octets[3] = (uint8_t)n;
            result = peer_take(peer, octets, n, NULL, 0);
            peer_coherent(&result, label);
            cps_smpp_result_clear(&result);
        }
        memcpy(octets, pdu->octets, pdu->len);
        octets[n] ^= 0xff;
        result = peer_take(peer, octets, pdu->len, NULL, 0);
        peer_coherent(&result, label);
        cps_smpp_result_clear(&result);
    }
}

static void test_damaged(void)
{
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){.join_messages = 10});
    struct cps_smpp *packed = peer_new(cps, (struct cps_smpp_options){.packed = true, .join_octets = 4096});
    kannel_each(damage_one, peer);
    kannel_each(damage_one, packed);
    cps_smpp_free(packed);
    cps_smpp_free(peer);
    cps_free(cps);
}

UNIT_MAIN("cps_smpp_bad", {"F1, F2: receipts, by the side that sends them", test_sides},
          {"F3: replace_sm and broadcast_sm", test_replacements}, {"F4: a damaged or surplus end", test_tails},
          {"malformed PDUs", test_malformed}, {"command_length", test_length}, {"no messages", test_other},
          {"damaged PDUs", test_damaged})
