/* SPDX-License-Identifier: MIT */
/*
 * libcps for gateways that speak SMPP: turns PDUs into messages for cps_send and cps_receive. Installed as
 * <stir-cps/cps_smpp.h> beside cps.h, whose conventions apply here too; link with -lcps.
 *
 * Reads submit_sm, deliver_sm, data_sm and submit_multi of SMPP 3.3, 3.4 and 5.0; joins the segments of long messages
 * (user data header, SAR TLVs) and decodes the whole to the UTF-8 text that the message's digest is made over. It does
 * no I/O and reads no clock.
 *
 *     struct gateway {
 *         struct cps *cps;
 *         const struct cps_signer *signer;
 *         const struct cps_key *theirs;
 *         const struct cps_key *ours;
 *         struct cps_smpp *esme;
 *         struct cps_smpp *smsc;
 *     };
 *
 *     enum cps_code on_submit(struct gateway *gw, const void *pdu, size_t len, uint64_t now_ms, struct cps_error *err)
 *     {
 *         struct cps_smpp_result got;
 *         enum cps_code code = cps_smpp_take(gw->esme, pdu, len, now_ms, NULL, &got, err);
 *         if (code != CPS_OK) {
 *             return code;
 *         }
 *         if (got.reason == CPS_SMPP_FIT) {
 *             struct cps_recipient to = {got.message.dest[0], &gw->theirs, 1};
 *             code = cps_send(gw->cps, gw->signer, &got.message, &to, 1, 0, NULL, err);
 *         }
 *         cps_smpp_result_clear(&got);
 *         return code;
 *     }
 *
 *     enum cps_verdict on_deliver(struct gateway *gw, const void *pdu, size_t len, uint64_t now_ms)
 *     {
 *         enum cps_verdict verdict = CPS_CPS_UNAVAILABLE;
 *         struct cps_smpp_result got;
 *         struct cps_result judged;
 *         if (cps_smpp_take(gw->smsc, pdu, len, now_ms, NULL, &got, NULL) != CPS_OK) {
 *             return verdict;
 *         }
 *         if (got.reason == CPS_SMPP_FIT) {
 *             if (cps_receive(gw->cps, &got.message, &gw->ours, 1, 500, &judged) != CPS_OK) {
 *                 syslog(LOG_NOTICE, "%s: %s", cps_verdict_name(judged.verdict), judged.error.text);
 *             }
 *             verdict = judged.verdict;
 *             cps_result_clear(&judged);
 *         }
 *         cps_smpp_result_clear(&got);
 *         return verdict;
 *     }
 *
 * `esme` was made with CPS_SMPP_FROM_ESME, `smsc` with CPS_SMPP_FROM_SMSC: only the latter's receipts are receipts. A
 * gateway that marks messages with a verdict of its own first removes such marks from everything that it receives.
 *
 * on_submit forwards every segment at once and publishes when the last has passed. A gateway that holds segments gives
 * each PDU as the token of its call and forwards what comes back in `segments`, in order; what comes back in `given_up`
 * and what cps_smpp_expire returns goes on without a verdict.
 */
#ifndef STIR_CPS_CPS_SMPP_H
#define STIR_CPS_CPS_SMPP_H

#include "cps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A peer ------------------------------------------------------------------------------------------------------ */

enum cps_smpp_alphabet {
    CPS_SMPP_USUAL = 0,  /* GSM 03.38 for data_coding 0, ASCII for data_coding 1 */
    CPS_SMPP_GSM7 = 1,   /* GSM 03.38, one septet an octet unless they are packed */
    CPS_SMPP_LATIN1 = 2, /* with Windows-1252's characters at 0x80 to 0x9f */
    CPS_SMPP_ASCII = 3,
    CPS_SMPP_UTF8 = 4
};

/* Which side a peer is on. The command of a PDU does not tell, since data_sm is sent by both sides. */
enum cps_smpp_side {
    CPS_SMPP_FROM_ESME = 1, /* a peer that submits messages: what it sends is never a delivery receipt */
    CPS_SMPP_FROM_SMSC = 2  /* a peer that delivers messages and receipts */
};

