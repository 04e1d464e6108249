/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "common/base/buf.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the octets of a short message say, as the octets of a MIME body (text/plain;charset=utf-8, or the octets
 * themselves), which is what msgi is made over. Pure functions, thread-safe.
 */
enum smpp_alphabet {
    SMPP_GSM7, /* GSM 03.38 with the national tables that the user data header names */
    SMPP_ASCII,
    SMPP_LATIN1, /* with the characters of Windows-1252 at 0x80 to 0x9f, as senders mean them */
    SMPP_UTF8,
    SMPP_UTF16, /* UCS-2, big-endian unless a byte order mark says otherwise, with surrogate pairs */
    SMPP_ISO_8859_5,
    SMPP_ISO_8859_8,
    SMPP_SHIFT_JIS,   /* data_coding 5, "JIS (X 0208-1990)" */
    SMPP_ISO_2022_JP, /* data_coding 10 */
    SMPP_EUC_JP,      /* data_coding 13, "Extended Kanji JIS (X 0212-1990)" */
    SMPP_EUC_KR,      /* data_coding 14, "KS C 5601" */
    SMPP_OCTETS,      /* no text: binary, compressed, pictograms, reserved */
};

/* How a peer writes text: settings of the peer, as nothing in a PDU says it. */
struct smpp_text_settings {
    enum smpp_alphabet data_coding_0; /* SMPP_GSM7, SMPP_LATIN1, SMPP_ASCII or SMPP_UTF8; GSM7 is the default */
    enum smpp_alphabet data_coding_1; /* the same; ASCII is the default */
    bool packed;                      /* GSM septets come packed, eight in seven octets */
};

/* One segment's text. */
struct smpp_part {
    enum smpp_alphabet alphabet;
    struct stir_view octets; /* without user data header; septets not packed */
    bool filled;             /* the last septet fills up the last octet that septets were packed into */
    uint8_t locking;         /* national language identifiers, for SMPP_GSM7 */
    uint8_t single;
};

enum smpp_body {
    SMPP_BODY_TEXT,
    SMPP_BODY_OCTETS,    /* a part of it is SMPP_OCTETS */
    SMPP_BODY_MALFORMED, /* a part is no text in its alphabet: an octet over 0x7f in 7-bit text, a surrogate without its
                          * other half, half a UTF-16 unit, an octet or a sequence that the alphabet has not */
};

/*
 * The alphabet that a data_coding names: SMPP's own values 0 to 15, and above them the data coding scheme of 3GPP
 * TS 23.038 section 4, whose reserved values mean the default alphabet.
 */
enum smpp_alphabet smpp_alphabet_of(uint8_t data_coding, const struct smpp_text_settings *settings);

/* How octets are decoded where they can be read in two ways. */
enum smpp_decoding {
    SMPP_DECODE_AS_SENT = 0,
    SMPP_DECODE_MARK = 1,    /* a byte order mark is the first character of the text */
    SMPP_DECODE_FILL = 2,    /* the septet that fills up packed ones is a character of the text */
    SMPP_DECODE_CEDILLA = 4, /* 0x09 of a GSM locking table is the other c-cedilla, U+00E7 for U+00C7 and back */
};

/*
 * Appends the body of a message that came in these parts: those of one alphabet that follow each other are joined
 * first, then decoded. A byte order mark in front of such a run decides its byte order and is not part of the text; nor
 * is the septet that fills up packed ones. Nothing else is changed. Deterministic: the same octets make the same body
 * on any machine. What is no text in its alphabet is not repaired, as two different messages might then have one body:
 * the octets of all parts, joined, are the body.
 *
 * STIR_E_NOMEM and STIR_E_TOO_BIG stick in out; STIR_E_CONFIG: this machine's iconv lacks the alphabet. out is as long
 * as it was then.
 */
enum stir_code smpp_body_make(struct stir_buf *out, enum smpp_body *kind, const struct smpp_part *parts, size_t count,
                              struct stir_error *err) STIR_MUST_CHECK;

/* The same with a set of enum smpp_decoding. */
enum stir_code smpp_body_decode(struct stir_buf *out, enum smpp_body *kind, const struct smpp_part *parts, size_t count,
                                unsigned decoding, struct stir_error *err) STIR_MUST_CHECK;

/* The octets of a byte order mark that the text begins with in this alphabet: 0, 2 or 3. */
size_t smpp_mark_len(enum smpp_alphabet alphabet, struct stir_view octets);
