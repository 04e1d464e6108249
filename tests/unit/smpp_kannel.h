/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/segment.h"
#include "common/jose/json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/*
 * The PDUs of a session of Kannel's (data/kannel-pdus.jsonl), one at a time: the fields that text and joining need, and
 * the text that was asked for. Views go into the line.
 */
struct kannel {
    FILE *f;
    json_t *line;
    uint8_t octets[4096]; /* of the text, with its user data header */
    /* of the line: */
    const char *name;       /* "mt05_long400_gsm"; "" */
    const char *asked_text; /* NULL if none was */
    const char *orig;
    const char *dest;
    uint8_t esm_class;
    uint8_t data_coding;
    struct stir_view text;
    struct smpp_sar sar;
};

static inline unsigned kannel_number(const json_t *fields, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(fields, name));
}

static inline const char *kannel_string(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static inline void kannel_tlvs(struct kannel *kannel, const json_t *tlvs)
{
    for (size_t i = 0; i < json_array_size(tlvs); i++) {
        const json_t *tlv = json_array_get(tlvs, i);
        unsigned long tag = strtoul(kannel_string(tlv, "tag"), NULL, 16);
        unsigned long value = strtoul(kannel_string(tlv, "hex"), NULL, 16);
        if (tag == SMPP_TLV_MESSAGE_PAYLOAD) {
            kannel->text.len = unit_unhex(kannel->octets, sizeof(kannel->octets), kannel_string(tlv, "hex"));
        } else if (tag == SMPP_TLV_SAR_MSG_REF_NUM) {
            kannel->sar.present = true;
            kannel->sar.ref = (uint16_t)value;
        } else if (tag == SMPP_TLV_SAR_TOTAL_SEGMENTS) {
            kannel->sar.total = (uint8_t)value;
        } else if (tag == SMPP_TLV_SAR_SEGMENT_SEQNUM) {
            kannel->sar.segment = (uint8_t)value;
        }
    }
}

/* The next submit_sm, deliver_sm or data_sm; false at the end. */
static inline bool kannel_next(struct kannel *kannel)
{
    static char line[16384];
    while (fgets(line, sizeof(line), kannel->f)) {
        json_decref(kannel->line);
        kannel->line = NULL;
        if (stir_json_parse_object(&kannel->line, line, strlen(line), "a line", NULL) != STIR_OK) {
            return UNIT_CHECK(false, "a line of the session is no JSON");
        }
        const char *command = kannel_string(kannel->line, "command");
        if (strcmp(command, "submit_sm") != 0 && strcmp(command, "deliver_sm") != 0 &&
            strcmp(command, "data_sm") != 0) {
            continue;
        }
        const json_t *fields = json_object_get(kannel->line, "fields");
        kannel->name = kannel_string(kannel->line, "case");
        kannel->asked_text = json_string_value(json_object_get(kannel->line, "asked_text"));
        kannel->orig = kannel_string(fields, "source_addr");
        kannel->dest = kannel_string(fields, "destination_addr");
        kannel->esm_class = (uint8_t)kannel_number(fields, "esm_class");
        kannel->data_coding = (uint8_t)kannel_number(fields, "data_coding");
        kannel->sar = (struct smpp_sar){0};
        kannel->text = stir_view((char *)kannel->octets, 0);
        kannel->text.len =
            unit_unhex(kannel->octets, sizeof(kannel->octets), kannel_string(fields, "short_message_hex"));
        kannel_tlvs(kannel, json_object_get(fields, "tlvs"));
        return true;
    }
    return false;
}

static inline bool kannel_open(struct kannel *kannel)
{
    *kannel = (struct kannel){.f = fopen(TEST_DATA "/kannel-pdus.jsonl", "r")};
    return kannel->f != NULL;
}

static inline void kannel_close(struct kannel *kannel)
{
    json_decref(kannel->line);
    if (kannel->f) {
        (void)fclose(kannel->f);
    }
}
