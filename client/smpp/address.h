#pragma once

#include "client/smpp/pdu.h"
#include "common/identity.h"

/*
 * An SMPP address as an identity of a PASSporT. type_of_number decides:
 * - 1 international: the digits, country code first; an international prefix that begins with 0 is dropped;
 * - 2 national: with national_ton set, the country code is put in front; otherwise as an unknown one, since senders
 *   mark any number national;
 * - 5 alphanumeric, and 0 unknown with a letter in it: no TN. sip:<address, percent-encoded>@alphanumeric_domain, where
 *   one is set; never a TN, though it look like one;
 * - others: by the numbering (short codes, national prefix, number lengths: common/tn.h).
 * A numbering_plan_indicator that names no telephone numbers (data, telex, IMSI, Internet, WAP) makes no identity.
 */
struct smpp_addressing {
    struct stir_numbering numbering;
    bool national_ton;
    const char *alphanumeric_domain; /* NULL or "": alphanumeric addresses are no identity, and so never signed */
};

bool smpp_address_is_alphanumeric(const struct smpp_address *address);

/* STIR_E_TN: no telephone number, and no domain for what else it is; STIR_E_URI, STIR_E_TOO_BIG: an alphanumeric one
 * that fits no URI. err shows nothing of the address. */
enum stir_code smpp_address_identity(struct stir_identity *out, const struct smpp_address *address,
                                     const struct smpp_addressing *how, struct stir_error *err) STIR_MUST_CHECK;
