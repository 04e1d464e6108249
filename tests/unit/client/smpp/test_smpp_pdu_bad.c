/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu.h"
#include "tests/unit/smpp_make.h"

/* Malformed PDUs: which fault, at which field and octet, and what the peer is told. */
struct row {
    const char *label;
    uint32_t command;
    const char *body;
    enum smpp_fault fault;
    enum smpp_field field;
    size_t offset; /* from the header's end */
    uint32_t status;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct smpp_pdu untouched = {.oversize = 77};
        struct made made = made_pdu(row->command, 0, row->body);
        CHECK_FAULT(made, row->fault, row->label);
        UNIT_CHECK(made.flaw.fault == row->fault && made.flaw.field == row->field &&
                       made.flaw.offset == SMPP_HEADER_LEN + row->offset,
                   "%s: at %s, %zu", row->label, smpp_field_name(made.flaw.field), made.flaw.offset);
        UNIT_CHECK(smpp_status_of(made.flaw.fault, made.flaw.field) == row->status, "%s: status %x", row->label,
                   smpp_status_of(made.flaw.fault, made.flaw.field));
        UNIT_CHECK(smpp_pdu_read(&untouched, made.octets, made.len, NULL) == row->fault && untouched.oversize == 77,
                   "%s: untouched, and without a flaw to fill", row->label);
        made_free(&made);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_strings(void)
{
    static const struct row rows[] = {
        {"service_type", SMPP_SUBMIT_SM, "'CMT'", SMPP_F_NO_NUL, SMPP_FIELD_SERVICE_TYPE, 0, SMPP_RINVSERTYP},
        {"source_addr", SMPP_SUBMIT_SM, "00 0101 '12'", SMPP_F_NO_NUL, SMPP_FIELD_SOURCE_ADDR, 3, SMPP_RINVSRCADR},
        {"destination_addr", SMPP_DELIVER_SM, "00 0101 00 0101 '12'", SMPP_F_NO_NUL, SMPP_FIELD_DESTINATION_ADDR, 6,
         SMPP_RINVDSTADR},
        {"source_addr of data_sm", SMPP_DATA_SM, "00 0101 '12'", SMPP_F_NO_NUL, SMPP_FIELD_SOURCE_ADDR, 3,
         SMPP_RINVSRCADR},
        {"validity_period", SMPP_SUBMIT_SM, MAKE_ADDRESSES "000000 00 '2601'", SMPP_F_NO_NUL,
         SMPP_FIELD_VALIDITY_PERIOD, 22, SMPP_RINVEXPIRY},
        {"schedule_delivery_time", SMPP_SUBMIT_SM, MAKE_ADDRESSES "000000 '2601'", SMPP_F_NO_NUL,
         SMPP_FIELD_SCHEDULE_DELIVERY_TIME, 21, SMPP_RINVSCHED},
        {"system_id", SMPP_BIND_TRANSCEIVER, "'esme'", SMPP_F_NO_NUL, SMPP_FIELD_SYSTEM_ID, 0, SMPP_RINVSYSID},
        {"password", SMPP_BIND_RECEIVER, "'esme' 00 'secret'", SMPP_F_NO_NUL, SMPP_FIELD_PASSWORD, 5, SMPP_RINVPASWD},
        {"system_type", SMPP_BIND_TRANSMITTER, "'esme' 00 00 'x'", SMPP_F_NO_NUL, SMPP_FIELD_SYSTEM_TYPE, 6,
         SMPP_RINVSYSTYP},
        {"address_range", SMPP_BIND_TRANSMITTER, "00 00 00 340000 '^1'", SMPP_F_NO_NUL, SMPP_FIELD_ADDRESS_RANGE, 6,
         SMPP_RBINDFAIL},
        {"message_id", SMPP_QUERY_SM, "'77'", SMPP_F_NO_NUL, SMPP_FIELD_MESSAGE_ID, 0, SMPP_RINVMSGID},
        {"message_id of a response", SMPP_SUBMIT_SM | SMPP_RESP, "'77'", SMPP_F_NO_NUL, SMPP_FIELD_MESSAGE_ID, 0,
         SMPP_RINVMSGID},
        {"system_id of a response", SMPP_BIND_TRANSCEIVER | SMPP_RESP, "'SMSC'", SMPP_F_NO_NUL, SMPP_FIELD_SYSTEM_ID, 0,
         SMPP_RINVSYSID},
        {"esme_addr", SMPP_ALERT_NOTIFICATION, "0101 '12' 00 0000 '13'", SMPP_F_NO_NUL, SMPP_FIELD_ESME_ADDR, 7,
         SMPP_RINVDSTADR},
    };
    CHECK_ROWS(rows);
}

static void test_ends(void)
{
    static const struct row rows[] = {
        {"nothing", SMPP_SUBMIT_SM, "", SMPP_F_CUT, SMPP_FIELD_SERVICE_TYPE, 0, SMPP_RINVCMDLEN},
        {"after service_type", SMPP_SUBMIT_SM, "00", SMPP_F_CUT, SMPP_FIELD_SOURCE_ADDR_TON, 1, SMPP_RINVCMDLEN},
        {"before source_addr", SMPP_SUBMIT_SM, "00 0101", SMPP_F_CUT, SMPP_FIELD_SOURCE_ADDR, 3, SMPP_RINVCMDLEN},
        {"before esm_class", SMPP_SUBMIT_SM, MAKE_ADDRESSES, SMPP_F_CUT, SMPP_FIELD_ESM_CLASS, 18, SMPP_RINVCMDLEN},
        {"before sm_length", SMPP_SUBMIT_SM, MAKE_SM, SMPP_F_CUT, SMPP_FIELD_SHORT_MESSAGE, 27, SMPP_RINVCMDLEN},
        {"before data_coding", SMPP_DATA_SM, MAKE_ADDRESSES "00 00", SMPP_F_CUT, SMPP_FIELD_DATA_CODING, 20,
         SMPP_RINVCMDLEN},
        {"before interface_version", SMPP_BIND_TRANSCEIVER, "00 00 00", SMPP_F_CUT, SMPP_FIELD_INTERFACE_VERSION, 3,
         SMPP_RINVCMDLEN},
        {"before message_state", SMPP_QUERY_SM | SMPP_RESP, "00 00", SMPP_F_CUT, SMPP_FIELD_MESSAGE_STATE, 2,
         SMPP_RINVCMDLEN},
        {"sm_length beyond", SMPP_SUBMIT_SM, MAKE_SM "05 'text'", SMPP_F_SM_LENGTH, SMPP_FIELD_SHORT_MESSAGE, 27,
         SMPP_RINVMSGLEN},
        {"sm_length 255 of nothing", SMPP_DELIVER_SM, MAKE_SM "ff", SMPP_F_SM_LENGTH, SMPP_FIELD_SHORT_MESSAGE, 27,
         SMPP_RINVMSGLEN},
        {"sm_length beyond in replace_sm", SMPP_REPLACE_SM, "00 0000 00 00 00 00 00 01", SMPP_F_SM_LENGTH,
         SMPP_FIELD_SHORT_MESSAGE, 8, SMPP_RINVMSGLEN},
        {"sm_length that takes in half a TLV", SMPP_SUBMIT_SM, MAKE_SM "06 'text' 1400 0002 aabb", SMPP_F_TLV_LENGTH,
         SMPP_FIELD_NONE, 34, SMPP_RINVTLVLEN},
    };
    CHECK_ROWS(rows);
}

static void test_tlvs(void)
{
    static const struct row rows[] = {
        {"an octet too many", SMPP_SUBMIT_SM, MAKE_SM "00 00", SMPP_F_TLV_HEADER, SMPP_FIELD_NONE, 28,
         SMPP_RINVTLVSTREAM},
        {"three octets too many", SMPP_SUBMIT_SM, MAKE_SM "00 000000", SMPP_F_TLV_HEADER, SMPP_FIELD_NONE, 28,
         SMPP_RINVTLVSTREAM},
        {"text beyond sm_length", SMPP_SUBMIT_SM, MAKE_SM "02 'text'", SMPP_F_TLV_HEADER, SMPP_FIELD_NONE, 30,
         SMPP_RINVTLVSTREAM},
        {"a TLV one octet short", SMPP_SUBMIT_SM, MAKE_SM "00 1400 0002 aa", SMPP_F_TLV_LENGTH, SMPP_FIELD_NONE, 28,
         SMPP_RINVTLVLEN},
        {"a TLV of nothing", SMPP_SUBMIT_SM, MAKE_SM "00 1400 0001", SMPP_F_TLV_LENGTH, SMPP_FIELD_NONE, 28,
         SMPP_RINVTLVLEN},
        {"a TLV of 65,535", SMPP_DELIVER_SM, MAKE_SM "00 0424 ffff 'hi'", SMPP_F_TLV_LENGTH, SMPP_FIELD_NONE, 28,
         SMPP_RINVTLVLEN},
        {"the second is short", SMPP_DATA_SM, "00 0000 00 0000 00 000000 1400 0001 aa 0424 0003 'hi'",
         SMPP_F_TLV_LENGTH, SMPP_FIELD_NONE, 15, SMPP_RINVTLVLEN},
        {"enquire_link with a tail", SMPP_ENQUIRE_LINK, "00", SMPP_F_TLV_HEADER, SMPP_FIELD_NONE, 0,
         SMPP_RINVTLVSTREAM},
        {"a response with a tail", SMPP_SUBMIT_SM | SMPP_RESP, "'id' 00 00", SMPP_F_TLV_HEADER, SMPP_FIELD_NONE, 3,
         SMPP_RINVTLVSTREAM},
    };
    CHECK_ROWS(rows);
}

static void test_lists(void)
{
    static const struct row rows[] = {
        {"to nobody", SMPP_SUBMIT_MULTI, "00 0101 00 00" MAKE_FLAGS "00", SMPP_F_DEST_COUNT, SMPP_FIELD_NUMBER_OF_DESTS,
         4, SMPP_RINVNUMDESTS},
        {"one too few", SMPP_SUBMIT_MULTI, "00 0101 00 02 01 0101 '491' 00" MAKE_FLAGS "00", SMPP_F_DEST_FLAG,
         SMPP_FIELD_NUMBER_OF_DESTS, 12, SMPP_RINVDESTFLAG},
        {"none there", SMPP_SUBMIT_MULTI, "00 0101 00 ff", SMPP_F_CUT, SMPP_FIELD_NUMBER_OF_DESTS, 5, SMPP_RINVCMDLEN},
        {"flag 3", SMPP_SUBMIT_MULTI, "00 0101 00 01 03 00" MAKE_FLAGS "00", SMPP_F_DEST_FLAG,
         SMPP_FIELD_NUMBER_OF_DESTS, 5, SMPP_RINVDESTFLAG},
        {"dl_name", SMPP_SUBMIT_MULTI, "00 0101 00 01 02 'friends'", SMPP_F_NO_NUL, SMPP_FIELD_DL_NAME, 6,
         SMPP_RINVDLNAME},
        {"address", SMPP_SUBMIT_MULTI, "00 0101 00 01 01 0101 '491'", SMPP_F_NO_NUL, SMPP_FIELD_DESTINATION_ADDR, 8,
         SMPP_RINVDSTADR},
        {"failed ones beyond the end", SMPP_SUBMIT_MULTI | SMPP_RESP, "00 02 0101 '491' 00 00000001", SMPP_F_CUT,
         SMPP_FIELD_DEST_ADDR_TON, 12, SMPP_RINVCMDLEN},
        {"half a status", SMPP_SUBMIT_MULTI | SMPP_RESP, "00 01 0101 '491' 00 0000", SMPP_F_CUT,
         SMPP_FIELD_ERROR_STATUS_CODE, 8, SMPP_RINVCMDLEN},
        {"no count", SMPP_SUBMIT_MULTI | SMPP_RESP, "'id' 00", SMPP_F_CUT, SMPP_FIELD_NO_UNSUCCESS, 3, SMPP_RINVCMDLEN},
    };
    CHECK_ROWS(rows);
}

/* command_length must be what was handed over. */
static void test_length(void)
{
    static const struct {
        uint32_t length;
        size_t n;
        enum smpp_fault fault;
    } rows[] = {
        {16, 0, SMPP_F_SHORT},   {16, 15, SMPP_F_SHORT},          {16, 16, SMPP_OK},
        {0, 16, SMPP_F_LENGTH},  {15, 16, SMPP_F_LENGTH},         {17, 16, SMPP_F_LENGTH},
        {16, 17, SMPP_F_LENGTH}, {0x80000000, 16, SMPP_F_LENGTH}, {0xffffffff, 16, SMPP_F_LENGTH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[32] = {0};
        struct smpp_header header = {rows[i].length, SMPP_ENQUIRE_LINK, 0, 1};
        smpp_header_write(octets, &header);
        struct made made = made_of(octets, rows[i].n);
        CHECK_FAULT(made, rows[i].fault, "length");
        UNIT_CHECK(made.flaw.offset == 0, "row %zu: offset %zu", i, made.flaw.offset);
        made_free(&made);
    }
}

static void test_flaw_text(void)
{
    char text[80];
    struct made made = made_pdu(SMPP_SUBMIT_SM, 0, "00 0101 '12'");
    smpp_flaw_text(text, sizeof(text), &made.flaw);
    UNIT_STR(text, "source_addr: a string without its NUL (octet 19)", "with a field");
    smpp_flaw_text(text, 12, &made.flaw);
    UNIT_STR(text, "source_addr", "cut");
    made_free(&made);
    made = made_pdu(SMPP_ENQUIRE_LINK, 0, "00");
    smpp_flaw_text(text, sizeof(text), &made.flaw);
    UNIT_STR(text, "the PDU ends within a TLV's tag or length (octet 16)", "without one");
    made_free(&made);
}

UNIT_MAIN("smpp_pdu_bad", {"strings without NUL", test_strings}, {"ends within the fields", test_ends},
          {"TLVs cut short", test_tlvs}, {"lists", test_lists}, {"command_length", test_length},
          {"a flaw in words", test_flaw_text})
