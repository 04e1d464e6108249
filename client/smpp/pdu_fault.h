/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/command.h"
#include "common/base/attribute.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What can be wrong with a PDU or with the message in it. A fault names a cause; the field where it was met and that
 * field's own command_status complete it: smpp_status_of is the one map from a fault to what the peer is told.
 *
 * X(fault, command_status, text): SMPP_ROK as status takes the field's own.
 */
#define SMPP_FAULT_LIST(X)                                                                                             \
    X(SMPP_OK, SMPP_ROK, "no fault")                                                                                   \
    X(SMPP_MORE, SMPP_RINVCMDLEN, "not complete yet")                                                                  \
    /* the stream */                                                                                                   \
    X(SMPP_F_TLS, SMPP_RINVCMDLEN, "TLS, where SMPP without it is spoken")                                             \
    X(SMPP_F_HTTP, SMPP_RINVCMDLEN, "HTTP, not SMPP")                                                                  \
    X(SMPP_F_SHORT, SMPP_RINVCMDLEN, "command_length is less than a header")                                           \
    X(SMPP_F_LONG, SMPP_RINVCMDLEN, "command_length is over the limit")                                                \
    X(SMPP_F_LENGTH, SMPP_RINVCMDLEN, "command_length is not the number of octets")                                    \
    X(SMPP_F_COMMAND, SMPP_RINVCMDID, "the command is not known")                                                      \
    /* fields */                                                                                                       \
    X(SMPP_F_CUT, SMPP_RINVCMDLEN, "the PDU ends before this field does")                                              \
    X(SMPP_F_NO_NUL, SMPP_ROK, "a string without its NUL")                                                             \
    X(SMPP_F_SM_LENGTH, SMPP_RINVMSGLEN, "sm_length reaches beyond the PDU")                                           \
    X(SMPP_F_DEST_COUNT, SMPP_RINVNUMDESTS, "no destination in a list of them")                                        \
    X(SMPP_F_DEST_FLAG, SMPP_RINVDESTFLAG, "neither an address nor a distribution list")                               \
    /* TLVs */                                                                                                         \
    X(SMPP_F_TLV_HEADER, SMPP_RINVTLVSTREAM, "the PDU ends within a TLV's tag or length")                              \
    X(SMPP_F_TLV_LENGTH, SMPP_RINVTLVLEN, "a TLV reaches beyond the PDU")                                              \
    X(SMPP_F_AMBIGUOUS, SMPP_RINVTLVVAL, "more than one text in one message")

enum smpp_fault {
#define SMPP_FAULT_ENUM(fault, status, text) fault,
    SMPP_FAULT_LIST(SMPP_FAULT_ENUM)
#undef SMPP_FAULT_ENUM
        SMPP_FAULT_COUNT
};

/*
 * Every mandatory field that a PDU can have: X(field, command_status, name). The status is for what is wrong with the
 * field's value; SHORT_MESSAGE is sm_length and what it counts.
 */
