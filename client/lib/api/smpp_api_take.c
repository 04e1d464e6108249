/* SPDX-License-Identifier: MIT */
#include "client/lib/api/smpp_api.h"

#include "common/passport/passport.h"

#include <openssl/sha.h>
#include <string.h>

/* ---- PDUs that are not messages ---------------------------------------------------------------------------------- */

static bool smpp_take_is_message(uint32_t command)
{
    return command == SMPP_SUBMIT_SM || command == SMPP_DELIVER_SM || command == SMPP_DATA_SM ||
           command == SMPP_SUBMIT_MULTI;
}

/* Sets the response that tells the sender that its PDU was not accepted. */
static void smpp_take_set_answer(struct cps_smpp_result *result, uint32_t status)
{
    result->command_status = status;
    if (smpp_command_has_response(result->command_id)) {
        result->answer = result->command_id | SMPP_RESP;
    } else {
        result->answer = smpp_command_is_response(result->command_id) ? 0 : SMPP_GENERIC_NACK;
    }
}

static void smpp_take_set_malformed(struct cps_smpp_result *result, uint32_t status, const char *text)
{
    result->kind = CPS_SMPP_MALFORMED;
    smpp_take_set_answer(result, status);
    cps_smpp_bar(result, CPS_SMPP_UNREADABLE, text);
}

/* Marks a PDU that carries a text without a destination. */
static void smpp_take_set_replacement(struct cps_smpp_result *result)
{
    result->kind = CPS_SMPP_REPLACE;
    smpp_take_set_answer(result, result->command_id == SMPP_REPLACE_SM ? SMPP_RREPLACEFAIL : SMPP_RBCASTFAIL);
}

static void smpp_take_set_flaw(struct cps_smpp_result *result, const struct smpp_flaw *flaw)
{
    char text[sizeof(result->text)];
    smpp_flaw_text(text, sizeof(text), flaw);
    smpp_take_set_malformed(result, smpp_status_of(flaw->fault, flaw->field), text);
    if (flaw->fault == SMPP_F_SHORT || flaw->fault == SMPP_F_LENGTH || flaw->fault == SMPP_F_LONG) {
        result->answer = result->answer ? SMPP_GENERIC_NACK : 0;
    }
}

/* Reads a PDU leniently. Returns false if it cannot be read; the result says so then. */
static bool smpp_take_read_pdu(struct smpp_pdu *out, struct cps_smpp_result *result, const struct cps_smpp *peer,
                               const void *pdu, size_t len)
{
    struct smpp_flaw flaw;
    if (len >= SMPP_HEADER_LEN) {
        struct smpp_header header = smpp_header_read(pdu);
        result->command_id = header.command;
        result->sequence_number = header.sequence;
    }
    if (len > peer->max_pdu) {
        flaw = (struct smpp_flaw){.fault = SMPP_F_LONG};
    } else if (smpp_pdu_read_leniently(out, pdu, len, &flaw) == SMPP_OK || smpp_pdu_is_receipt(out, peer->from)) {
        return true; /* a receipt is passed on whatever it holds */
    }
    smpp_take_set_flaw(result, &flaw);
    return false;
}

/* ---- Joining ----------------------------------------------------------------------------------------------------- */

enum { KEY_ONE = 1, KEY_MANY, KEY_DIGEST = 0x80 };

struct key_text {
    char octets[SMPP_JOIN_ADDRESS_MAX];
    size_t n;
};

/* Writes the key of a sender, a destination or a list of destinations; what is too long for a key goes in as its
 * digest. Returns false if OpenSSL fails. */
static bool smpp_take_write_key(struct key_text *out, uint8_t what, const struct smpp_address *address)
{
    enum { HEAD = 3 };
    bool fits = address->addr.len <= sizeof(out->octets) - HEAD;
    out->octets[0] = (char)(fits ? what : what | KEY_DIGEST);
    out->octets[1] = (char)address->ton;
    out->octets[2] = (char)address->npi;
    out->n = HEAD + (fits ? address->addr.len : SHA256_DIGEST_LENGTH);
    if (!fits) {
        return SHA256((const uint8_t *)address->addr.ptr, address->addr.len, (uint8_t *)out->octets + HEAD) != NULL;
    }
    if (address->addr.len) {
        memcpy(out->octets + HEAD, address->addr.ptr, address->addr.len);
    }
    return true;
}

static bool smpp_take_write_keys(struct key_text *orig, struct key_text *dest, const struct smpp_pdu *pdu)
{
    bool many = pdu->header.command == SMPP_SUBMIT_MULTI;
    struct smpp_address all = {.addr = pdu->dests};
    return smpp_take_write_key(orig, KEY_ONE, &pdu->source) &&
           smpp_take_write_key(dest, many ? KEY_MANY : KEY_ONE, many ? &all : &pdu->dest);
}

