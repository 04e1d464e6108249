/* SPDX-License-Identifier: MIT */
#include "client/smpp/command.h"
#include "client/smpp/pdu_fault.h"
#include "tests/unit/unit.h"

static void test_commands(void)
{
    static const struct {
        uint32_t command;
        const char *name;
        bool answered;
    } rows[] = {
        {SMPP_SUBMIT_SM, "submit_sm", true},
        {SMPP_SUBMIT_SM | SMPP_RESP, "submit_sm_resp", false},
        {SMPP_GENERIC_NACK, "generic_nack", false},
        {SMPP_OUTBIND, "outbind", false},
        {SMPP_OUTBIND | SMPP_RESP, NULL, false},
        {SMPP_ALERT_NOTIFICATION, "alert_notification", false},
        {SMPP_CANCEL_BROADCAST_SM | SMPP_RESP, "cancel_broadcast_sm_resp", false},
        {0, NULL, false},
        {0x0a, NULL, false},
        {0x80000f0f, NULL, false},
        {0x40000004, NULL, false},
        {0xffffffff, NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_STR(smpp_command_name(rows[i].command), rows[i].name, "command");
        UNIT_CHECK(smpp_command_has_response(rows[i].command) == rows[i].answered, "%x", rows[i].command);
    }
}

static void test_statuses(void)
{
    uint32_t status = 77;
    UNIT_STR(smpp_status_name(0), "ESME_ROK", "0");
    UNIT_STR(smpp_status_name(0x58), "ESME_RTHROTTLED", "0x58");
    UNIT_STR(smpp_status_name(0x112), "ESME_RINVBCASTCHANIND", "0x112");
    UNIT_STR(smpp_status_name(0x400), NULL, "a vendor's");
    UNIT_CHECK(smpp_status_of_name(&status, "ESME_RMSGQFUL") && status == 0x14, "whole name: %x", status);
    UNIT_CHECK(smpp_status_of_name(&status, "rthrottled") && status == 0x58, "lower case, no prefix: %x", status);
    UNIT_CHECK(smpp_status_of_name(&status, "esme_rok") && status == 0, "0: %x", status);
    status = 77;
    UNIT_CHECK(!smpp_status_of_name(&status, "ESME_") && !smpp_status_of_name(&status, "") &&
                   !smpp_status_of_name(&status, "RTHROTTLEDX") && !smpp_status_of_name(&status, "ESME_ESME_ROK") &&
                   status == 77,
               "no such name");
}

/* Every fault has a text and, at every field, a command_status that has a name and is an error. */
static void test_faults(void)
{
    for (int fault = SMPP_OK; fault < SMPP_FAULT_COUNT; fault++) {
        const char *name = smpp_fault_name((enum smpp_fault)fault);
        UNIT_CHECK(strncmp(name, "SMPP_", 5) == 0 && *smpp_fault_text((enum smpp_fault)fault), "%d", fault);
        for (int field = SMPP_FIELD_NONE; field < SMPP_FIELD_COUNT; field++) {
            uint32_t status = smpp_status_of((enum smpp_fault)fault, (enum smpp_field)field);
            UNIT_CHECK((status == SMPP_ROK) == (fault == SMPP_OK), "%s at %s: %x", name,
                       smpp_field_name((enum smpp_field)field), status);
            UNIT_CHECK(smpp_status_name(status) != NULL, "%s: %x", name, status);
        }
    }
    for (int field = SMPP_FIELD_NONE + 1; field < SMPP_FIELD_COUNT; field++) {
        UNIT_CHECK(*smpp_field_name((enum smpp_field)field), "field %d", field);
    }
    UNIT_STR(smpp_field_name(SMPP_FIELD_NONE), "", "no field");
    UNIT_STR(smpp_field_name((enum smpp_field)SMPP_FIELD_COUNT), "", "beyond the list");
    UNIT_STR(smpp_fault_text((enum smpp_fault)SMPP_FAULT_COUNT), "unknown fault", "beyond the list");
    UNIT_STR(smpp_fault_name((enum smpp_fault)SMPP_FAULT_COUNT), "unknown", "beyond the list");
    UNIT_CHECK(smpp_status_of((enum smpp_fault)SMPP_FAULT_COUNT, SMPP_FIELD_NONE) == SMPP_RSYSERR, "beyond the list");
    UNIT_CHECK(smpp_status_of(SMPP_F_NO_NUL, (enum smpp_field)SMPP_FIELD_COUNT) == SMPP_RSYSERR, "beyond the list");
}

UNIT_MAIN("smpp_command", {"commands", test_commands}, {"command_status", test_statuses}, {"faults", test_faults})
