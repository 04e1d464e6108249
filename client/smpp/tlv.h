/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu_fault.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/* The TLVs (optional parameters) of SMPP 3.4 and 5.0: X(tag, number, name). Unknown tags are TLVs like any other. */
#define SMPP_TLV_LIST(X)                                                                                               \
    X(DEST_ADDR_SUBUNIT, 0x0005, "dest_addr_subunit")                                                                  \
    X(DEST_NETWORK_TYPE, 0x0006, "dest_network_type")                                                                  \
    X(DEST_BEARER_TYPE, 0x0007, "dest_bearer_type")                                                                    \
    X(DEST_TELEMATICS_ID, 0x0008, "dest_telematics_id")                                                                \
    X(SOURCE_ADDR_SUBUNIT, 0x000d, "source_addr_subunit")                                                              \
    X(SOURCE_NETWORK_TYPE, 0x000e, "source_network_type")                                                              \
    X(SOURCE_BEARER_TYPE, 0x000f, "source_bearer_type")                                                                \
    X(SOURCE_TELEMATICS_ID, 0x0010, "source_telematics_id")                                                            \
    X(QOS_TIME_TO_LIVE, 0x0017, "qos_time_to_live")                                                                    \
    X(PAYLOAD_TYPE, 0x0019, "payload_type")                                                                            \
    X(ADDITIONAL_STATUS_INFO_TEXT, 0x001d, "additional_status_info_text")                                              \
    X(RECEIPTED_MESSAGE_ID, 0x001e, "receipted_message_id")                                                            \
    X(MS_MSG_WAIT_FACILITIES, 0x0030, "ms_msg_wait_facilities")                                                        \
    X(PRIVACY_INDICATOR, 0x0201, "privacy_indicator")                                                                  \
    X(SOURCE_SUBADDRESS, 0x0202, "source_subaddress")                                                                  \
    X(DEST_SUBADDRESS, 0x0203, "dest_subaddress")                                                                      \
    X(USER_MESSAGE_REFERENCE, 0x0204, "user_message_reference")                                                        \
    X(USER_RESPONSE_CODE, 0x0205, "user_response_code")                                                                \
    X(SOURCE_PORT, 0x020a, "source_port")                                                                              \
    X(DEST_PORT, 0x020b, "dest_port")                                                                                  \
    X(SAR_MSG_REF_NUM, 0x020c, "sar_msg_ref_num")                                                                      \
    X(LANGUAGE_INDICATOR, 0x020d, "language_indicator")                                                                \
    X(SAR_TOTAL_SEGMENTS, 0x020e, "sar_total_segments")                                                                \
    X(SAR_SEGMENT_SEQNUM, 0x020f, "sar_segment_seqnum")                                                                \
    X(SC_INTERFACE_VERSION, 0x0210, "sc_interface_version")                                                            \
    X(CALLBACK_NUM_PRES_IND, 0x0302, "callback_num_pres_ind")                                                          \
    X(CALLBACK_NUM_ATAG, 0x0303, "callback_num_atag")                                                                  \
    X(NUMBER_OF_MESSAGES, 0x0304, "number_of_messages")                                                                \
    X(CALLBACK_NUM, 0x0381, "callback_num")                                                                            \
    X(DPF_RESULT, 0x0420, "dpf_result")                                                                                \
    X(SET_DPF, 0x0421, "set_dpf")                                                                                      \
    X(MS_AVAILABILITY_STATUS, 0x0422, "ms_availability_status")                                                        \
    X(NETWORK_ERROR_CODE, 0x0423, "network_error_code")                                                                \
    X(MESSAGE_PAYLOAD, 0x0424, "message_payload")                                                                      \
    X(DELIVERY_FAILURE_REASON, 0x0425, "delivery_failure_reason")                                                      \
    X(MORE_MESSAGES_TO_SEND, 0x0426, "more_messages_to_send")                                                          \
    X(MESSAGE_STATE, 0x0427, "message_state")                                                                          \
    X(CONGESTION_STATE, 0x0428, "congestion_state")                                                                    \
    X(USSD_SERVICE_OP, 0x0501, "ussd_service_op")                                                                      \
    X(BROADCAST_CHANNEL_INDICATOR, 0x0600, "broadcast_channel_indicator")                                              \
    X(BROADCAST_CONTENT_TYPE, 0x0601, "broadcast_content_type")                                                        \
    X(BROADCAST_CONTENT_TYPE_INFO, 0x0602, "broadcast_content_type_info")                                              \
    X(BROADCAST_MESSAGE_CLASS, 0x0603, "broadcast_message_class")                                                      \
    X(BROADCAST_REP_NUM, 0x0604, "broadcast_rep_num")                                                                  \
    X(BROADCAST_FREQUENCY_INTERVAL, 0x0605, "broadcast_frequency_interval")                                            \
    X(BROADCAST_AREA_IDENTIFIER, 0x0606, "broadcast_area_identifier")                                                  \
    X(BROADCAST_ERROR_STATUS, 0x0607, "broadcast_error_status")                                                        \
    X(BROADCAST_AREA_SUCCESS, 0x0608, "broadcast_area_success")                                                        \
    X(BROADCAST_END_TIME, 0x0609, "broadcast_end_time")                                                                \
    X(BROADCAST_SERVICE_GROUP, 0x060a, "broadcast_service_group")                                                      \
    X(BILLING_IDENTIFICATION, 0x060b, "billing_identification")                                                        \
    X(SOURCE_NETWORK_ID, 0x060d, "source_network_id")                                                                  \
    X(DEST_NETWORK_ID, 0x060e, "dest_network_id")                                                                      \
    X(SOURCE_NODE_ID, 0x060f, "source_node_id")                                                                        \
    X(DEST_NODE_ID, 0x0610, "dest_node_id")                                                                            \
    X(DEST_ADDR_NP_RESOLUTION, 0x0611, "dest_addr_np_resolution")                                                      \
    X(DEST_ADDR_NP_INFORMATION, 0x0612, "dest_addr_np_information")                                                    \
    X(DEST_ADDR_NP_COUNTRY, 0x0613, "dest_addr_np_country")                                                            \
    X(DISPLAY_TIME, 0x1201, "display_time")                                                                            \
    X(SMS_SIGNAL, 0x1203, "sms_signal")                                                                                \
    X(MS_VALIDITY, 0x1204, "ms_validity")                                                                              \
    X(ALERT_ON_MESSAGE_DELIVERY, 0x130c, "alert_on_message_delivery")                                                  \
    X(ITS_REPLY_TYPE, 0x1380, "its_reply_type")                                                                        \
    X(ITS_SESSION_INFO, 0x1383, "its_session_info")

