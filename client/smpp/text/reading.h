/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/text/text.h"

/*
 * The readings of a text that verifying tries: a network or a sender may have written the same text in another way. The
 * list is fixed: both ends of a path can rely on it. client/cps_smpp.h documents it with its version.
 */
enum smpp_reading {
    SMPP_READ_AS_SENT, /* what is signed: smpp_body_make */
    SMPP_READ_MARK,    /* with the byte order mark as a character of the text */
    SMPP_READ_NO_NUL,  /* without U+0000 at the end */
    SMPP_READ_FILL,    /* with the septet that fills up packed ones */
    SMPP_READ_CEDILLA, /* 0x09 of GSM text as the other c-cedilla */
    SMPP_READ_NFC,     /* in Unicode normalization form C */
    SMPP_READ_NFD,     /* and in form D */
    SMPP_READINGS,
};

/* "as-sent", "mark", "no-nul", ...: for records. */
const char *smpp_reading_name(enum smpp_reading reading);

#define SMPP_READ_OCTETS_MAX 65536 /* a longer body has no other reading, and a longer reading is left out */

/* The other readings of one message, each different from the body and from the ones before it. */
struct smpp_readings {
    size_t count;
    struct {
        enum smpp_reading reading;
        struct stir_buf body;
    } items[SMPP_READINGS - 1];
};

/*
 * Makes the other readings of a message whose body smpp_body_make made of these parts. A body that is no text has none,
 * but for one in UTF-16 with half a unit of zeros at its end. STIR_E_NOMEM, and then out is empty.
 */
enum stir_code smpp_readings_make(struct smpp_readings *out, struct stir_view body, enum smpp_body kind,
                                  const struct smpp_part *parts, size_t count, struct stir_error *err) STIR_MUST_CHECK;

/* Overwrites the texts. */
void smpp_readings_clear(struct smpp_readings *readings);
