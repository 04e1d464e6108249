/* SPDX-License-Identifier: MIT */
#include "client/peers/sms.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { UDH_LEN = 6, SEGMENTS_MAX = 255, SEGMENT_MAX = 160, TEXT_MAX = SEGMENTS_MAX * 134, TLVS_MAX = 512 };
enum { TON_UNKNOWN = 0, TON_INTERNATIONAL = 1, TON_ALPHANUMERIC = 5, NPI_ISDN = 1 };

uint32_t sms_bind_command(const char *kind)
{
    return strcmp(kind, "transceiver") == 0   ? SMPP_BIND_TRANSCEIVER
           : strcmp(kind, "transmitter") == 0 ? SMPP_BIND_TRANSMITTER
           : strcmp(kind, "receiver") == 0    ? SMPP_BIND_RECEIVER
                                              : 0;
}

void sms_put_bind(struct wire *wire, const struct sms_bind *bind, uint32_t sequence)
{
    struct smpp_pdu pdu = {.header = {.command = bind->command, .sequence = sequence},
                           .system_id = stir_view_str(bind->system_id),
                           .password = stir_view_str(bind->password),
                           .system_type = stir_view_str(bind->system_type),
                           .interface_version = 0x34};
    wire_put_pdu(wire, &pdu);
}

struct smpp_address sms_address(const char *text)
{
    bool international = text[0] == '+';
    if (strspn(text, "+0123456789*#") != strlen(text)) {
        return (struct smpp_address){.ton = TON_ALPHANUMERIC, .addr = stir_view_str(text)};
    }
    return (struct smpp_address){.ton = international ? TON_INTERNATIONAL : TON_UNKNOWN,
                                 .npi = NPI_ISDN,
                                 .addr = stir_view_str(text + (international ? 1 : 0))};
}

/* ---- the text ---- */

/* Tells whether each octet is the same character in ASCII and in GSM 03.38. */
static bool sms_is_plain(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\n' && c != '\r') || c > 0x7a || strchr("$@[\\]^_`", c)) {
            return false;
        }
    }
    return true;
}

/* Takes one character of UTF-8. */
static uint32_t sms_next_char(const unsigned char **at)
{
    uint32_t c = *(*at)++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    c &= more ? 0x3fU >> more : 0x7fU;
    for (; more && **at; more--) {
        c = c << 6 | (*(*at)++ & 0x3fU);
    }
    return c;
}

static void sms_put_unit(struct stir_buf *out, uint32_t unit)
{
    char octets[2] = {(char)(unit >> 8), (char)unit};
    stir_buf_put(out, octets, 2);
}

static void sms_put_ucs2(struct stir_buf *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        uint32_t c = sms_next_char(&at);
        if (c > 0xffff) {
            sms_put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
            sms_put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            sms_put_unit(out, c);
        }
    }
}

/* Puts the text as it is sent, without user data headers. */
static void sms_encode(struct stir_buf *out, const char *text, bool plain)
{
    if (plain) {
        stir_buf_puts(out, text);
    } else {
        sms_put_ucs2(out, text);
    }
    if (stir_buf_state(out) != STIR_OK) {
        peer_die(PEER_USAGE, "the text is too long: it has more than %d segments", SEGMENTS_MAX);
    }
}

static uint8_t sms_hex_digit(const char *hex)
{
    const char digits[] = "0123456789abcdef";
    const char *at = *hex ? strchr(digits, tolower((unsigned char)*hex)) : NULL;
    if (!at) {
        peer_die(PEER_USAGE, "--tlv has to be hexadecimal digits, two for each octet");
    }
    return (uint8_t)(at - digits);
}

/* Returns the number of octets. */
static size_t sms_read_tlvs(uint8_t *out, const char *hex)
{
    size_t n = 0;
    for (; hex && *hex; hex += 2, n++) {
        if (n == TLVS_MAX) {
            peer_die(PEER_USAGE, "--tlv is too long: it has more than %d octets", TLVS_MAX);
        }
        out[n] = (uint8_t)(sms_hex_digit(hex) << 4);
        out[n] |= sms_hex_digit(hex + 1);
    }
    return n;
}

unsigned sms_put(struct wire *wire, const struct sms *sms, uint32_t *sequence)
{
    bool plain = sms_is_plain(sms->text);
    struct stir_buf octets = {.limit = TEXT_MAX};
    uint8_t tlvs[TLVS_MAX], segment[SEGMENT_MAX];
    size_t tlv_len = sms_read_tlvs(tlvs, sms->tlvs), whole = plain ? 160 : 140, part = plain ? 153 : 134;
    sms_encode(&octets, sms->text, plain);
    size_t count = octets.len <= whole ? 1 : (octets.len + part - 1) / part;
    for (size_t i = 0; i < count; i++) {
        size_t at = i * part, n = count == 1 ? octets.len : octets.len - at < part ? octets.len - at : part;
        uint8_t udh[UDH_LEN] = {5, 0, 3, sms->reference, (uint8_t)count, (uint8_t)(i + 1)};
        size_t head = count > 1 ? UDH_LEN : 0;
        memcpy(segment, udh, head);
        memcpy(segment + head, octets.ptr ? octets.ptr + at : "", n);
        struct smpp_pdu pdu = {
            .header = {.command = sms->command, .sequence = (*sequence)++},
            .source = sms_address(sms->from),
            .dest = sms_address(sms->to),
            /* submit_sm: store and forward */
            .esm_class = (uint8_t)((count > 1 ? SMPP_ESM_UDHI : 0) | (sms->command == SMPP_SUBMIT_SM ? 3 : 0)),
            .registered_delivery = sms->receipt && i == 0,
            .data_coding = plain ? 0 : 8,
            .has_short_message = true,
            .short_message = stir_view((const char *)segment, head + n),
            .tlvs = stir_view((const char *)tlvs, tlv_len),
        };
        wire_put_pdu(wire, &pdu);
    }
    stir_buf_free(&octets);
    return (unsigned)count;
}
