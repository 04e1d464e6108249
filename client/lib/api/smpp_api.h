/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps_smpp.h"
#include "client/lib/context/errors.h"
#include "client/smpp/address.h"
#include "client/smpp/join.h"
#include "client/smpp/segment.h"
#include "client/smpp/text/reading.h"

/* The implementation of cps_smpp.h: what its files share. */
struct cps_smpp {
    enum smpp_side from;
    struct smpp_text_settings text;
    struct smpp_addressing orig; /* its domain is ours */
    struct smpp_addressing dest; /* the same without a domain: a destination is a number */
    size_t max_pdu;
    struct smpp_join *join;
    struct smpp_join_peer held;
    struct stir_buf unpacked;
};

#define CPS_SMPP_IDENTITY (STIR_IDENTITY_MAX + 2) /* with a '+' and a NUL */

/* What a result points to: one allocation, and the body. */
struct cps_smpp_owned {
    struct stir_buf body;
    struct smpp_readings readings;
    struct cps_reading reading_list[SMPP_READINGS - 1]; /* of these */
    char orig[CPS_SMPP_IDENTITY];
    char (*texts)[CPS_SMPP_IDENTITY]; /* of dests */
    const char **dests;
    size_t dest_room;
    struct cps_smpp_segment segments[];
};

/* Allocates room for that number of segments and destinations; NULL: out of memory. */
struct cps_smpp_owned *cps_smpp_owned_new(size_t segments, size_t dests);
void cps_smpp_owned_free(struct cps_smpp_owned *owned);

/* Sets the reason why a message is not fit, and its text (NULL: the reason's own). Does nothing if a reason is set
 * already: the first one counts. */
void cps_smpp_bar(struct cps_smpp_result *result, enum cps_smpp_reason reason, const char *text);

/* Writes the segments of a message that has left the joiner into the result's room, and returns their number. */
size_t cps_smpp_list_segments(struct cps_smpp_owned *owned, const struct smpp_joined *joined);

/* Fills in a whole message: its addresses from this PDU, its body from `joined` or, if that is NULL, from the segment.
 * The body is left out if a reason is set already. owned has room for everything. */
void cps_smpp_fill_message(struct cps_smpp_result *result, struct cps_smpp_owned *owned, const struct cps_smpp *peer,
                           const struct smpp_pdu *pdu, const struct smpp_segment *segment,
                           const struct smpp_joined *joined);