static void smpp_take_set_given_up(struct cps_smpp_result *result, struct cps_smpp_owned *owned,
                                   const struct smpp_joined *joined)
{
    if (joined) {
        result->given_up = owned->segments;
        result->given_up_count = cps_smpp_list_segments(owned, joined);
    }
}

/* Keeps the token of the newest copy: its sender is the one that still waits for an answer. */
static void smpp_take_replace_token(struct cps_smpp_result *result, struct cps_smpp_owned *owned, void **held,
                                    void *token)
{
    owned->segments[0] = (struct cps_smpp_segment){.number = result->number, .token = *held};
    *held = token;
    result->given_up = owned->segments;
    result->given_up_count = 1;
}

static void smpp_take_set_outcome(struct cps_smpp_result *result, struct cps_smpp_owned *owned,
                                  const struct cps_smpp *peer, const struct smpp_pdu *pdu,
                                  const struct smpp_segment *segment, const struct smpp_join_outcome *done, void *token)
{
    switch (done->result) {
    /* All segments are there: the message has this PDU's addresses, and its segments get their tokens back. */
    case SMPP_JOIN_COMPLETE:
        result->kind = CPS_SMPP_MESSAGE;
        result->segments = owned->segments;
        result->segment_count = cps_smpp_list_segments(owned, done->message);
        cps_smpp_fill_message(result, owned, peer, pdu, segment, done->message);
        return;
    case SMPP_JOIN_DUPLICATE:
        result->kind = CPS_SMPP_DUPLICATE;
        smpp_take_replace_token(result, owned, done->held, token);
        break;
    case SMPP_JOIN_HELD:
        result->kind = CPS_SMPP_WAITS;
        break;
    case SMPP_JOIN_CONTESTED:
        result->kind = CPS_SMPP_LOOSE;
        cps_smpp_bar(result, CPS_SMPP_CONTESTED, NULL);
        smpp_take_set_given_up(result, owned, done->message);
        return;
    case SMPP_JOIN_OVER:
        result->kind = CPS_SMPP_LOOSE;
        cps_smpp_bar(result, CPS_SMPP_OVER, NULL);
        smpp_take_set_given_up(result, owned, done->message);
        return;
    }
    cps_smpp_bar(result, CPS_SMPP_UNFINISHED, NULL);
}

