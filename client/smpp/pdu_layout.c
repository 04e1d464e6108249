/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_layout.h"

#include <stddef.h>

enum { LONG_ADDRESS_MAX = 65 };

#define F(name) SMPP_FIELD_##name
#define SOURCE F(SOURCE_ADDR_TON), F(SOURCE_ADDR_NPI), F(SOURCE_ADDR)
#define DEST F(DEST_ADDR_TON), F(DEST_ADDR_NPI), F(DESTINATION_ADDR)
#define ESME F(ESME_ADDR_TON), F(ESME_ADDR_NPI), F(ESME_ADDR)
#define TIMES F(SCHEDULE_DELIVERY_TIME), F(VALIDITY_PERIOD)
#define BIND F(SYSTEM_ID), F(PASSWORD), F(SYSTEM_TYPE), F(INTERFACE_VERSION), F(ADDR_TON), F(ADDR_NPI), F(ADDRESS_RANGE)
#define AFTER_DEST                                                                                                     \
    F(ESM_CLASS), F(PROTOCOL_ID), F(PRIORITY_FLAG), TIMES, F(REGISTERED_DELIVERY), F(REPLACE_IF_PRESENT_FLAG),         \
        F(DATA_CODING), F(SM_DEFAULT_MSG_ID), F(SHORT_MESSAGE)
#define MESSAGE F(SERVICE_TYPE), SOURCE, DEST, AFTER_DEST

/* The most frequent first: the search is linear. */
static const struct smpp_layout layouts[] = {
    {SMPP_SUBMIT_SM, false, {MESSAGE}},
    {SMPP_SUBMIT_SM | SMPP_RESP, false, {F(MESSAGE_ID)}},
    {SMPP_DELIVER_SM, false, {MESSAGE}},
    {SMPP_DELIVER_SM | SMPP_RESP, false, {F(MESSAGE_ID)}},
    {SMPP_ENQUIRE_LINK, false, {0}},
    {SMPP_ENQUIRE_LINK | SMPP_RESP, false, {0}},
    {SMPP_DATA_SM, true, {F(SERVICE_TYPE), SOURCE, DEST, F(ESM_CLASS), F(REGISTERED_DELIVERY), F(DATA_CODING)}},
    {SMPP_DATA_SM | SMPP_RESP, false, {F(MESSAGE_ID)}},
    {SMPP_SUBMIT_MULTI, false, {F(SERVICE_TYPE), SOURCE, F(NUMBER_OF_DESTS), AFTER_DEST}},
    {SMPP_SUBMIT_MULTI | SMPP_RESP, false, {F(MESSAGE_ID), F(NO_UNSUCCESS)}},
    {SMPP_BIND_TRANSCEIVER, false, {BIND}},
    {SMPP_BIND_TRANSCEIVER | SMPP_RESP, false, {F(SYSTEM_ID)}},
    {SMPP_BIND_TRANSMITTER, false, {BIND}},
    {SMPP_BIND_TRANSMITTER | SMPP_RESP, false, {F(SYSTEM_ID)}},
    {SMPP_BIND_RECEIVER, false, {BIND}},
    {SMPP_BIND_RECEIVER | SMPP_RESP, false, {F(SYSTEM_ID)}},
    {SMPP_OUTBIND, false, {F(SYSTEM_ID), F(PASSWORD)}},
    {SMPP_UNBIND, false, {0}},
    {SMPP_UNBIND | SMPP_RESP, false, {0}},
    {SMPP_GENERIC_NACK, false, {0}},
    {SMPP_QUERY_SM, false, {F(MESSAGE_ID), SOURCE}},
    {SMPP_QUERY_SM | SMPP_RESP, false, {F(MESSAGE_ID), F(FINAL_DATE), F(MESSAGE_STATE), F(ERROR_CODE)}},
    {SMPP_CANCEL_SM, false, {F(SERVICE_TYPE), F(MESSAGE_ID), SOURCE, DEST}},
    {SMPP_CANCEL_SM | SMPP_RESP, false, {0}},
    {SMPP_REPLACE_SM,
     false,
     {F(MESSAGE_ID), SOURCE, TIMES, F(REGISTERED_DELIVERY), F(SM_DEFAULT_MSG_ID), F(SHORT_MESSAGE)}},
    {SMPP_REPLACE_SM | SMPP_RESP, false, {0}},
    {SMPP_ALERT_NOTIFICATION, true, {SOURCE, ESME}},
    {SMPP_BROADCAST_SM,
     false,
     {F(SERVICE_TYPE), SOURCE, F(MESSAGE_ID), F(PRIORITY_FLAG), TIMES, F(REPLACE_IF_PRESENT_FLAG), F(DATA_CODING),
      F(SM_DEFAULT_MSG_ID)}},
};

