/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"

/* What cps-esme and cps-smsc print: one line of JSON per PDU on standard output, each at once. */

/* A bind request, without its password, and the command_status that answers it. */
void show_bind(const struct smpp_pdu *pdu, uint32_t status);

/* A response of n octets: command, sequence number, command_status with its name, and the system_id or message_id. */
void show_answer(const char *octets, size_t n);

/* A submit_sm, deliver_sm or data_sm of n octets: addresses, text and vendor TLVs, or why it cannot be read. */
void show_message(const char *octets, size_t n);