/* What a peer is and how it writes messages, which no PDU tells. Zero or NULL selects the default, but `from` must be
 * set. cps_smpp_new copies everything. A number at the beginning of a comment is the default. */
struct cps_smpp_options {
    size_t size;                       /* sizeof(struct cps_smpp_options) */
    enum cps_smpp_side from;           /* which side this peer is on; has no default */
    enum cps_smpp_alphabet alphabet;   /* what data_coding 0 means */
    enum cps_smpp_alphabet alphabet_1; /* what data_coding 1 means: npm smpp sends GSM 03.38 */
    bool packed;                       /* GSM septets are packed, eight in seven octets */
    const char *alphanumeric_domain;   /* an alphanumeric sender "Bank" is sip:bank@<this>; NULL: it is not an identity,
                                          and   its messages are not signed */
    uint32_t max_pdu_octets;           /* 65,536: a longer PDU is malformed; 16..16,777,216 */
    uint32_t join_messages;            /* 20,000 incomplete messages; segments beyond a limit are not joined */
    uint32_t join_segments;            /* 60,000 segments of incomplete messages */
    uint32_t join_octets;              /* 67,108,864 octets of memory for these segments */
    uint32_t join_timeout_ms;          /* 10,000, from the last segment of a message that arrived */
};

/*
 * A peer: what one system sends in one direction, on any number of binds. Segments of one peer are joined, segments of
 * two peers never are. One thread at a time may use a peer; different peers are independent of each other.
 */
struct cps_smpp;

/* Makes a peer, whose numbers are read with the numbering of cps; cps may be freed before it. The caller frees *out
 * with cps_smpp_free. CPS_E_INVAL, CPS_E_NOMEM; CPS_E_CONFIG names the option. */
CPS_API enum cps_code cps_smpp_new(struct cps_smpp **out, const struct cps *cps, const struct cps_smpp_options *options,
                                   struct cps_error *err) CPS_MUST_CHECK;

/* Frees a peer and drops the segments that it still holds, with their tokens. Call cps_smpp_expire with UINT64_MAX
 * before to get them. NULL is fine. */
CPS_API void cps_smpp_free(struct cps_smpp *peer);

/* ---- What a PDU is ----------------------------------------------------------------------------------------------- */

/* What a PDU is. The values are fixed; new kinds get new values. */
enum cps_smpp_kind {
    CPS_SMPP_OTHER = 0,     /* not a message: another command, a response, or unknown */
    CPS_SMPP_MESSAGE = 1,   /* a whole message: this PDU, or this and the segments before it */
    CPS_SMPP_WAITS = 2,     /* a segment, which is kept; others are missing */
    CPS_SMPP_DUPLICATE = 3, /* a segment that is kept already, sent again. Its token replaces the older one, which is
                               returned in given_up */
    CPS_SMPP_LOOSE = 4,     /* a segment that is not joined, and is forwarded alone; reason says why. given_up: what was
                               kept of its message, if anything */
    CPS_SMPP_INCOMPLETE =
        5,                 /* from cps_smpp_expire: a message whose time is over. given_up: its segments that arrived */
    CPS_SMPP_RECEIPT = 6,  /* a delivery receipt or an intermediate notification: neither signed nor verified. Only
                              from a peer with CPS_SMPP_FROM_SMSC (SMPP 3.4 section 5.2.12), by esm_class or by the
                              TLVs receipted_message_id and message_state. From an ESME it is a message */
    CPS_SMPP_REPLACE = 8,  /* replace_sm or broadcast_sm: a text without a destination, which no PASSporT can cover.
                              Answer it with `answer` and `command_status`; forwarded, it is neither signed nor
                              verified */
    CPS_SMPP_MALFORMED = 7 /* cannot be read. Answer it with `answer` and `command_status`, or forward it without a
                              verdict and let the other side answer */
};

