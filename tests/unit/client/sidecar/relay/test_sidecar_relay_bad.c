/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/relay_rig.h"

/* What wrong input gets: an answer with the right command_status, or it goes on untouched, or the connection ends. */

#define HEADER(length, command, sequence) length " " command " 00000000 " sequence
#define SUBMIT(length) HEADER(length, "00000004", "00000009")

/* ---- where no telling is possible what comes next ---- */

static const struct {
    const char *label;
    const char *octets;
    const char *told; /* by a relay whose ESME is bound; "#" stands for the sequence number */
} streams[] = {
    {"command_length 0", HEADER("00000000", "00000004", "00000009"), "generic_nack#9!2"},
    {"command_length 15", HEADER("0000000f", "00000004", "00000009"), "generic_nack#9!2"},
    {"command_length 2^31", HEADER("80000000", "00000004", "00000009"), "generic_nack#9!2"},
    {"command_length 2^32 - 1", HEADER("ffffffff", "00000004", "00000009"), "generic_nack#9!2"},
    {"command_length over the limit", HEADER("00010001", "00000004", "00000009"), "generic_nack#9!2"},
    {"HTTP", "'GET / HTTP/1.1' 0d0a 0d0a", ""},
    {"HTTP/2", "'PRI * HTTP/2.0' 0d0a 0d0a", ""},
    {"TLS", "16 03 01 02 00 01 00 01 fc 03 03 00 00 00 00 00", ""},
    {"text", "'Hello, is anybody there?'", "generic_nack#79626f64!2"},
};

static void check_stream(size_t row, enum sc_leg leg, bool by_octet)
{
    uint8_t octets[MAKE_MAX];
    char expected[128], label[128];
    struct rig rig;
    size_t n = make_pdu(octets, 0, 0, streams[row].octets) - SMPP_HEADER_LEN;
    bool says = streams[row].told[0] != '\0';
    (void)snprintf(label, sizeof(label), "%s from %s%s", streams[row].label, rig_leg(leg), by_octet ? " singly" : "");
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig.by_octet = by_octet;
    rig_in(&rig, leg, octets + SMPP_HEADER_LEN, n);
    /* octet by octet command_length is enough to tell, and the sequence number is not known yet */
    const char *told = says && by_octet ? "generic_nack#0!2" : streams[row].told;
    (void)snprintf(expected, sizeof(expected), "%s%s%sreleased close E close P", says ? rig_leg(leg) : "",
                   says ? ":" : "", told);
    if (says) {
        (void)snprintf(expected, sizeof(expected), "%s:%s released close E close P", rig_leg(leg), told);
    }
    RIG_TOLD(&rig, expected, label);
    RIG_STATE(&rig, SC_CLOSED, label);
    UNIT_CHECK(strncmp(rig.said, "closed: ", 8) == 0 && rig.counters.malformed == 1, "%s: %s", label, rig.said);
    rig_free(&rig);
}

static void test_streams(void)
{
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
            check_stream(i, (enum sc_leg)leg, false);
            check_stream(i, (enum sc_leg)leg, true);
        }
    }
}

/* The same before there is a bind, where less is accepted. */
static void test_unbound_limit(void)
{
    static const char *const told[] = {"", "E:generic_nack#9!2 close E"};
    for (int over = 0; over < 2; over++) {
        struct rig rig;
        uint8_t octets[SMPP_HEADER_LEN] = {0, 0, 0x10, (uint8_t)over, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9};
        rig_init(&rig, NULL);
        rig_in(&rig, SC_ESME, octets, sizeof(octets));
        RIG_TOLD(&rig, told[over], "4096 octets, and one more");
        rig_free(&rig);
    }
}