#define SMPP_FIELD_LIST(X)                                                                                             \
    X(SYSTEM_ID, SMPP_RINVSYSID, "system_id")                                                                          \
    X(PASSWORD, SMPP_RINVPASWD, "password")                                                                            \
    X(SYSTEM_TYPE, SMPP_RINVSYSTYP, "system_type")                                                                     \
    X(INTERFACE_VERSION, SMPP_RBINDFAIL, "interface_version")                                                          \
    X(ADDR_TON, SMPP_RBINDFAIL, "addr_ton")                                                                            \
    X(ADDR_NPI, SMPP_RBINDFAIL, "addr_npi")                                                                            \
    X(ADDRESS_RANGE, SMPP_RBINDFAIL, "address_range")                                                                  \
    X(SERVICE_TYPE, SMPP_RINVSERTYP, "service_type")                                                                   \
    X(SOURCE_ADDR_TON, SMPP_RINVSRCTON, "source_addr_ton")                                                             \
    X(SOURCE_ADDR_NPI, SMPP_RINVSRCNPI, "source_addr_npi")                                                             \
    X(SOURCE_ADDR, SMPP_RINVSRCADR, "source_addr")                                                                     \
    X(DEST_ADDR_TON, SMPP_RINVDSTTON, "dest_addr_ton")                                                                 \
    X(DEST_ADDR_NPI, SMPP_RINVDSTNPI, "dest_addr_npi")                                                                 \
    X(DESTINATION_ADDR, SMPP_RINVDSTADR, "destination_addr")                                                           \
    X(ESME_ADDR_TON, SMPP_RINVDSTTON, "esme_addr_ton")                                                                 \
    X(ESME_ADDR_NPI, SMPP_RINVDSTNPI, "esme_addr_npi")                                                                 \
    X(ESME_ADDR, SMPP_RINVDSTADR, "esme_addr")                                                                         \
    X(NUMBER_OF_DESTS, SMPP_RINVNUMDESTS, "number_of_dests")                                                           \
    X(DL_NAME, SMPP_RINVDLNAME, "dl_name")                                                                             \
    X(ESM_CLASS, SMPP_RINVESMCLASS, "esm_class")                                                                       \
    X(PROTOCOL_ID, SMPP_RSYSERR, "protocol_id")                                                                        \
    X(PRIORITY_FLAG, SMPP_RINVPRTFLG, "priority_flag")                                                                 \
    X(SCHEDULE_DELIVERY_TIME, SMPP_RINVSCHED, "schedule_delivery_time")                                                \
    X(VALIDITY_PERIOD, SMPP_RINVEXPIRY, "validity_period")                                                             \
    X(REGISTERED_DELIVERY, SMPP_RINVREGDLVFLG, "registered_delivery")                                                  \
    X(REPLACE_IF_PRESENT_FLAG, SMPP_RINVREPFLAG, "replace_if_present_flag")                                            \
    X(DATA_CODING, SMPP_RINVDCS, "data_coding")                                                                        \
    X(SM_DEFAULT_MSG_ID, SMPP_RINVDFTMSGID, "sm_default_msg_id")                                                       \
    X(SHORT_MESSAGE, SMPP_RINVMSGLEN, "short_message")                                                                 \
    X(MESSAGE_ID, SMPP_RINVMSGID, "message_id")                                                                        \
    X(FINAL_DATE, SMPP_RINVCMDLEN, "final_date")                                                                       \
    X(MESSAGE_STATE, SMPP_RINVCMDLEN, "message_state")                                                                 \
    X(ERROR_CODE, SMPP_RINVCMDLEN, "error_code")                                                                       \
    X(NO_UNSUCCESS, SMPP_RINVCMDLEN, "no_unsuccess")                                                                   \
    X(ERROR_STATUS_CODE, SMPP_RINVCMDLEN, "error_status_code")

/* SMPP_FIELD_SYSTEM_ID, ...: bit numbers of `struct smpp_pdu`.oversize. */
enum smpp_field {
    SMPP_FIELD_NONE,
#define SMPP_FIELD_ENUM(field, status, name) SMPP_FIELD_##field,
    SMPP_FIELD_LIST(SMPP_FIELD_ENUM)
#undef SMPP_FIELD_ENUM
        SMPP_FIELD_COUNT
};

/* Where and why a PDU was refused. */
struct smpp_flaw {
    enum smpp_fault fault;
    enum smpp_field field; /* SMPP_FIELD_NONE for the header, TLVs and the stream */
    size_t offset;         /* in octets from the PDU's start */
};

/* The fixed text and the own name ("SMPP_F_CUT") of a fault; never NULL. */
const char *smpp_fault_text(enum smpp_fault fault);
const char *smpp_fault_name(enum smpp_fault fault);

/* The field's name in the specification ("source_addr"); "" for SMPP_FIELD_NONE; never NULL. */
const char *smpp_field_name(enum smpp_field field);

/* The command_status for a fault at a field: the fault's own, or the field's. 0 only for SMPP_OK. */
uint32_t smpp_status_of(enum smpp_fault fault, enum smpp_field field);

/* One line for a log: "source_addr: a string without its NUL (octet 37)". Always ended, cut if longer. Holds nothing
 * of what the peer sent. */
void smpp_flaw_text(char *out, size_t cap, const struct smpp_flaw *flaw);
