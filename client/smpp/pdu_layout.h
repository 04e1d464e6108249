/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"

/* Which mandatory fields a command has, in order: what reading and writing both go by. */

enum smpp_kind {
    SMPP_KIND_U8,
    SMPP_KIND_STR,
    SMPP_KIND_MESSAGE, /* an octet of length and as many octets */
    SMPP_KIND_DESTS,
    SMPP_KIND_UNSUCCESS,
};

enum { SMPP_LAYOUT_FIELDS = 20 };

struct smpp_layout {
    uint32_t command;
    bool long_addresses;                /* of up to 65 octets, where others have 21 */
    uint8_t fields[SMPP_LAYOUT_FIELDS]; /* enum smpp_field, ended by SMPP_FIELD_NONE */
};

/* NULL for a command whose body is kept as it is. */
const struct smpp_layout *smpp_layout_of(uint32_t command);

enum smpp_kind smpp_field_kind(enum smpp_field field);

/* The member that a field of KIND_U8 or KIND_STR is: to set, and to get. */
uint8_t *smpp_field_u8(struct smpp_pdu *pdu, enum smpp_field field);
struct stir_view *smpp_field_str(struct smpp_pdu *pdu, enum smpp_field field);
uint8_t smpp_pdu_u8(const struct smpp_pdu *pdu, enum smpp_field field);
struct stir_view smpp_pdu_str(const struct smpp_pdu *pdu, enum smpp_field field);

/* How many octets the specification gives a string, its NUL included. */
size_t smpp_field_max(const struct smpp_layout *layout, enum smpp_field field);