/* Whether a message may be signed or verified, and why not. The values are fixed. */
enum cps_smpp_reason {
    CPS_SMPP_NO_MESSAGE = 0,   /* other commands and receipts */
    CPS_SMPP_FIT = 1,          /* it may be; only for a CPS_SMPP_MESSAGE */
    CPS_SMPP_UNFINISHED = 2,   /* some of its segments have not arrived */
    CPS_SMPP_UNREADABLE = 3,   /* the PDU is malformed */
    CPS_SMPP_AMBIGUOUS = 4,    /* it has two texts (short_message and message_payload) or two segment numberings, and
                                  receivers differ in which they use */
    CPS_SMPP_CANNED = 5,       /* its text is kept at the SMSC (sm_default_msg_id) */
    CPS_SMPP_ALPHANUMERIC = 6, /* its sender is alphanumeric, and alphanumeric_domain is not set */
    CPS_SMPP_BAD_ORIG = 7,     /* source_addr is not a telephone number */
    CPS_SMPP_BAD_DEST = 8,     /* a destination_addr is not a telephone number */
    CPS_SMPP_DISTRIBUTION_LIST = 9, /* to a list that the SMSC keeps, so its destinations are not known */
    CPS_SMPP_MANY_DESTS = 10,       /* to more destinations than a PASSporT may name (255) */
    CPS_SMPP_CODING = 11,           /* its alphabet is not known to this machine's iconv */
    CPS_SMPP_OVER = 12,             /* not joined: a limit of the peer's is reached, or memory is out */
    CPS_SMPP_NO_MEMORY = 13,        /* complete, but out of memory for the text */
    CPS_SMPP_CONTESTED = 14 /* not joined: two incomplete messages have the same addresses, reference and total, so
                               it is not known to which a segment belongs. Neither is signed or verified, nor are
                               later ones with that reference until join_timeout_ms have passed */
};

/* Return the name of a kind or reason ("CPS_SMPP_ALPHANUMERIC"), the fixed text of a reason, and the specification's
 * name of a command_status ("ESME_RINVMSGLEN"). Never NULL, also for numbers outside the enums. */
CPS_API const char *cps_smpp_kind_name(enum cps_smpp_kind kind);
CPS_API const char *cps_smpp_reason_name(enum cps_smpp_reason reason);
CPS_API const char *cps_smpp_reason_text(enum cps_smpp_reason reason);
CPS_API const char *cps_smpp_status_name(uint32_t command_status);

/* What the octets of the body are. Both sides of the path compute the same. */
enum cps_smpp_content {
    CPS_SMPP_TEXT = 0,       /* UTF-8 */
    CPS_SMPP_OCTETS = 1,     /* binary, as received, without user data headers */
    CPS_SMPP_BROKEN_TEXT = 2 /* not valid in the alphabet of data_coding: as CPS_SMPP_OCTETS */
};

/*
 * Networks and senders encode one text in different ways. A message is signed as it was sent, decoded: a byte order
 * mark decides the byte order and is not part of the text, nor is the septet (CR or zeros) that fills up packed GSM
 * text. Nothing else is changed. The result is message.body. If a PDU can be read in other ways, message.readings holds
 * these readings, and cps_receive and cps_verify_passport also accept a PASSporT of one of them. The list is fixed; a
 * change increases CPS_SMPP_READINGS_VERSION:
 *
 *   name      the text
 *   mark      with the byte order mark (UCS-2, UTF-8) as its first character, U+FEFF
 *   no-nul    without U+0000 at its end, or half of one in UCS-2
 *   fill      with the septet that may fill up packed GSM text
 *   cedilla   with 0x09 of GSM text as a small c-cedilla for the capital one, or the other way round
 *   nfc       in Unicode normalization form C
 *   nfd       in Unicode normalization form D
 *
 * A reading that equals the body or an earlier one is left out, and so is one of more than 65,536 octets. Most messages
 * have none. Each differs from the body in one of these ways only. cps_result.reading names the one that matched. A
 * change of letters, such as other quotation marks or a "?", is not a reading of the text.
 */
#define CPS_SMPP_READINGS_VERSION 1

/* How the segments of a message refer to each other. */
enum cps_smpp_ref {
    CPS_SMPP_REF_NONE = 0,  /* a message of one PDU: segment 1 of 1 */
    CPS_SMPP_REF_UDH8 = 1,  /* user data header, 8-bit reference */
    CPS_SMPP_REF_UDH16 = 2, /* user data header, 16-bit reference */
    CPS_SMPP_REF_SAR = 3    /* SAR TLVs */
};

