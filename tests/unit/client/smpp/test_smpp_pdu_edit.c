/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_edit.h"
#include "tests/unit/kannel.h"
#include "tests/unit/smpp_make.h"

static const uint32_t new_sequence = 0xfedcba98;

/* What an edit makes of a PDU with this body is the PDU with that one; and any smaller buffer is refused. */
static void check_edit(const char *label, uint32_t command, const char *before, const struct smpp_edit *edit,
                       const char *after)
{
    uint8_t expected[MAKE_MAX];
    uint8_t out[MAKE_MAX];
    struct made made = made_pdu(command, 3, before);
    size_t n = make_pdu(expected, command, 3, after);
    size_t len = 99;
    CHECK_FAULT(made, SMPP_OK, label);
    if (edit->sequence) {
        smpp_set_sequence(expected, *edit->sequence);
    }
    UNIT_CODE(smpp_pdu_edit(out, n, &len, &made.pdu, edit), STIR_OK, label);
    UNIT_CHECK(len == n && memcmp(out, expected, n) == 0, "%s: %zu octets, expected %zu", label, len, n);
    UNIT_CHECK(smpp_edit_bound(&made.pdu, edit) >= n, "%s: bound", label);
    for (size_t cap = 0; cap < n; cap++) {
        uint8_t *tight = malloc(cap + 1);
        size_t untouched = 77;
        UNIT_NEED(tight);
        tight[cap] = 0xa5;
        UNIT_CODE(smpp_pdu_edit(tight, cap, &untouched, &made.pdu, edit), STIR_E_TOO_BIG, label);
        UNIT_CHECK(untouched == 77 && tight[cap] == 0xa5, "%s: cap %zu", label, cap);
        free(tight);
    }
    made_free(&made);
}

static void check_refusal(const char *label, uint32_t command, const char *body, const struct smpp_edit *edit,
                          enum stir_code expected)
{
    static uint8_t out[1 << 18];
    struct made made = made_pdu(command, 0, body);
    size_t len = 77;
    CHECK_FAULT(made, SMPP_OK, label);
    UNIT_CODE(smpp_pdu_edit(out, sizeof(out), &len, &made.pdu, edit), expected, label);
    UNIT_CHECK(len == 77, "%s: touched", label);
    made_free(&made);
}

static void test_sequence(void)
{
    const struct smpp_edit edit = {.sequence = &new_sequence};
    const struct smpp_edit nothing = {0};
    check_edit("nothing", SMPP_SUBMIT_SM, MAKE_SM "02 'hi' 1400 0001 aa", &nothing, MAKE_SM "02 'hi' 1400 0001 aa");
    check_edit("sequence", SMPP_SUBMIT_SM, MAKE_SM "02 'hi' 1400 0001 aa", &edit, MAKE_SM "02 'hi' 1400 0001 aa");
    check_edit("of a response", SMPP_SUBMIT_SM | SMPP_RESP, "", &edit, "");
    check_edit("of an unknown one", 0x4711, "ff 00 'x'", &edit, "ff 00 'x'");
    uint8_t octets[MAKE_MAX];
    uint8_t before[MAKE_MAX];
    size_t n = make_pdu(octets, SMPP_ENQUIRE_LINK, 0, "1400 0000");
    memcpy(before, octets, n);
    smpp_set_sequence(octets, new_sequence);
    UNIT_CHECK(smpp_header_read(octets).sequence == new_sequence, "in place");
    UNIT_CHECK(memcmp(octets, before, 12) == 0 && memcmp(octets + 16, before + 16, n - 16) == 0, "nothing else");
}

static void test_append(void)
{
    const struct smpp_tlv tags[] = {{0x1501, stir_view_str("passed")}, {0x1502, stir_view("", 0)}};
    const struct smpp_edit edit = {.append = tags, .append_count = 2};
    check_edit("to none", SMPP_DELIVER_SM, MAKE_SM "02 'hi'", &edit, MAKE_SM "02 'hi' 1501 0006 'passed' 1502 0000");
    check_edit("to repeated, unknown and empty ones", SMPP_DELIVER_SM,
               MAKE_SM "00 1400 0001 aa 1400 0001 bb ffff 0000 0424 0002 'hi'", &edit,
               MAKE_SM "00 1400 0001 aa 1400 0001 bb ffff 0000 0424 0002 'hi' 1501 0006 'passed' 1502 0000");
    check_edit("to data_sm", SMPP_DATA_SM, MAKE_ADDRESSES "00 00 00", &edit,
               MAKE_ADDRESSES "00 00 00 1501 0006 'passed' 1502 0000");
    check_edit("to a response", SMPP_SUBMIT_SM | SMPP_RESP, "'id' 00", &edit, "'id' 00 1501 0006 'passed' 1502 0000");
    check_refusal("to an unknown command", 0x4711, "00", &edit, STIR_E_INVAL);
    check_refusal("to an absent body", SMPP_SUBMIT_SM | SMPP_RESP, "", &edit, STIR_E_INVAL);
}