static enum cps_code smpp_take_join_segment(struct cps_smpp_result *result, struct cps_smpp_owned *owned,
                                            struct cps_smpp *peer, const struct smpp_pdu *pdu,
                                            const struct smpp_segment *segment, uint64_t now_ms, void *token,
                                            struct cps_error *err)
{
    struct key_text orig;
    struct key_text dest;
    if (!smpp_take_write_keys(&orig, &dest, pdu)) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    struct smpp_join_key key = {.peer = &peer->held,
                                .orig = stir_view(orig.octets, orig.n),
                                .dest = stir_view(dest.octets, dest.n),
                                .place = segment->place};
    struct smpp_join_outcome done = smpp_join_add(peer->join, &key, &segment->part, token, now_ms);
    smpp_take_set_outcome(result, owned, peer, pdu, segment, &done, token);
    smpp_joined_free(done.message);
    return CPS_OK;
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

static void smpp_take_set_place(struct cps_smpp_result *result, const struct smpp_place *place)
{
    static const enum cps_smpp_ref kinds[] = {[SMPP_REF_NONE] = CPS_SMPP_REF_NONE,
                                              [SMPP_REF_8] = CPS_SMPP_REF_UDH8,
                                              [SMPP_REF_16] = CPS_SMPP_REF_UDH16,
                                              [SMPP_REF_SAR] = CPS_SMPP_REF_SAR};
    result->ref_kind = kinds[place->kind];
    result->ref = place->ref;
    result->total = place->total;
    result->number = place->number;
}

/* Bars a PDU whose text or place is not certain, so that it is neither joined nor decoded. */
static void smpp_take_bar_doubtful(struct cps_smpp_result *result, const struct smpp_pdu *pdu,
                                   const struct smpp_segment *segment)
{
    if (pdu->ambiguous || segment->ambiguous) {
        cps_smpp_bar(result, CPS_SMPP_AMBIGUOUS, NULL);
    } else if (pdu->sm_default_msg_id != 0 &&
               (pdu->header.command == SMPP_SUBMIT_SM || pdu->header.command == SMPP_SUBMIT_MULTI)) {
        cps_smpp_bar(result, CPS_SMPP_CANNED, NULL);
    }
}

/* Reads what a message PDU says of its text and place. STIR_E_PROTOCOL: malformed, and the result says so;
 * STIR_E_NOMEM. */
static enum stir_code smpp_take_read_segment(struct smpp_segment *out, struct cps_smpp_result *result,
                                             struct cps_smpp *peer, const struct smpp_pdu *pdu)
{
    struct smpp_sar sar;
    struct stir_error cause = {0};
    smpp_sar_read(&sar, pdu->tlvs);
    if (peer->unpacked.failed != STIR_OK) {
        stir_buf_cleanse(&peer->unpacked);
    }
    enum stir_code code =
        smpp_segment_read(out, pdu->esm_class, pdu->data_coding, pdu->body, &sar, &peer->text, &peer->unpacked, &cause);
    if (code == STIR_E_PROTOCOL) {
        smpp_take_set_malformed(result, SMPP_RINVESMCLASS, cause.text);
    }
    return code;
}

static enum cps_code smpp_take_message(struct cps_smpp_result *result, struct cps_smpp *peer,
                                       const struct smpp_pdu *pdu, uint64_t now_ms, void *token, struct cps_error *err)
{
    struct smpp_segment segment;
    enum stir_code code = smpp_take_read_segment(&segment, result, peer, pdu);
    if (code != STIR_OK) {
        return code == STIR_E_PROTOCOL ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    /* A doubtful segment is passed on alone: joined, it could take the place of a good one. */
    bool joins = segment.place.kind != SMPP_REF_NONE;
    smpp_take_set_place(result, &segment.place);
    smpp_take_bar_doubtful(result, pdu, &segment);
    if (joins && result->reason != CPS_SMPP_NO_MESSAGE) {
        result->kind = CPS_SMPP_LOOSE;
        return CPS_OK;
    }
    /* One allocation holds all that the result will point to. */
    size_t dests = pdu->header.command == SMPP_SUBMIT_MULTI ? pdu->dest_count : 1;
    struct cps_smpp_owned *owned =
        cps_smpp_owned_new(segment.place.total, dests < STIR_PASSPORT_DESTS ? dests : STIR_PASSPORT_DESTS);
    result->owned = owned;
    if (!owned) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    if (joins) {
        return smpp_take_join_segment(result, owned, peer, pdu, &segment, now_ms, token, err);
    }
    result->kind = CPS_SMPP_MESSAGE;
    owned->segments[0] = (struct cps_smpp_segment){.number = 1, .token = token};
    result->segments = owned->segments;
    result->segment_count = 1;
    cps_smpp_fill_message(result, owned, peer, pdu, &segment, NULL);
    return CPS_OK;
}

enum cps_code cps_smpp_take(struct cps_smpp *peer, const void *pdu, size_t len, uint64_t now_ms, void *token,
                            struct cps_smpp_result *out, struct cps_error *err)
{
    struct cps_smpp_result result = {.kind = CPS_SMPP_OTHER};
    struct smpp_pdu read;
    enum cps_code code = CPS_OK;
    if (!peer || !pdu || !out) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    /* Whatever the PDU holds, the answer is a result; only memory can fail. */
    bool readable = smpp_take_read_pdu(&read, &result, peer, pdu, len);
    if (readable && (read.header.command == SMPP_REPLACE_SM || read.header.command == SMPP_BROADCAST_SM)) {
        smpp_take_set_replacement(&result);
    } else if (readable && smpp_take_is_message(read.header.command)) {
        result.data_coding = read.data_coding;
        if (smpp_pdu_is_receipt(&read, peer->from)) {
            result.kind = CPS_SMPP_RECEIPT;
        } else {
            code = smpp_take_message(&result, peer, &read, now_ms, token, err);
        }
    }
    if (code != CPS_OK) {
        cps_smpp_result_clear(&result);
        return code;
    }
    cps_smpp_bar(&result, CPS_SMPP_NO_MESSAGE, NULL);
    *out = result;
    return CPS_OK;
}

enum cps_code cps_smpp_expire(struct cps_smpp *peer, uint64_t now_ms, struct cps_smpp_result *out,
                              struct cps_error *err)
{
    struct cps_smpp_result result = {.kind = CPS_SMPP_INCOMPLETE};
    if (!peer || !out) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    if (smpp_join_next_ms(peer->join, now_ms) != 0) {
        return cps_fail(err, CPS_E_NOT_FOUND, "no message's time has ended");
    }
    /* Room first: once taken out of the joiner, a message could not be put back. */
    struct cps_smpp_owned *owned = cps_smpp_owned_new(UINT8_MAX, 0);
    if (!owned) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    struct smpp_joined *joined = smpp_join_expire(peer->join, now_ms);
    if (!joined) {
        cps_smpp_owned_free(owned);
        return cps_fail(err, CPS_E_NOT_FOUND, "no message's time has ended");
    }
    result.owned = owned;
    result.total = smpp_joined_total(joined);
    smpp_take_set_given_up(&result, owned, joined);
    cps_smpp_bar(&result, CPS_SMPP_UNFINISHED, NULL);
    smpp_joined_free(joined);
    *out = result;
    return CPS_OK;
}
