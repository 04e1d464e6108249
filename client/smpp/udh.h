/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The user data header of a short message (3GPP TS 23.040 section 9.2.3.24), with esm_class's UDHI bit in front of
 * the text. Read as a handset reads it: of an information element that comes twice, and of two that exclude each
 * other, the last counts; one of a wrong length or with values that cannot be is passed over; where the last element
 * is cut, all of them are.
 */
enum smpp_ref_kind {
    SMPP_REF_NONE, /* a whole message */
    SMPP_REF_8,    /* user data header, 8-bit reference */
    SMPP_REF_16,   /* user data header, 16-bit reference */
    SMPP_REF_SAR,  /* SAR TLVs */
};

/* Where a segment belongs. Numbers count from 1 to total; a whole message is SMPP_REF_NONE, 0, 1, 1. */
struct smpp_place {
    enum smpp_ref_kind kind;
    uint16_t ref;
    uint8_t total;
    uint8_t number;
};

struct smpp_udh {
    size_t len; /* octets of the header with its length octet: the text follows */
    struct smpp_place place;
    bool impossible; /* it gives a place that cannot be: segment 0, segment 4 of 3, 0 segments */
    bool cut;        /* the elements do not fill it exactly: none counts */
    bool has_ports;
    uint16_t dest_port; /* application port addressing, of 8 or 16 bits */
    uint16_t source_port;
    uint8_t locking; /* national language identifiers; 0: the default alphabet */
    uint8_t single;
};

/* Reads the header in front of the octets of a message. STIR_E_PROTOCOL when it is longer than the message; out is
 * untouched then. */
enum stir_code smpp_udh_read(struct smpp_udh *out, struct stir_view octets, struct stir_error *err) STIR_MUST_CHECK;

/* Sets a segment's place; false, and place a whole message's, for one that cannot be. */
bool smpp_place_set(struct smpp_place *place, enum smpp_ref_kind kind, uint16_t ref, uint8_t total, uint8_t number);
