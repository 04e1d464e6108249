/* SPDX-License-Identifier: MIT */
#include "client/peers/show.h"

#include "client/smpp/text/text.h"
#include "client/smpp/tlv.h"
#include "client/smpp/udh.h"
#include "common/base/buf.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints a line and frees the object. */
static void show_line(json_t *object)
{
    char *line = json_dumps(object, JSON_COMPACT);
    (void)puts(line ? line : "{}");
    (void)fflush(stdout);
    free(line);
    json_decref(object);
}

/* An object that begins with the command and its sequence number. */
static json_t *show_begin(const struct smpp_header *header)
{
    json_t *object = json_object();
    const char *name = smpp_command_name(header->command);
    (void)json_object_set_new(object, "command", json_string(name ? name : "?"));
    (void)json_object_set_new(object, "sequence", json_integer(header->sequence));
    return object;
}

static void show_set_view(json_t *object, const char *name, struct stir_view view)
{
    json_t *text = json_stringn(view.len ? view.ptr : "", view.len);
    (void)json_object_set_new(object, name, text ? text : json_string("(not UTF-8)"));
}

static void show_set_hex(json_t *object, const char *name, struct stir_view octets)
{
    struct stir_buf hex = {0};
    for (size_t i = 0; i < octets.len; i++) {
        stir_buf_printf(&hex, "%02x", (unsigned)(unsigned char)octets.ptr[i]);
    }
    (void)json_object_set_new(object, name, json_string(hex.ptr ? hex.ptr : ""));
    stir_buf_free(&hex);
}

static bool show_is_text(struct stir_view value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!isprint((unsigned char)value.ptr[i])) {
            return false;
        }
    }
    return value.len > 0;
}

static json_t *show_vendor_tlvs(const struct smpp_pdu *pdu)
{
    json_t *object = json_object();
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    char name[8];
    while (smpp_tlv_next(&rest, &tlv)) {
        if (tlv.tag >= SMPP_TLV_VENDOR_FIRST && tlv.tag <= SMPP_TLV_VENDOR_LAST) {
            (void)snprintf(name, sizeof(name), "%04x", tlv.tag);
            if (show_is_text(tlv.value)) {
                show_set_view(object, name, tlv.value);
            } else {
                show_set_hex(object, name, tlv.value);
            }
        }
    }
    return object;
}

/* Sets the text of this segment, or its octets if it is not text. */
static void show_set_text(json_t *object, const struct smpp_pdu *pdu)
{
    const struct smpp_text_settings settings = {.data_coding_0 = SMPP_GSM7, .data_coding_1 = SMPP_ASCII};
    enum smpp_body kind = SMPP_BODY_OCTETS;
    struct stir_buf text = {0};
    size_t head = pdu->esm_class & SMPP_ESM_UDHI && pdu->body.len ? 1 + (size_t)(uint8_t)pdu->body.ptr[0] : 0;
    head = head <= pdu->body.len ? head : pdu->body.len;
    struct smpp_part part = {.alphabet = smpp_alphabet_of(pdu->data_coding, &settings),
                             .octets = stir_view(pdu->body.ptr + head, pdu->body.len - head)};
    if (head) {
        show_set_hex(object, "udh", stir_view(pdu->body.ptr, head));
    }
    if (smpp_body_make(&text, &kind, &part, 1, NULL) == STIR_OK && kind == SMPP_BODY_TEXT) {
        show_set_view(object, "text", stir_view(text.ptr, text.len));
    } else {
        show_set_hex(object, "octets", part.octets);
    }
    stir_buf_free(&text);
}

/* Sets command_status as a number and by its name, if it has one. */
static void show_set_status(json_t *object, uint32_t status)
{
    const char *name = smpp_status_name(status);
    (void)json_object_set_new(object, "command_status", json_integer(status));
    (void)json_object_set_new(object, "status", json_string(name ? name : ""));
}

void show_bind(const struct smpp_pdu *pdu, uint32_t status)
{
    json_t *object = show_begin(&pdu->header);
    show_set_view(object, "system_id", pdu->system_id);
    show_set_view(object, "system_type", pdu->system_type);
    show_set_status(object, status);
    show_line(object);
}

void show_answer(const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    struct smpp_pdu pdu = {0};
    json_t *object = show_begin(&header);
    show_set_status(object, header.status);
    if (smpp_pdu_read(&pdu, octets, n, NULL) == SMPP_OK && pdu.system_id.len) {
        show_set_view(object, "system_id", pdu.system_id);
    } else {
        show_set_view(object, "message_id", pdu.message_id);
    }
    show_line(object);
}

void show_message(const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    struct smpp_pdu pdu;
    json_t *object = show_begin(&header);
    enum smpp_fault fault = smpp_pdu_read(&pdu, octets, n, NULL);
    if (fault == SMPP_OK) {
        show_set_view(object, "from", pdu.source.addr);
        show_set_view(object, "to", pdu.dest.addr);
        (void)json_object_set_new(object, "esm_class", json_integer(pdu.esm_class));
        (void)json_object_set_new(object, "data_coding", json_integer(pdu.data_coding));
        show_set_text(object, &pdu);
        (void)json_object_set_new(object, "tags", show_vendor_tlvs(&pdu));
    } else {
        (void)json_object_set_new(object, "malformed", json_string(smpp_fault_text(fault)));
    }
    show_line(object);
}
