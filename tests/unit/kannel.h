/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/jose/json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* What a Kannel and its SMSC said to each other (data/kannel-pdus.jsonl): one JSON object a PDU. Where a part ends
 * within a surrogate pair it has no decoded_text, as that would not be Unicode. */

struct kannel_pdu {
    long long n;    /* its number in the file */
    json_t *line;   /* all of it */
    json_t *fields; /* what another decoder read */
    size_t len;
    uint8_t octets[1024];
};

static inline bool kannel_parse(struct kannel_pdu *pdu, const char *text, size_t n)
{
    const char *hex = NULL;
    *pdu = (struct kannel_pdu){0};
    if (stir_json_parse(&pdu->line, text, n, NULL) != STIR_OK ||
        stir_json_string(&hex, pdu->line, "hex", NULL) != STIR_OK || strlen(hex) > 2 * sizeof(pdu->octets)) {
        return false;
    }
    pdu->n = json_integer_value(json_object_get(pdu->line, "n"));
    pdu->fields = json_object_get(pdu->line, "fields");
    pdu->len = unit_unhex(pdu->octets, sizeof(pdu->octets), hex);
    return json_is_object(pdu->fields);
}

/* Calls `run` with each PDU; fails the test if a line cannot be read or there are not all of them. */
static inline void kannel_each(void (*run)(const struct kannel_pdu *pdu, void *arg), void *arg)
{
    struct stir_buf file = {.limit = 1 << 20};
    size_t count = 0;
    UNIT_OK(stir_read_file(&file, TEST_DATA "/kannel-pdus.jsonl", file.limit, NULL));
    char *save = NULL;
    for (char *line = file.ptr ? strtok_r(file.ptr, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        struct kannel_pdu pdu;
        count++;
        if (UNIT_CHECK(kannel_parse(&pdu, line, strlen(line)), "line %zu cannot be read", count)) {
            run(&pdu, arg);
        }
        json_decref(pdu.line);
    }
    UNIT_CHECK(count == 168, "%zu PDUs", count);
    stir_buf_free(&file);
}
