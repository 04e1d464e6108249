/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/peers/wire.h"

/* The PDUs that cps-esme and cps-smsc make. */

struct sms_bind {
    uint32_t command; /* SMPP_BIND_TRANSCEIVER, ... */
    const char *system_id, *password, *system_type;
};

struct sms {
    uint32_t command; /* SMPP_SUBMIT_SM or SMPP_DELIVER_SM */
    const char *from; /* "+49..." is international, digits are of unknown type, anything else is alphanumeric */
    const char *to;
    const char *text; /* UTF-8 */
    const char *tlvs; /* appended TLVs in hexadecimal; NULL for none */
    bool receipt;     /* ask for a delivery receipt */
    uint8_t reference;
};

/* Returns the command_id for "transceiver", "transmitter" or "receiver", and 0 for any other word. */
uint32_t sms_bind_command(const char *kind);

/* Puts a bind of SMPP 3.4. */
void sms_put_bind(struct wire *wire, const struct sms_bind *bind, uint32_t sequence);

/* Returns the address in a PDU for a number or a name. */
struct smpp_address sms_address(const char *text);

/* Puts a message. Its text is sent as data_coding 0 if every character has the same octet in ASCII and in GSM 03.38,
 * and otherwise in UCS-2; a long one in segments with user data headers and the reference. Returns the number of PDUs.
 * Their sequence numbers begin with *sequence, which is set to the next one. Ends the program with PEER_USAGE if the
 * text has more than 255 segments or the TLVs are not hexadecimal. */
unsigned sms_put(struct wire *wire, const struct sms *sms, uint32_t *sequence);
