/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/tag.h"

#include "client/smpp/text/gsm7_decode.h"
#include "client/smpp/text/latin1.h"
#include "client/smpp/text/text_utf8.h"
#include "client/smpp/tlv.h"
#include "client/smpp/udh.h"

#include <string.h>

enum {
    GSM_ESCAPE = 0x1b,
    SMS_OCTETS = 140, /* octets that one short message carries */
    PREFIX_MAX = 256,
};

/* ---- the letters ---- */

/* Removes a code point from the front of valid UTF-8. */
static uint32_t prefix_next_code_point(const char **text)
{
    static const uint8_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    const uint8_t *at = (const uint8_t *)*text;
    unsigned more = at[0] < 0x80 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
    uint32_t c = at[0] & masks[more];
    for (unsigned i = 1; i <= more; i++) {
        c = c << 6 | (at[i] & 0x3f);
    }
    *text += more + 1;
    return c;
}

/* Returns true if these septets are this character and nothing else. */
static bool prefix_gsm_is(const uint8_t *septets, size_t n, uint32_t c)
{
    struct stir_buf is = {0}, wanted = {0};
    struct smpp_gsm gsm = {0};
    smpp_utf8_put(&wanted, c);
    bool same = smpp_gsm_put(&gsm, &is, septets, n, 0, 0) && !gsm.escaped && is.ptr && wanted.ptr &&
                is.len == wanted.len && memcmp(is.ptr, wanted.ptr, is.len) == 0;
    stir_buf_free(&is);
    stir_buf_free(&wanted);
    return same;
}

/* Appends a character in GSM 7-bit. The tables only decode, so the septets of the character are searched for. */
static bool prefix_put_gsm(struct stir_buf *out, uint32_t c)
{
    uint8_t same = (uint8_t)c;
    if (c < 0x80 && c != GSM_ESCAPE && prefix_gsm_is(&same, 1, c)) {
        stir_buf_put(out, &same, 1);
        return true;
    }
    for (unsigned septet = 0; septet < 0x80; septet++) {
        uint8_t both[] = {GSM_ESCAPE, (uint8_t)septet};
        if (septet != GSM_ESCAPE && prefix_gsm_is(both + 1, 1, c)) {
            stir_buf_put(out, both + 1, 1);
            return true;
        }
    }
    for (unsigned septet = 0; septet < 0x80; septet++) {
        uint8_t both[] = {GSM_ESCAPE, (uint8_t)septet};
        if (septet != GSM_ESCAPE && prefix_gsm_is(both, 2, c)) {
            stir_buf_put(out, both, 2);
            return true;
        }
    }
    return false;
}

static bool prefix_put_octet(struct stir_buf *out, uint8_t octet)
{
    stir_buf_put(out, &octet, 1);
    return true;
}