static void test_append_long(void)
{
    static char value[65536];
    struct smpp_tlv tlv = {0x1501, stir_view(value, 65535)};
    const struct smpp_edit edit = {.append = &tlv, .append_count = 1};
    struct made made = made_pdu(SMPP_DELIVER_SM, 0, MAKE_SM "00");
    static uint8_t out[1 << 17];
    size_t len = 0;
    UNIT_OK(smpp_pdu_edit(out, sizeof(out), &len, &made.pdu, &edit));
    UNIT_CHECK(len == made.len + 4 + 65535 && smpp_header_read(out).length == len, "%zu", len);
    made_free(&made);
    tlv.value.len++;
    check_refusal("65,536 octets", SMPP_DELIVER_SM, MAKE_SM "00", &edit, STIR_E_INVAL);
}

/* A verdict that somebody else put there must not look like ours. */
static void test_drop(void)
{
    const uint16_t tags[] = {0x1501, 0x1502};
    const struct smpp_tlv tag = {0x1501, stir_view_str("stale")};
    const struct smpp_edit drop = {.drop = tags, .drop_count = 2};
    const struct smpp_edit replace = {.drop = tags, .drop_count = 2, .append = &tag, .append_count = 1};
    const char *forged = MAKE_SM "00 1501 0006 'passed' 1400 0000 1501 0000 1502 0001 '1' 1503 0000";
    check_edit("every one", SMPP_DELIVER_SM, forged, &drop, MAKE_SM "00 1400 0000 1503 0000");
    check_edit("and ours behind", SMPP_DELIVER_SM, forged, &replace,
               MAKE_SM "00 1400 0000 1503 0000 1501 0005 'stale'");
    check_edit("none there", SMPP_DELIVER_SM, MAKE_SM "00", &drop, MAKE_SM "00");
    check_refusal("of an unknown command", 0x4711, "00", &drop, STIR_E_INVAL);
}

