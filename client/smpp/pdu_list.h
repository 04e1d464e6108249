/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "client/smpp/pdu_cursor.h"

/* The two lists that a PDU can hold: the destinations of submit_multi, and those of its response that failed. */

enum { SMPP_DEST_ADDRESS = 1, SMPP_DEST_LIST = 2 }; /* dest_flag */

struct smpp_dest {
    bool list; /* a distribution list: address.addr is its dl_name, ton and npi are 0 */
    struct smpp_address address;
};

struct smpp_unsuccess {
    struct smpp_address address;
    uint32_t status; /* error_status_code */
};

/* Takes the next one off the front of `rest` (a PDU's dests, unsuccess); false at the end. */
bool smpp_dest_next(struct stir_view *rest, struct smpp_dest *out);
bool smpp_unsuccess_next(struct stir_view *rest, struct smpp_unsuccess *out);

/* Read one from a PDU. */
struct smpp_dest smpp_in_dest(struct smpp_in *in);
struct smpp_unsuccess smpp_in_unsuccess(struct smpp_in *in);