/* Behind a bind all of max_pdu is taken, from either side; and one octet more is not. */
static void test_bound_limit(void)
{
    static char octets[65537];
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        struct smpp_header header = {.length = 65536, .command = SMPP_DATA_SM, .sequence = 9};
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_BOUND);
        smpp_header_write(octets, &header);
        rig_in(&rig, (enum sc_leg)leg, octets, 65536);
        rig_went(&rig, sc_other((enum sc_leg)leg), octets, 65536, "the longest");
        header.length++;
        smpp_header_write(octets, &header);
        rig_in(&rig, (enum sc_leg)leg, octets, 65537);
        RIG_STATE(&rig, SC_CLOSED, "a longer one");
        rig_free(&rig);
    }
}

/* ---- whole PDUs that are wrong in themselves ---- */

static const struct {
    const char *label;
    uint32_t command;
    const char *body;
    enum smpp_fault fault;
    uint32_t status; /* that a filter may answer */
} pdus[] = {
    {"no body", SMPP_SUBMIT_SM, "", SMPP_F_CUT, SMPP_RINVCMDLEN},
    {"shorter than its fields", SMPP_SUBMIT_SM, MAKE_ADDRESSES "00 00", SMPP_F_CUT, SMPP_RINVCMDLEN},
    {"a string without NUL", SMPP_SUBMIT_SM, "00 0101 '49'", SMPP_F_NO_NUL, SMPP_RINVSRCADR},
    {"sm_length beyond the PDU", SMPP_SUBMIT_SM, MAKE_SM "ff 'hi'", SMPP_F_SM_LENGTH, SMPP_RINVMSGLEN},
    {"sm_length beyond the PDU by one", SMPP_DELIVER_SM, MAKE_SM "03 'hi'", SMPP_F_SM_LENGTH, SMPP_RINVMSGLEN},
    {"submit_multi to nobody", SMPP_SUBMIT_MULTI, "00 0101 '1' 00 00" MAKE_FLAGS "02 'hi'", SMPP_F_DEST_COUNT,
     SMPP_RINVNUMDESTS},
    {"submit_multi to fewer than it says", SMPP_SUBMIT_MULTI, "00 0101 '1' 00 02 01 0101 '2' 00", SMPP_F_CUT,
     SMPP_RINVCMDLEN},
};

/* Where nobody looks at messages they are the peers' own business: octet for octet. */
static void test_pass(void)
{
    for (size_t i = 0; i < sizeof(pdus) / sizeof(pdus[0]); i++) {
        for (int by_octet = 0; by_octet < 2; by_octet++) {
            struct rig_pdu pdu = rig_pdu(pdus[i].command, 0, 9, pdus[i].body);
            struct rig rig;
            rig_init(&rig, NULL);
            rig_bring(&rig, SC_BOUND);
            rig.by_octet = by_octet;
            rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
            rig_went(&rig, SC_PEER, pdu.octets, pdu.len, pdus[i].label);
            RIG_STATE(&rig, SC_BOUND, pdus[i].label);
            rig_free(&rig);
        }
    }
}

/* Where somebody does, he is told what is wrong, and may pass it on or answer; good ones are not held up. */
static void test_offered(void)
{
    for (size_t i = 0; i < sizeof(pdus) / sizeof(pdus[0]); i++) {
        struct rig_pdu pdu = rig_pdu(pdus[i].command, 0, 9, pdus[i].body);
        struct smpp_edit edit = {0};
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_BOUND);
        rig.options.offers[SC_ESME] = true;
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        rig_say(&rig, SC_ESME, 10, "1", "2");
        sc_held_pass(rig_held(&rig, 10));
        RIG_TOLD(&rig, "P:submit_sm#a", pdus[i].label);
        struct sc_held *held = rig_held(&rig, 9);
        uint32_t status = smpp_status_of(held->flaw.fault, held->flaw.field);
        UNIT_CHECK(held->fault == pdus[i].fault && status == pdus[i].status, "%s: %s, status %x, expected %s, %x",
                   pdus[i].label, smpp_fault_name(held->fault), (unsigned)status, smpp_fault_name(pdus[i].fault),
                   (unsigned)pdus[i].status);
        UNIT_CHECK(held->pdu.octets.len == pdu.len && held->pdu.header.sequence == 9, "%s: octets", pdus[i].label);
        UNIT_CODE(sc_held_edit(held, &edit), STIR_E_INVAL, pdus[i].label);
        sc_held_pass(held);
        rig_went(&rig, SC_PEER, pdu.octets, pdu.len, pdus[i].label);
        sc_held_answer(rig_held(&rig, 9), status);
        UNIT_CHECK(smpp_header_read(rig.out[SC_ESME].ptr).status == status, "%s: answered", pdus[i].label);
        rig_free(&rig);
    }
}

