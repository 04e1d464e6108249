/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_fault.h"

#include <stdio.h>

static const struct {
    uint32_t status;
    const char *name;
    const char *text;
} faults[] = {
#define SMPP_FAULT_ROW(fault, status, text) [fault] = {status, #fault, text},
    SMPP_FAULT_LIST(SMPP_FAULT_ROW)
#undef SMPP_FAULT_ROW
};

static const struct {
    uint32_t status;
    const char *name;
} fields[] = {[SMPP_FIELD_NONE] = {SMPP_RINVCMDLEN, ""},
#define SMPP_FIELD_ROW(field, status, name) [SMPP_FIELD_##field] = {status, name},
              SMPP_FIELD_LIST(SMPP_FIELD_ROW)
#undef SMPP_FIELD_ROW
};

const char *smpp_fault_text(enum smpp_fault fault)
{
    return (unsigned)fault < SMPP_FAULT_COUNT ? faults[fault].text : "unknown fault";
}

const char *smpp_fault_name(enum smpp_fault fault)
{
    return (unsigned)fault < SMPP_FAULT_COUNT ? faults[fault].name : "unknown";
}

const char *smpp_field_name(enum smpp_field field)
{
    return (unsigned)field < SMPP_FIELD_COUNT ? fields[field].name : "";
}

uint32_t smpp_status_of(enum smpp_fault fault, enum smpp_field field)
{
    if ((unsigned)fault >= SMPP_FAULT_COUNT) {
        return SMPP_RSYSERR;
    }
    if (fault == SMPP_OK || faults[fault].status != SMPP_ROK) {
        return faults[fault].status;
    }
    return (unsigned)field < SMPP_FIELD_COUNT ? fields[field].status : SMPP_RSYSERR;
}

void smpp_flaw_text(char *out, size_t cap, const struct smpp_flaw *flaw)
{
    const char *field = smpp_field_name(flaw->field);
    (void)snprintf(out, cap, "%s%s%s (octet %zu)", field, *field ? ": " : "", smpp_fault_text(flaw->fault),
                   flaw->offset);
}
