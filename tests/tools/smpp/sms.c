#include "tests/tools/smpp/sms.h"

#include "client/smpp/text.h"
#include "client/smpp/tlv.h"
#include "client/smpp/udh.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UDH_LEN = 6, TEXT_MAX = 255 * 134 };

void sms_put_bind(struct wire *wire, const char *kind, const char *system_id, const char *password, uint32_t sequence)
{
    uint32_t command = strcmp(kind, "receiver") == 0      ? SMPP_BIND_RECEIVER
                       : strcmp(kind, "transmitter") == 0 ? SMPP_BIND_TRANSMITTER
                                                          : SMPP_BIND_TRANSCEIVER;
    struct smpp_pdu pdu = {.header = {.command = command, .sequence = sequence},
                           .system_id = stir_view_str(system_id),
                           .password = stir_view_str(password),
                           .interface_version = 0x34};
    wire_put_pdu(wire, &pdu);
}

/* ---- making ---- */

static struct smpp_address address_of(const char *text)
{
    bool alphanumeric = strspn(text, "+0123456789*#") != strlen(text);
    bool international = text[0] == '+';
    return (struct smpp_address){.ton = alphanumeric    ? 5
                                        : international ? 1
                                                        : 0,
                                 .npi = alphanumeric ? 0 : 1,
                                 .addr = stir_view_str(text + (international ? 1 : 0))};
}

/* These octets mean the same in ASCII and in GSM 03.38. */
static bool is_plain(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\n' && c != '\r') || c > 0x7a || strchr("$@[\\]^_`", c)) {
            return false;
        }
    }
    return true;
}

/* One character of UTF-8. */
static uint32_t next_char(const unsigned char **at)
{
    uint32_t c = *(*at)++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    c &= more ? 0x3fU >> more : 0x7fU;
    for (; more && **at; more--) {
        c = c << 6 | (*(*at)++ & 0x3fU);
    }
    return c;
}

static void put_unit(struct stir_buf *out, uint32_t unit)
{
    char octets[2] = {(char)(unit >> 8), (char)unit};
    stir_buf_put(out, octets, 2);
}

static void encode_ucs2(struct stir_buf *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        uint32_t c = next_char(&at);
        if (c > 0xffff) {
            put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
            put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            put_unit(out, c);
        }
    }
}

unsigned sms_put(struct wire *wire, const struct sms *sms, uint32_t *sequence)
{
    bool plain = is_plain(sms->text);
    struct stir_buf octets = {.limit = TEXT_MAX};
    uint8_t tlvs[512], segment[TEXT_MAX];
    size_t tlv_len = 0, whole = plain ? 160 : 140, part = plain ? 153 : 134;
    if (plain) {
        stir_buf_puts(&octets, sms->text);
    } else {
        encode_ucs2(&octets, sms->text);
    }
    if (stir_buf_state(&octets) != STIR_OK) {
        die("the text is too long");
    }
    for (const char *hex = sms->tlvs; hex && hex[0] && hex[1] && tlv_len < sizeof(tlvs); hex += 2) {
        char pair[3] = {hex[0], hex[1], 0};
        tlvs[tlv_len++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    size_t count = octets.len <= whole ? 1 : (octets.len + part - 1) / part;
    for (size_t i = 0; i < count; i++) {
        size_t at = i * part, n = count == 1 ? octets.len : octets.len - at < part ? octets.len - at : part;
        uint8_t udh[UDH_LEN] = {5, 0, 3, sms->reference, (uint8_t)count, (uint8_t)(i + 1)};
        size_t head = count > 1 ? UDH_LEN : 0;
        memcpy(segment, udh, head);
        memcpy(segment + head, octets.ptr ? octets.ptr + at : "", n);
        struct smpp_pdu pdu = {
            .header = {.command = sms->command, .sequence = (*sequence)++},
            .source = address_of(sms->from),
            .dest = address_of(sms->to),
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

/* ---- showing ---- */

static void set_view(json_t *object, const char *name, struct stir_view view)
{
    json_t *text = json_stringn(view.len ? view.ptr : "", view.len);
    (void)json_object_set_new(object, name, text ? text : json_string("(no UTF-8)"));
}

static void set_hex(json_t *object, const char *name, struct stir_view octets)
{
    struct stir_buf hex = {0};
    for (size_t i = 0; i < octets.len; i++) {
        stir_buf_printf(&hex, "%02x", (unsigned)(unsigned char)octets.ptr[i]);
    }
    (void)json_object_set_new(object, name, json_string(hex.ptr ? hex.ptr : ""));
    stir_buf_free(&hex);
}

static bool is_text(struct stir_view value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!isprint((unsigned char)value.ptr[i])) {
            return false;
        }
    }
    return value.len > 0;
}

static json_t *vendor_tlvs(const struct smpp_pdu *pdu)
{
    json_t *object = json_object();
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    char name[8];
    while (smpp_tlv_next(&rest, &tlv)) {
        if (tlv.tag >= SMPP_TLV_VENDOR_FIRST && tlv.tag <= SMPP_TLV_VENDOR_LAST) {
            (void)snprintf(name, sizeof(name), "%04x", tlv.tag);
            if (is_text(tlv.value)) {
                set_view(object, name, tlv.value);
            } else {
                set_hex(object, name, tlv.value);
            }
        }
    }
    return object;
}

/* The text of this PDU alone. */
static void set_text(json_t *object, const struct smpp_pdu *pdu)
{
    const struct smpp_text_settings settings = {.data_coding_0 = SMPP_GSM7};
    enum smpp_body kind = SMPP_BODY_OCTETS;
    struct stir_buf text = {0};
    size_t head = pdu->esm_class & SMPP_ESM_UDHI && pdu->body.len ? 1 + (size_t)(uint8_t)pdu->body.ptr[0] : 0;
    head = head <= pdu->body.len ? head : pdu->body.len;
    struct smpp_part part = {.octets = stir_view(pdu->body.ptr + head, pdu->body.len - head)};
    if (head) {
        set_hex(object, "udh", stir_view(pdu->body.ptr, head));
    }
    if (smpp_body_make(&text, &kind, smpp_alphabet_of(pdu->data_coding, &settings), &part, 1, NULL) == STIR_OK &&
        kind == SMPP_BODY_TEXT) {
        set_view(object, "text", stir_view(text.ptr, text.len));
    } else {
        set_hex(object, "octets", part.octets);
    }
    stir_buf_free(&text);
}

void sms_show(struct stir_buf *out, const struct smpp_pdu *pdu)
{
    json_t *object = json_object();
    const char *name = smpp_command_name(pdu->header.command);
    (void)json_object_set_new(object, "command", json_string(name ? name : "?"));
    (void)json_object_set_new(object, "sequence", json_integer(pdu->header.sequence));
    set_view(object, "from", pdu->source.addr);
    set_view(object, "to", pdu->dest.addr);
    (void)json_object_set_new(object, "esm_class", json_integer(pdu->esm_class));
    (void)json_object_set_new(object, "data_coding", json_integer(pdu->data_coding));
    set_text(object, pdu);
    (void)json_object_set_new(object, "tags", vendor_tlvs(pdu));
    char *line = json_dumps(object, JSON_COMPACT);
    stir_buf_puts(out, line ? line : "{}");
    stir_buf_puts(out, "\n");
    free(line);
    json_decref(object);
}
