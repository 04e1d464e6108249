#pragma once

#include "client/smpp/pdu.h"

/* The mandatory fields of each command, in order, for reading and writing. */

enum smpp_kind {
    SMPP_KIND_U8,
    SMPP_KIND_STR,
    SMPP_KIND_MESSAGE, /* a length octet, then that number of octets */
    SMPP_KIND_DESTS,
    SMPP_KIND_UNSUCCESS,
};

enum { SMPP_LAYOUT_FIELDS = 20 };

struct smpp_layout {
    uint32_t command;
    bool long_addresses;                /* of up to 65 octets, where others have 21 */
    uint8_t fields[SMPP_LAYOUT_FIELDS]; /* enum smpp_field, ended by SMPP_FIELD_NONE */
};

/* Returns the layout of a command; NULL for a command whose body is not parsed. */
const struct smpp_layout *smpp_layout_of(uint32_t command);

enum smpp_kind smpp_field_kind(enum smpp_field field);

/* Return the member for a field of SMPP_KIND_U8 or SMPP_KIND_STR: a pointer to set it, or its value. */
uint8_t *smpp_field_u8(struct smpp_pdu *pdu, enum smpp_field field);
struct stir_view *smpp_field_str(struct smpp_pdu *pdu, enum smpp_field field);
uint8_t smpp_pdu_u8(const struct smpp_pdu *pdu, enum smpp_field field);
struct stir_view smpp_pdu_str(const struct smpp_pdu *pdu, enum smpp_field field);

/* Returns the maximum length of a string in the specification, in octets with its NUL. */
size_t smpp_field_max(const struct smpp_layout *layout, enum smpp_field field);
