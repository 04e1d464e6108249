/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/message.h"
#include "tests/unit/smpp_make.h"

/* A held PDU as a message: who, to whom, what, and why not. */

static const struct smpp_addressing plain = {.numbering = STIR_NUMBERING_DEFAULT};
static const struct smpp_addressing named = {.numbering = STIR_NUMBERING_DEFAULT, .alphanumeric_domain = "example.com"};
static const struct smpp_text_settings gsm = {.data_coding_0 = SMPP_GSM7, .data_coding_1 = SMPP_ASCII};

/* A PDU as the relay holds it. */
struct read {
    struct made made;
    struct sc_held held;
    struct sc_message message;
};

static struct read *read_as(uint32_t command, const char *body, const struct smpp_addressing *addressing)
{
    struct read *read = calloc(1, sizeof(*read));
    if (!read) {
        abort();
    }
    read->made = made_pdu(command, 0, body);
    read->held = (struct sc_held){.pdu = read->made.pdu, .fault = read->made.fault, .flaw = read->made.flaw};
    sc_message_read(&read->message, &read->held, &gsm, addressing);
    return read;
}

static void done(struct read *read)
{
    sc_message_clear(&read->message);
    made_free(&read->made);
    free(read);
}

static void check_body(const struct sc_message *message, const char *expected)
{
    struct stir_buf body = {0};
    UNIT_CHECK(sc_message_body(message, NULL, &body, NULL) == SC_FIT, "no body");
    UNIT_STR(body.ptr ? body.ptr : "", expected, "body");
    stir_buf_free(&body);
}

#define FROM "00 0101 '12155551212' 00 "
#define PAIR FROM "0101 '12155551313' 00 "
#define FLAGS(esm, dcs) esm " 00 00 00 00 00 00 " dcs " 00 "

static void test_fit(void)
{
    struct read *read = read_as(SMPP_SUBMIT_SM, PAIR FLAGS("00", "00") "05 'h' 1b 65 0061", &plain);
    UNIT_CHECK(read->message.unfit == SC_FIT && read->message.dest_count == 1 && !read->message.others, "fit");
    UNIT_STR(read->message.orig.text, "12155551212", "orig");
    UNIT_STR(read->message.dests[0].text, "12155551313", "dest");
    UNIT_CHECK(!sc_message_is_segment(&read->message), "whole");
    check_body(&read->message, "h\xe2\x82\xac@a");
    done(read);
    read = read_as(SMPP_DATA_SM, PAIR "00 00 08 0424 0004 0068 d83d", &plain);
    UNIT_CHECK(read->message.unfit == SC_FIT, "half a pair is a body of octets");
    struct stir_buf body = {0};
    UNIT_CHECK(sc_message_body(&read->message, NULL, &body, NULL) == SC_FIT && body.len == 4 &&
                   !memcmp(body.ptr, "\0h\xd8=", 4),
               "as they are");
    stir_buf_free(&body);
    done(read);
    read = read_as(SMPP_DELIVER_SM, PAIR FLAGS("40", "00") "0a 0500032a0302 'part'", &plain);
    UNIT_CHECK(sc_message_is_segment(&read->message), "a segment");
    UNIT_CHECK(read->message.segment.place.number == 2 && read->message.segment.place.total == 3, "its place");
    done(read);
}

/* Each destination once; those that are none are only noted. */
static void test_many(void)
{
    struct read *read =
        read_as(SMPP_SUBMIT_MULTI,
                FROM "05 01 0101 '21' 00 01 0101 '22' 00 02 'list' 00 01 0101 '21' 00 01 0500 'Bank' 00 "
                     "00 00 00 00 00 00 00 00 00 02 'hi'",
                &plain);
    UNIT_CHECK(read->message.unfit == SC_FIT && read->message.others, "fit, and others");
    UNIT_CHECK(read->message.dest_count == 2, "%zu destinations", read->message.dest_count);
    UNIT_STR(read->message.dests[1].text, "22", "the second");
    done(read);
    read = read_as(SMPP_SUBMIT_MULTI, FROM "01 02 'list' 00 00 00 00 00 00 00 00 00 00 02 'hi'", &plain);
    UNIT_CHECK(read->message.unfit == SC_UNFIT_DESTINATION && read->message.dest_count == 0, "a list alone");
    done(read);
}

