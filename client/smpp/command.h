/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Commands of SMPP 3.3, 3.4 and 5.0: X(command, command_id, name, answer). `answer` is 1 for a request that has a
 * response, whose command_id is the request's with SMPP_RESP.
 */
#define SMPP_COMMAND_LIST(X)                                                                                           \
    X(BIND_RECEIVER, 0x01, "bind_receiver", 1)                                                                         \
    X(BIND_TRANSMITTER, 0x02, "bind_transmitter", 1)                                                                   \
    X(QUERY_SM, 0x03, "query_sm", 1)                                                                                   \
    X(SUBMIT_SM, 0x04, "submit_sm", 1)                                                                                 \
    X(DELIVER_SM, 0x05, "deliver_sm", 1)                                                                               \
    X(UNBIND, 0x06, "unbind", 1)                                                                                       \
    X(REPLACE_SM, 0x07, "replace_sm", 1)                                                                               \
    X(CANCEL_SM, 0x08, "cancel_sm", 1)                                                                                 \
    X(BIND_TRANSCEIVER, 0x09, "bind_transceiver", 1)                                                                   \
    X(OUTBIND, 0x0b, "outbind", 0)                                                                                     \
    X(ENQUIRE_LINK, 0x15, "enquire_link", 1)                                                                           \
    X(SUBMIT_MULTI, 0x21, "submit_multi", 1)                                                                           \
    X(ALERT_NOTIFICATION, 0x102, "alert_notification", 0)                                                              \
    X(DATA_SM, 0x103, "data_sm", 1)                                                                                    \
    X(BROADCAST_SM, 0x111, "broadcast_sm", 1)                                                                          \
    X(QUERY_BROADCAST_SM, 0x112, "query_broadcast_sm", 1)                                                              \
    X(CANCEL_BROADCAST_SM, 0x113, "cancel_broadcast_sm", 1)