/* A damaged or surplus end does not make a message unreadable: it is offered as what could be read of it. */
static void test_offered_with_a_tail(void)
{
    static const struct {
        const char *label;
        uint32_t command;
        const char *body;
        size_t tail;
        const char *cleaned; /* the body without its tail */
    } rows[] = {
        {"octets after its fields", SMPP_SUBMIT_SM, MAKE_SM "02 'hi' 00", 1, MAKE_SM "02 'hi'"},
        {"a TLV cut in its header", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 0424 00", 3, MAKE_SM "02 'hi'"},
        {"a TLV cut in its value", SMPP_DATA_SM, MAKE_ADDRESSES "00 00 00 1400 0001 aa 0424 0003 'hi'", 6,
         MAKE_ADDRESSES "00 00 00 1400 0001 aa"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_pdu pdu = rig_pdu(rows[i].command, 0, 9, rows[i].body);
        struct rig_pdu cleaned = rig_pdu(rows[i].command, 0, 9, rows[i].cleaned);
        struct smpp_edit clean = {.drop_tail = true};
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_BOUND);
        rig.options.offers[SC_ESME] = true;
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        struct sc_held *held = rig_held(&rig, 9);
        UNIT_CHECK(held->fault == SMPP_OK && held->pdu.tail.len == rows[i].tail, "%s: readable", rows[i].label);
        sc_held_pass(held);
        rig_went(&rig, SC_PEER, pdu.octets, pdu.len, rows[i].label);
        UNIT_OK(sc_held_edit(rig_held(&rig, 9), &clean));
        rig_went(&rig, SC_PEER, cleaned.octets, cleaned.len, rows[i].label);
        rig_free(&rig);
    }
}

/* ---- binds that cannot be read ---- */

static const struct {
    const char *label;
    const char *body;
    uint32_t status;
} binds[] = {
    {"no body", "", SMPP_RINVCMDLEN},
    {"a system_id without NUL", "'me'", SMPP_RBINDFAIL},
    {"a password without NUL", "'me' 00 'secret'", SMPP_RBINDFAIL},
    {"a system_type without NUL", "'me' 00 'secret' 00 'x'", SMPP_RBINDFAIL},
    {"cut behind the system_type", "'me' 00 'secret' 00 00", SMPP_RINVCMDLEN},
    {"an address_range without NUL", "'me' 00 'secret' 00 00 34 00 00 '1'", SMPP_RBINDFAIL},
    {"a system_id of 64 characters",
     "'0123456789012345678901234567890123456789012345678901234567890123' 00 00 00 34 00 00 00", SMPP_RBINDFAIL},
};

/* Never a status that ends it for good: 0x0e, 0x0f, 0x53. */
static void test_binds(void)
{
    for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]); i++) {
        char expected[64];
        struct rig rig;
        rig_init(&rig, NULL);
        rig.by_octet = i % 2;
        rig_send(&rig, SC_ESME, SMPP_BIND_RECEIVER, 0, 3, binds[i].body);
        (void)snprintf(expected, sizeof(expected), "E:bind_receiver_resp#3!%x", (unsigned)binds[i].status);
        RIG_TOLD(&rig, expected, binds[i].label);
        UNIT_CHECK(rig.counters.nacked == 1 && rig.counters.binds_failed == 1, "%s: counted", binds[i].label);
        RIG_STATE(&rig, SC_OPEN, binds[i].label);
        rig_send(&rig, SC_ESME, SMPP_BIND_RECEIVER, 0, 4, RIG_BIND);
        RIG_TOLD(&rig, "connect stop E", "it may try again");
        rig_free(&rig);
    }
}

