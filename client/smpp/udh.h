#pragma once

#include "common/base/error.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The user data header of a short message (3GPP TS 23.040 section 9.2.3.24), which precedes the text if
 * esm_class has the UDHI bit. It is read as a handset reads it: the last one counts of an element that occurs twice,
 * and of two that exclude each other; an element with a wrong length or impossible values is ignored; if the last
 * element is cut, all are ignored.
 */
enum smpp_ref_kind {
    SMPP_REF_NONE, /* a message in one segment */
    SMPP_REF_8,    /* user data header, 8-bit reference */
    SMPP_REF_16,   /* user data header, 16-bit reference */
    SMPP_REF_SAR,  /* SAR TLVs */
};

/* The place of a segment. Numbers count from 1 to total; a message in one segment is SMPP_REF_NONE, 0, 1, 1. */
struct smpp_place {
    enum smpp_ref_kind kind;
    uint16_t ref;
    uint8_t total;
    uint8_t number;
};

struct smpp_udh {
    size_t len; /* octets of the header with its length octet: the text follows */
    struct smpp_place place;
    bool impossible; /* it gives an impossible place: segment 0, segment 4 of 3, 0 segments */
    bool cut;        /* the elements do not fill the header exactly: all are ignored */
    bool has_ports;
    uint16_t dest_port; /* application port addressing, of 8 or 16 bits */
    uint16_t source_port;
    uint8_t locking; /* national language identifiers; 0: the default alphabet */
    uint8_t single;
};

/* Reads the header at the front of a message's octets. STIR_E_PROTOCOL, with out untouched, if the header is longer
 * than the message. */
enum stir_code smpp_udh_read(struct smpp_udh *out, struct stir_view octets, struct stir_error *err) STIR_MUST_CHECK;

/* Sets a segment's place. False for an impossible one, with *place set to that of a message in one segment. */
bool smpp_place_set(struct smpp_place *place, enum smpp_ref_kind kind, uint16_t ref, uint8_t total, uint8_t number);