static void test_unfit(void)
{
    static const struct {
        const char *label;
        uint32_t command;
        const char *body;
        enum sc_unfit unfit;
        bool has_orig;
    } rows[] = {
        {"an alphanumeric sender", SMPP_SUBMIT_SM, "00 0500 'Bank' 00 0101 '12155551313' 00 " FLAGS("00", "00") "00",
         SC_UNFIT_SENDER, false},
        {"no sender", SMPP_SUBMIT_SM, "00 0000 00 0101 '12155551313' 00 " FLAGS("00", "00") "00", SC_UNFIT_SENDER,
         false},
        {"a data network's sender", SMPP_SUBMIT_SM,
         "00 0103 '12155551212' 00 0101 '12155551313' 00 " FLAGS("00", "00") "00", SC_UNFIT_SENDER, false},
        {"no destination", SMPP_SUBMIT_SM, FROM "0101 00 " FLAGS("00", "00") "00", SC_UNFIT_DESTINATION, true},
        {"two texts", SMPP_SUBMIT_SM, PAIR FLAGS("00", "00") "02 'hi' 0424 0002 'ho'", SC_UNFIT_AMBIGUOUS, true},
        {"the centre's own text", SMPP_SUBMIT_SM, PAIR "00 00 00 00 00 00 00 00 07 00", SC_UNFIT_AMBIGUOUS, true},
        {"a header beyond the text", SMPP_SUBMIT_SM, PAIR FLAGS("40", "00") "02 0500", SC_UNFIT_UNREADABLE, true},
        {"two places", SMPP_SUBMIT_SM,
         PAIR FLAGS("40", "00") "08 0500032a0301 'hi' 020c 0002 002a 020e 0001 02 020f 0001 01", SC_UNFIT_AMBIGUOUS,
         true},
        {"two numbers of one segment", SMPP_SUBMIT_SM,
         PAIR FLAGS("00", "00") "02 'hi' 020c 0002 002a 020e 0001 02 020f 0001 01 020f 0001 02", SC_UNFIT_AMBIGUOUS,
         true},
        {"a text beyond the PDU", SMPP_SUBMIT_SM, PAIR FLAGS("00", "00") "09 'hi'", SC_UNFIT_UNREADABLE, false},
        {"half a TLV", SMPP_SUBMIT_SM, PAIR FLAGS("00", "00") "02 'hi' 1501 0009 'pa'", SC_UNFIT_UNREADABLE, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct read *read = read_as(rows[i].command, rows[i].body, &plain);
        UNIT_STR(sc_unfit_name(read->message.unfit), sc_unfit_name(rows[i].unfit), rows[i].label);
        UNIT_CHECK(read->message.has_orig == rows[i].has_orig, "%s: orig", rows[i].label);
        UNIT_CHECK(sc_unfit_text(read->message.unfit)[0], "%s: a text", rows[i].label);
        done(read);
    }
}

static void test_names(void)
{
    struct read *read = read_as(SMPP_SUBMIT_SM, "00 0500 'Parcel Co' 00 0101 '22' 00 " FLAGS("00", "00") "00", &named);
    UNIT_CHECK(read->message.unfit == SC_FIT, "fit");
    UNIT_STR(read->message.orig.text, "sip:parcel%20co@example.com", "orig");
    done(read);
}

/* Every truncation of a PDU is read as far as it goes, and is unfit where it is cut. */
static void test_cut(void)
{
    uint8_t octets[MAKE_MAX];
    size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, PAIR FLAGS("40", "08") "0a 0500032a0301 'part' 1501 0002 'xy'");
    for (size_t len = SMPP_HEADER_LEN; len < n; len++) {
        struct smpp_header header = {(uint32_t)len, SMPP_SUBMIT_SM, 0, 1};
        smpp_header_write(octets, &header);
        struct made made = made_of(octets, len);
        struct sc_held held = {.pdu = made.pdu, .fault = made.fault, .flaw = made.flaw};
        struct sc_message message;
        sc_message_read(&message, &held, &gsm, &plain);
        bool whole = len == n - 6; /* without the TLV */
        UNIT_CHECK((message.unfit == SC_FIT) == whole, "%zu of %zu octets", len, n);
        sc_message_clear(&message);
        made_free(&made);
    }
}

UNIT_MAIN("sc_filter_message", {"fit", test_fit}, {"many destinations", test_many}, {"unfit", test_unfit},
          {"names", test_names}, {"cut", test_cut})