static void test_text(void)
{
    const struct stir_view text = stir_view_str("[?] hi");
    const struct stir_view none = {0};
    const struct smpp_edit edit = {.body = &text, .sequence = &new_sequence};
    const struct smpp_edit empty = {.body = &none};
    check_edit("short_message", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 1400 0001 aa", &edit,
               MAKE_SM "06 '[?] hi' 1400 0001 aa");
    check_edit("emptied", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 1400 0001 aa", &empty, MAKE_SM "00 1400 0001 aa");
    check_edit("an empty one", SMPP_DELIVER_SM, MAKE_SM "00 1400 0001 aa", &edit, MAKE_SM "06 '[?] hi' 1400 0001 aa");
    check_edit("message_payload", SMPP_DELIVER_SM, MAKE_SM "00 1400 0001 aa 0424 0002 'hi' 1400 0000", &edit,
               MAKE_SM "00 1400 0001 aa 0424 0006 '[?] hi' 1400 0000");
    check_edit("of data_sm", SMPP_DATA_SM, MAKE_ADDRESSES "00 00 00 0424 0002 'hi'", &edit,
               MAKE_ADDRESSES "00 00 00 0424 0006 '[?] hi'");
    check_edit("in both places", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 0424 0002 'hi'", &edit,
               MAKE_SM "06 '[?] hi' 0424 0006 '[?] hi'");
    check_edit("thrice", SMPP_DATA_SM, MAKE_ADDRESSES "00 00 00 0424 0002 'hi' 0424 0002 'hi' 0424 0002 'hi'", &edit,
               MAKE_ADDRESSES "00 00 00 0424 0006 '[?] hi' 0424 0006 '[?] hi' 0424 0006 '[?] hi'");
    check_edit("of submit_multi", SMPP_SUBMIT_MULTI, "00 0101 00 01 01 0000 00" MAKE_FLAGS "02 'hi'", &edit,
               "00 0101 00 01 01 0000 00" MAKE_FLAGS "06 '[?] hi'");
    check_refusal("ambiguous", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 0424 0002 'ho'", &edit, STIR_E_INVAL);
    check_refusal("data_sm without a text", SMPP_DATA_SM, MAKE_ADDRESSES "00 00 00", &edit, STIR_E_INVAL);
    check_refusal("enquire_link", SMPP_ENQUIRE_LINK, "", &edit, STIR_E_INVAL);
    check_refusal("a response", SMPP_SUBMIT_SM | SMPP_RESP, "'id' 00", &edit, STIR_E_INVAL);
}

static void test_text_long(void)
{
    static char value[65536];
    static uint8_t out[1 << 18];
    struct stir_view text = stir_view(value, 255);
    const struct smpp_edit edit = {.body = &text};
    struct made made = made_pdu(SMPP_DELIVER_SM, 0, MAKE_SM "02 'hi'");
    size_t len = 0;
    UNIT_OK(smpp_pdu_edit(out, sizeof(out), &len, &made.pdu, &edit));
    UNIT_CHECK(len == made.len + 253, "%zu", len);
    made_free(&made);
    text.len = 256;
    check_refusal("256 octets", SMPP_DELIVER_SM, MAKE_SM "02 'hi'", &edit, STIR_E_TOO_BIG);
    text.len = 65536;
    check_refusal("65,536 octets", SMPP_DELIVER_SM, MAKE_SM "00 0424 0002 'hi'", &edit, STIR_E_TOO_BIG);
    text.len = 256;
    check_refusal("256 octets, in both places", SMPP_DELIVER_SM, MAKE_SM "02 'hi' 0424 0002 'hi'", &edit,
                  STIR_E_TOO_BIG);
}

/* All real PDUs with another sequence and a tag: the same but for these. */
static void edit_vector(const struct kannel_pdu *vector, void *arg)
{
    (void)arg;
    const struct smpp_tlv tag = {0x1501, stir_view_str("no-passport")};
    struct made made = made_of(vector->octets, vector->len);
    const struct smpp_edit edit = {
        .sequence = &new_sequence,
        .append = &tag,
        .append_count = made.pdu.opaque || made.pdu.no_body ? 0 : 1,
    };
    uint8_t out[2048];
    size_t len = 0;
    UNIT_OK(smpp_pdu_edit(out, sizeof(out), &len, &made.pdu, &edit));
    UNIT_CHECK(len == vector->len + 15 * edit.append_count, "%lld: %zu octets", vector->n, len);
    struct smpp_header header = smpp_header_read(out);
    UNIT_CHECK(header.length == len && header.sequence == new_sequence, "%lld: header", vector->n);
    UNIT_CHECK(memcmp(out + 4, vector->octets + 4, 8) == 0 &&
                   memcmp(out + 16, vector->octets + 16, vector->len - 16) == 0,
               "%lld: the rest", vector->n);
    struct made again = made_of(out, len);
    CHECK_FAULT(again, SMPP_OK, "again");
    made_free(&again);
    made_free(&made);
}

static void test_vectors(void)
{
    kannel_each(edit_vector, NULL);
}

static void test_write(void)
{
    static char text[256];
    struct smpp_pdu pdu = {.header = {.command = SMPP_SUBMIT_SM, .sequence = 9}};
    uint8_t out[1024];
    size_t len = 77;
    UNIT_OK(smpp_pdu_write(out, sizeof(out), &len, &pdu));
    UNIT_CHECK(len == 33, "the smallest submit_sm is %zu", len);
    for (size_t cap = 0; cap < 33; cap++) {
        len = 77;
        UNIT_CODE(smpp_pdu_write(out, cap, &len, &pdu), STIR_E_TOO_BIG, "small");
        UNIT_CHECK(len == 77, "untouched");
    }
    pdu.short_message = stir_view(text, 256);
    UNIT_CODE(smpp_pdu_write(out, sizeof(out), &len, &pdu), STIR_E_INVAL, "256 octets of text");
    pdu.short_message.len = 255;
    UNIT_OK(smpp_pdu_write(out, sizeof(out), &len, &pdu));
    UNIT_CHECK(len == 33 + 255, "%zu", len);
    len = 77;
    pdu.source.addr = stir_view("1\0002", 3);
    UNIT_CODE(smpp_pdu_write(out, sizeof(out), &len, &pdu), STIR_E_INVAL, "a NUL in a string");
    UNIT_CHECK(len == 77, "untouched");
}

static void test_answers(void)
{
    static const struct {
        uint32_t request;
        uint32_t answer; /* 0: none */
    } rows[] = {
        {SMPP_SUBMIT_SM, SMPP_SUBMIT_SM | SMPP_RESP},
        {SMPP_BIND_RECEIVER, SMPP_BIND_RECEIVER | SMPP_RESP},
        {SMPP_ENQUIRE_LINK, SMPP_ENQUIRE_LINK | SMPP_RESP},
        {SMPP_CANCEL_BROADCAST_SM, SMPP_CANCEL_BROADCAST_SM | SMPP_RESP},
        {SMPP_OUTBIND, SMPP_GENERIC_NACK},
        {SMPP_ALERT_NOTIFICATION, SMPP_GENERIC_NACK},
        {0x0f0f, SMPP_GENERIC_NACK},
        {0, SMPP_GENERIC_NACK},
        {SMPP_GENERIC_NACK, 0},
        {SMPP_SUBMIT_SM | SMPP_RESP, 0},
        {0x80000f0f, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[SMPP_HEADER_LEN] = {0};
        const struct smpp_header request = {.length = 40, .command = rows[i].request, .sequence = new_sequence};
        size_t n = smpp_answer(out, &request, SMPP_RINVCMDID);
        struct smpp_header header = smpp_header_read(out);
        UNIT_CHECK(n == (rows[i].answer ? SMPP_HEADER_LEN : 0) && header.length == n, "%x: %zu", rows[i].request, n);
        UNIT_CHECK(header.command == rows[i].answer, "%x: %x", rows[i].request, header.command);
        UNIT_CHECK(!n || (header.status == SMPP_RINVCMDID && header.sequence == new_sequence), "%x", rows[i].request);
    }
}

UNIT_MAIN("smpp_pdu_edit", {"sequence_number", test_sequence}, {"TLVs behind others", test_append},
          {"TLVs as long as can be", test_append_long}, {"TLVs left out", test_drop}, {"another text", test_text},
          {"a text as long as can be", test_text_long}, {"what Kannel said", test_vectors}, {"from fields", test_write},
          {"answers", test_answers})