struct cps_smpp_segment {
    unsigned number; /* from 1 */
    void *token;     /* as given to cps_smpp_take */
};

/*
 * The result of a call. What it points to belongs to it until cps_smpp_result_clear, independent of PDU and peer.
 *
 * The token of every segment that was kept (CPS_SMPP_MESSAGE, _WAITS, _DUPLICATE) is returned once: in `segments` of
 * the completed message, or in a `given_up`. The tokens of other PDUs are not kept.
 */
struct cps_smpp_result {
    enum cps_smpp_kind kind;
    enum cps_smpp_reason reason;

    /* For cps_send, cps_receive and the other functions that take a message. orig is NULL unless reason is
     * CPS_SMPP_FIT, so that they refuse it. The rest is set for a CPS_SMPP_MESSAGE as far as it is known (otherwise
     * dest_count is 0 and body NULL). The identities are written so that the numbering of the handle reads them back
     * unchanged. */
    struct cps_message message;
    enum cps_smpp_content content;
    uint8_t data_coding;

    /* The PDU's place among the segments of its message. */
    enum cps_smpp_ref ref_kind;
    uint16_t ref;
    unsigned total;
    unsigned number;

    const struct cps_smpp_segment *segments; /* of a CPS_SMPP_MESSAGE: all of them, in order */
    size_t segment_count;
    const struct cps_smpp_segment *given_up; /* in order of number; they arrived before this PDU */
    size_t given_up_count;

    uint32_t command_id; /* of the PDU; 0 if it is shorter than a header */
    uint32_t sequence_number;
    uint32_t answer; /* CPS_SMPP_MALFORMED, CPS_SMPP_REPLACE: the command_id of the answer to it (generic_nack if
                        the command has no response); 0: no answer, since it is a response itself */
    uint32_t command_status; /* of that answer */
    char text[128];          /* one line for a person: why it is not fit; without addresses and content */

    void *owned; /* private */
};

/* Overwrites the body and its readings, frees everything that the result points to, and zeroes it. NULL is fine. */
CPS_API void cps_smpp_result_clear(struct cps_smpp_result *result);

/* ---- Taking PDUs ------------------------------------------------------------------------------------------------- */

/*
 * Takes one complete PDU of the peer, including command_length. now_ms: milliseconds of any clock that does not go
 * back. token: is returned with the segment; may be NULL. Any PDU, also a malformed one, gives a result and CPS_OK. On
 * CPS_E_INVAL (a NULL pointer) and CPS_E_NOMEM nothing has changed, and the same PDU may be given again. The caller
 * clears *out with cps_smpp_result_clear.
 *
 * A message is identified by its addresses, reference and total; its segments may have different data_codings. The user
 * data header decides about a segment's place; SAR TLVs count if it has none. A segment with an impossible place (4 of
 * 3) is a message by itself, as handsets treat it.
 *
 * A PDU whose mandatory fields can be read is accepted: a stray octet or a damaged TLV at its end does not matter,
 * unless it begins like a message_payload (CPS_SMPP_AMBIGUOUS).
 */
CPS_API enum cps_code cps_smpp_take(struct cps_smpp *peer, const void *pdu, size_t len, uint64_t now_ms, void *token,
                                    struct cps_smpp_result *out, struct cps_error *err) CPS_MUST_CHECK;

/* Gives up the oldest message whose time is over; its segments are in out->given_up. UINT64_MAX as now_ms ends all
 * messages. The caller clears *out with cps_smpp_result_clear. CPS_E_NOT_FOUND: there is no (other) one; CPS_E_INVAL,
 * CPS_E_NOMEM: nothing was given up. */
CPS_API enum cps_code cps_smpp_expire(struct cps_smpp *peer, uint64_t now_ms, struct cps_smpp_result *out,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* Returns in how many milliseconds cps_smpp_expire must be called next; 0: now; UINT64_MAX: no message is kept. */
CPS_API uint64_t cps_smpp_next_ms(const struct cps_smpp *peer, uint64_t now_ms);

#ifdef __cplusplus
}
#endif

#endif
