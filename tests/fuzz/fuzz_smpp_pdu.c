/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_edit.h"
#include "client/smpp/pdu_frame.h"
#include "client/smpp/pdu_list.h"
#include "client/smpp/pdu_write.h"
#include "client/smpp/tlv.h"
#include "tests/fuzz/must.h"

#include <string.h>

/* A stream of PDUs; then the same octets as one PDU, with a command_length that is true. */

enum { LIMIT = 2048, ROOM = 1 << 18 };

static bool within(struct stir_view view, const struct smpp_pdu *pdu)
{
    return view.len == 0 || (view.ptr >= pdu->octets.ptr && view.len <= pdu->octets.len &&
                             view.ptr + view.len <= pdu->octets.ptr + pdu->octets.len);
}

static bool same(struct stir_view a, struct stir_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static void walk(const struct smpp_pdu *pdu)
{
    const struct stir_view views[] = {
        pdu->system_id,       pdu->password,      pdu->system_type, pdu->range.addr, pdu->service_type,
        pdu->source.addr,     pdu->dest.addr,     pdu->esme.addr,   pdu->dests,      pdu->schedule_delivery_time,
        pdu->validity_period, pdu->short_message, pdu->body,        pdu->message_id, pdu->final_date,
        pdu->unsuccess,       pdu->rest,          pdu->tlvs,
    };
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        MUST(within(views[i], pdu));
    }
    struct stir_view rest = pdu->tlvs;
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv)) {
        MUST(within(tlv.value, pdu));
    }
    MUST(rest.len == 0);
    struct smpp_dest dest;
    unsigned count = 0;
    for (rest = pdu->dests; smpp_dest_next(&rest, &dest); count++) {
        MUST(within(dest.address.addr, pdu));
    }
    MUST(rest.len == 0 && count == pdu->dest_count);
    struct smpp_unsuccess unsuccess;
    count = 0;
    for (rest = pdu->unsuccess; smpp_unsuccess_next(&rest, &unsuccess); count++) {
        MUST(within(unsuccess.address.addr, pdu));
    }
    MUST(rest.len == 0 && count == pdu->unsuccess_count);
    struct smpp_sar sar;
    smpp_sar_read(&sar, pdu->tlvs);
}

static void write_again(const struct smpp_pdu *pdu)
{
    static char out[ROOM];
    size_t len = 0;
    MUST(smpp_pdu_write(out, sizeof(out), &len, pdu) == STIR_OK);
    MUST(same(stir_view(out, len), pdu->octets));
    const struct smpp_edit nothing = {0};
    memset(out, 0, len);
    MUST(smpp_pdu_edit(out, sizeof(out), &len, pdu, &nothing) == STIR_OK);
    MUST(same(stir_view(out, len), pdu->octets));
}

/* Every edit that is accepted leaves a PDU that says what it said, and the new. */
static void edit(const struct smpp_pdu *pdu)
{
    static char out[ROOM];
    const uint32_t sequence = 0xa1b2c3d4;
    const uint16_t tags[] = {0x1501};
    const struct stir_view text = stir_view_str("[?] text");
    const struct smpp_tlv tag = {0x1501, stir_view_str("passed")};
    const struct smpp_edit all = {&sequence, &text, tags, 1, &tag, 1, false};
    const struct smpp_edit tagging = {NULL, NULL, tags, 1, &tag, 1, false};
    const struct smpp_edit *edits[] = {&all, &tagging};
    for (size_t i = 0; i < 2; i++) {
        struct smpp_pdu edited;
        struct smpp_tlv found = {0};
        size_t len = 0;
        if (smpp_pdu_edit(out, sizeof(out), &len, pdu, edits[i]) != STIR_OK) {
            continue;
        }
        MUST(len <= smpp_edit_bound(pdu, edits[i]));
        MUST(smpp_pdu_read(&edited, out, len, NULL) == SMPP_OK);
        MUST(same(edited.source.addr, pdu->source.addr) && same(edited.dest.addr, pdu->dest.addr));
        MUST(same(edited.message_id, pdu->message_id) && same(edited.dests, pdu->dests));
        MUST(edited.oversize == pdu->oversize && edited.in_payload == pdu->in_payload);
        MUST(same(edited.body, edits[i]->body ? text : pdu->body) && edited.ambiguous == pdu->ambiguous);
        MUST(edited.header.sequence == (edits[i]->sequence ? sequence : pdu->header.sequence));
        MUST(smpp_tlv_find(&found, edited.tlvs, 0x1501) && same(found.value, tag.value));
    }
}