static void test_bind_with_a_tail(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_send(&rig, SC_ESME, SMPP_BIND_RECEIVER, 0, 3, RIG_BIND "1400 0002 00");
    RIG_TOLD(&rig, "connect stop E", "what is wrong with its end is the peer's business");
    UNIT_STR(sc_relay_bind(rig.relay)->system_id, "me", "system_id");
    rig_free(&rig);
}

static void test_longest_system_id(void)
{
    static const char name[] = "012345678901234567890123456789012345678901234567890123456789012";
    char body[128];
    struct rig rig;
    rig_init(&rig, NULL);
    (void)snprintf(body, sizeof(body), "'%s' 00 00 00 34 00 00 00", name);
    rig_send(&rig, SC_ESME, SMPP_BIND_RECEIVER, 0, 3, body);
    RIG_TOLD(&rig, "connect stop E", "63 characters");
    UNIT_STR(sc_relay_bind(rig.relay)->system_id, name, "all of them");
    rig_free(&rig);
}

/* ---- the end in the middle ---- */

static void test_cut(void)
{
    struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, 2, "1", "2");
    for (size_t n = 0; n < pdu.len; n++) {
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_BOUND);
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        rig_clear(&rig);
        if (n) {
            rig_in(&rig, SC_ESME, pdu.octets, n);
        }
        sc_relay_lost(rig.relay, SC_ESME, "connection reset", rig.now);
        RIG_TOLD(&rig, "released close P", "no part of it is forwarded");
        UNIT_STR(rig.said, "the ESME is lost while bound: connection reset", "why");
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        rig_in(&rig, SC_PEER, pdu.octets, pdu.len);
        RIG_TOLD(&rig, "", "and nothing after the end");
        rig_free(&rig);
    }
}

/* Any octets, in any pieces, from either side, in any state: no crash, and only input is forwarded. */
static void test_noise(void)
{
    uint32_t random = 99;
    for (unsigned round = 0; round < 3000; round++) {
        struct rig rig;
        rig_init(&rig, NULL);
        rig.options.offers[SC_ESME] = round & 1;
        rig.options.offers[SC_PEER] = round >> 1 & 1;
        rig.pass_all = round >> 2 & 1;
        rig_bring(&rig, (enum sc_state)(round % SC_STATE_COUNT));
        for (unsigned i = 0; i < 20; i++) {
            uint8_t octets[64];
            size_t n = 0;
            for (; n < sizeof(octets); n++) {
                random = random * 1664525 + 1013904223;
                octets[n] = (uint8_t)(random >> 24);
            }
            static const uint8_t commands[] = {1, 2, 3, 4, 5, 6, 9, 11, 0x15, 0x21};
            octets[0] = octets[1] = octets[2] = 0; /* lengths that can be */
            octets[3] = 16 + (octets[3] & 31);
            octets[4] = octets[4] & 0x80;
            octets[5] = octets[6] = 0;
            octets[7] = commands[octets[7] % sizeof(commands)];
            rig_in(&rig, (enum sc_leg)(octets[63] & 1), octets, 1 + octets[62] % 48);
            sc_relay_tick(rig.relay, rig.now += octets[61] * 10u);
            sc_relay_resume(rig.relay, rig.now);
        }
        rig_free(&rig);
        UNIT_CHECK(rig.pool.held == 0 && rig.pool.octets == 0, "round %u: something is still held", round);
    }
}

UNIT_MAIN("sc_relay_bad", {"streams that cannot be read", test_streams},
          {"before a bind less is taken", test_unbound_limit}, {"behind it all is", test_bound_limit},
          {"wrong PDUs go on where nobody looks", test_pass}, {"and are offered where somebody does", test_offered},
          {"F4: messages with a damaged or surplus end", test_offered_with_a_tail},
          {"F4: a bind with a damaged end", test_bind_with_a_tail}, {"binds that cannot be read", test_binds},
          {"the longest system_id", test_longest_system_id}, {"the end within a PDU", test_cut}, {"noise", test_noise})
