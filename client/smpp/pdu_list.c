/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_list.h"

struct smpp_dest smpp_in_dest(struct smpp_in *in)
{
    struct smpp_dest dest = {0};
    size_t start = in->pos;
    uint8_t flag = smpp_in_u8(in, SMPP_FIELD_NUMBER_OF_DESTS);
    if (flag == SMPP_DEST_ADDRESS) {
        dest.address.ton = smpp_in_u8(in, SMPP_FIELD_DEST_ADDR_TON);
        dest.address.npi = smpp_in_u8(in, SMPP_FIELD_DEST_ADDR_NPI);
        dest.address.addr = smpp_in_str(in, SMPP_FIELD_DESTINATION_ADDR);
    } else if (flag == SMPP_DEST_LIST) {
        dest.list = true;
        dest.address.addr = smpp_in_str(in, SMPP_FIELD_DL_NAME);
    } else if (smpp_in_good(in)) {
        in->pos = start;
        smpp_in_fail(in, SMPP_F_DEST_FLAG, SMPP_FIELD_NUMBER_OF_DESTS);
    }
    return dest;
}

struct smpp_unsuccess smpp_in_unsuccess(struct smpp_in *in)
{
    struct smpp_unsuccess unsuccess = {0};
    unsuccess.address.ton = smpp_in_u8(in, SMPP_FIELD_DEST_ADDR_TON);
    unsuccess.address.npi = smpp_in_u8(in, SMPP_FIELD_DEST_ADDR_NPI);
    unsuccess.address.addr = smpp_in_str(in, SMPP_FIELD_DESTINATION_ADDR);
    unsuccess.status = smpp_in_u32(in, SMPP_FIELD_ERROR_STATUS_CODE);
    return unsuccess;
}

bool smpp_dest_next(struct stir_view *rest, struct smpp_dest *out)
{
    struct smpp_in in = smpp_in(rest->ptr, rest->len);
    struct smpp_dest dest = smpp_in_dest(&in);
    if (!smpp_in_good(&in)) {
        return false;
    }
    *out = dest;
    *rest = smpp_in_rest(&in);
    return true;
}

bool smpp_unsuccess_next(struct stir_view *rest, struct smpp_unsuccess *out)
{
    struct smpp_in in = smpp_in(rest->ptr, rest->len);
    struct smpp_unsuccess unsuccess = smpp_in_unsuccess(&in);
    if (!smpp_in_good(&in)) {
        return false;
    }
    *out = unsuccess;
    *rest = smpp_in_rest(&in);
    return true;
}