/* Whatever comes, all views stay inside, and an edit leaves nothing of a tail that it drops. */
static void read_leniently(const void *octets, size_t n)
{
    static char out[ROOM];
    const uint16_t tags[] = {0x1501};
    struct smpp_pdu pdu, edited;
    struct smpp_flaw flaw = {0};
    size_t len = 0;
    enum smpp_fault fault = smpp_pdu_read_leniently(&pdu, octets, n, &flaw);
    MUST(within(pdu.tail, &pdu) && within(pdu.tlvs, &pdu) && within(pdu.body, &pdu) && within(pdu.source.addr, &pdu));
    MUST(fault == SMPP_OK || pdu.tail.len == 0);
    MUST((flaw.fault == SMPP_OK) == (fault == SMPP_OK && pdu.tail.len == 0));
    (void)smpp_pdu_is_receipt(&pdu, SMPP_FROM_SMSC);
    MUST(!smpp_pdu_is_receipt(&pdu, SMPP_FROM_ESME));
    const struct smpp_edit clean = {.drop = tags, .drop_count = 1, .drop_tail = true};
    if (fault == SMPP_OK && smpp_pdu_edit(out, sizeof(out), &len, &pdu, &clean) == STIR_OK) {
        struct smpp_tlv found;
        MUST(smpp_pdu_read(&edited, out, len, NULL) == SMPP_OK && !smpp_tlv_find(&found, edited.tlvs, 0x1501));
    }
}

static void read_one(const void *octets, size_t n)
{
    struct smpp_pdu pdu;
    struct smpp_flaw flaw = {0};
    char text[128];
    if (smpp_pdu_read(&pdu, octets, n, &flaw) == SMPP_OK) {
        walk(&pdu);
        write_again(&pdu);
        edit(&pdu);
    } else {
        MUST(flaw.fault != SMPP_OK && flaw.offset <= n && smpp_status_of(flaw.fault, flaw.field) != SMPP_ROK);
        smpp_flaw_text(text, sizeof(text), &flaw);
        MUST(text[0] != '\0');
    }
    read_leniently(octets, n);
}

/* However the octets come, the answer for what is there is the same until it is final. */
static void frame(const uint8_t *data, size_t size)
{
    size_t start = 0;
    size_t len = 0;
    enum smpp_fault fault;
    while ((fault = smpp_frame(&len, data + start, size - start, LIMIT)) == SMPP_OK) {
        MUST(len >= SMPP_HEADER_LEN && len <= LIMIT && len <= size - start);
        for (size_t n = 0; n < len; n++) {
            size_t need = 0;
            MUST(smpp_frame(&need, data + start, n, LIMIT) == SMPP_MORE && need > n && need <= len);
        }
        read_one(data + start, len);
        start += len;
    }
    MUST(fault != SMPP_MORE || (len > size - start && len <= LIMIT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    frame(data, size);
    if (size >= SMPP_HEADER_LEN && size <= LIMIT) {
        uint8_t *copy = malloc(size);
        MUST(copy != NULL);
        memcpy(copy, data, size);
        struct smpp_header header = smpp_header_read(copy);
        header.length = (uint32_t)size;
        smpp_header_write(copy, &header);
        read_one(copy, size);
        free(copy);
    }
    return 0;
}