/* Values of command_status by their names of 5.0, without ESME_: X(name, number). */
#define SMPP_STATUS_LIST(X)                                                                                            \
    X(ROK, 0x00)                                                                                                       \
    X(RINVMSGLEN, 0x01)                                                                                                \
    X(RINVCMDLEN, 0x02)                                                                                                \
    X(RINVCMDID, 0x03)                                                                                                 \
    X(RINVBNDSTS, 0x04)                                                                                                \
    X(RALYBND, 0x05)                                                                                                   \
    X(RINVPRTFLG, 0x06)                                                                                                \
    X(RINVREGDLVFLG, 0x07)                                                                                             \
    X(RSYSERR, 0x08)                                                                                                   \
    X(RINVSRCADR, 0x0a)                                                                                                \
    X(RINVDSTADR, 0x0b)                                                                                                \
    X(RINVMSGID, 0x0c)                                                                                                 \
    X(RBINDFAIL, 0x0d)                                                                                                 \
    X(RINVPASWD, 0x0e)                                                                                                 \
    X(RINVSYSID, 0x0f)                                                                                                 \
    X(RCANCELFAIL, 0x11)                                                                                               \
    X(RREPLACEFAIL, 0x13)                                                                                              \
    X(RMSGQFUL, 0x14)                                                                                                  \
    X(RINVSERTYP, 0x15)                                                                                                \
    X(RINVNUMDESTS, 0x33)                                                                                              \
    X(RINVDLNAME, 0x34)                                                                                                \
    X(RINVDESTFLAG, 0x40)                                                                                              \
    X(RINVSUBREP, 0x42)                                                                                                \
    X(RINVESMCLASS, 0x43)                                                                                              \
    X(RCNTSUBDL, 0x44)                                                                                                 \
    X(RSUBMITFAIL, 0x45)                                                                                               \
    X(RINVSRCTON, 0x48)                                                                                                \
    X(RINVSRCNPI, 0x49)                                                                                                \
    X(RINVDSTTON, 0x50)                                                                                                \
    X(RINVDSTNPI, 0x51)                                                                                                \
    X(RINVSYSTYP, 0x53)                                                                                                \
    X(RINVREPFLAG, 0x54)                                                                                               \
    X(RINVNUMMSGS, 0x55)                                                                                               \
    X(RTHROTTLED, 0x58)                                                                                                \
    X(RINVSCHED, 0x61)                                                                                                 \
    X(RINVEXPIRY, 0x62)                                                                                                \
    X(RINVDFTMSGID, 0x63)                                                                                              \
    X(RX_T_APPN, 0x64)                                                                                                 \
    X(RX_P_APPN, 0x65)                                                                                                 \
    X(RX_R_APPN, 0x66)                                                                                                 \
    X(RQUERYFAIL, 0x67)                                                                                                \
    X(RINVTLVSTREAM, 0xc0)                                                                                             \
    X(RTLVNOTALLWD, 0xc1)                                                                                              \
    X(RINVTLVLEN, 0xc2)                                                                                                \
    X(RMISSINGTLV, 0xc3)                                                                                               \
    X(RINVTLVVAL, 0xc4)                                                                                                \
    X(RDELIVERYFAILURE, 0xfe)                                                                                          \
    X(RUNKNOWNERR, 0xff)                                                                                               \
    X(RSERTYPUNAUTH, 0x100)                                                                                            \
    X(RPROHIBITED, 0x101)                                                                                              \
    X(RSERTYPUNAVAIL, 0x102)                                                                                           \
    X(RSERTYPDENIED, 0x103)                                                                                            \
    X(RINVDCS, 0x104)                                                                                                  \
    X(RINVSRCADDRSUBUNIT, 0x105)                                                                                       \
    X(RINVDSTADDRSUBUNIT, 0x106)                                                                                       \
    X(RINVBCASTFREQINT, 0x107)                                                                                         \
    X(RINVBCASTALIAS_NAME, 0x108)                                                                                      \
    X(RINVBCASTAREAFMT, 0x109)                                                                                         \
    X(RINVNUMBCAST_AREAS, 0x10a)                                                                                       \
    X(RINVBCASTCNTTYPE, 0x10b)                                                                                         \
    X(RINVBCASTMSGCLASS, 0x10c)                                                                                        \
    X(RBCASTFAIL, 0x10d)                                                                                               \
    X(RBCASTQUERYFAIL, 0x10e)                                                                                          \
    X(RBCASTCANCELFAIL, 0x10f)                                                                                         \
    X(RINVBCAST_REP, 0x110)                                                                                            \
    X(RINVBCASTSRVGRP, 0x111)                                                                                          \
    X(RINVBCASTCHANIND, 0x112)

#define SMPP_RESP 0x80000000U
#define SMPP_GENERIC_NACK 0x80000000U

/* SMPP_SUBMIT_SM, ...: values of command_id, which may be any uint32_t. */
enum smpp_command {
#define SMPP_COMMAND_ENUM(command, number, name, answer) SMPP_##command = number,
    SMPP_COMMAND_LIST(SMPP_COMMAND_ENUM)
#undef SMPP_COMMAND_ENUM
};

/* SMPP_ROK, SMPP_RINVMSGLEN, ... */
enum smpp_status {
#define SMPP_STATUS_ENUM(status, number) SMPP_##status = number,
    SMPP_STATUS_LIST(SMPP_STATUS_ENUM)
#undef SMPP_STATUS_ENUM
};

/* "submit_sm", "submit_sm_resp", "generic_nack"; NULL for a command_id that is not known. */
const char *smpp_command_name(uint32_t command);

/* A known request that has a response: its command_id is the request's | SMPP_RESP. */
bool smpp_command_has_response(uint32_t command);

static inline bool smpp_command_is_response(uint32_t command)
{
    return (command & SMPP_RESP) != 0;
}

/* "ESME_RTHROTTLED"; NULL for a number that the specification does not name (vendors have their own). */
const char *smpp_status_name(uint32_t status);

/* The number for such a name, with or without ESME_, in either case: false, out untouched, if there is none. */
bool smpp_status_of_name(uint32_t *out, const char *name);