enum smpp_tag {
#define SMPP_TLV_ENUM(tag, number, name) SMPP_TLV_##tag = number,
    SMPP_TLV_LIST(SMPP_TLV_ENUM)
#undef SMPP_TLV_ENUM
        SMPP_TLV_VENDOR_FIRST = 0x1400,
    SMPP_TLV_VENDOR_LAST = 0x3fff,
};

struct smpp_tlv {
    uint16_t tag;
    struct stir_view value;
};

/* sar_msg_ref_num, sar_total_segments, sar_segment_seqnum as they came: 0 and "4 of 3" are for the joiner to judge. */
struct smpp_sar {
    bool present; /* all three, with values that fit */
    bool differs; /* one of them is there twice with two values: not present */
    uint16_t ref;
    uint8_t total;
    uint8_t segment;
};

/* The specification's name of a tag, or NULL. */
const char *smpp_tlv_name(uint16_t tag);

/* Takes the next TLV off the front of `rest`; false at the end, or where what follows is not a whole TLV. In what
 * smpp_pdu_read accepted, all are. */
bool smpp_tlv_next(struct stir_view *rest, struct smpp_tlv *out);

/* The first TLV with this tag; false, out untouched, if there is none. */
bool smpp_tlv_find(struct smpp_tlv *out, struct stir_view tlvs, uint16_t tag);

/* The value as a big-endian integer of 1 to 4 octets; false, out untouched, for any other length. */
bool smpp_tlv_uint(uint32_t *out, const struct smpp_tlv *tlv);

/* Reads the segment's place from its SAR TLVs. Senders write them with 1 to 4 octets: the value counts. A TLV with
 * another length or a value that does not fit is passed over, and so are all three where one of them is missing. */
void smpp_sar_read(struct smpp_sar *out, struct stir_view tlvs);
