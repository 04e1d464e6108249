/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/command.h"
#include "client/smpp/pdu_fault.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One SMPP PDU (3.3, 3.4, 5.0) as views into the octets that it came in: nothing is copied, nothing allocated; valid
 * as long as those octets are. What a command does not have is zero. Reading is lenient where a proxy must be: a
 * string over the specification's limit, an unknown command, a response without its body, any TLV are kept as they
 * are; only what cannot be read is refused.
 */
enum {
    SMPP_HEADER_LEN = 16,
    SMPP_PDU_MAX = 65536, /* default limit of command_length */
    SMPP_SHORT_MESSAGE_MAX = 255,
};

/* esm_class */
enum {
    SMPP_ESM_TYPE = 0x3c, /* mask of the message type */
    SMPP_ESM_RECEIPT = 0x04,
    SMPP_ESM_DELIVERY_ACK = 0x08,
    SMPP_ESM_USER_ACK = 0x10,
    SMPP_ESM_ABORT = 0x18,
    SMPP_ESM_NOTIFICATION = 0x20, /* intermediate delivery notification */
    SMPP_ESM_UDHI = 0x40,
};

struct smpp_header {
    uint32_t length; /* command_length, in octets, itself included */
    uint32_t command;
    uint32_t status;
    uint32_t sequence;
};

struct smpp_address {
    uint8_t ton;
    uint8_t npi;
    struct stir_view addr;
};

struct smpp_pdu {
    struct stir_view octets; /* all of it, as it came */
    struct smpp_header header;
    bool opaque;       /* a command whose body is not read here: it is `rest` */
    bool no_body;      /* a response that ends with its header */
    bool in_payload;   /* `body` is the message_payload */
    bool ambiguous;    /* two texts: a short_message and a message_payload, or payloads that differ. What one reader
                        * shows is not what another does: not to be signed, not to be called verified */
    uint64_t oversize; /* bit (1 << SMPP_FIELD_...): a string longer than the specification allows */

    /* bind_*, outbind, their responses */
    struct stir_view system_id;
    struct stir_view password;
    struct stir_view system_type;
    uint8_t interface_version;
    struct smpp_address range; /* address_range */

    /* submit_sm, deliver_sm, data_sm, submit_multi, replace_sm, query_sm, cancel_sm, alert_notification */
    struct stir_view service_type;
    struct smpp_address source;
    struct smpp_address dest;
    struct smpp_address esme;
    uint8_t dest_count;     /* submit_multi: */
    struct stir_view dests; /* as they came; smpp_dest_next (pdu_list.h) */
    uint8_t esm_class;
    uint8_t protocol_id;
    uint8_t priority_flag;
    struct stir_view schedule_delivery_time;
    struct stir_view validity_period;
    uint8_t registered_delivery;
    uint8_t replace_if_present_flag;
    uint8_t data_coding;
    uint8_t sm_default_msg_id;
    bool has_short_message; /* the command has sm_length, be it 0 */
    struct stir_view short_message;
    struct stir_view body; /* the message's octets, UDH included: short_message, or message_payload if that is empty */

    /* responses */
    struct stir_view message_id;
    struct stir_view final_date;
    uint8_t message_state;
    uint8_t error_code;
    uint8_t unsuccess_count;    /* submit_multi_resp: */
    struct stir_view unsuccess; /* as they came; smpp_unsuccess_next (pdu_list.h) */

    struct stir_view rest; /* the body of an opaque one */
    struct stir_view tlvs; /* as they came, in order, repetitions too; smpp_tlv_next (tlv.h) */
    struct stir_view tail; /* only of smpp_pdu_read_leniently: the octets after the last whole TLV, which are no TLV */
};

/* Who sent a PDU. The command does not say it: data_sm goes both ways. */
enum smpp_side {
    SMPP_FROM_ESME,
    SMPP_FROM_SMSC,
};

/* Reads the 16 octets of a header; they need not make sense. data holds at least SMPP_HEADER_LEN. */
struct smpp_header smpp_header_read(const void *data);

/*
 * Reads one whole PDU of n octets (see pdu_frame.h). SMPP_OK, or the first fault; out is untouched then, and flaw,
 * which may be NULL, says where. Thread-safe.
 */
enum smpp_fault smpp_pdu_read(struct smpp_pdu *out, const void *data, size_t n, struct smpp_flaw *flaw) STIR_MUST_CHECK;

/*
 * Reads a PDU as far as it can be read. SMPP_OK if all mandatory fields are there; a damaged or surplus end (a stray
 * NUL, a TLV that reaches beyond the PDU) is out->tail then. If that begins as a message_payload, out->ambiguous is
 * set. Any other value is the first fault: out holds octets, header and the fields before the fault,
 * the rest of it is zero. flaw, which may be NULL, says where the fault or the tail begins. Thread-safe.
 */
enum smpp_fault smpp_pdu_read_leniently(struct smpp_pdu *out, const void *data, size_t n,
                                        struct smpp_flaw *flaw) STIR_MUST_CHECK;

/* Tells whether a PDU is a delivery receipt or an intermediate notification rather than a message: a deliver_sm or
 * data_sm of the SMSC with that type in its esm_class (SMPP 3.4 section 5.2.12), or with receipted_message_id and
 * message_state. An ESME sends no receipts: whatever its esm_class says, what it sends is a message. */
bool smpp_pdu_is_receipt(const struct smpp_pdu *pdu, enum smpp_side from);

/* Tells whether a PDU belongs to a USSD session: by its service_type, or by the TLV ussd_service_op. */
bool smpp_pdu_is_ussd(const struct smpp_pdu *pdu);
