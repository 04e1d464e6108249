/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_frame.h"

#include "client/smpp/pdu.h"
#include "client/smpp/pdu_cursor.h"

#include <string.h>

enum { LENGTH_LEN = 4 };

/* Read as a command_length each of these is over any sensible limit. */
static enum smpp_fault name_stranger(const char *data)
{
    static const char methods[][LENGTH_LEN + 1] = {"GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE",
                                                   "PATC", "CONN", "TRAC", "PRI ", "HTTP"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (memcmp(data, methods[i], LENGTH_LEN) == 0) {
            return SMPP_F_HTTP;
        }
    }
    /* a handshake record of TLS 1.0 to 1.3, or of SSL 3 */
    return data[0] == 0x16 && data[1] == 0x03 && (uint8_t)data[2] <= 0x04 ? SMPP_F_TLS : SMPP_F_LONG;
}

enum smpp_fault smpp_frame(size_t *len, const void *data, size_t n, size_t max)
{
    if (n < LENGTH_LEN) {
        *len = SMPP_HEADER_LEN;
        return SMPP_MORE;
    }
    struct smpp_in in = smpp_in(data, LENGTH_LEN);
    uint32_t length = smpp_in_u32(&in, SMPP_FIELD_NONE);
    if (length < SMPP_HEADER_LEN) {
        return SMPP_F_SHORT;
    }
    if (length > max) {
        return name_stranger(data);
    }
    *len = length;
    return n < length ? SMPP_MORE : SMPP_OK;
}