#define U8(member)                                                                                                     \
    {                                                                                                                  \
        SMPP_KIND_U8, 0, offsetof(struct smpp_pdu, member)                                                             \
    }
#define STR(member, max)                                                                                               \
    {                                                                                                                  \
        SMPP_KIND_STR, max, offsetof(struct smpp_pdu, member)                                                          \
    }

static const struct {
    enum smpp_kind kind;
    uint8_t max;
    size_t offset;
} rows[SMPP_FIELD_COUNT] = {
    [F(SYSTEM_ID)] = STR(system_id, 16),
    [F(PASSWORD)] = STR(password, 9),
    [F(SYSTEM_TYPE)] = STR(system_type, 13),
    [F(INTERFACE_VERSION)] = U8(interface_version),
    [F(ADDR_TON)] = U8(range.ton),
    [F(ADDR_NPI)] = U8(range.npi),
    [F(ADDRESS_RANGE)] = STR(range.addr, 41),
    [F(SERVICE_TYPE)] = STR(service_type, 6),
    [F(SOURCE_ADDR_TON)] = U8(source.ton),
    [F(SOURCE_ADDR_NPI)] = U8(source.npi),
    [F(SOURCE_ADDR)] = STR(source.addr, 21),
    [F(DEST_ADDR_TON)] = U8(dest.ton),
    [F(DEST_ADDR_NPI)] = U8(dest.npi),
    [F(DESTINATION_ADDR)] = STR(dest.addr, 21),
    [F(ESME_ADDR_TON)] = U8(esme.ton),
    [F(ESME_ADDR_NPI)] = U8(esme.npi),
    [F(ESME_ADDR)] = STR(esme.addr, 21),
    [F(NUMBER_OF_DESTS)] = {.kind = SMPP_KIND_DESTS},
    [F(DL_NAME)] = {.kind = SMPP_KIND_STR, .max = 21},
    [F(ESM_CLASS)] = U8(esm_class),
    [F(PROTOCOL_ID)] = U8(protocol_id),
    [F(PRIORITY_FLAG)] = U8(priority_flag),
    [F(SCHEDULE_DELIVERY_TIME)] = STR(schedule_delivery_time, 17),
    [F(VALIDITY_PERIOD)] = STR(validity_period, 17),
    [F(REGISTERED_DELIVERY)] = U8(registered_delivery),
    [F(REPLACE_IF_PRESENT_FLAG)] = U8(replace_if_present_flag),
    [F(DATA_CODING)] = U8(data_coding),
    [F(SM_DEFAULT_MSG_ID)] = U8(sm_default_msg_id),
    [F(SHORT_MESSAGE)] = {.kind = SMPP_KIND_MESSAGE},
    [F(MESSAGE_ID)] = STR(message_id, 65),
    [F(FINAL_DATE)] = STR(final_date, 17),
    [F(MESSAGE_STATE)] = U8(message_state),
    [F(ERROR_CODE)] = U8(error_code),
    [F(NO_UNSUCCESS)] = {.kind = SMPP_KIND_UNSUCCESS},
};

const struct smpp_layout *smpp_layout_of(uint32_t command)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (layouts[i].command == command) {
            return &layouts[i];
        }
    }
    return NULL;
}

enum smpp_kind smpp_field_kind(enum smpp_field field)
{
    return rows[field].kind;
}

uint8_t *smpp_field_u8(struct smpp_pdu *pdu, enum smpp_field field)
{
    return (uint8_t *)pdu + rows[field].offset;
}

struct stir_view *smpp_field_str(struct smpp_pdu *pdu, enum smpp_field field)
{
    return (void *)((char *)pdu + rows[field].offset);
}

uint8_t smpp_pdu_u8(const struct smpp_pdu *pdu, enum smpp_field field)
{
    return *((const uint8_t *)pdu + rows[field].offset);
}

struct stir_view smpp_pdu_str(const struct smpp_pdu *pdu, enum smpp_field field)
{
    struct stir_view str;
    memcpy(&str, (const char *)pdu + rows[field].offset, sizeof(str));
    return str;
}

size_t smpp_field_max(const struct smpp_layout *layout, enum smpp_field field)
{
    bool address =
        field == SMPP_FIELD_SOURCE_ADDR || field == SMPP_FIELD_DESTINATION_ADDR || field == SMPP_FIELD_ESME_ADDR;
    return address && layout->long_addresses ? LONG_ADDRESS_MAX : rows[field].max;
}
