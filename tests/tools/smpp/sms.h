#pragma once

#include "tests/tools/smpp/wire.h"

/* Messages as a small gateway makes and shows them. */

/* The bind of a kind ("transceiver", "transmitter", "receiver"). */
void sms_put_bind(struct wire *wire, const char *kind, const char *system_id, const char *password, uint32_t sequence);

struct sms {
    uint32_t command; /* SMPP_SUBMIT_SM, SMPP_DELIVER_SM */
    const char *from; /* "+4915..." is international, letters are alphanumeric */
    const char *to;
    const char *text; /* UTF-8 */
    const char *tlvs; /* more of them, in hexadecimal; NULL: none */
    bool receipt;     /* is asked for */
    uint8_t reference;
};

/* Puts a message: ASCII without what GSM 03.38 has elsewhere as it is, everything else in UCS-2; in several segments
 * with user data headers if it is long. Returns how many PDUs that were, with sequence numbers from *sequence on, which
 * is left behind them. */
unsigned sms_put(struct wire *wire, const struct sms *sms, uint32_t *sequence);

/* Appends one line of JSON: what a submit_sm, deliver_sm or data_sm says, its text and its vendor TLVs. */
void sms_show(struct stir_buf *out, const struct smpp_pdu *pdu);