static bool prefix_put_utf16(struct stir_buf *out, uint32_t c, bool little)
{
    uint16_t units[] = {(uint16_t)c, 0};
    size_t count = 1;
    if (c > 0xffff) {
        units[0] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
        units[1] = (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
        count = 2;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t high = (uint8_t)(units[i] >> 8), low = (uint8_t)units[i];
        uint8_t octets[] = {little ? low : high, little ? high : low};
        stir_buf_put(out, octets, sizeof(octets));
    }
    return true;
}

/* Appends a character in the coding of the text. GSM text with national language tables cannot be written, only
 * read. */
static bool prefix_put_letter(struct stir_buf *out, uint32_t c, const struct smpp_segment *segment, bool little)
{
    uint8_t octet;
    switch (segment->part.alphabet) {
    case SMPP_GSM7:
        return segment->part.locking == 0 && segment->part.single == 0 && prefix_put_gsm(out, c);
    case SMPP_ASCII:
        return c < 0x80 && prefix_put_octet(out, (uint8_t)c);
    case SMPP_LATIN1:
        return smpp_latin1_octet(&octet, c) && prefix_put_octet(out, octet);
    case SMPP_UTF8:
        smpp_utf8_put(out, c);
        return true;
    case SMPP_UTF16:
        return prefix_put_utf16(out, c, little);
    default:
        return false;
    }
}

/* ---- the text ---- */

/* Writes the configured prefix with the verdict in place of %v. Returns false if it is not UTF-8 or too long. */
static bool prefix_fill_in(char out[PREFIX_MAX + 1], const char *prefix, const char *verdict)
{
    size_t n = 0;
    for (; *prefix && n < PREFIX_MAX; prefix++) {
        size_t len = strlen(verdict);
        if (prefix[0] != '%' || prefix[1] != 'v') {
            out[n++] = *prefix;
        } else if (len > PREFIX_MAX - n) {
            return false;
        } else {
            memcpy(out + n, verdict, len);
            n += len;
            prefix++;
        }
    }
    out[n] = '\0';
    return *prefix == '\0' && smpp_utf8_valid(out, n);
}

/* Returns true if the text fits into one short message. On the air eight septets are packed into seven octets after
 * the user data header (3GPP TS 23.038 6.1.2). */
static bool prefix_fits(const struct smpp_pdu *pdu, const struct smpp_segment *segment, size_t header, size_t letters)
{
    size_t room = header < SMS_OCTETS ? SMS_OCTETS - header : 0;
    if (pdu->in_payload) {
        return true;
    }
    return letters <= (segment->part.alphabet == SMPP_GSM7 ? room * 8 / 7 : room);
}

bool sc_tag_prefix(struct stir_buf *out, const struct smpp_pdu *pdu, const struct smpp_text_settings *settings,
                   const char *prefix, const char *verdict)
{
    char text[PREFIX_MAX + 1];
    struct smpp_segment segment;
    struct smpp_sar sar = {0};
    struct stir_buf unpacked = {0};
    size_t before = out->len;
    if (settings->packed || !prefix_fill_in(text, prefix, verdict) || pdu->ambiguous ||
        smpp_segment_read(&segment, pdu->esm_class, pdu->data_coding, pdu->body, &sar, settings, &unpacked, NULL) !=
            STIR_OK) {
        return false;
    }
    size_t header = pdu->body.len - segment.part.octets.len;
    size_t mark =
        smpp_mark_len(segment.part.alphabet, segment.part.octets); /* the byte order mark stays at the front */
    bool little = mark && (uint8_t)segment.part.octets.ptr[0] == 0xff;
    struct stir_view letters = segment.part.octets;
    if (mark) {
        letters = stir_view(letters.ptr + mark, letters.len - mark);
    }
    stir_buf_put(out, pdu->body.ptr, header + mark);
    bool good = true;
    for (const char *at = text; *at && good;) {
        good = prefix_put_letter(out, prefix_next_code_point(&at), &segment, little);
    }
    stir_buf_put(out, letters.ptr, letters.len);
    good = good && stir_buf_state(out) == STIR_OK && prefix_fits(pdu, &segment, header, out->len - before - header);
    if (!good) {
        out->len = before;
    }
    return good;
}

#define PREFIXED_MAX 65535

/* Returns true if the two octets of a tag occur anywhere in these octets: a less strict reader might find a TLV
 * there. */
static bool tag_occurs_in(struct stir_view octets, uint16_t tag)
{
    for (size_t i = 0; i + 1 < octets.len; i++) {
        if ((uint8_t)octets.ptr[i] == tag >> 8 && (uint8_t)octets.ptr[i + 1] == (tag & 0xff)) {
            return true;
        }
    }
    return false;
}

bool sc_tag_clean(struct smpp_edit *out, const struct smpp_pdu *pdu, const struct sc_policy *policy)
{
    struct smpp_tlv found;
    bool planted = false;
    *out = (struct smpp_edit){.drop = policy->verify.tags, .drop_count = SC_TAGS};
    for (size_t i = 0; i < SC_TAGS; i++) {
        planted |= smpp_tlv_find(&found, pdu->tlvs, policy->verify.tags[i]);
        out->drop_tail |= tag_occurs_in(pdu->tail, policy->verify.tags[i]);
    }
    return planted || out->drop_tail;
}

/* Decides a message whose mandatory fields cannot be read, so that it cannot be tagged. It is forwarded if all
 * verdicts are only tagged, otherwise answered with an error. */
static struct sc_tag_outcome tag_decide_unreadable(struct sc_held *held, const struct sc_policy *policy,
                                                   const struct sc_tag *tag)
{
    if (policy->verify.only_tags) {
        sc_held_pass(held);
        return (struct sc_tag_outcome){.untagged = true};
    }
    uint32_t status = tag->treatment == SC_TREAT_REJECT ? policy->verify.reject_status
                                                        : smpp_status_of(held->fault, held->flaw.field);
    sc_held_answer(held, status);
    return (struct sc_tag_outcome){.rejected = true};
}

static enum stir_code tag_edit(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag,
                               const struct stir_view *body)
{
    const struct smpp_tlv append[] = {{policy->verify.tags[SC_TAG_VERDICT], stir_view_str(tag->verdict)},
                                      {policy->verify.tags[SC_TAG_SIGNER], stir_view_str(tag->signer)}};
    struct smpp_edit edit;
    (void)sc_tag_clean(&edit, &held->pdu, policy);
    edit.body = body;
    edit.append = append;
    edit.append_count = tag->signer[0] ? 2 : 1;
    return sc_held_edit(held, &edit);
}

/* Tags a message and puts the prefix before its text. Returns true if the message is decided. */
static bool tag_edit_with_prefix(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag)
{
    struct stir_buf body = {.limit = PREFIXED_MAX};
    bool good = sc_tag_prefix(&body, &held->pdu, tag->settings, policy->verify.text_prefix, tag->verdict);
    if (good) {
        struct stir_view view = stir_view(body.ptr, body.len);
        good = tag_edit(held, policy, tag, &view) == STIR_OK;
    }
    stir_buf_free(&body);
    return good;
}

static struct sc_tag_outcome tag_reject(struct sc_held *held, uint32_t status, struct sc_tag_outcome outcome)
{
    sc_held_answer(held, status);
    outcome.rejected = true;
    return outcome;
}

/* Forwards a message without a tag of ours and without a planted one. */
static enum stir_code tag_forward_clean(struct sc_held *held, const struct smpp_edit *clean, bool planted)
{
    if (planted) {
        return sc_held_edit(held, clean);
    }
    sc_held_pass(held);
    return STIR_OK;
}

struct sc_tag_outcome sc_tag_decide(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag)
{
    struct smpp_edit clean;
    if (held->fault != SMPP_OK) {
        return tag_decide_unreadable(held, policy, tag);
    }
    /* a planted tag is removed whatever the verdict is */
    struct sc_tag_outcome outcome = {.planted = sc_tag_clean(&clean, &held->pdu, policy)};
    if (tag->treatment == SC_TREAT_REJECT) {
        return tag_reject(held, policy->verify.reject_status, outcome);
    }
    enum stir_code code = STIR_OK;
    if (tag->treatment == SC_TREAT_TAG) {
        if (policy->verify.text_prefix[0]) {
            if (tag->with_prefix && tag_edit_with_prefix(held, policy, tag)) {
                return outcome;
            }
            outcome.prefix_left_out = true;
        }
        /* without the prefix; and, where a missing tag means nothing, without the tag */
        code = tag_edit(held, policy, tag, NULL);
        if (code != STIR_OK && policy->verify.only_tags) {
            outcome.untagged = true;
            code = tag_forward_clean(held, &clean, outcome.planted);
        }
    } else {
        code = tag_forward_clean(held, &clean, outcome.planted);
    }
    if (code == STIR_OK) {
        return outcome;
    }
    /* it cannot carry its tag, and must not pass without one */
    outcome.untagged = false;
    return tag_reject(held, code == STIR_E_TOO_BIG ? SMPP_RINVMSGLEN : SMPP_RSYSERR, outcome);
}
